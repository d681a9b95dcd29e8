import { useQuery } from "@tanstack/react-query";
import { TriangleAlert, X } from "lucide-react";
import { useLocation } from "react-router-dom";
import { create } from "zustand";
import { systemInfoQuery } from "@/lib/api/queries";
import { Button } from "./ui/button";

type Dismissed = { keys: string[]; dismiss: (key: string) => void };

const useDismissed = create<Dismissed>((set) => ({
  keys: [],
  dismiss: (key) => set((state) => ({ keys: [...state.keys, key] })),
}));

/** What the server wants every user to know, on every page, until it is settled or put away. */
export function WarningsBanner() {
  const { data } = useQuery(systemInfoQuery);
  const { pathname } = useLocation();
  const { keys, dismiss } = useDismissed();
  const warnings = (data?.warnings ?? []).filter(
    (warning) => !keys.includes(warning.code + warning.message),
  );
  // The system page lists them all itself.
  if (warnings.length === 0 || pathname === "/system") return null;
  return (
    <div role="status" className="border-line bg-amber-soft text-amber-ink border-b">
      {warnings.map((warning) => (
        <div
          key={warning.code + warning.message}
          className="flex items-center gap-3 px-4 py-1.5 text-sm sm:px-6 lg:px-8"
        >
          <TriangleAlert className="size-4 shrink-0" aria-hidden />
          <p className="min-w-0 flex-1">{warning.message}</p>
          <Button
            variant="ghost"
            size="icon-sm"
            aria-label="Put this warning away"
            className="text-amber-ink hover:bg-amber/20 hover:text-amber-ink"
            onClick={() => dismiss(warning.code + warning.message)}
          >
            <X aria-hidden />
          </Button>
        </div>
      ))}
    </div>
  );
}
