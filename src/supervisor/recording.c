/* When cameras record: modes, schedules and triggers become windows for the workers.
 *
 * One timer for all cameras, armed for the next moment at which something changes by itself. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "src/supervisor/private.h"

NVR_LOG_TOPIC("recording");

#define LOOK_MAX_MS 10000  /* the wall clock may be set meanwhile */
#define CLOCK_JUMP_MS 2000 /* so far it was set, not slewed */
#define TRIGGER_PAST_MS 3600000
#define TRIGGER_JOIN_MS 1000  /* motion that goes on is one trigger … */
#define MOTION_MAX_MS 3600000 /* … up to this long */

static struct recording_rules rules_of(const struct camera *camera)
{
    const struct nvr_camera_config *config = &camera->config;

    return (struct recording_rules){
        .enabled = config->recording.enabled,
        .mode = config->recording.mode,
        .schedule = &config->recording.schedule,
        .zone = camera->supervisor->recording.zone,
        .pre_ms = config->recording.pre_buffer_seconds * INT64_C(1000),
        .post_ms = config->recording.post_buffer_seconds * INT64_C(1000),
    };
}

static int64_t ms_to_us(int64_t ms)
{
    return ms > INT64_MAX / 1000 ? INT64_MAX : ms * 1000;
}

json_t *recording_window_to_json(const struct camera *camera)
{
    return json_pack("{s:I, s:I}", "from_us", (json_int_t)ms_to_us(camera->now.from_ms), "until_us",
                     (json_int_t)ms_to_us(camera->now.until_ms));
}

static void store_trigger(struct camera *camera, const struct nvr_trigger *trigger);

static void tell_worker(struct camera *camera)
{
    int r;

    if (!camera->worker.rpc)
        return; /* the start of the next one says it */
    r = nvr_rpc_notify(camera->worker.rpc, "record", recording_window_to_json(camera), NULL, 0);
    if (r < 0)
        (void)log_err(r, "worker %s: record", camera->config.id);
}

static void arm(struct nvr_supervisor *sv)
{
    const int64_t now_ms = nvr_clock_wall_ms();
    int64_t next_ms = INT64_MAX;

    if (!sv->recording.timer)
        return;
    for (const struct camera *camera = sv->cameras; camera; camera = camera->next)
        if (!camera->removed)
            next_ms = NVR_MIN(next_ms, camera->now.next_look_ms);
    if (next_ms == INT64_MAX)
        (void)uv_timer_stop(sv->recording.timer);
    else
        (void)uv_timer_start(
            sv->recording.timer, sv->recording.on_timer,
            (uint64_t)NVR_MAX(NVR_MIN(next_ms - now_ms, (int64_t)LOOK_MAX_MS), (int64_t)1), 0);
}

static void look(struct camera *camera)
{
    const struct recording_rules rules = rules_of(camera);
    const struct recording_now before = camera->now;

    camera->now = recording_plan_look(&camera->plan, &rules, nvr_clock_wall_ms());
    if (before.mode != camera->now.mode || before.reason != camera->now.reason)
        log_info("camera %s: mode %s, recording: %s", camera->config.id,
                 nvr_record_mode_name(camera->now.mode), recording_reason_name(camera->now.reason));
    if ((before.reason == RECORDING_OFF) != (camera->now.reason == RECORDING_OFF))
        recording_gaps_update(camera);
    if (before.from_ms != camera->now.from_ms || before.until_ms != camera->now.until_ms)
        tell_worker(camera);
}

/* All windows are in wall time: when that was set they move along. */
static void follow_clock(struct nvr_supervisor *sv)
{
    const int64_t offset_ms = nvr_clock_wall_ms() - nvr_clock_mono_ms();
    const int64_t by_ms = offset_ms - sv->recording.clock_ms;

    if (by_ms > -CLOCK_JUMP_MS && by_ms < CLOCK_JUMP_MS)
        return;
    sv->recording.clock_ms = offset_ms;
    log_warn("the system's clock was set by %lld ms", (long long)by_ms);
    for (struct camera *camera = sv->cameras; camera; camera = camera->next) {
        struct nvr_trigger *manual = &camera->last_triggers[NVR_TRIGGER_MANUAL];

        recording_plan_shift(&camera->plan, by_ms);
        for (int i = 0; i < NVR_TRIGGER_KINDS; i++) {
            camera->last_triggers[i].start_ms += by_ms;
            camera->last_triggers[i].end_ms += by_ms;
        }
        if (manual->id && camera->plan.spans[NVR_TRIGGER_MANUAL].is_set)
            store_trigger(camera, manual); /* a restart of Heron finds it */
    }
}

