import { Camera as CameraIcon, Maximize, Volume2, VolumeX } from "lucide-react";
import { useRef, useState } from "react";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Segmented } from "@/components/ui/segmented";
import { Tooltip } from "@/components/ui/tooltip";
import { LivePlayer } from "@/features/live/live-player";
import { StatusLine } from "@/features/live/status-line";
import { cameraPath } from "@/lib/api/queries";
import type { Camera } from "@/lib/api/types";
import type { LiveState } from "@/lib/media/live-session";
import { tileMessage } from "./camera-tile";

type Stream = "main" | "sub";

function toggleFullScreen(element: HTMLElement | null) {
  if (document.fullscreenElement) void document.exitFullscreen();
  else void element?.requestFullscreen();
}

/** The live picture with what belongs to it. */
export function LiveCard({ camera }: { camera: Camera }) {
  const frame = useRef<HTMLDivElement>(null);
  const [stream, setStream] = useState<Stream>("main");
  const [muted, setMuted] = useState(true);
  const [live, setLive] = useState<LiveState | null>(null);
  const off = !camera.enabled || camera.stopped;
  return (
    <Card className="overflow-hidden">
      <div
        ref={frame}
        className="relative aspect-video max-h-[78vh] w-full bg-[#070b0c] text-white/80"
        onDoubleClick={() => toggleFullScreen(frame.current)}
      >
        {off ? (
          <p className="absolute inset-0 grid place-items-center">{tileMessage(camera)}</p>
        ) : (
          <LivePlayer
            cameraId={camera.id}
            name={camera.name}
            stream={stream}
            muted={muted}
            onState={setLive}
          />
        )}
        <div className="absolute inset-x-0 bottom-0 flex items-center gap-2 bg-gradient-to-t from-black/60 to-transparent p-3 pt-8">
          {camera.sub && (
            <Segmented<Stream>
              label="Stream"
              value={stream}
              onChange={setStream}
              className="bg-black/45 ring-0 backdrop-blur-sm *:text-white/80 *:hover:text-white *:data-[state=on]:bg-white *:data-[state=on]:text-black dark:*:data-[state=on]:bg-white"
              options={[
                { value: "main", label: "Main" },
                { value: "sub", label: "Sub" },
              ]}
            />
          )}
          <span className="flex-1" />
          {live?.hasAudio && (
            <Tooltip label={muted ? "Sound on" : "Sound off"}>
              <Button
                variant="overlay"
                size="icon"
                aria-label={muted ? "Turn sound on" : "Turn sound off"}
                onClick={() => setMuted(!muted)}
              >
                {muted ? <VolumeX aria-hidden /> : <Volume2 aria-hidden />}
              </Button>
            </Tooltip>
          )}
          <Tooltip label="Download a picture">
            <Button asChild variant="overlay" size="icon">
              <a
                href={cameraPath(camera.id, "/snapshot")}
                download={`${camera.id}.jpg`}
                aria-label="Download a picture"
              >
                <CameraIcon aria-hidden />
              </a>
            </Button>
          </Tooltip>
          <Tooltip label="Full screen">
            <Button
              variant="overlay"
              size="icon"
              aria-label="Full screen"
              onClick={() => toggleFullScreen(frame.current)}
            >
              <Maximize aria-hidden />
            </Button>
          </Tooltip>
        </div>
      </div>
      <StatusLine camera={camera} stream={stream} live={live} />
    </Card>
  );
}
