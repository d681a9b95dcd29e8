import { useEffect, useState } from "react";
import { fetchPlaylist } from "@/lib/api/queries";
import { PlaybackSession } from "@/lib/playback/session";
import { useRecordings } from "./store";

/** One playback for as long as the page is open; pictures come to it and leave. */
export function usePlayback(focus: string | null): PlaybackSession {
  const set = useRecordings((state) => state.set);
  const setTile = useRecordings((state) => state.setTile);
  const muted = useRecordings((state) => state.muted);
  const speed = useRecordings((state) => state.speed);
  const [session] = useState(
    () =>
      new PlaybackSession(
        (camera) => (start, end, signal) => fetchPlaylist(camera, start, end, signal),
        {
          onPhase: (camera, phase, message) => setTile(camera, { phase, message }),
          onTime: (playhead) => set({ playhead }),
          onPlaying: (playing) => set({ playing }),
          onMuted: () => set({ muted: true }),
        },
      ),
  );

  useEffect(() => {
    let frame = 0;
    const tick = (now: number) => {
      session.tick(now);
      frame = requestAnimationFrame(tick);
    };
    frame = requestAnimationFrame(tick);
    return () => cancelAnimationFrame(frame);
  }, [session]);

  useEffect(() => session.setRate(speed), [session, speed]);
  useEffect(() => session.setSound(focus, muted), [session, focus, muted]);
  return session;
}
