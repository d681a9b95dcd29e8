/** Messages whose routes the server's OpenAPI file does not describe yet. */
export type ExportItem = { camera: string; start: number; end: number };
export type ExportRequest = {
  name?: string;
  items: ExportItem[];
  combine?: boolean;
  audio?: boolean;
  timelapse?: { speed: number } | null;
  timestamps?: boolean;
  proof?: boolean;
  expires_days?: number;
};
export type ExportEstimate = {
  size: number;
  duration_ms: number;
  recorded_ms: number;
  gaps: unknown[];
  free_bytes: number;
  fits: boolean;
};
export type JobState = "queued" | "running" | "done" | "failed" | "cancelled";
export type JobFile = {
  name: string;
  size: number;
  url: string;
  camera: string | null;
  start: number;
  end: number;
  sha256: string | null;
  proof: boolean;
};
export type Job = {
  id: string;
  type: string;
  name: string;
  state: JobState;
  progress: number;
  eta_s: number | null;
  created: number;
  started: number | null;
  finished: number | null;
  expires: number | null;
  error: { code: string; message: string } | null;
  params: ExportRequest;
  files: JobFile[];
  size_estimate: number;
};
