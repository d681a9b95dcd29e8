import { useEffect, useRef, useState } from "react";
import { fetchPreview } from "@/lib/api/queries";
import { PreviewLoader, previewStep } from "@/lib/media/preview-loader";

/** Address of the small picture of a moment; null while there is none. */
export function usePreview(
  camera: string | null,
  time: number | null,
  msPerPixel: number,
): string | null {
  const [url, setUrl] = useState<string | null>(null);
  const loader = useRef<PreviewLoader | null>(null);

  useEffect(() => {
    if (camera === null) return;
    const mine = new PreviewLoader((at, signal) => fetchPreview(camera, at, signal), setUrl);
    loader.current = mine;
    return () => {
      mine.close();
      setUrl(null);
    };
  }, [camera]);

  useEffect(() => {
    if (time === null) loader.current?.leave();
    else loader.current?.want(time, previewStep(msPerPixel));
  }, [camera, time, msPerPixel]);

  return url;
}
