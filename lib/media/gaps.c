#include "lib/media/gaps.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 16

static const char *const names[NVR_CAUSES_COUNT] = {
    [NVR_CAUSE_CAMERA] = "camera",       [NVR_CAUSE_NETWORK] = "network",
    [NVR_CAUSE_DISK] = "disk",           [NVR_CAUSE_OVERLOAD] = "overload",
    [NVR_CAUSE_OPERATOR] = "operator",   [NVR_CAUSE_SCHEDULE] = "schedule",
    [NVR_CAUSE_RETENTION] = "retention", [NVR_CAUSE_SYSTEM] = "system",
};

const char *nvr_cause_name(enum nvr_cause cause)
{
    return names[cause];
}

int nvr_cause_parse(const char *name)
{
    for (int i = 0; i < NVR_CAUSES_COUNT; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -EINVAL;
}

void nvr_gaps_done(struct nvr_gaps *gaps)
{
    free(gaps->items);
    *gaps = (struct nvr_gaps){0};
}

int64_t nvr_gaps_total_ms(const struct nvr_gaps *gaps)
{
    int64_t total_ms = 0;

    for (size_t i = 0; i < gaps->count; i++)
        total_ms += gaps->items[i].end_ms - gaps->items[i].start_ms;
    return total_ms;
}

/* Appends; joins with the last one when it touches and has the same period. */
static int push(struct nvr_gaps *gaps, int64_t start_ms, int64_t end_ms, ptrdiff_t period)
{
    struct nvr_gap *last = gaps->count ? &gaps->items[gaps->count - 1] : NULL;

    if (start_ms >= end_ms)
        return 0;
    if (last && last->end_ms == start_ms && last->period == period) {
        last->end_ms = end_ms;
        return 0;
    }
    if (gaps->count == gaps->cap) {
        const size_t cap = gaps->cap ? gaps->cap * 2 : FIRST_CAP;
        struct nvr_gap *items = reallocarray(gaps->items, cap, sizeof(*items));

        if (!items)
            return -ENOMEM;
        gaps->items = items;
        gaps->cap = cap;
    }
    gaps->items[gaps->count++] = (struct nvr_gap){start_ms, end_ms, NVR_CAUSE_SYSTEM, period};
    return 0;
}

/* ---- periods that overlap → pieces that do not ---- */

struct stack {
    size_t *items; /* indices of periods that have begun, the newest on top */
    size_t count;
    int64_t at_ms; /* everything before is in pieces */
};

/* The pieces of what has begun, up to until_ms. */
static int unwind(struct stack *stack, const struct nvr_cause_period *periods, int64_t until_ms,
                  struct nvr_gaps *pieces)
{
    while (stack->count) {
        const size_t top = stack->items[stack->count - 1];
        const int64_t end_ms = NVR_MIN(periods[top].end_ms, until_ms);

        if (end_ms > stack->at_ms) {
            const int r = push(pieces, stack->at_ms, end_ms, (ptrdiff_t)top);

            if (r < 0)
                return r;
            stack->at_ms = end_ms;
        }
        if (periods[top].end_ms > until_ms)
            return 0;
        stack->count--;
    }
    return 0;
}

static int flatten(const struct nvr_cause_period *periods, size_t count, struct nvr_gaps *pieces)
{
    struct stack stack = {.items = calloc(count + 1, sizeof(*stack.items)), .at_ms = INT64_MIN};
    int r = stack.items ? 0 : -ENOMEM;

    for (size_t i = 0; i < count && r == 0; i++) {
        if (periods[i].end_ms <= periods[i].start_ms)
            continue;
        r = unwind(&stack, periods, periods[i].start_ms, pieces);
        stack.at_ms = NVR_MAX(stack.at_ms, periods[i].start_ms);
        stack.items[stack.count++] = i;
    }
    if (r == 0)
        r = unwind(&stack, periods, NVR_CAUSE_OPEN, pieces);
    free(stack.items);
    return r;
}

/* ---- gaps cut by the pieces ---- */

/* What the pieces around index next (the first that ends behind the gap's start) say about a gap
 * that none of them touches. */
static ptrdiff_t nearest(const struct nvr_gaps *pieces, size_t next, const struct nvr_range *gap)
{
    int64_t best_ms = NVR_CAUSE_NEAR_MS + 1;
    ptrdiff_t found = -1;

    if (next < pieces->count && pieces->items[next].start_ms - gap->end_ms < best_ms) {
        best_ms = pieces->items[next].start_ms - gap->end_ms;
        found = pieces->items[next].period;
    }
    if (next > 0 && gap->start_ms - pieces->items[next - 1].end_ms < best_ms)
        found = pieces->items[next - 1].period;
    return found;
}

/* A part without a period takes the cause before it, the first part the one behind it. */
static int cut(const struct nvr_range *gap, const struct nvr_gaps *pieces, size_t *next,
               struct nvr_gaps *gaps)
{
    const struct nvr_gap *items = pieces->items;
    int64_t at_ms = gap->start_ms;
    ptrdiff_t period;
    int r = 0;

    while (*next < pieces->count && items[*next].end_ms <= gap->start_ms)
        (*next)++;
    if (*next == pieces->count || items[*next].start_ms >= gap->end_ms)
        return push(gaps, gap->start_ms, gap->end_ms, nearest(pieces, *next, gap));
    period = items[*next].period;
    for (size_t i = *next; i < pieces->count && items[i].start_ms < gap->end_ms && r == 0; i++) {
        const int64_t start_ms = NVR_MAX(items[i].start_ms, gap->start_ms);

        // NOLINTNEXTLINE(readability-suspicious-call-argument): the part before this piece
        r = push(gaps, at_ms, start_ms, period);
        period = items[i].period;
        at_ms = NVR_MAX(at_ms, start_ms);
    }
    return r < 0 ? r : push(gaps, at_ms, gap->end_ms, period);
}

static bool says_the_same(const struct nvr_gap *a, const struct nvr_gap *b,
                          const struct nvr_cause_period *periods)
{
    if (a->end_ms != b->start_ms || a->cause != b->cause || (a->period < 0) != (b->period < 0))
        return false;
    return a->period < 0 || strcmp(periods[a->period].detail, periods[b->period].detail) == 0;
}

/* The causes, and one gap of touching ones that say the same. */
static void explain(struct nvr_gaps *gaps, const struct nvr_cause_period *periods)
{
    size_t kept = 0;

    for (size_t i = 0; i < gaps->count; i++) {
        struct nvr_gap *gap = &gaps->items[i];

        if (gap->period >= 0)
            gap->cause = periods[gap->period].cause;
        if (kept && says_the_same(&gaps->items[kept - 1], gap, periods))
            gaps->items[kept - 1].end_ms = gap->end_ms;
        else
            gaps->items[kept++] = *gap;
    }
    gaps->count = kept;
}

int nvr_gaps_remove_silences(struct nvr_ranges *ranges, const struct nvr_cause_period *periods,
                             size_t periods_count)
{
    int r = 0;

    for (size_t i = 0; i < periods_count && r == 0; i++)
        if (periods[i].inside)
            r = nvr_ranges_remove(ranges, periods[i].start_ms, periods[i].end_ms);
    return r;
}

/* What recorded leaves of [start, end), and the silences. */
static int find_holes(const struct nvr_ranges *recorded, const struct nvr_cause_period *periods,
                      size_t periods_count, int64_t start_ms, int64_t end_ms,
                      struct nvr_ranges *ret_holes)
{
    struct nvr_ranges left = {0};
    int r = 0;

    for (size_t i = 0; i < recorded->count && r == 0; i++)
        r = nvr_ranges_add(&left, recorded->items[i].start_ms, recorded->items[i].end_ms, 0);
    if (r == 0)
        r = nvr_gaps_remove_silences(&left, periods, periods_count);
    if (r == 0)
        r = nvr_ranges_gaps(&left, start_ms, end_ms, ret_holes);
    nvr_ranges_done(&left);
    return r;
}

int nvr_gaps_find(const struct nvr_ranges *recorded, const struct nvr_cause_period *periods,
                  size_t periods_count, int64_t start_ms, int64_t end_ms, struct nvr_gaps *ret_gaps)
{
    struct nvr_ranges holes = {0};
    struct nvr_gaps pieces = {0};
    struct nvr_gaps gaps = {0};
    size_t next = 0;
    int r = find_holes(recorded, periods, periods_count, start_ms, end_ms, &holes);

    if (r == 0)
        r = flatten(periods, periods_count, &pieces);
    for (size_t i = 0; i < holes.count && r == 0; i++)
        r = cut(&holes.items[i], &pieces, &next, &gaps);
    if (r == 0)
        explain(&gaps, periods);
    nvr_ranges_done(&holes);
    nvr_gaps_done(&pieces);
    if (r < 0)
        nvr_gaps_done(&gaps);
    else
        *ret_gaps = gaps;
    return r;
}
