import { useEffect } from "react";

const fields = "input, select, textarea, [role=dialog], [role=menu]";

/** Whether a key press belongs to a control that uses it itself. */
export function isTyping(target: EventTarget | null, key: string): boolean {
  // A button takes the space bar, and nothing else of what is used here.
  const takers = key === " " ? `${fields}, button, a` : fields;
  return target instanceof HTMLElement && target.closest(takers) !== null;
}

export type PlaybackKeys = {
  toggle: () => void;
  pause: () => void;
  step: (direction: 1 | -1) => void;
  /** Milliseconds on or back. */
  jump: (ms: number) => void;
  setSpeed: (speed: number) => void;
  speed: () => number;
  isPlaying: () => boolean;
  /** Sets an edge of the selection where playback stands. */
  mark: (edge: "start" | "end") => void;
};

/** The next speed of the shuttle keys: J and L begin at 1× and double with each press. */
export function shuttle(speed: number, isPlaying: boolean, direction: 1 | -1): number {
  if (!isPlaying || Math.sign(speed) !== direction) return direction;
  return direction * Math.min(16, Math.max(1, Math.abs(speed) * 2));
}

function press(key: string, keys: PlaybackKeys): boolean {
  switch (key) {
    case " ":
      keys.toggle();
      return true;
    case "k":
      keys.pause();
      return true;
    case "j":
    case "l":
      keys.setSpeed(shuttle(keys.speed(), keys.isPlaying(), key === "l" ? 1 : -1));
      return true;
    case ",":
    case ".":
      keys.step(key === "." ? 1 : -1);
      return true;
    case "arrowleft":
    case "arrowright":
      keys.jump(key === "arrowright" ? 10_000 : -10_000);
      return true;
    case "i":
    case "o":
      keys.mark(key === "i" ? "start" : "end");
      return true;
    default:
      return false;
  }
}

/** Space, J, K and L play; comma and full stop step by one picture; arrows jump; I and O select. */
export function usePlaybackKeys(keys: PlaybackKeys) {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (isTyping(event.target, event.key) || event.ctrlKey || event.metaKey || event.altKey)
        return;
      if (press(event.key.toLowerCase(), keys)) event.preventDefault();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [keys]);
}
