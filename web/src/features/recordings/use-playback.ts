import { useEffect, useState } from "react";
import { PlaybackController } from "./playback-controller";
import { useRecordings } from "./store";

/** A controller for as long as the video element and the camera stay the same. */
export function usePlayback(
  video: HTMLVideoElement | null,
  camera: string,
): PlaybackController | null {
  const [controller, setController] = useState<PlaybackController | null>(null);
  const set = useRecordings((state) => state.set);
  const phase = useRecordings((state) => state.phase);
  const muted = useRecordings((state) => state.muted);
  const speed = useRecordings((state) => state.speed);

  useEffect(() => {
    if (!video) return;
    const next = new PlaybackController(video, camera, {
      onPhase: (phase, message) => set({ phase, message }),
      onTime: (playhead) => set({ playhead }),
      onPlaying: (playing) => set({ playing }),
      onMuted: () => set({ muted: true }),
    });
    setController(next);
    return () => {
      next.close();
      setController(null);
    };
  }, [video, camera, set]);

  useEffect(() => controller?.setSpeed(speed), [controller, speed]);
  useEffect(() => controller?.setMuted(muted), [controller, muted]);
  useEffect(() => {
    if (phase === "idle") controller?.clear();
  }, [controller, phase]);
  return controller;
}
