import { LoaderCircle, VideoOff } from "lucide-react";
import { useEffect, useState, type ReactNode } from "react";
import type { LiveState } from "@/lib/media/live-session";
import { cn } from "@/lib/cn";
import { SnapshotView } from "./snapshot-view";
import { liveUrl, useLiveSession } from "./use-live-session";

type Props = {
  cameraId: string;
  name: string;
  stream: "main" | "sub";
  muted?: boolean;
  /** How the picture fills its frame: whole in the player, cropped in tiles. */
  fit?: "contain" | "cover";
  compact?: boolean;
  snapshotWidth?: number;
  onState?: (state: LiveState) => void;
  children?: ReactNode;
};

/** Live picture of one camera: video where the browser can, snapshots where it cannot. */
export function LivePlayer(props: Props) {
  const { cameraId, name, stream, muted = true, fit = "contain", compact, onState } = props;
  const [video, setVideo] = useState<HTMLVideoElement | null>(null);
  const state = useLiveSession(video, liveUrl(cameraId, stream));

  useEffect(() => {
    if (state) onState?.(state);
  }, [state, onState]);

  const fitClass = fit === "cover" ? "object-cover" : "object-contain";
  const unsupported = state?.phase === "unsupported";
  return (
    <>
      <video
        ref={setVideo}
        muted={muted}
        autoPlay
        playsInline
        aria-label={`Live video of ${name}`}
        aria-hidden={compact}
        data-phase={state?.phase ?? "connecting"}
        data-first-frame-ms={state?.firstFrameMs ?? undefined}
        className={cn(
          "absolute inset-0 size-full bg-black",
          fitClass,
          unsupported && "invisible",
          state?.phase === "waiting" && "opacity-40",
        )}
      />
      {unsupported && (
        <SnapshotView
          cameraId={cameraId}
          name={name}
          width={props.snapshotWidth ?? 1280}
          active
          className={fitClass}
        />
      )}
      {state && <Overlay state={state} compact={compact ?? false} />}
      {props.children}
    </>
  );
}

/** Why there are pictures instead of video. */
export function fallbackText(state: Pick<LiveState, "codec" | "message">): string {
  const codec = state.codec?.toLowerCase();
  if (codec === "h265" || codec === "hevc") {
    return "This browser cannot play H.265: you see a picture every second. An H.264 sub stream plays as video.";
  }
  return `${state.message ?? "This camera cannot be played as video here."} You see a picture every second.`;
}

function Overlay({ state, compact }: { state: LiveState; compact: boolean }) {
  if (state.phase === "connecting") {
    return (
      <div className="absolute inset-0 grid place-items-center text-white/80">
        <LoaderCircle className="size-7 animate-spin" aria-label="Connecting" />
      </div>
    );
  }
  if (state.phase === "waiting") {
    return (
      <div
        role="status"
        className="absolute inset-0 flex flex-col items-center justify-center gap-2 px-6 text-center text-sm text-white/90"
      >
        <VideoOff className={compact ? "size-5" : "size-8"} aria-hidden />
        {state.message}
      </div>
    );
  }
  if (state.phase === "unsupported" && !compact) {
    return (
      <p
        role="status"
        className="absolute inset-x-0 top-0 bg-black/65 px-4 py-2 text-center text-sm text-white"
      >
        {fallbackText(state)}
      </p>
    );
  }
  return null;
}
