/* store.h — the door to the database (SQLite STRICT, WAL). No SQL outside lib/store.
 *
 * Threads: one writer thread with group commit (NVR_STORE_COMMIT_MS); readers are connections taken
 *          from a pool, one per thread at a time, by nvr_store_read_begin()/_end() (use them in
 * libuv's pool, never on a loop that must not wait). */
#ifndef NVR_STORE_STORE_H
#define NVR_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/macros.h"

#define NVR_STORE_COMMIT_MS 100
#define NVR_STORE_QUEUE_MAX 100000
#define NVR_STORE_READERS_MAX 8

struct nvr_store;
struct nvr_signing_key;
struct nvr_db; /* one connection, valid inside a write job or between read_begin and read_end */

/* Opens (creates) path, migrates it (a copy is made first when there is something to migrate),
 * starts the writer. 0, -EBUSY (locked by another process), -ENOTSUP (newer than this program, or
 * not Heron's), -EUCLEAN (damaged), -errno. */
NVR_CHECK int nvr_store_open(const char *path, struct nvr_store **ret_store);
/* Everything queued is committed first. NULL: no-op. */
void nvr_store_close(struct nvr_store *store);

/* Signs what is recorded from now on (recordings.h); borrowed until the store is closed. */
NVR_CHECK int nvr_store_set_key(struct nvr_store *store, const struct nvr_signing_key *key);

/* Runs in the writer thread inside a transaction shared with others (own savepoint: a job that
 * fails is undone alone). Result: 0 or -errno. */
typedef int (*nvr_store_job)(struct nvr_db *db, void *arg);
/* Runs in the writer thread after commit (or failure): result is the job's, or the commit's error.
 * Post to your loop from here; free arg here. */
typedef void (*nvr_store_done)(int result, void *arg);
/* 0; -ENOBUFS when the queue is full; -ECANCELED while closing (done does not run then). */
NVR_CHECK int nvr_store_write(struct nvr_store *store, nvr_store_job job, nvr_store_done done,
                              void *arg);
/* Commit everything queued before at once and wait for it, up to timeout_ms. 0, -ETIMEDOUT, or the
 * error of the last of them that failed. */
NVR_CHECK int nvr_store_flush(struct nvr_store *store, unsigned timeout_ms);

/* Inside a job, now and then: SQLite renews its statistics where they are stale. */
NVR_CHECK int nvr_store_optimize(struct nvr_db *db);

NVR_CHECK int nvr_store_read_begin(struct nvr_store *store, struct nvr_db **ret_db);
void nvr_store_read_end(struct nvr_store *store, struct nvr_db *db);

/* For /health and metrics. */
struct nvr_store_stats {
    uint64_t commits, jobs, failed;
    int64_t queue_depth, last_commit_us, longest_commit_us, last_error;
};
void nvr_store_get_stats(struct nvr_store *store, struct nvr_store_stats *ret_stats);

#endif
