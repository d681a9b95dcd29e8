import { CircleDot, VideoOff } from "lucide-react";
import { useRef } from "react";
import { Link } from "react-router-dom";
import { cameraLook } from "@/components/status";
import { LivePlayer } from "@/features/live/live-player";
import type { Camera } from "@/lib/api/types";
import { cn } from "@/lib/cn";
import { formatFps, formatSize } from "@/lib/format";
import { useOnScreen } from "@/lib/use-on-screen";

/** What a tile says when it cannot show a picture; null when it can. */
export function tileMessage(camera: Camera): string | null {
  if (!camera.enabled) return "Disabled";
  if (camera.stopped) return "Stopped";
  if (camera.status === "offline" || camera.status === "error") {
    return camera.error ?? "The camera does not answer.";
  }
  return null;
}

function TilePicture({ camera }: { camera: Camera }) {
  const message = tileMessage(camera);
  const look = cameraLook(camera);
  const trouble = camera.enabled && !camera.stopped;
  if (message) {
    return (
      <div className="absolute inset-0 flex flex-col items-center justify-center gap-2 px-6 pb-6 text-center text-sm text-white/75">
        <VideoOff className="size-7" aria-hidden />
        {trouble && <span className="text-base font-semibold text-white">{look.label}</span>}
        <span className="line-clamp-2">{trouble ? message : look.label}</span>
      </div>
    );
  }
  return (
    <LivePlayer
      cameraId={camera.id}
      name={camera.name}
      stream={camera.sub ? "sub" : "main"}
      fit="cover"
      compact
      snapshotWidth={640}
    />
  );
}

export function CameraTile({ camera }: { camera: Camera }) {
  const ref = useRef<HTMLAnchorElement>(null);
  const look = cameraLook(camera);
  const onScreen = useOnScreen(ref);
  return (
    <Link
      ref={ref}
      to={`/cameras/${encodeURIComponent(camera.id)}`}
      className="group shadow-card hover:shadow-pop relative block aspect-video overflow-hidden rounded-2xl bg-[#0a1012] ring-1 ring-black/10 transition-shadow dark:ring-white/8"
    >
      {onScreen && <TilePicture camera={camera} />}
      <div className="pointer-events-none absolute inset-x-0 bottom-0 flex items-center justify-between gap-3 bg-gradient-to-t from-black/75 to-transparent p-3 pt-10 text-white">
        <span className={cn("size-2 shrink-0 rounded-full", look.dot)} title={look.label} />
        <span className="min-w-0 flex-1 truncate font-medium">
          {camera.name}
          <span className="sr-only"> (</span>
          <span className="sr-only">{look.label}</span>
          <span className="sr-only">)</span>
          <span className="sr-only">: open live view</span>
        </span>
        {camera.main && (
          <span className="nums shrink-0 text-xs text-white/80 max-sm:hidden">
            {formatSize(camera.main.width, camera.main.height)}
            {camera.main.fps > 0 && ` · ${formatFps(camera.main.fps)}`}
          </span>
        )}
        {camera.recording_active && (
          <span className="flex shrink-0 items-center gap-1 text-xs font-semibold">
            <CircleDot className="size-3.5 text-[#ff7a70]" aria-hidden /> REC
          </span>
        )}
      </div>
    </Link>
  );
}
