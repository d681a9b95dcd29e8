/** The piece of time a timeline shows, and how it maps to pixels. */

export type View = { start: number; end: number };

export const minSpan = 60_000;

export const span = (view: View) => view.end - view.start;

export function toX(view: View, width: number, time: number): number {
  return ((time - view.start) / span(view)) * width;
}

export function toTime(view: View, width: number, x: number): number {
  return view.start + (x / Math.max(1, width)) * span(view);
}

/** Moves and, if it must, shrinks a view so that it lies within the bounds. */
export function clampView(view: View, bounds: View): View {
  const whole = span(bounds);
  const length = Math.min(whole, Math.max(Math.min(minSpan, whole), span(view)));
  const start = Math.min(Math.max(view.start, bounds.start), bounds.end - length);
  return { start, end: start + length };
}

/** `factor` below 1 zooms in; the anchor stays where it is on screen. */
export function zoomAt(view: View, factor: number, anchor: number, bounds: View): View {
  const whole = span(bounds);
  const length = Math.min(whole, Math.max(Math.min(minSpan, whole), span(view) * factor));
  const share = (anchor - view.start) / span(view);
  const start = anchor - share * length;
  return clampView({ start, end: start + length }, bounds);
}

export function panBy(view: View, ms: number, bounds: View): View {
  return clampView({ start: view.start + ms, end: view.end + ms }, bounds);
}

const fitStep = 5 * 60_000;
const fitLimit = 8 * 60 * 60_000;

/**
 * What a day shows at first: all of it, or, when only a small part was recorded, that part. The
 * edges stand on round times, so that a growing recording does not make the view creep.
 */
export function initialView(bounds: View, ranges: [number, number][]): View {
  const first = ranges[0];
  const last = ranges[ranges.length - 1];
  if (!first || !last || last[1] - first[0] > fitLimit) return bounds;
  const start = Math.floor((first[0] - fitStep) / fitStep) * fitStep;
  const end = Math.ceil((last[1] + fitStep) / fitStep) * fitStep;
  return clampView({ start, end }, bounds);
}

/** The view that keeps a moving playhead on screen: pages on when it leaves, else null. */
export function follow(view: View, time: number, bounds: View): View | null {
  if (time >= view.start && time <= view.end) return null;
  if (time < bounds.start || time >= bounds.end) return null;
  const length = span(view);
  return clampView({ start: time - length * 0.1, end: time + length * 0.9 }, bounds);
}

export type Tick = { time: number; major: boolean; label: string | null };

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const steps = [
  ...[1, 5, 10, 30].map((n) => n * second),
  ...[1, 5, 10, 15, 30].map((n) => n * minute),
  ...[1, 2, 3, 4, 6, 12].map((n) => n * hour),
];

const two = (n: number) => String(n).padStart(2, "0");

function label(time: number, step: number): string {
  const d = new Date(time);
  const text = `${two(d.getHours())}:${two(d.getMinutes())}`;
  return step < minute ? `${text}:${two(d.getSeconds())}` : text;
}

/** The smallest step whose ticks stand at least `room` pixels apart. */
export function chooseStep(view: View, width: number, room: number): number {
  const wanted = (room * span(view)) / Math.max(1, width);
  return steps.find((step) => step >= wanted) ?? 12 * hour;
}

/**
 * Ticks at round local times. Steps are walked through the local clock, so that labels stay round
 * in zones that are off by half an hour and on the day the clocks change.
 */
export function ticks(view: View, width: number): Tick[] {
  const major = chooseStep(view, width, 84);
  const minor = chooseStep(view, width, 14);
  const offset = new Date(view.start).getTimezoneOffset() * minute;
  const list: Tick[] = [];
  const first = Math.ceil((view.start - offset) / minor) * minor + offset;
  for (let time = first; time <= view.end && list.length < 1000; time += minor) {
    const local = time - new Date(time).getTimezoneOffset() * minute;
    const isMajor = local % major === 0;
    list.push({ time, major: isMajor, label: isMajor ? label(time, major) : null });
  }
  return list;
}
