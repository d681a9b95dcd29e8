#include "src/supervisor/recording-gaps.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "lib/store/causes.h"
#include "src/supervisor/private.h"

NVR_LOG_TOPIC("recording");

#define TICK_MS 1000
#define LIFE_MS 5000 /* how often the lock file says that we live */
#define FLUSH_MS 2000
#define REPORT_MAX_MS (INT64_C(86400) * 1000)

static const struct nvr_metric gap_seconds = {
    "heron_recording_gap_seconds_total", "Time without a recording, by cause.", NVR_METRIC_COUNTER};
static const struct nvr_metric bytes_total = {"heron_recorded_bytes_total",
                                              "Bytes written to recordings.", NVR_METRIC_COUNTER};
static const struct nvr_metric segments_total = {
    "heron_segments_total", "Files of recordings that were finished.", NVR_METRIC_COUNTER};

/* ---- the table ---- */

struct cause_write {
    char camera_id[NVR_SLUG_SIZE];
    struct recording_state state;
    int64_t start_ms, end_ms; /* end 0: a change of the state */
    bool inside;
};

static int write_cause(struct nvr_db *db, void *arg)
{
    const struct cause_write *write = arg;

    if (write->inside)
        return nvr_causes_add_inside(db, write->camera_id, write->start_ms, write->end_ms,
                                     (enum nvr_cause)write->state.cause, write->state.detail);
    if (write->end_ms)
        return nvr_causes_add(db, write->camera_id, write->start_ms, write->end_ms,
                              (enum nvr_cause)write->state.cause, write->state.detail);
    return nvr_causes_change(db, write->camera_id, write->state.cause, write->state.detail,
                             write->start_ms);
}

/* In the writer's thread. */
static void on_written(int result, void *arg)
{
    if (result < 0)
        (void)log_err(result, "write why a camera is not recorded");
    free(arg);
}

static void store_cause(const struct camera *camera, const struct recording_state *state,
                        int64_t start_ms, int64_t end_ms, bool inside)
{
    struct cause_write *write = malloc(sizeof(*write));
    int r = -ENOMEM;

    if (write) {
        *write = (struct cause_write){
            .state = *state, .start_ms = start_ms, .end_ms = end_ms, .inside = inside};
        memcpy(write->camera_id, camera->config.id, sizeof(write->camera_id));
        r = nvr_store_write(camera->supervisor->store, write_cause, on_written, write);
    }
    if (r < 0) {
        (void)log_warn_err(r, "write why camera %s is not recorded", camera->config.id);
        free(write);
    }
}

/* ---- what is told ---- */

static void publish(const struct camera *camera, const struct recording_state *state,
                    int64_t start_ms, int64_t end_ms)
{
    json_t *data = json_pack(
        "{s:s, s:I, s:o, s:s, s:s, s:b}", "camera", camera->config.id, "start",
        (json_int_t)start_ms, "end", end_ms ? json_integer(end_ms) : json_null(), "cause",
        nvr_cause_name((enum nvr_cause)state->cause), "detail", state->detail, "open", end_ms == 0);

    nvr_bus_publish_take(camera->supervisor->bus, "recording.gap", data);
}

void recording_gaps_count(struct camera *camera)
{
    struct recording_watch *watch = &camera->recording;
    const int64_t now_ms = nvr_clock_mono_ms();
    char labels[NVR_METRIC_LABELS_SIZE] = "";

    if (watch->known && watch->state.cause != RECORDING && !camera->removed) {
        (void)nvr_metric_label(labels, "camera", camera->config.id);
        (void)nvr_metric_label(labels, "cause", nvr_cause_name((enum nvr_cause)watch->state.cause));
        nvr_metric_add(&gap_seconds, labels, (double)(now_ms - watch->counted_mono_ms) / 1000);
    }
    watch->counted_mono_ms = now_ms;
}

/* ---- the state ---- */

static enum recording_status status_of(const struct camera *camera)
{
    switch (camera->status) {
    case CAMERA_ONLINE:
        return RECORDING_ONLINE;
    case CAMERA_STARTING:
        return RECORDING_STARTING;
    default:
        return RECORDING_OFFLINE;
    }
}

