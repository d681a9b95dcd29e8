/**
 * Small pictures of recorded moments for a pointer that moves fast: one request at a time, always
 * for the newest wish, and nothing asked twice.
 */

/** The picture of a moment; null: there is none. */
export type FetchPreview = (time: number, signal: AbortSignal) => Promise<Blob | null>;

export const previewsKept = 300;
/** A request that takes longer than this gives way to a newer wish. */
const patienceMs = 300;
/** The newest pictures are still being made: "none" is not final for them. */
const settledMs = 90_000;

const steps = [1, 2, 5, 10].map((seconds) => seconds * 1000);

/**
 * Moments are rounded up to this, so that neighbouring pixels share a picture: the server gives the
 * last one before, and there is none before the first.
 */
export function previewStep(msPerPixel: number): number {
  return steps.find((step) => step >= msPerPixel * 4) ?? 10_000;
}

export class PreviewLoader {
  private readonly known = new Map<number, string | null>();
  private wanted: number | null = null;
  private flight: { key: number; since: number; abort: AbortController } | null = null;

  constructor(
    private readonly fetchPreview: FetchPreview,
    private readonly onShow: (url: string | null) => void,
  ) {}

  /** Shows the picture of the moment as soon as it is here. */
  want(time: number, step: number): void {
    const key = Math.ceil(time / step) * step;
    if (key === this.wanted) return;
    this.wanted = key;
    const known = this.known.get(key);
    if (known !== undefined) {
      this.onShow(known);
      return;
    }
    if (!this.flight) void this.load(key);
    else if (performance.now() - this.flight.since > patienceMs) this.flight.abort.abort();
  }

  /** Nothing is wanted any more. */
  leave(): void {
    this.wanted = null;
    this.flight?.abort.abort();
    this.onShow(null);
  }

  close(): void {
    this.wanted = null;
    this.flight?.abort.abort();
    for (const url of this.known.values()) if (url) URL.revokeObjectURL(url);
    this.known.clear();
  }

  private async load(key: number): Promise<void> {
    const flight = { key, since: performance.now(), abort: new AbortController() };
    this.flight = flight;
    try {
      const blob = await this.fetchPreview(key, flight.abort.signal);
      if (!flight.abort.signal.aborted) this.keep(key, blob && URL.createObjectURL(blob));
    } catch {
      // No answer is no picture; the next wish asks again.
    }
    this.flight = null;
    if (this.wanted === key) this.onShow(this.known.get(key) ?? null);
    else if (this.wanted !== null && !this.known.has(this.wanted)) void this.load(this.wanted);
  }

  private keep(key: number, url: string | null): void {
    if (url === null && Date.now() - key < settledMs) return;
    this.known.set(key, url);
    if (this.known.size <= previewsKept) return;
    for (const [oldest, old] of this.known) {
      this.known.delete(oldest);
      if (old) URL.revokeObjectURL(old);
      break;
    }
  }
}
