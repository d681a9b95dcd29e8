/* writer.h — the one thread that writes: a bounded queue, group commit, a savepoint per job. Inside
 * lib/store; store.h has the contract of jobs. */
#ifndef NVR_STORE_WRITER_H
#define NVR_STORE_WRITER_H

#include "lib/store/db.h"
#include "lib/store/store.h"

struct nvr_writer;

/* db is consumed, even on failure. */
NVR_CHECK int nvr_writer_start(struct nvr_db *db_take, struct nvr_writer **ret_writer);
void nvr_writer_stop(struct nvr_writer *writer); /* commits what is queued; NULL: no-op */
NVR_CHECK int nvr_writer_post(struct nvr_writer *writer, nvr_store_job job, nvr_store_done done,
                              void *arg);
NVR_CHECK int nvr_writer_flush(struct nvr_writer *writer, unsigned timeout_ms);
void nvr_writer_get_stats(struct nvr_writer *writer, struct nvr_store_stats *ret_stats);

#endif
