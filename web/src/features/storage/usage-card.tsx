import { Link } from "react-router-dom";
import { Card, CardTitle } from "@/components/ui/card";
import type { StorageCamera, StorageReport } from "@/lib/api/types";
import { formatBytes, formatDay } from "@/lib/format";
import { daysLeftText, forecastText, tierColours, tierNames } from "./storage-model";

const tiers = ["hot", "warm", "cold"] as const;

function TierBar({ camera, most }: { camera: StorageCamera; most: number }) {
  return (
    <div className="bg-sunken flex h-2 min-w-24 overflow-hidden rounded-full" aria-hidden>
      {tiers.map((tier) => (
        <div
          key={tier}
          title={`${tierNames[tier]}: ${formatBytes(camera.tiers[tier])}`}
          className={tierColours[tier]}
          style={{ width: `${(camera.tiers[tier] / Math.max(1, most)) * 100}%` }}
        />
      ))}
    </div>
  );
}

function Row({ camera, most }: { camera: StorageCamera; most: number }) {
  const { default_days, events_days } = camera.retention;
  return (
    <tr className="border-line border-t">
      <th scope="row" className="max-w-44 truncate py-2.5 pr-4 text-left font-medium">
        <Link className="hover:underline" to={`/recordings/${encodeURIComponent(camera.camera)}`}>
          {camera.name}
        </Link>
      </th>
      <td className="pr-4">
        <TierBar camera={camera} most={most} />
      </td>
      <td className="pr-4 text-right whitespace-nowrap">{formatBytes(camera.bytes)}</td>
      <td className="pr-4 text-right whitespace-nowrap">{formatBytes(camera.bytes_per_day)}</td>
      <td className="pr-4 text-right whitespace-nowrap">
        {camera.first ? formatDay(camera.first) : "–"}
      </td>
      <td className="pr-4 text-right whitespace-nowrap">{formatBytes(camera.protected_bytes)}</td>
      <td className="pr-4 text-right whitespace-nowrap">
        <Link className="hover:underline" to={`/cameras/${encodeURIComponent(camera.camera)}/edit`}>
          {default_days} d, events {events_days} d
        </Link>
      </td>
      <td className="text-right whitespace-nowrap">{daysLeftText(camera.days_left)}</td>
    </tr>
  );
}

const heads = ["Camera", "", "Stored", "A day", "Since", "Protected", "Kept for", "Room for"];

/** Who uses how much, and how long that goes well. */
export function UsageCard({ report }: { report: StorageReport }) {
  const most = Math.max(...report.cameras.map((camera) => camera.bytes), 1);
  return (
    <Card>
      <CardTitle title="Usage by camera" note={forecastText(report)} />
      <div className="overflow-x-auto px-5 pb-5">
        {report.cameras.length === 0 ? (
          <p className="text-soft text-sm">Nothing is recorded yet.</p>
        ) : (
          <table className="nums w-full text-sm">
            <thead>
              <tr className="text-faint">
                {heads.map((head, index) => (
                  <th
                    key={head || "bar"}
                    scope="col"
                    className={`pr-4 pb-2 font-normal whitespace-nowrap last:pr-0 ${index < 2 ? "text-left" : "text-right"}`}
                  >
                    {head || <span className="sr-only">Share</span>}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {report.cameras.map((camera) => (
                <Row key={camera.camera} camera={camera} most={most} />
              ))}
            </tbody>
          </table>
        )}
      </div>
    </Card>
  );
}
