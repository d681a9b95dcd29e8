import { useState, type SyntheticEvent } from "react";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import type { Camera } from "@/lib/api/types";
import { formatDateTime } from "@/lib/format";
import { useProtect } from "./mutations";
import type { Selection } from "./timeline-draw";

type Props = {
  cameras: Camera[];
  selection: Selection;
  open: boolean;
  onOpenChange: (open: boolean) => void;
};

export const reasonMax = 200;

export function ProtectDialog({ cameras, selection, open, onOpenChange }: Props) {
  const [reason, setReason] = useState("");
  const protect = useProtect();

  function onSubmit(event: SyntheticEvent) {
    event.preventDefault();
    protect.mutate(
      { cameras: cameras.map(({ id }) => id), ...selection, reason: reason.trim() },
      { onSuccess: () => onOpenChange(false) },
    );
  }

  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      title="Protect this range"
      text={`${cameras.map(({ name }) => name).join(", ")}: ${formatDateTime(selection.start)} to ${formatDateTime(selection.end)}. It is never deleted by itself, neither for its age nor for space.`}
    >
      <form onSubmit={onSubmit} className="grid gap-5">
        <Field label="Reason" optional hint="So that others know what it is kept for.">
          {(control) => (
            <Input
              {...control}
              value={reason}
              maxLength={reasonMax}
              placeholder="Break-in at the shed"
              onChange={(event) => setReason(event.target.value)}
            />
          )}
        </Field>
        <div className="flex justify-end gap-2">
          <Button onClick={() => onOpenChange(false)}>Cancel</Button>
          <Button type="submit" variant="primary" busy={protect.isPending}>
            Protect
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
