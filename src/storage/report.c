#include "src/storage/report.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "src/storage/retention.h"
#include "src/storage/survey.h"

NVR_LOG_TOPIC("storage");

#define FIRST_MS 5000

static const struct nvr_metric metric_bytes = {"heron_storage_bytes", "Bytes of recordings",
                                               NVR_METRIC_GAUGE};
static const struct nvr_metric metric_days_left = {
    "heron_storage_days_left", "Days until recordings of this camera go for want of space",
    NVR_METRIC_GAUGE};
static const struct nvr_metric metric_free = {
    "heron_storage_free_bytes", "Bytes free on the disk of the recordings", NVR_METRIC_GAUGE};

struct waiter {
    nvr_storage_reported fn;
    void *arg;
    struct waiter *next;
};

struct report {
    struct nvr_storage *storage;
    uv_timer_t *timer;
    uv_work_t work;
    struct survey next, last; /* next: the pool's while working */
    bool working, stopping;
    int64_t mono_ms; /* of last; 0: none */
    struct waiter *waiters;
};

/* ---- JSON ---- */

static json_t *null_or(double value, bool is_null)
{
    return is_null ? json_null() : json_real(value);
}

static json_t *camera_to_json(const struct report *report, const struct survey_camera *camera)
{
    const struct nvr_usage *usage = &camera->usage;
    const struct nvr_camera_config *config = nvr_config_find_camera(
        nvr_supervisor_get_config(report->storage->supervisor), usage->camera_id);
    const double days_left = survey_days_left(&report->last, camera);
    json_int_t bytes = 0;
    json_int_t segments = 0;
    json_int_t ranks[NVR_RANKS] = {0};
    json_int_t tiers[NVR_TIERS] = {0};

    for (int tier = 0; tier < NVR_TIERS; tier++)
        for (int rank = 0; rank < NVR_RANKS; rank++) {
            bytes += usage->bytes[tier][rank];
            segments += usage->segments[tier][rank];
            ranks[rank] += usage->bytes[tier][rank];
            tiers[tier] += usage->bytes[tier][rank];
        }
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:{s:I, s:I, s:I}, s:I, s:I, s:I, s:{s:i, "
                     "s:i}, s:o}",
                     "camera", usage->camera_id, "name", config ? config->name : usage->camera_id,
                     "bytes", bytes, "segments", segments, "first", (json_int_t)camera->first_ms,
                     "last", (json_int_t)camera->last_ms, "tiers", "hot", tiers[NVR_TIER_HOT],
                     "warm", tiers[NVR_TIER_WARM], "cold", tiers[NVR_TIER_COLD], "protected_bytes",
                     ranks[NVR_RANK_PROTECTED], "event_bytes", ranks[NVR_RANK_EVENTS],
                     "bytes_per_day", (json_int_t)camera->bytes_per_day, "retention",
                     "default_days", (int)camera->days.default_days, "events_days",
                     (int)camera->days.events_days, "days_left", null_or(days_left, days_left < 0));
}

static json_t *forecast_to_json(const struct survey *survey)
{
    const struct policy_forecast *forecast = &survey->forecast;
    const bool fits = forecast->days_left < 0;
    const int64_t full_at = survey->now_ms + (int64_t)(forecast->days_left * (double)POLICY_DAY_MS);

    return json_pack("{s:I, s:o, s:o, s:s?}", "bytes_per_day", (json_int_t)forecast->bytes_per_day,
                     "days_left", null_or(forecast->days_left, fits), "full_at",
                     fits ? json_null() : json_integer(full_at), "limited_by",
                     policy_limit_name(forecast->limit));
}

static json_t *next_to_json(const struct survey *survey)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < survey->next_count; i++) {
        const struct survey_next *next = &survey->next[i];
        const struct nvr_stored_segment *segment = &next->segment;
        char id[NVR_RECORDING_ID_SIZE];

        nvr_recording_id(segment->camera_id, segment->start_ms, id);
        (void)json_array_append_new(
            list, json_pack("{s:s, s:s, s:I, s:I, s:I, s:i, s:s, s:I}", "id", id, "camera",
                            segment->camera_id, "start", (json_int_t)segment->start_ms, "end",
                            (json_int_t)segment->end_ms, "size", (json_int_t)segment->size, "rank",
                            (int)segment->rank, "reason", policy_reason_name(next->reason), "at",
                            (json_int_t)NVR_MAX(next->at_ms, survey->now_ms)));
    }
    return list;
}

