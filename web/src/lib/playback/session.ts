/**
 * Plays any number of cameras by one clock. The clock is led by one picture that moves (so that
 * sound and picture of a single camera are never bent); all others follow it. Where a camera has a
 * hole, it waits behind the hole until the clock comes; where all have one, the clock jumps over it.
 */
import { CameraPlayer, type PlayerPhase } from "./camera-player";
import { PlaybackClock } from "./clock";
import { seekAboveMs, skips } from "./follow";
import type { FetchPlaylist } from "./playlist-feed";

export type SessionEvents = {
  onPhase: (camera: string, phase: PlayerPhase, message: string | null) => void;
  onTime: (time: number) => void;
  onPlaying: (playing: boolean) => void;
  onMuted: () => void;
};

/** After a seek, those that are ready wait for the others for this long. */
const startTogetherMs = 1500;
const tellEveryMs = 100;
/** Backwards and at many times the speed, a picture that is sought for longer holds the clock. */
const longestStepMs = 250;

export class PlaybackSession {
  readonly clock = new PlaybackClock();
  private readonly players = new Map<string, CameraPlayer>();
  private focus: string | null = null;
  private muted = false;
  private hasTime = false;
  private holdUntil = 0;
  private lastTick = 0;
  private lastTold = 0;
  private told = NaN;

  constructor(
    private readonly fetchPlaylist: (camera: string) => FetchPlaylist,
    private readonly events: SessionEvents,
  ) {}

  attach(camera: string, video: HTMLVideoElement): () => void {
    const player = new CameraPlayer(camera, video, this.fetchPlaylist(camera), {
      onPhase: (phase, message) => this.events.onPhase(camera, phase, message),
      onMuted: () => this.events.onMuted(),
    });
    const abort = new AbortController();
    video.addEventListener("ended", () => player.onEnded(), { signal: abort.signal });
    this.players.set(camera, player);
    this.applySound();
    if (this.hasTime) player.seek(this.clock.time, this.clock.rate);
    return () => {
      abort.abort();
      player.close();
      if (this.players.get(camera) === player) this.players.delete(camera);
    };
  }

  /** How far each picture is ahead of the clock. */
  drifts(): Map<string, number | null> {
    return new Map(
      [...this.players].map(([camera, player]) => {
        const { wall } = player;
        return [camera, wall === null ? null : wall - this.clock.time];
      }),
    );
  }

  /** Shows the moment and plays on from there. */
  seek(time: number, play = true): void {
    this.clock.time = time;
    this.hasTime = true;
    this.holdUntil = performance.now() + startTogetherMs;
    for (const player of this.players.values()) player.seek(time, this.clock.rate);
    this.setRunning(play || this.clock.running);
    this.tell(true);
  }

  clear(): void {
    this.hasTime = false;
    this.setRunning(false);
    for (const player of this.players.values()) player.clear();
  }

  toggle(): void {
    this.setRunning(!this.clock.running);
  }

  setRunning(running: boolean): void {
    if (this.clock.running === running) return;
    if (!running) this.clock.time = this.leading()?.wall ?? this.clock.time;
    this.clock.running = running && this.hasTime;
    this.events.onPlaying(this.clock.running);
  }

  setRate(rate: number): void {
    this.clock.rate = rate;
  }

  setSound(focus: string | null, muted: boolean): void {
    this.focus = focus;
    this.muted = muted;
    this.applySound();
  }

  /** One picture on or back; `fps` of what is recorded. */
  step(direction: 1 | -1, fps: number): void {
    if (!this.hasTime) return;
    const wall = this.leading()?.wall ?? this.clock.time;
    this.setRunning(false);
    this.clock.time = wall + (direction * 1000) / Math.max(1, fps);
    this.tell(true);
  }

  tick(now: number): void {
    const ms = this.lastTick === 0 ? 0 : Math.min(longestStepMs, now - this.lastTick);
    this.lastTick = now;
    const list = [...this.players.values()];
    const isHeld = now < this.holdUntil && list.some(({ phase }) => phase === "loading");
    const isMoving = this.clock.running && !isHeld;
    const leader = isMoving ? this.advance(list, ms) : null;
    for (const player of list) {
      const isLeader = player === leader;
      player.follow(this.clock, { now, cameras: list.length, isMoving, isLeader });
    }
    if (now - this.lastTold > tellEveryMs) this.tell(false);
  }

  /** Moves the clock on; the picture that leads it, if one does. */
  private advance(list: CameraPlayer[], ms: number): CameraPlayer | null {
    if (!list.some((player) => player.isActive)) {
      this.leap(list);
      return null;
    }
    if (skips(this.clock.rate, list.length)) {
      if (list.some(({ phase }) => phase === "ready")) this.clock.advance(ms);
      return null;
    }
    const leader = this.leading();
    // Without a picture that moves, all wait for data.
    this.clock.time = leader?.wall ?? this.clock.time;
    return leader;
  }

  /** The picture that the clock keeps to: the focused one when it moves, else any that does. */
  private leading(): CameraPlayer | null {
    const alone = this.players.size === 1;
    const isNear = (player: CameraPlayer) => {
      const { wall } = player;
      const limit = seekAboveMs * Math.max(1, Math.abs(this.clock.rate));
      return wall !== null && (alone || Math.abs(wall - this.clock.time) < limit);
    };
    const able = [...this.players.values()].filter(
      (player) => (player.isSteady || (alone && player.phase === "ready")) && isNear(player),
    );
    return able.find(({ camera }) => camera === this.focus) ?? able[0] ?? null;
  }

  /** Nobody has a picture here: on to where the first of them goes on, or the end. */
  private leap(list: CameraPlayer[]): void {
    const next = list
      .map((player) => player.nextFrom(this.clock.time))
      .filter((time) => time !== null);
    if (next.length > 0 && this.clock.rate > 0) this.clock.time = Math.min(...next);
    else this.setRunning(false);
  }

  private tell(always: boolean): void {
    if (!this.hasTime || (!always && this.told === this.clock.time)) return;
    this.lastTold = this.lastTick;
    this.told = this.clock.time;
    this.events.onTime(this.clock.time);
  }

  private applySound(): void {
    for (const [camera, player] of this.players) {
      player.setMuted(this.muted || (this.focus !== null && camera !== this.focus));
    }
  }
}
