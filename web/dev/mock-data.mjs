// Canned answers of the mock server.
const now = Date.now();
const minute = 60_000;

const main = {
  codec: "h264",
  codec_string: "avc1.64001f",
  width: 1920,
  height: 1080,
  fps: 15,
  bitrate: 2_140_000,
  audio: "aac",
};
const sub = { ...main, width: 640, height: 360, bitrate: 302_000, audio: null };

export function makeCamera(id, name, change = {}) {
  return {
    id,
    name,
    enabled: true,
    stream: {
      url: `rtsp://192.168.1.20:554/${id}/main`,
      sub_url: `rtsp://192.168.1.20:554/${id}/sub`,
      fallback_urls: [],
      username: "viewer",
      has_password: true,
      auth_type: "auto",
      transport: "tcp",
    },
    recording: { enabled: true, mode: "continuous", segment_seconds: 10, audio: true },
    advanced: { timeout_seconds: 10 },
    status: "online",
    stopped: false,
    error: null,
    error_code: null,
    last_seen: now,
    recording_active: true,
    recording_now: { mode: "continuous", reason: "continuous", until: null, next_change: null },
    reconnects: 1,
    dropped_packets: 0,
    worker: { state: "running", pid: 4120, restarts: 0 },
    main,
    sub,
    ...change,
  };
}

export const cameras = [
  makeCamera("front-door", "Front door"),
  makeCamera("driveway", "Driveway"),
  makeCamera("garden", "Garden", {
    status: "offline",
    error: "No answer from 192.168.1.23:554. The next attempt is in 8 s.",
    error_code: "timeout",
    recording_active: false,
    main: null,
    sub: null,
    last_seen: now - 22 * minute,
  }),
  makeCamera("workshop", "Workshop", {
    main: { ...main, codec: "h265", codec_string: "hvc1.1.6.L120.90", width: 2560, height: 1440 },
    sub: null,
  }),
  makeCamera("attic", "Attic", { enabled: false, recording_active: false, main: null, sub: null }),
];

/** Recorded since two days ago, with holes; the second camera has holes of its own. */
function holesOf(camera, base) {
  const at = (h, m = 0, s = 0) => base + (h * 60 + m) * minute + s * 1000;
  const own =
    camera === "driveway"
      ? [[at(9, 30), at(9, 40), "overload", "The disk queue was full for 40 s."]]
      : [[at(7, 5), at(7, 6), "camera", "The camera closed the connection."]];
  return [
    [at(3, 12), at(3, 40), "network", "No answer from 192.168.1.20:554."],
    ...own,
    [at(11, 30), at(13), "schedule", null],
    [at(17, 45), at(17, 52), "system", "Heron was updated."],
  ].map(([start, end, cause, detail]) => ({ start, end, cause, detail }));
}

const clip = (spans, start, end) =>
  spans
    .map((span) => ({ ...span, start: Math.max(span.start, start), end: Math.min(span.end, end) }))
    .filter((span) => span.end > span.start);

const daysBack = [2, 1, 0].map((day) => new Date(now - day * 86_400_000).setHours(0, 0, 0, 0));

export const gaps = (camera, start, end) =>
  clip(
    daysBack.flatMap((base) => holesOf(camera, base)),
    start,
    Math.min(end, Date.now()),
  );

export function ranges(camera, start, end) {
  const list = [];
  let at = Math.max(start, daysBack[0]);
  const last = Math.min(end, Date.now() - 4000);
  for (const gap of [...gaps(camera, start, end), { start: last, end: last }]) {
    if (gap.start > at) list.push([at, Math.min(gap.start, last)]);
    at = gap.end;
  }
  return list.filter(([from, to]) => to > from);
}

export function marks(camera, start, end) {
  const all = daysBack.flatMap((base) =>
    Array.from({ length: 22 }, (_, i) => {
      const from = base + ((i * 61 + camera.length * 13) % 1440) * minute;
      const kind = i % 7 === 3 ? "event" : i === 9 ? "manual" : "motion";
      const label = kind === "event" ? "person" : null;
      return { start: from, end: from + (2 + (i % 5) * 3) * minute, kind, label };
    }),
  );
  return clip(all, start, Math.min(end, Date.now()));
}

export function timelineItem(camera, start, end) {
  const list = ranges(camera, start, end);
  const missing = gaps(camera, start, end);
  const sum = (spans) => spans.reduce((total, [from, to]) => total + to - from, 0);
  return {
    camera,
    ranges: list,
    recording: null,
    segments: 4000,
    bytes: 2e10,
    known_from: daysBack[0],
    recorded_ms: sum(list),
    gap_ms: sum(missing.map((gap) => [gap.start, gap.end])),
    gaps: missing,
    marks: marks(camera, start, end),
  };
}

