/* One camera: what the config wants, what its worker says. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "src/supervisor/private.h"

NVR_LOG_TOPIC("camera");

static const char *const stream_names[STREAMS] = {"main", "sub"};
static const char *const status_names[] = {"starting", "online", "offline", "error"};

int stream_index(const char *name)
{
    for (int i = 0; i < STREAMS; i++)
        if (strcmp(stream_names[i], name) == 0)
            return i;
    return -1;
}

const char *stream_name(int index)
{
    return stream_names[index];
}

const char *camera_status_name(enum camera_status status)
{
    return status_names[status];
}

static struct nvr_zygote *get_zygote(void *arg)
{
    const struct camera *camera = arg;

    return zygotes_get(camera->supervisor, "camera");
}

static void on_started(struct worker *worker, void *arg)
{
    (void)worker;
    camera_rpc_start(arg);
}

static void on_request(struct worker *worker, const struct nvr_rpc_request *request, void *arg)
{
    (void)worker;
    camera_rpc_request(arg, request);
}

static void on_exited(struct worker *worker, void *arg)
{
    struct camera *camera = arg;
    struct nvr_supervisor *sv = camera->supervisor;
    char error[256];

    camera_rpc_gone(camera);
    if (worker->state.id == WORKER_STOPPED) {
        log_info("worker %s: %s", worker->id, worker->last_exit);
        camera_set_status(camera, CAMERA_OFFLINE, NULL, NULL);
        if (camera->removed)
            cameras_sweep_later(sv);
        sv_check_stopped(sv);
        return;
    }
    if (worker->state.restarts && worker->state.deadline_ms > nvr_clock_mono_ms()) {
        (void)snprintf(error, sizeof(error), "The process of this camera ended (%s)",
                       worker->last_exit);
        log_error("worker %s: %s; starting it again", worker->id, worker->last_exit);
        camera_set_status(camera, CAMERA_ERROR, "crashed", error);
        /* What it was writing is in no row yet. */
        reconcile_soon(sv->reconcile, camera->config.id);
    }
}

static void on_state(struct worker *worker, void *arg)
{
    struct camera *camera = arg;

    if (worker->state.id == WORKER_STARTING)
        camera_set_status(camera, CAMERA_STARTING, NULL, NULL);
    else if (worker->state.id == WORKER_UNHEALTHY)
        camera_set_status(camera, CAMERA_ERROR, "unhealthy",
                          "The process of this camera does not answer");
    else if (worker->state.id == WORKER_STOPPED)
        camera_set_status(camera, CAMERA_OFFLINE, NULL, NULL);
}

static const struct worker_hooks hooks = {
    .get_zygote = get_zygote,
    .on_started = on_started,
    .on_request = on_request,
    .on_exited = on_exited,
    .on_state = on_state,
};

struct camera *camera_new(struct nvr_supervisor *sv, const struct nvr_camera_config *config)
{
    struct camera *camera = calloc(1, sizeof(*camera));

    if (!camera)
        return NULL;
    camera->supervisor = sv;
    camera->config = *config;
    camera->status = CAMERA_OFFLINE;
    camera->created_ms = camera->updated_ms = nvr_clock_wall_ms();
    for (int i = 0; i < STREAMS; i++) {
        camera->live[i].eventfd = -1;
        camera->streams_state[i].status = CAMERA_OFFLINE;
    }
    if (worker_init(&camera->worker, sv->loop, config->id, "camera", &hooks, camera) < 0) {
        free(camera);
        return NULL;
    }
    return camera;
}

void camera_free(struct camera *camera)
{
    if (!camera)
        return;
    live_camera_removed(camera);
    camera_rpc_gone(camera);
    worker_done(&camera->worker);
    explicit_bzero(camera->config.stream.password, sizeof(camera->config.stream.password));
    free(camera);
}

bool camera_is_wanted(const struct camera *camera)
{
    return camera->config.enabled && !camera->stopped && !camera->removed &&
           !camera->supervisor->stopping && !camera->supervisor->maintenance;
}

void camera_update_wanted(struct camera *camera)
{
    worker_want(&camera->worker, camera_is_wanted(camera));
    recording_gaps_update(camera);
}

/* "camera.online" and "camera.offline": what people call it, not each state on the way. */
static void tell_status(const struct camera *camera, enum camera_status before)
{
    const bool is_online = camera->status == CAMERA_ONLINE;

    if (camera->removed || camera->status == CAMERA_STARTING || camera->status == before)
        return;
    nvr_bus_publish_take(camera->supervisor->bus, is_online ? "camera.online" : "camera.offline",
                         json_pack("{s:s, s:s, s:s, s:s, s:s}", "camera", camera->config.id, "name",
                                   camera->config.name, "status",
                                   camera_status_name(camera->status), "error_code",
                                   camera->error_code, "error", camera->error));
}

void camera_set_status(struct camera *camera, enum camera_status status, const char *code,
                       const char *error)
{
    if (!code)
        code = "";
    if (!error)
        error = "";
    if (camera->status == status && strcmp(camera->error_code, code) == 0 &&
        strcmp(camera->error, error) == 0)
        return;
    const bool changed = camera->status != status || strcmp(camera->error_code, code) != 0;
    const enum camera_status before = camera->status;

    camera->status = status;
    (void)snprintf(camera->error, sizeof(camera->error), "%s", error);
    (void)snprintf(camera->error_code, sizeof(camera->error_code), "%s", code);
    camera->updated_ms = nvr_clock_wall_ms();
    if (!camera->removed)
        rows_write_camera(camera, changed);
    recording_gaps_update(camera);
    tell_status(camera, before);
    for (int i = 0; i < STREAMS; i++)
        live_status_changed(camera, i);
}
