/* retention.h — what is stored, what may go first, and what people keep: recording_usage, the
 * oldest of `recordings` by weight, protected_ranges.
 *
 * A segment is protected exactly when a protected range overlaps it: there is no other mark to
 * lose. The column `recordings.protected` follows the ranges (nvr_protected_mark()); deletion looks
 * at the ranges themselves, so that a range counts from the moment in which its row is there. */
#ifndef NVR_STORE_RETENTION_H
#define NVR_STORE_RETENTION_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/id.h"
#include "lib/base/macros.h"
#include "lib/store/recordings.h"
#include "lib/store/store.h"

#define NVR_PROTECTED_REASON_SIZE 256
#define NVR_PROTECTED_MAX 10000 /* ranges of all cameras */
#define NVR_PROTECTED_SPAN_MAX_MS (INT64_C(31) * 86400000)
#define NVR_PROTECTED_STEP_MS (INT64_C(6) * 3600000) /* what one write job marks */

enum nvr_rank { NVR_RANK_NOTHING, NVR_RANK_MOTION, NVR_RANK_EVENTS, NVR_RANK_PROTECTED };
#define NVR_RANKS 4
enum nvr_tier { NVR_TIER_HOT, NVR_TIER_WARM, NVR_TIER_COLD };
#define NVR_TIERS 3

const char *nvr_tier_name(enum nvr_tier tier);

/* ---- usage: kept by triggers ---- */

struct nvr_usage {
    char camera_id[NVR_SLUG_SIZE];
    int64_t bytes[NVR_TIERS][NVR_RANKS], segments[NVR_TIERS][NVR_RANKS];
};
/* Every camera that has recordings, by name, those of removed cameras too. visit as in
 * nvr_recordings_each(). */
typedef int (*nvr_usage_visit)(const struct nvr_usage *usage, void *arg);
NVR_CHECK int nvr_usage_each(struct nvr_db *db, nvr_usage_visit visit, void *arg);
/* Bytes of the segments of a camera that begin in [start, end), at most NVR_RECORDING_SPAN_MAX_MS
 * long. */
NVR_CHECK int nvr_usage_between(struct nvr_db *db, const char *camera_id, int64_t start_ms,
                                int64_t end_ms, int64_t *ret_bytes);
/* The oldest segment's start in [start, end), of any camera. 0 or -ENOENT. */
NVR_CHECK int nvr_usage_first(struct nvr_db *db, int64_t start_ms, int64_t end_ms,
                              int64_t *ret_start_ms);

/* ---- what may go first ---- */

struct nvr_stored_segment {
    char camera_id[NVR_SLUG_SIZE];
    int64_t start_ms, end_ms, size;
    enum nvr_rank rank;
    enum nvr_tier tier;
    int64_t location;
    char file_path[NVR_RECORDING_PATH_SIZE];
};
typedef int (*nvr_stored_visit)(const struct nvr_stored_segment *segment, void *arg);
/* A camera's segments of one rank, oldest first, that begin before before_ms. */
NVR_CHECK int nvr_stored_of_rank(struct nvr_db *db, const char *camera_id, enum nvr_rank rank,
                                 int64_t before_ms, nvr_stored_visit visit, void *arg);
/* All cameras' segments of one tier and rank, oldest first. */
NVR_CHECK int nvr_stored_oldest(struct nvr_db *db, enum nvr_tier tier, enum nvr_rank rank,
                                nvr_stored_visit visit, void *arg);
/* In a write job: the row goes if it is still where the segment says, and not protected meanwhile.
 * 1: it went, 0: it stays. */
NVR_CHECK int nvr_stored_delete(struct nvr_db *db, const struct nvr_stored_segment *segment);

/* ---- protected ranges ---- */

struct nvr_protected_range {
    int64_t id;
    char camera_id[NVR_SLUG_SIZE];
    int64_t start_ms, end_ms, created_ms;
    char reason[NVR_PROTECTED_REASON_SIZE];
};
/* In a write job. Marks nothing yet. -EINVAL: empty, reversed, too long; -ENOSPC: too many. */
NVR_CHECK int nvr_protected_add(struct nvr_db *db, const struct nvr_protected_range *range,
                                int64_t *ret_id);
/* In a write job. -ENOENT. */
NVR_CHECK int nvr_protected_remove(struct nvr_db *db, int64_t id);
NVR_CHECK int nvr_protected_get(struct nvr_db *db, int64_t id,
                                struct nvr_protected_range *ret_range);
/* By camera and start; camera_id NULL: all. */
typedef int (*nvr_protected_visit)(const struct nvr_protected_range *range, void *arg);
NVR_CHECK int nvr_protected_each(struct nvr_db *db, const char *camera_id,
                                 nvr_protected_visit visit, void *arg);
/* 1: some range overlaps [start, end), 0: none. For the job that inserts a segment, too. */
NVR_CHECK int nvr_protected_covers(struct nvr_db *db, const char *camera_id, int64_t start_ms,
                                   int64_t end_ms);
/* In a write job, now and then: marks that no range stands behind, left by a removal of a long
 * range that was cut short, go. Without that such a recording would stay for ever. */
NVR_CHECK int nvr_protected_tidy(struct nvr_db *db);
/* In a write job: the column of every segment that overlaps [start, end) says again what the ranges
 * say. At most NVR_PROTECTED_STEP_MS at a time (-EINVAL). */
NVR_CHECK int nvr_protected_mark(struct nvr_db *db, const char *camera_id, int64_t start_ms,
                                 int64_t end_ms);

#endif
