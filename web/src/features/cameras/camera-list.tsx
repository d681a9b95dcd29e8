import { ChevronRight } from "lucide-react";
import { Link } from "react-router-dom";
import { StatusBadge } from "@/components/status";
import { Badge } from "@/components/ui/badge";
import { Card } from "@/components/ui/card";
import type { Camera } from "@/lib/api/types";
import { formatBitrate, formatCodec, formatFps, formatSize } from "@/lib/format";

function facts(camera: Camera): string {
  if (!camera.main) return camera.error ?? "No stream yet";
  const { codec, width, height, fps, bitrate } = camera.main;
  return [
    formatCodec(codec),
    formatSize(width, height),
    formatFps(fps),
    formatBitrate(bitrate),
  ].join(" · ");
}

export function CameraList({ cameras }: { cameras: Camera[] }) {
  return (
    <Card className="overflow-hidden">
      <ul className="divide-line divide-y">
        {cameras.map((camera) => (
          <li key={camera.id}>
            <Link
              to={`/cameras/${encodeURIComponent(camera.id)}`}
              className="hover:bg-sunken/60 flex items-center gap-4 px-4 py-3 -outline-offset-2 transition-colors sm:px-5"
            >
              <div className="min-w-0 flex-1">
                <p className="truncate font-medium">{camera.name}</p>
                <p className="nums text-faint truncate text-sm">{facts(camera)}</p>
              </div>
              {camera.recording_active && (
                <Badge tone="brand" className="hidden sm:inline-flex">
                  Recording
                </Badge>
              )}
              <StatusBadge camera={camera} />
              <ChevronRight className="text-faint size-4" aria-hidden />
            </Link>
          </li>
        ))}
      </ul>
    </Card>
  );
}
