import type { Camera } from "@/lib/api/types";
import { cn } from "@/lib/cn";
import { Badge, type BadgeTone } from "./ui/badge";

type Look = { label: string; tone: BadgeTone; dot: string };

/** What an operator sees: one word for the camera's state. */
export function cameraLook(camera: Pick<Camera, "status" | "stopped" | "enabled">): Look {
  if (!camera.enabled) return { label: "Disabled", tone: "neutral", dot: "bg-faint" };
  if (camera.stopped) return { label: "Stopped", tone: "neutral", dot: "bg-faint" };
  switch (camera.status) {
    case "online":
      return { label: "Online", tone: "good", dot: "bg-good" };
    case "starting":
      return { label: "Connecting", tone: "warn", dot: "bg-amber" };
    case "offline":
      return { label: "Offline", tone: "bad", dot: "bg-bad" };
    case "error":
      return { label: "Error", tone: "bad", dot: "bg-bad" };
  }
}

type Props = { camera: Pick<Camera, "status" | "stopped" | "enabled"> };

export function StatusBadge({ camera }: Props) {
  const look = cameraLook(camera);
  return (
    <Badge tone={look.tone}>
      <span className={cn("size-2 rounded-full", look.dot)} aria-hidden />
      {look.label}
    </Badge>
  );
}
