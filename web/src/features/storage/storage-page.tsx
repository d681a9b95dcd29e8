import { useQuery } from "@tanstack/react-query";
import { Page } from "@/components/page";
import { ErrorState } from "@/components/states";
import { Skeleton } from "@/components/ui/skeleton";
import { storageQuery } from "@/lib/api/queries";
import type { StorageReport } from "@/lib/api/types";
import { formatBytes, plural } from "@/lib/format";
import { IntegrityCard } from "./integrity-card";
import { LocationCard } from "./location-card";
import { NextCard } from "./next-card";
import { SettingsCard } from "./settings-card";
import { UsageCard } from "./usage-card";

function MoverLine({ report }: { report: StorageReport }) {
  const { mover } = report;
  if (!mover || mover.state === "off") return null;
  return (
    <p
      className={
        mover.error
          ? "bg-amber-soft text-amber-ink rounded-lg px-4 py-3 text-sm"
          : "text-soft text-sm"
      }
    >
      {mover.error ??
        (mover.state === "idle"
          ? "Older recordings are where they belong."
          : `Moving older recordings: ${plural(mover.waiting_segments, "file")} to go, ${formatBytes(mover.moved_bytes)} moved.`)}
    </p>
  );
}

function Content({ report }: { report: StorageReport }) {
  const names = new Map(report.cameras.map((camera) => [camera.camera, camera.name]));
  const nameOf = (camera: string) => names.get(camera) ?? camera;
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-5">
      {report.state === "full" && (
        <p role="alert" className="bg-bad-soft text-bad-ink rounded-xl px-4 py-3 text-sm">
          There is no room left and nothing may be deleted: everything is protected or in use.
          Remove protection, or give Heron more space.
        </p>
      )}
      <div className="grid items-start gap-5 lg:grid-cols-2">
        {report.locations.map((location) => (
          <LocationCard key={`${location.tier} ${location.address}`} location={location} />
        ))}
      </div>
      <MoverLine report={report} />
      <UsageCard report={report} />
      <div className="grid items-start gap-5 lg:grid-cols-2">
        <NextCard report={report} nameOf={nameOf} />
        <IntegrityCard report={report} nameOf={nameOf} />
      </div>
      <SettingsCard />
    </div>
  );
}

export function StoragePage() {
  const { data, error, refetch } = useQuery(storageQuery);
  return (
    <Page title="Storage">
      {data && <Content report={data} />}
      {!data && error && <ErrorState error={error} onRetry={() => void refetch()} />}
      {!data && !error && <Skeleton className="h-96 rounded-2xl" />}
    </Page>
  );
}
