import type { StatusPeriod } from "@/lib/api/types";

export type Span = {
  status: string;
  /** Percent of the bar. */
  left: number;
  width: number;
  start: number;
  end: number;
  error: string | null;
};

/** Periods of a camera's status as pieces of a bar from `start` to `end`, oldest first. */
export function historySpans(items: StatusPeriod[], start: number, end: number): Span[] {
  const whole = end - start;
  if (whole <= 0) return [];
  return items
    .map((item) => ({
      ...item,
      from: Math.max(start, item.start),
      to: Math.min(end, item.end ?? end),
    }))
    .filter((item) => item.to > item.from)
    .sort((a, b) => a.from - b.from)
    .map((item) => ({
      status: item.status,
      left: ((item.from - start) / whole) * 100,
      width: ((item.to - item.from) / whole) * 100,
      start: item.from,
      end: item.to,
      error: item.error,
    }));
}

/** Share of the known time that the camera was online, 0–1; null when nothing is known. */
export function onlineShare(spans: Span[]): number | null {
  const known = spans.reduce((sum, span) => sum + span.width, 0);
  if (known === 0) return null;
  const online = spans.filter((span) => span.status === "online");
  return online.reduce((sum, span) => sum + span.width, 0) / known;
}
