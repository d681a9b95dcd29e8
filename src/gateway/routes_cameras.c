/* Cameras: entries, live state, history, actions. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/store/cameras.h"
#include "src/gateway/private.h"

NVR_LOG_TOPIC("gateway");

#define JSON "application/json"

static void reply_camera(struct nvr_gateway *gateway, struct nvr_http_request *request,
                         unsigned status, const char *id)
{
    json_t *camera = nvr_supervisor_camera_to_json(gateway->supervisor, id);

    if (!camera)
        nvr_http_reply_errno(request, -ENOENT, "camera");
    else
        nvr_http_reply_json_take(request, status, camera);
}

static void handle_list(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    json_t *cameras = nvr_supervisor_cameras_to_json(gateway->supervisor);

    nvr_http_reply_json_take(request, 200, json_pack("{s:o, s:n}", "items", cameras, "next"));
}

static void handle_get(struct nvr_http_request *request, void *arg)
{
    reply_camera(arg, request, 200, nvr_http_get_param(request, "id"));
}

/* What a refused change answers. */
static void reply_refused(struct nvr_http_request *request, int r,
                          const struct nvr_config_errors *errors)
{
    if (errors->count && r != -EEXIST)
        nvr_http_reply_fields(request, errors);
    else if (r == -EINVAL)
        nvr_http_reply_error(request, 422, "validation_failed", "The camera is not valid.");
    else
        nvr_http_reply_errno(request, r, "camera");
}

static void handle_create(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    struct nvr_config_errors errors = {.count = 0};
    char id[NVR_SLUG_SIZE];
    char location[NVR_SLUG_SIZE + 32];
    int r;

    r = nvr_supervisor_camera_add(gateway->supervisor, nvr_http_get_body(request), id, &errors);
    if (r < 0) {
        reply_refused(request, r, &errors);
        return;
    }
    log_info("camera %s added", id);
    if (nvr_fmt(location, sizeof(location), "/api/v1/cameras/%s", id) > 0)
        nvr_http_add_header(request, "Location", location);
    reply_camera(gateway, request, 201, id);
}

static void change(struct nvr_http_request *request, struct nvr_gateway *gateway, bool merge)
{
    struct nvr_config_errors errors = {.count = 0};
    const char *id = nvr_http_get_param(request, "id");
    int r;

    if (!nvr_camera_exists(gateway, request, id))
        return;
    r = nvr_supervisor_camera_put(gateway->supervisor, id, nvr_http_get_body(request), merge,
                                  &errors);
    if (r < 0)
        reply_refused(request, r, &errors);
    else
        reply_camera(gateway, request, 200, id);
}

static void handle_put(struct nvr_http_request *request, void *arg)
{
    change(request, arg, false);
}

static void handle_patch(struct nvr_http_request *request, void *arg)
{
    change(request, arg, true);
}

static void handle_delete(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    const char *id = nvr_http_get_param(request, "id");
    const char *recordings = nvr_query_get(nvr_http_get_query(request), "recordings");
    int r;

    if (recordings && strcmp(recordings, "delete") != 0 && strcmp(recordings, "keep") != 0) {
        nvr_http_reply_bad_query(request, "recordings", "expected keep or delete");
        return;
    }
    if (!nvr_camera_exists(gateway, request, id))
        return;
    r = nvr_supervisor_camera_remove(gateway->supervisor, id,
                                     recordings && strcmp(recordings, "delete") == 0);
    if (r < 0) {
        nvr_http_reply_errno(request, r, "camera");
        return;
    }
    log_info("camera %s removed", id);
    nvr_http_reply_empty(request, 204);
}

static void handle_status(struct nvr_http_request *request, void *arg)
{
    static const char *const keys[] = {
        "id",         "status",          "stopped",          "error",
        "error_code", "last_seen",       "recording_active", "recording_now",
        "reconnects", "dropped_packets", "worker",           "main",
        "sub",
    };
    struct nvr_gateway *gateway = arg;
    NVR_AUTO_JSON camera =
        nvr_supervisor_camera_to_json(gateway->supervisor, nvr_http_get_param(request, "id"));
    json_t *state;

    if (!camera) {
        nvr_http_reply_errno(request, -ENOENT, "camera");
        return;
    }
    state = json_object();
    for (size_t i = 0; i < NVR_ARRAY_SIZE(keys); i++) {
        json_t *value = json_object_get(camera, keys[i]);

        (void)json_object_set_new(state, keys[i], value ? json_incref(value) : json_null());
    }
    nvr_http_reply_json_take(request, 200, state);
}

static void act(struct nvr_http_request *request, struct nvr_gateway *gateway,
                enum nvr_camera_action action)
{
    const char *id = nvr_http_get_param(request, "id");
    const int r = nvr_supervisor_camera_act(gateway->supervisor, id, action);

    if (r < 0)
        nvr_http_reply_errno(request, r, "camera");
    else
        reply_camera(gateway, request, 202, id);
}

static void handle_restart(struct nvr_http_request *request, void *arg)
{
    act(request, arg, NVR_CAMERA_RESTART);
}

static void handle_start(struct nvr_http_request *request, void *arg)
{
    act(request, arg, NVR_CAMERA_START);
}

