import type { Health } from "@/lib/api/types";

export type Check = { name: string; state: "ok" | "degraded" | "failed"; detail: string | null };

const titles: Record<string, string> = {
  database: "Database",
  storage: "Storage",
  config: "Configuration",
  workers: "Camera workers",
};

const isState = (text: unknown): text is Check["state"] =>
  text === "ok" || text === "degraded" || text === "failed";

/** The server's checks; each is a word, or an object with `status` and words about it. */
export function readChecks(health: Health): Check[] {
  return Object.entries(health.checks).map(([key, value]) => {
    const name = titles[key] ?? key;
    if (typeof value === "boolean") return { name, state: value ? "ok" : "failed", detail: null };
    if (typeof value === "string") {
      return isState(value)
        ? { name, state: value, detail: null }
        : { name, state: health.status, detail: value };
    }
    const entry = (typeof value === "object" && value !== null ? value : {}) as Record<
      string,
      unknown
    >;
    const detail = entry.message ?? entry.detail ?? entry.error;
    return {
      name,
      state: isState(entry.status) ? entry.status : health.status,
      detail: typeof detail === "string" && detail ? detail : null,
    };
  });
}

/** The level of a worker's sandbox in a word; null when the server says nothing. */
export function sandboxLevel(value: unknown): string | null {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null) return null;
  const level = (value as Record<string, unknown>).level;
  return typeof level === "string" ? level : null;
}
