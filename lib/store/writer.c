#include "lib/store/writer.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"

NVR_LOG_TOPIC("store");

#define BATCH_MAX 5000 /* jobs of one transaction */

struct item {
    nvr_store_job job;
    nvr_store_done done;
    void *arg;
    int result;
    int64_t queued_us;
    struct item *next;
};

struct nvr_writer {
    struct nvr_db *db; /* the thread's alone once it runs */
    pthread_t thread;
    bool running;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t work, finished;
    struct item *head, **tail;
    uint64_t posted, completed; /* jobs ever */
    uint64_t flush_to;          /* commit up to this one without waiting for company */
    uint64_t last_failed;       /* number of the job that failed last */
    int last_failure;
    bool closing;
    struct nvr_store_stats stats;
};

static struct timespec timespec_of_us(int64_t us)
{
    return (struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
}

/* Waits until the oldest job has waited its time, somebody flushes, or the batch is full; then
 * takes up to BATCH_MAX jobs. NULL: closing and nothing left. Called and returns locked. */
static struct item *take_batch(struct nvr_writer *writer, unsigned *ret_count)
{
    struct item *batch, *last;
    unsigned count = 1;

    while (!writer->head && !writer->closing)
        pthread_cond_wait(&writer->work, &writer->lock);
    if (!writer->head)
        return NULL;
    while (!writer->closing && writer->flush_to <= writer->completed &&
           writer->posted - writer->completed < BATCH_MAX) {
        const int64_t due_us = writer->head->queued_us + INT64_C(1000) * NVR_STORE_COMMIT_MS;
        const struct timespec due = timespec_of_us(due_us);

        if (nvr_clock_mono_us() >= due_us)
            break;
        pthread_cond_timedwait(&writer->work, &writer->lock, &due);
    }
    batch = last = writer->head;
    for (; last->next && count < BATCH_MAX; count++)
        last = last->next;
    writer->head = last->next;
    if (!writer->head)
        writer->tail = &writer->head;
    last->next = NULL;
    *ret_count = count;
    return batch;
}

static int run_job(struct nvr_db *db, struct item *item)
{
    int r = nvr_db_exec(db, "SAVEPOINT job");

    if (r < 0)
        return r;
    r = item->job(db, item->arg);
    if (r >= 0)
        r = nvr_db_exec(db, "RELEASE job");
    /* SQLite may have given up the whole transaction by itself (full disk, unreadable page). */
    if (r < 0 && !sqlite3_get_autocommit(db->handle))
        (void)sqlite3_exec(db->handle, "ROLLBACK TO job; RELEASE job", NULL, NULL, NULL);
    return r < 0 ? r : 0;
}

/* The transaction is gone: jobs from first up to (not with) end that had succeeded have failed. */
static void fail_all(struct item *first, const struct item *end, int error)
{
    for (struct item *item = first; item != end; item = item->next) {
        if (item->result == 0)
            item->result = error;
    }
}

/* Jobs from first on in one transaction. Returns where to go on: NULL when the batch is done, or
 * the job behind the one that cost us the transaction. */
static struct item *run_transaction(struct nvr_db *db, struct item *first)
{
    struct item *item;
    int r = nvr_db_exec(db, "BEGIN IMMEDIATE");

