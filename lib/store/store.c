#include "lib/store/store.h"

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "lib/store/db.h"
#include "lib/store/migrate.h"
#include "lib/store/writer.h"

NVR_LOG_TOPIC("store");

#define READER_WAIT_S 10

struct nvr_store {
    char *path;
    int lock_fd; /* keeps a second program off the same database */
    struct nvr_writer *writer;

    pthread_mutex_t lock; /* the pool's */
    pthread_cond_t returned;
    struct nvr_db *idle;
    unsigned readers; /* open connections, idle or lent */
};

static void store_free(struct nvr_store *store)
{
    struct nvr_db *db;

    if (!store)
        return;
    /* Readers first: the last connection to close, the writer's, folds the log into the file. */
    while ((db = store->idle)) {
        store->idle = db->next;
        nvr_db_close(db);
    }
    nvr_writer_stop(store->writer);
    pthread_cond_destroy(&store->returned);
    pthread_mutex_destroy(&store->lock);
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    free(store->path);
    free(store);
}
NVR_DEFINE_AUTO(nvr_store, store_free);

static int take_lock(struct nvr_store *store)
{
    char path[4096];
    int r = nvr_fmt(path, sizeof(path), "%s.lock", store->path);

    if (r < 0)
        return r;
    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock_fd < 0)
        return log_err(-errno, "open '%s'", path);
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno != EWOULDBLOCK)
        return log_err(-errno, "lock '%s'", path);
    log_error("the database '%s' is in use by another Heron", store->path);
    return -EBUSY;
}

static int open_writer(struct nvr_store *store)
{
    NVR_AUTO(nvr_db) db = NULL;
    int r = nvr_db_open(store->path, NVR_DB_WRITER, &db);

    if (r == 0)
        r = nvr_db_migrate(db, store->path, nvr_migrations, nvr_migrations_count);
    if (r == -EUCLEAN) {
        log_error("the database '%s' is damaged or no database (%s): move it away and start again "
                  "(recordings are found again from disk), or restore a copy",
                  store->path, db ? nvr_db_words(db) : "it cannot be read");
        return r;
    }
    if (r < 0)
        return log_err(r, "open the database '%s'", store->path);
    return nvr_writer_start(NVR_TAKE(db), &store->writer);
}

int nvr_store_open(const char *path, struct nvr_store **ret_store)
{
    NVR_AUTO(nvr_store) store = calloc(1, sizeof(*store));
    pthread_condattr_t attr;
    int r;

    assert(path && ret_store);
    if (!store)
        return -ENOMEM;
    store->lock_fd = -1;
    pthread_mutex_init(&store->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&store->returned, &attr);
    pthread_condattr_destroy(&attr);
    store->path = strdup(path);
    if (!store->path)
        return -ENOMEM;
    r = take_lock(store);
    if (r == 0)
        r = open_writer(store);
    if (r < 0)
        return r;
    *ret_store = NVR_TAKE(store);
    return 0;
}

void nvr_store_close(struct nvr_store *store)
{
    assert(!store || store->readers == 0 || store->idle); /* every reader was given back */
    store_free(store);
}

static int use_key(struct nvr_db *db, void *arg)
{
    db->key = arg;
    return 0;
}

int nvr_store_set_key(struct nvr_store *store, const struct nvr_signing_key *key)
{
    /* The queue keeps its order: whatever is written later is signed. */
    // NOLINTNEXTLINE(performance-no-int-to-ptr): sheds const on the way through void *
    return nvr_writer_post(store->writer, use_key, NULL, (void *)(uintptr_t)key);
}

int nvr_store_write(struct nvr_store *store, nvr_store_job job, nvr_store_done done, void *arg)
{
    return nvr_writer_post(store->writer, job, done, arg);
}

int nvr_store_flush(struct nvr_store *store, unsigned timeout_ms)
{
    return nvr_writer_flush(store->writer, timeout_ms);
}

int nvr_store_optimize(struct nvr_db *db)
{
    return nvr_db_exec(db, "PRAGMA optimize");
}

void nvr_store_get_stats(struct nvr_store *store, struct nvr_store_stats *ret_stats)
{
    nvr_writer_get_stats(store->writer, ret_stats);
}

/* 0 with an idle connection, or with NULL where one more may be opened. */
static int take_reader(struct nvr_store *store, struct nvr_db **ret_db)
{
    struct timespec deadline;
    int r = 0;

    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += READER_WAIT_S;
    pthread_mutex_lock(&store->lock);
    while (!store->idle && store->readers == NVR_STORE_READERS_MAX && r == 0)
        r = -pthread_cond_timedwait(&store->returned, &store->lock, &deadline);
    *ret_db = store->idle;
    if (store->idle) {
        store->idle = store->idle->next;
        r = 0;
    } else if (store->readers < NVR_STORE_READERS_MAX) {
        store->readers++;
        r = 0;
    }
    pthread_mutex_unlock(&store->lock);
    return r < 0 ? -EBUSY : 0;
}

static void drop_reader(struct nvr_store *store, struct nvr_db *db)
{
    nvr_db_close(db);
    pthread_mutex_lock(&store->lock);
    store->readers--;
    pthread_cond_signal(&store->returned);
    pthread_mutex_unlock(&store->lock);
}

int nvr_store_read_begin(struct nvr_store *store, struct nvr_db **ret_db)
{
    struct nvr_db *db = NULL;
    int r = take_reader(store, &db);

    if (r < 0)
        return r;
    if (!db)
        r = nvr_db_open(store->path, NVR_DB_READER, &db);
    /* One snapshot for all that is asked until read_end. */
    if (r == 0)
        r = nvr_db_exec(db, "BEGIN");
    if (r < 0) {
        drop_reader(store, db);
        return r;
    }
    *ret_db = db;
    return 0;
}

void nvr_store_read_end(struct nvr_store *store, struct nvr_db *db)
{
    if (!db)
        return;
    if (nvr_db_exec(db, "COMMIT") < 0) {
        drop_reader(store, db);
        return;
    }
    pthread_mutex_lock(&store->lock);
    db->next = store->idle;
    store->idle = db;
    pthread_cond_signal(&store->returned);
    pthread_mutex_unlock(&store->lock);
}
