/** The storage settings as a form: what the fields hold, what is wrong, what is sent. */
import type { FieldError } from "@/lib/api/client";
import type { StorageConfig, SystemConfig } from "@/lib/api/types";
import type { StorageSettings } from "./mutations";

export type PlaceKind = "none" | "folder" | "s3";

export type StorageForm = {
  maxGb: string;
  freeGb: string;
  keepDays: string;
  hotDays: string;
  warmKind: PlaceKind;
  warmFolder: string;
  warmDays: string;
  coldKind: PlaceKind;
  coldFolder: string;
  endpoint: string;
  region: string;
  bucket: string;
  prefix: string;
  accessKey: string;
  secretKey: string;
  pathStyle: boolean;
};

export type FormErrors = Partial<Record<keyof StorageForm, string>>;

const text = (value: number | string | null | undefined) =>
  value === null || value === undefined ? "" : String(value);

function placeOf(location: string | undefined): { kind: PlaceKind; folder: string } {
  if (location === "s3") return { kind: "s3", folder: "" };
  return location?.startsWith("/")
    ? { kind: "folder", folder: location }
    : { kind: "none", folder: "" };
}

export function formFrom(system: SystemConfig, storage: StorageConfig): StorageForm {
  const tiers = storage.retention?.tiers;
  const warm = placeOf(tiers?.warm?.location);
  const cold = placeOf(tiers?.cold?.location);
  const s3 = storage.s3;
  return {
    maxGb: text(system.max_storage_gb ?? 0),
    freeGb: text(system.min_free_gb ?? 1),
    keepDays: text(storage.retention?.default_days ?? 30),
    hotDays: text(tiers?.hot?.duration_days),
    warmKind: warm.kind,
    warmFolder: warm.folder,
    warmDays: text(tiers?.warm?.duration_days),
    coldKind: cold.kind,
    coldFolder: cold.folder,
    endpoint: s3?.endpoint ?? "",
    region: s3?.region ?? "us-east-1",
    bucket: s3?.bucket ?? "",
    prefix: s3?.prefix ?? "",
    accessKey: s3?.access_key ?? "",
    secretKey: "",
    pathStyle: s3?.path_style ?? true,
  };
}

const usesS3 = (form: StorageForm) => form.warmKind === "s3" || form.coldKind === "s3";
const usesTiers = (form: StorageForm) => form.warmKind !== "none" || form.coldKind !== "none";

function number(value: string, min: number, max: number): string | undefined {
  const parsed = Number(value.replace(",", "."));
  const good = value.trim() !== "" && Number.isFinite(parsed) && parsed >= min && parsed <= max;
  return good ? undefined : `A number from ${min} to ${max}.`;
}

const folder = (value: string) =>
  value.startsWith("/") ? undefined : "The whole path of a folder, as in /mnt/archive.";

function s3Problems(form: StorageForm, hasSecret: boolean): FormErrors {
  if (!usesS3(form)) return {};
  const secret = form.secretKey !== "" || hasSecret;
  return {
    ...(/^https?:\/\/\S+$/.test(form.endpoint)
      ? {}
      : { endpoint: "An address, as in https://s3.example.com." }),
    ...(form.bucket ? {} : { bucket: "Name the bucket; it must exist." }),
    ...(form.accessKey ? {} : { accessKey: "The account's access key." }),
    ...(secret ? {} : { secretKey: "The account's secret key." }),
  };
}

export function validate(form: StorageForm, hasSecret: boolean): FormErrors {
  const all: FormErrors = s3Problems(form, hasSecret);
  const add = (name: keyof StorageForm, problem: string | undefined) => {
    if (problem) all[name] = problem;
  };
  add("maxGb", number(form.maxGb, 0, 1e9));
  add("freeGb", number(form.freeGb, 0, 1e9));
  add("keepDays", number(form.keepDays, 1, 3650));
  if (usesTiers(form)) add("hotDays", number(form.hotDays, 0, 3650));
  if (form.warmKind === "folder") add("warmFolder", folder(form.warmFolder));
  if (form.coldKind === "folder") add("coldFolder", folder(form.coldFolder));
  if (form.warmKind !== "none" && form.coldKind !== "none")
    add("warmDays", number(form.warmDays, 0, 3650));
  return all;
}

const value = (field: string) => Number(field.replace(",", "."));
const location = (kind: PlaceKind, path: string) => (kind === "folder" ? path : kind);

export function s3Of(form: StorageForm) {
  return {
    enabled: usesS3(form),
    endpoint: form.endpoint.trim(),
    region: form.region.trim(),
    bucket: form.bucket.trim(),
    prefix: form.prefix.trim(),
    access_key: form.accessKey.trim(),
    path_style: form.pathStyle,
    // Absent means "keep what is stored".
    ...(form.secretKey ? { secret_key: form.secretKey } : {}),
  };
}

export function toSettings(form: StorageForm): StorageSettings {
  const { warmKind, coldKind } = form;
  const warm =
    warmKind === "none"
      ? null
      : {
          location: location(warmKind, form.warmFolder.trim()),
          ...(coldKind === "none" ? {} : { duration_days: value(form.warmDays) }),
        };
  const cold =
    coldKind === "none" ? null : { location: location(coldKind, form.coldFolder.trim()) };
  const hot = usesTiers(form) ? { duration_days: value(form.hotDays) } : null;
  return {
    system: { max_storage_gb: value(form.maxGb), min_free_gb: value(form.freeGb) },
    storage: {
      retention: { default_days: value(form.keepDays), tiers: { hot, warm, cold } },
      s3: usesS3(form) ? s3Of(form) : { enabled: false },
    },
  };
}

const serverFields: Record<string, keyof StorageForm> = {
  max_storage_gb: "maxGb",
  min_free_gb: "freeGb",
  "retention.default_days": "keepDays",
  "retention.tiers.hot.duration_days": "hotDays",
  "retention.tiers.warm.duration_days": "warmDays",
  "retention.tiers.warm.location": "warmFolder",
  "retention.tiers.cold.location": "coldFolder",
  "s3.endpoint": "endpoint",
  "s3.region": "region",
  "s3.bucket": "bucket",
  "s3.prefix": "prefix",
  "s3.access_key": "accessKey",
  "s3.secret_key": "secretKey",
};

/** The server's complaints at the fields they are about; the rest is for a toast. */
export function placeErrors(errors: FieldError[]): { fields: FormErrors; rest: string[] } {
  const fields: FormErrors = {};
  const rest: string[] = [];
  for (const { field, message } of errors) {
    const target = serverFields[field];
    if (target) fields[target] ??= message;
    else rest.push(`${field}: ${message}`);
  }
  return { fields, rest };
}
