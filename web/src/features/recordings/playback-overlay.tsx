import { CircleAlert, Download, Film, LoaderCircle, Play, Radio } from "lucide-react";
import type { ReactNode } from "react";
import { Link } from "react-router-dom";
import { Button } from "@/components/ui/button";
import { useRecordings } from "./store";
import { useDownload } from "./use-download";

type Props = {
  camera: string;
  /** The moment that was asked for. */
  wanted: number | null;
  latest: number | null;
  codec: string | null;
  onSeek: (time: number) => void;
};

function Notice({ icon, text, children }: { icon: ReactNode; text: string; children?: ReactNode }) {
  return (
    <div
      role="status"
      className="absolute inset-0 flex flex-col items-center justify-center gap-3 bg-[#070b0c]/75 p-6 text-center text-white"
    >
      {icon}
      <p className="max-w-md text-[0.9375rem]">{text}</p>
      {children}
    </div>
  );
}

/** What stands in the picture's place while there is none. */
export function PlaybackOverlay({ camera, wanted, latest, codec, onSeek }: Props) {
  const phase = useRecordings((state) => state.phase);
  const message = useRecordings((state) => state.message);
  const download = useDownload(camera);
  const live = (
    <Button asChild className="border-white/25 bg-white/10 text-white hover:bg-white/20">
      <Link to={`/cameras/${encodeURIComponent(camera)}`}>
        <Radio aria-hidden /> Go live
      </Link>
    </Button>
  );
  switch (phase) {
    case "ready":
      return null;
    case "loading":
      return (
        <div className="absolute inset-0 grid place-items-center text-white/80">
          <LoaderCircle className="size-8 animate-spin" aria-label="Loading the recording" />
        </div>
      );
    case "idle":
      return latest === null ? (
        <Notice
          icon={<Film className="size-8" aria-hidden />}
          text="Nothing was recorded on this day. Choose another day, or look at the live picture."
        >
          {live}
        </Notice>
      ) : (
        <Notice
          icon={<Film className="size-8" aria-hidden />}
          text="Choose a moment on the timeline below."
        >
          <Button variant="primary" onClick={() => onSeek(latest)}>
            <Play aria-hidden /> Play the latest
          </Button>
        </Notice>
      );
    case "empty":
      return (
        <Notice
          icon={<Film className="size-8" aria-hidden />}
          text="Nothing is recorded here. The coloured parts of the timeline are."
        />
      );
    case "end":
      return (
        <Notice
          icon={<Film className="size-8" aria-hidden />}
          text="This is the end of what has been recorded."
        >
          {live}
        </Notice>
      );
    case "unsupported":
      return (
        <Notice
          icon={<CircleAlert className="size-8" aria-hidden />}
          text={
            message ??
            `This browser cannot play ${codec ?? "the camera’s video format"}. The recording is fine: download it, or watch it in a browser that has the decoder.`
          }
        >
          <Button
            variant="primary"
            busy={download.isPending}
            onClick={() => wanted !== null && download.mutate(wanted)}
          >
            <Download aria-hidden /> Download this segment
          </Button>
        </Notice>
      );
    case "error":
      return (
        <Notice
          icon={<CircleAlert className="size-8" aria-hidden />}
          text={message ?? "The recording could not be played."}
        >
          <Button variant="primary" onClick={() => wanted !== null && onSeek(wanted)}>
            Try again
          </Button>
        </Notice>
      );
  }
}
