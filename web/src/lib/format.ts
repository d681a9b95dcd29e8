/** Words and numbers for people. Every function is pure; `locale` exists for tests. */

const dash = "–";

export function formatBitrate(bitsPerSecond: number | null | undefined): string {
  if (!bitsPerSecond || bitsPerSecond <= 0) return dash;
  if (bitsPerSecond >= 1_000_000) return `${(bitsPerSecond / 1_000_000).toFixed(1)} Mbit/s`;
  return `${Math.round(bitsPerSecond / 1000)} kbit/s`;
}

export function formatBytes(bytes: number | null | undefined): string {
  if (bytes === null || bytes === undefined || bytes < 0) return dash;
  const units = ["B", "KB", "MB", "GB", "TB", "PB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit] ?? "B"}`;
}

export function formatFps(fps: number | null | undefined): string {
  if (!fps || fps <= 0) return dash;
  return `${fps >= 10 ? Math.round(fps) : Math.round(fps * 10) / 10} fps`;
}

export function formatSize(width?: number | null, height?: number | null): string {
  return width && height ? `${width}×${height}` : dash;
}

const codecNames: Record<string, string> = {
  h264: "H.264",
  avc: "H.264",
  h265: "H.265",
  hevc: "H.265",
  mjpeg: "MJPEG",
  jpeg: "MJPEG",
  av1: "AV1",
  aac: "AAC",
  opus: "Opus",
  pcm_mulaw: "G.711 µ-law",
  pcmu: "G.711 µ-law",
  pcm_alaw: "G.711 A-law",
  pcma: "G.711 A-law",
};

export function formatCodec(codec: string | null | undefined): string {
  if (!codec) return dash;
  return codecNames[codec.toLowerCase()] ?? codec.toUpperCase();
}

/** "2 d 3 h", "4 h 12 min", "3 min 5 s", "12 s". */
export function formatDuration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || ms < 0) return dash;
  const s = Math.floor(ms / 1000);
  const [d, h, m, sec] = [
    Math.floor(s / 86400),
    Math.floor(s / 3600) % 24,
    Math.floor(s / 60) % 60,
    s % 60,
  ];
  if (d > 0) return h > 0 ? `${d} d ${h} h` : `${d} d`;
  if (h > 0) return m > 0 ? `${h} h ${m} min` : `${h} h`;
  if (m > 0) return sec > 0 && m < 10 ? `${m} min ${sec} s` : `${m} min`;
  return `${sec} s`;
}

/** "just now", "12 s ago", "3 min ago", "2 h ago", then the date. */
export function formatAgo(time: number | null | undefined, now: number): string {
  if (!time) return "never";
  const age = now - time;
  if (age < 5_000) return "just now";
  if (age < 60_000) return `${Math.floor(age / 1000)} s ago`;
  if (age < 3_600_000) return `${Math.floor(age / 60_000)} min ago`;
  if (age < 86_400_000) return `${Math.floor(age / 3_600_000)} h ago`;
  return formatDateTime(time);
}

const two = (n: number) => String(n).padStart(2, "0");

/** Local wall clock, 24 h: "14:03:09". */
export function formatClock(time: number): string {
  const d = new Date(time);
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

export function formatDay(time: number, locale?: string): string {
  return new Date(time).toLocaleDateString(locale, {
    weekday: "short",
    day: "numeric",
    month: "short",
  });
}

export function formatDateTime(time: number, locale?: string): string {
  return `${formatDay(time, locale)}, ${formatClock(time)}`;
}

export function formatPercent(part: number, whole: number): string {
  return whole > 0 ? `${Math.round((part / whole) * 100)} %` : dash;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
