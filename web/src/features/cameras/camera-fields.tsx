import type { FieldErrors, UseFormRegister } from "react-hook-form";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { CameraAdvancedFields } from "./camera-advanced-fields";
import type { CameraForm } from "./camera-form-model";
import { RecordingFields } from "./recording-fields";
import type { ScheduleEntry } from "./schedule-model";
import { SwitchField } from "./switch-field";

type Props = {
  register: UseFormRegister<CameraForm>;
  errors: FieldErrors<CameraForm>;
  values: Pick<CameraForm, "record" | "audio" | "mode" | "schedule">;
  setFlag: (name: "record" | "audio", value: boolean) => void;
  setSchedule: (entries: ScheduleEntry[]) => void;
  hasPassword: boolean;
};

export function CameraFields(props: Props) {
  const { register, errors, values, setFlag, setSchedule, hasPassword } = props;
  return (
    <div className="grid gap-5">
      <Field label="Name" error={errors.name?.message}>
        {(control) => (
          <Input {...control} {...register("name")} placeholder="Front door" autoComplete="off" />
        )}
      </Field>
      <Field
        label="Stream address"
        hint="The camera’s manual or app names it, often rtsp://address:554/…"
        error={errors.url?.message}
      >
        {(control) => (
          <Input
            {...control}
            {...register("url")}
            placeholder="rtsp://192.168.1.20:554/stream1"
            inputMode="url"
            autoComplete="off"
            spellCheck={false}
          />
        )}
      </Field>
      <Field
        label="Sub stream address"
        optional
        hint="A smaller picture for the camera grid and, later, for analysis."
        error={errors.subUrl?.message}
      >
        {(control) => (
          <Input
            {...control}
            {...register("subUrl")}
            placeholder="rtsp://192.168.1.20:554/stream2"
            inputMode="url"
            autoComplete="off"
            spellCheck={false}
          />
        )}
      </Field>
      <div className="grid gap-5 sm:grid-cols-2">
        <Field label="User" optional error={errors.username?.message}>
          {(control) => (
            <Input {...control} {...register("username")} autoComplete="off" spellCheck={false} />
          )}
        </Field>
        <Field label="Password" optional error={errors.password?.message}>
          {(control) => (
            <Input
              {...control}
              {...register("password")}
              type="password"
              autoComplete="new-password"
              placeholder={hasPassword ? "Stored; leave empty to keep it" : ""}
            />
          )}
        </Field>
      </div>
      <SwitchField
        label="Record this camera"
        hint="The stream as the camera sends it, without loss of quality."
        checked={values.record}
        onChange={(value) => setFlag("record", value)}
      />
      {values.record && (
        <RecordingFields
          register={register}
          errors={errors}
          mode={values.mode}
          schedule={values.schedule}
          onSchedule={setSchedule}
        />
      )}
      <CameraAdvancedFields
        register={register}
        errors={errors}
        audio={values.audio}
        onAudio={(value) => setFlag("audio", value)}
      />
    </div>
  );
}
