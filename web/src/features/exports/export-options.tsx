import { useId, type ReactNode } from "react";
import { Field } from "@/components/ui/field";
import { Input, NativeSelect } from "@/components/ui/input";
import { Segmented } from "@/components/ui/segmented";
import { Switch } from "@/components/ui/switch";
import { plural } from "@/lib/format";
import { canProve, expiryDays, timelapseSpeeds, type ExportForm } from "./export-model";

type Props = { form: ExportForm; onChange: (change: Partial<ExportForm>) => void };

type SwitchProps = {
  label: string;
  hint: ReactNode;
  checked: boolean;
  disabled?: boolean;
  onChange: (on: boolean) => void;
};

function Option({ label, hint, checked, disabled, onChange }: SwitchProps) {
  const id = useId();
  return (
    <div className="flex items-start justify-between gap-4">
      <div>
        <label htmlFor={id} className="text-sm font-medium">
          {label}
        </label>
        <p id={`${id}-hint`} className="text-faint text-sm">
          {hint}
        </p>
      </div>
      <Switch
        id={id}
        aria-describedby={`${id}-hint`}
        checked={checked}
        disabled={disabled ?? false}
        onCheckedChange={onChange}
      />
    </div>
  );
}

const nameMax = 100;

/** How the files are made. */
export function ExportOptions({ form, onChange }: Props) {
  const provable = canProve(form);
  const lapse = form.timelapse > 0;
  return (
    <>
      {form.cameras.length > 1 && (
        <Segmented
          label="Files"
          className="*:flex-1"
          value={form.combine ? "one" : "each"}
          options={[
            { value: "one", label: "One file" },
            { value: "each", label: "One per camera" },
          ]}
          onChange={(value) => onChange({ combine: value === "one" })}
        />
      )}
      <div className="grid gap-3">
        <Option
          label="Sound"
          hint={lapse ? "A time-lapse has none." : "As it was recorded."}
          checked={form.audio && !lapse}
          disabled={lapse}
          onChange={(audio) => onChange({ audio })}
        />
        <Option
          label="Proof"
          hint={
            !provable
              ? "Not possible: only the recorded pictures and sound, as they are, can be proved."
              : "Signatures in the file, by which anyone can tell that it is complete and unaltered."
          }
          checked={form.proof && provable}
          disabled={!provable}
          onChange={(proof) => onChange({ proof })}
        />
        <Option
          label="Time in the picture"
          hint="Burned in. Takes longer: every picture is made anew."
          checked={form.timestamps}
          onChange={(timestamps) => onChange({ timestamps })}
        />
      </div>
      <div className="grid gap-4 sm:grid-cols-3">
        <Field label="Time-lapse">
          {(control) => (
            <NativeSelect
              {...control}
              value={form.timelapse}
              onChange={(event) => onChange({ timelapse: Number(event.target.value) })}
            >
              {timelapseSpeeds.map((speed) => (
                <option key={speed} value={speed}>
                  {speed === 0 ? "Off" : `${speed}× speed`}
                </option>
              ))}
            </NativeSelect>
          )}
        </Field>
        <Field label="Keep the files">
          {(control) => (
            <NativeSelect
              {...control}
              value={form.expiresDays}
              onChange={(event) => onChange({ expiresDays: Number(event.target.value) })}
            >
              {expiryDays.map((days) => (
                <option key={days} value={days}>
                  {days === 0 ? "Until deleted" : plural(days, "day")}
                </option>
              ))}
            </NativeSelect>
          )}
        </Field>
        <Field label="Name" optional>
          {(control) => (
            <Input
              {...control}
              value={form.name}
              maxLength={nameMax}
              onChange={(event) => onChange({ name: event.target.value })}
            />
          )}
        </Field>
      </div>
    </>
  );
}
