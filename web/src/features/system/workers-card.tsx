import { useQuery } from "@tanstack/react-query";
import { Cpu } from "lucide-react";
import { Link } from "react-router-dom";
import { EmptyState, ErrorState } from "@/components/states";
import { Badge, type BadgeTone } from "@/components/ui/badge";
import { Card, CardTitle } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import { statusQuery } from "@/lib/api/queries";
import type { Worker } from "@/lib/api/types";
import { formatAgo, formatBytes, formatDuration } from "@/lib/format";
import { sandboxLevel } from "./health-model";

const states: Record<Worker["state"], { word: string; tone: BadgeTone }> = {
  starting: { word: "Starting", tone: "warn" },
  running: { word: "Running", tone: "good" },
  unhealthy: { word: "Unhealthy", tone: "warn" },
  crashed: { word: "Crashed", tone: "bad" },
  stopping: { word: "Stopping", tone: "neutral" },
  stopped: { word: "Stopped", tone: "neutral" },
};

const columns = ["Worker", "State", "Process", "Up", "Restarts", "Heartbeat", "Memory", "Sandbox"];

function Name({ worker }: { worker: Worker }) {
  if (worker.kind !== "camera") return <>{worker.id}</>;
  const id = worker.id.replace(/^camera[-:/]/, "");
  return (
    <Link className="rounded underline-offset-4 hover:underline" to={`/cameras/${id}`}>
      {worker.id}
    </Link>
  );
}

function Row({ worker, now }: { worker: Worker; now: number }) {
  const look = states[worker.state];
  const running = worker.state === "running" && worker.started_ms;
  const cells = [
    <span key="name" className="font-medium">
      <Name worker={worker} />
    </span>,
    <Badge key="state" tone={look.tone}>
      {look.word}
    </Badge>,
    worker.pid ?? "–",
    running ? formatDuration(now - running) : "–",
    worker.restarts ?? 0,
    worker.last_heartbeat_ms ? formatAgo(worker.last_heartbeat_ms, now) : "–",
    formatBytes(worker.rss_bytes),
    sandboxLevel(worker.sandbox) ?? "–",
  ];
  return (
    <tr className="border-line border-t">
      {cells.map((cell, index) => (
        <td key={columns[index]} className="px-3 py-2.5 whitespace-nowrap first:pl-5 last:pr-5">
          {cell}
        </td>
      ))}
    </tr>
  );
}

/** Every process that does work, and how it is. */
export function WorkersCard() {
  const { data, error, refetch, dataUpdatedAt } = useQuery(statusQuery);
  const workers = data?.workers;
  return (
    <Card className="overflow-hidden">
      <CardTitle title="Workers" note="One process per camera; a crash touches only its own." />
      {!data && !error && <Skeleton className="mx-5 mb-5 h-40" />}
      {!data && error && (
        <ErrorState error={error} onRetry={() => void refetch()} className="py-6" />
      )}
      {workers?.length === 0 && (
        <EmptyState
          icon={Cpu}
          title="Nobody at work"
          text="A worker starts with the first camera."
          className="py-8"
        />
      )}
      {workers && workers.length > 0 && (
        <div className="overflow-x-auto" tabIndex={0} role="region" aria-label="Workers">
          <table className="nums w-full text-left text-sm">
            <thead>
              <tr>
                {columns.map((name) => (
                  <th
                    key={name}
                    scope="col"
                    className="text-faint px-3 pb-2 text-xs font-medium whitespace-nowrap first:pl-5 last:pr-5"
                  >
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {workers.map((worker) => (
                <Row key={worker.id} worker={worker} now={dataUpdatedAt} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}
