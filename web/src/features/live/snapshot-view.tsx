import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { ApiError, buildUrl } from "@/lib/api/client";
import { cameraPath } from "@/lib/api/queries";
import { cn } from "@/lib/cn";

async function fetchSnapshot(url: string, signal: AbortSignal): Promise<Blob> {
  const response = await fetch(url, { signal });
  if (!response.ok) throw new ApiError(response.status, "snapshot", "No picture");
  return response.blob();
}

function useObjectUrl(blob: Blob | undefined): string | null {
  const [url, setUrl] = useState<string | null>(null);
  useEffect(() => {
    if (!blob) return;
    const next = URL.createObjectURL(blob);
    setUrl(next);
    return () => URL.revokeObjectURL(next);
  }, [blob]);
  return url;
}

type Props = { cameraId: string; name: string; width: number; active: boolean; className?: string };

/** Pictures once a second, where the browser has no decoder for the stream. */
export function SnapshotView({ cameraId, name, width, active, className }: Props) {
  const { data } = useQuery({
    queryKey: ["cameras", cameraId, "snapshot", width],
    queryFn: ({ signal }) =>
      fetchSnapshot(buildUrl(cameraPath(cameraId, "/snapshot"), { width }), signal),
    enabled: active,
    refetchInterval: 1_000,
    retry: false,
    gcTime: 10_000,
  });
  const url = useObjectUrl(data);
  if (!url) return null;
  return (
    <img
      src={url}
      alt={`${name} a moment ago`}
      className={cn("absolute inset-0 size-full object-contain", className)}
    />
  );
}
