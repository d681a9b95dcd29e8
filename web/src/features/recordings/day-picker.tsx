import { CalendarDays, ChevronLeft, ChevronRight } from "lucide-react";
import { Popover } from "radix-ui";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { formatDay } from "@/lib/format";
import { addDays, dayBounds, dayOf } from "@/lib/time";
import { MonthView } from "./month-view";

type Props = { camera: string; day: string; onChange: (day: string) => void };

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
          <Button className="min-w-26 max-sm:px-3 sm:min-w-30">
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
