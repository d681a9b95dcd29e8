import type { Camera, Job, StorageReport, SystemInfo, TimelineItem, Worker } from "@/lib/api/types";

export function makeCamera(change: Partial<Camera> = {}): Camera {
  const main = {
    codec: "h264",
    codec_string: "avc1.64001f",
    width: 1920,
    height: 1080,
    fps: 15,
    bitrate: 2_100_000,
    audio: "aac",
  };
  return {
    id: "front-door",
    name: "Front door",
    enabled: true,
    stream: {
      url: "rtsp://10.0.0.2/main",
      sub_url: "rtsp://10.0.0.2/sub",
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
    last_seen: Date.now(),
    recording_active: true,
    recording_now: { mode: "continuous", reason: "continuous", until: null, next_change: null },
    reconnects: 0,
    dropped_packets: 0,
    worker: { state: "running", pid: 12, restarts: 0 },
    main,
    sub: { ...main, width: 640, height: 360, audio: null },
    ...change,
  };
}

export function makeInfo(change: Partial<SystemInfo> = {}): SystemInfo {
  return {
    name: "Heron",
    version: "0.1.0",
    started_ms: 1,
    uptime_s: 3700,
    timezone: "UTC",
    demo: false,
    storage: {
      path: "/data",
      total_bytes: 1e12,
      free_bytes: 4e11,
      recordings_bytes: 5e11,
    },
    sandbox: "full",
    warnings: [],
    ...change,
  };
}

export function makeWorker(change: Partial<Worker> = {}): Worker {
  return {
    id: "front-door",
    kind: "camera",
    state: "running",
    pid: 4711,
    started_ms: Date.now() - 60_000,
    restarts: 2,
    last_heartbeat_ms: Date.now(),
    rss_bytes: 11_000_000,
    sandbox: "full",
    ...change,
  };
}

export function makeJob(change: Partial<Job> = {}): Job {
  const id = change.id ?? "j";
  const name = change.name ?? "Export";
  const [start, end] = [1_795_000_000_000, 1_795_000_600_000];
  return {
    id,
    type: "export",
    name,
    state: "done",
    progress: 1,
    eta_s: null,
    created: start,
    started: start,
    finished: end,
    expires: Date.now() + 86_400_000,
    error: null,
    params: { items: [{ camera: "front-door", start, end }], proof: true },
    files: [
      {
        name: `${name}.mp4`,
        size: 161_300_000,
        url: `/api/v1/exports/${id}/download?file=0`,
        camera: "front-door",
        start,
        end,
        sha256: null,
        proof: true,
      },
    ],
    size_estimate: 1,
    ...change,
  };
}

export function makeTimelineItem(change: Partial<TimelineItem> = {}): TimelineItem {
  return {
    camera: "front-door",
    ranges: [],
    recording: null,
    segments: 360,
    bytes: 9e8,
    known_from: 0,
    known: [0, 0],
    recorded_ms: 3_600_000,
    gap_ms: 0,
    gaps: [],
    marks: [],
    ...change,
  };
}

export function makeStorage(): StorageReport {
  const day = 86_400_000;
  return {
    locations: [
      {
        tier: "hot",
        kind: "folder",
        address: "/var/lib/heron/recordings",
        state: "ok",
        error: null,
        total_bytes: 1998e9,
        free_bytes: 712e9,
        recordings_bytes: 590e9,
        segments: 224_000,
      },
    ],
    max_storage_bytes: 1500e9,
    min_free_bytes: 20e9,
    state: "ok",
    cameras: [
      {
        camera: "driveway",
        name: "Driveway",
        bytes: 410e9,
        segments: 150_000,
        first: Date.now() - 30 * day,
        last: Date.now(),
        tiers: { hot: 400e9, warm: 10e9, cold: 0 },
        protected_bytes: 1.2e9,
        event_bytes: 40e9,
        bytes_per_day: 13.7e9,
        retention: { default_days: 30, events_days: 60 },
        days_left: 12.4,
      },
    ],
    forecast: {
      bytes_per_day: 39.3e9,
      days_left: 12.4,
      full_at: Date.now() + 12.4 * day,
      limited_by: "max_storage",
    },
    next_deletions: [
      {
        id: "driveway-1",
        camera: "driveway",
        start: Date.now() - 30 * day,
        end: Date.now() - 30 * day + 10_000,
        size: 2_600_000,
        rank: 0,
        reason: "space",
        at: null,
      },
    ],
  };
}
