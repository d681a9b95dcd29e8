import { useQuery } from "@tanstack/react-query";
import { CalendarDays, ChevronLeft, ChevronRight } from "lucide-react";
import { Popover } from "radix-ui";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { coverageQuery } from "@/lib/api/queries";
import { cn } from "@/lib/cn";
import { formatDay, formatDuration } from "@/lib/format";
import { addDays, addMonths, dayBounds, dayOf, monthGrid, monthOf, tzOffset } from "@/lib/time";

type Props = { camera: string; day: string; onChange: (day: string) => void };

const weekDays = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"];

function MonthView({ camera, day, onChange }: Props) {
  const [month, setMonth] = useState(monthOf(day));
  const from = new Date(month.year, month.month, 1).getTime();
  const to = new Date(month.year, month.month + 1, 1).getTime();
  const { data } = useQuery(coverageQuery(camera, from, to, tzOffset(from)));
  const recorded = new Map((data ?? []).map((item) => [item.date, item.recorded_ms]));
  const today = dayOf(Date.now());
  const title = new Date(from).toLocaleDateString(undefined, { month: "long", year: "numeric" });
  return (
    <div className="w-72">
      <div className="mb-2 flex items-center justify-between">
        <Button
          variant="ghost"
          size="icon-sm"
          aria-label="Month before"
          onClick={() => setMonth(addMonths(month, -1))}
        >
          <ChevronLeft aria-hidden />
        </Button>
        <span className="font-medium">{title}</span>
        <Button
          variant="ghost"
          size="icon-sm"
          aria-label="Next month"
          disabled={to > Date.now()}
          onClick={() => setMonth(addMonths(month, 1))}
        >
          <ChevronRight aria-hidden />
        </Button>
      </div>
      <div className="nums grid grid-cols-7 gap-1 text-center text-sm">
        {weekDays.map((name) => (
          <span key={name} className="text-faint py-1 text-xs">
            {name}
          </span>
        ))}
        {monthGrid(month).map((cell, index) =>
          cell ? (
            <DayCell
              key={cell}
              day={cell}
              recordedMs={recorded.get(cell) ?? 0}
              selected={cell === day}
              disabled={cell > today}
              onSelect={onChange}
            />
          ) : (
            <span key={`blank-${index}`} />
          ),
        )}
      </div>
    </div>
  );
}

type CellProps = {
  day: string;
  recordedMs: number;
  selected: boolean;
  disabled: boolean;
  onSelect: (day: string) => void;
};

function DayCell({ day, recordedMs, selected, disabled, onSelect }: CellProps) {
  const has = recordedMs > 0;
  return (
    <button
      type="button"
      disabled={disabled}
      aria-pressed={selected}
      aria-label={`${day}, ${has ? `${formatDuration(recordedMs)} recorded` : "nothing recorded"}`}
      onClick={() => onSelect(day)}
      className={cn(
        "hover:bg-sunken relative grid h-9 place-items-center rounded-lg disabled:pointer-events-none disabled:opacity-35",
        has ? "font-semibold" : "text-faint",
        selected && "bg-brand text-brand-text hover:bg-brand",
      )}
    >
      {Number(day.slice(8))}
      {has && (
        <span
          aria-hidden
          className={cn(
            "bg-brand absolute bottom-1 h-1 rounded-full",
            selected && "bg-brand-text",
            recordedMs > 12 * 3_600_000 ? "w-4" : "w-1.5",
          )}
        />
      )}
    </button>
  );
}

/** One day back, one on, or any by the calendar, where days with recordings are marked. */
export function DayPicker({ camera, day, onChange }: Props) {
  const [open, setOpen] = useState(false);
  const today = dayOf(Date.now());
  return (
    <div className="flex items-center gap-1">
      <Button
        variant="ghost"
        size="icon"
        aria-label="Day before"
        onClick={() => onChange(addDays(day, -1))}
      >
        <ChevronLeft aria-hidden />
      </Button>
      <Popover.Root open={open} onOpenChange={setOpen}>
        <Popover.Trigger asChild>
          <Button className="min-w-30 max-sm:px-3">
            <CalendarDays aria-hidden />
            {day === today ? "Today" : formatDay(dayBounds(day).start)}
          </Button>
        </Popover.Trigger>
        <Popover.Portal>
          <Popover.Content
            align="center"
            sideOffset={8}
            aria-label="Choose a day"
            className="animate-pop border-line bg-raised shadow-pop z-50 rounded-2xl border p-4"
          >
            <MonthView
              camera={camera}
              day={day}
              onChange={(next) => {
                onChange(next);
                setOpen(false);
              }}
            />
          </Popover.Content>
        </Popover.Portal>
      </Popover.Root>
      <Button
        variant="ghost"
        size="icon"
        aria-label="Next day"
        disabled={day >= today}
        onClick={() => onChange(addDays(day, 1))}
      >
        <ChevronRight aria-hidden />
      </Button>
    </div>
  );
}
