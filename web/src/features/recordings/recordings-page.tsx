import { useQuery } from "@tanstack/react-query";
import { History } from "lucide-react";
import { useCallback, useEffect } from "react";
import { Link, Navigate, useNavigate, useParams, useSearchParams } from "react-router-dom";
import { Page } from "@/components/page";
import { EmptyState, ErrorState } from "@/components/states";
import { Button } from "@/components/ui/button";
import { NativeSelect } from "@/components/ui/input";
import { Skeleton } from "@/components/ui/skeleton";
import { camerasQuery } from "@/lib/api/queries";
import type { Camera } from "@/lib/api/types";
import { dayOf, isDay } from "@/lib/time";
import { CameraPicker, camerasMax } from "./camera-picker";
import { DayPicker } from "./day-picker";
import { ProtectedList } from "./protected-list";
import { RecordingsView } from "./recordings-view";
import { useRecordings } from "./store";

const path = (id: string) => `/recordings/${encodeURIComponent(id)}`;

function NoCamera() {
  return (
    <EmptyState
      icon={History}
      title="Nothing to look back at yet"
      text="Recordings appear here as soon as a camera is set up."
      action={
        <Button asChild variant="primary">
          <Link to="/cameras/add">Add a camera</Link>
        </Button>
      }
    />
  );
}

/** The moment that the address asks for, if it does. */
export function momentOf(text: string | null): number | null {
  const time = Number(text);
  return text && Number.isFinite(time) && time > 0 ? time : null;
}

/** The page's own camera, and those that the address plays with it. */
export function chosenOf(all: Camera[], id: string | undefined, others: string | null): Camera[] {
  const ids = [...new Set([id, ...(others ?? "").split(",")])];
  return ids.flatMap((one) => all.find((camera) => camera.id === one) ?? []).slice(0, camerasMax);
}

export function RecordingsPage() {
  const { id } = useParams();
  const navigate = useNavigate();
  const [params, setParams] = useSearchParams();
  const { data: cameras, error, refetch } = useQuery(camerasQuery);
  const reset = useRecordings((state) => state.reset);
  const setState = useRecordings((state) => state.set);
  const start = momentOf(params.get("t"));
  const dayParam = params.get("day");
  const day = isDay(dayParam) ? dayParam : dayOf(start ?? Date.now());
  const others = params.get("with");
  const camera: Camera | undefined = cameras?.find((item) => item.id === id);
  const chosen = camera && cameras ? chosenOf(cameras, id, others) : [];

  useEffect(() => reset, [id, reset]);

  const showDay = useCallback(
    (next: string) => {
      setState({ view: null, selection: null });
      setParams(others ? { day: next, with: others } : { day: next }, { replace: true });
    },
    [setParams, setState, others],
  );

  function chooseDay(next: string) {
    setState({ playhead: null });
    showDay(next);
  }

  function chooseCameras(ids: string[]) {
    const rest = ids.slice(1).join(",");
    setParams(rest ? { day, with: rest } : { day }, { replace: true });
  }

  const first = cameras?.[0];
  if (cameras && first && id === undefined) return <Navigate to={path(first.id)} replace />;
  return (
    <Page
      title="Recordings"
      actions={
        camera && (
          <>
            <NativeSelect
              aria-label="Camera"
              className="h-9 w-38 text-sm sm:w-auto sm:max-w-52"
              value={camera.id}
              onChange={(event) =>
                navigate(`${path(event.target.value)}?day=${encodeURIComponent(day)}`)
              }
            >
              {cameras?.map((item) => (
                <option key={item.id} value={item.id}>
                  {item.name}
                </option>
              ))}
            </NativeSelect>
            {cameras && cameras.length > 1 && (
              <CameraPicker
                all={cameras}
                chosen={chosen.map((item) => item.id)}
                onChange={chooseCameras}
              />
            )}
            <DayPicker camera={camera.id} day={day} onChange={chooseDay} />
            <ProtectedList
              cameras={chosen}
              onOpen={(time) => navigate(`${path(camera.id)}?t=${time}`)}
            />
          </>
        )
      }
    >
      {camera && (
        <RecordingsView
          key={camera.id}
          cameras={chosen}
          day={day}
          start={start}
          onPlayedDay={showDay}
        />
      )}
      {cameras && !camera && cameras.length === 0 && <NoCamera />}
      {cameras && !camera && cameras.length > 0 && id !== undefined && (
        <ErrorState
          title="No such camera"
          error={new Error(`There is no camera “${id}”. It may have been deleted.`)}
        />
      )}
      {!cameras && error && <ErrorState error={error} onRetry={() => void refetch()} />}
      {!cameras && !error && <Skeleton className="aspect-video rounded-2xl" />}
    </Page>
  );
}
