/** Paints a timeline. Knows pixels and colours, nothing of React. */
import type { GapCause, MarkKind } from "@/lib/api/types";
import { formatClock } from "@/lib/format";
import { causeNames, markKinds } from "@/lib/timeline/gaps";
import { laneBands, rulerHeight, type Lane } from "@/lib/timeline/lanes";
import { ticks, toX, type View } from "@/lib/timeline/view";

export type Selection = { start: number; end: number };

export type Scene = {
  view: View;
  lanes: Lane[];
  selection: Selection | null;
  playhead: number | null;
  hover: number | null;
  now: number;
};

export type Palette = {
  text: string;
  faint: string;
  line: string;
  track: string;
  record: string;
  amber: string;
  ink: string;
  protect: string;
  select: string;
  font: string;
  causes: Record<GapCause, string>;
  marks: Record<MarkKind, string>;
};

export function readPalette(element: Element): Palette {
  const style = getComputedStyle(element);
  const get = (name: string) => style.getPropertyValue(name).trim();
  const each = <T extends string>(names: T[], prefix: string) =>
    Object.fromEntries(names.map((name) => [name, get(`--${prefix}-${name}`)])) as Record<
      T,
      string
    >;
  return {
    text: get("--text"),
    faint: get("--text-faint"),
    line: get("--line-strong"),
    track: get("--sunken"),
    record: get("--record"),
    amber: get("--amber"),
    ink: get("--bg"),
    protect: get("--protect"),
    select: get("--brand"),
    font: style.fontFamily,
    causes: each(causeNames, "cause"),
    marks: each(markKinds, "mark"),
  };
}

const footHeight = 14;
/** Pixels: what is recorded can be seen at any zoom. */
const minRange = 2;

type Painter = { c: CanvasRenderingContext2D; width: number; height: number; p: Palette; s: Scene };
type Band = { top: number; height: number };

export function drawTimeline(
  c: CanvasRenderingContext2D,
  width: number,
  height: number,
  scale: number,
  p: Palette,
  s: Scene,
): void {
  const painter = { c, width, height, p, s };
  c.setTransform(scale, 0, 0, scale, 0, 0);
  c.clearRect(0, 0, width, height);
  const bands = laneBands(s.lanes.length, height);
  s.lanes.forEach((lane, i) => {
    const band = bands[i];
    if (band) drawLane(painter, lane, band, s.lanes.length > 1);
  });
  drawTicks(painter);
  if (s.selection) drawSelection(painter, s.selection);
  if (s.now > s.view.start && s.now < s.view.end) drawLine(painter, s.now, p.text, 0.55);
  if (s.playhead !== null) drawPlayhead(painter, s.playhead);
  if (s.hover !== null) drawHover(painter, s.hover);
}

/** Calls back with the pixels of what of [start, end) is in view. */
function inView(
  { s, width }: Painter,
  start: number,
  end: number,
  paint: (left: number, width: number) => void,
): void {
  const left = Math.max(-minRange, toX(s.view, width, start));
  const right = Math.min(width, toX(s.view, width, end));
  if (right < 0 || left > width) return;
  paint(left, Math.max(minRange, right - left));
}

function drawLane(painter: Painter, lane: Lane, band: Band, isNamed: boolean): void {
  const { c, width, p } = painter;
  const { top, height } = band;
  const markHeight = Math.max(4, Math.min(10, height * 0.18));
  c.save();
  c.beginPath();
  c.roundRect(0, top, width, height, Math.min(8, height / 3));
  c.clip();
  c.fillStyle = p.track;
  c.fillRect(0, top, width, height);
  for (const { start, end, cause } of lane.gaps) {
    inView(painter, start, end, (left, size) => hatch(painter, p.causes[cause], left, size, band));
  }
  c.fillStyle = p.record;
  for (const [start, end] of lane.drawn) {
    inView(painter, start, end, (left, size) => c.fillRect(left, top, size, height));
  }
  for (const { start, end, kind } of lane.marks) {
    c.fillStyle = p.marks[kind];
    inView(painter, start, end, (left, size) =>
      c.fillRect(left, top + height - markHeight, size, markHeight),
    );
  }
  c.fillStyle = p.protect;
  for (const { start, end } of lane.locked) {
    inView(painter, start, end, (left, size) => c.fillRect(left, top, size, 4));
  }
  c.restore();
  if (isNamed) drawName(painter, lane.name, band);
}

