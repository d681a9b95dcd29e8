import { Collapsible as Radix } from "radix-ui";
import { ChevronRight } from "lucide-react";
import type { ReactNode } from "react";

type Props = {
  title: string;
  note?: string;
  open: boolean;
  onOpenChange: (open: boolean) => void;
  children: ReactNode;
};

export function Collapsible({ title, note, open, onOpenChange, children }: Props) {
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Trigger className="group flex w-full items-center gap-2 rounded-lg py-2 text-left text-sm font-medium">
        <ChevronRight
          aria-hidden
          className="text-faint size-4 transition-transform group-data-[state=open]:rotate-90"
        />
        {title}
        {note && <span className="text-faint font-normal">{note}</span>}
      </Radix.Trigger>
      <Radix.Content className="pt-3">{children}</Radix.Content>
    </Radix.Root>
  );
}
