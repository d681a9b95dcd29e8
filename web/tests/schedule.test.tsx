import { fireEvent, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { describe, expect, it, vi } from "vitest";
import { ScheduleList } from "@/features/cameras/schedule-list";
import {
  daysText,
  entriesOf,
  formatTime,
  paint,
  parseTime,
  presets,
  runsOf,
  weekOf,
  type ScheduleEntry,
} from "@/features/cameras/schedule-model";
import { SchedulePainter } from "@/features/cameras/schedule-painter";

const workdays: ScheduleEntry["days"] = ["mon", "tue", "wed", "thu", "fri"];

describe("the weekly calendar", () => {
  it("reads times, and refuses what is none", () => {
    expect(parseTime("08:30")).toBe(510);
    expect(parseTime("24:00")).toBe(1440);
    expect(["24:01", "8:60", "eight", "", "-1:00"].map(parseTime)).toEqual(new Array(5).fill(null));
    expect(formatTime(510)).toBe("08:30");
  });

  it("lets later entries win, and nights go on into the next day, over the week's end too", () => {
    const week = weekOf([
      { days: ["sun"], from: "22:00", to: "06:00", mode: "continuous" },
      { days: ["mon"], from: "05:00", to: "05:30", mode: "off" },
    ]);
    expect(runsOf(week[6] ?? [])).toEqual([{ from: 1320, to: 1440, mode: "continuous" }]);
    expect(runsOf(week[0] ?? [])).toEqual([
      { from: 0, to: 300, mode: "continuous" },
      { from: 330, to: 360, mode: "continuous" },
    ]);
  });

  it("comes back from a picture to few entries that mean the same", () => {
    for (const { entries } of presets) {
      const again = entriesOf(weekOf(entries));
      expect(weekOf(again)).toEqual(weekOf(entries));
    }
    const painted = paint(weekOf([]), { days: [0, 4], minutes: [480, 1079] }, "motion");
    expect(entriesOf(painted)).toEqual([
      { days: workdays, from: "08:00", to: "18:00", mode: "motion" },
    ]);
  });

  it("keeps minutes that the brush did not touch", () => {
    const week = weekOf([{ days: ["tue"], from: "08:07", to: "09:00", mode: "events" }]);
    const painted = paint(week, { days: [1, 1], minutes: [530, 530] }, "off");
    expect(entriesOf(painted)).toEqual([
      { days: ["tue"], from: "08:07", to: "08:45", mode: "events" },
    ]);
  });

  it("names days as people do", () => {
    expect(daysText(workdays)).toBe("Mon–Fri");
    expect(daysText(["sat", "sun"])).toBe("Sat, Sun");
    expect(daysText(["mon", "wed", "fri"])).toBe("Mon, Wed, Fri");
    expect(daysText([...workdays, "sat", "sun"])).toBe("Every day");
  });
});

function Both({ seen }: { seen: (entries: ScheduleEntry[]) => void }) {
  const [entries, setEntries] = useState<ScheduleEntry[]>([]);
  const change = (next: ScheduleEntry[]) => {
    setEntries(next);
    seen(next);
  };
  return (
    <>
      <SchedulePainter entries={entries} onChange={change} />
      <ScheduleList entries={entries} onChange={change} />
    </>
  );
}

describe("painting", () => {
  it("paints a rectangle of days and hours by dragging", async () => {
    const seen = vi.fn();
    render(<Both seen={seen} />);
    expect(screen.getByText(/would not record at all/)).toBeVisible();
    const grid = screen.getByRole("img", { name: /Weekly calendar/ });
    grid.setPointerCapture = () => undefined;
    grid.getBoundingClientRect = () => new DOMRect(100, 50, 960, 70);
    await userEvent.click(screen.getByRole("radio", { name: "On motion" }));
    fireEvent.pointerDown(grid, { button: 0, clientX: 100 + 8 * 40, clientY: 55, pointerId: 1 });
    fireEvent.pointerMove(grid, { clientX: 100 + 18 * 40 - 1, clientY: 50 + 49, pointerId: 1 });
    fireEvent.pointerUp(grid, { pointerId: 1 });
    expect(seen).toHaveBeenLastCalledWith([
      { days: workdays, from: "08:00", to: "18:00", mode: "motion" },
    ]);
    expect(screen.getByText("Mon–Fri, 08:00–18:00")).toBeVisible();
  });

  it("does the same by keyboard, to the minute", async () => {
    const seen = vi.fn();
    render(<Both seen={seen} />);
    const user = userEvent.setup();
    await user.clear(screen.getByLabelText("From"));
    await user.type(screen.getByLabelText("From"), "7:05");
    await user.selectOptions(screen.getByLabelText("Records"), "events");
    await user.click(screen.getByRole("button", { name: "Saturday" }));
    await user.click(screen.getByRole("button", { name: "Add" }));
    expect(seen).toHaveBeenLastCalledWith([
      { days: [...workdays, "sat"], from: "07:05", to: "18:00", mode: "events" },
    ]);
    await user.clear(screen.getByLabelText("To"));
    await user.type(screen.getByLabelText("To"), "25:00");
    expect(screen.getByText("Times are HH:MM, up to 24:00.")).toBeVisible();
    expect(screen.getByRole("button", { name: "Add" })).toBeDisabled();
    await user.click(screen.getByRole("button", { name: /^Remove Mon–Sat/ }));
    expect(seen).toHaveBeenLastCalledWith([]);
  });
});
