/** What the export form holds, what is wrong with it, and the request it makes. Pure. */
import type { ExportRequest } from "@/lib/api/types";
import { fromLocalInput, toLocalInput } from "@/lib/time";

export type ExportForm = {
  name: string;
  cameras: string[];
  /** As the browser's own date and time fields have them. */
  from: string;
  to: string;
  combine: boolean;
  audio: boolean;
  proof: boolean;
  timestamps: boolean;
  /** 0: real time. */
  timelapse: number;
  expiresDays: number;
};

export const timelapseSpeeds = [0, 10, 30, 60, 120, 300];
export const expiryDays = [1, 7, 30, 0];

export function emptyForm(cameras: string[], start: number, end: number): ExportForm {
  return {
    name: "",
    cameras,
    from: toLocalInput(start),
    // The field has whole seconds: the last one is taken whole.
    to: toLocalInput(Math.ceil(end / 1000) * 1000),
    combine: true,
    audio: true,
    proof: true,
    timestamps: false,
    timelapse: 0,
    expiresDays: 7,
  };
}

/** A proof needs the recorded bytes as they are: new pictures and files without sound have none. */
export const canProve = (form: ExportForm) =>
  form.audio && !form.timestamps && form.timelapse === 0;

export type ExportProblems = { from?: string; to?: string; cameras?: string };

export function problemsOf(form: ExportForm): ExportProblems {
  const problems: ExportProblems = {};
  const from = fromLocalInput(form.from);
  const to = fromLocalInput(form.to);
  if (from === null) problems.from = "This is not a date and time.";
  if (to === null) problems.to = "This is not a date and time.";
  if (from !== null && to !== null && to <= from) problems.to = "The end must be after the start.";
  if (form.cameras.length === 0) problems.cameras = "Choose at least one camera.";
  return problems;
}

/** null while the form is not complete. */
export function requestOf(form: ExportForm): ExportRequest | null {
  const start = fromLocalInput(form.from);
  const end = fromLocalInput(form.to);
  if (start === null || end === null || Object.keys(problemsOf(form)).length > 0) return null;
  const name = form.name.trim();
  return {
    ...(name ? { name } : {}),
    items: form.cameras.map((camera) => ({ camera, start, end })),
    combine: form.combine,
    audio: form.audio && form.timelapse === 0,
    timelapse: form.timelapse > 0 ? { speed: form.timelapse } : null,
    timestamps: form.timestamps,
    proof: form.proof && canProve(form),
    expires_days: form.expiresDays,
  };
}
