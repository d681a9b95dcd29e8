import { useQuery } from "@tanstack/react-query";
import { ErrorState } from "@/components/states";
import { Card, CardTitle } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import { systemInfoQuery } from "@/lib/api/queries";
import type { SystemInfo } from "@/lib/api/types";
import { formatBytes, formatPercent } from "@/lib/format";

function Bar({ storage }: { storage: SystemInfo["storage"] }) {
  const total = Math.max(1, storage.total_bytes);
  const recordings = Math.min(storage.recordings_bytes, total);
  const other = Math.max(0, total - storage.free_bytes - recordings);
  const parts = [
    { name: "Recordings", bytes: recordings, colour: "bg-brand" },
    { name: "Other files", bytes: other, colour: "bg-line-strong" },
    { name: "Free", bytes: storage.free_bytes, colour: "bg-sunken ring-1 ring-line-strong" },
  ];
  return (
    <>
      <div className="bg-sunken flex h-3 gap-0.5 overflow-hidden rounded-full" aria-hidden>
        {parts.slice(0, 2).map((part) => (
          <div
            key={part.name}
            className={part.colour}
            style={{ width: `${(part.bytes / total) * 100}%` }}
          />
        ))}
      </div>
      <dl className="nums mt-4 grid grid-cols-3 gap-3">
        {parts.map((part) => (
          <div key={part.name}>
            <dt className="text-faint flex items-center gap-2 text-sm">
              <span className={`size-2.5 rounded-full ${part.colour}`} aria-hidden /> {part.name}
            </dt>
            <dd className="mt-0.5 font-semibold">{formatBytes(part.bytes)}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}

export function StorageCard() {
  const { data, error, refetch } = useQuery(systemInfoQuery);
  const storage = data?.storage;
  return (
    <Card>
      <CardTitle
        title="Storage"
        note={storage && <span className="font-mono text-xs">{storage.path}</span>}
        action={
          storage && (
            <span className="nums text-soft text-sm">
              {formatPercent(storage.total_bytes - storage.free_bytes, storage.total_bytes)} of{" "}
              {formatBytes(storage.total_bytes)} used
            </span>
          )
        }
      />
      <div className="px-5 pb-5">
        {!data && !error && <Skeleton className="h-20" />}
        {!data && error && (
          <ErrorState error={error} onRetry={() => void refetch()} className="py-6" />
        )}
        {storage && <Bar storage={storage} />}
      </div>
    </Card>
  );
}
