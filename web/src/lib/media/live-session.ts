/**
 * One live stream in one <video>: a WebSocket feeds a MediaSource. Owns both, reconnects by itself,
 * holds the playhead near the newest frame, and publishes a snapshot of its state for the UI.
 */
import { decideLive, livePolicy, reconnectDelay, startPolicy, toRanges } from "./live-policy";
import { parseLiveMessage, type LiveMessage } from "./live-messages";
import { readFragmentTime, readTracks, type Track } from "./mp4";
import { canPlayMime, mediaSourceType } from "./mse";
import { RateMeter } from "./rate-meter";

export type LivePhase = "connecting" | "playing" | "waiting" | "paused" | "unsupported" | "closed";

export type LiveState = {
  phase: LivePhase;
  /** Words for the viewer: why there is no picture. */
  message: string | null;
  codec: string | null;
  width: number;
  height: number;
  fps: number;
  bitrate: number;
  /** Milliseconds behind the camera; null while unknown. */
  latencyMs: number | null;
  /** From the start of the session to its first picture. */
  firstFrameMs: number | null;
  hasAudio: boolean;
  droppedFrames: number;
};

const initial: LiveState = {
  phase: "connecting",
  message: null,
  codec: null,
  width: 0,
  height: 0,
  fps: 0,
  bitrate: 0,
  latencyMs: null,
  firstFrameMs: null,
  hasAudio: false,
  droppedFrames: 0,
};

const queueLimit = 600;
const silenceMs = 10_000;
const tickMs = 200;
const startMs = 3_000;

