import { useQuery } from "@tanstack/react-query";
import { ShieldCheck } from "lucide-react";
import { toast } from "sonner";
import { Button } from "@/components/ui/button";
import { Card, CardTitle } from "@/components/ui/card";
import { errorText } from "@/lib/api/client";
import { evidenceQuery, findingsQuery } from "@/lib/api/queries";
import type { Finding, StorageReport } from "@/lib/api/types";
import { formatBytes, formatDateTime, formatPercent } from "@/lib/format";
import { useAcknowledgeFinding } from "./mutations";

const kinds: Record<Finding["kind"], string> = {
  changed: "Changed",
  missing: "Missing",
  truncated: "Cut off",
  unreadable: "Cannot be read",
  chain: "Chain broken",
};

function FindingRow({ finding, nameOf }: { finding: Finding; nameOf: (id: string) => string }) {
  const acknowledge = useAcknowledgeFinding();
  return (
    <li className="bg-bad-soft text-bad-ink flex items-start justify-between gap-3 rounded-lg px-3 py-2 text-sm">
      <div>
        <p className="font-medium">
          {kinds[finding.kind]}: {nameOf(finding.camera)},{" "}
          {formatDateTime(finding.at ?? finding.start)}
        </p>
        <p>{finding.message}</p>
      </div>
      <Button
        size="sm"
        busy={acknowledge.isPending}
        onClick={() =>
          acknowledge.mutate(finding.id, { onError: (error) => toast.error(errorText(error)) })
        }
      >
        Seen
      </Button>
    </li>
  );
}

type Props = { report: StorageReport; nameOf: (camera: string) => string };

/** Are the recordings still what was recorded? */
export function IntegrityCard({ report, nameOf }: Props) {
  const findings = useQuery(findingsQuery);
  const evidence = useQuery(evidenceQuery);
  const { scrub } = report;
  const list = findings.data?.items ?? [];
  return (
    <Card>
      <CardTitle
        title="Integrity"
        note={
          scrub && scrub.state !== "off"
            ? `Stored files are read again in the background: ${formatPercent(scrub.checked_bytes, scrub.total_bytes)} of this round, ${formatBytes(scrub.bytes_per_second)} a second.`
            : "Stored files are not read again in the background."
        }
      />
      <div className="grid gap-3 px-5 pb-5">
        {list.length === 0 && (
          <p className="text-good-ink flex items-center gap-2 text-sm">
            <ShieldCheck className="size-4" aria-hidden /> Every recording that was read again is
            unchanged.
          </p>
        )}
        {list.length > 0 && (
          <ul aria-label="Findings" className="grid gap-2">
            {list.map((finding) => (
              <FindingRow key={finding.id} finding={finding} nameOf={nameOf} />
            ))}
          </ul>
        )}
        {evidence.data?.key && (
          <p className="text-faint text-sm">
            Recordings are signed with the key{" "}
            <span className="font-mono text-xs">{evidence.data.key.fingerprint}</span>. Keep a note
            of it elsewhere: with it anybody can check an export by{" "}
            <code className="text-xs">nvr verify</code>.
          </p>
        )}
      </div>
    </Card>
  );
}
