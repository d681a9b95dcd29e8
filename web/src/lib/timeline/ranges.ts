/** Recorded ranges: sorted, not overlapping, [start, end) in milliseconds. */
import type { Range } from "@/lib/api/types";

/** Smaller holes are not gaps, as in the API. */
const JOIN_MS = 1500;

export function toRanges(ranges: number[][] | undefined): Range[] {
  return (ranges ?? []).flatMap((range): Range[] => {
    const [start, end] = range;
    return start !== undefined && end !== undefined && end > start ? [[start, end]] : [];
  });
}

/** The ranges as they are drawn: with the file that is still being written. */
export function withRecording(ranges: Range[], recording: number[] | null | undefined): Range[] {
  const [now] = toRanges(recording ? [recording] : undefined);
  if (!now) return ranges;
  const last = ranges[ranges.length - 1];
  if (!last || now[0] - last[1] >= JOIN_MS) return [...ranges, now];
  return [...ranges.slice(0, -1), [last[0], Math.max(last[1], now[1])]];
}

export function rangeAt(ranges: Range[], time: number): Range | null {
  return ranges.find(([start, end]) => time >= start && time < end) ?? null;
}

/** The nearest moment at or after `time` that is recorded; null when there is none. */
export function nextRecorded(ranges: Range[], time: number): number | null {
  for (const [start, end] of ranges) {
    if (time < start) return start;
    if (time < end) return time;
  }
  return null;
}

/** Holes between `start` and `end`. */
export function gapsOf(ranges: Range[], start: number, end: number): Range[] {
  const gaps: Range[] = [];
  let at = start;
  for (const [from, to] of ranges) {
    if (to <= start || from >= end) continue;
    if (from > at) gaps.push([at, from]);
    at = Math.max(at, to);
  }
  if (at < end) gaps.push([at, end]);
  return gaps;
}

export function recordedMs(ranges: Range[]): number {
  return ranges.reduce((sum, [start, end]) => sum + end - start, 0);
}
