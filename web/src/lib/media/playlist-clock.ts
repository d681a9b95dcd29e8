/** Between a playlist's own time (what <video> counts) and the wall clock of its fragments. */

export type ClockFragment = { start: number; duration: number; programDateTime: number | null };

/** Wall clock of a media time; null before anything with a date. */
export function mediaToWall(fragments: ClockFragment[], media: number): number | null {
  let best: ClockFragment | null = null;
  for (const fragment of fragments) {
    if (fragment.programDateTime === null) continue;
    if (best && fragment.start > media) break;
    best = fragment;
  }
  if (best?.programDateTime == null) return null;
  const inside = Math.min(Math.max(0, media - best.start), best.duration);
  return best.programDateTime + inside * 1000;
}

/** Media time of a wall clock; in a hole, where the next fragment begins; null past the end. */
export function wallToMedia(fragments: ClockFragment[], wall: number): number | null {
  for (const { start, duration, programDateTime } of fragments) {
    if (programDateTime === null) continue;
    if (wall < programDateTime) return start;
    const offset = (wall - programDateTime) / 1000;
    if (offset < duration) return start + offset;
  }
  return null;
}
