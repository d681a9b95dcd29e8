import { useEffect } from "react";
import type { PlaybackController } from "./playback-controller";

/** Whether a key press belongs to a control that uses it itself. */
export function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    target.closest("input, select, textarea, button, a, [role=dialog], [role=menu]") !== null
  );
}

/** Space plays and pauses, comma and full stop step by one picture. */
export function usePlaybackKeys(controller: PlaybackController | null, fps: number) {
  useEffect(() => {
    if (!controller) return;
    const onKey = (event: KeyboardEvent) => {
      if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === " ") controller.toggle();
      else if (event.key === ",") controller.step(-1, fps);
      else if (event.key === ".") controller.step(1, fps);
      else return;
      event.preventDefault();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [controller, fps]);
}
