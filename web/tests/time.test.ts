import { describe, expect, it } from "vitest";
import * as t from "@/lib/time";

describe("days", () => {
  it("knows a day from a text", () => {
    expect(t.isDay("2026-11-20")).toBe(true);
    expect(t.isDay("2026-02-30")).toBe(false);
    expect(t.isDay("yesterday")).toBe(false);
    expect(t.isDay(null)).toBe(false);
  });

  it("bounds reach from midnight to midnight", () => {
    const { start, end } = t.dayBounds("2026-11-20");
    expect(t.dayOf(start)).toBe("2026-11-20");
    expect(t.dayOf(end - 1)).toBe("2026-11-20");
    expect(t.dayOf(end)).toBe("2026-11-21");
  });

  it("walks over months and years", () => {
    expect(t.addDays("2026-12-31", 1)).toBe("2027-01-01");
    expect(t.addDays("2028-03-01", -1)).toBe("2028-02-29");
    expect(t.addMonths({ year: 2026, month: 11 }, 1)).toEqual({ year: 2027, month: 0 });
    expect(t.monthOf("2026-11-20")).toEqual({ year: 2026, month: 10 });
  });

  it("lays a month out in weeks from Monday", () => {
    const grid = t.monthGrid({ year: 2026, month: 10 });
    expect(grid.length % 7).toBe(0);
    expect(grid.indexOf("2026-11-01")).toBe(6);
    expect(grid.filter(Boolean)).toHaveLength(30);
  });

  it("has no minus zero as an offset", () => {
    expect(Object.is(t.tzOffset(0), -0)).toBe(false);
  });
});
