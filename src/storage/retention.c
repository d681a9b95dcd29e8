#include "src/storage/retention.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "src/storage/leases.h"
#include "src/storage/step.h"
#include "src/storage/sweeper.h"

NVR_LOG_TOPIC("retention");

#define GB 1e9
#define REFUSED_MS 30000 /* a recorder's word counts so long */

struct retention {
    struct nvr_storage *storage;
    struct sweeper *sweeper;
    uv_timer_t *timer;
    struct nvr_bus_subscription *errors, *config;
    struct step *step;       /* under way; NULL: between steps */
    bool again;              /* asked for while a step ran */
    int64_t refused_mono_ms; /* last time a recorder was told that the disk is full; 0: never */
    bool stopping;
    double bytes_per_second;
    struct clock_guard clock;
    /* of the last plan */
    bool going_on; /* deleting for want of space */
    enum retention_state state;
    bool clock_held, clock_judged;
};

static const struct nvr_metric deleted_bytes = {"heron_retention_deleted_bytes_total",
                                                "Bytes of recordings that retention deleted",
                                                NVR_METRIC_COUNTER};
static const struct nvr_metric deleted_segments = {"heron_retention_deleted_segments_total",
                                                   "Segments that retention deleted",
                                                   NVR_METRIC_COUNTER};

static void begin_step(struct retention *retention);

/* ---- what a step is told ---- */

bool retention_trusts_clock(const struct nvr_storage *storage)
{
    return storage->retention && storage->retention->clock_judged &&
           !storage->retention->clock_held;
}

struct policy_days retention_days(const struct nvr_storage *storage, const char *camera_id)
{
    const struct nvr_config *config = nvr_supervisor_get_config(storage->supervisor);
    const struct nvr_camera_config *camera = nvr_config_find_camera(config, camera_id);
    struct policy_days days = {.default_days = nvr_config_get_system(config)->default_days,
                               .events_days = RETENTION_EVENTS_DAYS};

    if (camera && camera->recording.default_days)
        days.default_days = camera->recording.default_days;
    if (camera)
        days.events_days = camera->recording.events_days;
    return days;
}

static int list_cameras(const struct nvr_storage *storage, struct step *step)
{
    struct nvr_supervisor *sv = storage->supervisor;
    const struct nvr_config *config = nvr_supervisor_get_config(sv);
    const size_t count = nvr_config_get_camera_count(config);

    step->cameras = calloc(count + 1, sizeof(*step->cameras));
    if (!step->cameras)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        struct step_camera *camera = &step->cameras[step->cameras_count++];
        int64_t end_ms;

        memcpy(camera->id, nvr_config_get_camera(config, i)->id, sizeof(camera->id));
        camera->days = retention_days(storage, camera->id);
        camera->comparing = nvr_supervisor_is_comparing(sv, camera->id);
        if (!nvr_supervisor_recording_now(sv, camera->id, &camera->writing_from_ms, &end_ms))
            camera->writing_from_ms = INT64_MAX;
    }
    step->others = retention_days(storage, "");
    return 0;
}

static int fill_step(struct retention *retention, struct step *step)
{
    const struct nvr_storage *storage = retention->storage;
    const char *dir = nvr_supervisor_get_recordings_dir(storage->supervisor);
    int r = nvr_fmt(step->recordings_dir, sizeof(step->recordings_dir), "%s", dir);

    if (r < 0)
        return r;
    step->store = storage->store;
    step->now_ms = nvr_clock_wall_ms();
    step->mono_ms = nvr_clock_mono_ms();
    step->clock = retention->clock;
    retention_get_limits(storage, &step->space);
    step->space.bytes_per_second = retention->bytes_per_second;
    step->going_on = retention->going_on;
    step->refused =
        retention->refused_mono_ms && step->mono_ms - retention->refused_mono_ms < REFUSED_MS;
    r = list_cameras(storage, step);
    return r < 0 ? r : leases_copy(&storage->leases, &step->leases);
}

/* ---- telling ---- */

void retention_tell_deleted(struct nvr_storage *storage, const char *camera_id, int64_t start_ms,
                            int64_t end_ms, int64_t segments, int64_t bytes, const char *reason)
{
    if (!nvr_bus_has_listener(storage->bus, "storage.deleted"))
        return;
    nvr_bus_publish_take(storage->bus, "storage.deleted",
                         json_pack("{s:s, s:I, s:I, s:I, s:I, s:s}", "camera", camera_id, "start",
                                   (json_int_t)start_ms, "end", (json_int_t)end_ms, "segments",
                                   (json_int_t)segments, "bytes", (json_int_t)bytes, "reason",
                                   reason));
}

