import { create } from "zustand";
import type { PlayerPhase } from "@/lib/playback/camera-player";
import type { View } from "@/lib/timeline/view";
import type { Selection } from "./timeline-draw";

/** What stands in a picture's place, and why. */
export type Tile = { phase: PlayerPhase; message: string | null };

type RecordingsState = {
  /** By camera. */
  tiles: Record<string, Tile>;
  playing: boolean;
  /** Below zero: backwards. */
  speed: number;
  muted: boolean;
  /** The one clock of all pictures. */
  playhead: number | null;
  /** null: chosen by what was recorded, and growing with it. */
  view: View | null;
  selection: Selection | null;
  set: (change: Partial<Omit<RecordingsState, "set" | "setTile" | "reset">>) => void;
  setTile: (camera: string, tile: Tile) => void;
  reset: () => void;
};

const initial = {
  tiles: {},
  playing: false,
  playhead: null,
  view: null,
  selection: null,
};

/** What the recordings page does right now; what is recorded lives in the queries. */
export const useRecordings = create<RecordingsState>((set) => ({
  ...initial,
  speed: 1,
  muted: false,
  set: (change) => set(change),
  setTile: (camera, tile) => set((state) => ({ tiles: { ...state.tiles, [camera]: tile } })),
  reset: () => set(({ speed }) => ({ ...initial, speed: Math.max(0.25, speed) })),
}));

export const idleTile: Tile = { phase: "idle", message: null };

export const speeds = [0.25, 0.5, 1, 2, 4, 8, 16];
