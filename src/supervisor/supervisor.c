#include "src/supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "src/supervisor/location.h"
#include "src/supervisor/private.h"

NVR_LOG_TOPIC("supervisor");

#define STOP_MAX_MS 9000 /* then what still runs is killed */
#define FLUSH_MS 5000

/* ---- start ---- */

static int take_options(struct nvr_supervisor *sv, const struct nvr_supervisor_options *options)
{
    if (nvr_fmt(sv->data_dir, sizeof(sv->data_dir), "%s", options->data_dir) < 0 ||
        nvr_fmt(sv->zygotes[PROGRAM_CAMERA].program, PATH_MAX, "%s", options->camera_program) < 0 ||
        nvr_fmt(sv->zygotes[PROGRAM_MEDIA].program, PATH_MAX, "%s", options->media_program) < 0)
        return -ENAMETOOLONG;
    sv->loop = options->loop;
    sv->maintenance = options->maintenance;
    sv->lock_fd = -1;
    sv->jobs.supervisor = sv;
    sv->started_wall_ms = nvr_clock_wall_ms();
    sv->started_mono_ms = nvr_clock_mono_ms();
    return nvr_path_join(sv->recordings_dir, sizeof(sv->recordings_dir), sv->data_dir,
                         "recordings");
}

static int open_data_dir(struct nvr_supervisor *sv)
{
    long pid = 0;
    int r = nvr_mkdir_p(sv->data_dir, 0750);

    if (r < 0)
        return log_err(r, "data folder '%s'", sv->data_dir);
    sv->last_life_ms = lock_last_life_ms(sv->data_dir);
    r = lock_take(sv->data_dir, &sv->lock_fd, &pid);
    if (r == -EEXIST && pid)
        log_error("'%s' is in use by another Heron (process %ld)", sv->data_dir, pid);
    else if (r == -EEXIST)
        log_error("'%s' is in use by another Heron", sv->data_dir);
    else if (r < 0)
        (void)log_err(r, "lock '%s'", sv->data_dir);
    return r;
}

static int open_store(struct nvr_supervisor *sv)
{
    char path[PATH_MAX];
    int r = nvr_path_join(path, sizeof(path), sv->data_dir, "nvr.db");

    if (r == 0)
        r = nvr_store_open(path, &sv->store);
    return r < 0 ? log_err(r, "database '%s'", path) : 0;
}

static int start_parts(struct nvr_supervisor *sv, const char *config_path)
{
    int r = logs_open();

    if (r == 0)
        r = open_data_dir(sv);
    if (r == 0)
        r = nvr_post_new(sv->loop, &sv->post);
    if (r == 0)
        r = nvr_bus_new(&sv->bus);
    if (r == 0)
        r = config_file_open(sv, config_path);
    if (r == 0)
        r = open_store(sv);
    if (r == 0)
        r = location_open(sv);
    if (r == 0) {
        evidence_key_open(sv);
        r = reconcile_new(sv, &sv->reconcile);
    }
    if (r == 0)
        r = zygotes_start(sv);
    if (r < 0)
        return r;
    /* Workers whose zygote died come to us: no zombie stays. */
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    sv->stopping = true; /* the list is made first, rows are read, then workers start */
    cameras_apply(sv, sv->file.config);
    sv->stopping = false;
    cameras_load_rows(sv);
    recording_use_zone(sv, nvr_config_get_system(sv->file.config)->timezone);
    r = recording_start(sv);
    if (r == 0)
        r = recording_gaps_start(sv);
    if (r < 0)
        return r;
    for (struct camera *camera = sv->cameras; camera; camera = camera->next)
        camera_update_wanted(camera);
    r = storage_start(sv);
    if (r == 0)
        r = metrics_start(sv);
    if (r == 0)
        r = daily_start(sv, DAILY_FIRST_MS);
    if (r == 0)
        r = config_file_watch(sv);
    if (r == 0 && !sv->maintenance)
        reconcile_all(sv->reconcile, RECONCILE_FIRST_MS);
    return r;
}

/* What can be let go before the loop has run out. */
static void close_parts(struct nvr_supervisor *sv)
{
    sv->stopping = true;
    (void)reconcile_stop(sv->reconcile);
    jobs_cancel_all(&sv->jobs);
    storage_stop(sv);
    metrics_stop(sv);
    recording_gaps_stop(sv);
    daily_stop(sv);
    recording_stop(sv);
    config_file_close(sv);
    zygotes_stop(sv);
    cameras_free(sv);
    services_free(sv);
    nvr_store_close(NVR_TAKE(sv->store));
    nvr_signing_key_free(NVR_TAKE(sv->signing_key));
    nvr_post_free(NVR_TAKE(sv->post));
    nvr_timer_free(NVR_TAKE(sv->stop_timer));
    if (sv->lock_fd >= 0)
        (void)close(NVR_TAKE_FD(sv->lock_fd));
}

