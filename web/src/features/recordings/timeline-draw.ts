/** Paints a timeline. Knows pixels and colours, nothing of React. */
import type { Range } from "@/lib/api/types";
import { formatClock } from "@/lib/format";
import { gapsOf } from "@/lib/timeline/ranges";
import { ticks, toX, type View } from "@/lib/timeline/view";

export type Scene = {
  view: View;
  ranges: Range[];
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
  hatch: string;
  amber: string;
  ink: string;
  font: string;
};

export function readPalette(element: Element): Palette {
  const style = getComputedStyle(element);
  const get = (name: string) => style.getPropertyValue(name).trim();
  return {
    text: get("--text"),
    faint: get("--text-faint"),
    line: get("--line-strong"),
    track: get("--sunken"),
    record: get("--record"),
    hatch: get("--hatch"),
    amber: get("--amber"),
    ink: get("--bg"),
    font: style.fontFamily,
  };
}

export const trackTop = 30;
const trackBottom = 14;
/** Pixels: what is recorded can be seen at any zoom. */
const minRange = 2;

type Painter = { c: CanvasRenderingContext2D; width: number; height: number; p: Palette; s: Scene };

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
  drawTrack(painter);
  drawTicks(painter);
  if (s.now > s.view.start && s.now < s.view.end) drawNow(painter);
  if (s.playhead !== null) drawPlayhead(painter, s.playhead);
  if (s.hover !== null) drawHover(painter, s.hover);
}

const trackHeight = (height: number) => height - trackTop - trackBottom;

function drawTrack({ c, width, height, p, s }: Painter): void {
  c.save();
  c.beginPath();
  c.roundRect(0, trackTop, width, trackHeight(height), 8);
  c.clip();
  c.fillStyle = p.track;
  c.fillRect(0, trackTop, width, trackHeight(height));
  const past = Math.min(s.view.end, s.now);
  for (const [from, to] of gapsOf(s.ranges, s.view.start, past)) {
    hatch(c, p.hatch, toX(s.view, width, from), toX(s.view, width, to), height);
  }
  c.fillStyle = p.record;
  for (const [from, to] of s.ranges) {
    const left = toX(s.view, width, from);
    const right = toX(s.view, width, to);
    if (right < 0 || left > width) continue;
    c.fillRect(left, trackTop, Math.max(minRange, right - left), trackHeight(height));
  }
  c.restore();
}

function hatch(
  c: CanvasRenderingContext2D,
  colour: string,
  left: number,
  right: number,
  height: number,
): void {
  const from = Math.max(0, left);
  const size = trackHeight(height);
  c.save();
  c.beginPath();
  c.rect(from, trackTop, right - from, size);
  c.clip();
  c.strokeStyle = colour;
  c.lineWidth = 1;
  c.beginPath();
  for (let x = Math.floor((from - size) / 8) * 8; x < right; x += 8) {
    c.moveTo(x, trackTop + size);
    c.lineTo(x + size, trackTop);
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
    c.globalAlpha = tick.major ? 1 : 0.45;
    c.beginPath();
    c.moveTo(x, height - trackBottom + 2);
    c.lineTo(x, height - trackBottom + (tick.major ? 10 : 6));
    c.stroke();
    c.globalAlpha = 1;
    if (tick.label && x > 22 && x < width - 22) {
      c.fillStyle = p.faint;
      c.fillText(tick.label, x, 16);
    }
  }
}

function drawNow({ c, width, height, p, s }: Painter): void {
  const x = toX(s.view, width, s.now);
  c.fillStyle = p.text;
  c.globalAlpha = 0.55;
  c.fillRect(x - 0.5, trackTop, 1, trackHeight(height));
  c.globalAlpha = 1;
}

function drawPlayhead(painter: Painter, time: number): void {
  const { c, width, height, p, s } = painter;
  const x = toX(s.view, width, time);
  if (x < -40 || x > width + 40) return;
  c.fillStyle = p.amber;
  c.fillRect(x - 1, trackTop - 4, 2, trackHeight(height) + 8);
  flag(painter, x, formatClock(time), p.amber, "#241600");
}

function drawHover(painter: Painter, time: number): void {
  const { c, width, height, p, s } = painter;
  const x = toX(s.view, width, time);
  c.globalAlpha = 0.7;
  c.fillStyle = p.text;
  c.fillRect(x - 0.5, trackTop - 4, 1, trackHeight(height) + 8);
  c.globalAlpha = 1;
  flag(painter, x, formatClock(time), p.text, p.ink);
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
