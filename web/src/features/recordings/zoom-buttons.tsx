import { Minus, Plus } from "lucide-react";
import { Button } from "@/components/ui/button";
import { span, zoomAt, type View } from "@/lib/timeline/view";
import { useRecordings } from "./store";

type Props = { bounds: View; view: View; fitted: View };

export function ZoomButtons({ bounds, view, fitted }: Props) {
  const { playhead, set } = useRecordings();
  const isWhole = span(view) === span(bounds);
  const zoom = (factor: number) => {
    const middle = (view.start + view.end) / 2;
    const inside = playhead !== null && playhead >= view.start && playhead <= view.end;
    set({ view: zoomAt(view, factor, inside ? playhead : middle, bounds) });
  };
  return (
    <div className="flex gap-1">
      {span(fitted) < span(bounds) && (
        <Button variant="ghost" size="sm" onClick={() => set({ view: isWhole ? null : bounds })}>
          {isWhole ? "Fit" : "Day"}
        </Button>
      )}
      <Button variant="ghost" size="icon-sm" aria-label="Zoom out" onClick={() => zoom(2.5)}>
        <Minus aria-hidden />
      </Button>
      <Button variant="ghost" size="icon-sm" aria-label="Zoom in" onClick={() => zoom(0.4)}>
        <Plus aria-hidden />
      </Button>
    </div>
  );
}
