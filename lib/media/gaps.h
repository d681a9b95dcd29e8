/* gaps.h — what was not recorded, and why: the rest of a span that recorded ranges leave, cut by
 * the periods whose cause is known. Pure; ms UTC, half-open. */
#ifndef NVR_MEDIA_GAPS_H
#define NVR_MEDIA_GAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/macros.h"
#include "lib/media/timeline.h"

/* A gap that no period touches takes the cause of one that is so near, else `system`. */
#define NVR_CAUSE_NEAR_MS 15000
#define NVR_CAUSE_DETAIL_SIZE 200
#define NVR_CAUSE_OPEN INT64_MAX /* end of a period that lasts */

enum nvr_cause {
    NVR_CAUSE_CAMERA,    /* it delivers nothing that can be recorded */
    NVR_CAUSE_NETWORK,   /* it cannot be reached */
    NVR_CAUSE_DISK,      /* nothing can be written */
    NVR_CAUSE_OVERLOAD,  /* the disk or the machine was too slow */
    NVR_CAUSE_OPERATOR,  /* somebody wanted it so */
    NVR_CAUSE_SCHEDULE,  /* mode or calendar wanted it so */
    NVR_CAUSE_RETENTION, /* recorded, and deleted since */
    NVR_CAUSE_SYSTEM,    /* Heron or the machine was not running */
    NVR_CAUSES_COUNT,
};

const char *nvr_cause_name(enum nvr_cause cause);
/* The cause, or -EINVAL. */
NVR_CHECK int nvr_cause_parse(const char *name);

struct nvr_cause_period {
    int64_t start_ms, end_ms;
    enum nvr_cause cause;
    char detail[NVR_CAUSE_DETAIL_SIZE]; /* one sentence for people; "" none */
    bool inside;                        /* a file spans it, and yet nothing was recorded */
};

struct nvr_gap {
    int64_t start_ms, end_ms;
    enum nvr_cause cause;
    ptrdiff_t period; /* index of the period that gave the cause; -1: none did */
};

struct nvr_gaps {
    struct nvr_gap *items;
    size_t count, cap;
};

/* Takes out of what files span the periods in which nothing was recorded all the same. 0, -ENOMEM.
 */
NVR_CHECK int nvr_gaps_remove_silences(struct nvr_ranges *ranges,
                                       const struct nvr_cause_period *periods,
                                       size_t periods_count);
/* Gaps of [start, end), each with a cause, in order, never overlapping, touching ones joined
 * when they say the same: recorded ∩ [start, end) + gaps = [start, end) exactly, where what files
 * span counts as recorded but for the silences among the periods. recorded: in
 * order, not overlapping, as nvr_ranges_add() makes them. periods: in order of start; where several
 * cover a moment the one that began last counts. 0 or -ENOMEM. */
NVR_CHECK int nvr_gaps_find(const struct nvr_ranges *recorded,
                            const struct nvr_cause_period *periods, size_t periods_count,
                            int64_t start_ms, int64_t end_ms, struct nvr_gaps *ret_gaps);
void nvr_gaps_done(struct nvr_gaps *gaps); /* zeroed struct: no-op */
int64_t nvr_gaps_total_ms(const struct nvr_gaps *gaps);

#endif