static const char *hot_state(const struct nvr_supervisor_storage *disk)
{
    if (disk->error == -EROFS)
        return "readonly";
    if (disk->error)
        return "missing";
    if (disk->hangs)
        return "unreachable";
    return disk->low ? "low" : "ok";
}

/* The recordings folder; parts that know of more places add them. */
static json_t *hot_to_json(const struct report *report, enum retention_state state)
{
    const struct nvr_storage *storage = report->storage;
    struct nvr_supervisor_storage disk;
    json_int_t bytes = 0;
    json_int_t segments = 0;

    nvr_supervisor_get_storage(storage->supervisor, &disk);
    for (size_t i = 0; i < report->last.cameras_count; i++)
        for (int rank = 0; rank < NVR_RANKS; rank++) {
            bytes += report->last.cameras[i].usage.bytes[NVR_TIER_HOT][rank];
            segments += report->last.cameras[i].usage.segments[NVR_TIER_HOT][rank];
        }
    return json_pack("{s:s, s:s, s:s, s:s, s:s?, s:I, s:I, s:I, s:I}", "tier", "hot", "kind",
                     "folder", "address", nvr_supervisor_get_recordings_dir(storage->supervisor),
                     "state", state == RETENTION_FULL && !disk.error ? "full" : hot_state(&disk),
                     "error", disk.error ? nvr_strerror(disk.error) : NULL, "total_bytes",
                     (json_int_t)disk.total_bytes, "free_bytes", (json_int_t)disk.free_bytes,
                     "recordings_bytes", bytes, "segments", segments);
}

static json_t *to_json(const struct report *report)
{
    static const char *const states[] = {"ok", "low", "full"};
    const struct survey *survey = &report->last;
    const enum retention_state state = retention_get_state(report->storage);
    NVR_AUTO_JSON more = nvr_storage_to_json(report->storage);
    json_t *cameras = json_array();
    json_t *object;

    for (size_t i = 0; cameras && i < survey->cameras_count; i++)
        (void)json_array_append_new(cameras, camera_to_json(report, &survey->cameras[i]));
    object = json_pack(
        "{s:[o], s:I, s:I, s:s, s:o, s:o, s:o}", "locations", hot_to_json(report, state),
        "max_storage_bytes", (json_int_t)survey->space.max_bytes, "min_free_bytes",
        (json_int_t)survey->space.min_free_bytes, "state", states[state], "cameras", cameras,
        "forecast", forecast_to_json(survey), "next_deletions", next_to_json(survey));
    if (object && more) {
        (void)json_array_extend(json_object_get(object, "locations"),
                                json_object_get(more, "locations"));
        (void)json_object_update_missing(object, more);
    }
    return object;
}

/* ---- metrics ---- */

static void collect(void *arg)
{
    const struct report *report = arg;
    const struct survey *survey = &report->last;
    struct nvr_supervisor_storage disk;

    nvr_metric_clear(&metric_bytes);
    nvr_metric_clear(&metric_days_left);
    nvr_supervisor_get_storage(report->storage->supervisor, &disk);
    if (disk.known && !disk.error)
        nvr_metric_set(&metric_free, "", (double)disk.free_bytes);
    for (size_t i = 0; i < survey->cameras_count; i++) {
        const struct survey_camera *camera = &survey->cameras[i];
        const double days_left = survey_days_left(survey, camera);
        char labels[NVR_METRIC_LABELS_SIZE] = "";

        (void)nvr_metric_label(labels, "camera", camera->usage.camera_id);
        if (days_left >= 0)
            nvr_metric_set(&metric_days_left, labels, days_left);
        for (int tier = 0; tier < NVR_TIERS; tier++) {
            char both[NVR_METRIC_LABELS_SIZE];

            memcpy(both, labels, sizeof(both));
            (void)nvr_metric_label(both, "tier", nvr_tier_name((enum nvr_tier)tier));
            nvr_metric_set(&metric_bytes, both,
                           (double)survey_tier_bytes(&camera->usage, (enum nvr_tier)tier));
        }
    }
}

/* ---- the survey ---- */

static void answer(struct report *report, int result)
{
    struct waiter *waiter = NVR_TAKE(report->waiters);

    while (waiter) {
        struct waiter *next = waiter->next;

        waiter->fn(result, result < 0 ? NULL : to_json(report), waiter->arg);
        free(waiter);
        waiter = next;
    }
}

static void run(uv_work_t *work)
{
    struct report *report = work->data;

    survey_run(&report->next);
}

