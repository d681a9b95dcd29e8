/** What a live player does about its buffer: pure decisions, no DOM. */

export type TimeRange = { start: number; end: number };

export type LivePolicy = {
  /** Play slower below, faster above: seconds between the playhead and the newest frame. */
  targetMin: number;
  targetMax: number;
  slow: number;
  fast: number;
  /** Farther behind than this: jump. */
  seekBehind: number;
  /** Where a jump lands, seconds before the newest frame. */
  seekTo: number;
  /** Played seconds that stay in the buffer, and how many more must pile up before a trim. */
  keep: number;
  trimStep: number;
};

export const livePolicy: LivePolicy = {
  targetMin: 0.15,
  targetMax: 0.35,
  slow: 0.95,
  fast: 1.1,
  seekBehind: 2,
  seekTo: 0.25,
  keep: 4,
  trimStep: 6,
};

/**
 * For the first moments: a stream begins at its newest key frame, which may be seconds old, so the
 * playhead jumps to the newest picture at once instead of catching up slowly.
 */
export const startPolicy: LivePolicy = { ...livePolicy, seekBehind: 0.5 };

export type LiveAction = {
  rate: number;
  seek: number | null;
  trim: TimeRange | null;
};

export function toRanges(ranges: Pick<TimeRanges, "length" | "start" | "end">): TimeRange[] {
  return Array.from({ length: ranges.length }, (_, i) => ({
    start: ranges.start(i),
    end: ranges.end(i),
  }));
}

/** What to do now, given the playhead and what is buffered. */
export function decideLive(
  currentTime: number,
  currentRate: number,
  ranges: TimeRange[],
  policy: LivePolicy = livePolicy,
): LiveAction {
  const first = ranges[0];
  const last = ranges[ranges.length - 1];
  if (!first || !last) return { rate: 1, seek: null, trim: null };

  const behind = last.end - currentTime;
  return {
    rate: chooseRate(behind, currentRate, policy),
    seek: chooseSeek(currentTime, behind, ranges, last, policy),
    trim: chooseTrim(currentTime, first, policy),
  };
}

/** Leaves a band in which the rate stays as it is, so that it does not flutter. */
function chooseRate(behind: number, current: number, policy: LivePolicy): number {
  const middle = (policy.targetMin + policy.targetMax) / 2;
  if (behind > policy.targetMax) return policy.fast;
  if (behind < policy.targetMin) return policy.slow;
  if (current > 1 && behind > middle) return policy.fast;
  if (current < 1 && behind < middle) return policy.slow;
  return 1;
}

function chooseSeek(
  currentTime: number,
  behind: number,
  ranges: TimeRange[],
  last: TimeRange,
  policy: LivePolicy,
): number | null {
  if (behind > policy.seekBehind) return Math.max(last.start, last.end - policy.seekTo);
  const slack = 0.05;
  const inside = ranges.some(
    (range) => currentTime >= range.start - slack && currentTime < range.end,
  );
  if (inside) return null;
  // In a hole, as after dropped frames: on to the next range, a hair inside it.
  const next = ranges.find((range) => range.start > currentTime);
  return next ? next.start + 0.001 : null;
}

function chooseTrim(currentTime: number, first: TimeRange, policy: LivePolicy): TimeRange | null {
  const until = currentTime - policy.keep;
  return until - first.start > policy.trimStep ? { start: first.start, end: until } : null;
}

/** Wait before the nth attempt in a row to connect again: 0.5, 1, 2, 4, 8 s, with jitter. */
export function reconnectDelay(attempt: number, random: () => number = Math.random): number {
  const base = Math.min(8_000, 500 * 2 ** Math.max(0, attempt));
  return Math.round(base * (0.75 + random() * 0.5));
}
