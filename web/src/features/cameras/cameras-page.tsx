import { useQuery } from "@tanstack/react-query";
import { Cctv, LayoutGrid, List, Plus } from "lucide-react";
import { Link } from "react-router-dom";
import { Page } from "@/components/page";
import { EmptyState, ErrorState } from "@/components/states";
import { Button } from "@/components/ui/button";
import { Segmented } from "@/components/ui/segmented";
import { Skeleton } from "@/components/ui/skeleton";
import { camerasQuery } from "@/lib/api/queries";
import type { Camera } from "@/lib/api/types";
import { cn } from "@/lib/cn";
import { plural } from "@/lib/format";
import { usePreferences, type CameraView } from "@/lib/preferences";
import { CameraList } from "./camera-list";
import { CameraTile } from "./camera-tile";

/** Few cameras get large tiles, many get small ones; a single one fits the window's height. */
export function gridColumns(count: number): string {
  if (count <= 1) return "grid-cols-1 max-w-[calc((100dvh-10rem)*16/9)]";
  if (count <= 4) return "grid-cols-1 sm:grid-cols-2";
  if (count <= 9) return "grid-cols-1 sm:grid-cols-2 xl:grid-cols-3";
  return "grid-cols-1 sm:grid-cols-2 lg:grid-cols-3 2xl:grid-cols-4";
}

function summary(cameras: Camera[]): string {
  const online = cameras.filter(
    (camera) => camera.enabled && !camera.stopped && camera.status === "online",
  ).length;
  return `${plural(cameras.length, "camera")}, ${online} online`;
}

function AddButton() {
  return (
    <Button asChild variant="primary">
      <Link to="/cameras/add">
        <Plus aria-hidden /> Add<span className="-ml-1 max-sm:sr-only">camera</span>
      </Link>
    </Button>
  );
}

function Content({ cameras }: { cameras: Camera[] }) {
  const view = usePreferences((state) => state.cameraView);
  if (cameras.length === 0) {
    return (
      <EmptyState
        icon={Cctv}
        title="No cameras yet"
        text="Add your first camera by its RTSP address. Heron tests the connection and shows you a picture before anything is saved."
        action={<AddButton />}
      />
    );
  }
  if (view === "list") return <CameraList cameras={cameras} />;
  return (
    <div className={cn("grid gap-4", gridColumns(cameras.length))}>
      {cameras.map((camera) => (
        <CameraTile key={camera.id} camera={camera} />
      ))}
    </div>
  );
}

function Loading() {
  return (
    <div className="grid gap-4 sm:grid-cols-2" role="status" aria-label="Loading cameras">
      {[1, 2, 3, 4].map((key) => (
        <Skeleton key={key} className="aspect-video rounded-2xl" />
      ))}
    </div>
  );
}

export function CamerasPage() {
  const { data, error, isPending, refetch } = useQuery(camerasQuery);
  const view = usePreferences((state) => state.cameraView);
  const setView = usePreferences((state) => state.setCameraView);
  const some = (data?.length ?? 0) > 0;
  return (
    <Page
      wide
      title="Cameras"
      note={data && some ? summary(data) : undefined}
      actions={
        some && (
          <>
            <Segmented<CameraView>
              label="View"
              iconOnly
              value={view}
              onChange={setView}
              options={[
                { value: "grid", label: "Live grid", icon: <LayoutGrid aria-hidden /> },
                { value: "list", label: "List", icon: <List aria-hidden /> },
              ]}
            />
            <AddButton />
          </>
        )
      }
    >
      {isPending && <Loading />}
      {error && !data && <ErrorState error={error} onRetry={() => void refetch()} />}
      {data && <Content cameras={data} />}
    </Page>
  );
}
