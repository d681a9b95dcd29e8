import type { FieldErrors, UseFormRegister } from "react-hook-form";
import { toast } from "sonner";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { errorText } from "@/lib/api/client";
import { SwitchField } from "../cameras/switch-field";
import { useTestPlace } from "./mutations";
import type { StorageForm } from "./settings-model";

type Props = {
  register: UseFormRegister<StorageForm>;
  errors: FieldErrors<StorageForm>;
  hasSecret: boolean;
  pathStyle: boolean;
  onPathStyle: (value: boolean) => void;
  /** The s3 section as it stands in the form. */
  current: () => unknown;
};

const fields: { name: keyof StorageForm; label: string; hint?: string; optional?: boolean }[] = [
  { name: "endpoint", label: "Address", hint: "https://s3.example.com" },
  { name: "bucket", label: "Bucket" },
  { name: "region", label: "Region" },
  { name: "prefix", label: "Folder in the bucket", optional: true },
  { name: "accessKey", label: "Access key" },
];

/** Account of an S3-compatible object store, with a test before anything is saved. */
export function S3Fields({ register, errors, hasSecret, pathStyle, onPathStyle, current }: Props) {
  const test = useTestPlace();

  function run() {
    test.mutate(
      { s3: current() },
      {
        onSuccess: (result) => {
          if (result.ok) toast.success(`It works: ${Math.round(result.latency_ms ?? 0)} ms`);
          else toast.error(result.error ?? "The store cannot be used.");
        },
        onError: (error) => toast.error(errorText(error)),
      },
    );
  }

  return (
    <fieldset className="border-line grid gap-4 rounded-xl border p-4">
      <legend className="px-1 text-sm font-medium">Object store (S3)</legend>
      <div className="grid gap-4 sm:grid-cols-2">
        {fields.map((field) => (
          <Field
            key={field.name}
            label={field.label}
            hint={field.hint}
            optional={field.optional ?? false}
            error={errors[field.name]?.message}
          >
            {(control) => (
              <Input {...control} {...register(field.name)} autoComplete="off" spellCheck={false} />
            )}
          </Field>
        ))}
        <Field label="Secret key" error={errors.secretKey?.message}>
          {(control) => (
            <Input
              {...control}
              {...register("secretKey")}
              type="password"
              autoComplete="new-password"
              placeholder={hasSecret ? "Stored; leave empty to keep it" : ""}
            />
          )}
        </Field>
      </div>
      <SwitchField
        label="Bucket in the path"
        hint="As MinIO and most others want it; Amazon has it in the host name."
        checked={pathStyle}
        onChange={onPathStyle}
      />
      <Button className="justify-self-start" busy={test.isPending} onClick={run}>
        Test the store
      </Button>
    </fieldset>
  );
}