/* One message per camera and reason. */
static void tell_step(struct retention *retention, const struct step *step)
{
    bool told[POLICY_BATCH] = {false};

    for (size_t i = 0; i < step->chooser.count; i++) {
        const struct policy_choice *first = &step->chooser.items[i];
        int64_t start_ms = INT64_MAX;
        int64_t end_ms = 0;
        int64_t bytes = 0;
        int64_t segments = 0;
        char labels[NVR_METRIC_LABELS_SIZE] = "";

        for (size_t k = i; k < step->chooser.count; k++) {
            const struct policy_choice *item = &step->chooser.items[k];

            if (!step->erased[k] || told[k] || item->reason != first->reason ||
                strcmp(item->segment.camera_id, first->segment.camera_id) != 0)
                continue;
            told[k] = true;
            segments++;
            bytes += item->segment.size;
            start_ms = NVR_MIN(start_ms, item->segment.start_ms);
            end_ms = NVR_MAX(end_ms, item->segment.end_ms);
        }
        if (!segments)
            continue;
        retention_tell_deleted(retention->storage, first->segment.camera_id, start_ms, end_ms,
                               segments, bytes, policy_reason_name(first->reason));
        (void)nvr_metric_label(labels, "reason", policy_reason_name(first->reason));
        nvr_metric_add(&deleted_segments, labels, (double)segments);
        nvr_metric_add(&deleted_bytes, "", (double)bytes);
    }
}

static void tell_clock(struct retention *retention, bool held)
{
    struct nvr_supervisor *sv = retention->storage->supervisor;

    if (held && !retention->clock_held)
        nvr_supervisor_warning_set(
            sv, "clock_implausible",
            "The system's clock is far ahead of the newest recordings. Until that is explained no "
            "recording is deleted for its age. Check the date and the time server; a clock that "
            "stays as it is for three days is believed");
    else if (!held && retention->clock_held)
        nvr_supervisor_warning_clear(sv, "clock_implausible");
    retention->clock_held = held;
}

static void tell_full(struct retention *retention, const struct step *step)
{
    struct nvr_storage *storage = retention->storage;
    const double protected_gb = (double)step->protected_bytes / GB;
    const double kept_gb = (double)step->chooser.kept_bytes / GB;

    nvr_supervisor_warning_set(
        storage->supervisor, "storage_full",
        "There is no room for recordings and nothing may be deleted: %.2f GB are protected, %.2f "
        "GB are being played or exported. Take protection away, free space or raise "
        "system.max_storage_gb",
        protected_gb, kept_gb);
    nvr_bus_publish_take(storage->bus, "storage.full",
                         json_pack("{s:I, s:I, s:I, s:I}", "protected_bytes",
                                   (json_int_t)step->protected_bytes, "kept_bytes",
                                   (json_int_t)step->chooser.kept_bytes, "used_bytes",
                                   (json_int_t)step->space.used_bytes, "free_bytes",
                                   (json_int_t)step->space.free_bytes));
}

static void tell_low(struct retention *retention, const struct step *step)
{
    nvr_bus_publish_take(retention->storage->bus, "storage.low",
                         json_pack("{s:I, s:I, s:I, s:I}", "used_bytes",
                                   (json_int_t)step->space.used_bytes, "max_bytes",
                                   (json_int_t)step->space.max_bytes, "free_bytes",
                                   (json_int_t)step->space.free_bytes, "min_free_bytes",
                                   (json_int_t)step->space.min_free_bytes));
}

static void note_plan(struct retention *retention, const struct step *step)
{
    const bool over = policy_is_over(&step->space) || step->refused;
    enum retention_state state = over ? RETENTION_LOW : RETENTION_OK;

    retention->clock = step->clock;
    retention->going_on = step->chooser.need_bytes > 0;
    retention->clock_judged = true;
    tell_clock(retention, step->clock_held);
    if (over && step->chooser.count == 0 && step->chooser.looked < POLICY_LOOKED_MAX)
        state = RETENTION_FULL;
    if (state == RETENTION_FULL && retention->state != RETENTION_FULL)
        tell_full(retention, step);
    else if (state != RETENTION_FULL && retention->state == RETENTION_FULL)
        nvr_supervisor_warning_clear(retention->storage->supervisor, "storage_full");
    if (state == RETENTION_LOW && retention->state == RETENTION_OK)
        tell_low(retention, step);
    retention->state = state;
}

/* ---- a step: plan, erase, sweep ---- */

