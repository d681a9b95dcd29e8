/** The camera form as data: what the fields hold, what is wrong with them, what is sent. */
import type { FieldError } from "@/lib/api/client";
import type { Camera, CameraInput, CameraPatch, ProbeRequest } from "@/lib/api/types";
import type { ScheduleEntry } from "./schedule-model";

export type CameraForm = {
  name: string;
  url: string;
  subUrl: string;
  username: string;
  password: string;
  transport: "tcp" | "udp" | "http";
  authType: "auto" | "basic" | "digest" | "none";
  fallbackUrls: string;
  record: boolean;
  mode: "continuous" | "motion" | "events" | "scheduled";
  schedule: ScheduleEntry[];
  preSeconds: string;
  postSeconds: string;
  /** Empty: as for all cameras. */
  keepDays: string;
  keepEventDays: string;
  segmentSeconds: string;
  audio: boolean;
  timeoutSeconds: string;
};

export type FormField = keyof CameraForm;
export type FormErrors = Partial<Record<FormField, string>>;

export const emptyForm: CameraForm = {
  name: "",
  url: "",
  subUrl: "",
  username: "",
  password: "",
  transport: "tcp",
  authType: "auto",
  fallbackUrls: "",
  record: true,
  mode: "continuous",
  schedule: [],
  preSeconds: "5",
  postSeconds: "5",
  keepDays: "",
  keepEventDays: "60",
  segmentSeconds: "10",
  audio: true,
  timeoutSeconds: "10",
};

/** Fields inside the fold-out: an error in one of them must open it. */
export const advancedFields: FormField[] = [
  "authType",
  "fallbackUrls",
  "segmentSeconds",
  "timeoutSeconds",
];

export function formFromCamera(camera: Camera): CameraForm {
  const { stream, recording, advanced } = camera;
  return {
    name: camera.name,
    url: stream.url,
    subUrl: stream.sub_url ?? "",
    username: stream.username ?? "",
    password: "",
    transport: stream.transport ?? emptyForm.transport,
    authType: stream.auth_type ?? emptyForm.authType,
    fallbackUrls: (stream.fallback_urls ?? []).join("\n"),
    record: recording.enabled ?? true,
    mode: recording.mode ?? "continuous",
    schedule: recording.schedule ?? [],
    preSeconds: String(recording.pre_buffer_seconds ?? 5),
    postSeconds: String(recording.post_buffer_seconds ?? 5),
    keepDays: String(recording.retention?.default_days ?? ""),
    keepEventDays: String(recording.retention?.events_days ?? 60),
    segmentSeconds: String(recording.segment_seconds ?? 10),
    audio: recording.audio ?? true,
    timeoutSeconds: String(advanced?.timeout_seconds ?? 10),
  };
}

const schemes = ["rtsp", "rtsps", "rtmp", "http", "https", "file"];

/** Words for what is wrong with a stream's address; undefined when it looks right. */
export function urlProblem(value: string): string | undefined {
  const match = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/i.exec(value);
  if (!match) return "Begin with the kind of stream, as in rtsp://192.168.1.20/stream1.";
  const [, scheme = "", rest = ""] = match;
  if (!schemes.includes(scheme.toLowerCase())) {
    return `Heron does not read ${scheme}:// addresses. Use ${schemes.join(", ")}.`;
  }
  if (/\s/.test(value)) return "An address has no blanks in it.";
  if (rest === "" || (scheme.toLowerCase() !== "file" && rest.startsWith("/"))) {
    return "The camera's host name or IP address is missing.";
  }
  return undefined;
}

const lines = (text: string) =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);

function wholeNumber(text: string, min: number, max: number): string | undefined {
  const value = Number(text);
  const good = text.trim() !== "" && Number.isInteger(value) && value >= min && value <= max;
  return good ? undefined : `A whole number from ${min} to ${max}.`;
}

