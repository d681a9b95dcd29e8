import { useEffect, useRef, type RefObject } from "react";
import { panBy, toTime, zoomAt, type View } from "@/lib/timeline/view";

type Gestures = {
  view: View;
  bounds: View;
  onView: (view: View) => void;
  onSeek: (time: number) => void;
  onDouble: () => void;
  /** Where the pointer hovers, pixels from the left. */
  onHover: (x: number | null) => void;
};

type Pointer = { x: number; moved: boolean };

const clickSlack = 4;
const doubleMs = 350;

/** Wheel and pinch zoom, drag pans, a click or tap seeks, a second one at once is told apart. */
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
  const localX = (event: MouseEvent) => event.clientX - canvas.getBoundingClientRect().left;
  const timeAt = (x: number) => toTime(get().view, canvas.clientWidth, x);
  const msPerPixel = () => (get().view.end - get().view.start) / Math.max(1, canvas.clientWidth);

  function onWheel(event: WheelEvent) {
    event.preventDefault();
    const { view, bounds, onView } = get();
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      onView(panBy(view, event.deltaX * msPerPixel(), bounds));
      return;
    }
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    const factor = Math.exp(Math.max(-120, Math.min(120, event.deltaY * lines)) * 0.004);
    onView(zoomAt(view, factor, timeAt(localX(event)), bounds));
  }

  function onMove(event: PointerEvent) {
    const x = localX(event);
    const pointer = pointers.get(event.pointerId);
    if (!pointer) {
      if (event.pointerType === "mouse") get().onHover(x);
      return;
    }
    const { view, bounds, onView } = get();
    if (pointers.size === 2) {
      const other = [...pointers.entries()].find(([id]) => id !== event.pointerId)?.[1];
      if (other) {
        const before = Math.max(8, Math.abs(pointer.x - other.x));
        const after = Math.max(8, Math.abs(x - other.x));
        onView(zoomAt(view, before / after, timeAt((x + other.x) / 2), bounds));
        other.moved = true;
      }
      pointer.moved = true;
      pointer.x = x;
    } else if (pointer.moved || Math.abs(x - pointer.x) > clickSlack) {
      pointer.moved = true;
      get().onHover(null);
      onView(panBy(view, (pointer.x - x) * msPerPixel(), bounds));
      pointer.x = x;
    }
  }

  function onDown(event: PointerEvent) {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, { x: localX(event), moved: false });
  }

  function onUp(event: PointerEvent) {
    const pointer = pointers.get(event.pointerId);
    pointers.delete(event.pointerId);
    if (pointer && !pointer.moved && event.type === "pointerup") onClick(localX(event), event);
  }

  function onClick(x: number, event: PointerEvent) {
    const again = event.timeStamp - last.at < doubleMs && Math.abs(x - last.x) <= 2 * clickSlack;
    last = { x, at: again ? -doubleMs : event.timeStamp };
    if (again) get().onDouble();
    else get().onSeek(timeAt(x));
  }

  canvas.addEventListener("wheel", onWheel, { ...options, passive: false });
  canvas.addEventListener("pointerdown", onDown, options);
  canvas.addEventListener("pointermove", onMove, options);
  canvas.addEventListener("pointerup", onUp, options);
  canvas.addEventListener("pointercancel", onUp, options);
  canvas.addEventListener("pointerleave", () => get().onHover(null), options);
  return () => abort.abort();
}
