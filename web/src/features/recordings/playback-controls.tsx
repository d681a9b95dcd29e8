import {
  Download,
  Pause,
  Play,
  Radio,
  Rewind,
  SquareDashed,
  StepBack,
  StepForward,
  Volume2,
  VolumeX,
} from "lucide-react";
import type { ReactNode } from "react";
import { Link } from "react-router-dom";
import { Button } from "@/components/ui/button";
import { NativeSelect } from "@/components/ui/input";
import { Tooltip } from "@/components/ui/tooltip";
import { cn } from "@/lib/cn";
import { formatDateTime } from "@/lib/format";
import { speeds, useRecordings } from "./store";
import { useDownload } from "./use-download";

type Props = {
  camera: string;
  ready: boolean;
  onToggle: () => void;
  onStep: (direction: 1 | -1) => void;
  onReverse: () => void;
  onSelect: () => void;
};

type IconProps = {
  label: string;
  keys?: string;
  disabled?: boolean;
  pressed?: boolean;
  className?: string;
  onClick: () => void;
  children: ReactNode;
};

function IconButton(props: IconProps) {
  const { label, keys, disabled, pressed, className, onClick, children } = props;
  return (
    <Tooltip label={keys ? `${label} (${keys})` : label}>
      <Button
        variant="ghost"
        size="icon"
        aria-label={label}
        aria-pressed={pressed}
        className={cn("aria-pressed:bg-brand-soft aria-pressed:text-brand-ink", className)}
        disabled={disabled ?? false}
        onClick={onClick}
      >
        {children}
      </Button>
    </Tooltip>
  );
}

function SpeedSelect() {
  const { speed, set } = useRecordings();
  const list = speeds.includes(speed) ? speeds : [speed, ...speeds];
  return (
    <NativeSelect
      aria-label="Speed"
      className="h-9 w-18 text-sm sm:w-20"
      value={speed}
      onChange={(event) => set({ speed: Number(event.target.value) })}
    >
      {list.map((value) => (
        <option key={value} value={value}>
          {String(value).replace("-", "−")}×
        </option>
      ))}
    </NativeSelect>
  );
}

export function PlaybackControls(props: Props) {
  const { camera, ready, onToggle, onStep, onReverse, onSelect } = props;
  const { playing, speed, muted, playhead, selection, set } = useRecordings();
  const download = useDownload(camera);
  return (
    <div className="flex flex-wrap items-center gap-1 sm:gap-1.5">
      <Button
        variant="primary"
        size="icon"
        aria-label={playing ? "Pause" : "Play"}
        onClick={onToggle}
      >
        {playing ? <Pause aria-hidden /> : <Play aria-hidden />}
      </Button>
      <IconButton
        label="Play backwards"
        keys="J"
        disabled={!ready}
        pressed={speed < 0}
        className="max-sm:hidden"
        onClick={onReverse}
      >
        <Rewind aria-hidden />
      </IconButton>
      <IconButton label="One picture back" keys="," disabled={!ready} onClick={() => onStep(-1)}>
        <StepBack aria-hidden />
      </IconButton>
      <IconButton label="One picture on" keys="." disabled={!ready} onClick={() => onStep(1)}>
        <StepForward aria-hidden />
      </IconButton>
      <SpeedSelect />
      <IconButton
        label={muted ? "Turn sound on" : "Turn sound off"}
        onClick={() => set({ muted: !muted })}
      >
        {muted ? <VolumeX aria-hidden /> : <Volume2 aria-hidden />}
      </IconButton>
      <p
        className="nums min-w-0 flex-1 truncate px-2 text-sm font-medium max-sm:order-first max-sm:min-h-5 max-sm:basis-full max-sm:px-0"
        data-testid="playhead"
      >
        {playhead === null ? "" : formatDateTime(playhead)}
      </p>
      <IconButton
        label="Select a range"
        keys="I, O"
        pressed={selection !== null}
        onClick={onSelect}
      >
        <SquareDashed aria-hidden />
      </IconButton>
      <Tooltip label="Download this segment">
        <Button
          size="icon"
          className="max-sm:hidden"
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
