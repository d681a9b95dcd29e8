/* The zygotes, one per program, and those before them whose workers still live (their log lines are
 * still read). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "src/supervisor/private.h"

NVR_LOG_TOPIC("zygote");

static const char *const camera_roles[] = {"camera", "probe"};

static void on_exit_report(struct nvr_zygote *zygote, pid_t pid, int code, int signal_number,
                           void *arg)
{
    const struct zygote_slot *slot = arg;
    struct nvr_supervisor *sv = slot->supervisor;

    (void)zygote;
    for (struct camera *camera = sv->cameras; camera; camera = camera->next)
        if (worker_handle_exit(&camera->worker, pid, code, signal_number))
            break;
    services_handle_exit(sv, pid, code, signal_number);
    /* Jobs and the indexer watch their sockets. */
    sv_check_stopped(sv);
}

static void on_line(struct nvr_zygote *zygote, const char *line, void *arg)
{
    (void)zygote;
    (void)arg;
    logs_forward_line(line);
}

static void retire(struct zygote_slot *slot, struct nvr_zygote *zygote)
{
    nvr_zygote_free(slot->retired[0]);
    for (size_t i = 1; i < ZYGOTES_RETIRED_MAX; i++)
        slot->retired[i - 1] = slot->retired[i];
    slot->retired[ZYGOTES_RETIRED_MAX - 1] = zygote;
}

static int start_one(struct zygote_slot *slot);

static void on_timer(uv_timer_t *timer)
{
    struct zygote_slot *slot = timer->data;
    int r;

    if (slot->supervisor->stopping || slot->zygote)
        return;
    r = start_one(slot);
    if (r < 0) {
        const int64_t delay = backoff_next(&slot->backoff, 0);

        nvr_supervisor_warning_set(slot->supervisor, slot->name, "%s cannot be started: %s: %s",
                                   slot->name, slot->program, nvr_strerror(r));
        (void)uv_timer_start(timer, on_timer, (uint64_t)delay, 0);
    }
}

static void on_close(struct nvr_zygote *zygote, int reason, void *arg)
{
    struct zygote_slot *slot = arg;

    if (zygote != slot->zygote)
        return;
    slot->zygote = NULL;
    retire(slot, zygote);
    if (slot->supervisor->stopping)
        return;
    log_warn("zygote %s ended (%d); starting another, the workers go on", slot->name, reason);
    const int64_t delay = backoff_next(&slot->backoff, nvr_clock_mono_ms() - slot->started_ms);

    (void)uv_timer_start(slot->timer, on_timer, (uint64_t)delay, 0);
}

static int start_one(struct zygote_slot *slot)
{
    static const struct nvr_zygote_handlers handlers = {
        .on_exit = on_exit_report, .on_line = on_line, .on_close = on_close};
    struct nvr_supervisor *sv = slot->supervisor;
    int r = nvr_zygote_start(sv->loop, slot->program, &handlers, slot, &slot->zygote);

    if (r < 0)
        return r;
    slot->started_ms = nvr_clock_mono_ms();
    slot->starts++;
    nvr_supervisor_warning_clear(sv, slot->name);
    log_info("zygote %s: pid %d", slot->name, (int)nvr_zygote_get_pid(slot->zygote));
    jobs_kick(&sv->jobs);
    return 0;
}

int zygotes_start(struct nvr_supervisor *sv)
{
    static const char *const names[PROGRAMS] = {"nvr-camera", "nvr-media"};
    int r = 0;

    for (size_t i = 0; r == 0 && i < PROGRAMS; i++) {
        struct zygote_slot *slot = &sv->zygotes[i];

        slot->supervisor = sv;
        slot->name = names[i];
        slot->timer = nvr_timer_new(sv->loop, slot);
        r = slot->timer ? start_one(slot) : -ENOMEM;
        if (r < 0)
            (void)log_err(r, "start '%s'", slot->program);
    }
    return r;
}

void zygotes_stop(struct nvr_supervisor *sv)
{
    for (size_t i = 0; i < PROGRAMS; i++) {
        struct zygote_slot *slot = &sv->zygotes[i];

        nvr_timer_free(NVR_TAKE(slot->timer));
        nvr_zygote_free(NVR_TAKE(slot->zygote));
        for (size_t n = 0; n < ZYGOTES_RETIRED_MAX; n++)
            nvr_zygote_free(NVR_TAKE(slot->retired[n]));
    }
}

struct nvr_zygote *zygotes_get(struct nvr_supervisor *sv, const char *role)
{
    for (size_t i = 0; i < NVR_ARRAY_SIZE(camera_roles); i++)
        if (strcmp(camera_roles[i], role) == 0)
            return sv->zygotes[PROGRAM_CAMERA].zygote;
    return sv->zygotes[PROGRAM_MEDIA].zygote;
}

json_t *zygotes_to_json(const struct nvr_supervisor *sv)
{
    json_t *object = json_object();

    for (size_t i = 0; object && i < PROGRAMS; i++) {
        const struct zygote_slot *slot = &sv->zygotes[i];
        const pid_t pid = slot->zygote ? nvr_zygote_get_pid(slot->zygote) : 0;

        (void)json_object_set_new(object, slot->name,
                                  json_pack("{s:o, s:I}", "pid",
                                            pid ? json_integer(pid) : json_null(), "starts",
                                            (json_int_t)slot->starts));
    }
    return object;
}
