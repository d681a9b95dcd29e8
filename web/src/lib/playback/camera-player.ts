/** The picture of one camera, played through hls.js and led by the clock of a session. */
import Hls, { type ErrorData, type Fragment, type LevelDetails } from "hls.js";
import { mediaToWall, keyFrameAt, nextWall, runEnd, wallToMedia } from "@/lib/media/playlist-clock";
import type { PlaybackClock } from "./clock";
import { bufferSeconds, correction, seekAboveMs, skips } from "./follow";
import { feedLoader } from "./feed-loader";
import { PlaylistFeed, type FetchPlaylist } from "./playlist-feed";

export type PlayerPhase =
  "idle" | "loading" | "ready" | "gap" | "unsupported" | "empty" | "end" | "error";

export type PlayerEvents = {
  onPhase: (phase: PlayerPhase, message: string | null) => void;
  /** The browser would play only without sound. */
  onMuted: () => void;
};

export type Pace = {
  now: number;
  /** Pictures that play together. */
  cameras: number;
  isMoving: boolean;
  /** The clock goes by this picture: it is never bent. */
  isLeader: boolean;
};

/** Before this much is left, the next window is asked for. */
const extendMs = 120_000;
/** Between two seeks that put right a drift: a seek takes its time, too. */
const seekPauseMs = 1500;
const enoughData = 3;

export class CameraPlayer {
  phase: PlayerPhase = "idle";
  private hls: Hls | null = null;
  private feed: PlaylistFeed | null = null;
  private fragments: readonly Fragment[] = [];
  private recoveries = 0;
  private lastSeek = -Infinity;
  private refused = false;

  constructor(
    readonly camera: string,
    private readonly video: HTMLVideoElement,
    private readonly fetchPlaylist: FetchPlaylist,
    private readonly events: PlayerEvents,
  ) {}

  close(): void {
    this.hls?.destroy();
    this.feed?.close();
    this.hls = null;
    this.feed = null;
    this.fragments = [];
  }

  /** Lets go of what is loaded. */
  clear(): void {
    this.video.pause();
    this.close();
    this.setPhase("idle");
  }

  /** Wall clock of the picture. */
  get wall(): number | null {
    return mediaToWall(this.fragments, this.video.currentTime);
  }

  get isActive(): boolean {
    return this.phase === "ready" || this.phase === "loading";
  }

  /** Whether the picture moves, and so can lead the clock. */
  get isSteady(): boolean {
    const { paused, seeking, readyState } = this.video;
    return this.phase === "ready" && !paused && !seeking && readyState >= enoughData;
  }

  /** Where its recording goes on, seen from `time`. */
  nextFrom(time: number): number | null {
    return this.phase === "gap" ? nextWall(this.fragments, time) : null;
  }

  setMuted(muted: boolean): void {
    this.video.muted = muted;
  }

  /** Shows the moment, at once when it is loaded. */
  seek(time: number, rate: number): void {
    const { feed } = this;
    const isListed = feed !== null && time >= feed.start && time < feed.end;
    const media = this.hls && isListed ? wallToMedia(this.fragments, time) : null;
    if (media === null) {
      this.recoveries = 0;
      void this.load(time, rate);
      return;
    }
    this.refused = false;
    this.video.currentTime = media;
    this.lastSeek = performance.now();
    this.setPhase("ready");
  }

  /** Keeps the picture in step. */
  follow(clock: PlaybackClock, pace: Pace): void {
    const { now, cameras, isMoving } = pace;
    if (!this.hls || (this.phase !== "ready" && this.phase !== "gap")) return;
    this.readOn(clock);
    this.video.dataset.wall = String(Math.round(this.wall ?? NaN));
    if (cameras > 1 && this.isInHole(clock)) this.waitForEnd(clock);
    else if (!isMoving) this.stand(clock, now);
    else if (skips(clock.rate, cameras)) this.skip(clock);
    else this.run(clock, pace);
  }

  private isInHole(clock: PlaybackClock): boolean {
    const end = runEnd(this.fragments, clock.time);
    if (end === null) return true;
    // Played over the edge of a hole already, and waits for the clock behind it.
    const wall = this.wall;
    const near = end - clock.time < 400 * Math.max(1, clock.rate);
    return near && wall !== null && wall > end + seekAboveMs;
  }

  private waitForEnd(clock: PlaybackClock): void {
    if (!this.video.paused) this.video.pause();
    const start = nextWall(this.fragments, clock.time);
    if (start === null && this.feed?.finished) {
      this.setPhase("end");
      return;
    }
    const media = start === null ? null : wallToMedia(this.fragments, start);
    if (media !== null && Math.abs(media - this.video.currentTime) > 0.05 && !this.video.seeking) {
      this.video.currentTime = media;
    }
    this.setPhase("gap");
  }

  private stand(clock: PlaybackClock, now: number): void {
    if (!this.video.paused) this.video.pause();
    this.setPhase("ready");
    const target = wallToMedia(this.fragments, clock.time);
    const isOff = target !== null && Math.abs(target - this.video.currentTime) > 0.015;
    if (isOff && !this.video.seeking && now - this.lastSeek > 100) this.jumpTo(target, now);
  }

