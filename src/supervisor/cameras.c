/* The list of cameras, and how a change of the configuration reaches them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "src/supervisor/private.h"

NVR_LOG_TOPIC("supervisor");

static struct camera *find_any(struct nvr_supervisor *sv, const char *id)
{
    struct camera *camera = sv->cameras;

    while (camera && strcmp(camera->config.id, id) != 0)
        camera = camera->next;
    return camera;
}

struct camera *cameras_find(struct nvr_supervisor *sv, const char *id)
{
    struct camera *camera = find_any(sv, id);

    return camera && !camera->removed ? camera : NULL;
}

/* Not at start: then nothing was added, it was there. */
static void tell(const struct camera *camera, const char *topic)
{
    struct nvr_supervisor *sv = camera->supervisor;

    if (sv->gaps_timer && !sv->stopping)
        nvr_bus_publish_take(
            sv->bus, topic,
            json_pack("{s:s, s:s}", "camera", camera->config.id, "name", camera->config.name));
}

static void take_config(struct camera *camera, const struct nvr_camera_config *config)
{
    const bool restart = nvr_camera_config_needs_restart(&camera->config, config);
    /* Both were cleared before they were filled: a difference in padding costs an event too many.
     * NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
    const bool changed = memcmp(&camera->config, config, sizeof(*config)) != 0;
    const bool came_back = camera->removed; /* before its process was gone */

    camera->config = *config;
    camera->removed = false;
    if (came_back)
        camera->delete_recordings = false;
    if (came_back || changed)
        tell(camera, came_back ? "camera.added" : "camera.updated");
    if (restart && camera_is_wanted(camera) && camera->worker.state.id != WORKER_STOPPED) {
        log_info("camera %s: settings changed", camera->config.id);
        camera->updated_ms = nvr_clock_wall_ms();
        worker_restart(&camera->worker);
    }
}

static void remove_missing(struct nvr_supervisor *sv, const struct nvr_config *config)
{
    for (struct camera *camera = sv->cameras; camera; camera = camera->next) {
        if (camera->removed || nvr_config_find_camera(config, camera->config.id))
            continue;
        log_info("camera %s: removed", camera->config.id);
        tell(camera, "camera.removed");
        camera->removed = true;
        live_camera_removed(camera);
        camera_update_wanted(camera);
    }
}

/* Put the list in the config's order; removed ones go to the end. */
static void sort_cameras(struct nvr_supervisor *sv, const struct nvr_config *config)
{
    struct camera *rest = sv->cameras;
    struct camera *sorted = NULL;
    struct camera **tail = &sorted;
    const size_t count = nvr_config_get_camera_count(config);

    for (size_t i = 0; i < count; i++) {
        const char *id = nvr_config_get_camera(config, i)->id;

        for (struct camera **at = &rest; *at; at = &(*at)->next) {
            struct camera *camera = *at;

            if (strcmp(camera->config.id, id) == 0) {
                *at = camera->next;
                *tail = camera;
                tail = &camera->next;
                break;
            }
        }
    }
    *tail = rest;
    sv->cameras = sorted;
}

void cameras_apply(struct nvr_supervisor *sv, const struct nvr_config *config)
{
    const size_t count = nvr_config_get_camera_count(config);

    remove_missing(sv, config);
    for (size_t i = 0; i < count; i++) {
        const struct nvr_camera_config *wanted = nvr_config_get_camera(config, i);
        struct camera *camera = find_any(sv, wanted->id);

        if (camera) {
            take_config(camera, wanted);
            continue;
        }
        camera = camera_new(sv, wanted);
        if (!camera) {
            (void)log_err(-ENOMEM, "camera %s", wanted->id);
            continue;
        }
        camera->next = sv->cameras;
        sv->cameras = camera;
        tell(camera, "camera.added");
    }
    sort_cameras(sv, config);
    if (sv->recording.timer) /* else the list is only being made */
        recording_use_zone(sv, nvr_config_get_system(config)->timezone);
    for (struct camera *camera = sv->cameras; camera; camera = camera->next) {
        if (sv->recording.timer && !camera->removed)
            recording_update(camera);
        camera_update_wanted(camera);
    }
    cameras_sweep_later(sv);
}

/* ---- the end ---- */

static void sweep(void *arg)
{
    struct nvr_supervisor *sv = arg;

    for (struct camera **at = &sv->cameras; *at;) {
        struct camera *camera = *at;

        if (!camera->removed || !worker_is_idle(&camera->worker) ||
            camera->worker.state.id != WORKER_STOPPED) {
            at = &camera->next;
            continue;
        }
        *at = camera->next;
        rows_delete_camera(sv, camera->config.id, camera->delete_recordings);
        nvr_metrics_forget("camera", camera->config.id);
        camera_free(camera);
    }
}

/* Not at once: the caller may stand inside one of their callbacks. */
void cameras_sweep_later(struct nvr_supervisor *sv)
{
    if (!sv->stopping && nvr_post_send(sv->post, sweep, sv) < 0)
        log_warn("removed cameras stay until the next change");
}

bool cameras_all_idle(const struct nvr_supervisor *sv)
{
    for (const struct camera *camera = sv->cameras; camera; camera = camera->next)
        if (!worker_is_idle(&camera->worker))
            return false;
    return true;
}

void cameras_free(struct nvr_supervisor *sv)
{
    while (sv->cameras) {
        struct camera *camera = sv->cameras;

        sv->cameras = camera->next;
        camera_free(camera);
    }
}

/* ---- rows of the last run ---- */

static int take_row(const struct nvr_camera_row *row, void *arg)
{
    struct camera *camera = find_any(arg, row->id);

    if (!camera)
        return 0;
    camera->stopped = row->stopped;
    camera->last_seen_ms = row->last_seen_ms;
    camera->created_ms = row->created_ms;
    /* Heron was killed while it ran: the camera's period ends when either was seen last. An order
     * to stop leaves every camera offline without an error. */
    if (strcmp(row->status, camera_status_name(CAMERA_OFFLINE)) != 0 || row->error[0]) {
        const int64_t seen_ms = NVR_MAX(row->last_seen_ms, row->updated_ms);

        rows_close_period(camera, NVR_MIN(NVR_MAX(seen_ms, camera->supervisor->last_life_ms),
                                          camera->supervisor->started_wall_ms));
    }
    return 0;
}

void cameras_load_rows(struct nvr_supervisor *sv)
{
    struct nvr_db *db = NULL;
    int r = nvr_store_read_begin(sv->store, &db);

    if (r == 0) {
        r = nvr_cameras_each(db, take_row, sv);
        nvr_store_read_end(sv->store, db);
    }
    if (r < 0)
        (void)log_warn_err(r, "read the cameras' last state");
}

int nvr_supervisor_camera_act(struct nvr_supervisor *sv, const char *id,
                              enum nvr_camera_action action)
{
    struct camera *camera = cameras_find(sv, id);

    if (!camera)
        return -ENOENT;
    camera->updated_ms = nvr_clock_wall_ms();
    if (action == NVR_CAMERA_RESTART && camera_is_wanted(camera)) {
        log_info("camera %s: restarted by hand", id);
        worker_restart(&camera->worker);
        return 0;
    }
    const bool stop = action == NVR_CAMERA_STOP;

    if (camera->stopped != stop)
        log_info("camera %s: %s by hand", id, stop ? "stopped" : "started");
    camera->stopped = stop;
    rows_write_camera(camera, false);
    camera_update_wanted(camera);
    return 0;
}
