import { useQuery } from "@tanstack/react-query";
import { useState, type SyntheticEvent } from "react";
import { useNavigate } from "react-router-dom";
import { toast } from "sonner";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { camerasQuery } from "@/lib/api/queries";
import { ExportEstimate } from "./export-estimate";
import { emptyForm, problemsOf, requestOf, type ExportForm } from "./export-model";
import { ExportOptions } from "./export-options";
import { useStartExport } from "./mutations";

type Props = { chosen: string[]; start: number; end: number; onClose: () => void };

type CamerasProps = {
  chosen: string[];
  error: string | undefined;
  onChange: (chosen: string[]) => void;
};

function CameraChoice({ chosen, error, onChange }: CamerasProps) {
  const { data: cameras } = useQuery(camerasQuery);
  return (
    <fieldset>
      <legend className="mb-1.5 text-sm font-medium">Cameras</legend>
      <div className="flex flex-wrap gap-x-4 gap-y-2">
        {cameras?.map(({ id, name }) => (
          <label key={id} className="flex items-center gap-2 text-sm">
            <input
              type="checkbox"
              className="accent-brand size-4"
              checked={chosen.includes(id)}
              onChange={(event) =>
                onChange(
                  event.target.checked ? [...chosen, id] : chosen.filter((other) => other !== id),
                )
              }
            />
            {name}
          </label>
        ))}
      </div>
      {error && (
        <p role="alert" className="text-bad-ink mt-1.5 text-sm">
          {error}
        </p>
      )}
    </fieldset>
  );
}

/** A range of one or more cameras becomes files: what, how, and how large. */
export function ExportDialog({ chosen, start, end, onClose }: Props) {
  const [form, setForm] = useState(() => emptyForm(chosen, start, end));
  const navigate = useNavigate();
  const exporting = useStartExport();
  const set = (change: Partial<ExportForm>) => setForm((old) => ({ ...old, ...change }));
  const problems = problemsOf(form);
  const body = requestOf(form);

  function onSubmit(event: SyntheticEvent) {
    event.preventDefault();
    if (!body) return;
    exporting.mutate(body, {
      onSuccess: () => {
        onClose();
        toast.success("The export has begun.", {
          action: { label: "Show exports", onClick: () => navigate("/exports") },
        });
      },
    });
  }

  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Export"
      text="Makes files to keep or to give away. It runs in the background."
    >
      <form onSubmit={onSubmit} className="grid gap-5" noValidate>
        <div className="grid gap-4 sm:grid-cols-2">
          {(["from", "to"] as const).map((edge) => (
            <Field
              key={edge}
              label={edge === "from" ? "From" : "To"}
              error={problems[edge]}
              className="min-w-0"
            >
              {(control) => (
                <Input
                  {...control}
                  type="datetime-local"
                  step={1}
                  className="min-w-0 px-2 text-sm"
                  value={form[edge]}
                  onChange={(event) => set({ [edge]: event.target.value })}
                />
              )}
            </Field>
          ))}
        </div>
        <CameraChoice
          chosen={form.cameras}
          error={problems.cameras}
          onChange={(cameras) => set({ cameras })}
        />
        <ExportOptions form={form} onChange={set} />
        <ExportEstimate body={body} />
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="primary" busy={exporting.isPending} disabled={!body}>
            Start the export
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
