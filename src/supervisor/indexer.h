/* indexer.h — many files through sandboxed processes of role index: a batch a process, two at a
 * time. A process that crashes or hangs is the fault of the first file that it did not answer for:
 * that one gets a process of its own, and when it does so again it is named; the others of its
 * batch go on in the next process. Loop thread. */
#ifndef NVR_SUPERVISOR_INDEXER_H
#define NVR_SUPERVISOR_INDEXER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/json.h"
#include "lib/base/macros.h"
#include "src/supervisor/reconcile-diff.h"

#define INDEXER_BATCH_MAX 128
#define INDEXER_LANES 2

struct nvr_supervisor;
struct indexer;

struct indexer_hooks {
    /* What is in a file; result is borrowed. */
    void (*on_indexed)(const struct reconcile_file *file, const json_t *result, void *arg);
    /* code: empty not_mp4 no_fragments io, crashed or timeout (twice, the second time with nothing
     * but this file), internal. */
    void (*on_failed)(const struct reconcile_file *file, const char *code, const char *message,
                      void *arg);
    void (*on_done)(void *arg);
    /* May another batch begin? indexer_kick() when it may again. */
    bool (*has_room)(void *arg);
};

NVR_CHECK int indexer_new(struct nvr_supervisor *sv, const struct indexer_hooks *hooks, void *arg,
                          struct indexer **ret_indexer);
/* files are borrowed until on_done, which never runs inside of this call. */
void indexer_start(struct indexer *indexer, const struct reconcile_file *files, size_t count);
void indexer_kick(struct indexer *indexer);
/* No hook runs from here on. */
void indexer_stop(struct indexer *indexer);
void indexer_free(struct indexer *indexer); /* NULL: no-op */

#endif
