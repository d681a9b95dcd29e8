/* Small pictures for dragging over the timeline, and their times. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "src/gateway/private.h"

#define JPEG_MAX (512 * 1024)
/* A picture of the past does not change; while its minute is young a better one may come. */
#define SETTLED_MS (2 * 60 * 1000)

struct preview {
    const struct nvr_storage *storage;
    char camera[NVR_SLUG_SIZE];
    struct nvr_span span;
    int64_t at_ms, time_ms, interval_ms;
    struct nvr_buf data; /* JPEG or JSON */
    bool any;
    int result;
};

static struct preview *preview_new(struct nvr_http_request *request, struct nvr_gateway *gateway)
{
    const char *camera = nvr_http_get_param(request, "camera");
    struct preview *preview;

    /* Those of a removed camera may be looked at, too. */
    if (!nvr_slug_is_valid(camera)) {
        nvr_http_reply_errno(request, -ENOENT, "camera");
        return NULL;
    }
    preview = calloc(1, sizeof(*preview));
    if (!preview) {
        nvr_http_reply_errno(request, -ENOMEM, "preview");
        return NULL;
    }
    preview->storage = gateway->storage;
    memcpy(preview->camera, camera, strlen(camera) + 1);
    return preview;
}

static void preview_free(struct preview *preview)
{
    nvr_buf_done(&preview->data);
    free(preview);
}

static void start_work(struct nvr_http_request *request, struct preview *preview,
                       const struct nvr_work *work)
{
    const int r = nvr_work_start(request, work);

    if (r < 0) {
        preview_free(preview);
        nvr_http_reply_errno(request, r, "preview");
    }
}

/* ---- one picture ---- */

static void run_picture(void *arg)
{
    struct preview *preview = arg;

    preview->result = nvr_storage_preview(preview->storage, preview->camera, preview->at_ms,
                                          &preview->data, &preview->time_ms);
}

static void on_picture(struct nvr_http_request *request, void *arg)
{
    struct preview *preview = arg;
    char stamp[24];

    if (preview->result == -ENOENT) {
        nvr_http_reply_error(request, 404, "no_preview",
                             "There is no small picture of that moment.");
    } else if (preview->result < 0) {
        nvr_http_reply_errno(request, preview->result, "preview");
    } else {
        (void)nvr_fmt(stamp, sizeof(stamp), "%lld", (long long)preview->time_ms);
        nvr_http_add_header(request, "X-Heron-Time", stamp);
        nvr_http_add_header(request, "Cache-Control",
                            nvr_clock_wall_ms() - preview->at_ms > SETTLED_MS
                                ? "private, max-age=86400"
                                : "private, max-age=5");
        nvr_http_reply_buf_take(request, 200, "image/jpeg", &preview->data);
    }
    preview_free(preview);
}

void nvr_handle_preview(struct nvr_http_request *request, void *arg)
{
    struct preview *preview = preview_new(request, arg);

    if (!preview)
        return;
    nvr_buf_init(&preview->data, JPEG_MAX);
    if (nvr_query_get_time(nvr_http_get_query(request), "at", &preview->at_ms) != 1) {
        preview_free(preview);
        nvr_http_reply_bad_query(request, "at", "expected milliseconds since 1970 or RFC 3339");
        return;
    }
    start_work(request, preview, &(struct nvr_work){run_picture, on_picture, preview});
}

/* ---- times ---- */

static int add_time(int64_t time_ms, void *arg)
{
    struct preview *preview = arg;
    const int r =
        nvr_buf_printf(&preview->data, "%s%lld", preview->any ? "," : "", (long long)time_ms);

    preview->any = true;
    return r < 0 ? r : 0;
}

static void run_times(void *arg)
{
    struct preview *preview = arg;

    (void)nvr_buf_printf(&preview->data, "{\"interval_ms\":%lld,\"times\":[",
                         (long long)preview->interval_ms);
    preview->result =
        nvr_storage_preview_times(preview->storage, preview->camera, preview->span.start_ms,
                                  preview->span.end_ms, add_time, preview);
    (void)nvr_buf_append_str(&preview->data, "]}");
    if (preview->result == 0)
        preview->result = nvr_buf_status(&preview->data);
}

static void on_times(struct nvr_http_request *request, void *arg)
{
    struct preview *preview = arg;

    if (preview->result < 0)
        nvr_http_reply_errno(request, preview->result, "preview");
    else
        nvr_http_reply_buf_take(request, 200, "application/json", &preview->data);
    preview_free(preview);
}

void nvr_handle_preview_times(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    struct preview *preview = preview_new(request, gateway);

    if (!preview)
        return;
    nvr_buf_init(&preview->data, NVR_HTTP_JSON_MAX);
    preview->interval_ms =
        (int64_t)nvr_config_get_system(nvr_supervisor_get_config(gateway->supervisor))
            ->thumbnail_interval_seconds *
        1000;
    if (!nvr_span_parse(request, true, NVR_PREVIEW_TIMES_MAX_MS, &preview->span)) {
        preview_free(preview);
        return;
    }
    start_work(request, preview, &(struct nvr_work){run_times, on_times, preview});
}