  private skip(clock: PlaybackClock): void {
    if (!this.video.paused) this.video.pause();
    this.setPhase("ready");
    const slow = Math.abs(clock.rate) <= 1;
    const target = (slow ? wallToMedia : keyFrameAt)(this.fragments, clock.time);
    if (target === null || this.video.seeking) return;
    if (Math.abs(target - this.video.currentTime) > 0.02) this.video.currentTime = target;
  }

  private run(clock: PlaybackClock, { now, cameras, isLeader }: Pace): void {
    this.setPhase("ready");
    const wall = this.wall;
    if (this.video.paused && !this.video.ended) this.play();
    if (wall === null || this.video.seeking) return;
    const drift = wall - clock.time;
    const mustFollow = cameras > 1 && !isLeader;
    const isLate = mustFollow && Math.abs(drift) > seekAboveMs * Math.max(1, clock.rate);
    if (isLate && now - this.lastSeek > seekPauseMs) {
      const target = wallToMedia(this.fragments, clock.time + 150 * clock.rate);
      if (target !== null) this.jumpTo(target, now);
      return;
    }
    const rate = clock.rate * (mustFollow ? correction(drift / Math.max(1, clock.rate)) : 1);
    if (Math.abs(this.video.playbackRate - rate) > 0.005) this.video.playbackRate = rate;
  }

  private jumpTo(media: number, now: number): void {
    this.lastSeek = now;
    this.video.currentTime = media;
  }

  private play(): void {
    if (this.refused) return;
    this.video.play().catch((error: unknown) => {
      // Sound needs a press first in most browsers; pictures do not.
      const refused = error instanceof DOMException && error.name === "NotAllowedError";
      if (!refused) return;
      if (this.video.muted) this.refused = true;
      else this.events.onMuted();
    });
  }

  /** Asks for the next window long before this one is played out. */
  private readOn(clock: PlaybackClock): void {
    const { feed } = this;
    if (this.hls) this.hls.config.maxBufferLength = bufferSeconds(clock.rate);
    if (!feed || feed.finished) return;
    if (feed.end - clock.time < extendMs * Math.max(1, clock.rate)) {
      feed.extend().catch(() => undefined);
    }
  }

  private async load(time: number, rate: number): Promise<void> {
    this.close();
    if (!Hls.isSupported()) {
      this.setPhase("unsupported", "This browser cannot play recordings.");
      return;
    }
    this.setPhase("loading");
    const feed = new PlaylistFeed(this.fetchPlaylist);
    this.feed = feed;
    try {
      await feed.open(time);
    } catch {
      if (this.feed === feed) this.setPhase("error", "The recording could not be read.");
      return;
    }
    if (this.feed !== feed) return;
    if (feed.isEmpty) this.setPhase("empty");
    else if (feed.end <= time) this.setPhase("end");
    else this.attach(feed, time, rate);
  }

  private attach(feed: PlaylistFeed, time: number, rate: number): void {
    const hls = new Hls({
      autoStartLoad: false,
      maxBufferLength: bufferSeconds(rate),
      backBufferLength: 30,
      maxBufferHole: 0.6,
      pLoader: feedLoader(feed),
    });
    this.hls = hls;
    hls.on(Hls.Events.MANIFEST_PARSED, (_, data) => {
      const details = data.levels[0]?.details;
      if (details) this.onLevel(details, time);
    });
    hls.on(Hls.Events.LEVEL_LOADED, (_, data) => this.onLevel(data.details, time));
    hls.on(Hls.Events.LEVEL_UPDATED, (_, data) => (this.fragments = data.details.fragments));
    hls.on(Hls.Events.FRAG_BUFFERED, () => {
      this.recoveries = 0;
      if (this.phase === "loading") this.setPhase("ready");
    });
    hls.on(Hls.Events.ERROR, (_, data) => this.onError(data, time, rate));
    hls.attachMedia(this.video);
    hls.loadSource(`feed:${encodeURIComponent(this.camera)}`);
  }

  private onLevel(details: LevelDetails, time: number): void {
    const first = this.fragments.length === 0;
    this.fragments = details.fragments;
    if (!first) return;
    const position = wallToMedia(this.fragments, time);
    if (position === null) return;
    this.hls?.startLoad(position);
    this.video.currentTime = position;
  }

  private onError(data: ErrorData, time: number, rate: number): void {
    const { details, fatal } = data;
    if (
      details === Hls.ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR ||
      details === Hls.ErrorDetails.BUFFER_ADD_CODEC_ERROR ||
      details === Hls.ErrorDetails.BUFFER_INCOMPATIBLE_CODECS_ERROR
    ) {
      this.stop("unsupported", null);
    } else if (fatal && this.recoveries < 2) {
      this.recoveries += 1;
      if (data.type === Hls.ErrorTypes.MEDIA_ERROR) this.hls?.recoverMediaError();
      else void this.load(this.wall ?? time, rate);
    } else if (fatal) {
      this.stop("error", "The recording could not be read.");
    }
  }

  /** Played to the end of what is recorded. */
  onEnded(): void {
    if (this.phase === "ready" && this.feed?.finished) this.stop("end", null);
  }

  private stop(phase: PlayerPhase, message: string | null): void {
    this.close();
    this.setPhase(phase, message);
  }

  private setPhase(phase: PlayerPhase, message: string | null = null): void {
    if (this.phase === phase && message === null) return;
    this.phase = phase;
    this.events.onPhase(phase, message);
  }
}