    if (r < 0) {
        fail_all(first, NULL, r);
        return NULL;
    }
    for (item = first; item; item = item->next) {
        item->result = run_job(db, item);
        if (item->result < 0 && sqlite3_get_autocommit(db->handle)) {
            fail_all(first, item, item->result);
            return item->next;
        }
    }
    r = nvr_db_exec(db, "COMMIT");
    if (r < 0) {
        log_debug_err(r, "commit: %s", nvr_db_words(db));
        if (!sqlite3_get_autocommit(db->handle))
            (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
        fail_all(first, NULL, r);
    }
    return NULL;
}

static void commit_batch(struct nvr_writer *writer, struct item *batch, unsigned count)
{
    const int64_t start_us = nvr_clock_mono_us();
    int64_t took_us;
    unsigned failed = 0;
    uint64_t number;

    for (struct item *from = batch; from;)
        from = run_transaction(writer->db, from);
    took_us = nvr_clock_mono_us() - start_us;

    pthread_mutex_lock(&writer->lock);
    number = writer->completed;
    for (const struct item *item = batch; item; item = item->next) {
        number++;
        if (item->result == 0)
            continue;
        failed++;
        writer->last_failed = number;
        writer->last_failure = item->result;
    }
    writer->stats.commits++;
    writer->stats.jobs += count;
    writer->stats.failed += failed;
    writer->stats.last_commit_us = took_us;
    writer->stats.longest_commit_us = NVR_MAX(writer->stats.longest_commit_us, took_us);
    /* A failure of some jobs is theirs; when all failed the database is in trouble. */
    writer->stats.last_error = failed == count ? batch->result : 0;
    pthread_mutex_unlock(&writer->lock);
}

static void finish_batch(struct nvr_writer *writer, struct item *batch, unsigned count)
{
    while (batch) {
        struct item *item = batch;

        batch = item->next;
        if (item->done)
            item->done(item->result, item->arg);
        free(item);
    }
    pthread_mutex_lock(&writer->lock);
    writer->completed += count;
    pthread_cond_broadcast(&writer->finished);
    pthread_mutex_unlock(&writer->lock);
}

static void *writer_main(void *arg)
{
    struct nvr_writer *writer = arg;
    struct item *batch;
    unsigned count = 0;

    for (;;) {
        pthread_mutex_lock(&writer->lock);
        batch = take_batch(writer, &count);
        pthread_mutex_unlock(&writer->lock);
        if (!batch)
            return NULL;
        commit_batch(writer, batch, count);
        finish_batch(writer, batch, count);
    }
}

int nvr_writer_start(struct nvr_db *db_take, struct nvr_writer **ret_writer)
{
    struct nvr_writer *writer = calloc(1, sizeof(*writer));
    pthread_condattr_t attr;
    int r;

    assert(db_take && ret_writer);
    if (!writer) {
        nvr_db_close(db_take);
        return -ENOMEM;
    }
    writer->db = db_take;
    writer->tail = &writer->head;
    pthread_mutex_init(&writer->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&writer->work, &attr);
    pthread_cond_init(&writer->finished, &attr);
    pthread_condattr_destroy(&attr);
    r = -pthread_create(&writer->thread, NULL, writer_main, writer);
    writer->running = r == 0;
    if (r < 0) {
        nvr_writer_stop(writer);
        return r;
    }
    *ret_writer = writer;
    return 0;
}

void nvr_writer_stop(struct nvr_writer *writer)
{
    if (!writer)
        return;
    if (writer->running) {
        pthread_mutex_lock(&writer->lock);
        writer->closing = true;
        pthread_cond_signal(&writer->work);
        pthread_mutex_unlock(&writer->lock);
        pthread_join(writer->thread, NULL);
        (void)sqlite3_exec(writer->db->handle, "PRAGMA optimize", NULL, NULL, NULL);
    }
    nvr_db_close(writer->db);
    pthread_cond_destroy(&writer->work);
    pthread_cond_destroy(&writer->finished);
    pthread_mutex_destroy(&writer->lock);
    free(writer);
}

int nvr_writer_post(struct nvr_writer *writer, nvr_store_job job, nvr_store_done done, void *arg)
{
    struct item *item = malloc(sizeof(*item));
    int r = 0;

    assert(writer && job);
    if (!item)
        return -ENOMEM;
    *item = (struct item){.job = job, .done = done, .arg = arg, .queued_us = nvr_clock_mono_us()};
    pthread_mutex_lock(&writer->lock);
    if (writer->closing)
        r = -ECANCELED;
    else if (writer->posted - writer->completed >= NVR_STORE_QUEUE_MAX)
        r = -ENOBUFS;
    if (r == 0) {
        /* The thread sleeps without a deadline only when the queue is empty. */
        if (!writer->head || writer->posted - writer->completed + 1 >= BATCH_MAX)
            pthread_cond_signal(&writer->work);
        *writer->tail = item;
        writer->tail = &item->next;
        writer->posted++;
    }
    pthread_mutex_unlock(&writer->lock);
    if (r < 0)
        free(item);
    return r;
}

int nvr_writer_flush(struct nvr_writer *writer, unsigned timeout_ms)
{
    const struct timespec due = timespec_of_us(nvr_clock_mono_us() + (int64_t)timeout_ms * 1000);
    uint64_t from, to;
    int r = 0;

    pthread_mutex_lock(&writer->lock);
    from = writer->completed;
    to = writer->posted;
    writer->flush_to = NVR_MAX(writer->flush_to, to);
    pthread_cond_signal(&writer->work);
    while (writer->completed < to && r == 0)
        r = -pthread_cond_timedwait(&writer->finished, &writer->lock, &due);
    if (writer->completed >= to)
        r = writer->last_failed > from && writer->last_failed <= to ? writer->last_failure : 0;
    pthread_mutex_unlock(&writer->lock);
    return r;
}

void nvr_writer_get_stats(struct nvr_writer *writer, struct nvr_store_stats *ret_stats)
{
    pthread_mutex_lock(&writer->lock);
    *ret_stats = writer->stats;
    ret_stats->queue_depth = (int64_t)(writer->posted - writer->completed);
    pthread_mutex_unlock(&writer->lock);
}
