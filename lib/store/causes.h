/* causes.h — table `recording_causes`: periods in which a camera was not recorded, and why.
 *
 * One open period per camera at most: the state of now. Closed ones may overlap it and each other;
 * lib/media/gaps.h says which counts. */
#ifndef NVR_STORE_CAUSES_H
#define NVR_STORE_CAUSES_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/id.h"
#include "lib/base/macros.h"
#include "lib/media/gaps.h"
#include "lib/store/store.h"

#define NVR_CAUSES_BACK 32

/* In a write job: the open period ends at at_ms, another one begins. cause -1: recording goes on,
 * none begins. */
NVR_CHECK int nvr_causes_change(struct nvr_db *db, const char *camera_id, int cause,
                                const char *detail, int64_t at_ms);
/* In a write job: a period that is over (an overrun of the recorder). Empty ones are ignored. */
NVR_CHECK int nvr_causes_add(struct nvr_db *db, const char *camera_id, int64_t start_ms,
                             int64_t end_ms, enum nvr_cause cause, const char *detail);
/* The same for a silence that a file spans. */
NVR_CHECK int nvr_causes_add_inside(struct nvr_db *db, const char *camera_id, int64_t start_ms,
                                    int64_t end_ms, enum nvr_cause cause, const char *detail);
/* In the write job that deletes the row of a segment [start, end): this time is `retention` from
 * now on. Touching ones become one row. */
NVR_CHECK int nvr_causes_add_deleted(struct nvr_db *db, const char *camera_id, int64_t start_ms,
                                     int64_t end_ms);
NVR_CHECK int nvr_causes_delete_camera(struct nvr_db *db, const char *camera_id);
/* Forget periods of all cameras that ended before before_ms. */
NVR_CHECK int nvr_causes_trim_all(struct nvr_db *db, int64_t before_ms);

/* Periods that touch [start, end), in order of start; an open one ends at NVR_CAUSE_OPEN. Of those
 * that began before, the newest NVR_CAUSES_BACK and the open one are looked at. 0, or visit's
 * error. */
typedef int (*nvr_causes_visit)(const struct nvr_cause_period *period, void *arg);
NVR_CHECK int nvr_causes_each(struct nvr_db *db, const char *camera_id, int64_t start_ms,
                              int64_t end_ms, nvr_causes_visit visit, void *arg);
/* The state of now. 0 or -ENOENT: recording goes on. */
NVR_CHECK int nvr_causes_get_open(struct nvr_db *db, const char *camera_id,
                                  struct nvr_cause_period *ret_period);
/* Start of the first period. 0 or -ENOENT. */
NVR_CHECK int nvr_causes_first(struct nvr_db *db, const char *camera_id, int64_t *ret_ms);

#endif
