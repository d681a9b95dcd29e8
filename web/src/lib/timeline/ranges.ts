/** Recorded ranges: sorted, not overlapping, [start, end) in milliseconds. */
import type { Range } from "@/lib/api/types";

export function toRanges(ranges: number[][] | undefined): Range[] {
  return (ranges ?? []).flatMap((range): Range[] => {
    const [start, end] = range;
    return start !== undefined && end !== undefined && end > start ? [[start, end]] : [];
  });
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
