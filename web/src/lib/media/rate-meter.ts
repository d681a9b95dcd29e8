/** Frames and bytes per second over a sliding window. */
export class RateMeter {
  private samples: { time: number; bytes: number; frames: number }[] = [];
  private readonly windowMs: number;

  constructor(windowMs = 3_000) {
    this.windowMs = windowMs;
  }

  add(time: number, bytes: number, frames: number): void {
    this.samples.push({ time, bytes, frames });
    this.drop(time);
  }

  read(now: number): { fps: number; bitrate: number } {
    this.drop(now);
    const first = this.samples[0];
    const last = this.samples[this.samples.length - 1];
    if (!first || !last || last.time - first.time < 250) return { fps: 0, bitrate: 0 };
    // The first sample opens the window: what came with it was sent before it.
    const seconds = (last.time - first.time) / 1000;
    const rest = this.samples.slice(1);
    const frames = rest.reduce((sum, sample) => sum + sample.frames, 0);
    const bytes = rest.reduce((sum, sample) => sum + sample.bytes, 0);
    return { fps: frames / seconds, bitrate: (bytes * 8) / seconds };
  }

  reset(): void {
    this.samples = [];
  }

  private drop(now: number): void {
    const limit = now - this.windowMs;
    const keep = this.samples.findIndex((sample) => sample.time >= limit);
    if (keep > 0) this.samples.splice(0, keep);
    else if (keep < 0) this.samples = [];
  }
}
