#include "src/camera/gate.h"

#include <stdlib.h>

#include "lib/base/macros.h"

#define SKEW_US 2000000 /* less is the way from the camera */

bool nvr_gate_set(struct nvr_gate *gate, const struct nvr_window *window, int64_t now_us)
{
    if (gate->is_open && window->until_us == 0) {
        gate->window.until_us = NVR_MIN(gate->window.until_us, now_us);
        return false;
    }
    gate->window = *window;
    return !gate->is_open && window->until_us > 0;
}

bool nvr_gate_is_over(const struct nvr_gate *gate, const struct nvr_ring_entry *entry,
                      bool file_open)
{
    const int64_t until_us = gate->window.until_us;

    if (entry->dts_us < until_us)
        return false;
    return !file_open || entry->flags & NVR_RING_KEY || entry->dts_us - until_us > NVR_GATE_TAIL_US;
}

struct nvr_window nvr_gate_shift(const struct nvr_window *window, int64_t wall_us, int64_t now_us)
{
    const int64_t skew_us = now_us - wall_us;
    struct nvr_window shifted = *window;

    if (llabs(skew_us) < SKEW_US)
        return shifted;
    if (shifted.from_us > 0)
        shifted.from_us = NVR_MAX(shifted.from_us + skew_us, (int64_t)1);
    if (shifted.until_us > 0 && shifted.until_us < INT64_MAX - llabs(skew_us))
        shifted.until_us = NVR_MAX(shifted.until_us + skew_us, (int64_t)1);
    return shifted;
}
