import { useState } from "react";
import { useNavigate } from "react-router-dom";
import { toast } from "sonner";
import { Confirm } from "@/components/ui/confirm";
import { errorText } from "@/lib/api/client";
import type { Camera } from "@/lib/api/types";
import { useDeleteCamera } from "./mutations";
import { SwitchField } from "./switch-field";

type Props = { camera: Camera; open: boolean; onOpenChange: (open: boolean) => void };

export function DeleteCamera({ camera, open, onOpenChange }: Props) {
  const navigate = useNavigate();
  const [withRecordings, setWithRecordings] = useState(false);
  const remove = useDeleteCamera(camera.id);
  return (
    <Confirm
      open={open}
      onOpenChange={onOpenChange}
      title={`Delete ${camera.name}?`}
      text="The camera is no longer recorded and its settings are removed."
      action="Delete camera"
      danger
      busy={remove.isPending}
      onConfirm={() =>
        remove.mutate(withRecordings, {
          onSuccess: () => {
            toast.success(`${camera.name} deleted`);
            navigate("/cameras");
          },
          onError: (error) => toast.error(errorText(error)),
        })
      }
    >
      <div className="bg-sunken mt-4 rounded-xl p-4">
        <SwitchField
          label="Delete its recordings too"
          hint="The protected ones as well. This cannot be undone."
          checked={withRecordings}
          onChange={setWithRecordings}
        />
      </div>
    </Confirm>
  );
}
