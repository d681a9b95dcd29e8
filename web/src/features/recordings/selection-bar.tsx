import { Download, FileDown, Lock, X } from "lucide-react";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { ExportDialog } from "@/features/exports/export-dialog";
import { rangeDownloadUrl } from "@/lib/api/queries";
import type { Camera } from "@/lib/api/types";
import { formatClock, formatDateTime, formatDuration } from "@/lib/format";
import { dayOf } from "@/lib/time";
import { ProtectDialog } from "./protect-dialog";
import { useRecordings } from "./store";
import { saveUrl } from "./use-download";

function rangeText(start: number, end: number): string {
  const to = dayOf(start) === dayOf(end) ? formatClock(end) : formatDateTime(end);
  return `${formatDateTime(start)} – ${to}`;
}

/** What can be done with the selected range. */
export function SelectionBar({ cameras }: { cameras: Camera[] }) {
  const selection = useRecordings((state) => state.selection);
  const set = useRecordings((state) => state.set);
  const [dialog, setDialog] = useState<"protect" | "export" | null>(null);
  if (!selection) return null;
  const { start, end } = selection;
  return (
    <section
      aria-label="Selected range"
      className="border-line bg-sunken flex flex-wrap items-center gap-2 rounded-xl border px-3 py-2.5"
    >
      <p className="nums min-w-0 flex-[1_1_14rem] text-sm">
        <span className="font-medium">{rangeText(start, end)}</span>{" "}
        <span className="text-faint">{formatDuration(end - start)}</span>
      </p>
      <div className="flex flex-wrap items-center gap-1.5">
        <Button size="sm" onClick={() => setDialog("protect")}>
          <Lock aria-hidden /> Protect…
        </Button>
        <Button
          size="sm"
          title="Download this range"
          onClick={() => cameras.forEach(({ id }) => saveUrl(rangeDownloadUrl(id, start, end)))}
        >
          <Download aria-hidden /> Download
        </Button>
        <Button size="sm" variant="primary" onClick={() => setDialog("export")}>
          <FileDown aria-hidden /> Export…
        </Button>
        <Button
          size="icon-sm"
          variant="ghost"
          aria-label="Clear the selection"
          onClick={() => set({ selection: null })}
        >
          <X aria-hidden />
        </Button>
      </div>
      {dialog === "protect" && (
        <ProtectDialog
          open
          cameras={cameras}
          selection={selection}
          onOpenChange={(open) => !open && setDialog(null)}
        />
      )}
      {dialog === "export" && (
        <ExportDialog
          chosen={cameras.map(({ id }) => id)}
          start={start}
          end={end}
          onClose={() => setDialog(null)}
        />
      )}
    </section>
  );
}
