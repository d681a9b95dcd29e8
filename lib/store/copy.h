/* copy.h — the database's file for commands beside a running Heron: a consistent copy, a check, a
 * look inside. */
#ifndef NVR_STORE_COPY_H
#define NVR_STORE_COPY_H

#include "lib/base/macros.h"
#include "lib/store/store.h"

/* The database as it is at one moment, also while somebody writes. copy must not exist. */
NVR_CHECK int nvr_store_copy(const char *path, const char *copy);
/* SQLite's own look at every page. 0, -EUCLEAN (damaged), -errno. */
NVR_CHECK int nvr_store_check_file(const char *path);
/* A connection that only reads, in one snapshot, without the lock of nvr_store_open(). */
NVR_CHECK int nvr_store_peek(const char *path, struct nvr_db **ret_db);
void nvr_store_peek_end(struct nvr_db *db); /* NULL: no-op */

#endif
