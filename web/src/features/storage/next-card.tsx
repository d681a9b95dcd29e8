import { Card, CardTitle } from "@/components/ui/card";
import type { StorageReport } from "@/lib/api/types";
import { formatBytes, formatClock, formatDateTime } from "@/lib/format";
import { rankWords } from "./storage-model";

type Props = { report: StorageReport; nameOf: (camera: string) => string };

/** What will be deleted next, and why. */
export function NextCard({ report, nameOf }: Props) {
  const list = report.next_deletions;
  return (
    <Card>
      <CardTitle
        title="Deleted next"
        note="Oldest first: what nothing happened in, then motion, then events. Protected recordings stay."
      />
      <div className="max-h-80 overflow-auto px-5 pb-5">
        {list.length === 0 && <p className="text-soft text-sm">Nothing is due.</p>}
        <ul className="nums grid gap-2 text-sm">
          {list.map((item) => (
            <li key={item.id} className="flex flex-wrap justify-between gap-x-4">
              <span>
                {nameOf(item.camera)}, {formatDateTime(item.start)}–{formatClock(item.end)}
              </span>
              <span className="text-faint">
                {rankWords[item.rank] ?? "Protected"} · {formatBytes(item.size)} ·{" "}
                {item.at
                  ? formatDateTime(item.at)
                  : item.reason === "space"
                    ? "when space is needed"
                    : "now"}
              </span>
            </li>
          ))}
        </ul>
      </div>
    </Card>
  );
}
