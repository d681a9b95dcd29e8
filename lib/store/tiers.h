/* tiers.h — which recordings move on to another place, and the row of one that did. */
#ifndef NVR_STORE_TIERS_H
#define NVR_STORE_TIERS_H

#include <stdint.h>

#include "lib/base/id.h"
#include "lib/base/macros.h"
#include "lib/store/recordings.h"
#include "lib/store/retention.h"
#include "lib/store/store.h"

struct nvr_tier_segment {
    char camera_id[NVR_SLUG_SIZE];
    int64_t start_ms, end_ms, size, location;
    char file_path[NVR_RECORDING_PATH_SIZE];
    char checksum[65];
};
typedef int (*nvr_tiers_visit)(const struct nvr_tier_segment *segment, void *arg);

/* Of one tier and rank, those that began before before_ms, oldest first, at most limit. Only with a
 * checksum: a copy of others could not be verified. */
NVR_CHECK int nvr_tiers_due(struct nvr_db *db, enum nvr_tier tier, enum nvr_rank rank,
                            int64_t before_ms, unsigned limit, nvr_tiers_visit visit, void *arg);
/* The same, newest first, of any time. */
NVR_CHECK int nvr_tiers_newest(struct nvr_db *db, enum nvr_tier tier, enum nvr_rank rank,
                               unsigned limit, nvr_tiers_visit visit, void *arg);
/* How many are due, of all ranks. */
NVR_CHECK int nvr_tiers_count(struct nvr_db *db, enum nvr_tier tier, int64_t before_ms,
                              int64_t *ret_count);
/* In a write job: the row says the new place when it is still the one that was copied. 1: it does;
 * 0: it went or changed meanwhile, and no row says that place: the copy is nobody's; -EEXIST: the
 * row said the new place already, the copy is its file. */
NVR_CHECK int nvr_tiers_move(struct nvr_db *db, const struct nvr_tier_segment *segment,
                             enum nvr_tier tier, int64_t location);

#endif
