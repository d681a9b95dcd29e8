/** Days and times as the viewer's clock has them. A day is "YYYY-MM-DD". */

const two = (n: number) => String(n).padStart(2, "0");

export function dayOf(time: number): string {
  const d = new Date(time);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
}

function parse(day: string): [number, number, number] | null {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day);
  if (!match) return null;
  const [year, month, date] = match.slice(1).map(Number) as [number, number, number];
  const check = new Date(year, month - 1, date);
  return check.getMonth() === month - 1 && check.getDate() === date
    ? [year, month - 1, date]
    : null;
}

export function isDay(day: string | null): day is string {
  return day !== null && parse(day) !== null;
}

/** Local midnight to the next one: 23 or 25 hours when the clocks change. */
export function dayBounds(day: string): { start: number; end: number } {
  const [year, month, date] = parse(day) ?? [1970, 0, 1];
  return {
    start: new Date(year, month, date).getTime(),
    end: new Date(year, month, date + 1).getTime(),
  };
}

export function addDays(day: string, count: number): string {
  const [year, month, date] = parse(day) ?? [1970, 0, 1];
  return dayOf(new Date(year, month, date + count, 12).getTime());
}

/** Minutes east of UTC. */
export function tzOffset(time: number): number {
  const minutes = -new Date(time).getTimezoneOffset();
  return minutes === 0 ? 0 : minutes;
}

export type Month = { year: number; month: number };

export function monthOf(day: string): Month {
  const [year, month] = parse(day) ?? [1970, 0, 1];
  return { year, month };
}

export function addMonths({ year, month }: Month, count: number): Month {
  const d = new Date(year, month + count, 1);
  return { year: d.getFullYear(), month: d.getMonth() };
}

/** Six weeks from the Monday on or before the first of the month; null: a day of another month. */
export function monthGrid({ year, month }: Month): (string | null)[] {
  const lead = (new Date(year, month, 1).getDay() + 6) % 7;
  const count = new Date(year, month + 1, 0).getDate();
  const cells = Math.ceil((lead + count) / 7) * 7;
  return Array.from({ length: cells }, (_, i) => {
    const date = i - lead + 1;
    return date >= 1 && date <= count ? `${year}-${two(month + 1)}-${two(date)}` : null;
  });
}

/** For <input type="datetime-local" step="1">: "2026-11-21T14:03:09". */
export function toLocalInput(time: number): string {
  const d = new Date(time);
  return `${dayOf(time)}T${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

/** The moment of such a text; null: not a time. */
export function fromLocalInput(text: string): number | null {
  const time = new Date(text).getTime();
  return text === "" || Number.isNaN(time) ? null : time;
}
