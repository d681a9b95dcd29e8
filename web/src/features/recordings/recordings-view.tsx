import { useCallback, useEffect, useMemo, useState } from "react";
import { ErrorState } from "@/components/states";
import { Card } from "@/components/ui/card";
import type { Camera } from "@/lib/api/types";
import { formatBytes } from "@/lib/format";
import { dayBounds, dayOf } from "@/lib/time";
import { daySummary } from "@/lib/timeline/gaps";
import { unionOf } from "@/lib/timeline/lanes";
import { nextRecorded } from "@/lib/timeline/ranges";
import { initialView } from "@/lib/timeline/view";
import { PlaybackControls } from "./playback-controls";
import { isPlayable, PlaybackGrid } from "./playback-grid";
import { SelectionBar } from "./selection-bar";
import { firstSelection, withEdge } from "./selection-model";
import { useRecordings } from "./store";
import { Timeline } from "./timeline";
import { TimelineLegend } from "./timeline-legend";
import { useLanes } from "./use-lanes";
import { usePlayback } from "./use-playback";
import { shuttle, usePlaybackKeys, type PlaybackKeys } from "./use-playback-keys";
import { ZoomButtons } from "./zoom-buttons";

type Props = {
  cameras: Camera[];
  day: string;
  start: number | null;
  onPlayedDay: (day: string) => void;
};

const state = () => useRecordings.getState();

export function RecordingsView({ cameras, day, start, onPlayedDay }: Props) {
  const [wanted, setWanted] = useState<number | null>(null);
  const [chosenFocus, setFocus] = useState<string | null>(null);
  const { set, setTile, playhead, view: chosenView } = useRecordings();
  const isReady = useRecordings((now) =>
    cameras.some(({ id }) => ["ready", "gap"].includes(now.tiles[id]?.phase ?? "idle")),
  );
  const focus = cameras.some(({ id }) => id === chosenFocus) ? chosenFocus : null;
  const main = cameras.find(({ id }) => id === focus) ?? cameras[0];
  const session = usePlayback(main?.id ?? null);
  const bounds = useMemo(() => dayBounds(day), [day]);
  const today = day === dayOf(Date.now());
  const { lanes, isLoading, error, refetch } = useLanes(cameras, bounds, today);
  const ranges = useMemo(() => unionOf(lanes.map((lane) => lane.ranges)), [lanes]);
  const drawn = useMemo(() => unionOf(lanes.map((lane) => lane.drawn)), [lanes]);
  const fitted = useMemo(() => initialView(bounds, drawn), [bounds, drawn]);
  const view = chosenView ?? fitted;
  const last = ranges[ranges.length - 1];
  const latest = last ? Math.max(last[0], last[1] - 60_000) : null;
  const fps = main?.main?.fps ?? 15;

  const seek = useCallback(
    (time: number, play = true) => {
      const target = nextRecorded(ranges, time);
      setWanted(target ?? time);
      for (const camera of cameras) {
        if (!isPlayable(camera)) setTile(camera.id, { phase: "unsupported", message: null });
        else if (target === null) setTile(camera.id, { phase: "empty", message: null });
      }
      set({ playhead: target ?? time });
      if (target !== null && cameras.some(isPlayable)) session.seek(target, play);
    },
    [ranges, cameras, session, set, setTile],
  );

  // Playing past midnight turns the page of the calendar.
  const playedDay = playhead === null ? day : dayOf(playhead);
  useEffect(() => {
    if (playedDay !== day && state().playing) onPlayedDay(playedDay);
  }, [playedDay, day, onPlayedDay]);

  // Another day was chosen: nothing is shown until a moment of it is.
  useEffect(() => {
    if (playhead === null) session.clear();
  }, [playhead, session]);

  useEffect(() => {
    if (start !== null) session.seek(start);
  }, [start, session]);

  const onToggle = useCallback(() => {
    if (isReady) session.toggle();
    else seek(state().playhead ?? latest ?? bounds.start);
  }, [isReady, session, seek, latest, bounds]);

  const keys = useMemo<PlaybackKeys>(
    () => ({
      toggle: onToggle,
      pause: () => session.setRunning(false),
      step: (direction) => session.step(direction, fps),
      jump: (ms) => {
        const at = state().playhead;
        if (at !== null) seek(at + ms, state().playing);
      },
      setSpeed: (speed) => {
        set({ speed });
        session.setRunning(true);
      },
      speed: () => state().speed,
      isPlaying: () => state().playing,
      mark: (edge) => set({ selection: withEdge(edge, view, state()) }),
    }),
    [onToggle, session, fps, seek, set, view],
  );
  usePlaybackKeys(keys);

  return (
    <Card className="overflow-hidden">
      <PlaybackGrid
        cameras={cameras}
        session={session}
        lanes={lanes}
        focus={focus}
        wanted={wanted}
        latest={latest}
        onFocus={setFocus}
        onSeek={seek}
      />
      <div className="grid gap-3 p-4 sm:p-5">
        <PlaybackControls
          camera={main?.id ?? ""}
          ready={isReady}
          onToggle={onToggle}
          onStep={keys.step}
          onReverse={() => keys.setSpeed(shuttle(state().speed, state().playing, -1))}
          onSelect={() =>
            set({ selection: state().selection ? null : firstSelection(view, playhead) })
          }
        />
        {error ? (
          <ErrorState error={error} onRetry={refetch} className="py-4" />
        ) : (
          <Timeline bounds={bounds} view={view} lanes={lanes} onSeek={seek} />
        )}
        <SelectionBar cameras={cameras} />
        <div className="nums text-faint flex items-start justify-between gap-3 text-sm">
          <div className="grid gap-0.5 pt-1" data-testid="day-summary">
            {isLoading
              ? "Loading…"
              : lanes.map((lane) => (
                  <p key={lane.camera}>
                    {lanes.length > 1 && <span className="text-soft">{lane.name}: </span>}
                    {daySummary(lane.recordedMs, lane.gaps)}, {formatBytes(lane.bytes)}
                  </p>
                ))}
          </div>
          <ZoomButtons bounds={bounds} view={view} fitted={fitted} />
        </div>
        <TimelineLegend lanes={lanes} />
      </div>
    </Card>
  );
}