/* When the newest picture of the main stream came, by the last heartbeat. 0: not known. */
static int64_t last_frame_ms(const struct camera *camera)
{
    int64_t at_ms = 0;

    if (camera->stats[0])
        (void)nvr_json_get_int(camera->stats[0], "last_frame_ms", 0, INT64_MAX / 2, &at_ms);
    return at_ms;
}

/* Heartbeats only come every few seconds: it is judged when one came. */
static bool is_silent(const struct camera *camera)
{
    const int64_t at_ms = last_frame_ms(camera);
    const int64_t beat_ms = camera->worker.alive_wall_ms;
    double fps = 0;
    int64_t limit_ms = RECORDING_SILENT_MS;

    if (!at_ms || !beat_ms)
        return false;
    (void)nvr_json_get_double(camera->stats[0], "fps", 0, 100000, &fps);
    if (fps > 0)
        limit_ms = NVR_MAX(limit_ms, (int64_t)(3000 / fps));
    return beat_ms - at_ms > limit_ms;
}

static struct recording_view view_of(const struct camera *camera)
{
    return (struct recording_view){
        .removed = camera->removed,
        .enabled = camera->config.enabled,
        .stopped = camera->stopped,
        .record = camera->config.recording.enabled,
        .stopping = camera->supervisor->stopping,
        .wanted = camera->now.reason != RECORDING_OFF,
        .mode = nvr_record_mode_name(camera->now.mode),
        .status = status_of(camera),
        .error_code = camera->error_code,
        .error = camera->error,
        .disk_error = camera->recording_error,
        .active = camera->recording_active,
        .silent = is_silent(camera),
    };
}

/* Pictures ended before anybody knew: the period begins with the last one. What was recorded wins
 * over a period that began too early. */
static int64_t start_of(const struct camera *camera, const struct recording_state *state)
{
    const struct recording_watch *watch = &camera->recording;
    const int64_t now_ms = nvr_clock_wall_ms();
    const int64_t frame_ms = last_frame_ms(camera);

    if (watch->state.cause != RECORDING || !watch->known || frame_ms < watch->since_ms)
        return now_ms;
    if (state->cause == NVR_CAUSE_NETWORK || state->cause == NVR_CAUSE_CAMERA ||
        state->cause == NVR_CAUSE_SYSTEM)
        return NVR_MIN(now_ms, frame_ms);
    return now_ms;
}

/* The same cause in other words. Only who is outside says something new by it. */
static bool is_same(const struct recording_watch *watch, const struct recording_state *state)
{
    return watch->known && watch->state.cause == state->cause &&
           (state->cause == RECORDING || state->cause == NVR_CAUSE_OPERATOR ||
            state->cause == NVR_CAUSE_SYSTEM || strcmp(watch->state.detail, state->detail) == 0);
}

static void change(struct camera *camera, const struct recording_state *state, int64_t at_ms)
{
    struct recording_watch *watch = &camera->recording;
    const bool was_gap = watch->known && watch->state.cause != RECORDING;
    const bool same_cause = was_gap && watch->state.cause == state->cause;

    recording_gaps_count(camera);
    /* The first words were said before the reason was understood. */
    if (same_cause && at_ms - watch->since_ms < RECORDING_DETAIL_MS && at_ms >= watch->since_ms) {
        watch->state = *state;
        store_cause(camera, state, watch->since_ms, 0, false);
        return;
    }
    if (was_gap && (watch->announced || at_ms - watch->since_ms >= NVR_TIMELINE_JOIN_MS))
        publish(camera, &watch->state, watch->since_ms, NVR_MAX(at_ms, watch->since_ms));
    watch->state = *state;
    watch->since_ms = at_ms;
    watch->announced = false;
    watch->known = true;
    store_cause(camera, state, at_ms, 0, false);
}

void recording_gaps_update(struct camera *camera)
{
    struct recording_watch *watch = &camera->recording;
    const struct recording_view view = view_of(camera);
    struct recording_state state;

    if (!camera->supervisor->gaps_timer)
        return; /* before the last run's rows were read, or when nothing is to be recorded */
    if (!watch->known)
        watch->state.cause = RECORDING;
    recording_cause(&view, &watch->state, &state);
    if (!is_same(watch, &state))
        change(camera, &state, start_of(camera, &state));
}

/* ---- files ---- */

