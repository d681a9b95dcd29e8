#include "lib/media/timeline.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_CAP 16

void nvr_ranges_done(struct nvr_ranges *ranges)
{
    free(ranges->items);
    *ranges = (struct nvr_ranges){0};
}

static int push(struct nvr_ranges *ranges, int64_t start_ms, int64_t end_ms)
{
    if (!ranges->items || ranges->count == ranges->cap) {
        const size_t cap = ranges->cap ? ranges->cap * 2 : FIRST_CAP;
        struct nvr_range *items = reallocarray(ranges->items, cap, sizeof(*items));

        if (!items)
            return -ENOMEM;
        ranges->items = items;
        ranges->cap = cap;
    }
    ranges->items[ranges->count++] = (struct nvr_range){start_ms, end_ms};
    return 0;
}

int nvr_ranges_add(struct nvr_ranges *ranges, int64_t start_ms, int64_t end_ms, int64_t join_ms)
{
    struct nvr_range *last = ranges->count ? &ranges->items[ranges->count - 1] : NULL;

    if (end_ms <= start_ms)
        return 0;
    /* Touching ones join whatever join_ms is; overlapping ones stay in order. */
    if (last && (start_ms <= last->end_ms || start_ms - last->end_ms < join_ms)) {
        last->end_ms = NVR_MAX(last->end_ms, end_ms);
        last->start_ms = NVR_MIN(last->start_ms, start_ms);
        return 0;
    }
    return push(ranges, start_ms, end_ms);
}

void nvr_ranges_clip(struct nvr_ranges *ranges, int64_t start_ms, int64_t end_ms)
{
    size_t kept = 0;

    for (size_t i = 0; i < ranges->count; i++) {
        const struct nvr_range cut = {
            NVR_MAX(ranges->items[i].start_ms, start_ms),
            NVR_MIN(ranges->items[i].end_ms, end_ms),
        };

        if (cut.start_ms < cut.end_ms)
            ranges->items[kept++] = cut;
    }
    ranges->count = kept;
}

int nvr_ranges_remove(struct nvr_ranges *ranges, int64_t start_ms, int64_t end_ms)
{
    struct nvr_ranges left = {0};
    int r = 0;

    if (end_ms <= start_ms)
        return 0;
    for (size_t i = 0; i < ranges->count && r == 0; i++) {
        const struct nvr_range *range = &ranges->items[i];

        if (range->end_ms <= start_ms || range->start_ms >= end_ms) {
            r = push(&left, range->start_ms, range->end_ms);
            continue;
        }
        if (range->start_ms < start_ms)
            r = push(&left, range->start_ms, start_ms);
        if (range->end_ms > end_ms && r == 0)
            r = push(&left, end_ms, range->end_ms);
    }
    if (r < 0) {
        nvr_ranges_done(&left);
        return r;
    }
    nvr_ranges_done(ranges);
    *ranges = left;
    return 0;
}

int nvr_ranges_gaps(const struct nvr_ranges *ranges, int64_t start_ms, int64_t end_ms,
                    struct nvr_ranges *ret_gaps)
{
    struct nvr_ranges gaps = {0};
    int64_t at_ms = start_ms;
    int r = 0;

    for (size_t i = 0; i < ranges->count && at_ms < end_ms && r == 0; i++) {
        const struct nvr_range *range = &ranges->items[i];

        if (range->start_ms > at_ms)
            r = push(&gaps, at_ms, NVR_MIN(range->start_ms, end_ms));
        at_ms = NVR_MAX(at_ms, range->end_ms);
    }
    if (r == 0 && at_ms < end_ms)
        r = push(&gaps, at_ms, end_ms);
    if (r < 0)
        nvr_ranges_done(&gaps);
    else
        *ret_gaps = gaps;
    return r;
}

int64_t nvr_ranges_total_ms(const struct nvr_ranges *ranges)
{
    int64_t total_ms = 0;

    for (size_t i = 0; i < ranges->count; i++)
        total_ms += ranges->items[i].end_ms - ranges->items[i].start_ms;
    return total_ms;
}
