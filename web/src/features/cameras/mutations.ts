import { useMutation, useQueryClient } from "@tanstack/react-query";
import { request } from "@/lib/api/client";
import { api, cameraPath } from "@/lib/api/queries";
import type { Camera, CameraInput, CameraPatch, ProbeRequest, ProbeResult } from "@/lib/api/types";

export type CameraCommand = "start" | "stop" | "restart";

function useRefreshCameras() {
  const client = useQueryClient();
  return () => client.invalidateQueries({ queryKey: ["cameras"] });
}

export function useProbe() {
  return useMutation({
    mutationFn: (body: ProbeRequest) =>
      request<ProbeResult>(`${api}/cameras/probe`, { method: "POST", body }),
  });
}

export function useCreateCamera() {
  const refresh = useRefreshCameras();
  return useMutation({
    mutationFn: (body: CameraInput) => request<Camera>(`${api}/cameras`, { method: "POST", body }),
    onSuccess: refresh,
  });
}

export function useUpdateCamera(id: string) {
  const refresh = useRefreshCameras();
  return useMutation({
    mutationFn: (body: CameraPatch) => request<Camera>(cameraPath(id), { method: "PATCH", body }),
    onSuccess: refresh,
  });
}

export function useCameraCommand(id: string) {
  const refresh = useRefreshCameras();
  return useMutation({
    mutationFn: (command: CameraCommand) =>
      request<Camera>(cameraPath(id, `/${command}`), { method: "POST" }),
    onSuccess: refresh,
  });
}

/** Seconds to record by hand; null ends it. */
export function useManualRecording(id: string) {
  const refresh = useRefreshCameras();
  return useMutation({
    mutationFn: (seconds: number | null) =>
      seconds === null
        ? request<undefined>(cameraPath(id, "/record/stop"), { method: "POST" })
        : request<{ until: number }>(cameraPath(id, "/record/start"), {
            method: "POST",
            body: { duration_seconds: seconds },
          }),
    onSuccess: refresh,
  });
}

export function useDeleteCamera(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (withRecordings: boolean) =>
      request<undefined>(cameraPath(id), {
        method: "DELETE",
        query: { recordings: withRecordings ? "delete" : null },
      }),
    onSuccess: () => {
      client.removeQueries({ queryKey: ["cameras", id] });
      return client.invalidateQueries({ queryKey: ["cameras"], exact: true });
    },
  });
}
