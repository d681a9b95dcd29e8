import type { FieldErrors, UseFormRegister } from "react-hook-form";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { Input, NativeSelect } from "@/components/ui/input";
import type { CameraForm } from "./camera-form-model";
import { ScheduleList } from "./schedule-list";
import { presets, type ScheduleEntry } from "./schedule-model";
import { SchedulePainter } from "./schedule-painter";

type Props = {
  register: UseFormRegister<CameraForm>;
  errors: FieldErrors<CameraForm>;
  mode: CameraForm["mode"];
  schedule: ScheduleEntry[];
  onSchedule: (entries: ScheduleEntry[]) => void;
};

const hints: Record<CameraForm["mode"], string> = {
  continuous: "Always, exactly as the camera sends it.",
  motion: "When something moves, or when an event is reported.",
  events: "When an event is reported: by Heron or by another system.",
  scheduled: "As the week below says, by the clock of this installation.",
};

function Schedule({
  entries,
  onChange,
}: {
  entries: ScheduleEntry[];
  onChange: (entries: ScheduleEntry[]) => void;
}) {
  return (
    <section aria-label="Weekly schedule" className="border-line grid gap-4 rounded-xl border p-4">
      <div className="flex flex-wrap gap-2">
        {presets.map((preset) => (
          <Button key={preset.name} size="sm" onClick={() => onChange(preset.entries)}>
            {preset.name}
          </Button>
        ))}
        <Button size="sm" variant="ghost" onClick={() => onChange([])}>
          Clear
        </Button>
      </div>
      <SchedulePainter entries={entries} onChange={onChange} />
      <ScheduleList entries={entries} onChange={onChange} />
    </section>
  );
}

/** When a camera records, what comes before and after, and how long it is kept. */
export function RecordingFields({ register, errors, mode, schedule, onSchedule }: Props) {
  return (
    <div className="grid gap-5">
      <Field label="When to record" hint={hints[mode]} error={errors.mode?.message}>
        {(control) => (
          <NativeSelect {...control} {...register("mode")}>
            <option value="continuous">Always</option>
            <option value="motion">On motion</option>
            <option value="events">On events</option>
            <option value="scheduled">By schedule</option>
          </NativeSelect>
        )}
      </Field>
      {mode === "scheduled" && <Schedule entries={schedule} onChange={onSchedule} />}
      {errors.schedule?.message && (
        <p role="alert" className="text-bad-ink text-sm">
          {errors.schedule.message}
        </p>
      )}
      {mode !== "continuous" && (
        <div className="grid gap-5 sm:grid-cols-2">
          <Field
            label="Seconds before"
            hint="Kept in memory all the time, so that nothing is missed."
            error={errors.preSeconds?.message}
          >
            {(control) => <Input {...control} {...register("preSeconds")} inputMode="numeric" />}
          </Field>
          <Field
            label="Seconds after"
            hint="Goes on when something happens again."
            error={errors.postSeconds?.message}
          >
            {(control) => <Input {...control} {...register("postSeconds")} inputMode="numeric" />}
          </Field>
        </div>
      )}
      <div className="grid gap-5 sm:grid-cols-2">
        <Field
          label="Keep for, days"
          hint="Empty: as set under Storage. Less when the disk is full before."
          error={errors.keepDays?.message}
        >
          {(control) => (
            <Input
              {...control}
              {...register("keepDays")}
              inputMode="numeric"
              placeholder="As for all cameras"
            />
          )}
        </Field>
        <Field label="Keep events for, days" error={errors.keepEventDays?.message}>
          {(control) => <Input {...control} {...register("keepEventDays")} inputMode="numeric" />}
        </Field>
      </div>
    </div>
  );
}
