import { Maximize2, Minimize2 } from "lucide-react";
import { useEffect, useState } from "react";
import { Button } from "@/components/ui/button";
import type { Camera } from "@/lib/api/types";
import { cn } from "@/lib/cn";
import { formatCodec } from "@/lib/format";
import { canPlayCodec } from "@/lib/media/mse";
import type { PlaybackSession } from "@/lib/playback/session";
import { spanAt } from "@/lib/timeline/gaps";
import type { Lane } from "@/lib/timeline/lanes";
import { StartOverlay } from "./playback-notice";
import { PlaybackOverlay } from "./playback-overlay";
import { idleTile, useRecordings } from "./store";

export const isPlayable = (camera: Camera) =>
  canPlayCodec(camera.main?.codec, camera.main?.codec_string);

type TileProps = {
  camera: Camera;
  session: PlaybackSession;
  lane: Lane | undefined;
  wanted: number | null;
  alone: boolean;
  focused: boolean;
  hidden: boolean;
  onFocus: (() => void) | null;
  onSeek: (time: number) => void;
};

function PlaybackTile(props: TileProps) {
  const { camera, session, lane, wanted, alone, focused, hidden, onFocus, onSeek } = props;
  const [video, setVideo] = useState<HTMLVideoElement | null>(null);
  const tile = useRecordings((state) => state.tiles[camera.id]) ?? idleTile;
  const gap = useRecordings((state) =>
    state.playhead === null ? null : spanAt(lane?.gaps ?? [], state.playhead),
  );
  const playable = isPlayable(camera);
  const label = focused ? `Show all cameras` : `Show only ${camera.name}`;

  useEffect(
    () => (video && playable ? session.attach(camera.id, video) : undefined),
    [session, camera.id, video, playable],
  );

  return (
    <div className={cn("group relative min-h-0 min-w-0 overflow-hidden", hidden && "hidden")}>
      <video
        ref={setVideo}
        playsInline
        aria-label={`Recording of ${camera.name}`}
        className="absolute inset-0 size-full object-contain"
      />
      <PlaybackOverlay
        camera={camera.id}
        tile={tile}
        wanted={wanted}
        gap={gap}
        codec={camera.main ? formatCodec(camera.main.codec) : null}
        small={!alone}
        onSeek={onSeek}
      />
      {onFocus && (
        <>
          <p className="pointer-events-none absolute bottom-1.5 left-1.5 max-w-[calc(100%-0.75rem)] truncate rounded-md bg-black/55 px-2 py-0.5 text-xs font-medium text-white">
            {camera.name}
          </p>
          <button
            type="button"
            aria-label={label}
            onClick={onFocus}
            className="absolute inset-0 -outline-offset-2"
          />
          <Button
            variant="overlay"
            size="icon-sm"
            tabIndex={-1}
            aria-hidden
            onClick={onFocus}
            className="absolute top-1.5 right-1.5 opacity-0 transition-opacity group-hover:opacity-100"
          >
            {focused ? <Minimize2 aria-hidden /> : <Maximize2 aria-hidden />}
          </Button>
        </>
      )}
    </div>
  );
}

/** Columns, and the shape of the whole, so that pictures of 16:9 fill it. */
function layoutOf(count: number): string {
  if (count <= 1) return "aspect-video";
  if (count === 2) return "aspect-[8/9] sm:aspect-[32/9] grid-cols-1 sm:grid-cols-2";
  if (count <= 4) return "aspect-video grid-cols-2 grid-rows-2";
  if (count <= 6) return "aspect-[32/27] sm:aspect-[8/3] grid-cols-2 sm:grid-cols-3";
  return "aspect-video grid-cols-3 grid-rows-3";
}

type Props = {
  cameras: Camera[];
  session: PlaybackSession;
  lanes: Lane[];
  focus: string | null;
  wanted: number | null;
  latest: number | null;
  onFocus: (camera: string | null) => void;
  onSeek: (time: number) => void;
};

/** The pictures of all chosen cameras; one of them large when it was pressed. */
export function PlaybackGrid(props: Props) {
  const { cameras, session, lanes, focus, wanted, latest, onFocus, onSeek } = props;
  const isIdle = useRecordings((state) =>
    cameras.every(({ id }) => (state.tiles[id]?.phase ?? "idle") === "idle"),
  );
  const first = cameras[0];
  const alone = cameras.length === 1;
  return (
    <div
      className={cn(
        "relative grid max-h-[calc(100dvh-27rem)] min-h-52 w-full gap-0.5 bg-[#070b0c]",
        layoutOf(focus ? 1 : cameras.length),
      )}
    >
      {cameras.map((camera) => (
        <PlaybackTile
          key={camera.id}
          camera={camera}
          session={session}
          lane={lanes.find((lane) => lane.camera === camera.id)}
          wanted={wanted}
          alone={alone}
          focused={focus === camera.id}
          hidden={focus !== null && focus !== camera.id}
          onFocus={alone ? null : () => onFocus(focus === camera.id ? null : camera.id)}
          onSeek={onSeek}
        />
      ))}
      {isIdle && first && <StartOverlay camera={first.id} latest={latest} onSeek={onSeek} />}
    </div>
  );
}
