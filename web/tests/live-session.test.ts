import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LiveSession } from "@/lib/media/live-session";
import { fragment, init } from "./mp4-build";

class FakeSocket {
  static all: FakeSocket[] = [];
  binaryType = "";
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  closed = false;
  constructor(readonly url: string) {
    FakeSocket.all.push(this);
  }
  close() {
    this.closed = true;
    this.onclose?.();
  }
  send(data: unknown) {
    this.onmessage?.({ data });
  }
}

class FakeBuffer extends EventTarget {
  timestampOffset = 0;
  updating = false;
  appended: ArrayBuffer[] = [];
  removed: [number, number][] = [];
  types: string[] = [];
  end = 0;
  get buffered() {
    return { length: this.end > 0 ? 1 : 0, start: () => 0, end: () => this.end };
  }
  appendBuffer(bytes: ArrayBuffer) {
    this.appended.push(bytes);
  }
  changeType(mime: string) {
    this.types.push(mime);
  }
  remove(start: number, end: number) {
    this.removed.push([start, end]);
  }
}

class FakeSource extends EventTarget {
  static last: FakeSource | null = null;
  static isTypeSupported = (mime: string) => mime.includes("avc1");
  readyState = "open";
  buffer = new FakeBuffer();
  constructor() {
    super();
    FakeSource.last = this;
  }
  addSourceBuffer() {
    return this.buffer;
  }
}

const initText = (mime = 'video/mp4; codecs="avc1.64001f,mp4a.40.2"', codec = "h264") =>
  JSON.stringify({ type: "init", epoch: 1, mime, codec, width: 640, height: 360, fps: 15 });

function socket(): FakeSocket {
  const last = FakeSocket.all[FakeSocket.all.length - 1];
  if (!last) throw new Error("no socket");
  return last;
}

function begin() {
  const video = document.createElement("video");
  const session = new LiveSession("ws://test/live", video);
  session.start();
  return { video, session };
}

function play(): FakeBuffer {
  socket().send(initText());
  socket().send(init());
  const source = FakeSource.last;
  if (!source) throw new Error("no source");
  source.dispatchEvent(new Event("sourceopen"));
  socket().send(fragment(1, 1000 * 90_000));
  return source.buffer;
}

describe("live session", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal("WebSocket", FakeSocket);
    vi.stubGlobal("MediaSource", FakeSource);
    FakeSocket.all = [];
    FakeSource.last = null;
  });
  afterEach(() => vi.unstubAllGlobals());

  it("appends the init segment and fragments from time zero", () => {
    const { session } = begin();
    const buffer = play();
    expect(buffer.appended).toHaveLength(2);
    expect(buffer.timestampOffset).toBe(-1000);
    expect(session.getState()).toMatchObject({ codec: "h264", width: 640, hasAudio: true });
    session.close();
  });

  it("waits for an append to end before the next", () => {
    const { session } = begin();
    const buffer = play();
    buffer.updating = true;
    socket().send(fragment(1, 1001 * 90_000));
    expect(buffer.appended).toHaveLength(2);
    buffer.updating = false;
    buffer.dispatchEvent(new Event("updateend"));
    expect(buffer.appended).toHaveLength(3);
    session.close();
  });

  it("reports the first picture", () => {
    const { session, video } = begin();
    const seen = vi.fn();
    session.subscribe(seen);
    play();
    video.dispatchEvent(new Event("loadeddata"));
    expect(session.getState().phase).toBe("playing");
    expect(session.getState().firstFrameMs).not.toBeNull();
    expect(seen).toHaveBeenCalled();
    session.close();
  });

  it("changes the type when a new epoch brings another codec", () => {
    const { session } = begin();
    const buffer = play();
    socket().send(initText('video/mp4; codecs="avc1.42e01e"'));
    socket().send(init());
    expect(buffer.types).toEqual(['video/mp4; codecs="avc1.42e01e"']);
    session.close();
  });

  it("gives up on a format without a decoder", () => {
    const { session } = begin();
    socket().send(initText('video/mp4; codecs="hvc1.1.6.L120.90"', "h265"));
    expect(session.getState()).toMatchObject({ phase: "unsupported", codec: "h265" });
    expect(socket().closed).toBe(true);
    session.close();
  });

  it("steers towards live and trims", () => {
    const { session, video } = begin();
    const buffer = play();
    video.dispatchEvent(new Event("loadeddata"));
    buffer.end = 1.5;
    vi.advanceTimersByTime(200);
    expect(video.currentTime).toBeCloseTo(1.25);
    buffer.end = 1.7;
    vi.advanceTimersByTime(200);
    expect(video.playbackRate).toBe(1.1);
    buffer.end = 30;
    video.currentTime = 0;
    vi.advanceTimersByTime(200);
    expect(video.currentTime).toBeCloseTo(29.75);
    vi.advanceTimersByTime(200);
    expect(buffer.removed[0]?.[1]).toBeCloseTo(25.75);
    session.close();
  });

  it("connects again after a loss, and again after silence", () => {
    const { session } = begin();
    play();
    socket().close();
    expect(session.getState().phase).toBe("waiting");
    vi.advanceTimersByTime(1000);
    expect(FakeSocket.all).toHaveLength(2);
    vi.advanceTimersByTime(12_000);
    expect(FakeSocket.all.length).toBeGreaterThan(2);
    session.close();
    const count = FakeSocket.all.length;
    vi.advanceTimersByTime(30_000);
    expect(FakeSocket.all).toHaveLength(count);
  });

  it("shows the camera's words and recovers when pictures come again", () => {
    const { session } = begin();
    play();
    socket().send('{"type":"status","status":"offline","error":"No answer."}');
    expect(session.getState()).toMatchObject({ phase: "waiting", message: "No answer." });
    socket().send(fragment(1, 1001 * 90_000));
    expect(session.getState()).toMatchObject({ phase: "playing", message: null });
    socket().send('{"type":"gap","dropped":7}');
    expect(session.getState().droppedFrames).toBe(7);
    socket().send('{"type":"error","code":"offline","message":"Off."}');
    expect(session.getState().message).toBe("Off.");
    socket().send('{"type":"error","code":"unsupported","message":"MJPEG."}');
    expect(session.getState().phase).toBe("unsupported");
    session.close();
  });

  it("rests while the tab is hidden", () => {
    const { session } = begin();
    play();
    session.pause();
    expect(session.getState().phase).toBe("paused");
    expect(socket().closed).toBe(true);
    session.resume();
    expect(FakeSocket.all).toHaveLength(2);
    session.close();
  });

  it("says so when the browser has no MediaSource", () => {
    vi.stubGlobal("MediaSource", undefined);
    const { session } = begin();
    expect(session.getState().phase).toBe("unsupported");
    session.close();
  });
});
