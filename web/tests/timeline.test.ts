import { describe, expect, it } from "vitest";
import type { Range } from "@/lib/api/types";
import { gapsOf, nextRecorded, rangeAt, recordedMs, toRanges } from "@/lib/timeline/ranges";
import {
  chooseStep,
  clampView,
  follow,
  initialView,
  minSpan,
  panBy,
  ticks,
  toTime,
  toX,
  zoomAt,
} from "@/lib/timeline/view";

const ranges: Range[] = [
  [100, 200],
  [300, 400],
];

describe("ranges", () => {
  it("drops what is no range", () => {
    expect(toRanges([[1, 2], [3], [5, 5], []])).toEqual([[1, 2]]);
    expect(toRanges(undefined)).toEqual([]);
  });

  it("finds the range of a moment, half open", () => {
    expect(rangeAt(ranges, 100)).toEqual([100, 200]);
    expect(rangeAt(ranges, 200)).toBeNull();
  });

  it("jumps over gaps", () => {
    expect(nextRecorded(ranges, 50)).toBe(100);
    expect(nextRecorded(ranges, 150)).toBe(150);
    expect(nextRecorded(ranges, 200)).toBe(300);
    expect(nextRecorded(ranges, 400)).toBeNull();
  });

  it("tells the gaps and the sum", () => {
    expect(gapsOf(ranges, 0, 500)).toEqual([
      [0, 100],
      [200, 300],
      [400, 500],
    ]);
    expect(gapsOf(ranges, 120, 180)).toEqual([]);
    expect(gapsOf([], 0, 10)).toEqual([[0, 10]]);
    expect(recordedMs(ranges)).toBe(200);
  });
});

describe("view", () => {
  const day = { start: 0, end: 86_400_000 };

  it("maps both ways", () => {
    expect(toX(day, 1000, 43_200_000)).toBe(500);
    expect(toTime(day, 1000, 250)).toBe(21_600_000);
  });

  it("keeps the anchor in place when zooming", () => {
    const anchor = 30_000_000;
    const view = zoomAt(day, 0.25, anchor, day);
    expect(view.end - view.start).toBeCloseTo(21_600_000);
    expect(toX(view, 1000, anchor)).toBeCloseTo(toX(day, 1000, anchor));
  });

  it("zooms neither below a minute nor beyond the bounds", () => {
    const near = zoomAt(day, 1e-9, 1_000_000, day);
    expect(near.end - near.start).toBeCloseTo(minSpan);
    expect(zoomAt(near, 1e9, 1_000_000, day)).toEqual(day);
  });

  it("pans to the edge and no farther", () => {
    const view = { start: 10_000_000, end: 20_000_000 };
    expect(panBy(view, -99_000_000, day)).toEqual({ start: 0, end: 10_000_000 });
    expect(panBy(view, 99_000_000, day)).toEqual({ start: 76_400_000, end: 86_400_000 });
    expect(clampView({ start: -5, end: 90_000_000 }, day)).toEqual(day);
  });

  it("begins with the whole day, or with the little that was recorded", () => {
    expect(initialView(day, [])).toEqual(day);
    expect(initialView(day, [[0, 40_000_000]])).toEqual(day);
    expect(initialView(day, [[0, 28_000_000]]).end).toBe(28_800_000);
    const part = initialView(day, [[30_010_000, 30_050_000]]);
    expect(part).toEqual({ start: 29_700_000, end: 30_600_000 });
    expect(initialView(day, [[30_010_000, 30_060_000]])).toEqual(part);
  });

  it("follows a playhead that leaves", () => {
    const view = { start: 0, end: 10_000_000 };
    expect(follow(view, 5_000_000, day)).toBeNull();
    expect(follow(view, 10_000_001, day)?.start).toBeCloseTo(9_000_001);
    expect(follow(view, 99_000_000, day)).toBeNull();
  });

  it("chooses steps that leave room for labels", () => {
    expect(chooseStep(day, 1000, 84)).toBe(3 * 3_600_000);
    expect(chooseStep({ start: 0, end: 60_000 }, 1000, 84)).toBe(10_000);
    expect(chooseStep({ start: 0, end: 1e12 }, 100, 84)).toBe(12 * 3_600_000);
  });

  it("puts labelled ticks at round local times", () => {
    const start = new Date(2026, 10, 20).getTime();
    const list = ticks({ start, end: start + 86_400_000 }, 1000);
    const major = list.filter((tick) => tick.major);
    expect(major.map((tick) => tick.label)).toContain("12:00");
    expect(major.every((tick) => new Date(tick.time).getHours() % 3 === 0)).toBe(true);
    const close = ticks({ start, end: start + 60_000 }, 1000);
    expect(close.find((tick) => tick.label)?.label).toMatch(/^\d\d:\d\d:\d\d$/);
  });
});
