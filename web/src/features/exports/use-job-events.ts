import type { Job } from "@/lib/api/types";
import { useQueryClient } from "@tanstack/react-query";
import { exportsQuery } from "@/lib/api/queries";
import { useServerEvents } from "@/lib/events-socket";

const topics = ["job.updated"];

const isExport = (data: Record<string, unknown>): data is Job & Record<string, unknown> =>
  data.type === "export" && typeof data.id === "string" && typeof data.state === "string";

/** The list with what a job has become; a new one stands first. */
export function withJob(jobs: Job[], job: Job): Job[] {
  return jobs.some(({ id }) => id === job.id)
    ? jobs.map((old) => (old.id === job.id ? job : old))
    : [job, ...jobs];
}

/** Keeps the list of exports as the server's events tell it. */
export function useJobEvents(): void {
  const client = useQueryClient();
  useServerEvents(topics, {
    onEvent: ({ data }) => {
      if (!isExport(data)) return;
      client.setQueryData(exportsQuery.queryKey, (list) =>
        list ? { ...list, items: withJob(list.items, data) } : list,
      );
    },
    onMissed: () => void client.invalidateQueries({ queryKey: exportsQuery.queryKey, exact: true }),
  });
}
