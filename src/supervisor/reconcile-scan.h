/* reconcile-scan.h — the slow half of reconciliation: folders and rows. For libuv's pool. */
#ifndef NVR_SUPERVISOR_RECONCILE_SCAN_H
#define NVR_SUPERVISOR_RECONCILE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/id.h"
#include "lib/store/store.h"
#include "src/supervisor/reconcile-diff.h"

/* Every segment file and every row of a camera. Rows are read first: a row that is there has its
 * file already. A camera without a folder has no files. */
NVR_CHECK int reconcile_scan(const char *recordings_dir, struct nvr_store *store, const char *id,
                             struct reconcile_set *set);
/* Is there any segment that began before before_s? false: the disk is probably not mounted. */
bool reconcile_has_old_files(const char *recordings_dir, int64_t before_s);
/* Folders in recordings_dir that can be a camera's. *ret_ids is an array to free(). */
NVR_CHECK int reconcile_list_cameras(const char *recordings_dir, char (**ret_ids)[NVR_SLUG_SIZE],
                                     size_t *ret_count);

#endif
