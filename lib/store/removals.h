/* removals.h — table `storage_removals`: files outside of the recordings folder whose rows went.
 * Rows come by triggers, in the transaction that deletes the recording. */
#ifndef NVR_STORE_REMOVALS_H
#define NVR_STORE_REMOVALS_H

#include <stdint.h>

#include "lib/base/macros.h"
#include "lib/store/store.h"

/* By place, then path; visit returns 0 to go on, 1 to stop, -errno. path is borrowed. */
typedef int (*nvr_removals_visit)(int64_t location, const char *path, void *arg);
NVR_CHECK int nvr_removals_each(struct nvr_db *db, nvr_removals_visit visit, void *arg);
/* In a write job: the file is gone. */
NVR_CHECK int nvr_removals_done(struct nvr_db *db, int64_t location, const char *path);

#endif