void recording_update(struct camera *camera)
{
    follow_clock(camera->supervisor);
    look(camera);
    arm(camera->supervisor);
}

static void on_timer(uv_timer_t *timer)
{
    struct nvr_supervisor *sv = timer->data;

    follow_clock(sv);
    for (struct camera *camera = sv->cameras; camera; camera = camera->next)
        if (!camera->removed)
            look(camera);
    arm(sv);
}

/* ---- triggers ---- */

struct trigger_write {
    struct nvr_trigger trigger;
    int64_t pre_ms, post_ms;
};

static int write_trigger(struct nvr_db *db, void *arg)
{
    const struct trigger_write *write = arg;
    const struct nvr_trigger *trigger = &write->trigger;
    int r = nvr_triggers_put(db, trigger);

    if (r == 0 && trigger->kind != NVR_TRIGGER_MANUAL)
        r = nvr_triggers_mark(db, trigger->camera_id, trigger->start_ms, trigger->end_ms,
                              write->pre_ms, write->post_ms);
    return r;
}

static void on_written(int result, void *arg)
{
    struct trigger_write *write = arg;

    if (result < 0)
        (void)log_err(result, "store a trigger of %s", write->trigger.camera_id);
    free(write);
}

static void store_trigger(struct camera *camera, const struct nvr_trigger *trigger)
{
    const struct recording_rules rules = rules_of(camera);
    struct trigger_write *write = malloc(sizeof(*write));
    int r = write ? 0 : -ENOMEM;

    if (r == 0) {
        *write = (struct trigger_write){*trigger, rules.pre_ms, rules.post_ms};
        r = nvr_store_write(camera->supervisor->store, write_trigger, on_written, write);
    }
    if (r < 0) {
        (void)log_err(r, "store a trigger of %s", camera->config.id);
        free(write);
    }
}

/* Motion that goes on is told again and again: one row, whose end moves. */
static bool continues(const struct nvr_trigger *last, const struct nvr_trigger *trigger)
{
    return last->id && trigger->kind == NVR_TRIGGER_MOTION &&
           strcmp(last->source, trigger->source) == 0 && strcmp(last->label, trigger->label) == 0 &&
           trigger->start_ms >= last->start_ms &&
           trigger->start_ms <= last->end_ms + TRIGGER_JOIN_MS &&
           trigger->end_ms - last->start_ms <= MOTION_MAX_MS;
}

/* Takes the trigger into force and into the store; its id is filled in. Returns the end of its
 * window. */
static int64_t apply_trigger(struct camera *camera, struct nvr_trigger *trigger)
{
    const struct recording_rules rules = rules_of(camera);
    struct nvr_trigger *last = &camera->last_triggers[trigger->kind];

    follow_clock(camera->supervisor); /* the trigger is of the new time */
    if (continues(last, trigger)) {
        trigger->id = last->id;
        trigger->start_ms = last->start_ms;
        trigger->end_ms = NVR_MAX(trigger->end_ms, last->end_ms);
    } else if (!trigger->id) {
        trigger->id = ++camera->supervisor->recording.last_id;
    }
    *last = *trigger;
    recording_plan_add(&camera->plan, &rules, trigger->kind, trigger->start_ms, trigger->end_ms,
                       nvr_clock_wall_ms());
    recording_update(camera);
    store_trigger(camera, trigger);
    return trigger->end_ms + (trigger->kind == NVR_TRIGGER_MANUAL ? 0 : rules.post_ms);
}

static int copy_text(const json_t *data, const char *key, char dst[NVR_TRIGGER_TEXT_SIZE])
{
    const char *text = "";

    if (json_is_null(json_object_get(data, key)))
        return 0;
    if (nvr_json_get_str(data, key, &text) < 0 || !nvr_str_is_utf8(nvr_str_from(text)))
        return -EINVAL;
    return nvr_str_copy(dst, NVR_TRIGGER_TEXT_SIZE, nvr_str_from(text));
}

