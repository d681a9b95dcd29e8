import type { Camera } from "@/lib/api/types";
import { formatBitrate, formatCodec, formatFps, formatSize } from "@/lib/format";
import type { LiveState } from "@/lib/media/live-session";

type Props = { camera: Camera; stream: "main" | "sub"; live: LiveState | null };

/** One line of facts below the picture; what the player measures wins over what the server says. */
export function StatusLine({ camera, stream, live }: Props) {
  const info = camera[stream];
  const playing = live?.phase === "playing";
  const facts: [string, string][] = [
    ["Codec", formatCodec(live?.codec ?? info?.codec)],
    [
      "Size",
      live?.width ? formatSize(live.width, live.height) : formatSize(info?.width, info?.height),
    ],
    ["Rate", formatFps(playing && live.fps ? live.fps : info?.fps)],
    ["Bitrate", formatBitrate(playing && live.bitrate ? live.bitrate : info?.bitrate)],
    ["Audio", info?.audio ? formatCodec(info.audio) : "None"],
    ["Behind", formatLatency(playing ? live.latencyMs : null)],
    ["First picture", live?.firstFrameMs ? `${live.firstFrameMs} ms` : "–"],
  ];
  return (
    <dl className="nums grid grid-cols-3 gap-x-4 gap-y-3 px-5 py-4 sm:grid-cols-4 lg:grid-cols-7">
      {facts.map(([label, value]) => (
        <div key={label}>
          <dt className="text-faint text-xs">{label}</dt>
          <dd className="text-sm font-medium" data-fact={label}>
            {value}
          </dd>
        </div>
      ))}
    </dl>
  );
}

export function formatLatency(ms: number | null): string {
  if (ms === null) return "–";
  return ms < 1000 ? `${Math.round(ms / 10) * 10} ms` : `${(ms / 1000).toFixed(1)} s`;
}
