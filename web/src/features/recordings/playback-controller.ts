/**
 * Plays recorded ranges of one camera through hls.js: loads two hours from a little before the
 * wanted moment, goes on with the next two when they end, and tells the wall clock of the picture.
 */
import Hls, { type ErrorData, type LevelDetails } from "hls.js";
import { buildUrl } from "@/lib/api/client";
import { api } from "@/lib/api/queries";
import { mediaToWall, wallToMedia, type ClockFragment } from "@/lib/media/playlist-clock";
import type { PlaybackPhase } from "./store";

/** The API lists groups of pictures, and so seeks exactly, in windows of up to two hours. */
export const windowMs = 2 * 60 * 60_000;
/** Loaded before the wanted moment, for small steps back. */
export const leadMs = 5 * 60_000;
const day = 24 * 60 * 60_000;

export type PlaybackEvents = {
  onPhase: (phase: PlaybackPhase, message: string | null) => void;
  onTime: (time: number) => void;
  onPlaying: (playing: boolean) => void;
  /** The browser would play only without sound. */
  onMuted: () => void;
};

export function playlistUrl(camera: string, start: number, end: number): string {
  const path = `${api}/recordings/playback/${encodeURIComponent(camera)}/index.m3u8`;
  return buildUrl(path, { start: Math.floor(start), end: Math.ceil(end) });
}

