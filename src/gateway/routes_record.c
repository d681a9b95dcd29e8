/* Recording by hand and by triggers. */
#include <errno.h>
#include <string.h>

#include "lib/base/clock.h"
#include "src/gateway/private.h"

#define JSON "application/json"

/* A member of the body that is out of range; field: its name. */
static void reply_field(struct nvr_http_request *request, const char *field, const char *expected)
{
    struct nvr_config_errors errors = {.count = 1};

    if (nvr_fmt(errors.items[0].field, sizeof(errors.items[0].field), "%s", field) < 0 ||
        nvr_fmt(errors.items[0].message, sizeof(errors.items[0].message), "expected %s", expected) <
            0)
        errors.count = 0;
    nvr_http_reply_fields(request, &errors);
}

static bool is_enabled(struct nvr_gateway *gateway, struct nvr_http_request *request,
                       const char *id)
{
    const struct nvr_camera_config *camera =
        nvr_config_find_camera(nvr_supervisor_get_config(gateway->supervisor), id);

    if (camera && !camera->enabled) {
        nvr_http_reply_error(request, 409, "camera_disabled",
                             "The camera is switched off in the configuration (enabled): nothing "
                             "can be recorded.");
        return false;
    }
    if (camera && camera->recording.enabled)
        return true;
    nvr_http_reply_error(request, 409, "recording_disabled",
                         "Recording is switched off for this camera (recording.enabled).");
    return false;
}

static void handle_start(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    const char *id = nvr_http_get_param(request, "id");
    int64_t seconds = NVR_RECORD_SECONDS_DEFAULT;
    int64_t until_ms = 0;
    int r;

    if (!nvr_camera_exists(gateway, request, id))
        return;
    if (nvr_json_get_int(nvr_http_get_body(request), "duration_seconds", 1, NVR_RECORD_SECONDS_MAX,
                         &seconds) < 0) {
        reply_field(request, "duration_seconds", "an integer from 1 to 86400");
        return;
    }
    if (!is_enabled(gateway, request, id))
        return;
    r = nvr_supervisor_record_start(gateway->supervisor, id, seconds * 1000, &until_ms);
    if (r == -ESHUTDOWN)
        nvr_http_reply_error(request, 409, "camera_stopped",
                             "The camera is stopped: start it to record.");
    else if (r < 0)
        nvr_http_reply_errno(request, r, "camera");
    else
        nvr_http_reply_json_take(request, 200, json_pack("{s:I}", "until", (json_int_t)until_ms));
}

static void handle_stop(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    const char *id = nvr_http_get_param(request, "id");
    int r;

    if (!nvr_camera_exists(gateway, request, id))
        return;
    r = nvr_supervisor_record_stop(gateway->supervisor, id);
    if (r < 0)
        nvr_http_reply_errno(request, r, "camera");
    else
        nvr_http_reply_empty(request, 204);
}

/* False: replied. */
static bool take_text(struct nvr_http_request *request, const char *key,
                      char dst[NVR_TRIGGER_TEXT_SIZE])
{
    const json_t *value = json_object_get(nvr_http_get_body(request), key);
    const char *text = json_string_value(value);

    if (!value || json_is_null(value) ||
        (text && nvr_str_copy(dst, NVR_TRIGGER_TEXT_SIZE, nvr_str_from(text)) == 0))
        return true;
    reply_field(request, key, "text of at most 64 bytes");
    return false;
}

static void handle_trigger(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    const char *id = nvr_http_get_param(request, "id");
    const json_t *body = nvr_http_get_body(request);
    struct nvr_trigger trigger = {.source = "api", .start_ms = nvr_clock_wall_ms()};
    const char *kind = "";
    int64_t seconds = 0;
    int64_t trigger_id = 0;
    int64_t until_ms = 0;
    int r;

    if (!nvr_camera_exists(gateway, request, id))
        return;
    if (nvr_json_get_str(body, "kind", &kind) != 1 ||
        (strcmp(kind, "motion") != 0 && strcmp(kind, "event") != 0)) {
        reply_field(request, "kind", "one of motion, event");
        return;
    }
    if (nvr_json_get_int(body, "duration_seconds", 0, NVR_TRIGGER_SECONDS_MAX, &seconds) < 0) {
        reply_field(request, "duration_seconds", "an integer from 0 to 3600");
        return;
    }
    if (!take_text(request, "label", trigger.label) ||
        !take_text(request, "source", trigger.source))
        return;
    if (nvr_fmt(trigger.camera_id, sizeof(trigger.camera_id), "%s", id) < 0)
        return;
    trigger.kind = strcmp(kind, "event") == 0 ? NVR_TRIGGER_EVENT : NVR_TRIGGER_MOTION;
    trigger.end_ms = trigger.start_ms + seconds * 1000;
    r = nvr_supervisor_record_trigger(gateway->supervisor, &trigger, &trigger_id, &until_ms);
    if (r < 0)
        nvr_http_reply_errno(request, r, "camera");
    else
        nvr_http_reply_json_take(
            request, 202,
            json_pack("{s:I, s:I}", "id", (json_int_t)trigger_id, "until", (json_int_t)until_ms));
}

const struct nvr_route nvr_record_routes[] = {
    {NVR_HTTP_POST, NVR_ROUTE_BODY, "/api/v1/cameras/{id}/record/start", handle_start, "cameras",
     "Record by hand, whatever the mode", JSON},
    {NVR_HTTP_POST, 0, "/api/v1/cameras/{id}/record/stop", handle_stop, "cameras",
     "End a recording by hand", NULL},
    {NVR_HTTP_POST, NVR_ROUTE_BODY, "/api/v1/cameras/{id}/record/trigger", handle_trigger,
     "cameras", "Tell of motion or an event", JSON},
};
const size_t nvr_record_routes_count = NVR_ARRAY_SIZE(nvr_record_routes);
