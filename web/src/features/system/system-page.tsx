import { useQuery } from "@tanstack/react-query";
import { BookOpen, ScrollText, TriangleAlert } from "lucide-react";
import { Link } from "react-router-dom";
import { Page } from "@/components/page";
import { Button } from "@/components/ui/button";
import { Card, CardTitle } from "@/components/ui/card";
import { systemInfoQuery } from "@/lib/api/queries";
import type { SystemInfo } from "@/lib/api/types";
import { formatDuration } from "@/lib/format";
import { HealthCard } from "./health-card";
import { sandboxLevel } from "./health-model";
import { StorageCard } from "./storage-card";
import { WorkersCard } from "./workers-card";

function Warnings({ warnings }: { warnings: SystemInfo["warnings"] }) {
  if (warnings.length === 0) return null;
  return (
    <Card className="border-amber/40">
      <CardTitle title="Needs your attention" />
      <ul className="grid gap-3 px-5 pb-5">
        {warnings.map((warning) => (
          <li key={warning.code + warning.message} className="flex gap-3">
            <TriangleAlert className="text-amber mt-0.5 size-4 shrink-0" aria-hidden />
            <div>
              <p>{warning.message}</p>
              <p className="text-faint font-mono text-xs">{warning.code}</p>
            </div>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function summary(info: SystemInfo): string {
  const sandbox = sandboxLevel(info.sandbox);
  return [
    `Version ${info.version}`,
    `up ${formatDuration(info.uptime_s * 1000)}`,
    info.timezone,
    sandbox && `sandbox ${sandbox}`,
    info.demo && "demo",
  ]
    .filter(Boolean)
    .join(" · ");
}

export function SystemPage() {
  const { data } = useQuery(systemInfoQuery);
  return (
    <Page
      title="System"
      note={data && summary(data)}
      actions={
        <>
          <Button asChild>
            <Link to="/logs">
              <ScrollText aria-hidden /> Logs
            </Link>
          </Button>
          <Button asChild>
            <a href="/api/docs">
              <BookOpen aria-hidden /> API
            </a>
          </Button>
        </>
      }
    >
      <div className="grid gap-5">
        {data && <Warnings warnings={data.warnings} />}
        <div className="grid items-start gap-5 lg:grid-cols-2">
          <HealthCard />
          <StorageCard />
        </div>
        <WorkersCard />
      </div>
    </Page>
  );
}
