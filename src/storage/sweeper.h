/* sweeper.h — the one thread that touches old recordings: it may hang with their disk, and then
 * nothing else hangs with it. Low priority for processor and disk.
 *
 * Threads: run() in the thread, one task after the other; everything else on the loop. */
#ifndef NVR_STORAGE_SWEEPER_H
#define NVR_STORAGE_SWEEPER_H

#include <stdbool.h>

#include "lib/base/macros.h"
#include "lib/ipc/post.h"

struct sweeper;

/* The task's owner holds it until done ran. */
struct sweep_task {
    void (*run)(struct sweep_task *task);
    void (*done)(struct sweep_task *task); /* on the loop */
    struct sweep_task *next;               /* the sweeper's */
    struct sweeper *sweeper;               /* the sweeper's */
};

NVR_CHECK int sweeper_new(struct nvr_post *post, struct sweeper **ret_sweeper);
/* Never fails: the thread runs already. */
void sweeper_add(struct sweeper *sweeper, struct sweep_task *task);
/* No task runs, waits, or has its done() to come. */
bool sweeper_is_idle(const struct sweeper *sweeper);
/* Only when it is idle: joins the thread. A task that hangs with its disk keeps its owner waiting;
 * at the end of the process that has a deadline. NULL: no-op. */
void sweeper_free(struct sweeper *sweeper);

#endif
