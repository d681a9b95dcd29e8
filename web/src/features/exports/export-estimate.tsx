import type { ExportEstimate as Estimate, ExportRequest } from "@/lib/api/types";
import { useQuery } from "@tanstack/react-query";
import { CircleAlert, HardDrive, LoaderCircle } from "lucide-react";
import { useEffect, useState } from "react";
import { errorText } from "@/lib/api/client";
import { exportEstimateQuery } from "@/lib/api/queries";
import { cn } from "@/lib/cn";
import { formatBytes, formatDuration } from "@/lib/format";

/** Typing is over when nothing was typed for this long. */
const settleMs = 400;

function useSettled<T>(value: T): T {
  const text = JSON.stringify(value);
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(JSON.parse(text) as T), settleMs);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}

function words({ size, duration_ms, recorded_ms, free_bytes, fits }: Estimate): string {
  if (recorded_ms <= 0) return "Nothing is recorded in this range.";
  const length = `${formatDuration(duration_ms)} of video, about ${formatBytes(size)}.`;
  const space = fits
    ? `It fits: ${formatBytes(free_bytes)} are free.`
    : `It does not fit: only ${formatBytes(free_bytes)} are free.`;
  return `${length} ${space}`;
}

/** How large the file will be, while the form is filled in; keeps its height. */
export function ExportEstimate({ body }: { body: ExportRequest | null }) {
  const settled = useSettled(body);
  const { data, error } = useQuery({
    ...exportEstimateQuery(settled ?? { items: [] }),
    enabled: settled !== null,
    placeholderData: (previous) => previous,
  });
  const isBad = Boolean(error) || (data && (!data.fits || data.recorded_ms <= 0));
  const Icon = isBad ? CircleAlert : data ? HardDrive : LoaderCircle;
  return (
    <p
      role="status"
      data-testid="estimate"
      className={cn(
        "nums bg-sunken text-soft flex min-h-16 items-center gap-2.5 rounded-lg px-3 py-2 text-sm",
        isBad && "bg-bad-soft text-bad-ink",
      )}
    >
      <Icon
        className={cn("size-4 shrink-0", !isBad && !data && settled && "animate-spin")}
        aria-hidden
      />
      {error
        ? errorText(error)
        : data
          ? words(data)
          : settled
            ? "Estimating the size…"
            : "Complete the form to see the size."}
    </p>
  );
}
