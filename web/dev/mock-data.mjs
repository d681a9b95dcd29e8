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

/** Recorded since two days ago, with holes. */
export function ranges(start, end) {
  const all = [];
  for (let day = 2; day >= 0; day--) {
    const base = new Date(now - day * 86_400_000).setHours(0, 0, 0, 0);
    const at = (h, m = 0) => base + (h * 60 + m) * minute;
    all.push([at(0), at(3, 12)], [at(3, 40), at(7, 5)], [at(7, 6), at(11, 30)]);
    all.push([at(13), at(17, 45)], [at(17, 52), at(24)]);
  }
  return all
    .map(([from, to]) => [Math.max(from, start), Math.min(to, end, Date.now() - 4000)])
    .filter(([from, to]) => to > from);
}

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
