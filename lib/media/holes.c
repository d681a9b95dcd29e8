#include "lib/media/holes.h"

#include "lib/base/macros.h"
#include "lib/media/timeline.h"

#define MUCH 3 /* usual distances that are no hole yet */

static int64_t usual_distance(const struct nvr_holes *holes)
{
    int64_t sorted[NVR_HOLES_DISTANCES];

    for (unsigned i = 0; i < holes->count; i++) {
        unsigned at = i;

        for (; at > 0 && sorted[at - 1] > holes->distances_us[i]; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = holes->distances_us[i];
    }
    return sorted[(holes->count - 1) / 2];
}

bool nvr_holes_is_between(const struct nvr_holes *holes, int64_t last_us, int64_t at_us,
                          int64_t *ret_from_us)
{
    const int64_t distance_us = at_us - last_us;
    int64_t usual_us;

    if (holes->count < NVR_HOLES_KNOWN)
        return false;
    usual_us = usual_distance(holes);
    *ret_from_us = last_us + usual_us;
    return distance_us > MUCH * usual_us &&
           distance_us - usual_us >= NVR_TIMELINE_JOIN_MS * INT64_C(1000);
}

bool nvr_holes_add(struct nvr_holes *holes, int64_t at_us, int64_t *ret_from_us)
{
    const int64_t last_us = holes->last_us;
    const int64_t distance_us = at_us - last_us;
    bool found;

    holes->last_us = at_us;
    if (!last_us || distance_us <= 0)
        return false;
    found = nvr_holes_is_between(holes, last_us, at_us, ret_from_us);
    holes->distances_us[holes->next] = distance_us;
    holes->next = (holes->next + 1) % NVR_HOLES_DISTANCES;
    holes->count = NVR_MIN(holes->count + 1, (unsigned)NVR_HOLES_DISTANCES);
    return found;
}

void nvr_holes_break(struct nvr_holes *holes)
{
    holes->last_us = 0;
}
