#include "src/storage/sweeper.h"

#include <errno.h>
#include <linux/ioprio.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/log.h"

NVR_LOG_TOPIC("retention");

#define NICE 10
#define IO_LEVEL 7 /* the last of those that still get their turn */

struct sweeper {
    struct nvr_post *post;
    pthread_t thread;
    unsigned pending; /* the loop's: added and not done */

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t wake;
    struct sweep_task *head, **tail;
    bool ending;
};

static void lower_priority(void)
{
    const int id = (int)gettid();

    (void)pthread_setname_np(pthread_self(), "retention");
    if (setpriority(PRIO_PROCESS, (id_t)id, NICE) < 0)
        (void)log_debug_err(-errno, "lower the priority of the processor");
    if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, id,
                IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, IO_LEVEL)) < 0)
        (void)log_debug_err(-errno, "lower the priority of the disk");
}

static void finish(void *arg)
{
    struct sweep_task *task = arg;

    task->sweeper->pending--;
    task->done(task);
}

static void *run_thread(void *arg)
{
    struct sweeper *sweeper = arg;

    lower_priority();
    pthread_mutex_lock(&sweeper->lock);
    while (!sweeper->ending) {
        struct sweep_task *task = sweeper->head;

        if (task) {
            sweeper->head = task->next;
            if (!sweeper->head)
                sweeper->tail = &sweeper->head;
            pthread_mutex_unlock(&sweeper->lock);
            task->run(task);
            pthread_mutex_lock(&sweeper->lock);
            if (nvr_post_send(sweeper->post, finish, task) < 0)
                sweeper->ending = true; /* out of memory: nothing goes any more, nothing breaks */
        } else {
            pthread_cond_wait(&sweeper->wake, &sweeper->lock);
        }
    }
    pthread_mutex_unlock(&sweeper->lock);
    return NULL;
}

int sweeper_new(struct nvr_post *post, struct sweeper **ret_sweeper)
{
    struct sweeper *sweeper = calloc(1, sizeof(*sweeper));
    int r;

    if (!sweeper)
        return -ENOMEM;
    sweeper->post = post;
    sweeper->tail = &sweeper->head;
    (void)pthread_mutex_init(&sweeper->lock, NULL);
    (void)pthread_cond_init(&sweeper->wake, NULL);
    r = -pthread_create(&sweeper->thread, NULL, run_thread, sweeper);
    if (r < 0) {
        free(sweeper);
        return r;
    }
    *ret_sweeper = sweeper;
    return 0;
}

void sweeper_add(struct sweeper *sweeper, struct sweep_task *task)
{
    task->next = NULL;
    task->sweeper = sweeper;
    sweeper->pending++;
    pthread_mutex_lock(&sweeper->lock);
    *sweeper->tail = task;
    sweeper->tail = &task->next;
    pthread_cond_signal(&sweeper->wake);
    pthread_mutex_unlock(&sweeper->lock);
}

bool sweeper_is_idle(const struct sweeper *sweeper)
{
    return sweeper->pending == 0;
}

void sweeper_free(struct sweeper *sweeper)
{
    if (!sweeper)
        return;
    pthread_mutex_lock(&sweeper->lock);
    sweeper->ending = true;
    pthread_cond_signal(&sweeper->wake);
    pthread_mutex_unlock(&sweeper->lock);
    (void)pthread_join(sweeper->thread, NULL);
    pthread_cond_destroy(&sweeper->wake);
    pthread_mutex_destroy(&sweeper->lock);
    free(sweeper);
}
