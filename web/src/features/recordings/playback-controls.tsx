import {
  Download,
  Pause,
  Play,
  Radio,
  StepBack,
  StepForward,
  Volume2,
  VolumeX,
} from "lucide-react";
import { Link } from "react-router-dom";
import { Button } from "@/components/ui/button";
import { NativeSelect } from "@/components/ui/input";
import { Tooltip } from "@/components/ui/tooltip";
import { formatDateTime } from "@/lib/format";
import type { PlaybackController } from "./playback-controller";
import { speeds, useRecordings } from "./store";
import { useDownload } from "./use-download";

type Props = {
  camera: string;
  fps: number;
  controller: PlaybackController | null;
  onPlay: () => void;
};

export function PlaybackControls({ camera, fps, controller, onPlay }: Props) {
  const { playing, speed, muted, playhead, phase, set } = useRecordings();
  const download = useDownload(camera);
  const ready = phase === "ready";
  return (
    <div className="flex flex-wrap items-center gap-1 sm:gap-1.5">
      <Button
        variant="primary"
        size="icon"
        aria-label={playing ? "Pause" : "Play"}
        onClick={() => (ready ? controller?.toggle() : onPlay())}
      >
        {playing ? <Pause aria-hidden /> : <Play aria-hidden />}
      </Button>
      <Tooltip label="One picture back (,)">
        <Button
          variant="ghost"
          size="icon"
          aria-label="One picture back"
          disabled={!ready}
          onClick={() => controller?.step(-1, fps)}
        >
          <StepBack aria-hidden />
        </Button>
      </Tooltip>
      <Tooltip label="One picture on (.)">
        <Button
          variant="ghost"
          size="icon"
          aria-label="One picture on"
          disabled={!ready}
          onClick={() => controller?.step(1, fps)}
        >
          <StepForward aria-hidden />
        </Button>
      </Tooltip>
      <NativeSelect
        aria-label="Speed"
        className="h-9 w-18 text-sm sm:w-20"
        value={speed}
        onChange={(event) => set({ speed: Number(event.target.value) })}
      >
        {speeds.map((value) => (
          <option key={value} value={value}>
            {value}×
          </option>
        ))}
      </NativeSelect>
      <Tooltip label={muted ? "Sound on" : "Sound off"}>
        <Button
          variant="ghost"
          size="icon"
          aria-label={muted ? "Turn sound on" : "Turn sound off"}
          onClick={() => set({ muted: !muted })}
        >
          {muted ? <VolumeX aria-hidden /> : <Volume2 aria-hidden />}
        </Button>
      </Tooltip>
      <p
        className="nums min-w-0 flex-1 truncate px-2 text-sm font-medium max-sm:order-first max-sm:basis-full max-sm:px-0 max-sm:empty:hidden"
        data-testid="playhead"
      >
        {playhead === null ? "" : formatDateTime(playhead)}
      </p>
      <span className="flex-1 sm:hidden" />
      <Tooltip label="Download this segment">
        <Button
          size="icon"
          aria-label="Download this segment"
          disabled={playhead === null}
          busy={download.isPending}
          onClick={() => playhead !== null && download.mutate(playhead)}
        >
          <Download aria-hidden />
        </Button>
      </Tooltip>
      <Button asChild className="max-sm:px-2.5">
        <Link to={`/cameras/${encodeURIComponent(camera)}`}>
          <Radio aria-hidden /> <span className="max-sm:sr-only">Go live</span>
        </Link>
      </Button>
    </div>
  );
}
