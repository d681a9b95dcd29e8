import { useMutation, useQueryClient } from "@tanstack/react-query";
import { request } from "@/lib/api/client";
import { api } from "@/lib/api/queries";
import type { StorageConfig, SystemConfig } from "@/lib/api/types";

/** The most specific JSON Merge Patch: null takes a key out. */
export type Patch<T> = { [K in keyof T]?: Patch<T[K]> | null };

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

export type StorageSettings = { system: Patch<SystemConfig>; storage: Patch<StorageConfig> };

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
