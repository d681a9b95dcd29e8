/** What a camera's recorder does just now, in words. */
import type { Camera, RecordingNow } from "@/lib/api/types";
import { formatClock } from "@/lib/format";

const modes: Record<RecordingNow["mode"], string> = {
  continuous: "Always",
  motion: "On motion",
  events: "On events",
  off: "Off now",
};

/** "Always", "By schedule: on motion until 18:00:00", "By hand until 14:03:09", "Off". */
export function recordingText(camera: Camera): string {
  if (camera.recording.enabled === false) return "Off";
  const now = camera.recording_now;
  if (now.reason === "manual")
    return now.until ? `By hand until ${formatClock(now.until)}` : "By hand";
  const mode = modes[now.mode];
  if (camera.recording.mode !== "scheduled") return mode;
  const next = now.next_change ? ` until ${formatClock(now.next_change)}` : "";
  return `By schedule: ${mode.toLowerCase()}${next}`;
}

/** Recording by hand makes sense: something could be missed otherwise. */
export function canRecordByHand(camera: Camera): boolean {
  return (
    camera.enabled &&
    !camera.stopped &&
    camera.recording.enabled !== false &&
    camera.recording_now.mode !== "continuous"
  );
}
