import { useEffect, useRef } from "react";
import { cn } from "@/lib/cn";
import type { LogRecord } from "@/lib/api/types";
import { formatClock, formatDateTime } from "@/lib/format";
import type { Level } from "./use-logs";

const colours: Record<Level, string> = {
  debug: "text-faint",
  info: "text-brand-ink",
  warn: "text-amber-ink",
  error: "text-bad-ink",
};

type LineProps = { line: LogRecord; onRequest: (id: string) => void };

function Line({ line, onRequest }: LineProps) {
  const request = line.request_id;
  return (
    <li
      className={cn(
        "hover:bg-sunken/70 grid gap-x-3 px-4 py-1 sm:grid-cols-[4.5rem_3rem_7rem_1fr]",
        line.level === "error" && "bg-bad-soft/50",
      )}
    >
      <span className="flex gap-3 sm:contents">
        <time className="text-faint" title={formatDateTime(line.time)}>
          {formatClock(line.time)}
        </time>
        <span className={cn("font-semibold uppercase", colours[line.level])}>{line.level}</span>
        <span className="text-soft truncate" title={line.topic}>
          {line.camera ?? line.topic}
        </span>
      </span>
      <span className="min-w-0 break-words">
        {line.message}
        {request && (
          <button
            type="button"
            title={`Show only what belongs to request ${request}`}
            className="text-faint hover:text-brand-ink ml-2 underline decoration-dotted"
            onClick={() => onRequest(request)}
          >
            {request.slice(-8)}
          </button>
        )}
      </span>
    </li>
  );
}

type Props = {
  lines: LogRecord[];
  follow: boolean;
  onLeave: () => void;
  onRequest: (id: string) => void;
};

/** Keeps to the newest line while following; scrolling up lets go. */
export function LogLines({ lines, follow, onLeave, onRequest }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const newest = lines[lines.length - 1]?.seq;
  useEffect(() => {
    const element = box.current;
    if (follow && element) element.scrollTop = element.scrollHeight;
  }, [follow, newest]);
  return (
    <div
      ref={box}
      tabIndex={0}
      role="log"
      aria-label="Log lines"
      onWheel={(event) => {
        if (event.deltaY < 0) onLeave();
      }}
      onTouchMove={onLeave}
      className="max-h-[calc(100dvh-15rem)] min-h-60 overflow-y-auto py-2 font-mono text-[0.8125rem] leading-relaxed -outline-offset-2"
    >
      <ol>
        {lines.map((line) => (
          <Line key={line.seq} line={line} onRequest={onRequest} />
        ))}
      </ol>
    </div>
  );
}
