import { useRef, type KeyboardEvent, type PointerEvent, type RefObject } from "react";
import { formatDateTime } from "@/lib/format";
import { rulerHeight } from "@/lib/timeline/lanes";
import { span, toTime, toX, type View } from "@/lib/timeline/view";
import { moveEdge, type Edge } from "./selection-model";
import { keyStep } from "./timeline-canvas";
import { useRecordings } from "./store";
import type { Point } from "./use-timeline-gestures";

type Props = {
  view: View;
  bounds: View;
  canvas: RefObject<HTMLCanvasElement | null>;
  /** Where a handle is dragged, for the small picture. */
  onMove: (at: Point | null) => void;
};

export function SelectionHandles({ view, bounds, canvas, onMove }: Props) {
  const selection = useRecordings((state) => state.selection);
  const set = useRecordings((state) => state.set);
  const held = useRef<Edge | null>(null);
  if (!selection) return null;

  const pointOf = (event: PointerEvent): Point => {
    const box = canvas.current?.getBoundingClientRect();
    return { x: event.clientX - (box?.left ?? 0), y: rulerHeight + 1 };
  };
  const move = (edge: Edge, time: number) =>
    set({ selection: moveEdge(selection, edge, Math.round(time), bounds) });

  function onPointerMove(edge: Edge, event: PointerEvent) {
    if (held.current !== edge) return;
    const at = pointOf(event);
    move(edge, toTime(view, canvas.current?.clientWidth ?? 1, at.x));
    onMove(at);
  }

  function onKeyDown(edge: Edge, time: number, event: KeyboardEvent) {
    const step = keyStep(event.key, event.shiftKey);
    if (step === null) return;
    event.preventDefault();
    event.stopPropagation();
    move(edge, time + step * 1000);
  }

  const letGo = () => {
    held.current = null;
    onMove(null);
  };
  return (["start", "end"] as const).map((edge) => {
    const time = selection[edge];
    const share = toX(view, 100, time);
    if (share < -0.5 || share > 100.5 || span(view) <= 0) return null;
    return (
      <div
        key={edge}
        role="slider"
        tabIndex={0}
        aria-label={edge === "start" ? "Start of the selection" : "End of the selection"}
        aria-valuemin={bounds.start}
        aria-valuemax={bounds.end}
        aria-valuenow={time}
        aria-valuetext={formatDateTime(time)}
        onPointerDown={(event) => {
          held.current = edge;
          event.currentTarget.setPointerCapture(event.pointerId);
        }}
        onPointerMove={(event) => onPointerMove(edge, event)}
        onPointerUp={letGo}
        onPointerCancel={letGo}
        onKeyDown={(event) => onKeyDown(edge, time, event)}
        className="absolute top-[26px] bottom-[10px] z-10 flex w-6 -translate-x-1/2 cursor-ew-resize touch-none items-center justify-center rounded-md"
        style={{ left: `${share}%` }}
      >
        <span className="bg-brand ring-surface h-9 max-h-full w-2 rounded-full ring-2" />
      </div>
    );
  });
}
