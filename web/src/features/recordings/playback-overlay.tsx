import { CircleAlert, Download, LoaderCircle } from "lucide-react";
import { Button } from "@/components/ui/button";
import { causes } from "@/lib/timeline/gaps";
import type { Gap } from "@/lib/api/types";
import { film, LiveLink, Notice } from "./playback-notice";
import type { Tile } from "./store";
import { useDownload } from "./use-download";

const alert = <CircleAlert className="size-8" aria-hidden />;

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
