import { CircleAlert, Download, Film, LoaderCircle, Play, Radio } from "lucide-react";
import type { ReactNode } from "react";
import { Link } from "react-router-dom";
import { Button } from "@/components/ui/button";
import { cn } from "@/lib/cn";
import { causes } from "@/lib/timeline/gaps";
import type { Gap } from "@/lib/api/types";
import type { Tile } from "./store";
import { useDownload } from "./use-download";

type NoticeProps = {
  icon?: ReactNode;
  text: string;
  small?: boolean | undefined;
  children?: ReactNode;
};

function Notice({ icon, text, small, children }: NoticeProps) {
  return (
    <div
      role="status"
      className={cn(
        "absolute inset-0 flex flex-col items-center justify-center gap-3 bg-[#070b0c]/75 p-6 text-center text-white",
        small && "gap-1.5 p-2 text-sm",
      )}
    >
      {icon}
      <p className={cn("max-w-md", !small && "text-[0.9375rem]")}>{text}</p>
      {children}
    </div>
  );
}

const film = <Film className="size-8" aria-hidden />;
const alert = <CircleAlert className="size-8" aria-hidden />;

type StartProps = { camera: string; latest: number | null; onSeek: (time: number) => void };

function LiveLink({ camera }: { camera: string }) {
  return (
    <Button asChild className="border-white/25 bg-white/10 text-white hover:bg-white/20">
      <Link to={`/cameras/${encodeURIComponent(camera)}`}>
        <Radio aria-hidden /> Go live
      </Link>
    </Button>
  );
}

/** Before anything was chosen. */
export function StartOverlay({ camera, latest, onSeek }: StartProps) {
  if (latest === null) {
    return (
      <Notice icon={film} text="Nothing was recorded on this day.">
        <LiveLink camera={camera} />
      </Notice>
    );
  }
  return (
    <Notice icon={film} text="Choose a moment on the timeline below.">
      <Button variant="primary" onClick={() => onSeek(latest)}>
        <Play aria-hidden /> Play the latest
      </Button>
    </Notice>
  );
}

type Props = {
  camera: string;
  tile: Tile;
  /** The moment that was asked for. */
  wanted: number | null;
  /** The hole that playback stands in. */
  gap: Gap | null;
  codec: string | null;
  /** One of several: words only. */
  small: boolean;
  onSeek: (time: number) => void;
};

/** What stands in the picture's place while there is none. */
export function PlaybackOverlay({ camera, tile, wanted, gap, codec, small, onSeek }: Props) {
  const { phase, message } = tile;
  const download = useDownload(camera);
  const missing = gap ? `No recording: ${causes[gap.cause].text}` : "No recording here.";
  switch (phase) {
    case "idle":
    case "ready":
      return null;
    case "loading":
      return (
        <div
          role="status"
          className="pointer-events-none absolute inset-0 grid place-items-center text-white/80"
        >
          <LoaderCircle className="size-9 animate-spin" aria-hidden />
          <span className="sr-only">Loading the recording</span>
        </div>
      );
    case "gap":
      return <Notice small={small} text={missing} />;
    case "empty":
      if (small) return <Notice small text={missing} />;
      return (
        <Notice
          icon={film}
          text="Nothing is recorded here. The coloured parts of the timeline are."
        />
      );
    case "end":
      if (small) return <Notice small text={missing} />;
      return (
        <Notice icon={film} text="This is the end of what has been recorded.">
          <LiveLink camera={camera} />
        </Notice>
      );
    case "unsupported":
      return (
        <Notice
          small={small}
          icon={small ? undefined : alert}
          text={
            message ??
            `This browser cannot play ${codec ?? "the camera’s video format"}.${small ? "" : " The recording is fine: download it, or watch it in a browser that has the decoder."}`
          }
        >
          {!small && (
            <Button
              variant="primary"
              busy={download.isPending}
              onClick={() => wanted !== null && download.mutate(wanted)}
            >
              <Download aria-hidden /> Download this segment
            </Button>
          )}
        </Notice>
      );
    case "error":
      return (
        <Notice
          small={small}
          icon={small ? undefined : alert}
          text={message ?? "The recording could not be played."}
        >
          <Button
            variant="primary"
            size={small ? "sm" : "md"}
            onClick={() => wanted !== null && onSeek(wanted)}
          >
            Try again
          </Button>
        </Notice>
      );
  }
}