static int parse_trigger(const json_t *data, int64_t now_ms, struct nvr_trigger *ret_trigger)
{
    struct nvr_trigger trigger = {.start_ms = now_ms};
    const char *kind = "";

    if (nvr_json_get_str(data, "kind", &kind) != 1 ||
        nvr_json_get_int(data, "start", now_ms - TRIGGER_PAST_MS, now_ms + CLOCK_JUMP_MS,
                         &trigger.start_ms) < 0 ||
        copy_text(data, "source", trigger.source) < 0 ||
        copy_text(data, "label", trigger.label) < 0)
        return -EINVAL;
    if (strcmp(kind, "event") == 0)
        trigger.kind = NVR_TRIGGER_EVENT;
    else if (strcmp(kind, "motion") != 0)
        return -EINVAL;
    trigger.end_ms = trigger.start_ms;
    if (nvr_json_get_int(data, "end", trigger.start_ms,
                         now_ms + NVR_TRIGGER_SECONDS_MAX * INT64_C(1000), &trigger.end_ms) < 0)
        return -EINVAL;
    *ret_trigger = trigger;
    return 0;
}

/* Topic recording.trigger {camera, kind, start, end, label, source}: whoever it comes from. */
static void on_trigger(const struct nvr_bus_message *message, void *arg)
{
    struct nvr_supervisor *sv = arg;
    struct nvr_trigger trigger;
    struct camera *camera;
    const char *id = "";

    (void)nvr_json_get_str(message->data, "camera", &id);
    camera = cameras_find(sv, id);
    if (!camera || parse_trigger(message->data, nvr_clock_wall_ms(), &trigger) < 0) {
        log_warn("a trigger for camera '%.64s' is not valid: ignored", id);
        return;
    }
    memcpy(trigger.camera_id, camera->config.id, sizeof(trigger.camera_id));
    sv->recording.answer_until_ms = apply_trigger(camera, &trigger);
    sv->recording.answer_id = trigger.id;
}

int nvr_supervisor_record_trigger(struct nvr_supervisor *sv, const struct nvr_trigger *trigger,
                                  int64_t *ret_id, int64_t *ret_until_ms)
{
    if (!cameras_find(sv, trigger->camera_id))
        return -ENOENT;
    sv->recording.answer_id = 0;
    nvr_bus_publish_take(sv->bus, "recording.trigger",
                         json_pack("{s:s, s:s, s:I, s:I, s:s, s:s}", "camera", trigger->camera_id,
                                   "kind", nvr_trigger_kind_name(trigger->kind), "start",
                                   (json_int_t)trigger->start_ms, "end",
                                   (json_int_t)trigger->end_ms, "label", trigger->label, "source",
                                   trigger->source));
    if (!sv->recording.answer_id)
        return -EINVAL;
    *ret_id = sv->recording.answer_id;
    *ret_until_ms = sv->recording.answer_until_ms;
    return 0;
}

int nvr_supervisor_record_start(struct nvr_supervisor *sv, const char *id, int64_t duration_ms,
                                int64_t *ret_until_ms)
{
    struct camera *camera = cameras_find(sv, id);
    const int64_t now_ms = nvr_clock_wall_ms();
    struct nvr_trigger trigger = {.kind = NVR_TRIGGER_MANUAL, .start_ms = now_ms};
    const struct nvr_trigger *last;

    if (!camera)
        return -ENOENT;
    if (!camera->config.recording.enabled)
        return -EPERM;
    if (!camera->config.enabled || camera->stopped)
        return -ESHUTDOWN;
    follow_clock(sv);
    last = &camera->last_triggers[NVR_TRIGGER_MANUAL];
    trigger.end_ms = now_ms + duration_ms;
    if (last->id && camera->plan.spans[NVR_TRIGGER_MANUAL].is_set && last->end_ms > now_ms &&
        last->start_ms <= now_ms && trigger.end_ms - last->start_ms <= NVR_TRIGGER_SPAN_MAX_MS) {
        trigger.id = last->id; /* the same goes on, for the new duration */
        trigger.start_ms = last->start_ms;
    }
    memcpy(trigger.camera_id, camera->config.id, sizeof(trigger.camera_id));
    recording_plan_end(&camera->plan, NVR_TRIGGER_MANUAL);
    log_info("camera %s: recording by hand for %lld s", id, (long long)(duration_ms / 1000));
    *ret_until_ms = apply_trigger(camera, &trigger);
    return 0;
}

int nvr_supervisor_record_stop(struct nvr_supervisor *sv, const char *id)
{
    struct camera *camera = cameras_find(sv, id);
    const int64_t now_ms = nvr_clock_wall_ms();
    struct nvr_trigger *last;

    if (!camera)
        return -ENOENT;
    last = &camera->last_triggers[NVR_TRIGGER_MANUAL];
    recording_plan_end(&camera->plan, NVR_TRIGGER_MANUAL);
    recording_update(camera); /* follows the clock, too */
    if (!last->id || last->end_ms <= now_ms)
        return 0;
    log_info("camera %s: recording by hand stopped", id);
    last->end_ms = NVR_MAX(last->start_ms, now_ms);
    store_trigger(camera, last);
    last->id = 0;
    return 0;
}

