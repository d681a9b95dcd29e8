import { Film, Play, Radio } from "lucide-react";
import type { ReactNode } from "react";
import { Link } from "react-router-dom";
import { Button } from "@/components/ui/button";
import { cn } from "@/lib/cn";

type NoticeProps = {
  icon?: ReactNode;
  text: string;
  small?: boolean | undefined;
  children?: ReactNode;
};

/** Words where a picture would be. */
export function Notice({ icon, text, small, children }: NoticeProps) {
  return (
    <div
      role="status"
      className={cn(
        "absolute inset-0 flex flex-col items-center justify-center gap-3 bg-[#070b0c]/75 p-6 text-center text-white",
        small && "gap-1.5 p-2 text-sm",
      )}
    >
      {icon}
      <p className={cn("max-w-md", !small && "text-[0.9375rem]")}>{text}</p>
      {children}
    </div>
  );
}

export const film = <Film className="size-8" aria-hidden />;

export function LiveLink({ camera }: { camera: string }) {
  return (
    <Button asChild className="border-white/25 bg-white/10 text-white hover:bg-white/20">
      <Link to={`/cameras/${encodeURIComponent(camera)}`}>
        <Radio aria-hidden /> Go live
      </Link>
    </Button>
  );
}

type StartProps = { camera: string; latest: number | null; onSeek: (time: number) => void };

/** Before anything was chosen. */
export function StartOverlay({ camera, latest, onSeek }: StartProps) {
  if (latest === null) {
    return (
      <Notice icon={film} text="Nothing was recorded on this day.">
        <LiveLink camera={camera} />
      </Notice>
    );
  }
  return (
    <Notice icon={film} text="Choose a moment on the timeline below.">
      <Button variant="primary" onClick={() => onSeek(latest)}>
        <Play aria-hidden /> Play the latest
      </Button>
    </Notice>
  );
}
