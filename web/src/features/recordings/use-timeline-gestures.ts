import { useEffect, useRef, type RefObject } from "react";
import { rulerHeight } from "@/lib/timeline/lanes";
import { panBy, toTime, zoomAt, type View } from "@/lib/timeline/view";

export type Point = { x: number; y: number };

export type Gestures = {
  view: View;
  bounds: View;
  onView: (view: View) => void;
  onSeek: (time: number) => void;
  onDouble: () => void;
  /** Where the pointer is, pixels from the canvas's corner; null: away. */
  onHover: (at: Point | null) => void;
  /** A finger's tap: there is no hovering to look first. */
  onTap: (at: Point) => void;
  /** A range is drawn with the shift key held. */
  onSelect: (from: number, to: number) => void;
};

type Mode = "scrub" | "pan" | "select";
type Pointer = Point & { first: number; moved: boolean; mode: Mode };

const clickSlack = 4;
const doubleMs = 350;

/**
 * Wheel and pinch zoom; dragging looks for a moment, which is sought when let go; dragging the hours
 * above, two fingers and a sideways wheel pan; dragging with shift selects; a click or tap seeks, a
 * second one at once is told apart.
 */
export function useTimelineGestures(ref: RefObject<HTMLCanvasElement | null>, gestures: Gestures) {
  const latest = useRef(gestures);
  useEffect(() => {
    latest.current = gestures;
  });
  useEffect(() => {
    const canvas = ref.current;
    return canvas ? listen(canvas, () => latest.current) : undefined;
  }, [ref]);
}

function listen(canvas: HTMLCanvasElement, get: () => Gestures): () => void {
  const pointers = new Map<number, Pointer>();
  const abort = new AbortController();
  const options = { signal: abort.signal };
  let last = { x: 0, at: -doubleMs };
  const pointOf = (event: MouseEvent): Point => {
    const { left, top } = canvas.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };
  const timeAt = (x: number) => toTime(get().view, canvas.clientWidth, x);
  const msPerPixel = () => (get().view.end - get().view.start) / Math.max(1, canvas.clientWidth);

  function onWheel(event: WheelEvent) {
    event.preventDefault();
    const { view, bounds, onView } = get();
    const sideways = event.shiftKey && event.deltaX === 0 ? event.deltaY : event.deltaX;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      onView(panBy(view, sideways * msPerPixel(), bounds));
      return;
    }
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    const factor = Math.exp(Math.max(-120, Math.min(120, event.deltaY * lines)) * 0.004);
    onView(zoomAt(view, factor, timeAt(pointOf(event).x), bounds));
  }

  function onMove(event: PointerEvent) {
    const at = pointOf(event);
    const pointer = pointers.get(event.pointerId);
    if (!pointer) {
      if (event.pointerType === "mouse") get().onHover(at);
    } else if (pointers.size === 2) {
      pinch(event.pointerId, pointer, at);
    } else if (pointer.moved || Math.abs(at.x - pointer.x) > clickSlack) {
      pointer.moved = true;
      drag(pointer, at);
    }
  }

  function pinch(id: number, pointer: Pointer, at: Point) {
    const { view, bounds, onView, onHover } = get();
    const other = [...pointers.entries()].find(([key]) => key !== id)?.[1];
    if (!other) return;
    const before = Math.max(8, Math.abs(pointer.x - other.x));
    const after = Math.max(8, Math.abs(at.x - other.x));
    const shift = ((pointer.x - at.x) / 2) * msPerPixel();
    const middle = timeAt((at.x + other.x) / 2);
    onView(panBy(zoomAt(view, before / after, middle, bounds), shift, bounds));
    onHover(null);
    other.moved = true;
    pointer.moved = true;
    pointer.mode = other.mode = "pan";
    pointer.x = at.x;
  }

  function drag(pointer: Pointer, at: Point) {
    const { view, bounds, onView, onHover, onSelect } = get();
    if (pointer.mode === "pan") {
      onHover(null);
      onView(panBy(view, (pointer.x - at.x) * msPerPixel(), bounds));
    } else {
      onHover(at);
      if (pointer.mode === "select") onSelect(timeAt(pointer.first), timeAt(at.x));
    }
    pointer.x = at.x;
  }

  function onDown(event: PointerEvent) {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    const at = pointOf(event);
    const mode = event.shiftKey ? "select" : at.y < rulerHeight ? "pan" : "scrub";
    pointers.set(event.pointerId, { ...at, first: at.x, moved: false, mode });
  }

  function onUp(event: PointerEvent) {
    const pointer = pointers.get(event.pointerId);
    pointers.delete(event.pointerId);
    if (!pointer) return;
    const at = pointOf(event);
    const isMouse = event.pointerType === "mouse";
    if (event.type === "pointerup" && !pointer.moved) onClick(at, event);
    else if (event.type === "pointerup" && pointer.mode === "scrub") get().onSeek(timeAt(at.x));
    if (pointer.moved && !isMouse) get().onHover(null);
  }

  function onClick(at: Point, event: PointerEvent) {
    const again = event.timeStamp - last.at < doubleMs && Math.abs(at.x - last.x) <= 2 * clickSlack;
    last = { x: at.x, at: again ? -doubleMs : event.timeStamp };
    if (again) get().onDouble();
    else get().onSeek(timeAt(at.x));
    if (event.pointerType !== "mouse") get().onTap(at);
  }

  canvas.addEventListener("wheel", onWheel, { ...options, passive: false });
  canvas.addEventListener("pointerdown", onDown, options);
  canvas.addEventListener("pointermove", onMove, options);
  canvas.addEventListener("pointerup", onUp, options);
  canvas.addEventListener("pointercancel", onUp, options);
  canvas.addEventListener("pointerleave", () => get().onHover(null), options);
  return () => abort.abort();
}
