/* Files outside of the recordings folder whose rows went (retention, deleting by hand, a camera
 * that was removed): the transaction that deletes a row notes its file in storage_removals, and
 * here they go, when their place can be reached. So nothing is left behind by a crash or a missing
 * disk. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/store/removals.h"
#include "src/storage/tiers.h"

NVR_LOG_TOPIC("tiers");

#define FIRST_MS 20000
#define RETRY_MS 30000
#define CALL_MS 30000
#define BATCH 32

struct item {
    int64_t location;
    char path[NVR_RECORDING_PATH_SIZE];
    bool gone;
};

/* One pass. */
struct removing {
    uv_work_t work;
    struct nvr_storage *storage;
    int64_t reachable[PLACES_MAX];
    size_t reachable_count;
    struct item items[BATCH];
    size_t count, next;
    bool more;    /* than fit */
    bool waiting; /* some are at a place that cannot be reached */
    int result;
};

struct removals {
    struct nvr_storage *storage;
    uv_timer_t *timer;
    bool busy, again, stopping;
};

/* ---- pool ---- */

static bool is_reachable(const struct removing *pass, int64_t location)
{
    for (size_t i = 0; i < pass->reachable_count; i++)
        if (pass->reachable[i] == location)
            return true;
    return false;
}

static int see(int64_t location, const char *path, void *arg)
{
    struct removing *pass = arg;

    if (!is_reachable(pass, location)) {
        pass->waiting = true;
        return 0;
    }
    if (pass->count == BATCH) {
        pass->more = true;
        return 1;
    }
    if (nvr_fmt(pass->items[pass->count].path, NVR_RECORDING_PATH_SIZE, "%s", path) < 0)
        return 0; /* no row can have had it */
    pass->items[pass->count++].location = location;
    return 0;
}

static void run(uv_work_t *work)
{
    struct removing *pass = work->data;
    struct nvr_db *db;

    pass->result = nvr_store_read_begin(pass->storage->store, &db);
    if (pass->result < 0)
        return;
    pass->result = nvr_removals_each(db, see, pass);
    nvr_store_read_end(pass->storage->store, db);
}

/* ---- loop ---- */

static void remove_next(struct removing *pass);

static void finish(void *arg)
{
    struct removing *pass = arg;
    struct nvr_storage *storage = pass->storage;
    struct removals *removals = storage->removals;
    bool all = true;

    if (pass->result < 0)
        (void)log_err(pass->result, "files of deleted recordings");
    for (size_t i = 0; i < pass->count; i++)
        all = all && pass->items[i].gone;
    removals->busy = false;
    if (removals->again || (pass->more && all && pass->result == 0)) {
        removals->again = false;
        removals_kick(storage);
    } else if (removals->timer && (pass->waiting || !all || pass->result < 0)) {
        (void)uv_timer_start(removals->timer, removals_on_timer, RETRY_MS, 0);
    }
    free(pass);
    storage_check_stopped(storage);
}

/* Writer thread. */
static int forget(struct nvr_db *db, void *arg)
{
    const struct removing *pass = arg;
    int r = 0;

    for (size_t i = 0; r == 0 && i < pass->count; i++)
        if (pass->items[i].gone)
            r = nvr_removals_done(db, pass->items[i].location, pass->items[i].path);
    return r;
}

/* Writer thread. */
static void on_forgotten(int result, void *arg)
{
    struct removing *pass = arg;

    pass->result = result;
    if (nvr_post_send(pass->storage->post, finish, pass) < 0)
        log_debug("nobody waits for removals any more");
}

static void on_removed(const struct keeper_reply *reply, void *arg)
{
    struct removing *pass = arg;
    struct item *item = &pass->items[pass->next++];

    item->gone = reply->error == 0;
    if (reply->error < 0)
        log_warn("the file of a deleted recording, '%s', waits: %s", item->path, reply->words);
    remove_next(pass);
}

static void remove_next(struct removing *pass)
{
    struct places *places = tiers_get_places(pass->storage);

    while (pass->next < pass->count && !pass->storage->stopping) {
        const struct item *item = &pass->items[pass->next];
        const struct place *place = places_find(places, item->location);
        json_t *at = place ? place_to_call(place) : NULL;

        if (at) {
            keeper_call_take(places_get_keeper(places), "remove",
                             json_pack("{s:o, s:s}", "at", at, "path", item->path), CALL_MS,
                             on_removed, pass);
            return;
        }
        pass->next++;
    }
    if (pass->count == 0 || nvr_store_write(pass->storage->store, forget, on_forgotten, pass) < 0)
        finish(pass);
}

static void on_read(uv_work_t *work, int status)
{
    struct removing *pass = work->data;

    if (status < 0 || pass->result < 0)
        finish(pass);
    else
        remove_next(pass);
}

void removals_kick(struct nvr_storage *storage)
{
    struct removals *removals = storage->removals;
    struct places *places = tiers_get_places(storage);
    struct removing *pass;

    if (!removals || removals->stopping || !places)
        return;
    if (removals->busy) {
        removals->again = true;
        return;
    }
    pass = calloc(1, sizeof(*pass));
    if (!pass)
        return;
    pass->storage = storage;
    pass->work.data = pass;
    pass->reachable_count = places_list_removable(places, pass->reachable);
    removals->busy = uv_queue_work(storage->loop, &pass->work, run, on_read) == 0;
    if (!removals->busy)
        free(pass);
}

void removals_on_timer(uv_timer_t *timer)
{
    const struct removals *removals = timer->data;

    removals_kick(removals->storage);
}

/* ---- the part ---- */

int removals_start(struct nvr_storage *storage)
{
    struct removals *removals = calloc(1, sizeof(*removals));

    if (!removals)
        return -ENOMEM;
    storage->removals = removals;
    removals->storage = storage;
    removals->timer = nvr_timer_new(storage->loop, removals);
    if (!removals->timer)
        return -ENOMEM;
    return uv_timer_start(removals->timer, removals_on_timer, FIRST_MS, 0);
}

void removals_stop(struct nvr_storage *storage)
{
    if (!storage->removals)
        return;
    storage->removals->stopping = true;
    nvr_timer_free(NVR_TAKE(storage->removals->timer));
}

bool removals_is_idle(const struct nvr_storage *storage)
{
    return !storage->removals || !storage->removals->busy;
}

void removals_free(struct nvr_storage *storage)
{
    if (storage->removals)
        nvr_timer_free(storage->removals->timer);
    free(NVR_TAKE(storage->removals));
}
