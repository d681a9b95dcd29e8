import { useQuery } from "@tanstack/react-query";
import { ErrorState } from "@/components/states";
import { Card, CardTitle } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import { historyQuery } from "@/lib/api/queries";
import { cn } from "@/lib/cn";
import { formatDateTime, formatDuration } from "@/lib/format";
import { historySpans, onlineShare, type Span } from "./history-model";

const hours = 24;

const colours: Record<string, string> = {
  online: "bg-good",
  starting: "bg-amber",
  offline: "bg-bad",
  error: "bg-bad",
};
const words: Record<string, string> = {
  online: "Online",
  starting: "Connecting",
  offline: "Offline",
  error: "Error",
  stopped: "Stopped",
  disabled: "Disabled",
};

const word = (status: string) => words[status] ?? status;

function Outages({ spans }: { spans: Span[] }) {
  const outages = spans
    .filter((span) => span.status === "offline" || span.status === "error")
    .slice(-5)
    .reverse();
  if (outages.length === 0) {
    return <p className="text-faint text-sm">No outage in the last {hours} hours.</p>;
  }
  return (
    <ul className="divide-line divide-y text-sm">
      {outages.map((span) => (
        <li key={span.start} className="flex flex-wrap gap-x-3 py-2">
          <span className="nums text-soft">{formatDateTime(span.start)}</span>
          <span className="font-medium">
            {word(span.status)} for {formatDuration(span.end - span.start)}
          </span>
          {span.error && <span className="text-faint w-full">{span.error}</span>}
        </li>
      ))}
    </ul>
  );
}

/** When the camera was there during the last day. */
export function HistoryCard({ cameraId }: { cameraId: string }) {
  const { data, error, refetch } = useQuery(historyQuery(cameraId, hours));
  const spans = data ? historySpans(data.items, data.start, data.end) : [];
  const share = onlineShare(spans);
  return (
    <Card>
      <CardTitle
        title="Last 24 hours"
        note={
          share === null ? undefined : `${(share * 100).toFixed(share > 0.999 ? 0 : 1)} % online`
        }
      />
      <div className="px-5 pb-5">
        {!data && !error && <Skeleton className="h-16" />}
        {!data && error && (
          <ErrorState error={error} onRetry={() => void refetch()} className="py-4" />
        )}
        {data && (
          <>
            <div className="bg-sunken relative mb-3 h-6 overflow-hidden rounded-md" aria-hidden>
              {spans.map((span) => (
                <div
                  key={`${span.start}-${span.status}`}
                  title={`${word(span.status)}, ${formatDateTime(span.start)}`}
                  className={cn(
                    "absolute inset-y-0 min-w-[3px]",
                    colours[span.status] ?? "bg-line-strong",
                  )}
                  style={{ left: `min(${span.left}%, 100% - 3px)`, width: `${span.width}%` }}
                />
              ))}
            </div>
            <Outages spans={spans} />
          </>
        )}
      </div>
    </Card>
  );
}