export class PlaybackController {
  private hls: Hls | null = null;
  private fragments: ClockFragment[] = [];
  private loaded = { start: 0, end: 0 };
  private speed = 1;
  private frame = 0;
  private recoveries = 0;
  private lastTold = 0;
  /** Windows still to try for what follows; null unless playback ran out of the last one. */
  private ahead: number[] | null = null;
  private readonly abort = new AbortController();

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly camera: string,
    private readonly events: PlaybackEvents,
  ) {
    const { signal } = this.abort;
    video.addEventListener("ended", () => this.onEnded(), { signal });
    video.addEventListener("play", () => events.onPlaying(true), { signal });
    video.addEventListener("pause", () => events.onPlaying(false), { signal });
    video.addEventListener("seeked", () => this.tellTime(), { signal });
    this.frame = requestAnimationFrame(this.watch);
  }

  close(): void {
    this.abort.abort();
    cancelAnimationFrame(this.frame);
    this.hls?.destroy();
    this.hls = null;
  }

  /** Shows the moment and plays on from there. */
  seek(time: number): void {
    const media = this.hls ? wallToMedia(this.fragments, time) : null;
    const inside = time >= this.loaded.start && time < this.loaded.end;
    if (media !== null && inside) {
      this.video.currentTime = media;
      this.events.onPhase("ready", null);
      this.play();
    } else {
      this.ahead = null;
      this.load(time, time - leadMs, time - leadMs + windowMs);
    }
  }

  /** Lets go of what is loaded. */
  clear(): void {
    this.video.pause();
    this.hls?.destroy();
    this.hls = null;
    this.fragments = [];
  }

  toggle(): void {
    if (this.video.paused) this.play();
    else this.video.pause();
  }

  setSpeed(speed: number): void {
    this.speed = speed;
    this.video.playbackRate = speed;
    // Sixteen times the speed empties a buffer sixteen times as fast.
    if (this.hls) this.hls.config.maxBufferLength = bufferSeconds(speed);
  }

  setMuted(muted: boolean): void {
    this.video.muted = muted;
  }

  /** One picture on or back; `fps` of what is recorded. */
  step(direction: 1 | -1, fps: number): void {
    this.video.pause();
    this.video.currentTime = Math.max(0, this.video.currentTime + direction / Math.max(1, fps));
  }

  private play(): void {
    this.video.playbackRate = this.speed;
    this.video.play().catch((error: unknown) => {
      // Sound needs a press first in most browsers; pictures do not.
      const refused = error instanceof DOMException && error.name === "NotAllowedError";
      if (!refused || this.video.muted) {
        this.events.onPlaying(false);
        return;
      }
      this.events.onMuted();
      this.video.muted = true;
      this.play();
    });
  }

  private load(time: number, start: number, end: number): void {
    this.hls?.destroy();
    this.hls = null;
    this.fragments = [];
    this.loaded = { start, end };
    if (!Hls.isSupported()) {
      this.events.onPhase("unsupported", "This browser cannot play recordings.");
      return;
    }
    this.events.onPhase("loading", null);
    const hls = new Hls({
      autoStartLoad: false,
      maxBufferLength: bufferSeconds(this.speed),
      backBufferLength: 30,
      maxBufferHole: 0.6,
    });
    this.hls = hls;
    hls.on(Hls.Events.MANIFEST_PARSED, (_, data) => {
      const details = data.levels[0]?.details;
      if (details) this.onLevel(details, time);
    });
    hls.on(Hls.Events.LEVEL_LOADED, (_, data) => this.onLevel(data.details, time));
    hls.on(Hls.Events.LEVEL_UPDATED, (_, data) => this.keepClock(data.details));
    hls.on(Hls.Events.FRAG_BUFFERED, () => {
      this.recoveries = 0;
      this.events.onPhase("ready", null);
    });
    hls.on(Hls.Events.ERROR, (_, data) => this.onError(data, time));
    hls.attachMedia(this.video);
    hls.loadSource(playlistUrl(this.camera, start, end));
  }

  private onLevel(details: LevelDetails, time: number): void {
    const first = this.fragments.length === 0;
    this.keepClock(details);
    if (!first) return;
    const position = wallToMedia(this.fragments, time);
    if (position === null) {
      this.onNothing(time);
      return;
    }
    this.ahead = null;
    this.hls?.startLoad(position);
    this.video.currentTime = position;
    this.play();
  }

  private keepClock(details: LevelDetails): void {
    this.fragments = details.fragments.map(({ start, duration, programDateTime }) => ({
      start,
      duration,
      programDateTime,
    }));
  }

  /** The window is played out: on with what follows, across a hole of up to a day. */
  private onEnded(): void {
    const last = this.fragments[this.fragments.length - 1];
    if (last?.programDateTime == null) return;
    const end = last.programDateTime + last.duration * 1000;
    this.ahead = [windowMs, day];
    this.loadAhead(end);
  }

  private loadAhead(from: number): void {
    const length = this.ahead?.shift();
    if (length === undefined) {
      this.ahead = null;
      this.stop("end", null);
    } else {
      this.load(from, from, from + length);
    }
  }

  /** The window holds nothing at or after `time`. */
  private onNothing(time: number): void {
    if (this.ahead) this.loadAhead(time);
    else this.stop(this.fragments.length === 0 ? "empty" : "end", null);
  }

  private onError(data: ErrorData, time: number): void {
    const { details, fatal } = data;
    if (
      details === Hls.ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR ||
      details === Hls.ErrorDetails.BUFFER_ADD_CODEC_ERROR ||
      details === Hls.ErrorDetails.BUFFER_INCOMPATIBLE_CODECS_ERROR
    ) {
      this.stop("unsupported", null);
    } else if (isNothingThere(data)) {
      this.onNothing(time);
    } else if (fatal && this.recoveries < 2) {
      this.recoveries += 1;
      if (data.type === Hls.ErrorTypes.MEDIA_ERROR) this.hls?.recoverMediaError();
      else this.load(time, this.loaded.start, this.loaded.end);
    } else if (fatal) {
      this.stop("error", "The recording could not be read.");
    }
  }

  private stop(phase: PlaybackPhase, message: string | null): void {
    this.hls?.destroy();
    this.hls = null;
    this.events.onPhase(phase, message);
  }

  private tellTime(): void {
    const time = mediaToWall(this.fragments, this.video.currentTime);
    if (time !== null) this.events.onTime(time);
  }

  private readonly watch = (now: number) => {
    if (!this.video.paused && !this.video.seeking && now - this.lastTold > 100) {
      this.lastTold = now;
      this.tellTime();
    }
    this.frame = requestAnimationFrame(this.watch);
  };
}

export const bufferSeconds = (speed: number) => Math.min(300, 30 * Math.max(1, speed));

/** An empty playlist, or the server's 404: there is nothing recorded in this window. */
function isNothingThere(data: ErrorData): boolean {
  return (
    data.details === Hls.ErrorDetails.LEVEL_EMPTY_ERROR ||
    data.details === Hls.ErrorDetails.MANIFEST_PARSING_ERROR ||
    data.response?.code === 404
  );
}
