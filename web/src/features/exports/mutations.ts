import type { ExportRequest, Job } from "@/lib/api/types";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { toast } from "sonner";
import { errorText, request } from "@/lib/api/client";
import { api } from "@/lib/api/queries";

export const exportPath = (id: string, rest = "") =>
  `${api}/exports/${encodeURIComponent(id)}${rest}`;

function useExportsMutation<T, R>(mutationFn: (input: T) => Promise<R>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn,
    onError: (error) => toast.error(errorText(error)),
    onSettled: () => client.invalidateQueries({ queryKey: ["exports"], exact: true }),
  });
}

export const useStartExport = () =>
  useExportsMutation((body: ExportRequest) =>
    request<Job>(`${api}/exports`, { method: "POST", body }),
  );

export const useCancelExport = () =>
  useExportsMutation((id: string) => request<Job>(exportPath(id, "/cancel"), { method: "POST" }));

export const useDeleteExport = () =>
  useExportsMutation((id: string) => request<undefined>(exportPath(id), { method: "DELETE" }));