void recording_gaps_heartbeat(struct camera *camera, const json_t *recording)
{
    struct recording_watch *watch = &camera->recording;
    const int64_t end_ms = NVR_MIN(last_frame_ms(camera), nvr_clock_wall_ms());
    char labels[NVR_METRIC_LABELS_SIZE] = "";
    int64_t bytes = 0;

    (void)nvr_json_get_int(recording, "bytes", 0, INT64_MAX, &bytes);
    (void)nvr_metric_label(labels, "camera", camera->config.id);
    nvr_metric_add(&bytes_total, labels,
                   (double)(bytes >= watch->bytes ? bytes - watch->bytes : bytes));
    watch->bytes = bytes;
    if (!camera->recording_start_ms || end_ms <= camera->recording_start_ms)
        return;
    if (!watch->file_start_ms || watch->file_start_ms > camera->recording_start_ms)
        watch->file_start_ms = camera->recording_start_ms;
    watch->file_end_ms = NVR_MAX(watch->file_end_ms, end_ms);
    watch->file_mono_ms = nvr_clock_mono_ms();
}

void recording_gaps_stored(struct camera *camera, int64_t start_ms, int64_t end_ms)
{
    struct recording_watch *watch = &camera->recording;
    char labels[NVR_METRIC_LABELS_SIZE] = "";

    (void)nvr_metric_label(labels, "camera", camera->config.id);
    nvr_metric_add(&segments_total, labels, 1);
    if (!watch->file_start_ms || start_ms < watch->file_start_ms)
        return;
    /* The next heartbeat tells when the next file began; until then it is where this one ended. */
    watch->file_start_ms =
        camera->recording_start_ms > start_ms ? camera->recording_start_ms : end_ms;
    if (watch->file_end_ms <= watch->file_start_ms || !camera->recording_active)
        watch->file_start_ms = watch->file_end_ms = 0;
}

void recording_gaps_report(struct camera *camera, const json_t *params)
{
    static const char *const words[NVR_CAUSES_COUNT] = {
        [NVR_CAUSE_OVERLOAD] = "The disk was too slow: pictures were lost.",
        [NVR_CAUSE_DISK] = "The disk did not take the pictures.",
        [NVR_CAUSE_NETWORK] = RECORDING_SILENT_WORDS,
    };
    struct recording_state state = {.cause = NVR_CAUSE_OVERLOAD};
    const char *name = "overload";
    int64_t from_ms = 0;
    int64_t to_ms = 0;
    bool inside = false;

    (void)nvr_json_get_bool(params, "inside", &inside);
    (void)nvr_json_get_str(params, "cause", &name);
    state.cause = nvr_cause_parse(name);
    if (state.cause < 0 ||
        nvr_json_get_int(params, "from_ms", 1, nvr_clock_wall_ms() + REPORT_MAX_MS, &from_ms) !=
            1 ||
        nvr_json_get_int(params, "to_ms", from_ms, from_ms + REPORT_MAX_MS, &to_ms) != 1) {
        log_warn("camera %s: bad gap message", camera->config.id);
        return;
    }
    (void)snprintf(state.detail, sizeof(state.detail), "%s",
                   words[state.cause] ? words[state.cause] : "");
    store_cause(camera, &state, from_ms, to_ms, inside);
    publish(camera, &state, from_ms, NVR_MAX(to_ms, from_ms + 1));
}

void nvr_supervisor_recording_view(struct nvr_supervisor *sv, const char *id,
                                   struct nvr_recording_view *ret_view)
{
    const struct camera *camera = cameras_find(sv, id);
    const struct recording_watch *watch = camera ? &camera->recording : NULL;
    const int64_t now_ms = nvr_clock_wall_ms();

    *ret_view = (struct nvr_recording_view){.known_until_ms = now_ms, .cause = -1};
    if (!watch)
        return;
    ret_view->since_ms = watch->since_ms;
    if (watch->file_start_ms && nvr_clock_mono_ms() - watch->file_mono_ms < RECORDING_FILE_MS) {
        ret_view->file_start_ms = watch->file_start_ms;
        ret_view->file_end_ms = NVR_MIN(watch->file_end_ms, now_ms);
    }
    if (!watch->known)
        return;
    ret_view->cause = watch->state.cause;
    memcpy(ret_view->detail, watch->state.detail, sizeof(ret_view->detail));
    /* What the newest seconds of a recording became is known a heartbeat later. */
    if (watch->state.cause == RECORDING)
        ret_view->known_until_ms = NVR_MIN(now_ms, NVR_MAX(watch->since_ms, ret_view->file_end_ms));
}

