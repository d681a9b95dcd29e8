/* Once a day: old status history goes, SQLite looks at its statistics. */
#include <errno.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/store/causes.h"
#include "lib/store/retention.h"
#include "src/supervisor/private.h"

NVR_LOG_TOPIC("daily");

#define DAY_MS INT64_C(86400000)
#define HISTORY_DAYS 90

struct trim {
    struct nvr_db *db;
    int64_t now_ms;
};

/* Triggers from before the oldest recording mark nothing any more. */
static int trim_triggers(const struct nvr_camera_row *row, void *arg)
{
    const struct trim *trim = arg;
    struct nvr_recordings_totals totals = {.first_ms = trim->now_ms};
    const int r = nvr_recordings_totals(trim->db, row->id, &totals);

    if (r < 0 && r != -ENOENT)
        return r;
    return nvr_triggers_delete(trim->db, row->id, totals.first_ms - DAY_MS);
}

static int tidy(struct nvr_db *db, void *arg)
{
    const int64_t *now_ms = arg;
    int r = nvr_camera_log_trim_all(db, *now_ms - HISTORY_DAYS * DAY_MS);

    if (r == 0)
        r = nvr_causes_trim_all(db, *now_ms - RECORDING_KEEP_DAYS * DAY_MS);
    if (r == 0)
        r = nvr_protected_tidy(db);
    if (r == 0)
        r = nvr_cameras_each(db, trim_triggers, &(struct trim){db, *now_ms});
    return r < 0 ? r : nvr_store_optimize(db);
}

static void on_tidy(int result, void *arg)
{
    if (result < 0)
        (void)log_err(result, "daily maintenance of the database");
    else
        log_debug("the database is tidy");
    free(arg);
}

static void on_timer(uv_timer_t *timer)
{
    struct nvr_supervisor *sv = timer->data;
    int64_t *now_ms = malloc(sizeof(*now_ms));

    if (!now_ms)
        return;
    *now_ms = nvr_clock_wall_ms();
    if (nvr_store_write(sv->store, tidy, on_tidy, now_ms) < 0)
        free(now_ms);
}

int daily_start(struct nvr_supervisor *sv, uint64_t first_ms)
{
    sv->daily_timer = nvr_timer_new(sv->loop, sv);
    if (!sv->daily_timer)
        return -ENOMEM;
    return uv_timer_start(sv->daily_timer, on_timer, first_ms, (uint64_t)DAY_MS);
}

void daily_stop(struct nvr_supervisor *sv)
{
    nvr_timer_free(NVR_TAKE(sv->daily_timer));
}
