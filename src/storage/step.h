/* step.h — one small step of retention, in three parts that run on different threads: plan (rows
 * and room are read), erase (a write job: the rows go), sweep (the files go).
 *
 * Rows go before files. A crash in between leaves files without rows: reconciliation indexes them
 * again and they go again. The other order would leave rows whose files are gone, which a player
 * meets. The database may lie on the same full disk and not be writable: then, and only then, the
 * files of the step go first; a crash in that moment leaves rows that reconciliation drops.
 *
 * Threads: plan and sweep in the sweeper's thread, erase in the store's writer; the loop hands it
 *          on. Nothing in it is shared meanwhile. */
#ifndef NVR_STORAGE_STEP_H
#define NVR_STORAGE_STEP_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/store/store.h"
#include "src/storage/clock_guard.h"
#include "src/storage/leases.h"
#include "src/storage/policy.h"
#include "src/storage/sweeper.h"

/* A camera of the configuration. Others' recordings, of removed cameras, go by the defaults. */
struct step_camera {
    char id[NVR_SLUG_SIZE];
    struct policy_days days;
    int64_t writing_from_ms; /* files that begin then or later may be being written; INT64_MAX */
    bool comparing;          /* reconciliation is at it: hands off */
};

struct step {
    struct sweep_task task;
    struct nvr_store *store; /* borrowed */
    void *owner;

    /* ---- asked ---- */
    char recordings_dir[PATH_MAX];
    int64_t now_ms, mono_ms;
    struct step_camera *cameras;
    size_t cameras_count;
    struct policy_days others;
    struct leases leases;
    struct clock_guard clock;
    struct policy_space space; /* limits and rate are asked; room and usage are planned */
    bool going_on;             /* the step before deleted for want of space */
    bool refused;              /* a recorder was told that the disk is full */

    /* ---- planned ---- */
    int result; /* -errno: nothing was chosen */
    struct policy_chooser chooser;
    int64_t protected_bytes;
    bool clock_held;

    /* ---- erased, swept ---- */
    bool erased[POLICY_BATCH];
    bool files_first; /* the database could not be written */
    bool rows_gone;
    int sweep_result; /* the last -errno of a file that stayed */
    unsigned stayed;
    int64_t sweep_us;
};

void step_done(struct step *step);
/* Reads rows, room and clock; chooses. */
void step_plan(struct sweep_task *task);
/* A write job. arg: the step. Rows that were protected or moved meanwhile stay. */
int step_erase(struct nvr_db *db, void *arg);
/* The files whose rows were erased (all that were chosen, with files_first), and folders that are
 * empty by that. */
void step_sweep(struct sweep_task *task);
/* One file, and its folders. For what an operator deletes, too. 0 (also: it was gone) or -errno. */
NVR_CHECK int step_remove_file(const char *recordings_dir, const struct nvr_stored_segment *segment,
                               int64_t now_ms);

#endif
