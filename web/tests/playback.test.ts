import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { shuttle } from "@/features/recordings/use-playback-keys";
import { keyFrameAt, nextWall, runEnd, type ClockFragment } from "@/lib/media/playlist-clock";
import { bufferSeconds, correction, skips } from "@/lib/playback/follow";
import { feedLoader } from "@/lib/playback/feed-loader";
import { leadMs, parseWindow, PlaylistFeed, windowMs } from "@/lib/playback/playlist-feed";
import { PlaybackSession } from "@/lib/playback/session";
import { FakeHls } from "./fake-hls";
import { FakeVideo } from "./fake-video";
import { playlistText } from "./server";

vi.mock("hls.js", async () => ({ default: (await import("./fake-hls")).FakeHls }));

const hour = 3_600_000;
const zero = Date.UTC(2026, 10, 20, 12);

/** Recorded from `from` to `to`, as a server's playlists. */
const recorded =
  (...spans: [number, number][]) =>
  (start: number, end: number) => {
    const parts = spans.flatMap(([from, to]) => playlistText(from, to, start, end) ?? []);
    return Promise.resolve(parts.length > 0 ? parts.join("\n") : null);
  };

describe("a growing playlist", () => {
  it("joins windows, and ends when nothing follows", async () => {
    const fetch = vi.fn(recorded([zero, zero + 3 * hour]));
    const feed = new PlaylistFeed(fetch);
    await feed.open(zero + 10 * 60_000);
    expect(feed.start).toBe(zero + 10 * 60_000 - leadMs);
    expect(feed.end).toBe(feed.start + windowMs);
    expect(feed.text).not.toContain("ENDLIST");
    await Promise.all([feed.extend(), feed.extend()]);
    expect(fetch).toHaveBeenCalledTimes(2);
    expect(feed.end).toBe(zero + 3 * hour);
    expect(feed.text.match(/#EXT-X-DISCONTINUITY/g)).toHaveLength(1);
    expect(feed.text.match(/#EXTM3U/g)).toHaveLength(1);
    await feed.extend();
    expect(feed.finished).toBe(true);
    expect(feed.text.trimEnd().endsWith("#EXT-X-ENDLIST")).toBe(true);
    await feed.extend();
    feed.close();
  });

  it("finds what follows a long hole, and lists it finely", async () => {
    const fetch = vi.fn(recorded([zero + 5 * hour, zero + 9 * hour]));
    const feed = new PlaylistFeed(fetch);
    await feed.open(zero);
    expect(feed.isEmpty).toBe(false);
    expect(feed.end).toBe(zero + 7 * hour);
    expect(fetch.mock.calls.at(-1)?.slice(0, 2)).toEqual([zero + 5 * hour, zero + 7 * hour]);
  });

  it("knows that nothing was recorded at all", async () => {
    const feed = new PlaylistFeed(() => Promise.resolve(null));
    await feed.open(zero);
    expect([feed.isEmpty, feed.finished]).toEqual([true, true]);
    expect(parseWindow("#EXTM3U\n")).toBeNull();
  });

  it("is read by hls.js as often as it likes", async () => {
    const feed = new PlaylistFeed(recorded([zero, zero + hour]));
    await feed.open(zero);
    const Loader = feedLoader(feed);
    const loader = new Loader({} as never);
    const onSuccess = vi.fn();
    const load = () => loader.load({ url: "feed:a" } as never, {} as never, { onSuccess } as never);
    load();
    await Promise.resolve();
    expect(onSuccess.mock.calls[0]?.[0]).toMatchObject({ data: feed.text });
    load();
    loader.abort();
    loader.destroy();
    await Promise.resolve();
    expect(onSuccess).toHaveBeenCalledTimes(1);
  });
});

describe("clocks and rules", () => {
  const fragments: ClockFragment[] = [
    { start: 0, duration: 10, programDateTime: zero },
    { start: 10, duration: 10, programDateTime: zero + 10_000 },
    { start: 20, duration: 10, programDateTime: zero + 60_000 },
  ];

  it("knows holes", () => {
    expect(runEnd(fragments, zero + 5_000)).toBe(zero + 20_000);
    expect(runEnd(fragments, zero + 30_000)).toBeNull();
    expect(runEnd(fragments, zero - 1)).toBeNull();
    expect(runEnd(fragments, zero + 61_000)).toBe(zero + 70_000);
    expect(nextWall(fragments, zero + 30_000)).toBe(zero + 60_000);
    expect(nextWall(fragments, zero + 3_000)).toBe(zero + 3_000);
    expect(nextWall(fragments, zero + 80_000)).toBeNull();
    expect(keyFrameAt(fragments, zero + 15_000)).toBe(10);
  });

  it("corrects gently, buffers by speed, skips where a browser cannot play", () => {
    expect(correction(10)).toBe(1);
    expect(correction(100)).toBeCloseTo(0.9);
    expect(correction(-500)).toBeCloseTo(1.15);
    expect([bufferSeconds(0.5), bufferSeconds(4), bufferSeconds(-16)]).toEqual([30, 120, 300]);
    expect([skips(16, 1), skips(8, 3), skips(-1, 1), skips(4, 4)]).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  it("shuttles", () => {
    expect(shuttle(1, false, 1)).toBe(1);
    expect(shuttle(1, true, 1)).toBe(2);
    expect(shuttle(16, true, 1)).toBe(16);
    expect(shuttle(4, true, -1)).toBe(-1);
    expect(shuttle(-1, true, -1)).toBe(-2);
    expect(shuttle(0.25, true, 1)).toBe(1);
  });
});

describe("cameras by one clock", () => {
  let now = 0;
  const videos = new Map<string, FakeVideo>();
  const phases: string[] = [];
  const times: number[] = [];
  let session: PlaybackSession;

  beforeEach(() => {
    FakeHls.all = [];
    videos.clear();
    phases.length = 0;
    times.length = 0;
    now = 10_000;
    vi.spyOn(performance, "now").mockImplementation(() => now);
    session = new PlaybackSession(() => recorded([zero - hour, zero + hour]), {
      onPhase: (camera, phase) => phases.push(`${camera} ${phase}`),
      onTime: (time) => times.push(time),
      onPlaying: () => undefined,
      onMuted: () => undefined,
    });
  });
  afterEach(() => vi.restoreAllMocks());

  const settle = async () => {
    for (let i = 0; i < 20; i++) await Promise.resolve();
  };

  async function attach(camera: string, fragments: ClockFragment[]) {
    const video = new FakeVideo();
    videos.set(camera, video);
    const detach = session.attach(camera, video.asElement());
    await settle();
    FakeHls.last().parsed(fragments);
    FakeHls.last().emit("buffered");
    return { video, detach };
  }

  /** Lets `ms` pass, a picture of the screen at a time. */
  function pass(ms: number) {
    for (let i = 0; i < ms; i += 20) {
      now += 20;
      for (const video of videos.values()) video.advance(20);
      session.tick(now);
    }
  }

  const whole = [{ start: 0, duration: 3600, programDateTime: zero }];
  const drift = (camera: string) => Math.abs(session.drifts().get(camera) ?? Infinity);

  it("keeps two pictures together that begin apart", async () => {
    session.seek(zero + 60_000);
    const a = await attach("a", whole);
    const b = await attach("b", whole);
    expect(a.video.currentTime).toBe(60);
    pass(1000);
    b.video.currentTime -= 0.4;
    expect(drift("b")).toBeGreaterThan(300);
    pass(4000);
    expect(drift("b")).toBeLessThan(25);
    expect(a.video.playbackRate).toBe(1);
    expect(session.clock.time).toBeGreaterThan(zero + 64_000);
    // Far off: a seek, not a chase.
    const { seeks } = b.video;
    b.video.currentTime += 8;
    pass(1000);
    expect(b.video.seeks).toBeGreaterThan(seeks + 1);
    expect(drift("b")).toBeLessThan(200);
    expect(times.length).toBeGreaterThan(20);
  });

  it("lets another lead when the focused one stalls, and waits when all do", async () => {
    session.seek(zero);
    const a = await attach("a", whole);
    const b = await attach("b", whole);
    session.setSound("a", false);
    expect([a.video.muted, b.video.muted]).toEqual([false, true]);
    a.video.readyState = 1;
    pass(2000);
    expect(session.clock.time - zero).toBeGreaterThan(1500);
    b.video.readyState = 1;
    const stood = session.clock.time;
    pass(1000);
    expect(session.clock.time).toBe(stood);
    a.video.readyState = b.video.readyState = 4;
    pass(3000);
    expect(drift("a")).toBeLessThan(50);
    a.detach();
    expect(session.drifts().has("a")).toBe(false);
  });

  it("waits behind a hole and joins again; jumps where all have one", async () => {
    const holed = [
      { start: 0, duration: 30, programDateTime: zero },
      { start: 30, duration: 600, programDateTime: zero + 40_000 },
    ];
    session.seek(zero + 28_000);
    await attach("a", holed);
    const b = await attach("b", [{ start: 0, duration: 35, programDateTime: zero }]);
    pass(4000);
    expect(phases.at(-1)).toBe("a gap");
    expect(session.clock.time - zero).toBeGreaterThan(31_000);
    expect(session.clock.time - zero).toBeLessThan(33_000);
    pass(4000);
    expect(phases).toContain("b gap");
    expect(phases.at(-1)).toBe("a ready");
    expect(session.clock.time - zero).toBeGreaterThan(40_000);
    b.detach();
    pass(500);
    expect(session.clock.running).toBe(true);
  });

  it("skips by key frames at speeds that cannot be played, and backwards", async () => {
    const groups = Array.from({ length: 600 }, (_, i) => ({
      start: i * 2,
      duration: 2,
      programDateTime: zero + i * 2000,
    }));
    session.seek(zero + 100_000);
    const { video } = await attach("a", groups);
    await attach("b", groups);
    session.setRate(16);
    pass(2000);
    expect(session.clock.time - zero).toBeCloseTo(132_000, -3);
    expect(video.paused).toBe(true);
    expect(video.currentTime % 2).toBe(0);
    session.setRate(-1);
    pass(1000);
    expect(session.clock.time - zero).toBeCloseTo(131_000, -3);
    session.toggle();
    session.step(-1, 10);
    const at = session.clock.time;
    pass(300);
    expect(session.clock.time).toBe(at);
    expect(drift("a")).toBeLessThan(20);
    session.clear();
    expect(phases.at(-1)).toBe("b idle");
    session.step(1, 10);
    session.toggle();
    expect(session.clock.running).toBe(false);
  });
});
