import { useRef } from "react";
import { useForm } from "react-hook-form";
import { useBlocker, useNavigate } from "react-router-dom";
import { toast } from "sonner";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Confirm } from "@/components/ui/confirm";
import { ApiError, errorText } from "@/lib/api/client";
import type { Camera } from "@/lib/api/types";
import { CameraFields } from "./camera-fields";
import { placeErrors, toProbe, validateForm, type CameraForm } from "./camera-form-model";
import { useProbe } from "./mutations";
import { ProbePanel } from "./probe-panel";

type Props = {
  initial: CameraForm;
  /** The camera being edited; null when adding. */
  camera: Camera | null;
  save: (form: CameraForm) => Promise<Camera>;
};

/** Checks on this side with the same words at the same places as the server's. */
function resolver(values: CameraForm) {
  const problems = Object.entries(validateForm(values));
  if (problems.length === 0) return { values, errors: {} };
  return {
    values: {},
    errors: Object.fromEntries(
      problems.map(([name, message]) => [name, { type: "validate", message }]),
    ),
  };
}

export function CameraEditor({ initial, camera, save }: Props) {
  const navigate = useNavigate();
  const form = useForm<CameraForm>({ defaultValues: initial, resolver });
  const { register, handleSubmit, setError, setValue, watch, formState, trigger } = form;
  const probe = useProbe();
  const { isDirty } = formState;
  const saved = useRef(false);
  const blocker = useBlocker(() => isDirty && !saved.current);

  function showError(error: unknown) {
    const { fields, rest } = placeErrors(error instanceof ApiError ? error.fields : []);
    for (const [name, message] of Object.entries(fields)) {
      setError(name as keyof CameraForm, { type: "server", message });
    }
    const nowhere = Object.keys(fields).length === 0;
    if (nowhere || rest.length > 0) toast.error(rest.join("\n") || errorText(error));
  }

  async function test() {
    if (!(await trigger("url", { shouldFocus: true }))) return;
    probe.mutate(toProbe(form.getValues(), camera?.id ?? null), { onError: showError });
  }

  const submit = handleSubmit(async (values) => {
    try {
      const result = await save(values);
      saved.current = true;
      toast.success(camera ? "Changes saved" : `${result.name} added`);
      navigate(`/cameras/${encodeURIComponent(result.id)}`);
    } catch (error) {
      showError(error);
    }
  });

  return (
    <form onSubmit={submit} noValidate className="grid items-start gap-5 lg:grid-cols-[1fr_24rem]">
      <Card className="p-5 sm:p-6">
        <CameraFields
          register={register}
          errors={formState.errors}
          values={{
            record: watch("record"),
            audio: watch("audio"),
            mode: watch("mode"),
            schedule: watch("schedule"),
          }}
          setFlag={(name, value) => setValue(name, value, { shouldDirty: true })}
          setSchedule={(entries) => {
            setValue("schedule", entries, { shouldDirty: true });
            form.clearErrors("schedule");
          }}
          hasPassword={camera?.stream.has_password ?? false}
        />
        <div className="border-line mt-6 flex flex-wrap gap-2 border-t pt-5">
          <Button onClick={() => void test()} busy={probe.isPending}>
            Test connection
          </Button>
          <span className="flex-1" />
          <Button variant="ghost" onClick={() => navigate(-1)}>
            Cancel
          </Button>
          <Button type="submit" variant="primary" busy={formState.isSubmitting}>
            {camera ? "Save changes" : "Add camera"}
          </Button>
        </div>
      </Card>
      <div className="lg:sticky lg:top-6">
        <ProbePanel result={probe.data ?? null} error={probe.error} busy={probe.isPending} />
      </div>
      <Confirm
        open={blocker.state === "blocked"}
        onOpenChange={(open) => !open && blocker.reset?.()}
        title="Leave without saving?"
        text="What you entered for this camera will be lost."
        action="Leave"
        cancel="Stay"
        danger
        onConfirm={() => blocker.proceed?.()}
      />
    </form>
  );
}
