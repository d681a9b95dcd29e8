/**
 * One growing playlist out of the server's windows: playback never meets the end of a window,
 * because the next one is appended long before. A player reads `text` again and again, as it does
 * with a live stream, until the end is written under it.
 */

/** The API lists groups of pictures, and so seeks exactly, in windows of up to two hours. */
export const windowMs = 2 * 60 * 60_000;
/** Loaded before the wanted moment, for small steps back. */
export const leadMs = 5 * 60_000;
/** Holes longer than this end the playback. */
export const holeLimitMs = 24 * 60 * 60_000;

/** The text of a window's playlist; null: nothing is recorded in it. */
export type FetchPlaylist = (
  start: number,
  end: number,
  signal: AbortSignal,
) => Promise<string | null>;

type Window = { body: string[]; target: number; first: number; end: number };

/** Splits a playlist into what repeats in every window and what is this window's own. */
export function parseWindow(text: string): Window | null {
  const window: Window = { body: [], target: 1, first: NaN, end: NaN };
  let time = NaN;
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith("#EXT-X-TARGETDURATION:")) window.target = Number(line.slice(22)) || 1;
    const isHead = /^#(EXTM3U|EXT-X-(VERSION|TARGETDURATION|PLAYLIST-TYPE|INDEPENDENT|ENDLIST))/;
    if (line === "" || isHead.test(line)) continue;
    window.body.push(line);
    if (line.startsWith("#EXT-X-PROGRAM-DATE-TIME:")) time = Date.parse(line.slice(25));
    if (!line.startsWith("#EXTINF:")) continue;
    if (Number.isNaN(window.first)) window.first = time;
    time += Number.parseFloat(line.slice(8)) * 1000;
    window.end = time;
  }
  return Number.isNaN(window.end) ? null : window;
}

export class PlaylistFeed {
  private readonly body: string[] = [];
  private readonly abort = new AbortController();
  private target = 1;
  private busy: Promise<void> | null = null;
  /** Nothing follows what is here. */
  finished = false;
  /** Wall clock of what is listed. */
  start = NaN;
  end = NaN;

  constructor(private readonly fetchPlaylist: FetchPlaylist) {}

  get isEmpty(): boolean {
    return this.body.length === 0;
  }

  get text(): string {
    return [
      "#EXTM3U",
      "#EXT-X-VERSION:7",
      `#EXT-X-TARGETDURATION:${this.target}`,
      "#EXT-X-PLAYLIST-TYPE:EVENT",
      "#EXT-X-INDEPENDENT-SEGMENTS",
      ...this.body,
      ...(this.finished ? ["#EXT-X-ENDLIST"] : []),
      "",
    ].join("\n");
  }

  close(): void {
    this.abort.abort();
  }

  /** Lists what is recorded around `time` and, when that is a hole, what follows it. */
  async open(time: number): Promise<void> {
    const from = time - leadMs;
    this.start = from;
    this.end = from;
    await this.append(from, from + windowMs);
    if (this.isEmpty) this.end = from + windowMs;
    while (!this.finished && (this.isEmpty || this.end <= time)) await this.extend();
  }

  /** Appends what follows; at once when that is under way already. */
  extend(): Promise<void> {
    this.busy ??= this.appendNext().finally(() => (this.busy = null));
    return this.busy;
  }

  private async appendNext(): Promise<void> {
    if (this.finished) return;
    const from = this.end;
    if (await this.append(from, from + windowMs)) return;
    const far = await this.read(from, from + holeLimitMs);
    // Listed once more from where it begins: only short windows list groups of pictures.
    if (!far || !(await this.append(far.first, far.first + windowMs))) this.finished = true;
  }

  private async read(start: number, end: number): Promise<Window | null> {
    const { signal } = this.abort;
    const text = await this.fetchPlaylist(Math.floor(start), Math.ceil(end), signal);
    return text === null ? null : parseWindow(text);
  }

  /** Whether there was anything new. */
  private async append(start: number, end: number): Promise<boolean> {
    const window = await this.read(start, end);
    if (!window || window.end <= this.end) return false;
    if (this.body.length > 0) this.body.push("#EXT-X-DISCONTINUITY");
    this.body.push(...window.body);
    this.target = Math.max(this.target, window.target);
    this.end = window.end;
    return true;
  }
}
