import { CircleAlert, RotateCw, type LucideIcon } from "lucide-react";
import type { ReactNode } from "react";
import { ApiError, errorText } from "@/lib/api/client";
import { cn } from "@/lib/cn";
import { Button } from "./ui/button";

type EmptyProps = {
  icon: LucideIcon;
  title: string;
  text: ReactNode;
  action?: ReactNode;
  className?: string;
};

/** Nothing here yet, and what to do about it. */
export function EmptyState({ icon: Icon, title, text, action, className }: EmptyProps) {
  return (
    <div
      className={cn(
        "mx-auto flex max-w-md flex-col items-center gap-2 px-6 py-16 text-center",
        className,
      )}
    >
      <span className="bg-brand-soft text-brand-ink mb-2 grid size-14 place-items-center rounded-2xl">
        <Icon className="size-7" aria-hidden />
      </span>
      <h2 className="text-lg font-semibold">{title}</h2>
      <p className="text-soft">{text}</p>
      {action && <div className="mt-4 flex flex-wrap justify-center gap-2">{action}</div>}
    </div>
  );
}

type ErrorProps = { error: unknown; title?: string; onRetry?: () => void; className?: string };

/** What went wrong in the server's words, and a way to try again. */
export function ErrorState({ error, title, onRetry, className }: ErrorProps) {
  const requestId = error instanceof ApiError ? error.requestId : null;
  return (
    <div
      role="alert"
      className={cn(
        "mx-auto flex max-w-md flex-col items-center gap-2 px-6 py-16 text-center",
        className,
      )}
    >
      <span className="bg-bad-soft text-bad-ink mb-2 grid size-14 place-items-center rounded-2xl">
        <CircleAlert className="size-7" aria-hidden />
      </span>
      <h2 className="text-lg font-semibold">{title ?? "This could not be loaded"}</h2>
      <p className="text-soft">{errorText(error)}</p>
      {requestId && <p className="text-faint font-mono text-xs">Request {requestId}</p>}
      {onRetry && (
        <Button className="mt-4" onClick={onRetry}>
          <RotateCw aria-hidden /> Try again
        </Button>
      )}
    </div>
  );
}
