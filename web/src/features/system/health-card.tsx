import { useQuery } from "@tanstack/react-query";
import { CircleAlert, CircleCheck, TriangleAlert } from "lucide-react";
import { ErrorState } from "@/components/states";
import { Badge, type BadgeTone } from "@/components/ui/badge";
import { Card, CardTitle } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import { healthQuery } from "@/lib/api/queries";
import { readChecks, type Check } from "./health-model";

const looks: Record<Check["state"], { word: string; tone: BadgeTone }> = {
  ok: { word: "Good", tone: "good" },
  degraded: { word: "Needs attention", tone: "warn" },
  failed: { word: "Failed", tone: "bad" },
};

function StateIcon({ state }: { state: Check["state"] }) {
  if (state === "ok") return <CircleCheck className="text-good size-5" aria-hidden />;
  if (state === "degraded") return <TriangleAlert className="text-amber size-5" aria-hidden />;
  return <CircleAlert className="text-bad size-5" aria-hidden />;
}

export function HealthCard() {
  const { data, error, refetch } = useQuery(healthQuery);
  return (
    <Card>
      <CardTitle
        title="Health"
        action={data && <Badge tone={looks[data.status].tone}>{looks[data.status].word}</Badge>}
      />
      {!data && !error && <Skeleton className="mx-5 mb-5 h-40" />}
      {!data && error && (
        <ErrorState error={error} onRetry={() => void refetch()} className="py-6" />
      )}
      {data && (
        <ul className="divide-line border-line divide-y border-t">
          {readChecks(data).map((check) => (
            <li key={check.name} className="flex items-center gap-3 px-5 py-3">
              <StateIcon state={check.state} />
              <div className="min-w-0 flex-1">
                <p className="font-medium">{check.name}</p>
                {check.detail && <p className="text-faint text-sm">{check.detail}</p>}
              </div>
              <span className="text-soft text-sm">{looks[check.state].word}</span>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}
