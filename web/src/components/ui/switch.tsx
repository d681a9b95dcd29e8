import { Switch as Radix } from "radix-ui";
import type { ComponentProps } from "react";
import { cn } from "@/lib/cn";

export function Switch({ className, ...props }: ComponentProps<typeof Radix.Root>) {
  return (
    <Radix.Root
      className={cn(
        "bg-line-strong data-[state=checked]:bg-brand inline-flex h-6 w-10 shrink-0 items-center rounded-full p-0.5 transition-colors",
        className,
      )}
      {...props}
    >
      <Radix.Thumb className="size-5 rounded-full bg-white shadow transition-transform data-[state=checked]:translate-x-4" />
    </Radix.Root>
  );
}
