import { ArrowLeft } from "lucide-react";
import { useEffect, type ReactNode } from "react";
import { Link } from "react-router-dom";
import { cn } from "@/lib/cn";
import { buttonVariants } from "./ui/button";

type Props = {
  title: string;
  note?: ReactNode;
  back?: { to: string; label: string };
  actions?: ReactNode;
  wide?: boolean;
  children: ReactNode;
};

/** Frame of every page: title, what belongs to it, and the content. */
export function Page({ title, note, back, actions, wide, children }: Props) {
  useEffect(() => {
    document.title = `${title} · Heron`;
  }, [title]);
  return (
    <div className={cn("mx-auto w-full px-4 py-5 sm:px-6 lg:px-8 lg:py-7", !wide && "max-w-6xl")}>
      <header className="mb-5 flex flex-wrap items-center gap-x-4 gap-y-3">
        <div className="flex min-w-0 flex-[1_1_11rem] items-center gap-2">
          {back && (
            <Link
              to={back.to}
              aria-label={back.label}
              className={cn(buttonVariants({ variant: "ghost", size: "icon" }), "-ml-2")}
            >
              <ArrowLeft aria-hidden />
            </Link>
          )}
          <div className="min-w-0">
            <h1 className="truncate text-xl font-semibold sm:text-2xl">{title}</h1>
            {note && <div className="text-faint text-sm">{note}</div>}
          </div>
        </div>
        {actions && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
      </header>
      {children}
    </div>
  );
}
