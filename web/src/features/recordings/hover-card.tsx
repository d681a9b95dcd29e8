import { Lock } from "lucide-react";
import { formatClock } from "@/lib/format";
import { gapText, markText, spanAt } from "@/lib/timeline/gaps";
import type { Lane } from "@/lib/timeline/lanes";
import { usePreview } from "./use-preview";

type Props = {
  lane: Lane | null;
  time: number | null;
  /** Pixels from the left of the timeline, and the timeline's width. */
  x: number;
  width: number;
  msPerPixel: number;
  /** Whether the camera has to be named. */
  named: boolean;
};

const cardWidth = 208;

/** Above the pointer: the small picture of the moment, and what is known about it. */
export function HoverCard({ lane, time, x, width, msPerPixel, named }: Props) {
  const gap = lane && time !== null ? spanAt(lane.gaps, time) : null;
  // Of a gap there is no picture; the server would give the last one before it.
  const url = usePreview(lane?.camera ?? null, gap ? null : time, msPerPixel);
  if (!lane || time === null) return null;
  const marks = lane.marks.filter(({ start, end }) => time >= start && time < end);
  const locked = spanAt(lane.locked, time);
  const left = Math.min(Math.max(0, x - cardWidth / 2), Math.max(0, width - cardWidth));
  const hasWords = named || gap !== null || locked !== null || marks.length > 0;
  if (!url && !hasWords) return null;
  return (
    <div
      role="tooltip"
      data-testid="timeline-hover"
      className="border-line bg-raised shadow-pop pointer-events-none absolute bottom-full z-30 mb-1 overflow-hidden rounded-xl border text-sm"
      style={{ left, width: cardWidth }}
    >
      {url && (
        <img
          src={url}
          alt={`${lane.name} at ${formatClock(time)}`}
          className="aspect-video w-full bg-black object-cover"
        />
      )}
      {hasWords && (
        <div className="grid gap-1 px-3 py-2">
          {named && <p className="font-semibold">{lane.name}</p>}
          {gap && (
            <>
              <p>{gapText(gap)}</p>
              {gap.detail && <p className="text-soft">{gap.detail}</p>}
            </>
          )}
          {marks.map((mark) => (
            <p key={`${mark.kind} ${mark.start}`}>{markText(mark)}</p>
          ))}
          {locked && (
            <p className="text-soft flex items-center gap-1.5">
              <Lock className="size-3.5 shrink-0" aria-hidden />
              {locked.reason ? `Protected: ${locked.reason}` : "Protected"}
            </p>
          )}
        </div>
      )}
    </div>
  );
}
