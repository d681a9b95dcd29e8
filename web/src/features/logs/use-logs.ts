import { useQuery, useQueryClient } from "@tanstack/react-query";
import { request } from "@/lib/api/client";
import { api } from "@/lib/api/queries";
import type { LogList, LogRecord } from "@/lib/api/types";

export type Level = LogRecord["level"];
export type LogFilter = { level: Level; camera: string };

export const keepLines = 2_000;

/** Old lines and new ones in order, without doubles, not more than are worth keeping. */
export function mergeLines(old: LogRecord[], fresh: LogRecord[]): LogRecord[] {
  const last = old[old.length - 1]?.seq ?? -1;
  const added = fresh.filter((line) => line.seq > last);
  if (added.length === 0) return old;
  return [...old, ...added].slice(-keepLines);
}

/** Lines as they come: each poll asks only for what is newer than the last line held. */
export function useLogs(filter: LogFilter, follow: boolean) {
  const client = useQueryClient();
  const queryKey = ["logs", filter.level, filter.camera];
  return useQuery({
    queryKey,
    queryFn: async ({ signal }) => {
      const old = client.getQueryData<LogRecord[]>(queryKey) ?? [];
      const after = old[old.length - 1]?.seq ?? null;
      const query = { level: filter.level, camera: filter.camera, after, limit: 500 };
      const { items } = await request<LogList>(`${api}/system/logs`, { query, signal });
      return mergeLines(old, items);
    },
    refetchInterval: follow ? 2_000 : false,
  });
}
