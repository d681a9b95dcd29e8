import { useMutation, useQueryClient } from "@tanstack/react-query";
import { request } from "@/lib/api/client";
import { api } from "@/lib/api/queries";

function useRefreshStorage() {
  const client = useQueryClient();
  return async () => {
    await client.invalidateQueries({ queryKey: ["storage"] });
    await client.invalidateQueries({ queryKey: ["config"] });
  };
}

export function useAdoptLocation(tier: string) {
  const onSuccess = useRefreshStorage();
  return useMutation({
    mutationFn: () =>
      request<undefined>(`${api}/system/storage/locations/${tier}/adopt`, { method: "POST" }),
    onSuccess,
  });
}

export function useAcknowledgeFinding() {
  const onSuccess = useRefreshStorage();
  return useMutation({
    mutationFn: (id: number) =>
      request<undefined>(`${api}/evidence/findings/${id}`, { method: "DELETE" }),
    onSuccess,
  });
}

type Place = { location: string; duration_days?: number };

/** What the form sends, as JSON Merge Patch: null takes a key out (RFC 7396). */
export type StorageSettings = {
  system: { max_storage_gb: number; min_free_gb: number };
  storage: {
    retention: {
      default_days: number;
      tiers: { hot: { duration_days: number } | null; warm: Place | null; cold: Place | null };
    };
    s3: { enabled: boolean } & Record<string, string | boolean>;
  };
};

/** Both sections; the one with fewer ways to fail first. */
export function useSaveStorage() {
  const onSettled = useRefreshStorage();
  return useMutation({
    mutationFn: async ({ system, storage }: StorageSettings) => {
      await request(`${api}/config/storage`, { method: "PATCH", body: storage });
      await request(`${api}/config/system`, { method: "PATCH", body: system });
    },
    onSettled,
  });
}

export type PlaceTest = { ok: boolean; latency_ms: number | null; error: string | null };

export function useTestPlace() {
  return useMutation({
    mutationFn: (body: { s3?: unknown; tier?: string }) =>
      request<PlaceTest>(`${api}/system/storage/test`, { method: "POST", body }),
  });
}
