import { ToggleGroup } from "radix-ui";
import type { ReactNode } from "react";
import { cn } from "@/lib/cn";

type Option<T extends string> = { value: T; label: string; icon?: ReactNode };

type Props<T extends string> = {
  label: string;
  value: T;
  options: Option<T>[];
  onChange: (value: T) => void;
  iconOnly?: boolean;
  className?: string;
};

/** A row of choices of which exactly one is on. */
export function Segmented<T extends string>(props: Props<T>) {
  const { label, value, options, onChange, iconOnly, className } = props;
  return (
    <ToggleGroup.Root
      type="single"
      aria-label={label}
      value={value}
      onValueChange={(next) => {
        if (next) onChange(next as T);
      }}
      className={cn("bg-sunken ring-line inline-flex rounded-lg p-0.5 ring-1", className)}
    >
      {options.map((option) => (
        <ToggleGroup.Item
          key={option.value}
          value={option.value}
          aria-label={option.label}
          title={iconOnly ? option.label : undefined}
          className={cn(
            "text-soft hover:text-text data-[state=on]:bg-surface data-[state=on]:text-text data-[state=on]:shadow-card dark:data-[state=on]:bg-line inline-flex h-8 items-center justify-center gap-1.5 rounded-md px-3 text-sm font-medium transition-colors [&_svg]:size-4",
            iconOnly && "px-2",
          )}
        >
          {option.icon}
          {!iconOnly && option.label}
        </ToggleGroup.Item>
      ))}
    </ToggleGroup.Root>
  );
}
