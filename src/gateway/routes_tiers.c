/* Places of older recordings: tried out, adopted. */
#include <errno.h>
#include <string.h>

#include "lib/base/log.h"
#include "src/gateway/private.h"

NVR_LOG_TOPIC("gateway");

#define JSON "application/json"

static bool is_tier(const char *tier)
{
    return strcmp(tier, "warm") == 0 || strcmp(tier, "cold") == 0;
}

static void on_tested(const json_t *answer, void *arg)
{
    struct nvr_http_request *request = arg;

    nvr_http_reply_json_take(request, 200, answer ? json_deep_copy(answer) : NULL);
    nvr_http_unref(request);
}

static void reply_refused(struct nvr_http_request *request, int r, const char *tier)
{
    if (r == -ENOENT)
        nvr_http_reply_error(request, 409, "not_configured",
                             "The configuration names no place for tier %s.", tier);
    else
        nvr_http_reply_errno(request, r, "place");
    nvr_http_unref(request);
}

/* A stored secret goes to the endpoint that it was stored for, and to no other. */
static bool keeps_secret(struct nvr_gateway *gateway, const json_t *s3)
{
    const struct nvr_s3_config *now =
        &nvr_config_get_storage(nvr_supervisor_get_config(gateway->supervisor))->s3;
    const char *endpoint = json_string_value(json_object_get(s3, "endpoint"));

    return json_is_string(json_object_get(s3, "secret_key")) || !endpoint ||
           strcmp(endpoint, now->endpoint) == 0;
}

static void test_s3(struct nvr_gateway *gateway, struct nvr_http_request *request, const json_t *s3)
{
    NVR_AUTO(nvr_config) config = NULL;
    NVR_AUTO_JSON patch = json_pack("{s:o}", "s3", json_deep_copy(s3));
    struct nvr_config_errors errors = {.count = 0};
    int r;

    if (!keeps_secret(gateway, s3)) {
        nvr_http_reply_error(request, 422, "validation_failed",
                             "s3.secret_key: is missing: the stored one belongs to another "
                             "endpoint.");
        return;
    }
    (void)json_object_set_new(json_object_get(patch, "s3"), "enabled", json_true());
    r = nvr_supervisor_config_try(gateway->supervisor, "storage", patch, &config, &errors);
    if (r < 0 && errors.count) {
        nvr_http_reply_fields(request, &errors);
        return;
    }
    if (r == 0)
        r = nvr_storage_test_s3(gateway->storage, &nvr_config_get_storage(config)->s3, on_tested,
                                nvr_http_ref(request));
    else
        nvr_http_ref(request);
    if (r < 0)
        reply_refused(request, r, "s3");
}

static void handle_test(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    const json_t *body = nvr_http_get_body(request);
    const json_t *s3 = json_object_get(body, "s3");
    const char *tier = json_string_value(json_object_get(body, "tier"));
    int r;

    if (json_is_object(s3)) {
        test_s3(gateway, request, s3);
        return;
    }
    if (!tier || !is_tier(tier)) {
        nvr_http_reply_error(request, 422, "validation_failed",
                             "tier: expected warm or cold, or a section s3.");
        return;
    }
    r = nvr_storage_test(gateway->storage, tier, on_tested, nvr_http_ref(request));
    if (r < 0)
        reply_refused(request, r, tier);
}

static void on_adopted(const json_t *answer, void *arg)
{
    struct nvr_http_request *request = arg;
    const char *error = json_string_value(json_object_get(answer, "error"));

    if (!answer)
        nvr_http_reply_errno(request, -ENOMEM, "place");
    else if (error)
        nvr_http_reply_error(request, 503, "storage_unavailable", "%s", error);
    else
        nvr_http_reply_json_take(request, 200, json_deep_copy(answer));
    nvr_http_unref(request);
}

static void handle_adopt(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    const char *tier = nvr_http_get_param(request, "tier");
    int r;

    if (!is_tier(tier)) {
        nvr_http_reply_error(request, 404, "not_found", "There is no tier \"%.32s\".", tier);
        return;
    }
    r = nvr_storage_adopt(gateway->storage, tier, on_adopted, nvr_http_ref(request));
    if (r < 0)
        reply_refused(request, r, tier);
    else
        log_info("the place of tier %s is adopted", tier);
}

const struct nvr_route nvr_tier_routes[] = {
    {NVR_HTTP_POST, NVR_ROUTE_BODY, "/api/v1/system/storage/test", handle_test, "system",
     "Try a place of recordings", JSON},
    {NVR_HTTP_POST, 0, "/api/v1/system/storage/locations/{tier}/adopt", handle_adopt, "system",
     "The disk or bucket that is there now is this tier's", JSON},
};
const size_t nvr_tier_routes_count = NVR_ARRAY_SIZE(nvr_tier_routes);
