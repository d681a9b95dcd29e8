/* Role still: a picture out of encoded video that the core hands over as bytes. No network, no
 * files: what a camera made of these bytes stays in this process. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/ipc/child.h"
#include "src/media/picture.h"
#include "src/media/roles.h"
#include "src/media/shot.h"

NVR_LOG_TOPIC("still");

#define REGION_MAX (96 * 1024 * 1024)
#define INIT_MAX (64 * 1024)
#define BUDGET_MS 2000

struct request {
    int64_t width, quality, target_us, budget_ms;
    int64_t offset, length, init_offset, init_length;
};

struct bytes { /* init + fragments, one after the other */
    uint8_t *data;
    size_t size;
};

static int parse(const json_t *params, struct request *r)
{
    *r = (struct request){.quality = 80, .budget_ms = BUDGET_MS};
    if (nvr_json_get_int(params, "width", 0, 16384, &r->width) < 0 ||
        nvr_json_get_int(params, "quality", 1, 100, &r->quality) < 0 ||
        nvr_json_get_int(params, "target_us", 0, INT64_MAX, &r->target_us) < 0 ||
        nvr_json_get_int(params, "budget_ms", 1, 60000, &r->budget_ms) < 0 ||
        nvr_json_get_int(params, "offset", 0, INT64_MAX, &r->offset) < 0 ||
        nvr_json_get_int(params, "length", 1, REGION_MAX, &r->length) <= 0 ||
        nvr_json_get_int(params, "init_offset", 0, INT64_MAX, &r->init_offset) < 0 ||
        nvr_json_get_int(params, "init_length", 0, INIT_MAX, &r->init_length) < 0)
        return -EINVAL;
    return 0;
}

static int read_bytes(int fd, const struct request *r, struct bytes *bytes)
{
    ssize_t n = 0;

    bytes->data = malloc((size_t)(r->init_length + r->length));
    if (!bytes->data)
        return -ENOMEM;
    if (r->init_length) {
        n = nvr_fd_pread_all(fd, bytes->data, (size_t)r->init_length, (off_t)r->init_offset);
        if (n < 0)
            return (int)n;
        bytes->size = (size_t)n;
    }
    n = nvr_fd_pread_all(fd, bytes->data + bytes->size, (size_t)r->length, (off_t)r->offset);
    if (n < 0)
        return (int)n;
    bytes->size += (size_t)n;
    return 0;
}

static int make_still(int fd, const struct request *request, json_t **ret_result, int *ret_fd)
{
    struct bytes bytes = {0};
    AVFrame *frame = NULL;
    int64_t time_us = 0;
    unsigned width, height, size;
    int r = read_bytes(fd, request, &bytes);

    if (r == 0)
        r = nvr_shot_decode(bytes.data, bytes.size, request->target_us,
                            nvr_clock_mono_ms() + request->budget_ms, &frame, &time_us);
    if (r == 0)
        r = nvr_picture_to_jpeg(frame, (unsigned)request->width, (int)request->quality, ret_fd,
                                &width, &height, &size);
    if (r == 0)
        *ret_result = json_pack("{s:i, s:i, s:I, s:i}", "width", (int)width, "height", (int)height,
                                "time_ms", (json_int_t)(time_us / 1000), "size", (int)size);
    av_frame_free(&frame);
    free(bytes.data);
    return r;
}

static void serve(struct nvr_child *child, const struct nvr_rpc_request *request)
{
    struct request parsed;
    json_t *result = NULL;
    NVR_AUTO_FD int jpeg = -1;
    int r;

    if (parse(request->params, &parsed) < 0 || request->fds_count < 1) {
        nvr_child_refuse(child, request->id, "protocol", "the request is not complete");
        return;
    }
    r = make_still(request->fds[0], &parsed, &result, &jpeg);
    if (r == 0)
        nvr_child_answer(child, request->id, result, jpeg);
    else if (r == -ENOTSUP)
        nvr_child_refuse(child, request->id, "unsupported", "This video cannot be decoded here.");
    else if (r == -ENODATA)
        nvr_child_refuse(child, request->id, "no_video", "There is no picture in this video.");
    else
        nvr_child_refuse(child, request->id, "protocol", "The video is damaged.");
}

static void on_request(struct nvr_child *child, const struct nvr_rpc_request *request, void *arg)
{
    (void)arg;
    if (strcmp(request->method, "still") != 0 ||
        nvr_child_enter(child, NVR_SANDBOX_NO_NETWORK, NULL, NULL) < 0)
        nvr_child_refuse(child, request->id, NULL, "this worker makes stills only");
    else
        serve(child, request);
    nvr_child_end(child, 0);
}

static void on_stop(struct nvr_child *child, void *arg)
{
    (void)arg;
    nvr_child_end(child, 0);
}

int nvr_still_run(const char *name, int fd)
{
    static const struct nvr_child_role role = {
        .name = "still", .on_request = on_request, .on_stop = on_stop};

    (void)name;
    return nvr_child_run(fd, &role, NULL);
}
