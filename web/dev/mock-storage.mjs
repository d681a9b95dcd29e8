// The storage page's side of the stand-in server.
const GB = 1e9;
const day = 86_400_000;
const now = Date.now();

const camera = (id, name, gb, change = {}) => ({
  camera: id,
  name,
  bytes: gb * GB,
  segments: Math.round(gb * 380),
  first: now - 30 * day,
  last: now,
  tiers: { hot: gb * 0.5 * GB, warm: gb * 0.3 * GB, cold: gb * 0.2 * GB },
  protected_bytes: 1.2 * GB,
  event_bytes: gb * 0.1 * GB,
  bytes_per_day: (gb / 30) * GB,
  retention: { default_days: 30, events_days: 60 },
  days_left: null,
  ...change,
});

const cameras = [
  camera("front-door", "Front door", 640),
  camera("driveway", "Driveway", 410, { days_left: 12.4 }),
  camera("garden", "Garden", 130, { first: now - 9 * day, protected_bytes: 0 }),
];

const location = (tier, kind, address, change) => ({
  tier,
  kind,
  address,
  state: "ok",
  error: null,
  total_bytes: 1998 * GB,
  free_bytes: 712 * GB,
  recordings_bytes: 590 * GB,
  segments: 224_000,
  ...change,
});

const report = {
  locations: [
    location("hot", "folder", "/var/lib/heron/recordings", {}),
    location("warm", "folder", "/mnt/disk2/heron", {
      state: "missing",
      error: "The mark of this disk is not there: is it mounted?",
      total_bytes: null,
      free_bytes: null,
    }),
    location("cold", "s3", "https://s3.example.com/heron", {
      total_bytes: null,
      free_bytes: null,
      recordings_bytes: 236 * GB,
    }),
  ],
  max_storage_bytes: 1500 * GB,
  min_free_bytes: 20 * GB,
  state: "ok",
  cameras,
  forecast: {
    bytes_per_day: 39.3 * GB,
    days_left: 12.4,
    full_at: now + 12.4 * day,
    limited_by: "max_storage",
  },
  next_deletions: Array.from({ length: 12 }, (_, i) => ({
    id: `front-door-${now - 30 * day + i * 10_000}`,
    camera: i % 3 ? "front-door" : "driveway",
    start: now - 30 * day + i * 10_000,
    end: now - 30 * day + (i + 1) * 10_000,
    size: 2_600_000 + i * 10_000,
    rank: i > 8 ? 1 : 0,
    reason: i % 2 ? "expired" : "space",
    at: i % 2 ? now + i * 3_600_000 : null,
  })),
  mover: { state: "waiting", moved_bytes: 91 * GB, waiting_segments: 411, error: null },
  scrub: {
    state: "running",
    checked_bytes: 410 * GB,
    total_bytes: 1180 * GB,
    bytes_per_second: 4e6,
    pass_started: now - day,
    findings: 1,
  },
  previews: { bytes: 3.1 * GB },
};

const findings = [
  {
    id: 7,
    camera: "driveway",
    recording: `driveway-${now - 4 * day}`,
    start: now - 4 * day,
    kind: "changed",
    at: now - 4 * day + 3000,
    message: "The bytes are not those that were recorded, from this second on.",
    found: now - 3_600_000,
  },
];

const sections = {
  storage: {
    retention: {
      default_days: 30,
      tiers: {
        hot: { duration_days: 7, location: "local" },
        warm: { duration_days: 20, location: "/mnt/disk2/heron" },
        cold: { location: "s3" },
      },
    },
    s3: {
      enabled: true,
      endpoint: "https://s3.example.com",
      region: "us-east-1",
      bucket: "heron",
      prefix: "",
      access_key: "AKEXAMPLE",
      has_secret_key: true,
      path_style: true,
    },
  },
  system: { name: "Heron", timezone: "local", max_storage_gb: 1500, min_free_gb: 20 },
};

/** [status, body], or undefined: not one of these routes. */
export function storageRoute(request, [group, ...rest], body) {
  if (group === "system" && rest[0] === "storage") {
    if (rest[1] === "test") return [200, { ok: true, latency_ms: 14, error: null }];
    return request.method === "POST" ? [204, undefined] : [200, report];
  }
  if (group === "config") {
    const section = sections[rest[0]];
    if (request.method === "PATCH") Object.assign(section, body);
    return [200, section];
  }
  if (group === "evidence" && rest[0] === "findings") {
    if (request.method === "DELETE") findings.splice(0, 1);
    return request.method === "DELETE" ? [204, undefined] : [200, { items: findings, next: null }];
  }
  if (group === "evidence") {
    const fingerprint = "3f1c 9a20 77de 01b4 5c3e 88aa 19f0 42d7";
    const key = { algorithm: "ed25519", public_key: "ab".repeat(32), fingerprint };
    return [200, { key, items: [], findings: findings.length }];
  }
  return undefined;
}
