import { useCallback, useEffect, useMemo, useRef, type KeyboardEvent } from "react";
import type { Range } from "@/lib/api/types";
import { formatClock } from "@/lib/format";
import { usePreferences } from "@/lib/preferences";
import { rangeAt } from "@/lib/timeline/ranges";
import { follow, initialView, toTime, zoomAt, type View } from "@/lib/timeline/view";
import { useRecordings } from "./store";
import { drawTimeline, readPalette } from "./timeline-draw";
import { useTimelineGestures } from "./use-timeline-gestures";

type Props = { bounds: View; ranges: Range[]; onSeek: (time: number) => void };

/** Seconds that a key moves the playhead. */
export function keyStep(key: string, shift: boolean): number | null {
  const step = shift ? 60 : 10;
  if (key === "ArrowRight") return step;
  if (key === "ArrowLeft") return -step;
  if (key === "PageUp") return 600;
  if (key === "PageDown") return -600;
  return null;
}

/** A day as a strip: what is recorded, what is missing, and where playback stands. */
export function TimelineCanvas({ bounds, ranges, onSeek }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const hover = useRef<number | null>(null);
  const theme = usePreferences((state) => state.theme);
  const chosen = useRecordings((state) => state.view);
  const view = useMemo(() => chosen ?? initialView(bounds, ranges), [chosen, bounds, ranges]);
  const setState = useRecordings((state) => state.set);
  const playhead = useRecordings((state) => state.playhead);

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
      ranges,
      playhead,
      hover: hover.current === null ? null : toTime(view, width, hover.current),
      now: Date.now(),
    });
  }, [view, ranges, playhead]);

  useEffect(draw, [draw, theme]);

  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const observer = new ResizeObserver(draw);
    observer.observe(element);
    return () => observer.disconnect();
  }, [draw]);

  useEffect(() => {
    if (playhead === null || !useRecordings.getState().playing) return;
    const next = follow(view, playhead, bounds);
    if (next) setState({ view: next });
  }, [playhead, view, bounds, setState]);

  useTimelineGestures(canvas, {
    view,
    bounds,
    onView: (next) => setState({ view: next }),
    onSeek,
    onDouble: () => setState({ view: bounds }),
    onHover: (x) => {
      hover.current = x;
      draw();
    },
  });

  function onKeyDown(event: KeyboardEvent) {
    const at = playhead ?? view.start;
    const step = keyStep(event.key, event.shiftKey);
    if (step !== null) onSeek(at + step * 1000);
    else if (event.key === "Home") onSeek(ranges[0]?.[0] ?? bounds.start);
    else if (event.key === "+" || event.key === "=")
      setState({ view: zoomAt(view, 0.5, at, bounds) });
    else if (event.key === "-") setState({ view: zoomAt(view, 2, at, bounds) });
    else return;
    event.preventDefault();
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
      aria-valuetext={`${formatClock(value)}, ${rangeAt(ranges, value) ? "recorded" : "nothing recorded"}`}
      data-ranges={ranges.length}
      onKeyDown={onKeyDown}
      className="block h-28 w-full cursor-pointer touch-pan-y rounded-lg select-none"
    />
  );
}
