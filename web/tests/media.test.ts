import { afterEach, describe, expect, it, vi } from "vitest";
import { parseLiveMessage } from "@/lib/media/live-messages";
import { decideLive, livePolicy, reconnectDelay, toRanges } from "@/lib/media/live-policy";
import { readBoxes, readFragmentTime, readTracks } from "@/lib/media/mp4";
import { canPlayCodec, canPlayMime } from "@/lib/media/mse";
import { mediaToWall, wallToMedia } from "@/lib/media/playlist-clock";
import { RateMeter } from "@/lib/media/rate-meter";
import { ascii, box, buffer, fragment, init } from "./mp4-build";

describe("mp4", () => {
  const tracks = readTracks(init());

  it("reads the tracks of an init segment", () => {
    expect(tracks).toEqual([
      { id: 1, timescale: 90_000, kind: "video" },
      { id: 2, timescale: 16_000, kind: "audio" },
    ]);
  });

  it("reads the time of a fragment, wall clock and all", () => {
    const seconds = 1_795_000_000.5;
    expect(readFragmentTime(fragment(1, seconds * 90_000), tracks)?.seconds).toBe(seconds);
    expect(readFragmentTime(fragment(2, 32_000, 0), tracks)?.seconds).toBe(2);
  });

  it("takes nothing for granted", () => {
    expect(readFragmentTime(fragment(7, 1), tracks)).toBeNull();
    expect(readFragmentTime(buffer(box("mdat", [1])), tracks)).toBeNull();
    expect(readTracks(new ArrayBuffer(3))).toEqual([]);
    expect(readTracks(buffer(box("moov", box("trak", box("tkhd", [0])))))).toEqual([]);
    const cut = fragment(1, 90_000).slice(0, 40);
    expect(readFragmentTime(cut, tracks)).toBeNull();
  });

  it("knows long boxes, boxes to the end, and broken lengths", () => {
    const long = [0, 0, 0, 1, ...ascii("free"), 0, 0, 0, 0, 0, 0, 0, 20, 1, 2, 3, 4];
    expect(readBoxes(new DataView(Uint8Array.from(long).buffer))).toEqual([
      { type: "free", start: 16, end: 20 },
    ]);
    const open = Uint8Array.from([0, 0, 0, 0, 109, 100, 97, 116, 9, 9]);
    expect(readBoxes(new DataView(open.buffer))[0]).toMatchObject({ type: "mdat", end: 10 });
    const broken = Uint8Array.from([0, 0, 0, 99, 109, 100, 97, 116]);
    expect(readBoxes(new DataView(broken.buffer))).toEqual([]);
  });
});

describe("live policy", () => {
  const decide = (time: number, rate: number, ...ranges: [number, number][]) =>
    decideLive(
      time,
      rate,
      ranges.map(([start, end]) => ({ start, end })),
    );

  it("does nothing without a buffer", () => {
    expect(decide(0, 1)).toEqual({ rate: 1, seek: null, trim: null });
  });

  it("hurries when late, dawdles when early, else keeps pace", () => {
    expect(decide(9.5, 1, [0, 10]).rate).toBe(livePolicy.fast);
    expect(decide(9.95, 1, [0, 10]).rate).toBe(livePolicy.slow);
    expect(decide(9.75, 1, [0, 10]).rate).toBe(1);
  });

  it("does not flutter at the edges of the band", () => {
    expect(decide(9.7, 1.1, [0, 10]).rate).toBe(livePolicy.fast);
    expect(decide(9.8, 1.1, [0, 10]).rate).toBe(1);
    expect(decide(9.8, 0.95, [0, 10]).rate).toBe(livePolicy.slow);
  });

  it("jumps when far behind, and over holes", () => {
    expect(decide(5, 1, [0, 10]).seek).toBeCloseTo(9.75);
    expect(decide(3.5, 1, [0, 3], [4, 5]).seek).toBeCloseTo(4.001);
    expect(decide(0, 1, [0.5, 1]).seek).toBeCloseTo(0.501);
    expect(decide(10, 1, [0, 10]).seek).toBeNull();
  });

  it("trims what was played, in steps", () => {
    expect(decide(9.8, 1, [0, 10]).trim).toBeNull();
    expect(decide(19.8, 1, [0, 20]).trim).toEqual({ start: 0, end: 15.8 });
  });

  it("backs off, with jitter, up to eight seconds", () => {
    expect(reconnectDelay(0, () => 0.5)).toBe(500);
    expect(reconnectDelay(3, () => 0.5)).toBe(4000);
    expect(reconnectDelay(30, () => 1)).toBe(10_000);
  });

  it("reads the browser's ranges", () => {
    const list = { length: 1, start: () => 1, end: () => 2 };
    expect(toRanges(list)).toEqual([{ start: 1, end: 2 }]);
  });
});