int nvr_supervisor_start(const struct nvr_supervisor_options *options,
                         struct nvr_supervisor **ret_supervisor)
{
    struct nvr_supervisor *sv = calloc(1, sizeof(*sv));
    int r;

    if (!sv)
        return -ENOMEM;
    r = take_options(sv, options);
    if (r == 0)
        r = start_parts(sv, options->config_path);
    if (r < 0) {
        close_parts(sv);
        (void)uv_run(sv->loop, UV_RUN_NOWAIT); /* closed handles let go of their memory */
        nvr_supervisor_free(sv);
        return r;
    }
    log_info("Heron %s: %zu cameras, data in %s", NVR_VERSION,
             nvr_config_get_camera_count(sv->file.config), sv->data_dir);
    *ret_supervisor = sv;
    return 0;
}

/* ---- stop ---- */

static void finish_stop(void *arg)
{
    struct nvr_supervisor *sv = arg;
    void (*on_stopped)(void *arg) = sv->on_stopped;

    sv->on_stopped = NULL;
    if (!on_stopped)
        return;
    evidence_key_stop(sv);
    const int r = nvr_store_flush(sv->store, FLUSH_MS);

    if (r < 0)
        (void)log_err(r, "last writes");
    close_parts(sv);
    log_info("stopped");
    on_stopped(sv->on_stopped_arg);
}

void sv_check_stopped(struct nvr_supervisor *sv)
{
    if (!sv->stopping || !sv->on_stopped || !sv->post || !cameras_all_idle(sv) ||
        !services_idle(sv) || sv->storage_check || !reconcile_stop(sv->reconcile) ||
        !jobs_idle(&sv->jobs))
        return;
    /* Not at once: the caller stands inside something that goes now. */
    if (nvr_post_send(sv->post, finish_stop, sv) < 0)
        finish_stop(sv);
}

static void on_stop_timer(uv_timer_t *timer)
{
    struct nvr_supervisor *sv = timer->data;

    log_warn("some workers do not end: killed");
    for (struct camera *camera = sv->cameras; camera; camera = camera->next)
        worker_kill(&camera->worker);
    services_kill(sv);
    finish_stop(sv);
}

void nvr_supervisor_stop(struct nvr_supervisor *sv, void (*on_stopped)(void *arg), void *arg)
{
    log_info("stopping");
    sv->on_stopped = on_stopped;
    sv->on_stopped_arg = arg;
    sv->stopping = true;
    (void)reconcile_stop(sv->reconcile);
    jobs_cancel_all(&sv->jobs);
    sv->stop_timer = nvr_timer_new(sv->loop, sv);
    if (sv->stop_timer)
        (void)uv_timer_start(sv->stop_timer, on_stop_timer, STOP_MAX_MS, 0);
    for (struct camera *camera = sv->cameras; camera; camera = camera->next)
        camera_update_wanted(camera);
    services_stop(sv);
    sv_check_stopped(sv);
}

void nvr_supervisor_free(struct nvr_supervisor *sv)
{
    if (!sv)
        return;
    reconcile_free(sv->reconcile);
    nvr_config_free(sv->file.config);
    nvr_config_key_free(sv->file.key);
    nvr_bus_free(sv->bus);
    logs_close();
    nvr_metrics_done();
    free(sv);
}

/* ---- getters ---- */

void nvr_supervisor_set_demo(struct nvr_supervisor *sv, bool runs)
{
    sv->demo = runs;
}

struct nvr_store *nvr_supervisor_get_store(struct nvr_supervisor *sv)
{
    return sv->store;
}

const struct nvr_config *nvr_supervisor_get_config(struct nvr_supervisor *sv)
{
    return sv->file.config;
}

const char *nvr_supervisor_get_recordings_dir(struct nvr_supervisor *sv)
{
    return sv->recordings_dir;
}

const char *nvr_supervisor_get_data_dir(struct nvr_supervisor *sv)
{
    return sv->data_dir;
}

const struct nvr_signing_key *nvr_supervisor_get_signing_key(struct nvr_supervisor *sv)
{
    return sv->signing_key;
}

struct nvr_bus *nvr_supervisor_get_bus(struct nvr_supervisor *sv)
{
    return sv->bus;
}

uv_loop_t *nvr_supervisor_get_loop(struct nvr_supervisor *sv)
{
    return sv->loop;
}
