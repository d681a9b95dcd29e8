/* What is stored, what goes next, what is kept and deleted by hand. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/store/retention.h"
#include "src/gateway/private.h"

#define JSON "application/json"

/* ---- system/storage ---- */

static void on_report(int result, json_t *report, void *arg)
{
    struct nvr_http_request *request = arg;

    if (result < 0)
        nvr_http_reply_errno(request, result, "report");
    else
        nvr_http_reply_json_take(request, 200, report);
    nvr_http_unref(request);
}

static void handle_storage(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;

    nvr_storage_report(gateway->storage, on_report, nvr_http_ref(request));
}

/* ---- protected ranges ---- */

static json_t *range_to_json(const struct nvr_protected_range *range)
{
    char id[24];

    (void)nvr_fmt(id, sizeof(id), "%lld", (long long)range->id);
    return json_pack("{s:s, s:s, s:I, s:I, s:s, s:I}", "id", id, "camera", range->camera_id,
                     "start", (json_int_t)range->start_ms, "end", (json_int_t)range->end_ms,
                     "reason", range->reason, "created", (json_int_t)range->created_ms);
}

struct ranges {
    struct nvr_store *store;
    char camera[NVR_SLUG_SIZE]; /* "": all */
    json_t *items;
    int result;
};

static int add_range(const struct nvr_protected_range *range, void *arg)
{
    struct ranges *ranges = arg;

    return json_array_append_new(ranges->items, range_to_json(range)) < 0 ? -ENOMEM : 0;
}

static void run_ranges(void *arg)
{
    struct ranges *ranges = arg;
    struct nvr_db *db;

    ranges->result = nvr_store_read_begin(ranges->store, &db);
    if (ranges->result < 0)
        return;
    ranges->items = json_array();
    ranges->result =
        nvr_protected_each(db, ranges->camera[0] ? ranges->camera : NULL, add_range, ranges);
    nvr_store_read_end(ranges->store, db);
}

static void on_ranges(struct nvr_http_request *request, void *arg)
{
    struct ranges *ranges = arg;

    if (ranges->result < 0)
        nvr_http_reply_errno(request, ranges->result, "list");
    else
        nvr_http_reply_json_take(request, 200, json_pack("{s:O}", "items", ranges->items));
    json_decref(ranges->items);
    free(ranges);
}

static void handle_protected(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    const char *camera = nvr_query_get(nvr_http_get_query(request), "camera");
    struct ranges *ranges;
    int r;

    /* A removed camera's ranges are still there. */
    if (camera && !nvr_slug_is_valid(camera)) {
        nvr_http_reply_bad_query(request, "camera", "is not a camera id");
        return;
    }
    ranges = calloc(1, sizeof(*ranges));
    if (!ranges) {
        nvr_http_reply_errno(request, -ENOMEM, "list");
        return;
    }
    ranges->store = nvr_supervisor_get_store(gateway->supervisor);
    if (camera)
        memcpy(ranges->camera, camera, strlen(camera) + 1);
    r = nvr_work_start(request, &(struct nvr_work){run_ranges, on_ranges, ranges});
    if (r < 0) {
        free(ranges);
        nvr_http_reply_errno(request, r, "list");
    }
}

/* ---- changes ---- */

struct change {
    struct nvr_http_request *request;
    struct nvr_protected_range range; /* of a new one */
    bool is_new;
};

static struct change *change_new(struct nvr_http_request *request)
{
    struct change *change = calloc(1, sizeof(*change));

    if (!change)
        nvr_http_reply_errno(request, -ENOMEM, "recording");
    else
        change->request = nvr_http_ref(request);
    return change;
}

static void on_changed(int result, int64_t id, void *arg)
{
    struct change *change = arg;

    if (result == -EPERM)
        nvr_http_reply_error(change->request, 409, "protected",
                             "A protected range covers this recording.");
    else if (result == -EBUSY)
        nvr_http_reply_error(change->request, 409, "busy",
                             "This camera's recordings are being compared with the disk. Try again "
                             "later.");
    else if (result == -ENOSPC && change->is_new)
        nvr_http_reply_error(change->request, 409, "too_many",
                             "There are %d protected ranges already.", NVR_PROTECTED_MAX);
    else if (result < 0)
        nvr_http_reply_errno(change->request, result, "recording");
    else if (change->is_new) {
        change->range.id = id;
        nvr_http_reply_json_take(change->request, 201, range_to_json(&change->range));
    } else
        nvr_http_reply_empty(change->request, 204);
    nvr_http_unref(change->request);
    free(change);
}

static void refuse(struct nvr_config_errors *errors, const char *field, const char *message)
{
    struct nvr_config_error *error = &errors->items[errors->count++];

    (void)nvr_fmt(error->field, sizeof(error->field), "%s", field);
    (void)nvr_fmt(error->message, sizeof(error->message), "%s", message);
}

static void read_reason(const json_t *body, char dst[NVR_PROTECTED_REASON_SIZE],
                        struct nvr_config_errors *errors)
{
    const char *reason = "";

