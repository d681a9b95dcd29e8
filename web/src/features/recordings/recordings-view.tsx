import { useQuery } from "@tanstack/react-query";
import { Minus, Plus } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { ErrorState } from "@/components/states";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { timelineQuery } from "@/lib/api/queries";
import type { Camera, Range } from "@/lib/api/types";
import { formatBytes, formatCodec, formatDuration } from "@/lib/format";
import { canPlayCodec } from "@/lib/media/mse";
import { dayBounds, dayOf } from "@/lib/time";
import { nextRecorded, recordedMs, toRanges, withRecording } from "@/lib/timeline/ranges";
import { initialView, span, zoomAt, type View } from "@/lib/timeline/view";
import { PlaybackControls } from "./playback-controls";
import { PlaybackOverlay } from "./playback-overlay";
import { useRecordings } from "./store";
import { TimelineCanvas } from "./timeline-canvas";
import { usePlayback } from "./use-playback";
import { usePlaybackKeys } from "./use-playback-keys";

type Props = {
  camera: Camera;
  day: string;
  start: number | null;
  onPlayedDay: (day: string) => void;
};

function ZoomButtons({ bounds, ranges }: { bounds: View; ranges: Range[] }) {
  const { view, playhead, set } = useRecordings();
  const fitted = initialView(bounds, ranges);
  const current = view ?? fitted;
  const isWhole = span(current) === span(bounds);
  const zoom = (factor: number) => {
    const middle = (current.start + current.end) / 2;
    const inside = playhead !== null && playhead >= current.start && playhead <= current.end;
    set({ view: zoomAt(current, factor, inside ? playhead : middle, bounds) });
  };
  return (
    <div className="flex gap-1">
      {span(fitted) < span(bounds) && (
        <Button variant="ghost" size="sm" onClick={() => set({ view: isWhole ? null : bounds })}>
          {isWhole ? "Fit" : "Day"}
        </Button>
      )}
      <Button variant="ghost" size="icon-sm" aria-label="Zoom out" onClick={() => zoom(2.5)}>
        <Minus aria-hidden />
      </Button>
      <Button variant="ghost" size="icon-sm" aria-label="Zoom in" onClick={() => zoom(0.4)}>
        <Plus aria-hidden />
      </Button>
    </div>
  );
}

export function RecordingsView({ camera, day, start, onPlayedDay }: Props) {
  const [video, setVideo] = useState<HTMLVideoElement | null>(null);
  const [wanted, setWanted] = useState<number | null>(null);
  const controller = usePlayback(video, camera.id);
  const { set, playhead } = useRecordings();
  const bounds = useMemo(() => dayBounds(day), [day]);
  const today = day === dayOf(Date.now());
  const timeline = useQuery(timelineQuery(camera.id, bounds.start, bounds.end, today));
  const ranges = useMemo(() => toRanges(timeline.data?.ranges), [timeline.data]);
  const drawn = useMemo(
    () => withRecording(ranges, timeline.data?.recording),
    [ranges, timeline.data],
  );
  const playable = canPlayCodec(camera.main?.codec, camera.main?.codec_string);
  const last = ranges[ranges.length - 1];

  function seek(time: number) {
    const target = nextRecorded(ranges, time);
    setWanted(target ?? time);
    if (target === null) set({ phase: "empty", playhead: time });
    else if (!playable) set({ phase: "unsupported", message: null, playhead: target });
    else controller?.seek(target);
  }

  // Playing past midnight turns the page of the calendar.
  const playedDay = playhead === null ? day : dayOf(playhead);
  useEffect(() => {
    if (playedDay !== day && useRecordings.getState().playing) onPlayedDay(playedDay);
  }, [playedDay, day, onPlayedDay]);

  useEffect(() => {
    if (start !== null && controller) controller.seek(start);
  }, [start, controller]);

  const fps = camera.main?.fps ?? 15;
  usePlaybackKeys(controller, fps);
  const latest = last ? Math.max(last[0], last[1] - 60_000) : null;
  return (
    <Card className="overflow-hidden">
      <div className="relative aspect-video max-h-[calc(100dvh-27rem)] min-h-52 w-full bg-[#070b0c]">
        <video
          ref={setVideo}
          playsInline
          aria-label={`Recording of ${camera.name}`}
          className="absolute inset-0 size-full object-contain"
        />
        <PlaybackOverlay
          camera={camera.id}
          wanted={wanted}
          latest={latest}
          codec={camera.main ? formatCodec(camera.main.codec) : null}
          onSeek={seek}
        />
      </div>
      <div className="grid gap-3 p-4 sm:p-5">
        <PlaybackControls
          camera={camera.id}
          fps={fps}
          controller={controller}
          onPlay={() => seek(playhead ?? latest ?? bounds.start)}
        />
        {timeline.error && !timeline.data ? (
          <ErrorState
            error={timeline.error}
            onRetry={() => void timeline.refetch()}
            className="py-4"
          />
        ) : (
          <TimelineCanvas bounds={bounds} ranges={drawn} onSeek={seek} />
        )}
        <div className="nums text-faint flex items-center justify-between gap-3 text-sm">
          <span>
            {timeline.data
              ? `${formatDuration(recordedMs(ranges))} recorded, ${formatBytes(timeline.data.bytes)}`
              : "Loading…"}
          </span>
          <ZoomButtons bounds={bounds} ranges={drawn} />
        </div>
      </div>
    </Card>
  );
}
