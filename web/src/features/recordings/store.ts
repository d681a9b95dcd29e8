import { create } from "zustand";
import type { View } from "@/lib/timeline/view";

export type PlaybackPhase =
  "idle" | "loading" | "ready" | "unsupported" | "empty" | "end" | "error";

type RecordingsState = {
  phase: PlaybackPhase;
  message: string | null;
  playing: boolean;
  speed: number;
  muted: boolean;
  /** Wall clock of the picture on screen. */
  playhead: number | null;
  /** null: chosen by what was recorded, and growing with it. */
  view: View | null;
  set: (change: Partial<Omit<RecordingsState, "set" | "reset">>) => void;
  reset: () => void;
};

const initial = {
  phase: "idle" as PlaybackPhase,
  message: null,
  playing: false,
  playhead: null,
  view: null,
};

/** What the recordings page does right now; what is recorded lives in the queries. */
export const useRecordings = create<RecordingsState>((set) => ({
  ...initial,
  speed: 1,
  muted: false,
  set: (change) => set(change),
  reset: () => set(initial),
}));

export const speeds = [0.25, 0.5, 1, 2, 4, 8, 16];
