import { create } from "zustand";
import { persist } from "zustand/middleware";

export type Theme = "system" | "light" | "dark";
export type CameraView = "grid" | "list";

type Preferences = {
  theme: Theme;
  cameraView: CameraView;
  setTheme: (theme: Theme) => void;
  setCameraView: (view: CameraView) => void;
};

/** What this browser remembers. public/theme.js reads the same entry before the first paint. */
export const usePreferences = create<Preferences>()(
  persist(
    (set) => ({
      theme: "system",
      cameraView: "grid",
      setTheme: (theme) => set({ theme }),
      setCameraView: (cameraView) => set({ cameraView }),
    }),
    { name: "heron.preferences" },
  ),
);

export function isDark(theme: Theme, systemDark: boolean): boolean {
  return theme === "dark" || (theme === "system" && systemDark);
}

/** Keeps the page's colours in step with the choice and, for "system", with the device. */
export function watchTheme(root: HTMLElement = document.documentElement): () => void {
  const media = window.matchMedia("(prefers-color-scheme: dark)");
  const apply = () =>
    root.classList.toggle("dark", isDark(usePreferences.getState().theme, media.matches));
  apply();
  media.addEventListener("change", apply);
  const unsubscribe = usePreferences.subscribe(apply);
  return () => {
    media.removeEventListener("change", apply);
    unsubscribe();
  };
}