static void on_timer(uv_timer_t *timer)
{
    struct retention *retention = timer->data;

    if (!retention->step)
        begin_step(retention);
}

/* more: the next step comes soon, else with the next pass. */
static void end_step(struct retention *retention, bool more)
{
    struct step *step = NVR_TAKE(retention->step);
    const bool hurry = policy_is_over(&step->space) || step->refused;
    int64_t pause_ms = step->sweep_us / 1000 * (hurry ? 1 : RETENTION_PAUSE_FACTOR);

    pause_ms = NVR_MAX(pause_ms, hurry ? RETENTION_HURRY_MIN_MS : RETENTION_PAUSE_MIN_MS);
    pause_ms = NVR_MIN(pause_ms, RETENTION_PAUSE_MAX_MS);
    if (!more && !retention->again)
        pause_ms =
            (int64_t)fmin(fmax(policy_seconds_left(&step->space) * 1000 / 2, RETENTION_SOON_MS),
                          RETENTION_EVERY_MS);
    retention->again = false;
    step_done(step);
    free(step);
    nvr_supervisor_hold_compare(retention->storage->supervisor, false);
    if (retention->stopping)
        storage_check_stopped(retention->storage);
    else
        (void)uv_timer_start(retention->timer, on_timer, (uint64_t)pause_ms, RETENTION_EVERY_MS);
}

static void write_rows(struct retention *retention);

static void on_swept(struct sweep_task *task)
{
    struct step *step = NVR_CONTAINER_OF(task, struct step, task);
    struct retention *retention = step->owner;

    if (step->stayed)
        log_warn("%u files of deleted recordings stay: they are indexed again at the next start",
                 step->stayed);
    if (step->files_first && !step->rows_gone) {
        write_rows(retention);
        return;
    }
    end_step(retention, true);
}

static void sweep(struct retention *retention)
{
    struct step *step = retention->step;

    step->task = (struct sweep_task){.run = step_sweep, .done = on_swept};
    sweeper_add(retention->sweeper, &step->task);
}

static void on_erased(void *arg)
{
    struct retention *retention = arg;
    struct step *step = retention->step;

    if (step->result == 0) {
        step->rows_gone = true;
        tell_step(retention, step);
        if (step->files_first)
            end_step(retention, true);
        else
            sweep(retention);
        return;
    }
    memset(step->erased, 0, sizeof(step->erased));
    if (step->result == -ENOSPC && !step->files_first) {
        log_warn("the database has no room to forget recordings: their files go first");
        step->files_first = true;
        sweep(retention);
        return;
    }
    (void)log_err(step->result, "forget recordings");
    end_step(retention, false);
}

/* In the writer's thread. */
static void on_written(int result, void *arg)
{
    struct step *step = arg;
    struct retention *retention = step->owner;

    step->result = result;
    if (nvr_post_send(retention->storage->post, on_erased, retention) < 0)
        log_debug("nobody waits for retention any more");
}

static void write_rows(struct retention *retention)
{
    const int r =
        nvr_store_write(retention->storage->store, step_erase, on_written, retention->step);

    if (r < 0) {
        (void)log_err(r, "forget recordings");
        end_step(retention, false);
    }
}

/* Somebody may have begun to read since the plan's copy of the leases was made. */
static void drop_leased(struct retention *retention)
{
    struct policy_chooser *chooser = &retention->step->chooser;
    const int64_t now_ms = nvr_clock_mono_ms();
    size_t kept = 0;

    for (size_t i = 0; i < chooser->count; i++) {
        const struct nvr_stored_segment *segment = &chooser->items[i].segment;

        if (leases_cover(&retention->storage->leases, segment->camera_id, segment->start_ms,
                         segment->end_ms, now_ms))
            continue;
        if (kept != i)
            chooser->items[kept] = chooser->items[i];
        kept++;
    }
    chooser->count = kept;
}

static void on_planned(struct sweep_task *task)
{
    struct step *step = NVR_CONTAINER_OF(task, struct step, task);
    struct retention *retention = step->owner;

    if (step->result < 0)
        (void)log_err(step->result, "look for recordings that may go");
    else
        note_plan(retention, step);
    if (step->result < 0 || retention->stopping || step->chooser.count == 0) {
        end_step(retention, false);
        return;
    }
    drop_leased(retention);
    if (step->chooser.count == 0)
        end_step(retention, true);
    else
        write_rows(retention);
}

/* A disk that is gone, read-only or another one: nothing is deleted, and nobody asks it anything.
 */
