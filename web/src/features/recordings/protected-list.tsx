import { useQueries } from "@tanstack/react-query";
import { Lock, LockOpen } from "lucide-react";
import { useState } from "react";
import { ErrorState } from "@/components/states";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Skeleton } from "@/components/ui/skeleton";
import { protectedQuery } from "@/lib/api/queries";
import type { Camera, ProtectedRange } from "@/lib/api/types";
import { formatDateTime, formatDuration } from "@/lib/format";
import { useUnprotect } from "./mutations";

type Props = { cameras: Camera[]; onOpen: (time: number) => void };

function Row({ range, name, onOpen }: { range: ProtectedRange; name: string; onOpen: () => void }) {
  const unprotect = useUnprotect();
  return (
    <li className="border-line flex items-center gap-3 border-b py-3 last:border-0">
      <div className="min-w-0 flex-1">
        <button
          type="button"
          onClick={onOpen}
          className="nums text-brand-ink text-left font-medium hover:underline"
        >
          {formatDateTime(range.start)}
        </button>
        <p className="text-soft text-sm">
          {name}, {formatDuration(range.end - range.start)}
          {range.reason && `: ${range.reason}`}
        </p>
      </div>
      <Button
        size="sm"
        busy={unprotect.isPending}
        aria-label={`Release ${formatDateTime(range.start)}`}
        onClick={() => unprotect.mutate(range.id)}
      >
        <LockOpen aria-hidden /> Release
      </Button>
    </li>
  );
}

function Ranges({ cameras, onOpen }: Props) {
  const { ranges, error, isPending, refetch } = useQueries({
    queries: cameras.map(({ id }) => protectedQuery(id)),
    combine: (results) => ({
      ranges: results.flatMap(({ data }) => data ?? []).sort((a, b) => b.start - a.start),
      error: results.find((result) => result.error)?.error ?? null,
      isPending: results.some((result) => result.isPending),
      refetch: () => results.forEach((result) => void result.refetch()),
    }),
  });
  if (error) return <ErrorState error={error} onRetry={refetch} className="py-4" />;
  if (isPending) return <Skeleton className="h-24" />;
  if (ranges.length === 0) {
    return (
      <p className="text-soft py-4">
        Nothing is protected. Select a range on the timeline, then press “Protect”.
      </p>
    );
  }
  return (
    <ul>
      {ranges.map((range) => (
        <Row
          key={range.id}
          range={range}
          name={cameras.find(({ id }) => id === range.camera)?.name ?? range.camera}
          onOpen={() => onOpen(range.start)}
        />
      ))}
    </ul>
  );
}

/** What is kept from being deleted, and a way to release it. */
export function ProtectedList({ cameras, onOpen }: Props) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button
        size="icon"
        aria-label="Protected ranges"
        title="Protected ranges"
        onClick={() => setOpen(true)}
      >
        <Lock aria-hidden />
      </Button>
      <Dialog
        open={open}
        onOpenChange={setOpen}
        title="Protected ranges"
        text="These are never deleted by themselves."
      >
        <Ranges
          cameras={cameras}
          onOpen={(time) => {
            setOpen(false);
            onOpen(time);
          }}
        />
      </Dialog>
    </>
  );
}
