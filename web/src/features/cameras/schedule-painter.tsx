import { useId, useRef, useState, type PointerEvent } from "react";
import { Segmented } from "@/components/ui/segmented";
import { cn } from "@/lib/cn";
import {
  dayNames,
  days,
  entriesOf,
  formatTime,
  minutesPerDay,
  modeNames,
  paint,
  runsOf,
  weekOf,
  type Area,
  type ScheduleEntry,
  type ScheduleMode,
  type Week,
} from "./schedule-model";

export const modeColours: Record<ScheduleMode, string> = {
  continuous: "bg-(--record)",
  motion: "bg-(--mark-motion)",
  events: "bg-(--mark-event)",
  off: "bg-sunken",
};

const hours = [0, 3, 6, 9, 12, 15, 18, 21, 24];
const brushes: ScheduleMode[] = ["continuous", "motion", "events", "off"];

function place(event: PointerEvent, grid: HTMLElement): { day: number; minute: number } {
  const box = grid.getBoundingClientRect();
  const part = (at: number, start: number, size: number) =>
    Math.min(0.9999, Math.max(0, (at - start) / Math.max(1, size)));
  return {
    day: Math.floor(part(event.clientY, box.top, box.height) * days.length),
    minute: Math.floor(part(event.clientX, box.left, box.width) * minutesPerDay),
  };
}

function Rows({ week }: { week: Week }) {
  return week.map((minutes, index) => (
    <div key={days[index]} className="bg-sunken relative h-8 overflow-hidden rounded-sm">
      {runsOf(minutes).map((run) => (
        <div
          key={run.from}
          title={`${formatTime(run.from)}–${formatTime(run.to)} ${modeNames[run.mode]}`}
          className={cn("absolute inset-y-0", modeColours[run.mode])}
          style={{
            left: `${(run.from / minutesPerDay) * 100}%`,
            width: `${((run.to - run.from) / minutesPerDay) * 100}%`,
          }}
        />
      ))}
    </div>
  ));
}

type Props = { entries: ScheduleEntry[]; onChange: (entries: ScheduleEntry[]) => void };

/** The week as a picture to paint on. The list below it says the same in words, for keyboards. */
export function SchedulePainter({ entries, onChange }: Props) {
  const id = useId();
  const grid = useRef<HTMLDivElement>(null);
  const [brush, setBrush] = useState<ScheduleMode>("continuous");
  const [area, setArea] = useState<Area | null>(null);
  const stored = weekOf(entries);
  const week = area ? paint(stored, area, brush) : stored;

  function begin(event: PointerEvent<HTMLDivElement>) {
    if (!grid.current || event.button !== 0) return;
    grid.current.setPointerCapture(event.pointerId);
    const { day, minute } = place(event, grid.current);
    setArea({ days: [day, day], minutes: [minute, minute] });
  }

  function move(event: PointerEvent<HTMLDivElement>) {
    if (!area || !grid.current) return;
    const { day, minute } = place(event, grid.current);
    setArea({ days: [area.days[0], day], minutes: [area.minutes[0], minute] });
  }

  function end() {
    if (!area) return;
    setArea(null);
    onChange(entriesOf(paint(stored, area, brush)));
  }

  return (
    <div className="grid gap-3">
      <div className="flex flex-wrap items-center gap-3">
        <span id={id} className="text-sm font-medium">
          Paint
        </span>
        <Segmented
          label="What to paint"
          value={brush}
          onChange={setBrush}
          className="flex-wrap"
          options={brushes.map((mode) => ({
            value: mode,
            label: modeNames[mode],
            icon: (
              <span
                className={cn("size-3 rounded-sm ring-1 ring-(--line-strong)", modeColours[mode])}
                aria-hidden
              />
            ),
          }))}
        />
      </div>
      <div className="grid grid-cols-[2.5rem_1fr] gap-x-2">
        <div className="text-faint grid grid-rows-7 text-xs">
          {days.map((day) => (
            <span key={day} className="flex h-9 items-center">
              {dayNames[day].slice(0, 3)}
            </span>
          ))}
        </div>
        <div
          ref={grid}
          role="img"
          aria-label="Weekly calendar; the list below has it in words"
          className="grid cursor-crosshair touch-none gap-1 select-none"
          onPointerDown={begin}
          onPointerMove={move}
          onPointerUp={end}
          onPointerCancel={() => setArea(null)}
        >
          <Rows week={week} />
        </div>
        <div className="text-faint nums relative col-start-2 mt-1 h-4 text-xs" aria-hidden>
          {hours.map((hour) => (
            <span
              key={hour}
              className={cn(
                "absolute -translate-x-1/2 first:translate-x-0 last:-translate-x-full",
                hour % 6 !== 0 && "max-sm:hidden",
              )}
              style={{ left: `${(hour / 24) * 100}%` }}
            >
              {hour}
            </span>
          ))}
        </div>
      </div>
    </div>
  );
}
