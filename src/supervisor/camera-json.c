/* Cameras in the API's shape. */
#include <stdlib.h>
#include <string.h>

#include "src/supervisor/private.h"

static int set(json_t *object, const char *key, json_t *value)
{
    return value ? json_object_set_new(object, key, value) : -1;
}

static json_t *text_or_null(const char *text)
{
    return text[0] ? json_string(text) : json_null();
}

static json_t *time_or_null(int64_t ms)
{
    return ms ? json_integer((json_int_t)ms) : json_null();
}

/* Newest numbers plus what the worker said about the stream; null without numbers. */
static json_t *stream_to_json(const struct camera *camera, int index)
{
    const struct stream_state *state = &camera->streams_state[index];
    json_t *stream;

    if (!camera->stats[index])
        return json_null();
    stream = json_deep_copy(camera->stats[index]);
    if (!stream)
        return NULL;
    if (set(stream, "status", json_string(camera_status_name(state->status))) < 0 ||
        set(stream, "error", text_or_null(state->error)) < 0) {
        json_decref(stream);
        return NULL;
    }
    return stream;
}

static json_t *worker_summary(const struct worker *worker)
{
    return json_pack("{s:s, s:o, s:i}", "state", worker_state_name(worker->state.id), "pid",
                     worker->pid ? json_integer(worker->pid) : json_null(), "restarts",
                     (int)worker->state.restarts);
}

static int add_live(json_t *object, const struct camera *camera)
{
    const char *error = camera->error;

    /* A full disk does not take the picture away, but it must be seen. */
    if (!error[0] && camera->recording_error[0])
        error = camera->recording_error;
    int r = set(object, "status", json_string(camera_status_name(camera->status)));

    r |= set(object, "stopped", json_boolean(camera->stopped));
    r |= set(object, "error", text_or_null(error));
    r |=
        set(object, "error_code",
            camera->error[0] || !error[0] ? text_or_null(camera->error_code) : json_string("disk"));
    r |= set(object, "last_seen", time_or_null(camera->last_seen_ms));
    r |= set(object, "next_try_ms", time_or_null(camera->streams_state[0].next_try_ms));
    r |= set(object, "recording_active", json_boolean(camera->recording_active));
    r |= set(object, "recording_now", recording_now_to_json(camera));
    r |= set(object, "reconnects", json_integer((json_int_t)camera->reconnects));
    r |= set(object, "dropped_packets", json_integer((json_int_t)camera->dropped_packets));
    r |= set(object, "worker", worker_summary(&camera->worker));
    r |= set(object, "main", stream_to_json(camera, 0));
    r |= set(object, "sub", stream_to_json(camera, 1));
    r |= set(object, "created_ms", json_integer((json_int_t)camera->created_ms));
    r |= set(object, "updated_ms", json_integer((json_int_t)camera->updated_ms));
    return r;
}

static json_t *camera_to_json(const struct camera *camera)
{
    json_t *object = nvr_config_camera_to_json(camera->supervisor->file.config, camera->config.id);

    if (object && add_live(object, camera) != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

json_t *nvr_supervisor_camera_to_json(struct nvr_supervisor *sv, const char *id)
{
    const struct camera *camera = cameras_find(sv, id);

    return camera ? camera_to_json(camera) : NULL;
}

json_t *nvr_supervisor_cameras_to_json(struct nvr_supervisor *sv)
{
    json_t *list = json_array();

    for (const struct camera *camera = sv->cameras; list && camera; camera = camera->next) {
        json_t *item = camera->removed ? NULL : camera_to_json(camera);

        if (item && json_array_append_new(list, item) < 0)
            break;
    }
    return list;
}
