import type { ComponentProps } from "react";
import { cn } from "@/lib/cn";

const field =
  "w-full rounded-lg border border-line-strong bg-surface px-3 text-text transition-colors placeholder:text-faint hover:border-soft disabled:opacity-50 aria-invalid:border-bad";

export function Input({ className, ...props }: ComponentProps<"input">) {
  return <input className={cn(field, "h-10", className)} {...props} />;
}

export function Textarea({ className, ...props }: ComponentProps<"textarea">) {
  return <textarea className={cn(field, "min-h-20 py-2", className)} {...props} />;
}

/** The device's own picker: best on phones, and readable for every aid. */
export function NativeSelect({ className, children, ...props }: ComponentProps<"select">) {
  return (
    <select className={cn(field, "chevron h-10 appearance-none pr-8", className)} {...props}>
      {children}
    </select>
  );
}
