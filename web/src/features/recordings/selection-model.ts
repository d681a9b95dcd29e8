/** What a selected range of the timeline becomes. Pure. */
import { span, type View } from "@/lib/timeline/view";
import type { Selection } from "./timeline-draw";

export type Edge = "start" | "end";
type Now = { playhead: number | null; selection: Selection | null };

/** A selection is never shorter. */
export const minSelectionMs = 1000;

/** The selection with one edge moved, within the bounds and not turned inside out. */
export function moveEdge(selection: Selection, edge: Edge, time: number, bounds: View): Selection {
  const { start, end } = selection;
  return edge === "start"
    ? { start: Math.max(bounds.start, Math.min(time, end - minSelectionMs)), end }
    : { start, end: Math.min(bounds.end, Math.max(time, start + minSelectionMs)) };
}

/** What "select a range" begins with: a piece of the view around where playback stands. */
export function firstSelection(view: View, playhead: number | null): Selection {
  const inside = playhead !== null && playhead >= view.start && playhead <= view.end;
  const middle = inside ? playhead : (view.start + view.end) / 2;
  const half = Math.max(5_000, span(view) * 0.06);
  const start = Math.max(view.start, middle - half);
  const end = Math.min(view.end, middle + half);
  return { start: Math.round(start / 1000) * 1000, end: Math.round(end / 1000) * 1000 };
}

/** I and O: the edge goes where playback stands, and pushes the other one along. */
export function withEdge(edge: Edge, view: View, { playhead, selection }: Now): Selection | null {
  if (playhead === null) return selection;
  const other = selection ?? firstSelection(view, playhead);
  return edge === "start"
    ? { start: playhead, end: Math.max(other.end, playhead + minSelectionMs) }
    : { start: Math.min(other.start, playhead - minSelectionMs), end: playhead };
}
