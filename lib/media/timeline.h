/* timeline.h — ranges of recorded time: merge, gaps, days. Pure; ms UTC, half-open. */
#ifndef NVR_MEDIA_TIMELINE_H
#define NVR_MEDIA_TIMELINE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/macros.h"

#define NVR_TIMELINE_JOIN_MS 1500 /* smaller holes are not gaps */

struct nvr_range {
    int64_t start_ms;
    int64_t end_ms;
};

struct nvr_ranges {
    struct nvr_range *items;
    size_t count;
    size_t cap;
};

void nvr_ranges_done(struct nvr_ranges *ranges);
/* Segments must come in order of start; joins with the last one when the hole is below join_ms.
 * Empty and reversed ranges are ignored. 0 or -ENOMEM. */
NVR_CHECK int nvr_ranges_add(struct nvr_ranges *ranges, int64_t start_ms, int64_t end_ms,
                             int64_t join_ms);
/* Cut to [start, end). */
void nvr_ranges_clip(struct nvr_ranges *ranges, int64_t start_ms, int64_t end_ms);
/* Takes [start, end) out. 0 or -ENOMEM. */
NVR_CHECK int nvr_ranges_remove(struct nvr_ranges *ranges, int64_t start_ms, int64_t end_ms);
/* What [start, end) leaves uncovered. */
NVR_CHECK int nvr_ranges_gaps(const struct nvr_ranges *ranges, int64_t start_ms, int64_t end_ms,
                              struct nvr_ranges *ret_gaps);
int64_t nvr_ranges_total_ms(const struct nvr_ranges *ranges);

#endif