export function validateForm(form: CameraForm): FormErrors {
  const url = form.url.trim();
  const subUrl = form.subUrl.trim();
  const all: FormErrors = {
    name: form.name.trim() ? undefined : "Give the camera a name.",
    url: url ? urlProblem(url) : "Enter the address of the camera's stream.",
    subUrl: subUrl ? urlProblem(subUrl) : undefined,
    fallbackUrls: lines(form.fallbackUrls).map(urlProblem).find(Boolean),
    schedule:
      form.record && form.mode === "scheduled" && form.schedule.length === 0
        ? "Paint when this camera is to record."
        : undefined,
    preSeconds: wholeNumber(form.preSeconds, 0, 60),
    postSeconds: wholeNumber(form.postSeconds, 0, 60),
    keepDays: form.keepDays.trim() ? wholeNumber(form.keepDays, 1, 3650) : undefined,
    keepEventDays: wholeNumber(form.keepEventDays, 1, 3650),
    segmentSeconds: wholeNumber(form.segmentSeconds, 2, 60),
    timeoutSeconds: wholeNumber(form.timeoutSeconds, 1, 60),
  };
  return Object.fromEntries(Object.entries(all).filter(([, message]) => message));
}

const serverFields: Record<string, FormField> = {
  name: "name",
  id: "name",
  url: "url",
  "stream.url": "url",
  "stream.sub_url": "subUrl",
  "stream.fallback_urls": "fallbackUrls",
  "stream.username": "username",
  username: "username",
  "stream.password": "password",
  password: "password",
  "stream.transport": "transport",
  transport: "transport",
  "stream.auth_type": "authType",
  "recording.mode": "mode",
  "recording.schedule": "schedule",
  "recording.schedule.days": "schedule",
  "recording.schedule.from": "schedule",
  "recording.schedule.to": "schedule",
  "recording.schedule.mode": "schedule",
  "recording.pre_buffer_seconds": "preSeconds",
  "recording.post_buffer_seconds": "postSeconds",
  "recording.retention.default_days": "keepDays",
  "recording.retention.events_days": "keepEventDays",
  "recording.segment_seconds": "segmentSeconds",
  "advanced.timeout_seconds": "timeoutSeconds",
};

/** Puts the server's complaints at the fields they are about; the rest is for a toast. */
export function placeErrors(errors: FieldError[]): { fields: FormErrors; rest: string[] } {
  const fields: FormErrors = {};
  const rest: string[] = [];
  for (const { field, message } of errors) {
    const plain = field.replace(/\[\d+\]|\.\d+$/g, "");
    const target = serverFields[plain];
    if (target) fields[target] ??= message;
    else rest.push(`${field}: ${message}`);
  }
  return { fields, rest };
}

function streamOf(form: CameraForm) {
  return {
    url: form.url.trim(),
    sub_url: form.subUrl.trim(),
    fallback_urls: lines(form.fallbackUrls),
    username: form.username.trim(),
    auth_type: form.authType,
    transport: form.transport,
    // Absent means "keep what is stored".
    ...(form.password ? { password: form.password } : {}),
  };
}

const settingsOf = (form: CameraForm) => ({
  name: form.name.trim(),
  recording: {
    enabled: form.record,
    mode: form.mode,
    ...(form.mode === "scheduled" ? { schedule: form.schedule } : {}),
    pre_buffer_seconds: Number(form.preSeconds),
    post_buffer_seconds: Number(form.postSeconds),
    segment_seconds: Number(form.segmentSeconds),
    audio: form.audio,
  },
  advanced: { timeout_seconds: Number(form.timeoutSeconds) },
});

export function toInput(form: CameraForm): CameraInput {
  const settings = settingsOf(form);
  const retention = {
    events_days: Number(form.keepEventDays),
    ...(form.keepDays.trim() ? { default_days: Number(form.keepDays) } : {}),
  };
  return {
    ...settings,
    recording: { ...settings.recording, retention },
    enabled: true,
    stream: streamOf(form),
  };
}

export function toPatch(form: CameraForm): CameraPatch {
  const settings = settingsOf(form);
  // null takes the key out (RFC 7396): the camera follows the general setting again.
  const retention = {
    events_days: Number(form.keepEventDays),
    default_days: form.keepDays.trim() ? Number(form.keepDays) : null,
  };
  return {
    ...settings,
    recording: { ...settings.recording, retention },
    stream: streamOf(form),
  } as CameraPatch;
}

/** `id` of an existing camera lets the server use the password it has stored. */
export function toProbe(form: CameraForm, id: string | null): ProbeRequest {
  return {
    url: form.url.trim(),
    username: form.username.trim(),
    auth_type: form.authType,
    transport: form.transport,
    ...(form.password ? { password: form.password } : {}),
    ...(id ? { id } : {}),
  };
}
