import type { ComponentProps, ReactNode } from "react";
import { cn } from "@/lib/cn";

export function Card({ className, ...props }: ComponentProps<"section">) {
  return (
    <section
      className={cn("border-line bg-surface shadow-card rounded-2xl border", className)}
      {...props}
    />
  );
}

type TitleProps = { title: string; note?: ReactNode; action?: ReactNode };

export function CardTitle({ title, note, action }: TitleProps) {
  return (
    <header className="flex items-start justify-between gap-3 px-5 pt-4 pb-3">
      <div>
        <h2 className="text-[0.9375rem] font-semibold">{title}</h2>
        {note && <p className="text-faint text-sm">{note}</p>}
      </div>
      {action}
    </header>
  );
}
