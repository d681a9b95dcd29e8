/** How one picture keeps to the common clock. Pure. */

/** Off by less than this is in step. */
export const inStepMs = 20;
/** Off by more than this is put right by a seek. */
export const seekAboveMs = 600;
/** The most that a picture is slowed down or sped up to catch the clock. */
const maxCorrection = 0.15;

/** Times the wanted speed; `drift`: how far the picture is ahead of the clock. */
export function correction(driftMs: number): number {
  if (Math.abs(driftMs) < inStepMs) return 1;
  return 1 - Math.max(-maxCorrection, Math.min(maxCorrection, driftMs / 1000));
}

/** What <video> is asked to play by itself, pictures of all cameras together. */
const playableSum = 16;

/**
 * Backwards, and faster than a browser decodes that many pictures, the picture is sought from key
 * frame to key frame instead of being played.
 */
export function skips(rate: number, cameras: number): boolean {
  return rate < 0 || rate * cameras > playableSum;
}

export const bufferSeconds = (rate: number) => Math.min(300, 30 * Math.max(1, Math.abs(rate)));
