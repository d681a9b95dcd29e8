/** Between a playlist's own time (what <video> counts) and the wall clock of its fragments. */

export type ClockFragment = {
  readonly start: number;
  readonly duration: number;
  readonly programDateTime: number | null;
};

/** Smaller holes are not gaps, as in the API. */
export const holeMs = 1500;

const wallEnd = (fragment: ClockFragment) =>
  (fragment.programDateTime ?? 0) + fragment.duration * 1000;

/** Index of the last fragment that begins at or before `value`; -1: none. Sorted by both clocks. */
function lastAt(
  fragments: readonly ClockFragment[],
  value: number,
  of: (fragment: ClockFragment) => number,
): number {
  let low = 0;
  let high = fragments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const fragment = fragments[middle];
    if (fragment && of(fragment) <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

const wallStart = (fragment: ClockFragment) => fragment.programDateTime ?? -Infinity;

/** Wall clock of a media time; null before anything with a date. */
export function mediaToWall(fragments: readonly ClockFragment[], media: number): number | null {
  const index = Math.max(
    0,
    lastAt(fragments, media, (fragment) => fragment.start),
  );
  const best = fragments[index]?.programDateTime == null ? fragments[index + 1] : fragments[index];
  if (best?.programDateTime == null) return null;
  const inside = Math.min(Math.max(0, media - best.start), best.duration);
  return best.programDateTime + inside * 1000;
}

/** Media time of a wall clock; in a hole, where the next fragment begins; null past the end. */
export function wallToMedia(fragments: readonly ClockFragment[], wall: number): number | null {
  const index = lastAt(fragments, wall, wallStart);
  const inside = fragments[index];
  if (inside?.programDateTime != null && wall < wallEnd(inside)) {
    return inside.start + (wall - inside.programDateTime) / 1000;
  }
  return fragments[index + 1]?.start ?? null;
}

/** Media time of the key frame at or before a wall clock. */
export function keyFrameAt(fragments: readonly ClockFragment[], wall: number): number | null {
  return fragments[Math.max(0, lastAt(fragments, wall, wallStart))]?.start ?? null;
}

/** Where the unbroken piece that holds `wall` ends; null: `wall` is in a hole. */
export function runEnd(fragments: readonly ClockFragment[], wall: number): number | null {
  const index = lastAt(fragments, wall, wallStart);
  const first = fragments[index];
  if (!first || wall >= wallEnd(first) + holeMs) return null;
  let end = wallEnd(first);
  for (let i = index + 1; i < fragments.length; i++) {
    const next = fragments[i];
    if (next?.programDateTime == null) continue;
    if (next.programDateTime - end >= holeMs) return wall < end ? end : null;
    end = wallEnd(next);
    // Far enough to know that no hole is near.
    if (end - wall > 60_000) return end;
  }
  return wall < end ? end : null;
}

/** Where recording goes on after `wall`: `wall` itself, or the end of the hole; null: nowhere. */
export function nextWall(fragments: readonly ClockFragment[], wall: number): number | null {
  const index = lastAt(fragments, wall, wallStart);
  const inside = fragments[index];
  if (inside && wall < wallEnd(inside)) return wall;
  return fragments[index + 1]?.programDateTime ?? null;
}