static void on_done(uv_work_t *work, int status)
{
    struct report *report = work->data;
    const int result = status < 0 ? status : report->next.result;

    report->working = false;
    if (result < 0) {
        (void)log_err(result, "survey the recordings");
        survey_done(&report->next);
    } else {
        /* The growth lives on in the next one. */
        survey_done(&report->last);
        report->last = report->next;
        report->mono_ms = nvr_clock_mono_ms();
        retention_set_rate(report->storage, report->last.space.bytes_per_second);
    }
    report->next = (struct survey){.store = NULL};
    answer(report, result);
    storage_check_stopped(report->storage);
}

static int list_days(const struct nvr_storage *storage, struct survey *survey)
{
    const struct nvr_config *config = nvr_supervisor_get_config(storage->supervisor);
    const size_t count = nvr_config_get_camera_count(config);

    survey->days = calloc(count + 1, sizeof(*survey->days));
    if (!survey->days)
        return -ENOMEM;
    survey->days_count = count + 1;
    for (size_t i = 0; i < count; i++)
        memcpy(survey->days[i].id, nvr_config_get_camera(config, i)->id, NVR_SLUG_SIZE);
    for (size_t i = 0; i <= count; i++)
        survey->days[i].days = retention_days(storage, survey->days[i].id);
    return 0;
}

static int prepare(struct report *report)
{
    struct nvr_storage *storage = report->storage;
    struct survey *survey = &report->next;
    struct nvr_supervisor_storage disk;

    *survey = (struct survey){.store = storage->store, .now_ms = nvr_clock_wall_ms()};
    retention_get_limits(storage, &survey->space);
    nvr_supervisor_get_storage(storage->supervisor, &disk);
    survey->space.total_bytes = disk.error ? 0 : (int64_t)disk.total_bytes;
    survey->space.free_bytes = (int64_t)disk.free_bytes;
    if (report->last.growth_count) {
        survey->growth = calloc(report->last.growth_count, sizeof(*survey->growth));
        if (!survey->growth)
            return -ENOMEM;
        survey->growth_count = report->last.growth_count;
        memcpy(survey->growth, report->last.growth, survey->growth_count * sizeof(*survey->growth));
    }
    return list_days(storage, survey);
}

static void begin(struct report *report)
{
    int r = prepare(report);

    if (r == 0)
        r = uv_queue_work(report->storage->loop, &report->work, run, on_done);
    if (r < 0) {
        survey_done(&report->next);
        answer(report, r);
        return;
    }
    report->working = true;
}

static void on_timer(uv_timer_t *timer)
{
    struct report *report = timer->data;

    if (!report->working)
        begin(report);
}

void nvr_storage_report(struct nvr_storage *storage, nvr_storage_reported fn, void *arg)
{
    struct report *report = storage->report;
    struct waiter *waiter;

    if (!report || report->stopping) {
        fn(-ECANCELED, NULL, arg);
        return;
    }
    if (report->mono_ms && nvr_clock_mono_ms() - report->mono_ms < REPORT_FRESH_MS) {
        fn(0, to_json(report), arg);
        return;
    }
    waiter = calloc(1, sizeof(*waiter));
    if (!waiter) {
        fn(-ENOMEM, NULL, arg);
        return;
    }
    *waiter = (struct waiter){fn, arg, report->waiters};
    report->waiters = waiter;
    if (!report->working)
        begin(report);
}

/* ---- the part ---- */

int report_start(struct nvr_storage *storage)
{
    struct report *report = calloc(1, sizeof(*report));
    int r;

    if (!report)
        return -ENOMEM;
    storage->report = report;
    report->storage = storage;
    report->work.data = report;
    report->timer = nvr_timer_new(storage->loop, report);
    if (!report->timer)
        return -ENOMEM;
    r = nvr_metrics_add_collector(collect, report);
    return r < 0 ? r : uv_timer_start(report->timer, on_timer, FIRST_MS, REPORT_EVERY_MS);
}

void report_stop(struct nvr_storage *storage)
{
    struct report *report = storage->report;

    if (!report || report->stopping)
        return;
    report->stopping = true;
    nvr_metrics_remove_collector(collect, report);
    nvr_timer_free(NVR_TAKE(report->timer));
}

bool report_is_idle(const struct nvr_storage *storage)
{
    return !storage->report || !storage->report->working;
}

void report_free(struct nvr_storage *storage)
{
    struct report *report = NVR_TAKE(storage->report);

    if (!report)
        return;
    survey_done(&report->last);
    free(report);
}
