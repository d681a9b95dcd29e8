import { Tooltip as Radix } from "radix-ui";
import type { ReactNode } from "react";

export const TooltipProvider = Radix.Provider;

type Props = { label: string; side?: "top" | "bottom" | "left" | "right"; children: ReactNode };

export function Tooltip({ label, side = "top", children }: Props) {
  return (
    <Radix.Root>
      <Radix.Trigger asChild>{children}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          side={side}
          sideOffset={6}
          className="animate-fade bg-text text-bg shadow-pop z-50 rounded-md px-2 py-1 text-xs font-medium"
        >
          {label}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
