import type { JobFile } from "@/lib/api/types";
import { useQuery } from "@tanstack/react-query";
import { FileDown, ShieldCheck } from "lucide-react";
import { useState } from "react";
import { Link } from "react-router-dom";
import { Page } from "@/components/page";
import { EmptyState, ErrorState } from "@/components/states";
import { Button } from "@/components/ui/button";
import { Card, CardTitle } from "@/components/ui/card";
import { Dialog } from "@/components/ui/dialog";
import { Skeleton } from "@/components/ui/skeleton";
import { camerasQuery, exportsQuery } from "@/lib/api/queries";
import { formatBytes } from "@/lib/format";
import { JobRow } from "./job-row";
import { useJobEvents } from "./use-job-events";

function VerifyHelp() {
  return (
    <Card>
      <CardTitle title="Verify a file" />
      <div className="text-soft grid gap-3 px-5 pb-5 text-sm">
        <p className="flex gap-2.5">
          <ShieldCheck className="text-brand-ink mt-0.5 size-4 shrink-0" aria-hidden />A file with
          proof carries the signatures of all recordings in it. Whoever has the file can tell
          whether anything was cut out, put in or altered, on any machine with Heron and without
          this server:
        </p>
        <pre className="bg-sunken text-text overflow-x-auto rounded-lg px-3 py-2 font-mono">
          nvr verify FILE --key PUBLIC-KEY
        </pre>
        <p>
          It names each camera, the time span, and every gap with its cause. The public key is what
          makes it certain that the file comes from here: give it to the receiver by another way
          than the file.{" "}
          <a href="/api/v1/evidence/key" className="text-brand-ink underline">
            This server’s public key
          </a>
        </p>
      </div>
    </Card>
  );
}

function Player({ file, onClose }: { file: JobFile; onClose: () => void }) {
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={file.name}
      text={formatBytes(file.size)}
      className="w-[min(60rem,calc(100vw-1.5rem))]"
    >
      <video
        src={file.url}
        controls
        autoPlay
        playsInline
        aria-label={file.name}
        className="aspect-video w-full rounded-lg bg-black"
      />
    </Dialog>
  );
}

export function ExportsPage() {
  const { data: jobs, error, refetch } = useQuery(exportsQuery);
  const { data: cameras } = useQuery(camerasQuery);
  const [playing, setPlaying] = useState<JobFile | null>(null);
  useJobEvents();
  const nameOf = (id: string) => cameras?.find((camera) => camera.id === id)?.name ?? id;
  return (
    <Page title="Exports" note="Files made from recordings">
      <div className="grid gap-5">
        {!jobs && error && <ErrorState error={error} onRetry={() => void refetch()} />}
        {!jobs && !error && <Skeleton className="h-40 rounded-2xl" />}
        {jobs?.length === 0 && (
          <EmptyState
            icon={FileDown}
            title="No exports yet"
            text="Open the recordings, select a range on the timeline and press “Export”."
            action={
              <Button asChild variant="primary">
                <Link to="/recordings">To the recordings</Link>
              </Button>
            }
          />
        )}
        {jobs && jobs.length > 0 && (
          <Card>
            <ul aria-label="Exports">
              {jobs.map((job) => (
                <JobRow key={job.id} job={job} nameOf={nameOf} onPlay={setPlaying} />
              ))}
            </ul>
          </Card>
        )}
        <VerifyHelp />
      </div>
      {playing && <Player file={playing} onClose={() => setPlaying(null)} />}
    </Page>
  );
}