bool nvr_supervisor_recording_now(struct nvr_supervisor *sv, const char *id, int64_t *ret_start_ms,
                                  int64_t *ret_end_ms)
{
    struct nvr_recording_view view;

    nvr_supervisor_recording_view(sv, id, &view);
    if (!view.file_start_ms)
        return false;
    *ret_start_ms = view.file_start_ms;
    *ret_end_ms = view.file_end_ms;
    return true;
}

/* ---- start, ticks, end ---- */

/* The open periods of the last run. Heron was stopped in order when all are the operator's. */
static void load(struct camera *camera, struct nvr_db *db)
{
    struct nvr_supervisor *sv = camera->supervisor;
    struct recording_watch *watch = &camera->recording;
    const struct recording_state away = {.cause = NVR_CAUSE_SYSTEM,
                                         .detail = "Heron was not running."};
    struct nvr_cause_period open;
    int r = nvr_causes_get_open(db, camera->config.id, &open);
    int64_t life_ms = NVR_MIN(sv->last_life_ms, nvr_clock_wall_ms());

    if (r < 0 && r != -ENOENT)
        (void)log_warn_err(r, "read why camera %s was not recorded", camera->config.id);
    if (r == 0) {
        watch->known = true;
        watch->state.cause = (int)open.cause;
        memcpy(watch->state.detail, open.detail, sizeof(open.detail));
        watch->since_ms = open.start_ms;
        life_ms = NVR_MAX(life_ms, open.start_ms);
    } else if (camera->created_ms >= sv->started_wall_ms) {
        return; /* a new camera */
    } else {
        life_ms = NVR_MAX(life_ms, camera->created_ms);
    }
    watch->counted_mono_ms = nvr_clock_mono_ms();
    watch->announced = true; /* nobody heard of its beginning */
    if (r < 0 || open.cause != NVR_CAUSE_OPERATOR)
        change(camera, &away, life_ms);
}

static void on_tick(uv_timer_t *timer)
{
    struct nvr_supervisor *sv = timer->data;
    const int64_t now_ms = nvr_clock_wall_ms();

    for (struct camera *camera = sv->cameras; camera; camera = camera->next) {
        struct recording_watch *watch = &camera->recording;

        if (!watch->known || watch->state.cause == RECORDING || watch->announced ||
            now_ms - watch->since_ms < RECORDING_ANNOUNCE_MS)
            continue;
        watch->announced = true;
        publish(camera, &watch->state, watch->since_ms, 0);
    }
    if (nvr_clock_mono_ms() - sv->life_mono_ms < LIFE_MS)
        return;
    sv->life_mono_ms = nvr_clock_mono_ms();
    (void)futimens(sv->lock_fd, NULL);
}

int recording_gaps_start(struct nvr_supervisor *sv)
{
    struct nvr_db *db = NULL;
    int r;

    if (sv->maintenance)
        return 0;
    sv->gaps_timer = nvr_timer_new(sv->loop, sv);
    if (!sv->gaps_timer)
        return -ENOMEM;
    r = nvr_store_read_begin(sv->store, &db);
    if (r < 0)
        return log_err(r, "read why cameras were not recorded");
    for (struct camera *camera = sv->cameras; camera; camera = camera->next) {
        /* The camera's own last sign may be newer than the lock file's. */
        sv->last_life_ms = NVR_MAX(sv->last_life_ms, camera->last_seen_ms);
    }
    for (struct camera *camera = sv->cameras; camera; camera = camera->next)
        load(camera, db);
    nvr_store_read_end(sv->store, db);
    /* The first answer of the API says so already. */
    r = nvr_store_flush(sv->store, FLUSH_MS);
    if (r < 0)
        (void)log_warn_err(r, "write why cameras were not recorded");
    return uv_timer_start(sv->gaps_timer, on_tick, TICK_MS, TICK_MS);
}

void recording_gaps_stop(struct nvr_supervisor *sv)
{
    nvr_timer_free(NVR_TAKE(sv->gaps_timer));
}
