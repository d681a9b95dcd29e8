import { formatBytes } from "@/lib/format";
import type { Part } from "./storage-model";

/** Shares of a disk side by side; the last part is what is left. */
export function DiskBar({ parts }: { parts: Part[] }) {
  const total = Math.max(
    1,
    parts.reduce((sum, part) => sum + part.bytes, 0),
  );
  return (
    <>
      <div className="bg-sunken flex h-3 gap-0.5 overflow-hidden rounded-full" aria-hidden>
        {parts.slice(0, -1).map((part) => (
          <div
            key={part.key}
            className={part.colour}
            style={{ width: `${(part.bytes / total) * 100}%` }}
          />
        ))}
      </div>
      <dl className="nums mt-3 grid grid-cols-3 gap-3">
        {parts.map((part) => (
          <div key={part.key}>
            <dt className="text-faint flex items-center gap-2 text-sm">
              <span className={`size-2.5 shrink-0 rounded-full ${part.colour}`} aria-hidden />
              {part.name}
            </dt>
            <dd className="mt-0.5 font-semibold">{formatBytes(part.bytes)}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}
