/** What a timeline shows of one camera. */
import type { Gap, Mark, ProtectedRange, Range, TimelineItem } from "@/lib/api/types";
import { toRanges, withRecording } from "./ranges";

export type Lane = {
  camera: string;
  name: string;
  /** Finished files: what can be played. */
  ranges: Range[];
  /** With the file that is still being written: what is drawn. */
  drawn: Range[];
  gaps: Gap[];
  marks: Mark[];
  locked: ProtectedRange[];
  recordedMs: number;
  bytes: number;
};

export function makeLane(
  camera: { id: string; name: string },
  item: TimelineItem | null | undefined,
  locked: ProtectedRange[] | undefined,
): Lane {
  const ranges = toRanges(item?.ranges);
  return {
    camera: camera.id,
    name: camera.name,
    ranges,
    drawn: withRecording(ranges, item?.recording),
    gaps: item?.gaps ?? [],
    marks: item?.marks ?? [],
    locked: locked ?? [],
    recordedMs: item?.recorded_ms ?? 0,
    bytes: item?.bytes ?? 0,
  };
}

/** What any of the lanes has, joined: where playback of them all finds something. */
export function unionOf(lists: Range[][]): Range[] {
  const all = lists.flat().sort((a, b) => a[0] - b[0]);
  const joined: Range[] = [];
  for (const [start, end] of all) {
    const last = joined[joined.length - 1];
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else joined.push([start, end]);
  }
  return joined;
}

/** Pixels of the strips, one a camera, within a timeline's canvas. */
export type Bands = { top: number; height: number }[];

export const rulerHeight = 30;
const footHeight = 14;
const laneGap = 5;

export function laneBands(count: number, height: number): Bands {
  const room = height - rulerHeight - footHeight - laneGap * (count - 1);
  const each = Math.max(4, room / Math.max(1, count));
  return Array.from({ length: count }, (_, i) => ({
    top: rulerHeight + i * (each + laneGap),
    height: each,
  }));
}

export function timelineHeight(count: number): number {
  return count <= 1 ? 112 : rulerHeight + footHeight + count * 30 + (count - 1) * laneGap;
}

export function laneAt(bands: Bands, y: number): number {
  const index = bands.findIndex(({ top, height }) => y < top + height + laneGap / 2);
  return index < 0 ? bands.length - 1 : index;
}
