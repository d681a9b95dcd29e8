import type { ProtectedRange } from "@/lib/api/types";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { toast } from "sonner";
import { errorText, request } from "@/lib/api/client";
import { api } from "@/lib/api/queries";

type ProtectInput = { cameras: string[]; start: number; end: number; reason: string };

/** Protects one range of several cameras. */
export function useProtect() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ cameras, start, end, reason }: ProtectInput) =>
      Promise.all(
        cameras.map((camera) => {
          const body = { camera, start: Math.floor(start), end: Math.ceil(end), reason };
          return request<ProtectedRange>(`${api}/recordings/protect`, { method: "POST", body });
        }),
      ),
    onSuccess: () => toast.success("Protected: this stays until you release it."),
    onError: (error) => toast.error(errorText(error)),
    onSettled: () => client.invalidateQueries({ queryKey: ["protected"] }),
  });
}

export function useUnprotect() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) =>
      request<undefined>(`${api}/recordings/protected/${encodeURIComponent(id)}`, {
        method: "DELETE",
      }),
    onError: (error) => toast.error(errorText(error)),
    onSettled: () => client.invalidateQueries({ queryKey: ["protected"] }),
  });
}
