import { useQuery } from "@tanstack/react-query";
import { useParams } from "react-router-dom";
import { Page } from "@/components/page";
import { ErrorState } from "@/components/states";
import { Skeleton } from "@/components/ui/skeleton";
import { cameraQuery } from "@/lib/api/queries";
import type { Camera } from "@/lib/api/types";
import { CameraEditor } from "./camera-editor";
import { emptyForm, formFromCamera, toInput, toPatch } from "./camera-form-model";
import { useCreateCamera, useUpdateCamera } from "./mutations";

export function AddCameraPage() {
  const create = useCreateCamera();
  return (
    <Page title="Add camera" back={{ to: "/cameras", label: "Back to cameras" }}>
      <CameraEditor
        camera={null}
        initial={emptyForm}
        save={(form) => create.mutateAsync(toInput(form))}
      />
    </Page>
  );
}

function Editor({ camera }: { camera: Camera }) {
  const update = useUpdateCamera(camera.id);
  return (
    <CameraEditor
      camera={camera}
      initial={formFromCamera(camera)}
      save={(form) => update.mutateAsync(toPatch(form))}
    />
  );
}

export function EditCameraPage() {
  const { id = "" } = useParams();
  const { data, error, refetch } = useQuery(cameraQuery(id));
  return (
    <Page
      title={data ? `Edit ${data.name}` : "Edit camera"}
      back={{ to: `/cameras/${encodeURIComponent(id)}`, label: "Back to the camera" }}
    >
      {data && <Editor key={data.id} camera={data} />}
      {!data && error && <ErrorState error={error} onRetry={() => void refetch()} />}
      {!data && !error && <Skeleton className="h-96 rounded-2xl" />}
    </Page>
  );
}
