import type { Job, JobFile, JobState } from "@/lib/api/types";
import { Ban, Download, Play, ShieldCheck, Trash2 } from "lucide-react";
import { useState } from "react";
import { Badge, type BadgeTone } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Confirm } from "@/components/ui/confirm";
import { isUnderWay } from "@/lib/api/queries";
import { formatBytes, formatDateTime, formatDuration, plural } from "@/lib/format";
import { useCancelExport, useDeleteExport } from "./mutations";

const states: Record<JobState, { label: string; tone: BadgeTone }> = {
  queued: { label: "Waiting", tone: "neutral" },
  running: { label: "Running", tone: "brand" },
  done: { label: "Done", tone: "good" },
  failed: { label: "Failed", tone: "bad" },
  cancelled: { label: "Cancelled", tone: "warn" },
};

type NameOf = (camera: string) => string;

function rangeOf({ params }: Job, nameOf: NameOf): string {
  const { items } = params;
  const start = Math.min(...items.map((item) => item.start));
  const end = Math.max(...items.map((item) => item.end));
  const names = [...new Set(items.map((item) => nameOf(item.camera)))].join(", ");
  return `${names}: ${formatDateTime(start)}, ${formatDuration(end - start)}`;
}

export function expiryText(job: Job, now: number): string | null {
  if (job.state !== "done") return null;
  if (job.expires === null) return "Kept until deleted";
  if (job.expires <= now) return "Expired";
  return `Deleted by itself in ${formatDuration(job.expires - now)}`;
}

function Progress({ job }: { job: Job }) {
  const percent = Math.round(job.progress * 100);
  const rest = job.eta_s === null ? "" : `, ${formatDuration(Math.max(1, job.eta_s) * 1000)} left`;
  return (
    <div className="flex items-center gap-3">
      <div
        role="progressbar"
        aria-label={`Progress of ${job.name}`}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={percent}
        className="bg-line h-2 min-w-0 flex-1 overflow-hidden rounded-full"
      >
        <div
          className="bg-brand h-full rounded-full transition-[width] duration-300"
          style={{ width: `${percent}%` }}
        />
      </div>
      <span className="nums text-faint min-w-28 text-right text-sm">
        {job.state === "queued" ? "Waiting for its turn" : `${percent} %${rest}`}
      </span>
    </div>
  );
}

type FileProps = { file: JobFile; onPlay: (file: JobFile) => void };

function FileRow({ file, onPlay }: FileProps) {
  return (
    <li className="flex items-center gap-2">
      <div className="min-w-0 flex-1">
        <p className="truncate text-sm">{file.name}</p>
        <p className="nums text-faint text-xs">{formatBytes(file.size)}</p>
      </div>
      <Button size="sm" onClick={() => onPlay(file)} aria-label={`Play ${file.name}`}>
        <Play aria-hidden /> <span className="max-sm:hidden">Play</span>
      </Button>
      <Button asChild size="sm" variant="primary">
        <a href={file.url} download={file.name} aria-label={`Download ${file.name}`}>
          <Download aria-hidden /> <span className="max-sm:hidden">Download</span>
        </a>
      </Button>
    </li>
  );
}

type Props = { job: Job; nameOf: NameOf; onPlay: (file: JobFile) => void };

export function JobRow({ job, nameOf, onPlay }: Props) {
  const [asking, setAsking] = useState(false);
  const cancel = useCancelExport();
  const remove = useDeleteExport();
  const state = states[job.state];
  const expiry = expiryText(job, Date.now());
  return (
    <li className="border-line grid gap-2.5 border-b px-5 py-4 last:border-0">
      <div className="flex items-start gap-3">
        <div className="min-w-0 flex-1">
          <p className="truncate font-medium">{job.name}</p>
          <p className="nums text-faint text-sm">{rangeOf(job, nameOf)}</p>
        </div>
        {job.files.some(({ proof }) => proof) && (
          <Badge tone="brand">
            <ShieldCheck aria-hidden /> Proof
          </Badge>
        )}
        <Badge tone={state.tone}>{state.label}</Badge>
        {isUnderWay(job) ? (
          <Button
            size="icon-sm"
            variant="ghost"
            aria-label={`Cancel ${job.name}`}
            busy={cancel.isPending}
            onClick={() => cancel.mutate(job.id)}
          >
            <Ban aria-hidden />
          </Button>
        ) : (
          <Button
            size="icon-sm"
            variant="ghost"
            aria-label={`Delete ${job.name}`}
            onClick={() => setAsking(true)}
          >
            <Trash2 aria-hidden />
          </Button>
        )}
      </div>
      {isUnderWay(job) && <Progress job={job} />}
      {job.error && (
        <p role="alert" className="text-bad-ink text-sm">
          {job.error.message}
        </p>
      )}
      {job.state === "done" && (
        <ul className="grid gap-2">
          {job.files.map((file) => (
            <FileRow key={file.url} file={file} onPlay={onPlay} />
          ))}
        </ul>
      )}
      {expiry && <p className="text-faint text-xs">{expiry}</p>}
      <Confirm
        open={asking}
        onOpenChange={setAsking}
        title="Delete this export?"
        text={`${job.name}: ${plural(job.files.length, "file")}. The recordings themselves stay.`}
        action="Delete export"
        danger
        busy={remove.isPending}
        onConfirm={() => remove.mutate(job.id, { onSettled: () => setAsking(false) })}
      />
    </li>
  );
}
