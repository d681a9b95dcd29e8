/** The weekly calendar as data: entries as the server has them, minutes as they are painted. */
import type { RecordingSettings } from "@/lib/api/types";

export type ScheduleEntry = NonNullable<RecordingSettings["schedule"]>[number];
export type ScheduleMode = ScheduleEntry["mode"];
export type Day = ScheduleEntry["days"][number];

export const days: Day[] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
export const dayNames: Record<Day, string> = {
  mon: "Monday",
  tue: "Tuesday",
  wed: "Wednesday",
  thu: "Thursday",
  fri: "Friday",
  sat: "Saturday",
  sun: "Sunday",
};
export const modeNames: Record<ScheduleMode, string> = {
  continuous: "Continuous",
  motion: "On motion",
  events: "On events",
  off: "Off",
};

export const minutesPerDay = 24 * 60;
/** A stroke of the brush covers at least so much. */
export const brushMinutes = 15;

/** What every minute of the week is, Monday first. */
export type Week = ScheduleMode[][];
/** [from, to) in minutes of a day. */
export type Run = { from: number; to: number; mode: ScheduleMode };

export function parseTime(text: string): number | null {
  const match = /^(\d{1,2}):(\d{2})$/.exec(text.trim());
  if (!match) return null;
  const minutes = Number(match[1]) * 60 + Number(match[2]);
  return Number(match[2]) < 60 && minutes <= minutesPerDay ? minutes : null;
}

const two = (n: number) => String(n).padStart(2, "0");
export const formatTime = (minutes: number) =>
  `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;

export const emptyWeek = (): Week =>
  days.map(() => new Array<ScheduleMode>(minutesPerDay).fill("off"));

/** Later entries win; one that ends before it begins goes on into the next day. */
export function weekOf(entries: ScheduleEntry[]): Week {
  const week = emptyWeek();
  for (const entry of entries) {
    const from = parseTime(entry.from);
    const to = parseTime(entry.to);
    if (from === null || to === null) continue;
    for (const name of entry.days) {
      const day = days.indexOf(name);
      if (to > from) week[day]?.fill(entry.mode, from, to);
      else {
        week[day]?.fill(entry.mode, from);
        week[(day + 1) % days.length]?.fill(entry.mode, 0, to);
      }
    }
  }
  return week;
}

/** The pieces of a day in which it records somehow. */
export function runsOf(day: ScheduleMode[]): Run[] {
  const runs: Run[] = [];
  let from = 0;
  for (let minute = 1; minute <= day.length; minute += 1) {
    const mode = day[from];
    if (minute < day.length && day[minute] === mode) continue;
    if (mode !== undefined && mode !== "off") runs.push({ from, to: minute, mode });
    from = minute;
  }
  return runs;
}

/** As few entries as there are different pieces; days that share one are named together. */
export function entriesOf(week: Week): ScheduleEntry[] {
  const entries: ScheduleEntry[] = [];
  week.forEach((minutes, index) => {
    const day = days[index];
    if (!day) return;
    for (const run of runsOf(minutes)) {
      const [from, to] = [formatTime(run.from), formatTime(run.to)];
      const same = entries.find(
        (entry) => entry.from === from && entry.to === to && entry.mode === run.mode,
      );
      if (same) same.days.push(day);
      else entries.push({ days: [day], from, to, mode: run.mode });
    }
  });
  return entries;
}

/** A rectangle of the week in one mode; both corners belong to it. */
export type Area = { days: [number, number]; minutes: [number, number] };

export function paint(week: Week, area: Area, mode: ScheduleMode): Week {
  const [first, last] = [Math.min(...area.days), Math.max(...area.days)];
  const from = Math.floor(Math.min(...area.minutes) / brushMinutes) * brushMinutes;
  const to = (Math.floor(Math.max(...area.minutes) / brushMinutes) + 1) * brushMinutes;
  return week.map((minutes, day) =>
    day < first || day > last
      ? minutes
      : minutes.map((before, minute) => (minute >= from && minute < to ? mode : before)),
  );
}

/** "Mon–Fri", "Sat, Sun", "Every day". */
export function daysText(list: Day[]): string {
  const short = (day: Day) => dayNames[day].slice(0, 3);
  const places = list.map((day) => days.indexOf(day)).sort((a, b) => a - b);
  if (places.length === days.length) return "Every day";
  const parts: string[] = [];
  for (let i = 0; i < places.length;) {
    let end = i;
    while ((places[end + 1] ?? -1) === (places[end] ?? 0) + 1) end += 1;
    const [a, b] = [days[places[i] ?? 0] ?? "mon", days[places[end] ?? 0] ?? "mon"];
    if (end - i >= 2) parts.push(`${short(a)}–${short(b)}`);
    else parts.push(...places.slice(i, end + 1).map((place) => short(days[place] ?? "mon")));
    i = end + 1;
  }
  return parts.join(", ");
}

const workdays: Day[] = ["mon", "tue", "wed", "thu", "fri"];

export const presets: { name: string; entries: ScheduleEntry[] }[] = [
  {
    name: "Always",
    entries: [{ days: [...days], from: "00:00", to: "24:00", mode: "continuous" }],
  },
  {
    name: "Motion at all hours",
    entries: [{ days: [...days], from: "00:00", to: "24:00", mode: "motion" }],
  },
  {
    name: "Away on workdays",
    entries: [
      { days: [...days], from: "00:00", to: "24:00", mode: "motion" },
      { days: workdays, from: "08:00", to: "18:00", mode: "continuous" },
    ],
  },
  {
    name: "Nights",
    entries: [{ days: [...days], from: "22:00", to: "06:00", mode: "continuous" }],
  },
];
