import { describe, expect, it } from "vitest";
import * as f from "@/lib/format";

describe("format", () => {
  it("bitrates", () => {
    expect(f.formatBitrate(2_140_000)).toBe("2.1 Mbit/s");
    expect(f.formatBitrate(302_400)).toBe("302 kbit/s");
    expect(f.formatBitrate(0)).toBe("–");
    expect(f.formatBitrate(null)).toBe("–");
  });

  it("bytes", () => {
    expect(f.formatBytes(0)).toBe("0 B");
    expect(f.formatBytes(999)).toBe("999 B");
    expect(f.formatBytes(2_600_000)).toBe("2.6 MB");
    expect(f.formatBytes(712e9)).toBe("712 GB");
    expect(f.formatBytes(undefined)).toBe("–");
    expect(f.formatBytes(-1)).toBe("–");
  });

  it("frame rates, sizes and codecs", () => {
    expect(f.formatFps(14.97)).toBe("15 fps");
    expect(f.formatFps(7.5)).toBe("7.5 fps");
    expect(f.formatFps(0)).toBe("–");
    expect(f.formatSize(1920, 1080)).toBe("1920×1080");
    expect(f.formatSize(0, 0)).toBe("–");
    expect(f.formatCodec("hevc")).toBe("H.265");
    expect(f.formatCodec("vp9")).toBe("VP9");
    expect(f.formatCodec(null)).toBe("–");
  });

  it("durations", () => {
    expect(f.formatDuration(12_400)).toBe("12 s");
    expect(f.formatDuration(185_000)).toBe("3 min 5 s");
    expect(f.formatDuration(25 * 60_000 + 5_000)).toBe("25 min");
    expect(f.formatDuration(4 * 3_600_000 + 12 * 60_000)).toBe("4 h 12 min");
    expect(f.formatDuration(2 * 86_400_000 + 3 * 3_600_000)).toBe("2 d 3 h");
    expect(f.formatDuration(86_400_000)).toBe("1 d");
    expect(f.formatDuration(3_600_000)).toBe("1 h");
    expect(f.formatDuration(null)).toBe("–");
  });

  it("ages", () => {
    const now = Date.now();
    expect(f.formatAgo(null, now)).toBe("never");
    expect(f.formatAgo(now - 1_000, now)).toBe("just now");
    expect(f.formatAgo(now - 12_000, now)).toBe("12 s ago");
    expect(f.formatAgo(now - 200_000, now)).toBe("3 min ago");
    expect(f.formatAgo(now - 7_300_000, now)).toBe("2 h ago");
    expect(f.formatAgo(now - 200_000_000, now)).toContain(",");
  });

  it("clock, percent, plural", () => {
    const time = new Date(2026, 10, 20, 4, 3, 9).getTime();
    expect(f.formatClock(time)).toBe("04:03:09");
    expect(f.formatDateTime(time, "en-GB")).toMatch(/^Fri,? 20 Nov, 04:03:09$/);
    expect(f.formatPercent(1, 4)).toBe("25 %");
    expect(f.formatPercent(1, 0)).toBe("–");
    expect(f.plural(1, "camera")).toBe("1 camera");
    expect(f.plural(2, "camera")).toBe("2 cameras");
  });
});
