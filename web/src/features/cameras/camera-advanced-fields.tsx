import { useState } from "react";
import type { FieldErrors, UseFormRegister } from "react-hook-form";
import { Collapsible } from "@/components/ui/collapsible";
import { Field } from "@/components/ui/field";
import { Input, NativeSelect, Textarea } from "@/components/ui/input";
import { advancedFields, type CameraForm } from "./camera-form-model";
import { SwitchField } from "./switch-field";

type Props = {
  register: UseFormRegister<CameraForm>;
  errors: FieldErrors<CameraForm>;
  audio: boolean;
  onAudio: (value: boolean) => void;
};

/** What most cameras never need; opens by itself when something inside is wrong. */
export function CameraAdvancedFields({ register, errors, audio, onAudio }: Props) {
  const [opened, setOpened] = useState(false);
  const open = opened || advancedFields.some((name) => errors[name]);
  return (
    <Collapsible
      title="Advanced"
      note="transport, sound, segments, fallbacks"
      open={open}
      onOpenChange={setOpened}
    >
      <div className="grid gap-5">
        <div className="grid gap-5 sm:grid-cols-2">
          <Field label="Transport" error={errors.transport?.message}>
            {(control) => (
              <NativeSelect {...control} {...register("transport")}>
                <option value="tcp">TCP (reliable)</option>
                <option value="udp">UDP</option>
                <option value="http">HTTP tunnel</option>
              </NativeSelect>
            )}
          </Field>
          <Field label="Authentication" error={errors.authType?.message}>
            {(control) => (
              <NativeSelect {...control} {...register("authType")}>
                <option value="auto">Automatic</option>
                <option value="digest">Digest</option>
                <option value="basic">Basic</option>
                <option value="none">None</option>
              </NativeSelect>
            )}
          </Field>
          <Field
            label="Segment length, seconds"
            hint="Length of one recorded file."
            error={errors.segmentSeconds?.message}
          >
            {(control) => (
              <Input {...control} {...register("segmentSeconds")} inputMode="numeric" />
            )}
          </Field>
          <Field
            label="Timeout, seconds"
            hint="Silence after which to reconnect."
            error={errors.timeoutSeconds?.message}
          >
            {(control) => (
              <Input {...control} {...register("timeoutSeconds")} inputMode="numeric" />
            )}
          </Field>
        </div>
        <SwitchField label="Record sound" checked={audio} onChange={onAudio} />
        <Field
          label="Fallback addresses"
          optional
          hint="One on each line, tried in order when the main address fails."
          error={errors.fallbackUrls?.message}
        >
          {(control) => <Textarea {...control} {...register("fallbackUrls")} spellCheck={false} />}
        </Field>
      </div>
    </Collapsible>
  );
}
