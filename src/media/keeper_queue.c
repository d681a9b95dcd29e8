/* Jobs, workers, deadlines of role keeper. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "src/media/keeper.h"

NVR_LOG_TOPIC("keeper");

#define TICK_MS 250
#define THROTTLE_STEP_MS 50
#define STACK_SIZE ((size_t)512 * 1024)
/* ioprio_set(2) has no wrapper and no header. */
#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_IDLE (3 << 13)
#define IOPRIO_NONE 0

struct keeper_queue {
    uv_mutex_t lock;
    uv_cond_t work;
    uv_async_t async;
    uv_timer_t timer;
    const struct keeper_config *config;
    void (*on_done)(struct keeper_job *job, void *arg);
    void *arg;
    struct keeper_job *jobs; /* waiting and running, in order of arrival */
    struct keeper_job *done;
    size_t count;
    int64_t paid_until_us; /* throttle: bytes copied so far are paid for until then */
    struct keeper_worker workers[KEEPER_THREADS];
    uv_thread_t threads[KEEPER_THREADS];
};

void keeper_job_free(struct keeper_job *job)
{
    if (!job)
        return;
    if (job->fd >= 0)
        (void)close(job->fd);
    if (job->s3) {
        explicit_bzero(job->s3, sizeof(*job->s3));
        free(job->s3);
    }
    free(job);
}

/* Where a job may hang: the place that is not the recordings folder. */
static const struct keeper_place *lane_of(const struct keeper_job *job)
{
    return job->op == KEEPER_COPY ? &job->to : &job->from;
}

static bool is_same_lane(const struct keeper_job *a, const struct keeper_job *b)
{
    const struct keeper_place *x = lane_of(a), *y = lane_of(b);

    return x->is_s3 == y->is_s3 && strcmp(x->folder, y->folder) == 0;
}

/* Under the lock. */
static struct keeper_job *choose(struct keeper_queue *queue)
{
    unsigned copies = 0;

    for (const struct keeper_job *job = queue->jobs; job; job = job->next)
        copies += job->running && job->op == KEEPER_COPY;
    for (struct keeper_job *job = queue->jobs; job; job = job->next) {
        unsigned lane = 0, lane_copies = 0;

        if (job->running || (job->op == KEEPER_COPY && copies >= KEEPER_COPIES_MAX))
            continue;
        for (const struct keeper_job *other = queue->jobs; other; other = other->next) {
            if (!other->running || !is_same_lane(job, other))
                continue;
            lane++;
            lane_copies += other->op == KEEPER_COPY;
        }
        if (lane < KEEPER_LANE_MAX &&
            (job->op != KEEPER_COPY || lane_copies < KEEPER_LANE_COPIES_MAX))
            return job;
    }
    return NULL;
}

static void unlink_job(struct keeper_queue *queue, struct keeper_job *job)
{
    struct keeper_job **link = &queue->jobs;

    while (*link != job)
        link = &(*link)->next;
    *link = job->next;
    job->next = NULL;
    queue->count--;
}

static void set_priority(enum keeper_op op)
{
    (void)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0,
                  op == KEEPER_COPY || op == KEEPER_REMOVE ? IOPRIO_IDLE : IOPRIO_NONE);
}

static void run_worker(void *arg)
{
    struct keeper_worker *worker = arg;
    struct keeper_queue *queue = worker->queue;

    uv_mutex_lock(&queue->lock);
    /* Ends with the process: what hangs cannot be joined. */
    for (;;) {
        struct keeper_job *job = choose(queue);
        int64_t start_ms;

        if (!job) {
            uv_cond_wait(&queue->work, &queue->lock);
            continue;
        }
        job->running = true;
        uv_mutex_unlock(&queue->lock);
        start_ms = nvr_clock_mono_ms();
        set_priority(job->op);
        keeper_work(worker, job);
        job->elapsed_ms = nvr_clock_mono_ms() - start_ms;
        uv_mutex_lock(&queue->lock);
        unlink_job(queue, job);
        job->running = false;
        job->next = queue->done;
        queue->done = job;
        uv_cond_broadcast(&queue->work); /* its lane is free */
        (void)uv_async_send(&queue->async);
    }
}

void keeper_queue_throttle(struct keeper_queue *queue, const struct keeper_job *job, size_t bytes)
{
    const int64_t rate = queue->config->bytes_per_second;
    int64_t wait_us;

    uv_mutex_lock(&queue->lock);
    queue->paid_until_us =
        NVR_MAX(queue->paid_until_us, nvr_clock_mono_us()) + (int64_t)bytes * 1000000 / rate;
    wait_us = queue->paid_until_us - nvr_clock_mono_us();
    while (wait_us > 0 && !atomic_load(&job->cancel)) {
        (void)uv_cond_timedwait(&queue->work, &queue->lock,
                                (uint64_t)NVR_MIN(wait_us, (int64_t)THROTTLE_STEP_MS * 1000) *
                                    1000);
        wait_us = queue->paid_until_us - nvr_clock_mono_us();
    }
    uv_mutex_unlock(&queue->lock);
}

