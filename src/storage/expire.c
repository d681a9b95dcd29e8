/* Recordings outside of the recordings folder that are too old: rows first, then files, a few at a
 * time. Only where the place can be reached: what cannot be removed now is not forgotten. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/store/causes.h"
#include "src/storage/retention.h"
#include "src/storage/tiers.h"

NVR_LOG_TOPIC("retention");

#define FIRST_MS 45000 /* retention looked at the clock before */
#define EVERY_MS 60000
#define SOON_MS 2000
#define BATCH 32
#define LOOKED_MAX 50000

struct expire_camera {
    char id[NVR_SLUG_SIZE];
    struct policy_days days;
};

/* One pass. */
struct expiring {
    uv_work_t work;
    struct nvr_storage *storage;
    int64_t now_ms;
    struct expire_camera *cameras;
    size_t cameras_count;
    struct policy_days others, days;
    struct nvr_stored_segment found[BATCH];
    bool erased[BATCH];
    size_t count, looked;
    bool full;
    int result;
};

struct expire {
    struct nvr_storage *storage;
    uv_timer_t *timer;
    bool busy, stopping;
};

/* ---- pool ---- */

static int see_segment(const struct nvr_stored_segment *segment, void *arg)
{
    struct expiring *pass = arg;

    if (policy_expires_ms(&pass->days, segment->rank, segment->end_ms) > pass->now_ms ||
        ++pass->looked > LOOKED_MAX)
        return 1;
    if (segment->location == NVR_LOCATION_HOT)
        return 0;
    if (pass->count == BATCH) {
        pass->full = true;
        return 1;
    }
    pass->found[pass->count++] = *segment;
    return 0;
}

struct usage_walk {
    struct expiring *pass;
    struct nvr_db *db;
};

static int see_camera(const struct nvr_usage *usage, void *arg)
{
    const struct usage_walk *walk = arg;
    struct expiring *pass = walk->pass;
    int64_t elsewhere = 0;
    int r = 0;

    for (int rank = 0; rank < NVR_RANKS; rank++)
        elsewhere += usage->segments[NVR_TIER_WARM][rank] + usage->segments[NVR_TIER_COLD][rank];
    if (elsewhere == 0)
        return 0;
    pass->days = pass->others;
    for (size_t i = 0; i < pass->cameras_count; i++)
        if (strcmp(pass->cameras[i].id, usage->camera_id) == 0)
            pass->days = pass->cameras[i].days;
    for (int rank = NVR_RANK_NOTHING; r == 0 && rank < NVR_RANK_PROTECTED; rank++)
        r = nvr_stored_of_rank(walk->db, usage->camera_id, (enum nvr_rank)rank, pass->now_ms,
                               see_segment, pass);
    return r;
}

static void run(uv_work_t *work)
{
    struct expiring *pass = work->data;
    struct usage_walk walk = {.pass = pass};

    pass->result = nvr_store_read_begin(pass->storage->store, &walk.db);
    if (pass->result < 0)
        return;
    pass->result = nvr_usage_each(walk.db, see_camera, &walk);
    nvr_store_read_end(pass->storage->store, walk.db);
}

/* ---- loop ---- */

static void on_timer(uv_timer_t *timer);

static void finish(struct expiring *pass)
{
    struct nvr_storage *storage = pass->storage;
    struct expire *expire = storage->expire;

    expire->busy = false;
    if (expire->timer)
        (void)uv_timer_start(expire->timer, on_timer,
                             pass->full && pass->count > 0 ? SOON_MS : EVERY_MS, EVERY_MS);
    free(pass->cameras);
    free(pass);
    storage_check_stopped(storage);
}

static void on_erased(void *arg)
{
    struct expiring *pass = arg;

    if (pass->result < 0)
        (void)log_err(pass->result, "forget recordings");
    for (size_t i = 0; pass->result == 0 && i < pass->count; i++) {
        const struct nvr_stored_segment *segment = &pass->found[i];

        if (!pass->erased[i])
            continue;
        retention_tell_deleted(pass->storage, segment->camera_id, segment->start_ms,
                               segment->end_ms, 1, segment->size, "expired");
    }
    removals_kick(pass->storage);
    finish(pass);
}

