import { useCallback, useEffect, useRef, useState } from "react";
import { laneAt, laneBands, timelineHeight, type Lane } from "@/lib/timeline/lanes";
import { span, toTime, type View } from "@/lib/timeline/view";
import { HoverCard } from "./hover-card";
import { SelectionHandles } from "./selection-handles";
import { TimelineCanvas } from "./timeline-canvas";
import type { Point } from "./use-timeline-gestures";

type Props = { bounds: View; view: View; lanes: Lane[]; onSeek: (time: number) => void };

/** How long what a tap told stays on screen. */
const tapMs = 4000;

/** The strips, what the pointer finds on them, and the handles of a selection. */
export function Timeline({ bounds, view, lanes, onSeek }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [hover, setHover] = useState<Point | null>(null);
  const [tapped, setTapped] = useState<Point | null>(null);
  const width = canvas.current?.clientWidth ?? 0;
  const height = timelineHeight(lanes.length);
  const at = hover ?? tapped;
  const lane = at ? lanes[laneAt(laneBands(lanes.length, height), at.y)] : undefined;

  useEffect(() => {
    if (!tapped) return;
    const timer = setTimeout(() => setTapped(null), tapMs);
    return () => clearTimeout(timer);
  }, [tapped]);

  const onHover = useCallback((next: Point | null) => {
    setHover(next);
    if (next) setTapped(null);
  }, []);

  return (
    <div className="relative">
      <HoverCard
        lane={lane ?? null}
        time={at && toTime(view, width, at.x)}
        x={at?.x ?? 0}
        width={width}
        msPerPixel={span(view) / Math.max(1, width)}
        named={lanes.length > 1}
      />
      <TimelineCanvas
        ref={canvas}
        bounds={bounds}
        view={view}
        lanes={lanes}
        hover={hover}
        onHover={onHover}
        onTap={setTapped}
        onSeek={onSeek}
      />
      <SelectionHandles view={view} bounds={bounds} canvas={canvas} onMove={onHover} />
    </div>
  );
}
