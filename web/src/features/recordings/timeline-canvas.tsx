import { useCallback, useEffect, useRef, type KeyboardEvent, type RefObject } from "react";
import { formatClock } from "@/lib/format";
import { usePreferences } from "@/lib/preferences";
import { spanAt, gapText } from "@/lib/timeline/gaps";
import { timelineHeight, type Lane } from "@/lib/timeline/lanes";
import { rangeAt } from "@/lib/timeline/ranges";
import { follow, toTime, zoomAt, type View } from "@/lib/timeline/view";
import { useRecordings } from "./store";
import { drawTimeline, readPalette } from "./timeline-draw";
import { useTimelineGestures, type Point } from "./use-timeline-gestures";

type Props = {
  ref: RefObject<HTMLCanvasElement | null>;
  bounds: View;
  view: View;
  lanes: Lane[];
  hover: Point | null;
  onHover: (at: Point | null) => void;
  onTap: (at: Point) => void;
  onSeek: (time: number) => void;
};

/** Seconds that a key moves the playhead. */
export function keyStep(key: string, shift: boolean): number | null {
  const step = shift ? 60 : 10;
  if (key === "ArrowRight") return step;
  if (key === "ArrowLeft") return -step;
  if (key === "PageUp") return 600;
  if (key === "PageDown") return -600;
  return null;
}

function momentText(lane: Lane | undefined, time: number): string {
  const gap = lane && spanAt(lane.gaps, time);
  if (gap) return `${formatClock(time)}. ${gapText(gap)}`;
  return `${formatClock(time)}, ${lane && rangeAt(lane.drawn, time) ? "recorded" : "nothing recorded"}`;
}

/** A day as strips, one a camera: what is recorded, what is missing, where playback stands. */
export function TimelineCanvas(props: Props) {
  const { ref: canvas, bounds, view, lanes, hover, onHover, onTap, onSeek } = props;
  const theme = usePreferences((state) => state.theme);
  const setState = useRecordings((state) => state.set);
  const playhead = useRecordings((state) => state.playhead);
  const selection = useRecordings((state) => state.selection);

  const draw = useCallback(() => {
    const element = canvas.current;
    const context = element?.getContext("2d");
    if (!element || !context) return;
    const { clientWidth: width, clientHeight: height } = element;
    const scale = window.devicePixelRatio || 1;
    const [pixelWidth, pixelHeight] = [Math.round(width * scale), Math.round(height * scale)];
    if (element.width !== pixelWidth) element.width = pixelWidth;
    if (element.height !== pixelHeight) element.height = pixelHeight;
    drawTimeline(context, width, height, scale, readPalette(element), {
      view,
      lanes,
      selection,
      playhead,
      hover: hover === null ? null : toTime(view, width, hover.x),
      now: Date.now(),
    });
  }, [canvas, view, lanes, selection, playhead, hover]);

  useEffect(draw, [draw, theme]);

  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const observer = new ResizeObserver(draw);
    observer.observe(element);
    return () => observer.disconnect();
  }, [canvas, draw]);

  // Only what leaves the view by playing is followed: who looks elsewhere is left there.
  const lastView = useRef<View | null>(null);
  useEffect(() => {
    const wasHere = lastView.current === view;
    const isInside = playhead !== null && playhead >= view.start && playhead <= view.end;
    lastView.current = isInside || wasHere ? view : null;
    if (playhead === null || isInside || !wasHere || !useRecordings.getState().playing) return;
    lastView.current = null;
    const next = follow(view, playhead, bounds);
    if (next) setState({ view: next });
  }, [playhead, view, bounds, setState]);

  useTimelineGestures(canvas, {
    view,
    bounds,
    onView: (next) => setState({ view: next }),
    onSeek,
    onDouble: () => setState({ view: bounds }),
    onHover,
    onTap,
    onSelect: (from, to) =>
      setState({ selection: { start: Math.min(from, to), end: Math.max(from, to) } }),
  });

  function onKeyDown(event: KeyboardEvent) {
    const at = playhead ?? view.start;
    const step = keyStep(event.key, event.shiftKey);
    if (step !== null) onSeek(at + step * 1000);
    else if (event.key === "Home") onSeek(lanes[0]?.ranges[0]?.[0] ?? bounds.start);
    else if (event.key === "+" || event.key === "=")
      setState({ view: zoomAt(view, 0.5, at, bounds) });
    else if (event.key === "-") setState({ view: zoomAt(view, 2, at, bounds) });
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  const value = playhead ?? bounds.start;
  return (
    <canvas
      ref={canvas}
      role="slider"
      tabIndex={0}
      aria-label="Timeline"
      aria-orientation="horizontal"
      data-view={`${view.start}-${view.end}`}
      aria-valuemin={bounds.start}
      aria-valuemax={bounds.end}
      aria-valuenow={Math.round(value)}
      aria-valuetext={momentText(lanes[0], value)}
      data-ranges={lanes.reduce((sum, lane) => sum + lane.drawn.length, 0)}
      data-gaps={lanes.reduce((sum, lane) => sum + lane.gaps.length, 0)}
      onKeyDown={onKeyDown}
      style={{ height: timelineHeight(lanes.length) }}
      className="block w-full cursor-pointer touch-pan-y rounded-lg select-none"
    />
  );
}