/* Writer thread. */
static int erase(struct nvr_db *db, void *arg)
{
    struct expiring *pass = arg;

    for (size_t i = 0; i < pass->count; i++) {
        const struct nvr_stored_segment *segment = &pass->found[i];
        int r = nvr_stored_delete(db, segment);

        pass->erased[i] = r > 0;
        if (r > 0)
            r = nvr_causes_add_deleted(db, segment->camera_id, segment->start_ms, segment->end_ms);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Writer thread. */
static void on_written(int result, void *arg)
{
    struct expiring *pass = arg;

    pass->result = result;
    if (nvr_post_send(pass->storage->post, on_erased, pass) < 0)
        log_debug("nobody waits for retention any more");
}

static void on_found(uv_work_t *work, int status)
{
    struct expiring *pass = work->data;
    struct nvr_storage *storage = pass->storage;
    const int64_t mono_ms = nvr_clock_mono_ms();
    size_t kept = 0;

    for (size_t i = 0; i < pass->count; i++) {
        const struct nvr_stored_segment *segment = &pass->found[i];

        if (tiers_can_remove(storage, segment->location) &&
            !leases_cover(&storage->leases, segment->camera_id, segment->start_ms, segment->end_ms,
                          mono_ms))
            pass->found[kept++] = *segment;
    }
    pass->count = kept;
    if (status < 0 || pass->result < 0 || kept == 0 || storage->stopping ||
        nvr_store_write(storage->store, erase, on_written, pass) < 0)
        finish(pass);
}

static int list_cameras(struct expiring *pass)
{
    const struct nvr_config *config = nvr_supervisor_get_config(pass->storage->supervisor);

    pass->cameras_count = nvr_config_get_camera_count(config);
    pass->cameras = calloc(pass->cameras_count + 1, sizeof(*pass->cameras));
    if (!pass->cameras)
        return -ENOMEM;
    for (size_t i = 0; i < pass->cameras_count; i++) {
        memcpy(pass->cameras[i].id, nvr_config_get_camera(config, i)->id, NVR_SLUG_SIZE);
        pass->cameras[i].days = retention_days(pass->storage, pass->cameras[i].id);
    }
    pass->others = retention_days(pass->storage, "");
    return 0;
}

static void on_timer(uv_timer_t *timer)
{
    struct expire *expire = timer->data;
    struct expiring *pass;

    if (expire->busy || expire->stopping || !retention_trusts_clock(expire->storage))
        return;
    pass = calloc(1, sizeof(*pass));
    if (!pass)
        return;
    pass->storage = expire->storage;
    pass->now_ms = nvr_clock_wall_ms();
    pass->work.data = pass;
    if (list_cameras(pass) < 0 ||
        uv_queue_work(expire->storage->loop, &pass->work, run, on_found) < 0) {
        free(pass->cameras);
        free(pass);
        return;
    }
    expire->busy = true;
}

int expire_start(struct nvr_storage *storage)
{
    struct expire *expire = calloc(1, sizeof(*expire));

    if (!expire)
        return -ENOMEM;
    storage->expire = expire;
    expire->storage = storage;
    expire->timer = nvr_timer_new(storage->loop, expire);
    if (!expire->timer)
        return -ENOMEM;
    return uv_timer_start(expire->timer, on_timer, FIRST_MS, EVERY_MS);
}

void expire_stop(struct nvr_storage *storage)
{
    if (!storage->expire)
        return;
    storage->expire->stopping = true;
    nvr_timer_free(NVR_TAKE(storage->expire->timer));
}

bool expire_is_idle(const struct nvr_storage *storage)
{
    return !storage->expire || !storage->expire->busy;
}

void expire_free(struct nvr_storage *storage)
{
    if (storage->expire)
        nvr_timer_free(storage->expire->timer);
    free(NVR_TAKE(storage->expire));
}
