import { Monitor, Moon, Sun } from "lucide-react";
import { usePreferences, type Theme } from "@/lib/preferences";
import { Segmented } from "./ui/segmented";

export function ThemeSwitch({ className }: { className?: string }) {
  const theme = usePreferences((state) => state.theme);
  const setTheme = usePreferences((state) => state.setTheme);
  return (
    <Segmented<Theme>
      label="Colour theme"
      iconOnly
      value={theme}
      onChange={setTheme}
      {...(className ? { className } : {})}
      options={[
        { value: "light", label: "Light", icon: <Sun aria-hidden /> },
        { value: "dark", label: "Dark", icon: <Moon aria-hidden /> },
        { value: "system", label: "As the device", icon: <Monitor aria-hidden /> },
      ]}
    />
  );
}
