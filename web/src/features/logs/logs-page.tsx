import { useQuery } from "@tanstack/react-query";
import { ArrowDownToLine, ScrollText, X } from "lucide-react";
import { useState } from "react";
import { Page } from "@/components/page";
import { EmptyState, ErrorState } from "@/components/states";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { NativeSelect } from "@/components/ui/input";
import { Skeleton } from "@/components/ui/skeleton";
import { camerasQuery } from "@/lib/api/queries";
import { LogLines } from "./log-lines";
import { useLogs, type Level, type LogFilter } from "./use-logs";

const levels: { value: Level; label: string }[] = [
  { value: "debug", label: "Everything" },
  { value: "info", label: "Info and up" },
  { value: "warn", label: "Warnings and errors" },
  { value: "error", label: "Errors only" },
];

export function LogsPage() {
  const [filter, setFilter] = useState<LogFilter>({ level: "info", camera: "" });
  const [follow, setFollow] = useState(true);
  const [request, setRequest] = useState("");
  const cameras = useQuery(camerasQuery);
  const { data: all, error, refetch } = useLogs(filter, follow);
  const data = request ? all?.filter((line) => line.request_id === request) : all;
  return (
    <Page
      wide
      title="Logs"
      actions={
        <>
          <NativeSelect
            aria-label="Level"
            className="h-9 w-auto"
            value={filter.level}
            onChange={(event) => setFilter({ ...filter, level: event.target.value as Level })}
          >
            {levels.map(({ value, label }) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </NativeSelect>
          <NativeSelect
            aria-label="Camera"
            className="h-9 w-auto max-w-44"
            value={filter.camera}
            onChange={(event) => setFilter({ ...filter, camera: event.target.value })}
          >
            <option value="">All cameras</option>
            {cameras.data?.map((camera) => (
              <option key={camera.id} value={camera.id}>
                {camera.name}
              </option>
            ))}
          </NativeSelect>
          {request && (
            <Button variant="secondary" onClick={() => setRequest("")} title={request}>
              <X aria-hidden /> Request {request.slice(-8)}
            </Button>
          )}
          <Button
            variant={follow ? "primary" : "secondary"}
            aria-pressed={follow}
            onClick={() => setFollow(!follow)}
          >
            <ArrowDownToLine aria-hidden /> Follow
          </Button>
        </>
      }
    >
      <Card className="overflow-hidden">
        {!data && !error && <Skeleton className="m-5 h-64" />}
        {!data && error && <ErrorState error={error} onRetry={() => void refetch()} />}
        {data?.length === 0 && (
          <EmptyState
            icon={ScrollText}
            title="Nothing to report"
            text="No line matches this filter. Choose a lower level to see more."
          />
        )}
        {data && data.length > 0 && (
          <LogLines
            lines={data}
            follow={follow}
            onLeave={() => setFollow(false)}
            onRequest={setRequest}
          />
        )}
      </Card>
    </Page>
  );
}
