import { useCallback, useEffect, useState, useSyncExternalStore } from "react";
import { LiveSession, type LiveState } from "@/lib/media/live-session";
import { usePageVisible } from "@/lib/use-page-visible";

export function liveUrl(cameraId: string, stream: "main" | "sub"): string {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const id = encodeURIComponent(cameraId);
  return `${scheme}://${location.host}/api/v1/cameras/${id}/stream/ws?stream=${stream}`;
}

const noSubscription = () => () => undefined;
const nothing = () => null;

/** Plays `url` in the video element; null while there is no session yet. */
export function useLiveSession(video: HTMLVideoElement | null, url: string): LiveState | null {
  const [session, setSession] = useState<LiveSession | null>(null);
  const visible = usePageVisible();

  useEffect(() => {
    if (!video) return;
    const next = new LiveSession(url, video);
    setSession(next);
    next.start();
    return () => {
      next.close();
      setSession(null);
    };
  }, [video, url]);

  useEffect(() => {
    if (!session) return;
    if (visible) {
      session.resume();
      return;
    }
    // A glance at another tab should not cost a reconnect.
    const timer = setTimeout(() => session.pause(), 5_000);
    return () => clearTimeout(timer);
  }, [session, visible]);

  const subscribe = useCallback(
    (listener: () => void) => session?.subscribe(listener) ?? noSubscription(),
    [session],
  );
  return useSyncExternalStore(subscribe, session ? session.getState : nothing);
}
