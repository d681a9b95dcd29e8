import { Grid2x2 } from "lucide-react";
import { Button } from "@/components/ui/button";
import { Menu, MenuCheck } from "@/components/ui/menu";
import type { Camera } from "@/lib/api/types";

/** More pictures than these no screen shows usefully. */
export const camerasMax = 9;

type Props = {
  all: Camera[];
  /** Ids; the first one is the page's own camera. */
  chosen: string[];
  onChange: (chosen: string[]) => void;
};

/** Which cameras are played together. */
export function CameraPicker({ all, chosen, onChange }: Props) {
  const [first] = chosen;
  const toggle = (id: string, on: boolean) =>
    onChange(on ? [...chosen, id] : chosen.filter((other) => other !== id));
  return (
    <Menu
      trigger={
        <Button aria-label={`Cameras played together: ${chosen.length}`} className="px-3">
          <Grid2x2 aria-hidden /> {chosen.length}
        </Button>
      }
    >
      <p className="text-faint px-2.5 pt-1 pb-1.5 text-xs">Play together, up to {camerasMax}</p>
      {all.map((camera) => {
        const isOn = chosen.includes(camera.id);
        return (
          <MenuCheck
            key={camera.id}
            checked={isOn}
            disabled={camera.id === first || (!isOn && chosen.length >= camerasMax)}
            onCheckedChange={(on) => toggle(camera.id, on)}
          >
            {camera.name}
          </MenuCheck>
        );
      })}
    </Menu>
  );
}
