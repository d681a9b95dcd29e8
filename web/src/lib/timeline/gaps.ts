/** Why something was not recorded, in words. */
import type { Gap, GapCause, Mark, MarkKind } from "@/lib/api/types";
import { formatClock, formatDuration } from "@/lib/format";

type CauseWords = {
  /** One or two words, for sums and legends. */
  label: string;
  /** A whole sentence, for one gap. */
  text: string;
  /** Somebody wanted it so: not called missing. */
  wanted?: boolean;
};

export const causes: Record<GapCause, CauseWords> = {
  camera: { label: "camera", text: "The camera gave no picture." },
  network: { label: "network", text: "The camera could not be reached over the network." },
  disk: { label: "disk", text: "The disk could not take the recording." },
  overload: { label: "overload", text: "This machine could not keep up." },
  system: { label: "Heron off", text: "Heron or its machine was not running." },
  operator: { label: "switched off", text: "Recording was switched off.", wanted: true },
  schedule: { label: "schedule", text: "Nothing was to be recorded at this time.", wanted: true },
  retention: { label: "deleted", text: "It was recorded and has been deleted.", wanted: true },
};

export const causeNames = Object.keys(causes) as GapCause[];

export const markLabels: Record<MarkKind, string> = {
  motion: "Motion",
  event: "Event",
  manual: "Recorded by hand",
};

export const markKinds = Object.keys(markLabels) as MarkKind[];

type Span = { start: number; end: number };

export function spanAt<T extends Span>(spans: T[], time: number): T | null {
  return spans.find(({ start, end }) => time >= start && time < end) ?? null;
}

export const formatSpan = ({ start, end }: Span) => `${formatClock(start)} – ${formatClock(end)}`;

export function gapText(gap: Gap): string {
  const length = formatDuration(gap.end - gap.start);
  return `No recording, ${formatSpan(gap)} (${length}). ${causes[gap.cause].text}`;
}

export function markText(mark: Mark): string {
  return mark.label ? `${markLabels[mark.kind]}: ${mark.label}` : markLabels[mark.kind];
}

function sums(gaps: Gap[], wanted: boolean): { ms: number; labels: string[] } {
  const byCause = new Map<GapCause, number>();
  for (const { cause, start, end } of gaps) {
    if (Boolean(causes[cause].wanted) === wanted) {
      byCause.set(cause, (byCause.get(cause) ?? 0) + end - start);
    }
  }
  const sorted = [...byCause].sort((a, b) => b[1] - a[1]);
  return {
    ms: sorted.reduce((sum, [, ms]) => sum + ms, 0),
    labels: sorted.map(([cause]) => causes[cause].label),
  };
}

/** "Recorded 23 h 41 min, 19 min missing: network". */
export function daySummary(recordedMs: number, gaps: Gap[]): string {
  const missing = sums(gaps, false);
  const wanted = sums(gaps, true);
  const parts = [`Recorded ${formatDuration(recordedMs)}`];
  // Below a second nobody misses anything.
  if (missing.ms >= 1000) {
    parts.push(`${formatDuration(missing.ms)} missing: ${missing.labels.join(", ")}`);
  }
  if (wanted.ms >= 1000) {
    parts.push(`${formatDuration(wanted.ms)} not recorded: ${wanted.labels.join(", ")}`);
  }
  return parts.join(", ");
}
