import { useQuery } from "@tanstack/react-query";
import { CirclePlay, History, Power } from "lucide-react";
import { Link, useParams } from "react-router-dom";
import { toast } from "sonner";
import { Page } from "@/components/page";
import { ErrorState } from "@/components/states";
import { StatusBadge } from "@/components/status";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card, CardTitle } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import { errorText } from "@/lib/api/client";
import { cameraQuery } from "@/lib/api/queries";
import type { Camera } from "@/lib/api/types";
import { formatAgo } from "@/lib/format";
import { CameraActions } from "./camera-actions";
import { HistoryCard } from "./history-card";
import { LiveCard } from "./live-card";
import { useCameraCommand, useUpdateCamera } from "./mutations";
import { RecordButton } from "./record-button";
import { recordingText } from "./recording-now";

function Details({ camera }: { camera: Camera }) {
  const rows: [string, string][] = [
    ["Address", camera.stream.url],
    ["Sub stream", camera.stream.sub_url === "" ? "None" : (camera.stream.sub_url ?? "None")],
    ["Transport", (camera.stream.transport ?? "tcp").toUpperCase()],
    ["Recording", recordingText(camera)],
    ["Last seen", formatAgo(camera.last_seen, Date.now())],
    ["Reconnects", String(camera.reconnects)],
    ["Lost packets", String(camera.dropped_packets)],
  ];
  return (
    <Card>
      <CardTitle title="Details" />
      <dl className="grid grid-cols-[auto_1fr] gap-x-6 gap-y-2 px-5 pb-5 text-sm">
        {rows.map(([label, value]) => (
          <div key={label} className="contents">
            <dt className="text-faint">{label}</dt>
            <dd className="nums min-w-0 truncate text-right" title={value}>
              {value}
            </dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}

/** One press back to work for a camera that is switched off. */
function WakeButton({ camera }: { camera: Camera }) {
  const command = useCameraCommand(camera.id);
  const update = useUpdateCamera(camera.id);
  const options = { onError: (error: unknown) => toast.error(errorText(error)) };
  if (!camera.enabled) {
    return (
      <Button busy={update.isPending} onClick={() => update.mutate({ enabled: true }, options)}>
        <Power aria-hidden /> Enable
      </Button>
    );
  }
  if (!camera.stopped) return null;
  return (
    <Button busy={command.isPending} onClick={() => command.mutate("start", options)}>
      <CirclePlay aria-hidden /> Start
    </Button>
  );
}

function Content({ camera }: { camera: Camera }) {
  return (
    <div className="grid gap-5">
      {camera.error && camera.enabled && !camera.stopped && (
        <p role="status" className="bg-bad-soft text-bad-ink rounded-xl px-4 py-3 text-sm">
          {camera.error}
        </p>
      )}
      <LiveCard key={camera.id} camera={camera} />
      <div className="grid items-start gap-5 lg:grid-cols-2">
        <HistoryCard cameraId={camera.id} />
        <Details camera={camera} />
      </div>
    </div>
  );
}

export function CameraPage() {
  const { id = "" } = useParams();
  const { data, error, refetch } = useQuery(cameraQuery(id));
  return (
    <Page
      title={data?.name ?? "Camera"}
      back={{ to: "/cameras", label: "Back to cameras" }}
      note={
        data && (
          <span className="mt-1 flex gap-2">
            <StatusBadge camera={data} />
            {data.recording_active && <Badge tone="brand">Recording</Badge>}
          </span>
        )
      }
      actions={
        data && (
          <>
            <WakeButton camera={data} />
            <RecordButton camera={data} />
            <Button asChild>
              <Link to={`/recordings/${encodeURIComponent(data.id)}`}>
                <History aria-hidden /> <span className="max-sm:sr-only">Recordings</span>
              </Link>
            </Button>
            <CameraActions camera={data} />
          </>
        )
      }
    >
      {data && <Content camera={data} />}
      {!data && error && <ErrorState error={error} onRetry={() => void refetch()} />}
      {!data && !error && <Skeleton className="aspect-video rounded-2xl" />}
    </Page>
  );
}