function drawName({ c, p }: Painter, name: string, { top, height }: Band): void {
  c.font = `600 11px ${p.font}`;
  c.textAlign = "left";
  c.textBaseline = "middle";
  c.fillStyle = p.ink;
  c.globalAlpha = 0.72;
  c.beginPath();
  c.roundRect(5, top + height / 2 - 9, c.measureText(name).width + 12, 18, 5);
  c.fill();
  c.globalAlpha = 1;
  c.fillStyle = p.text;
  c.fillText(name, 11, top + height / 2 + 0.5);
}

function hatch(painter: Painter, colour: string, left: number, width: number, band: Band): void {
  const { c } = painter;
  const { top, height } = band;
  c.save();
  c.beginPath();
  c.rect(left, top, width, height);
  c.clip();
  c.fillStyle = colour;
  c.globalAlpha = 0.16;
  c.fillRect(left, top, width, height);
  c.globalAlpha = 1;
  c.strokeStyle = colour;
  c.lineWidth = 1.5;
  c.beginPath();
  // Lines stand on a grid of their own, so that they do not crawl when the view moves.
  for (let x = Math.floor((left - height) / 8) * 8; x < left + width; x += 8) {
    c.moveTo(x, top + height);
    c.lineTo(x + height, top);
  }
  c.stroke();
  c.restore();
}

function drawTicks({ c, width, height, p, s }: Painter): void {
  c.font = `500 11px ${p.font}`;
  c.textAlign = "center";
  c.textBaseline = "middle";
  for (const tick of ticks(s.view, width)) {
    const x = Math.round(toX(s.view, width, tick.time)) + 0.5;
    c.strokeStyle = p.line;
    c.lineWidth = 1;
    c.globalAlpha = tick.major ? 1 : 0.45;
    c.beginPath();
    c.moveTo(x, height - footHeight + 2);
    c.lineTo(x, height - footHeight + (tick.major ? 10 : 6));
    c.stroke();
    c.globalAlpha = 1;
    if (tick.label && x > 22 && x < width - 22) {
      c.fillStyle = p.faint;
      c.fillText(tick.label, x, 16);
    }
  }
}

/** From above the first lane to below the last. */
const lineTop = rulerHeight - 4;
const lineHeight = (height: number) => height - footHeight + 4 - lineTop;

function drawLine({ c, width, height, s }: Painter, time: number, colour: string, alpha: number) {
  c.globalAlpha = alpha;
  c.fillStyle = colour;
  c.fillRect(toX(s.view, width, time) - 0.5, lineTop, 1, lineHeight(height));
  c.globalAlpha = 1;
}

function drawSelection({ c, width, height, p, s }: Painter, { start, end }: Selection): void {
  const left = toX(s.view, width, start);
  const right = toX(s.view, width, end);
  c.fillStyle = p.ink;
  c.globalAlpha = 0.45;
  c.fillRect(0, lineTop, Math.max(0, left), lineHeight(height));
  c.fillRect(right, lineTop, Math.max(0, width - right), lineHeight(height));
  c.globalAlpha = 0.18;
  c.fillStyle = p.select;
  c.fillRect(left, lineTop, right - left, lineHeight(height));
  c.globalAlpha = 1;
  c.fillRect(left - 1, lineTop, 2, lineHeight(height));
  c.fillRect(right - 1, lineTop, 2, lineHeight(height));
}

function drawPlayhead(painter: Painter, time: number): void {
  const { c, width, height, p, s } = painter;
  const x = toX(s.view, width, time);
  if (x < -40 || x > width + 40) return;
  c.fillStyle = p.amber;
  c.fillRect(x - 1, lineTop, 2, lineHeight(height));
  flag(painter, x, formatClock(time), p.amber, "#241600");
}

function drawHover(painter: Painter, time: number): void {
  const { width, p, s } = painter;
  drawLine(painter, time, p.text, 0.7);
  flag(painter, toX(s.view, width, time), formatClock(time), p.text, p.ink);
}

/** The time above a line, kept inside the canvas. */
function flag({ c, width, p }: Painter, x: number, text: string, fill: string, ink: string): void {
  c.font = `600 11px ${p.font}`;
  const half = c.measureText(text).width / 2 + 7;
  const middle = Math.min(Math.max(x, half), width - half);
  c.fillStyle = fill;
  c.beginPath();
  c.roundRect(middle - half, 6, half * 2, 20, 6);
  c.fill();
  c.fillStyle = ink;
  c.textAlign = "center";
  c.textBaseline = "middle";
  c.fillText(text, middle, 16.5);
}