describe("live messages", () => {
  it("reads what it knows", () => {
    const init = parseLiveMessage(
      '{"type":"init","epoch":2,"mime":"video/mp4","codec":"h264","width":1}',
    );
    expect(init).toMatchObject({ type: "init", epoch: 2, mime: "video/mp4", fps: 0 });
    expect(parseLiveMessage('{"type":"gap","dropped":4}')).toEqual({ type: "gap", dropped: 4 });
    expect(parseLiveMessage('{"type":"status","status":"offline","error":"gone"}')).toEqual({
      type: "status",
      status: "offline",
      error: "gone",
    });
    expect(parseLiveMessage('{"type":"error","code":"offline","message":"x"}')).toMatchObject({
      code: "offline",
    });
  });

  it("ignores the rest", () => {
    expect(parseLiveMessage('{"type":"news"}')).toBeNull();
    expect(parseLiveMessage("[")).toBeNull();
    expect(parseLiveMessage("null")).toBeNull();
  });
});

describe("rates", () => {
  it("measures frames and bits per second", () => {
    const meter = new RateMeter(3000);
    for (let i = 0; i <= 30; i++) meter.add(i * 66.667, 10_000, 1);
    const { fps, bitrate } = meter.read(2000);
    expect(fps).toBeCloseTo(15, 0);
    expect(bitrate).toBeCloseTo(1_200_000, -4);
  });

  it("forgets", () => {
    const meter = new RateMeter(1000);
    meter.add(0, 1, 1);
    meter.add(500, 1, 1);
    expect(meter.read(5000)).toEqual({ fps: 0, bitrate: 0 });
    meter.add(6000, 1, 1);
    meter.reset();
    expect(meter.read(6000)).toEqual({ fps: 0, bitrate: 0 });
  });
});

describe("playlist clock", () => {
  const list = [
    { start: 0, duration: 2, programDateTime: 10_000 },
    { start: 2, duration: 2, programDateTime: 12_000 },
    // A hole of a minute in the wall clock, none in the playlist.
    { start: 4, duration: 2, programDateTime: 74_000 },
  ];

  it("maps media time to the wall", () => {
    expect(mediaToWall(list, 1)).toBe(11_000);
    expect(mediaToWall(list, 4.5)).toBe(74_500);
    expect(mediaToWall(list, 99)).toBe(76_000);
    expect(mediaToWall([], 1)).toBeNull();
  });

  it("maps the wall to media time, over the hole", () => {
    expect(wallToMedia(list, 13_000)).toBe(3);
    expect(wallToMedia(list, 40_000)).toBe(4);
    expect(wallToMedia(list, 1)).toBe(0);
    expect(wallToMedia(list, 76_000)).toBeNull();
  });
});

describe("decoders", () => {
  afterEach(() => vi.unstubAllGlobals());

  it("plays nothing without MediaSource", () => {
    expect(canPlayMime("video/mp4")).toBe(false);
    expect(canPlayCodec("h264")).toBe(false);
  });

  it("asks the browser", () => {
    vi.stubGlobal("MediaSource", { isTypeSupported: (mime: string) => mime.includes("avc1") });
    expect(canPlayCodec("h264", "avc1.64001f")).toBe(true);
    expect(canPlayCodec("h265", "hvc1.1.6.L120.90")).toBe(false);
    expect(canPlayCodec("h265")).toBe(false);
    expect(canPlayCodec("mjpeg")).toBe(false);
    expect(canPlayCodec("h264")).toBe(true);
    expect(canPlayCodec(null)).toBe(true);
  });
});
