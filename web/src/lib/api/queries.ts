/** Every read of the server's state; components never fetch by themselves. */
import { queryOptions } from "@tanstack/react-query";
import { buildUrl, readError, request } from "./client";
import type {
  Camera,
  CameraList,
  Coverage,
  Evidence,
  ExportEstimate,
  ExportRequest,
  FindingList,
  Health,
  Job,
  JobList,
  ProtectedRange,
  RecordingList,
  ServerStatus,
  StatusHistory,
  StorageConfig,
  StorageReport,
  SystemConfig,
  SystemInfo,
  Timeline,
  TimelineItem,
} from "./types";

export const api = "/api/v1";
const seconds = (n: number) => n * 1000;

export const cameraPath = (id: string, rest = "") =>
  `${api}/cameras/${encodeURIComponent(id)}${rest}`;

export const camerasQuery = queryOptions({
  queryKey: ["cameras"],
  queryFn: ({ signal }) => request<CameraList>(`${api}/cameras`, { signal }),
  select: (list) => list.items,
  refetchInterval: seconds(3),
});

export const cameraQuery = (id: string) =>
  queryOptions({
    queryKey: ["cameras", id],
    queryFn: ({ signal }) => request<Camera>(cameraPath(id), { signal }),
    refetchInterval: seconds(2),
  });

export const historyQuery = (id: string, hours: number) =>
  queryOptions({
    queryKey: ["cameras", id, "history", hours],
    queryFn: async ({ signal }) => {
      const end = Date.now();
      const start = end - hours * 3_600_000;
      const query = { start, end };
      const { items } = await request<StatusHistory>(cameraPath(id, "/history"), {
        query,
        signal,
      });
      return { start, end, items };
    },
    refetchInterval: seconds(15),
  });

export const timelineQuery = (camera: string, start: number, end: number, live: boolean) =>
  queryOptions({
    queryKey: ["timeline", camera, start, end],
    queryFn: async ({ signal }) => {
      const query = { camera, start, end };
      const timeline = await request<Timeline>(`${api}/recordings/timeline`, { query, signal });
      const item: TimelineItem | undefined = timeline.items.find((one) => one.camera === camera);
      return item ?? null;
    },
    refetchInterval: live ? seconds(5) : false,
    staleTime: live ? 0 : seconds(60),
  });

export const coverageQuery = (camera: string, start: number, end: number, tzOffset: number) =>
  queryOptions({
    queryKey: ["coverage", camera, start, end, tzOffset],
    queryFn: async ({ signal }) => {
      const query = { camera, start, end, tz_offset: tzOffset };
      const coverage = await request<Coverage>(`${api}/recordings/coverage`, { query, signal });
      return coverage.items.find((item) => item.camera === camera)?.days ?? [];
    },
    refetchInterval: seconds(60),
  });

/** The segment file that holds a moment, if any. */
export const recordingAtQuery = (camera: string, time: number) =>
  queryOptions({
    queryKey: ["recordings", camera, "at", time],
    queryFn: async ({ signal }) => {
      const query = { camera, start: time, end: time + 1000, limit: 1 };
      const list = await request<RecordingList>(`${api}/recordings`, { query, signal });
      return list.items[0] ?? null;
    },
    staleTime: seconds(60),
  });

/** Ranges of a camera that are never deleted by themselves. */
export const protectedQuery = (camera: string) =>
  queryOptions({
    queryKey: ["protected", camera],
    queryFn: ({ signal }) =>
      request<{ items: ProtectedRange[] }>(`${api}/recordings/protected`, {
        query: { camera },
        signal,
      }),
    select: (list) => list.items,
  });

/** The small picture of a moment; null: there is none. */
export async function fetchPreview(
  camera: string,
  at: number,
  signal: AbortSignal,
): Promise<Blob | null> {
  const path = `${api}/recordings/preview/${encodeURIComponent(camera)}`;
  const response = await fetch(buildUrl(path, { at: Math.floor(at) }), { signal });
  return response.ok ? response.blob() : null;
}

/** The playlist of what is recorded in a span; null: nothing is. */
export async function fetchPlaylist(
  camera: string,
  start: number,
  end: number,
  signal: AbortSignal,
): Promise<string | null> {
  const path = `${api}/recordings/playback/${encodeURIComponent(camera)}/index.m3u8`;
  const response = await fetch(buildUrl(path, { start, end }), { signal });
  if (response.status === 404) return null;
  if (!response.ok) throw await readError(response);
  return response.text();
}

/** Address of a range as one file, made while it is sent. */
export const rangeDownloadUrl = (camera: string, start: number, end: number, audio = true) =>
  buildUrl(`${api}/recordings/download`, {
    camera,
    start: Math.floor(start),
    end: Math.ceil(end),
    audio,
  });

export const isUnderWay = ({ state }: Job) => state === "queued" || state === "running";

export const exportsQuery = queryOptions({
  queryKey: ["exports"],
  queryFn: ({ signal }) => request<JobList>(`${api}/exports`, { signal }),
  select: (list) => list.items,
  // The events tell it at once; this is for when they do not come through.
  refetchInterval: ({ state }) => (state.data?.items.some(isUnderWay) ? seconds(2) : seconds(15)),
});

export const exportEstimateQuery = (body: ExportRequest) =>
  queryOptions({
    queryKey: ["exports", "estimate", body],
    queryFn: ({ signal }) =>
      request<ExportEstimate>(`${api}/exports/estimate`, { method: "POST", body, signal }),
    retry: false,
  });

export const systemInfoQuery = queryOptions({
  queryKey: ["system", "info"],
  queryFn: ({ signal }) => request<SystemInfo>(`${api}/system/info`, { signal }),
  refetchInterval: seconds(5),
});

export const healthQuery = queryOptions({
  queryKey: ["system", "health"],
  queryFn: ({ signal }) => request<Health>("/health", { signal, accept: [503] }),
  refetchInterval: seconds(5),
});

export const statusQuery = queryOptions({
  queryKey: ["system", "status"],
  queryFn: ({ signal }) => request<ServerStatus>("/status", { signal }),
  refetchInterval: seconds(3),
});

export const storageQuery = queryOptions({
  queryKey: ["storage"],
  queryFn: ({ signal }) => request<StorageReport>(`${api}/system/storage`, { signal }),
  refetchInterval: seconds(10),
});

export const evidenceQuery = queryOptions({
  queryKey: ["storage", "evidence"],
  queryFn: ({ signal }) => request<Evidence>(`${api}/evidence`, { signal }),
  staleTime: seconds(60),
});

export const findingsQuery = queryOptions({
  queryKey: ["storage", "findings"],
  queryFn: ({ signal }) => request<FindingList>(`${api}/evidence/findings`, { signal }),
  refetchInterval: seconds(30),
});

export const storageConfigQuery = queryOptions({
  queryKey: ["config", "storage"],
  queryFn: ({ signal }) => request<StorageConfig>(`${api}/config/storage`, { signal }),
});

export const systemConfigQuery = queryOptions({
  queryKey: ["config", "system"],
  queryFn: ({ signal }) => request<SystemConfig>(`${api}/config/system`, { signal }),
});
