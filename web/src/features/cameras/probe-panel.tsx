import { CircleAlert, CircleCheck, ImageOff, ScanEye } from "lucide-react";
import type { ReactNode } from "react";
import { Badge } from "@/components/ui/badge";
import { Card } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import { errorText } from "@/lib/api/client";
import type { ProbeResult, ProbeStream } from "@/lib/api/types";
import { formatCodec, formatFps, formatSize } from "@/lib/format";
import { canPlayCodec } from "@/lib/media/mse";

type Props = { result: ProbeResult | null; error: unknown; busy: boolean };

export function streamFacts(stream: ProbeStream): string {
  if (stream.kind === "video") {
    return [
      formatCodec(stream.codec),
      formatSize(stream.width, stream.height),
      formatFps(stream.fps),
    ].join(" · ");
  }
  const rate = stream.sample_rate ? `${stream.sample_rate / 1000} kHz` : null;
  const channels = stream.channels === 1 ? "mono" : stream.channels === 2 ? "stereo" : null;
  return [formatCodec(stream.codec), rate, channels].filter(Boolean).join(" · ");
}

function Frame({ picture, children }: { picture: ReactNode; children: ReactNode }) {
  return (
    <Card className="overflow-hidden" aria-live="polite" aria-label="Connection test" role="region">
      <div className="relative grid aspect-video place-items-center bg-[#0a1012] text-white/70">
        {picture}
      </div>
      <div className="p-5">{children}</div>
    </Card>
  );
}

function Found({ result }: { result: ProbeResult }) {
  const streams = result.streams ?? [];
  const video = streams.find((stream) => stream.kind === "video");
  const playable = !video || canPlayCodec(video.codec, video.codec_string);
  return (
    <Frame
      picture={
        result.snapshot ? (
          <img
            src={result.snapshot}
            alt="What the camera sees now"
            className="absolute inset-0 size-full object-contain"
          />
        ) : (
          <ImageOff className="size-8" aria-label="The camera gave no picture" />
        )
      }
    >
      <p className="text-good-ink flex items-center gap-2 font-medium">
        <CircleCheck className="size-5" aria-hidden /> Connected
        <span className="nums text-faint ml-auto text-sm font-normal">
          {Math.max(0.1, result.elapsed_ms / 1000).toFixed(1)} s
        </span>
      </p>
      <ul className="mt-3 grid gap-2">
        {streams.map((stream, index) => (
          <li key={index} className="flex items-center gap-3 text-sm">
            <Badge>{stream.kind === "video" ? "Video" : "Audio"}</Badge>
            <span className="nums">{streamFacts(stream)}</span>
          </li>
        ))}
      </ul>
      {!playable && (
        <p className="text-amber-ink mt-3 text-sm">
          This browser cannot play {formatCodec(video.codec)}. Recording works; for live video add
          an H.264 sub stream.
        </p>
      )}
    </Frame>
  );
}

function Failed({ message }: { message: string }) {
  return (
    <Frame picture={<ImageOff className="size-8" aria-hidden />}>
      <p className="text-bad-ink flex items-center gap-2 font-medium">
        <CircleAlert className="size-5" aria-hidden /> No connection
      </p>
      <p className="text-soft mt-2 text-sm">{message}</p>
    </Frame>
  );
}

/** What the connection test found, beside the form. */
export function ProbePanel({ result, error, busy }: Props) {
  if (busy) {
    return (
      <Frame picture={<Skeleton className="absolute inset-0 rounded-none bg-white/10" />}>
        <p className="font-medium">Connecting to the camera…</p>
        <p className="text-faint mt-1 text-sm">This takes up to ten seconds.</p>
      </Frame>
    );
  }
  if (error) return <Failed message={errorText(error)} />;
  if (result?.ok) return <Found result={result} />;
  if (result) return <Failed message={result.error?.message ?? "The camera did not answer."} />;
  return (
    <Frame picture={<ScanEye className="size-9" aria-hidden />}>
      <p className="font-medium">See it before you save it</p>
      <p className="text-faint mt-1 text-sm">
        “Test connection” shows a picture and the streams that the camera offers. Nothing is stored.
      </p>
    </Frame>
  );
}