export const locked = [
  {
    id: "p1",
    camera: "front-door",
    start: daysBack[2] + 62 * minute,
    end: daysBack[2] + 85 * minute,
    reason: "Parcel stolen",
    created: now - 60 * minute,
  },
];

const job = (id, name, change) => ({
  id,
  type: "export",
  name,
  state: "done",
  progress: 1,
  eta_s: null,
  created: now - 40 * minute,
  started: now - 40 * minute,
  finished: now - 39 * minute,
  expires: now + 6 * 86_400_000,
  error: null,
  params: {
    items: [{ camera: "front-door", start: now - 90 * minute, end: now - 80 * minute }],
    proof: true,
  },
  files: [],
  size_estimate: 160_000_000,
  ...change,
});

export const makeJob = (id, body) =>
  job(id, body.name ?? "Export", {
    state: "running",
    progress: 0,
    eta_s: 8,
    created: Date.now(),
    started: Date.now(),
    finished: null,
    expires: body.expires_days ? Date.now() + body.expires_days * 86_400_000 : null,
    params: body,
  });

export const jobFile = (id, name) => ({
  name,
  size: 161_300_000,
  url: `/api/v1/exports/${id}/download?file=0`,
  camera: "front-door",
  start: now - 90 * minute,
  end: now - 80 * minute,
  sha256: null,
  proof: true,
});

export const jobs = [
  job("j3", "Driveway, last night", {
    state: "running",
    progress: 0.42,
    eta_s: 74,
    finished: null,
    expires: null,
    params: {
      items: [{ camera: "driveway", start: now - 600 * minute, end: now - 480 * minute }],
      timelapse: { speed: 60 },
    },
  }),
  job("j2", "Parcel stolen", { files: [jobFile("j2", "Parcel stolen.mp4")] }),
  job("j1", "All of Tuesday", {
    state: "failed",
    progress: 0.2,
    expires: null,
    error: { code: "disk_full", message: "The disk is full: 3.2 GB were needed, 1.1 GB are free." },
  }),
];

export const history = () => ({
  items: [
    { status: "online", start: now - 3 * 3_600_000, end: null, error: null },
    {
      status: "offline",
      start: now - 3 * 3_600_000 - 12 * minute,
      end: now - 3 * 3_600_000,
      error: "The connection was refused.",
    },
    {
      status: "online",
      start: now - 19 * 3_600_000,
      end: now - 3 * 3_600_000 - 12 * minute,
      error: null,
    },
  ],
});

const worker = (id, change = {}) => ({
  id,
  kind: "camera",
  state: "running",
  pid: 4000 + id.length * 7,
  started_ms: now - 190 * minute,
  restarts: 0,
  last_heartbeat_ms: Date.now() - 2100,
  last_exit: null,
  next_start_ms: null,
  sandbox: { level: "full" },
  cpu_ms: 41_200,
  rss_bytes: 11_800_000,
  ...change,
});

export const workers = [
  worker("front-door"),
  worker("driveway"),
  worker("workshop"),
  worker("garden", { state: "crashed", pid: null, restarts: 3, next_start_ms: Date.now() + 8000 }),
];

export const systemInfo = () => ({
  name: "Heron",
  version: "0.1.0",
  started_ms: now - 190 * minute,
  uptime_s: (Date.now() - now) / 1000 + 190 * 60,
  timezone: "Europe/Vienna",
  demo: true,
  storage: {
    path: "/var/lib/heron",
    total_bytes: 1_998_000_000_000,
    free_bytes: 712_000_000_000,
    recordings_bytes: 1_180_000_000_000,
  },
  sandbox: { level: "full" },
  warnings: [
    {
      code: "config_error",
      message:
        "config.yaml, line 14, column 9: “segment_second” is not a known key. The last good settings stay in force.",
    },
  ],
});

const lines = [
  ["info", "supervisor", "front-door", "worker started"],
  ["info", "camera", "front-door", "connected: H.264 1920×1080, 15 fps, AAC"],
  ["debug", "recorder", "front-door", "segment_20261120_201500.mp4 closed, 2.6 MB"],
  ["warn", "camera", "garden", "no answer from 192.168.1.23:554, next attempt in 8 s"],
  ["error", "config", null, "config.yaml:14:9: unknown key segment_second"],
  ["info", "gateway", null, "GET /api/v1/cameras 200 in 1.2 ms"],
];
export const logs = Array.from({ length: 60 }, (_, i) => {
  const [level, topic, camera, message] = lines[i % lines.length];
  return {
    seq: i + 1,
    time: now - (60 - i) * 21_000,
    level,
    topic,
    process: "nvr",
    camera,
    message,
  };
});
