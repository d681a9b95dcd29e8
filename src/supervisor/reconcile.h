/* reconcile.h — the disk is the truth: files without a row are indexed (and repaired), rows without
 * a file are dropped with a warning. Runs in the background, one camera at a time: the folder and
 * the rows are read in libuv's pool, files are opened only by a sandboxed `index` child.
 *
 * Nothing is dropped while the recordings folder is missing or empty (a disk that is not mounted).
 * A file that may be being written is left alone (see reconcile_diff). */
#ifndef NVR_SUPERVISOR_RECONCILE_H
#define NVR_SUPERVISOR_RECONCILE_H

#include <stdbool.h>

#include "lib/base/macros.h"

#define RECONCILE_FIRST_MS 3000  /* workers of a core that was killed end within a second */
#define RECONCILE_CRASH_MS 10000 /* by then the new worker has said which file it writes */

struct nvr_supervisor;
struct reconcile;

NVR_CHECK int reconcile_new(struct nvr_supervisor *sv, struct reconcile **ret_reconcile);
/* All cameras, those with a folder but without config too, RECONCILE_FIRST_MS from now. */
void reconcile_all(struct reconcile *rc, unsigned delay_ms);
/* One camera, after its worker crashed. */
void reconcile_soon(struct reconcile *rc, const char *camera_id);
/* What runs is let go; true when nothing runs any more. */
bool reconcile_stop(struct reconcile *rc);
void reconcile_free(struct reconcile *rc);

#endif
