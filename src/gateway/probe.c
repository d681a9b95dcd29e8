/* POST cameras/probe: try an address in a worker of its own. */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/memfd.h"
#include "src/gateway/private.h"
#include "src/gateway/probe_request.h"

NVR_LOG_TOPIC("probe");

struct probe {
    struct nvr_gateway *gateway;
    struct nvr_http_request *request;
    struct nvr_job *job;
    int64_t started_ms;
};

static void end_probe(struct probe *probe)
{
    probe->gateway->probes--;
    nvr_http_release(probe->gateway->http);
    nvr_http_on_gone(probe->request, NULL, NULL);
    nvr_http_unref(probe->request);
    free(probe);
}

/* "data:image/jpeg;base64,…" or null. */
static json_t *picture_url(int fd)
{
    static const char prefix[] = "data:image/jpeg;base64,";
    struct nvr_buf jpeg;
    json_t *url = NULL;
    char *text;
    size_t size;

    nvr_buf_init(&jpeg, NVR_SNAPSHOT_JPEG_MAX / 8);
    if (fd < 0 || nvr_memfd_read(fd, &jpeg) < 0 || !jpeg.len) {
        nvr_buf_done(&jpeg);
        return json_null();
    }
    size = sodium_base64_encoded_len(jpeg.len, sodium_base64_VARIANT_ORIGINAL);
    text = malloc(sizeof(prefix) - 1 + size);
    if (text) {
        memcpy(text, prefix, sizeof(prefix) - 1);
        (void)sodium_bin2base64(text + sizeof(prefix) - 1, size, jpeg.data, jpeg.len,
                                sodium_base64_VARIANT_ORIGINAL);
        url = json_string_nocheck(text);
    }
    free(text);
    nvr_buf_done(&jpeg);
    return url ? url : json_null();
}

static json_t *failure(const struct nvr_job_result *result, int64_t elapsed_ms)
{
    const char *code = result->error_code;
    const char *message = result->message;

    if (!code)
        code = result->error == -ETIMEDOUT ? "timeout" : "protocol";
    if (!message)
        message = result->error == -ETIMEDOUT ? "The camera did not answer in time."
                                              : "The camera could not be tried.";
    return json_pack("{s:b, s:{s:s, s:s}, s:I}", "ok", 0, "error", "code", code, "message", message,
                     "elapsed_ms", (json_int_t)elapsed_ms);
}

static void on_done(const struct nvr_job_result *result, void *arg)
{
    struct probe *probe = arg;
    const int64_t elapsed_ms = nvr_clock_mono_ms() - probe->started_ms;
    json_t *answer;

    if (result->error < 0) {
        answer = failure(result, elapsed_ms);
    } else {
        answer = json_deep_copy(result->result);
        (void)json_object_del(answer, "jpeg");
        (void)json_object_set_new(answer, "ok", json_true());
        (void)json_object_set_new(answer, "elapsed_ms", json_integer(elapsed_ms));
        (void)json_object_set_new(answer, "snapshot", picture_url(result->fd ? *result->fd : -1));
    }
    nvr_http_reply_json_take(probe->request, 200, answer);
    end_probe(probe);
}

static void on_gone(void *arg)
{
    struct probe *probe = arg;

    nvr_supervisor_job_cancel(probe->job);
    end_probe(probe);
}

static json_t *job_params(const struct nvr_probe_request *wanted)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i}", "url", wanted->url, "username",
                     wanted->username, "password", wanted->password, "auth_type", wanted->auth_type,
                     "transport", wanted->transport, "timeout_ms", NVR_PROBE_TIMEOUT_MS - 800);
}

static void start_probe(struct nvr_gateway *gateway, struct nvr_http_request *request,
                        const struct nvr_probe_request *wanted)
{
    struct probe *probe = calloc(1, sizeof(*probe));
    json_t *params = job_params(wanted);
    int r;

    if (!probe || !params) {
        json_decref(params);
        free(probe);
        nvr_http_reply_errno(request, -ENOMEM, "probe");
        return;
    }
    *probe = (struct probe){
        .gateway = gateway, .request = nvr_http_ref(request), .started_ms = nvr_clock_mono_ms()};
    gateway->probes++;
    nvr_http_hold(gateway->http);
    r = nvr_supervisor_job(gateway->supervisor, "probe", params, -1, NVR_PROBE_TIMEOUT_MS, on_done,
                           probe, &probe->job);
    if (r < 0) {
        nvr_http_reply_errno(request, r, "probe");
        end_probe(probe);
        return;
    }
    nvr_http_on_gone(request, on_gone, probe);
}

void nvr_handle_probe(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    const json_t *body = nvr_http_get_body(request);
    const struct nvr_camera_config *camera = NULL;
    struct nvr_config_errors errors;
    struct nvr_probe_request wanted;
    const char *id = NULL;

    if (nvr_json_get_str(body, "id", &id) < 0) {
        nvr_http_reply_error(request, 422, "validation_failed", "id: expected text");
        return;
    }
    if (id) {
        if (!nvr_camera_exists(gateway, request, id))
            return;
        camera = nvr_config_find_camera(nvr_supervisor_get_config(gateway->supervisor), id);
    }
    if (nvr_probe_request_parse(body, camera, &wanted, &errors) < 0) {
        nvr_http_reply_fields(request, &errors);
        return;
    }
    if (gateway->probes >= NVR_PROBE_JOBS_MAX) {
        nvr_http_reply_error(request, 503, "unavailable", "Too many cameras are tried just now.");
        return;
    }
    start_probe(gateway, request, &wanted);
    sodium_memzero(&wanted, sizeof(wanted));
}