/* ---- the loop's side ---- */

static void hand_back(struct keeper_queue *queue, struct keeper_job *job)
{
    if (job->late)
        keeper_job_free(job);
    else
        queue->on_done(job, queue->arg);
}

static void on_async(uv_async_t *async)
{
    struct keeper_queue *queue = async->data;
    struct keeper_job *job;

    uv_mutex_lock(&queue->lock);
    job = NVR_TAKE(queue->done);
    uv_mutex_unlock(&queue->lock);
    while (job) {
        struct keeper_job *next = job->next;

        job->next = NULL;
        hand_back(queue, job);
        job = next;
    }
}

/* A stand-in that is answered while the job itself still hangs in its worker. */
static struct keeper_job *take_answer(struct keeper_job *job)
{
    struct keeper_job *answer = calloc(1, sizeof(*answer));

    if (!answer)
        return NULL; /* the caller's own deadline ends it */
    answer->call = job->call;
    answer->op = job->op;
    answer->fd = -1;
    answer->result = -ETIMEDOUT;
    answer->followers = NVR_TAKE(job->followers);
    (void)nvr_fmt(answer->words, sizeof(answer->words), "The place does not answer in time.");
    return answer;
}

static struct keeper_job *take_late(struct keeper_queue *queue, int64_t now_ms)
{
    for (struct keeper_job *job = queue->jobs; job; job = job->next) {
        if (job->late || now_ms < job->deadline_ms)
            continue;
        if (!job->running) {
            unlink_job(queue, job);
            job->result = -ETIMEDOUT;
            (void)nvr_fmt(job->words, sizeof(job->words), "The place does not answer in time.");
            return job;
        }
        job->late = true;
        atomic_store(&job->cancel, true);
        job = take_answer(job);
        return job;
    }
    return NULL;
}

static void on_tick(uv_timer_t *timer)
{
    struct keeper_queue *queue = timer->data;
    struct keeper_job *job;

    do {
        uv_mutex_lock(&queue->lock);
        job = take_late(queue, nvr_clock_mono_ms());
        uv_mutex_unlock(&queue->lock);
        if (job)
            queue->on_done(job, queue->arg);
    } while (job);
}

/* The same file is on its way already. Under the lock. */
static bool follow(struct keeper_queue *queue, struct keeper_job *job)
{
    if (job->op != KEEPER_FETCH || !job->from.is_s3)
        return false;
    for (struct keeper_job *other = queue->jobs; other; other = other->next) {
        if (other->op != KEEPER_FETCH || !other->from.is_s3 || other->late ||
            strcmp(other->sha256, job->sha256) != 0 || other->size != job->size)
            continue;
        job->next = other->followers;
        other->followers = job;
        return true;
    }
    return false;
}

int keeper_queue_add(struct keeper_queue *queue, struct keeper_job *job)
{
    struct keeper_job **end = &queue->jobs;

    uv_mutex_lock(&queue->lock);
    if (queue->count >= KEEPER_JOBS_MAX) {
        uv_mutex_unlock(&queue->lock);
        keeper_job_free(job);
        return -ENOBUFS;
    }
    if (!follow(queue, job)) {
        while (*end)
            end = &(*end)->next;
        *end = job;
        queue->count++;
        uv_cond_broadcast(&queue->work);
    }
    uv_mutex_unlock(&queue->lock);
    return 0;
}

static int start_workers(struct keeper_queue *queue)
{
    const uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE,
                                         .stack_size = STACK_SIZE};
    int r = 0;

    for (unsigned i = 0; r == 0 && i < KEEPER_THREADS; i++) {
        queue->workers[i] = (struct keeper_worker){.config = queue->config,
                                                   .queue = queue,
                                                   .buffer = malloc(KEEPER_CHUNK_SIZE),
                                                   .number = i};
        if (!queue->workers[i].buffer)
            return -ENOMEM;
        r = uv_thread_create_ex(&queue->threads[i], &options, run_worker, &queue->workers[i]);
    }
    return r;
}

int keeper_queue_new(uv_loop_t *loop, const struct keeper_config *config,
                     void (*on_done)(struct keeper_job *job, void *arg), void *arg,
                     struct keeper_queue **ret_queue)
{
    struct keeper_queue *queue = calloc(1, sizeof(*queue));
    int r;

    if (!queue)
        return -ENOMEM;
    queue->config = config;
    queue->on_done = on_done;
    queue->arg = arg;
    queue->async.data = queue->timer.data = queue;
    r = uv_mutex_init(&queue->lock);
    if (r == 0)
        r = uv_cond_init(&queue->work);
    if (r == 0)
        r = uv_async_init(loop, &queue->async, on_async);
    if (r == 0)
        r = uv_timer_init(loop, &queue->timer);
    if (r == 0)
        r = uv_timer_start(&queue->timer, on_tick, TICK_MS, TICK_MS);
    if (r == 0)
        r = start_workers(queue);
    /* Like its threads it lives as long as the process. */
    *ret_queue = queue;
    return r;
}
