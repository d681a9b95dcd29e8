import { toast } from "sonner";
import { useState } from "react";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card, CardTitle } from "@/components/ui/card";
import { Confirm } from "@/components/ui/confirm";
import { errorText } from "@/lib/api/client";
import type { StorageLocation } from "@/lib/api/types";
import { formatBytes, plural } from "@/lib/format";
import { DiskBar } from "./disk-bar";
import { useAdoptLocation } from "./mutations";
import { diskParts, stateWords, tierNames } from "./storage-model";

function Adopt({ location }: { location: StorageLocation }) {
  const [asking, setAsking] = useState(false);
  const adopt = useAdoptLocation(location.tier);
  return (
    <>
      <Button size="sm" className="justify-self-start" onClick={() => setAsking(true)}>
        This is the right disk…
      </Button>
      <Confirm
        open={asking}
        onOpenChange={setAsking}
        title="Use what is at this place now?"
        text="Heron knows its disks by a mark on them, and this one has none or another. Mount the disk that belongs here; or, when it was replaced, go on with this one. Recordings of the old disk are then forgotten."
        action="Use this disk"
        danger
        onConfirm={() =>
          adopt.mutate(undefined, {
            onSuccess: () => toast.success("Heron records onto this disk from now on"),
            onError: (error) => toast.error(errorText(error)),
          })
        }
      />
    </>
  );
}

/** One place where recordings are: how full, and whether it is there. */
export function LocationCard({ location }: { location: StorageLocation }) {
  const fine = location.state === "ok";
  return (
    <Card>
      <CardTitle
        title={tierNames[location.tier]}
        note={<span className="font-mono text-xs break-all">{location.address}</span>}
        action={
          <Badge tone={fine ? "good" : location.state === "low" ? "warn" : "bad"}>
            {stateWords[location.state]}
          </Badge>
        }
      />
      <div className="grid gap-3 px-5 pb-5">
        {location.error && (
          <p role="status" className="bg-bad-soft text-bad-ink rounded-lg px-3 py-2 text-sm">
            {location.error}
          </p>
        )}
        {location.total_bytes ? (
          <DiskBar parts={diskParts(location)} />
        ) : (
          <p className="nums text-soft text-sm">
            {formatBytes(location.recordings_bytes)} in {plural(location.segments, "recording")}
          </p>
        )}
        {location.state === "missing" && <Adopt location={location} />}
      </div>
    </Card>
  );
}