static bool may_delete(const struct retention *retention)
{
    struct nvr_supervisor_storage disk;

    nvr_supervisor_get_storage(retention->storage->supervisor, &disk);
    return disk.known && disk.error == 0 && !disk.hangs;
}

static void begin_step(struct retention *retention)
{
    struct step *step;
    int r;

    leases_expire(&retention->storage->leases, nvr_clock_mono_ms());
    if (!may_delete(retention))
        return;
    step = calloc(1, sizeof(*step));
    if (!step)
        return;
    step->owner = retention;
    r = fill_step(retention, step);
    if (r < 0) {
        (void)log_err(r, "prepare retention");
        step_done(step);
        free(step);
        return;
    }
    retention->step = step;
    nvr_supervisor_hold_compare(retention->storage->supervisor, true);
    step->task = (struct sweep_task){.run = step_plan, .done = on_planned};
    sweeper_add(retention->sweeper, &step->task);
}

/* ---- the part ---- */

void retention_kick(struct nvr_storage *storage, bool refused)
{
    struct retention *retention = storage->retention;

    if (!retention || retention->stopping || !retention->sweeper)
        return;
    if (refused)
        retention->refused_mono_ms = nvr_clock_mono_ms();
    if (retention->step)
        retention->again = true;
    else
        (void)uv_timer_start(retention->timer, on_timer, 0, RETENTION_EVERY_MS);
}

static void on_recording_error(const struct nvr_bus_message *message, void *arg)
{
    bool full = false;

    (void)nvr_json_get_bool(message->data, "full", &full);
    if (full)
        retention_kick(arg, true);
}

static void on_config(const struct nvr_bus_message *message, void *arg)
{
    (void)message;
    retention_kick(arg, false);
}

int retention_start(struct nvr_storage *storage)
{
    struct retention *retention = calloc(1, sizeof(*retention));
    int r;

    if (!retention)
        return -ENOMEM;
    storage->retention = retention;
    retention->storage = storage;
    retention->timer = nvr_timer_new(storage->loop, retention);
    if (!retention->timer)
        return -ENOMEM;
    r = sweeper_new(storage->post, &retention->sweeper);
    if (r == 0)
        r = nvr_bus_subscribe(storage->bus, "recording.error", on_recording_error, storage,
                              &retention->errors);
    if (r == 0)
        r = nvr_bus_subscribe(storage->bus, "config.changed", on_config, storage,
                              &retention->config);
    if (r == 0)
        r = uv_timer_start(retention->timer, on_timer, RETENTION_FIRST_MS, RETENTION_EVERY_MS);
    return r;
}

void retention_stop(struct nvr_storage *storage)
{
    struct retention *retention = storage->retention;

    if (!retention || retention->stopping)
        return;
    retention->stopping = true;
    nvr_bus_unsubscribe(NVR_TAKE(retention->errors));
    nvr_bus_unsubscribe(NVR_TAKE(retention->config));
    nvr_timer_free(NVR_TAKE(retention->timer));
}

bool retention_is_idle(const struct nvr_storage *storage)
{
    const struct retention *retention = storage->retention;

    return !retention ||
           (!retention->step && (!retention->sweeper || sweeper_is_idle(retention->sweeper)));
}

void retention_free(struct nvr_storage *storage)
{
    struct retention *retention = NVR_TAKE(storage->retention);

    leases_done(&storage->leases);
    if (!retention)
        return;
    sweeper_free(retention->sweeper);
    free(retention);
}

/* ---- for the others of src/storage ---- */

void nvr_storage_lease(struct nvr_storage *storage, const char *camera, int64_t start_ms,
                       int64_t end_ms, unsigned seconds)
{
    const int r =
        leases_take(&storage->leases, camera, start_ms, end_ms, seconds, nvr_clock_mono_ms());

    if (r < 0)
        (void)log_warn_err(r, "lease of %s", camera);
}

void retention_set_rate(struct nvr_storage *storage, double bytes_per_second)
{
    storage->retention->bytes_per_second = bytes_per_second;
}

void retention_get_limits(const struct nvr_storage *storage, struct policy_space *space)
{
    const struct nvr_system_config *system =
        nvr_config_get_system(nvr_supervisor_get_config(storage->supervisor));

    space->max_bytes = (int64_t)(system->max_storage_gb * GB);
    space->min_free_bytes = (int64_t)(system->min_free_gb * GB);
}

enum retention_state retention_get_state(const struct nvr_storage *storage)
{
    return storage->retention->state;
}

struct sweeper *retention_get_sweeper(const struct nvr_storage *storage)
{
    return storage->retention->sweeper;
}
