import {
  CirclePlay,
  CircleStop,
  EllipsisVertical,
  Pencil,
  Power,
  RotateCw,
  Trash2,
} from "lucide-react";
import { useState } from "react";
import { useNavigate } from "react-router-dom";
import { toast } from "sonner";
import { Button } from "@/components/ui/button";
import { Menu, MenuItem, MenuSeparator } from "@/components/ui/menu";
import { errorText } from "@/lib/api/client";
import type { Camera } from "@/lib/api/types";
import { DeleteCamera } from "./delete-camera";
import { useCameraCommand, useUpdateCamera, type CameraCommand } from "./mutations";

const done: Record<CameraCommand, string> = {
  start: "Starting",
  stop: "Stopped",
  restart: "Restarting",
};

/** Everything that can be done to a camera. */
export function CameraActions({ camera }: { camera: Camera }) {
  const navigate = useNavigate();
  const command = useCameraCommand(camera.id);
  const update = useUpdateCamera(camera.id);
  const [deleting, setDeleting] = useState(false);
  const onError = (error: unknown) => toast.error(errorText(error));

  function run(name: CameraCommand) {
    command.mutate(name, {
      onSuccess: () => toast.success(`${done[name]}: ${camera.name}`),
      onError,
    });
  }

  function toggleEnabled() {
    const enabled = !camera.enabled;
    update.mutate(
      { enabled },
      {
        onSuccess: () => toast.success(`${camera.name} ${enabled ? "enabled" : "disabled"}`),
        onError,
      },
    );
  }

  return (
    <>
      <Menu
        trigger={
          <Button size="icon" aria-label="More actions">
            <EllipsisVertical aria-hidden />
          </Button>
        }
      >
        <MenuItem onSelect={() => navigate(`/cameras/${encodeURIComponent(camera.id)}/edit`)}>
          <Pencil aria-hidden /> Edit
        </MenuItem>
        <MenuItem disabled={!camera.enabled} onSelect={() => run("restart")}>
          <RotateCw aria-hidden /> Restart
        </MenuItem>
        {camera.stopped ? (
          <MenuItem disabled={!camera.enabled} onSelect={() => run("start")}>
            <CirclePlay aria-hidden /> Start
          </MenuItem>
        ) : (
          <MenuItem disabled={!camera.enabled} onSelect={() => run("stop")}>
            <CircleStop aria-hidden /> Stop
          </MenuItem>
        )}
        <MenuItem onSelect={toggleEnabled}>
          <Power aria-hidden /> {camera.enabled ? "Disable" : "Enable"}
        </MenuItem>
        <MenuSeparator />
        <MenuItem danger onSelect={() => setDeleting(true)}>
          <Trash2 aria-hidden /> Delete…
        </MenuItem>
      </Menu>
      <DeleteCamera camera={camera} open={deleting} onOpenChange={setDeleting} />
    </>
  );
}