/* ---- what is told ---- */

static json_t *time_or_null(int64_t ms, bool is_set)
{
    return is_set && ms != INT64_MAX ? json_integer((json_int_t)ms) : json_null();
}

json_t *recording_now_to_json(const struct camera *camera)
{
    const struct recording_now *now = &camera->now;

    return json_pack("{s:s, s:s, s:o, s:o}", "mode", nvr_record_mode_name(now->mode), "reason",
                     recording_reason_name(now->reason), "until",
                     time_or_null(now->until_ms, now->reason != RECORDING_OFF), "next_change",
                     time_or_null(now->next_mode_ms, true));
}

void recording_tell(struct camera *camera)
{
    const bool active = camera->recording_active;
    const char *reason = recording_reason_name(camera->now.reason);

    if (camera->recording_told == active)
        return;
    camera->recording_told = active;
    if (!active && camera->now.reason != RECORDING_OFF)
        reason = "interrupted";
    nvr_bus_publish_take(camera->supervisor->bus,
                         active ? "recording.started" : "recording.stopped",
                         json_pack("{s:s, s:s}", "camera", camera->config.id, "reason", reason));
}

void recording_get_rolls(const struct nvr_supervisor *sv, const char *id, int64_t *ret_pre_ms,
                         int64_t *ret_post_ms)
{
    *ret_pre_ms = *ret_post_ms = 0;
    for (const struct camera *camera = sv->cameras; camera; camera = camera->next) {
        if (strcmp(camera->config.id, id) != 0)
            continue;
        const struct recording_rules rules = rules_of(camera);

        *ret_pre_ms = rules.pre_ms;
        *ret_post_ms = rules.post_ms;
    }
}

/* ---- start, configuration ---- */

void recording_use_zone(struct nvr_supervisor *sv, const char *name)
{
    struct nvr_zone *zone = NULL;
    const int r = nvr_zone_open(name, &zone); /* checked with the configuration */

    if (r < 0)
        (void)log_err(r, "time zone '%s': schedules go by UTC", name);
    nvr_zone_free(sv->recording.zone);
    sv->recording.zone = zone;
}

static int restore(const struct nvr_trigger *trigger, void *arg)
{
    struct camera *camera = arg;
    const struct recording_rules rules = rules_of(camera);

    camera->last_triggers[trigger->kind] = *trigger;
    recording_plan_add(&camera->plan, &rules, trigger->kind, trigger->start_ms, trigger->end_ms,
                       trigger->start_ms);
    return 0;
}

/* Recordings by hand and post-rolls that Heron's end interrupted go on. */
static int restore_all(struct nvr_supervisor *sv)
{
    const int64_t now_ms = nvr_clock_wall_ms();
    struct nvr_db *db = NULL;
    int r = nvr_store_read_begin(sv->store, &db);

    if (r < 0)
        return r;
    r = nvr_triggers_last_id(db, &sv->recording.last_id);
    for (struct camera *camera = sv->cameras; camera && r == 0; camera = camera->next) {
        const struct recording_rules rules = rules_of(camera);

        r = nvr_triggers_each(db, camera->config.id, now_ms - rules.post_ms, now_ms + 1, restore,
                              camera);
    }
    nvr_store_read_end(sv->store, db);
    return r;
}

int recording_start(struct nvr_supervisor *sv)
{
    int r;

    sv->recording.clock_ms = nvr_clock_wall_ms() - nvr_clock_mono_ms();
    sv->recording.on_timer = on_timer;
    sv->recording.timer = nvr_timer_new(sv->loop, sv);
    if (!sv->recording.timer)
        return -ENOMEM;
    r = nvr_bus_subscribe(sv->bus, "recording.trigger", on_trigger, sv, &sv->recording.triggers);
    if (r == 0)
        r = restore_all(sv);
    if (r < 0)
        return log_err(r, "triggers of recordings");
    for (struct camera *camera = sv->cameras; camera; camera = camera->next)
        look(camera);
    arm(sv);
    return 0;
}

void recording_stop(struct nvr_supervisor *sv)
{
    nvr_timer_free(NVR_TAKE(sv->recording.timer));
    nvr_bus_unsubscribe(NVR_TAKE(sv->recording.triggers));
    nvr_zone_free(NVR_TAKE(sv->recording.zone));
}
