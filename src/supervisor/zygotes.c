/* The zygote, and those before it whose workers still live (their log lines are still read). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "src/supervisor/private.h"

NVR_LOG_TOPIC("zygote");

static void on_exit_report(struct nvr_zygote *zygote, pid_t pid, int code, int signal_number,
                           void *arg)
{
    struct nvr_supervisor *sv = arg;

    (void)zygote;
    for (struct camera *camera = sv->cameras; camera; camera = camera->next)
        if (worker_handle_exit(&camera->worker, pid, code, signal_number))
            break;
    /* Jobs and the indexer watch their sockets. */
    sv_check_stopped(sv);
}

static void on_line(struct nvr_zygote *zygote, const char *line, void *arg)
{
    (void)zygote;
    (void)arg;
    logs_forward_line(line);
}

static void retire(struct nvr_supervisor *sv, struct nvr_zygote *zygote)
{
    nvr_zygote_free(sv->retired[0]);
    for (size_t i = 1; i < ZYGOTES_RETIRED_MAX; i++)
        sv->retired[i - 1] = sv->retired[i];
    sv->retired[ZYGOTES_RETIRED_MAX - 1] = zygote;
}

static void on_timer(uv_timer_t *timer)
{
    struct nvr_supervisor *sv = timer->data;
    int r;

    if (sv->stopping || sv->zygote)
        return;
    r = zygotes_start(sv);
    if (r < 0) {
        const int64_t delay = backoff_next(&sv->zygote_backoff, 0);

        warning_set(sv, "zygote", "Cameras cannot be started: %s: %s", sv->camera_program,
                    nvr_strerror(r));
        (void)uv_timer_start(timer, on_timer, (uint64_t)delay, 0);
    }
}

static void on_close(struct nvr_zygote *zygote, int reason, void *arg)
{
    struct nvr_supervisor *sv = arg;

    if (zygote != sv->zygote)
        return;
    sv->zygote = NULL;
    retire(sv, zygote);
    if (sv->stopping)
        return;
    log_warn("zygote ended (%d); starting another, the workers go on", reason);
    const int64_t delay =
        backoff_next(&sv->zygote_backoff, nvr_clock_mono_ms() - sv->zygote_started_ms);

    (void)uv_timer_start(sv->zygote_timer, on_timer, (uint64_t)delay, 0);
}

int zygotes_start(struct nvr_supervisor *sv)
{
    static const struct nvr_zygote_handlers handlers = {
        .on_exit = on_exit_report, .on_line = on_line, .on_close = on_close};
    int r;

    if (!sv->zygote_timer) {
        sv->zygote_timer = sv_timer_new(sv->loop, sv);
        if (!sv->zygote_timer)
            return -ENOMEM;
    }
    r = nvr_zygote_start(sv->loop, sv->camera_program, &handlers, sv, &sv->zygote);
    if (r < 0)
        return r;
    sv->zygote_started_ms = nvr_clock_mono_ms();
    sv->zygote_starts++;
    warning_clear(sv, "zygote");
    log_info("zygote: pid %d", (int)nvr_zygote_get_pid(sv->zygote));
    jobs_kick(&sv->jobs);
    return 0;
}

void zygotes_stop(struct nvr_supervisor *sv)
{
    sv_timer_free(NVR_TAKE(sv->zygote_timer));
    nvr_zygote_free(NVR_TAKE(sv->zygote));
    for (size_t i = 0; i < ZYGOTES_RETIRED_MAX; i++)
        nvr_zygote_free(NVR_TAKE(sv->retired[i]));
}
