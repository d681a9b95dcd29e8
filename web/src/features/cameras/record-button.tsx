import { Circle, Square } from "lucide-react";
import { toast } from "sonner";
import { Button } from "@/components/ui/button";
import { errorText } from "@/lib/api/client";
import type { Camera } from "@/lib/api/types";
import { useManualRecording } from "./mutations";
import { canRecordByHand } from "./recording-now";

const minutes = 10;

/** Records at once for some minutes, whatever the mode says; a second press ends it. */
export function RecordButton({ camera }: { camera: Camera }) {
  const record = useManualRecording(camera.id);
  const byHand = camera.recording_now.reason === "manual";
  if (!byHand && !canRecordByHand(camera)) return null;

  function press() {
    record.mutate(byHand ? null : minutes * 60, {
      onSuccess: () =>
        toast.success(byHand ? "Recording by hand ended" : `Recording for ${minutes} minutes`),
      onError: (error) => toast.error(errorText(error)),
    });
  }

  return (
    <Button busy={record.isPending} onClick={press}>
      {byHand ? <Square aria-hidden /> : <Circle className="fill-bad text-bad" aria-hidden />}
      {byHand ? "Stop recording" : "Record now"}
    </Button>
  );
}
