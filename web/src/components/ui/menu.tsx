import { Check } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import type { ComponentProps, ReactNode } from "react";
import { cn } from "@/lib/cn";

type MenuProps = { trigger: ReactNode; children: ReactNode };

export function Menu({ trigger, children }: MenuProps) {
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          align="end"
          sideOffset={6}
          className="animate-pop border-line bg-raised shadow-pop z-50 min-w-48 rounded-xl border p-1.5"
        >
          {children}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

type ItemProps = ComponentProps<typeof DropdownMenu.Item> & { danger?: boolean };

export function MenuItem({ danger, className, ...props }: ItemProps) {
  return (
    <DropdownMenu.Item
      className={cn(
        "data-[highlighted]:bg-sunken [&_svg]:text-faint flex cursor-pointer items-center gap-2.5 rounded-lg px-2.5 py-2 text-sm outline-none select-none data-[disabled]:pointer-events-none data-[disabled]:opacity-50 [&_svg]:size-4",
        danger && "text-bad-ink [&_svg]:text-bad-ink",
        className,
      )}
      {...props}
    />
  );
}

export function MenuSeparator() {
  return <DropdownMenu.Separator className="bg-line my-1.5 h-px" />;
}

type CheckProps = ComponentProps<typeof DropdownMenu.CheckboxItem>;

/** A choice that leaves the menu open. */
export function MenuCheck({ className, children, ...props }: CheckProps) {
  return (
    <DropdownMenu.CheckboxItem
      onSelect={(event) => event.preventDefault()}
      className={cn(
        "data-[highlighted]:bg-sunken flex cursor-pointer items-center gap-2.5 rounded-lg py-2 pr-4 pl-2.5 text-sm outline-none select-none data-[disabled]:pointer-events-none data-[disabled]:opacity-50",
        className,
      )}
      {...props}
    >
      <span className="border-line-strong grid size-4 shrink-0 place-items-center rounded border">
        <DropdownMenu.ItemIndicator>
          <Check className="text-brand-ink size-3.5" aria-hidden />
        </DropdownMenu.ItemIndicator>
      </span>
      {children}
    </DropdownMenu.CheckboxItem>
  );
}
