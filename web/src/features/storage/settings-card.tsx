import { useQuery } from "@tanstack/react-query";
import { useForm, type FieldErrors, type UseFormRegister } from "react-hook-form";
import { toast } from "sonner";
import { Button } from "@/components/ui/button";
import { Card, CardTitle } from "@/components/ui/card";
import { Field } from "@/components/ui/field";
import { Input, NativeSelect } from "@/components/ui/input";
import { Skeleton } from "@/components/ui/skeleton";
import { ErrorState } from "@/components/states";
import { ApiError, errorText } from "@/lib/api/client";
import { storageConfigQuery, systemConfigQuery } from "@/lib/api/queries";
import type { StorageConfig, SystemConfig } from "@/lib/api/types";
import { useSaveStorage } from "./mutations";
import { S3Fields } from "./s3-fields";
import {
  formFrom,
  placeErrors,
  s3Of,
  toSettings,
  validate,
  type StorageForm,
} from "./settings-model";

type FieldsProps = {
  register: UseFormRegister<StorageForm>;
  errors: FieldErrors<StorageForm>;
  values: StorageForm;
};

function Limits({ register, errors }: FieldsProps) {
  return (
    <div className="grid gap-4 sm:grid-cols-3">
      <Field label="At most, GB" hint="0: no limit but the disk." error={errors.maxGb?.message}>
        {(control) => <Input {...control} {...register("maxGb")} inputMode="decimal" />}
      </Field>
      <Field label="Stay free, GB" hint="For everything else." error={errors.freeGb?.message}>
        {(control) => <Input {...control} {...register("freeGb")} inputMode="decimal" />}
      </Field>
      <Field
        label="Keep for, days"
        hint="For cameras that say nothing of their own."
        error={errors.keepDays?.message}
      >
        {(control) => <Input {...control} {...register("keepDays")} inputMode="numeric" />}
      </Field>
    </div>
  );
}

type PlaceProps = FieldsProps & { tier: "warm" | "cold"; title: string };

function Place({ register, errors, values, tier, title }: PlaceProps) {
  const kind = tier === "warm" ? values.warmKind : values.coldKind;
  const folder = tier === "warm" ? ("warmFolder" as const) : ("coldFolder" as const);
  return (
    <div className="grid gap-4 sm:grid-cols-3">
      <Field label={title} error={kind === "folder" ? undefined : errors[folder]?.message}>
        {(control) => (
          <NativeSelect {...control} {...register(tier === "warm" ? "warmKind" : "coldKind")}>
            <option value="none">Not used</option>
            <option value="folder">Folder: disk or network mount</option>
            <option value="s3">Object store (S3)</option>
          </NativeSelect>
        )}
      </Field>
      {kind === "folder" && (
        <Field label={`${title}: folder`} className="sm:col-span-2" error={errors[folder]?.message}>
          {(control) => (
            <Input
              {...control}
              {...register(folder)}
              placeholder="/mnt/archive"
              spellCheck={false}
            />
          )}
        </Field>
      )}
    </div>
  );
}

function Tiers(props: FieldsProps) {
  const { register, errors, values } = props;
  const used = values.warmKind !== "none" || values.coldKind !== "none";
  return (
    <>
      <Place {...props} tier="warm" title="Second place" />
      <Place {...props} tier="cold" title="Archive" />
      {used && (
        <div className="grid gap-4 sm:grid-cols-3">
          <Field
            label="Move on after, days"
            hint="From the recordings folder."
            error={errors.hotDays?.message}
          >
            {(control) => <Input {...control} {...register("hotDays")} inputMode="decimal" />}
          </Field>
          {values.warmKind !== "none" && values.coldKind !== "none" && (
            <Field
              label="Into the archive after, days"
              hint="Age of the recording."
              error={errors.warmDays?.message}
            >
              {(control) => <Input {...control} {...register("warmDays")} inputMode="decimal" />}
            </Field>
          )}
        </div>
      )}
    </>
  );
}

type FormProps = { system: SystemConfig; storage: StorageConfig };

function SettingsForm({ system, storage }: FormProps) {
  const hasSecret = storage.s3?.has_secret_key ?? false;
  const save = useSaveStorage();
  const form = useForm<StorageForm>({
    defaultValues: formFrom(system, storage),
    resolver: (values) => {
      const problems = Object.entries(validate(values, hasSecret));
      if (problems.length === 0) return { values, errors: {} };
      return {
        values: {},
        errors: Object.fromEntries(
          problems.map(([name, message]) => [name, { type: "validate", message }]),
        ),
      };
    },
  });
  const { register, formState, setError, setValue, watch } = form;
  const values = watch();
  const { errors } = formState;

  const submit = form.handleSubmit(async (wanted) => {
    try {
      await save.mutateAsync(toSettings(wanted));
      form.reset({ ...wanted, secretKey: "" });
      toast.success("Storage settings saved");
    } catch (error) {
      const { fields, rest } = placeErrors(error instanceof ApiError ? error.fields : []);
      for (const [name, message] of Object.entries(fields)) {
        setError(name as keyof StorageForm, { type: "server", message });
      }
      if (Object.keys(fields).length === 0 || rest.length > 0)
        toast.error(rest.join("\n") || errorText(error));
    }
  });

  return (
    <form onSubmit={submit} noValidate className="grid gap-5 px-5 pb-5">
      <Limits register={register} errors={errors} values={values} />
      <Tiers register={register} errors={errors} values={values} />
      {(values.warmKind === "s3" || values.coldKind === "s3") && (
        <S3Fields
          register={register}
          errors={errors}
          hasSecret={hasSecret}
          pathStyle={values.pathStyle}
          onPathStyle={(value) => setValue("pathStyle", value, { shouldDirty: true })}
          current={() => s3Of(form.getValues())}
        />
      )}
      <div className="flex justify-end gap-2">
        <Button variant="ghost" disabled={!formState.isDirty} onClick={() => form.reset()}>
          Undo
        </Button>
        <Button
          type="submit"
          variant="primary"
          busy={formState.isSubmitting}
          disabled={!formState.isDirty}
        >
          Save
        </Button>
      </div>
    </form>
  );
}

/** How much may be used, and where older recordings go. */
export function SettingsCard() {
  const system = useQuery(systemConfigQuery);
  const storage = useQuery(storageConfigQuery);
  const error = system.error ?? storage.error;
  return (
    <Card>
      <CardTitle
        title="Settings"
        note="How much space recordings may take, and where older ones move to."
      />
      {system.data && storage.data && <SettingsForm system={system.data} storage={storage.data} />}
      {error && !(system.data && storage.data) && (
        <ErrorState
          error={error}
          className="py-6"
          onRetry={() => {
            void system.refetch();
            void storage.refetch();
          }}
        />
      )}
      {!error && !(system.data && storage.data) && <Skeleton className="m-5 h-40" />}
    </Card>
  );
}