static void handle_stop(struct nvr_http_request *request, void *arg)
{
    act(request, arg, NVR_CAMERA_STOP);
}

/* ---- history ---- */

struct history {
    struct nvr_store *store;
    char id[NVR_SLUG_SIZE];
    struct nvr_span span;
    unsigned limit;
    json_t *items;
    int result;
};

static int add_period(const struct nvr_camera_period *period, void *arg)
{
    struct history *history = arg;
    json_t *item = json_pack("{s:s, s:I, s:o, s:o}", "status", period->status, "start",
                             (json_int_t)period->start_ms, "end",
                             period->end_ms ? json_integer(period->end_ms) : json_null(), "error",
                             period->error[0] ? json_string(period->error) : json_null());

    return json_array_append_new(history->items, item) < 0 ? -ENOMEM : 0;
}

static void read_history(void *arg)
{
    struct history *history = arg;
    struct nvr_db *db;

    history->result = nvr_store_read_begin(history->store, &db);
    if (history->result < 0)
        return;
    history->result = nvr_camera_log_each(db, history->id, history->span.start_ms,
                                          history->span.end_ms, history->limit, add_period, arg);
    nvr_store_read_end(history->store, db);
}

static void on_history(struct nvr_http_request *request, void *arg)
{
    struct history *history = arg;

    if (history->result < 0) {
        json_decref(history->items);
        nvr_http_reply_errno(request, history->result, "history");
    } else {
        nvr_http_reply_json_take(request, 200,
                                 json_pack("{s:o, s:n}", "items", history->items, "next"));
    }
    free(history);
}

static void handle_history(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    const char *id = nvr_http_get_param(request, "id");
    struct nvr_span span = {0, nvr_clock_wall_ms() + 1};
    int64_t limit = NVR_PAGE_DEFAULT;
    struct history *history;
    int r;

    if (!nvr_camera_exists(gateway, request, id) || !nvr_span_parse(request, false, 0, &span))
        return;
    if (nvr_query_get_int(nvr_http_get_query(request), "limit", 1, NVR_PAGE_MAX, &limit) < 0) {
        nvr_http_reply_bad_query(request, "limit", "expected a number from 1 to 1000");
        return;
    }
    history = calloc(1, sizeof(*history));
    if (!history) {
        nvr_http_reply_errno(request, -ENOMEM, "history");
        return;
    }
    history->store = nvr_supervisor_get_store(gateway->supervisor);
    memcpy(history->id, id, strlen(id) + 1);
    history->span = span;
    history->limit = (unsigned)limit;
    history->items = json_array();
    r = nvr_work_start(request, &(struct nvr_work){read_history, on_history, history});
    if (r < 0) {
        json_decref(history->items);
        free(history);
        nvr_http_reply_errno(request, r, "history");
    }
}

const struct nvr_route nvr_camera_routes[] = {
    {NVR_HTTP_GET, 0, "/api/v1/cameras", handle_list, "cameras", "List cameras", JSON},
    {NVR_HTTP_POST, NVR_ROUTE_BODY, "/api/v1/cameras", handle_create, "cameras", "Add a camera",
     JSON},
    {NVR_HTTP_POST, NVR_ROUTE_BODY, "/api/v1/cameras/probe", nvr_handle_probe, "cameras",
     "Try an address before it is saved", JSON},
    {NVR_HTTP_GET, 0, "/api/v1/cameras/{id}", handle_get, "cameras", "Get a camera", JSON},
    {NVR_HTTP_PUT, NVR_ROUTE_BODY, "/api/v1/cameras/{id}", handle_put, "cameras",
     "Replace a camera's entry", JSON},
    {NVR_HTTP_PATCH, NVR_ROUTE_BODY, "/api/v1/cameras/{id}", handle_patch, "cameras",
     "Change a camera's entry", JSON},
    {NVR_HTTP_DELETE, 0, "/api/v1/cameras/{id}", handle_delete, "cameras", "Remove a camera", NULL},
    {NVR_HTTP_GET, 0, "/api/v1/cameras/{id}/status", handle_status, "cameras",
     "Live state of a camera", JSON},
    {NVR_HTTP_GET, 0, "/api/v1/cameras/{id}/history", handle_history, "cameras",
     "Online and offline periods", JSON},
    {NVR_HTTP_POST, 0, "/api/v1/cameras/{id}/restart", handle_restart, "cameras",
     "Restart a camera's worker", JSON},
    {NVR_HTTP_POST, 0, "/api/v1/cameras/{id}/start", handle_start, "cameras",
     "Start a stopped camera", JSON},
    {NVR_HTTP_POST, 0, "/api/v1/cameras/{id}/stop", handle_stop, "cameras",
     "Stop a camera until it is started again", JSON},
    {NVR_HTTP_GET, 0, "/api/v1/cameras/{id}/snapshot", nvr_handle_snapshot, "cameras",
     "A picture, now or of a recorded moment", "image/jpeg"},
    {NVR_HTTP_GET, NVR_ROUTE_WEBSOCKET, "/api/v1/cameras/{id}/stream/ws", nvr_handle_live, "live",
     "Live video over WebSocket (Media Source Extensions)", NULL},
};
const size_t nvr_camera_routes_count = NVR_ARRAY_SIZE(nvr_camera_routes);
