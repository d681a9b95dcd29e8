import { useQueries, type UseQueryResult } from "@tanstack/react-query";
import { useMemo } from "react";
import type { Camera, ProtectedRange, TimelineItem } from "@/lib/api/types";
import { protectedQuery, timelineQuery } from "@/lib/api/queries";
import { makeLane, type Lane } from "@/lib/timeline/lanes";
import type { View } from "@/lib/timeline/view";

type Lanes = {
  lanes: Lane[];
  isLoading: boolean;
  error: Error | null;
  refetch: () => void;
};

function joinTimelines(results: UseQueryResult<TimelineItem | null>[]) {
  return {
    data: results.map((result) => result.data),
    isLoading: results.some((result) => result.isPending),
    error: results.find((result) => result.error && !result.data)?.error ?? null,
    refetch: () => results.forEach((result) => void result.refetch()),
  };
}

const dataOf = (results: UseQueryResult<ProtectedRange[]>[]) => results.map(({ data }) => data);

/** What was recorded of each camera within the bounds. */
export function useLanes(cameras: Camera[], bounds: View, live: boolean): Lanes {
  const timelines = useQueries({
    queries: cameras.map(({ id }) => timelineQuery(id, bounds.start, bounds.end, live)),
    combine: joinTimelines,
  });
  const locked = useQueries({
    queries: cameras.map(({ id }) => protectedQuery(id)),
    combine: dataOf,
  });
  const lanes = useMemo(
    () =>
      cameras.map((camera, i) => {
        const shown = locked[i]?.filter(
          ({ start, end }) => start < bounds.end && end > bounds.start,
        );
        return makeLane(camera, timelines.data[i], shown);
      }),
    [cameras, timelines.data, locked, bounds],
  );
  return { lanes, ...timelines };
}
