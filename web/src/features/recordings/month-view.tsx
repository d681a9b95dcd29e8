import { useQuery } from "@tanstack/react-query";
import { ChevronLeft, ChevronRight } from "lucide-react";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { coverageQuery } from "@/lib/api/queries";
import { cn } from "@/lib/cn";
import { formatDuration } from "@/lib/format";
import { addMonths, dayOf, monthGrid, monthOf, tzOffset } from "@/lib/time";

type Props = { camera: string; day: string; onChange: (day: string) => void };

const weekDays = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"];

/** A month of days; those with recordings are marked, longer for fuller days. */
export function MonthView({ camera, day, onChange }: Props) {
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