    if (json_is_null(json_object_get(body, "reason")))
        return;
    if (nvr_json_get_str(body, "reason", &reason) < 0 ||
        strlen(reason) >= NVR_PROTECTED_REASON_SIZE)
        refuse(errors, "reason", "expected text of at most 255 bytes");
    else
        memcpy(dst, reason, strlen(reason) + 1);
}

static void read_range(const json_t *body, struct nvr_protected_range *range,
                       struct nvr_config_errors *errors)
{
    const char *camera = "";

    if (nvr_json_get_str(body, "camera", &camera) != 1 || !nvr_slug_is_valid(camera))
        refuse(errors, "camera", "expected a camera's id");
    else
        memcpy(range->camera_id, camera, strlen(camera) + 1);
    if (nvr_json_get_int(body, "start", 0, INT64_MAX / 2, &range->start_ms) != 1)
        refuse(errors, "start", "expected milliseconds since 1970");
    if (nvr_json_get_int(body, "end", 0, INT64_MAX / 2, &range->end_ms) != 1)
        refuse(errors, "end", "expected milliseconds since 1970");
    else if (range->end_ms <= range->start_ms)
        refuse(errors, "end", "must be later than start");
    else if (range->end_ms - range->start_ms > NVR_PROTECTED_SPAN_MAX_MS)
        refuse(errors, "end", "must be at most 31 days after start");
    read_reason(body, range->reason, errors);
}

static void handle_protect(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    struct nvr_config_errors errors = {.count = 0};
    struct nvr_protected_range range = {.created_ms = nvr_clock_wall_ms()};
    struct change *change;

    read_range(nvr_http_get_body(request), &range, &errors);
    if (errors.count) {
        nvr_http_reply_fields(request, &errors);
        return;
    }
    change = change_new(request);
    if (!change)
        return;
    change->is_new = true;
    change->range = range;
    nvr_storage_protect(gateway->storage, &range, on_changed, change);
}

static void handle_unprotect(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    struct change *change;
    uint64_t id = 0;

    if (nvr_str_to_u64(nvr_str_from(nvr_http_get_param(request, "id")), INT64_MAX, &id) < 0) {
        nvr_http_reply_errno(request, -ENOENT, "protected range");
        return;
    }
    change = change_new(request);
    if (change)
        nvr_storage_unprotect(gateway->storage, (int64_t)id, on_changed, change);
}

/* False: 404 was replied. */
static bool parse_id(struct nvr_http_request *request, char camera[NVR_SLUG_SIZE],
                     int64_t *ret_start_ms)
{
    if (nvr_recording_id_parse(nvr_http_get_param(request, "id"), camera, ret_start_ms) == 0)
        return true;
    nvr_http_reply_errno(request, -ENOENT, "recording");
    return false;
}

static void handle_protect_recording(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    const json_t *body = nvr_http_get_body(request);
    struct nvr_config_errors errors = {.count = 0};
    char reason[NVR_PROTECTED_REASON_SIZE] = "";
    char camera[NVR_SLUG_SIZE];
    struct change *change;
    int64_t start_ms;
    bool protect = false;

    if (!parse_id(request, camera, &start_ms))
        return;
    if (nvr_json_get_bool(body, "protected", &protect) != 1)
        refuse(&errors, "protected", "expected true or false");
    read_reason(body, reason, &errors);
    if (errors.count) {
        nvr_http_reply_fields(request, &errors);
        return;
    }
    change = change_new(request);
    if (change)
        nvr_storage_protect_recording(gateway->storage, camera, start_ms, protect, reason,
                                      on_changed, change);
}

void nvr_handle_delete_recording(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    char camera[NVR_SLUG_SIZE];
    struct change *change;
    int64_t start_ms;

    if (!parse_id(request, camera, &start_ms))
        return;
    change = change_new(request);
    if (change)
        nvr_storage_delete(gateway->storage, camera, start_ms, on_changed, change);
}

const struct nvr_route nvr_storage_routes[] = {
    {NVR_HTTP_GET, 0, "/api/v1/system/storage", handle_storage, "system",
     "What is stored, how long it lasts, what goes next", JSON},
    {NVR_HTTP_GET, 0, "/api/v1/recordings/protected", handle_protected, "recordings",
     "Protected ranges", JSON},
    {NVR_HTTP_POST, NVR_ROUTE_BODY, "/api/v1/recordings/protect", handle_protect, "recordings",
     "Protect a range", JSON},
    {NVR_HTTP_DELETE, 0, "/api/v1/recordings/protected/{id}", handle_unprotect, "recordings",
     "Take a range's protection away", NULL},
    {NVR_HTTP_PUT, NVR_ROUTE_BODY, "/api/v1/recordings/{id}/protect", handle_protect_recording,
     "recordings", "Protect one recording, or not", NULL},
};
const size_t nvr_storage_routes_count = NVR_ARRAY_SIZE(nvr_storage_routes);
