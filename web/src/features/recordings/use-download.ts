import { useMutation, useQueryClient } from "@tanstack/react-query";
import { toast } from "sonner";
import { errorText } from "@/lib/api/client";
import { api, recordingAtQuery } from "@/lib/api/queries";

export function saveUrl(url: string) {
  const link = document.createElement("a");
  link.href = url;
  link.download = "";
  link.click();
}

/** Downloads the segment that holds a moment. */
export function useDownload(camera: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async (time: number) => {
      const recording = await client.query(recordingAtQuery(camera, Math.floor(time)));
      if (!recording) throw new Error("Nothing is recorded at this moment.");
      saveUrl(`${api}/recordings/${encodeURIComponent(recording.id)}/download`);
    },
    onError: (error) => toast.error(errorText(error)),
  });
}
