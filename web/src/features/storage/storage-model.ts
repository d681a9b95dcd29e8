/** What the storage page says, in words. */
import type { StorageLocation, StorageReport } from "@/lib/api/types";
import { formatBytes, formatDay, plural } from "@/lib/format";

export const tierNames: Record<StorageLocation["tier"], string> = {
  hot: "Recordings folder",
  warm: "Second place",
  cold: "Archive",
};

export const tierColours: Record<StorageLocation["tier"], string> = {
  hot: "bg-(--record)",
  warm: "bg-(--mark-motion)",
  cold: "bg-(--mark-event)",
};

export const stateWords: Record<StorageLocation["state"], string> = {
  ok: "Fine",
  low: "Low on space",
  full: "Full",
  missing: "Not there",
  unreachable: "Does not answer",
  readonly: "Read-only",
};

export const rankWords = ["Nothing happened", "Motion", "Events"];

function daysWords(days: number): string {
  return days < 1 ? "less than a day" : `about ${plural(Math.round(days), "day")}`;
}

/** One sentence on how long the space lasts, and what ends it. */
export function forecastText(report: StorageReport): string {
  const { bytes_per_day, days_left, full_at, limited_by } = report.forecast;
  if (bytes_per_day === 0) return "Nothing was recorded in the last 24 hours.";
  const rate = `${formatBytes(bytes_per_day)} a day`;
  if (days_left === null || limited_by === "days")
    return `${rate}. There is room for everything that is to be kept.`;
  const limit =
    limited_by === "max_storage"
      ? `the limit of ${formatBytes(report.max_storage_bytes)}`
      : `the disk, of which ${formatBytes(report.min_free_bytes)} stay free`;
  const when = full_at ? ` (${formatDay(full_at)})` : "";
  return `${rate}. Room for ${daysWords(days_left)} more${when}; then the oldest recordings make room, to keep within ${limit}.`;
}

export function daysLeftText(days: number | null): string {
  return days === null ? "All its days" : daysWords(days);
}

export type Part = { key: string; name: string; bytes: number; colour: string };

/** The hot disk: recordings, what else is on it, free. */
export function diskParts(location: StorageLocation): Part[] {
  const total = location.total_bytes ?? 0;
  const free = location.free_bytes ?? 0;
  const recordings = Math.min(location.recordings_bytes, Math.max(0, total - free));
  return [
    {
      key: "recordings",
      name: "Recordings",
      bytes: recordings,
      colour: tierColours[location.tier],
    },
    {
      key: "other",
      name: "Other files",
      bytes: Math.max(0, total - free - recordings),
      colour: "bg-line-strong",
    },
    { key: "free", name: "Free", bytes: free, colour: "bg-sunken ring-1 ring-line-strong" },
  ];
}
