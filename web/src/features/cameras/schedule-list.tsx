import { Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { Input, NativeSelect } from "@/components/ui/input";
import { cn } from "@/lib/cn";
import {
  dayNames,
  days,
  daysText,
  formatTime,
  minutesPerDay,
  modeNames,
  parseTime,
  type Day,
  type ScheduleEntry,
  type ScheduleMode,
} from "./schedule-model";
import { modeColours } from "./schedule-painter";

type Props = { entries: ScheduleEntry[]; onChange: (entries: ScheduleEntry[]) => void };

function AddEntry({ onAdd }: { onAdd: (entry: ScheduleEntry) => void }) {
  const [chosen, setChosen] = useState<Day[]>(days.slice(0, 5));
  const [from, setFrom] = useState("08:00");
  const [to, setTo] = useState("18:00");
  const [mode, setMode] = useState<ScheduleMode>("continuous");
  const [first, last] = [parseTime(from), parseTime(to)];
  const problem =
    chosen.length === 0
      ? "Choose a day."
      : first === null || first === minutesPerDay || last === null
        ? "Times are HH:MM, up to 24:00."
        : first === last
          ? "The end must be another time than the begin."
          : null;

  function toggle(day: Day) {
    setChosen((now) =>
      now.includes(day)
        ? now.filter((one) => one !== day)
        : days.filter((one) => one === day || now.includes(one)),
    );
  }

  return (
    <div className="bg-sunken/60 grid gap-3 rounded-xl p-3">
      <div role="group" aria-label="Days" className="flex flex-wrap gap-1">
        {days.map((day) => (
          <button
            key={day}
            type="button"
            aria-pressed={chosen.includes(day)}
            aria-label={dayNames[day]}
            onClick={() => toggle(day)}
            className={cn(
              "border-line-strong h-8 rounded-lg border px-2.5 text-sm",
              chosen.includes(day) && "bg-brand text-brand-text border-transparent",
            )}
          >
            {dayNames[day].slice(0, 3)}
          </button>
        ))}
      </div>
      <div className="grid grid-cols-2 gap-3 sm:grid-cols-[6rem_6rem_1fr_auto] sm:items-end">
        <Field label="From">
          {(control) => (
            <Input {...control} value={from} onChange={(event) => setFrom(event.target.value)} />
          )}
        </Field>
        <Field label="To">
          {(control) => (
            <Input {...control} value={to} onChange={(event) => setTo(event.target.value)} />
          )}
        </Field>
        <Field label="Records">
          {(control) => (
            <NativeSelect
              {...control}
              value={mode}
              onChange={(event) => setMode(event.target.value as ScheduleMode)}
            >
              {Object.entries(modeNames).map(([value, name]) => (
                <option key={value} value={value}>
                  {name}
                </option>
              ))}
            </NativeSelect>
          )}
        </Field>
        <Button
          className="max-sm:self-end"
          disabled={problem !== null}
          onClick={() =>
            onAdd({
              days: chosen,
              from: formatTime(first ?? 0),
              to: formatTime(last ?? 0),
              mode,
            })
          }
        >
          <Plus aria-hidden /> Add
        </Button>
      </div>
      {problem && <p className="text-bad-ink text-sm">{problem}</p>}
    </div>
  );
}

/** The calendar in words, exact to the minute; later entries win over earlier ones. */
export function ScheduleList({ entries, onChange }: Props) {
  return (
    <div className="grid gap-3">
      {entries.length === 0 && (
        <p className="text-amber-ink bg-amber-soft rounded-lg px-3 py-2 text-sm">
          Nothing is painted: this camera would not record at all.
        </p>
      )}
      <ul aria-label="Times" className="grid gap-1">
        {entries.map((entry, index) => (
          <li
            key={`${entry.days.join()} ${entry.from} ${entry.to} ${entry.mode} ${index}`}
            className="flex items-center gap-2 text-sm"
          >
            <span
              className={cn("size-3 shrink-0 rounded-sm", modeColours[entry.mode])}
              aria-hidden
            />
            <span className="nums min-w-0 flex-1">
              {daysText(entry.days)}, {entry.from}–{entry.to}
              <span className="text-soft"> · {modeNames[entry.mode]}</span>
            </span>
            <Button
              variant="ghost"
              size="icon-sm"
              aria-label={`Remove ${daysText(entry.days)}, ${entry.from}–${entry.to}`}
              onClick={() => onChange(entries.filter((_, place) => place !== index))}
            >
              <Trash2 aria-hidden />
            </Button>
          </li>
        ))}
      </ul>
      <AddEntry onAdd={(entry) => onChange([...entries, entry])} />
    </div>
  );
}