export class LiveSession {
  private state = initial;
  private readonly listeners = new Set<() => void>();
  private readonly meter = new RateMeter();
  private readonly startedAt = performance.now();
  private socket: WebSocket | null = null;
  private source: MediaSource | null = null;
  private buffer: SourceBuffer | null = null;
  private objectUrl: string | null = null;
  /** What waits to be appended; an init segment carries its type, for changeType(). */
  private queue: { bytes: ArrayBuffer; mime?: string }[] = [];
  private bufferMime: string | null = null;
  private tracks: Track[] = [];
  private mime: string | null = null;
  private awaitingInit = false;
  /** Wall clock of media time zero, seconds; null until the first fragment. */
  private origin: number | null = null;
  private attempt = 0;
  private lastDataAt = 0;
  private mediaMs = 0;
  private connectedAt = 0;
  private timer: ReturnType<typeof setInterval> | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly url: string,
    private readonly video: HTMLVideoElement,
  ) {}

  getState = (): LiveState => this.state;

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  start(): void {
    if (!mediaSourceType()) {
      this.set({ phase: "unsupported", message: "This browser cannot play live video." });
      return;
    }
    this.timer = setInterval(() => this.tick(), tickMs);
    this.connect();
  }

  /** Lets go of the connection, as when the tab is hidden; resume() starts over. */
  pause(): void {
    if (this.state.phase === "closed" || this.state.phase === "unsupported") return;
    this.disconnect();
    this.set({ phase: "paused", message: null });
  }

  resume(): void {
    if (this.state.phase !== "paused") return;
    this.set({ phase: "connecting" });
    this.connect();
  }

  close(): void {
    clearInterval(this.timer);
    this.disconnect();
    this.dropSource();
    this.set({ phase: "closed" });
    this.listeners.clear();
  }

  private set(change: Partial<LiveState>): void {
    this.state = { ...this.state, ...change };
    for (const listener of this.listeners) listener();
  }

  private connect(): void {
    this.resetMedia();
    this.lastDataAt = performance.now();
    this.connectedAt = this.lastDataAt;
    const socket = new WebSocket(this.url);
    socket.binaryType = "arraybuffer";
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => {
      if (this.socket !== socket) return;
      this.lastDataAt = performance.now();
      if (typeof event.data === "string") this.onText(event.data);
      else this.onBinary(event.data);
    };
    socket.onclose = () => {
      if (this.socket === socket) this.reconnect();
    };
    this.socket = socket;
  }

  private disconnect(): void {
    clearTimeout(this.retry);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  private reconnect(): void {
    if (this.state.phase === "closed" || this.state.phase === "unsupported") return;
    this.disconnect();
    this.set({
      phase: "waiting",
      latencyMs: null,
      message: this.state.message ?? "The connection was lost. Trying again…",
    });
    this.retry = setTimeout(() => this.connect(), reconnectDelay(this.attempt++));
  }

  private onText(data: string): void {
    const message = parseLiveMessage(data);
    if (message) this.onMessage(message);
  }

  private onMessage(message: LiveMessage): void {
    switch (message.type) {
      case "init":
        this.onInit(message);
        break;
      case "gap":
        this.set({ droppedFrames: this.state.droppedFrames + message.dropped });
        break;
      case "status":
        if (message.status !== "online") {
          this.set({ phase: "waiting", message: message.error ?? "The camera is offline." });
        }
        break;
      case "error":
        if (message.code === "unsupported") this.giveUp(message.message);
        else this.set({ phase: "waiting", message: message.message });
        break;
    }
  }

  private giveUp(message: string): void {
    this.disconnect();
    this.dropSource();
    this.set({ phase: "unsupported", message });
  }

  private onInit(message: Extract<LiveMessage, { type: "init" }>): void {
    const { codec, width, height, mime } = message;
    this.set({ codec, width, height, hasAudio: /mp4a|opus/i.test(mime) });
    if (!canPlayMime(mime)) {
      this.giveUp("This browser cannot play the camera's video format.");
      return;
    }
    this.mime = mime;
    this.awaitingInit = true;
    if (!this.source) this.openSource();
  }

  private openSource(): void {
    const Type = mediaSourceType();
    if (!Type) return;
    const source = new Type();
    this.source = source;
    this.video.disableRemotePlayback = true;
    this.objectUrl = URL.createObjectURL(source);
    source.addEventListener("sourceopen", () => {
      if (this.source !== source || !this.mime) return;
      this.buffer = source.addSourceBuffer(this.mime);
      this.bufferMime = this.mime;
      this.buffer.addEventListener("updateend", () => this.pump());
      this.pump();
    });
    this.video.src = this.objectUrl;
    this.watchFirstFrame();
  }

  private dropSource(): void {
    this.buffer = null;
    this.source = null;
    if (this.objectUrl) {
      URL.revokeObjectURL(this.objectUrl);
      this.objectUrl = null;
      this.video.removeAttribute("src");
      this.video.load();
    }
  }

  private resetMedia(): void {
    this.queue = [];
    this.tracks = [];
    this.origin = null;
    this.awaitingInit = false;
    this.meter.reset();
    this.dropSource();
  }

  private onBinary(bytes: ArrayBuffer): void {
    if (this.awaitingInit) {
      this.awaitingInit = false;
      this.tracks = readTracks(bytes);
      this.queue.push({ bytes, mime: this.mime ?? "" });
    } else {
      const time = readFragmentTime(bytes, this.tracks);
      if (!time) return;
      // Measured on the camera's clock: what was held back for us arrives all at once.
      this.mediaMs = time.seconds * 1000;
      this.meter.add(this.mediaMs, bytes.byteLength, time.track.kind === "video" ? 1 : 0);
      this.origin ??= time.seconds;
      this.queue.push({ bytes });
      if (this.state.phase === "waiting" && this.buffer) {
        this.set({ phase: "playing", message: null });
      }
    }
    if (this.queue.length > queueLimit) this.reconnect();
    else this.pump();
  }

  private pump(): void {
    const { buffer, source } = this;
    if (!buffer || source?.readyState !== "open" || buffer.updating) return;
    const next = this.queue[0];
    if (!next) return;
    try {
      if (next.mime && next.mime !== this.bufferMime) {
        buffer.changeType(next.mime);
        this.bufferMime = next.mime;
      }
      // An init segment may come before the origin is known; it carries no time.
      if (this.origin !== null && buffer.timestampOffset !== -this.origin) {
        buffer.timestampOffset = -this.origin;
      }
      buffer.appendBuffer(next.bytes);
      this.queue.shift();
    } catch (error) {
      if (error instanceof DOMException && error.name === "QuotaExceededError") this.trimAll();
      else this.reconnect();
    }
  }

  private trimAll(): void {
    const until = this.video.currentTime - 1;
    if (this.buffer && !this.buffer.updating && until > 0) this.buffer.remove(0, until);
  }

  private watchFirstFrame(): void {
    const seen = () => {
      this.attempt = 0;
      this.set({
        phase: "playing",
        message: null,
        firstFrameMs: this.state.firstFrameMs ?? Math.round(performance.now() - this.startedAt),
      });
    };
    if ("requestVideoFrameCallback" in this.video) this.video.requestVideoFrameCallback(seen);
    else (this.video as HTMLVideoElement).addEventListener("loadeddata", seen, { once: true });
  }

  private tick(): void {
    if (this.state.phase === "paused" || this.state.phase === "unsupported") return;
    const now = performance.now();
    if (this.socket && now - this.lastDataAt > silenceMs) {
      this.set({ message: this.state.message ?? "The camera sends nothing. Trying again…" });
      this.reconnect();
      return;
    }
    this.steer();
    this.publish(now);
  }

  /** Keeps the playhead near the newest frame and the buffer small. */
  private steer(): void {
    const { buffer, video } = this;
    if (!buffer || this.source?.readyState !== "open") return;
    if (video.error) {
      this.reconnect();
      return;
    }
    const young = performance.now() - this.connectedAt < startMs;
    const action = decideLive(
      video.currentTime,
      video.playbackRate,
      toRanges(buffer.buffered),
      young ? startPolicy : livePolicy,
    );
    if (action.seek !== null) video.currentTime = action.seek;
    if (video.playbackRate !== action.rate) video.playbackRate = action.rate;
    if (action.trim && !buffer.updating) buffer.remove(action.trim.start, action.trim.end);
    if (video.paused && video.readyState >= 2) void video.play().catch(() => undefined);
  }

  private publish(now: number): void {
    if (this.state.phase !== "playing") return;
    const { fps, bitrate } = this.meter.read(this.mediaMs);
    const stalled = now - this.lastDataAt > 3_000;
    this.set({
      fps: stalled ? 0 : fps,
      bitrate: stalled ? 0 : bitrate,
      latencyMs: stalled ? null : this.latency(),
      width: this.video.videoWidth || this.state.width,
      height: this.video.videoHeight || this.state.height,
    });
  }

  /**
   * Now minus the time of the frame on screen. When the two clocks disagree, which shows as a
   * time in the future or minutes ago, what is buffered is all that can be told.
   */
  private latency(): number | null {
    if (this.origin === null) return null;
    const byClock = Date.now() - (this.origin + this.video.currentTime) * 1000;
    if (byClock >= 0 && byClock < 15_000) return byClock;
    const { buffered } = this.video;
    if (buffered.length === 0) return null;
    return Math.max(0, (buffered.end(buffered.length - 1) - this.video.currentTime) * 1000);
  }
}
