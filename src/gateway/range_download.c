/* A range of a camera as a fragmented MP4 that starts at once: no job, nothing is made before the
 * socket takes it. From the key frame at or before start to the frame at end; what was not recorded
 * is left out. Where the codec's configuration changes the stream ends: one file has one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/store/recordings.h"
#include "src/gateway/private.h"
#include "src/gateway/splice.h"

NVR_LOG_TOPIC("gateway");

#define LEASE_S 120
#define LEASE_AGAIN_MS 30000

struct range {
    struct nvr_gateway *gateway;
    struct nvr_http_request *request; /* owns us once it is answered */
    struct nvr_splice *splice;
    char camera[NVR_SLUG_SIZE];
    int64_t start_ms, end_ms, after_ms;
    int64_t again_ms; /* the segment whose row was read a second time; 0: none */
    struct nvr_recording row;
    uint8_t *buffer;
    size_t have, used;
    bool answered, busy, over;
    int result;
    int fd; /* of the next segment */
    int64_t size, leased_ms;
};

static void find_next(struct range *range);
static void fill(struct range *range);

static void free_range(void *arg)
{
    struct range *range = arg;

    if (range->fd >= 0)
        (void)close(range->fd);
    nvr_splice_free(range->splice);
    free(range->buffer);
    free(range);
}

/* Nothing more comes: the end, or an error. */
static void end(struct range *range, int result)
{
    range->busy = false;
    range->over = true;
    range->result = NVR_MIN(result, 0);
    if (range->answered) {
        nvr_http_resume(range->request);
        return;
    }
    if (result == -ENODATA || result == -ENOENT || result == 0)
        nvr_http_reply_error(range->request, 404, "nothing_recorded",
                             "Nothing is recorded in this range.");
    else if (result == -ENODEV || result == -EACCES || result == -EIO)
        nvr_http_reply_error(range->request, 503, "storage_unavailable",
                             "The %s storage that holds this recording cannot be reached now.",
                             range->row.tier);
    else
        nvr_http_reply_errno(range->request, result, "recording");
    free_range(range);
}

static void keep_lease(struct range *range)
{
    const int64_t now = nvr_clock_mono_ms();

    if (range->leased_ms && now - range->leased_ms < LEASE_AGAIN_MS)
        return;
    range->leased_ms = now;
    nvr_storage_lease(range->gateway->storage, range->camera,
                      NVR_MAX(range->start_ms, range->after_ms), range->end_ms, LEASE_S);
}

/* ---- sending ---- */

static ssize_t read_source(void *arg, uint8_t *dst, size_t max)
{
    struct range *range = arg;

    if (range->have > range->used) {
        const size_t n = NVR_MIN(max, range->have - range->used);

        memcpy(dst, range->buffer + range->used, n);
        range->used += n;
        return (ssize_t)n;
    }
    if (range->busy)
        return -EAGAIN;
    if (range->over)
        return range->result;
    fill(range);
    return range->over ? range->result : -EAGAIN;
}

static void answer(struct range *range)
{
    char name[NVR_SLUG_SIZE + 80];
    const struct nvr_utc utc = nvr_utc_from_ms(range->start_ms);

    (void)nvr_fmt(name, sizeof(name), "attachment; filename=\"%s_%04d%02d%02d_%02d%02d%02d.mp4\"",
                  range->camera, utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second);
    nvr_http_add_header(range->request, "Content-Disposition", name);
    range->answered = true;
    nvr_http_reply_source_take(
        range->request, 200, "video/mp4",
        &(struct nvr_http_source){
            .read = read_source, .free = free_range, .arg = range, .length = -1});
}

static void run_fill(void *arg)
{
    struct range *range = arg;

    range->result = 0;
    range->used = range->have = 0;
    if (range->fd >= 0)
        range->result = nvr_splice_add_take(range->splice, NVR_TAKE_FD(range->fd), range->size);
    while (range->result == 0 && range->have < NVR_HTTP_FILE_READ) {
        const ssize_t n = nvr_splice_read(range->splice, range->buffer + range->have,
                                          (size_t)NVR_HTTP_FILE_READ - range->have);

        if (n <= 0) {
            range->result = (int)n;
            break;
        }
        range->have += (size_t)n;
    }
}

static void on_filled(struct nvr_http_request *request, void *arg)
{
    struct range *range = arg;

    range->busy = false;
    if (range->result < 0) {
        end(range, range->result);
    } else if (range->result == 1 || nvr_splice_is_over(range->splice)) {
        range->over = true;
        range->result = 0;
        if (range->answered)
            nvr_http_resume(request);
        else
            answer(range);
    } else if (range->have == 0) {
        find_next(range); /* this segment is over */
    } else if (range->answered) {
        nvr_http_resume(request);
    } else {
        answer(range);
    }
}

static void fill(struct range *range)
{
    const int r = nvr_work_start(range->request, &(struct nvr_work){run_fill, on_filled, range});

    keep_lease(range);
    range->busy = r == 0;
    if (r < 0) {
        range->over = true;
        range->result = r;
    }
}

/* ---- the next segment ---- */

static int take_row(const struct nvr_recording *row, void *arg)
{
    struct range *range = arg;

    if (row->start_ms <= range->after_ms)
        return 0;
    range->row = *row;
    range->result = 0;
    return 1;
}

static void run_find(void *arg)
{
    struct range *range = arg;
    const int64_t from = NVR_MAX(range->start_ms, range->after_ms + 1);
    struct nvr_db *db;
    int r = nvr_store_read_begin(nvr_supervisor_get_store(range->gateway->supervisor), &db);

    range->result = r < 0 ? r : -ENODATA;
    if (r < 0)
        return;
    if (from < range->end_ms)
        r = nvr_recordings_each(db, range->camera, from, range->end_ms, false, take_row, range);
    nvr_store_read_end(nvr_supervisor_get_store(range->gateway->supervisor), db);
    if (r < 0)
        range->result = r;
}

static void on_opened(int fd, int64_t size, void *arg)
{
    struct range *range = arg;
    struct nvr_http_request *request = range->request;
    struct nvr_http_server *server = range->gateway->http;

    range->busy = false;
    if (nvr_http_is_gone(request)) {
        if (fd >= 0)
            (void)close(fd);
        end(range, -ECANCELED);
    } else if (fd == -ENOENT) {
        /* Moved to another place a moment ago? Then its row says so now. Or deleted. */
        if (range->again_ms != range->row.start_ms)
            range->after_ms = range->row.start_ms - 1;
        range->again_ms = range->row.start_ms;
        find_next(range);
    } else if (fd < 0) {
        end(range, fd);
    } else {
        range->fd = fd;
        range->size = size;
        fill(range);
        if (range->over)
            end(range, range->result);
    }
    nvr_http_release(server);
    nvr_http_unref(request);
}

static void on_found(struct nvr_http_request *request, void *arg)
{
    struct range *range = arg;

    if (range->result < 0) {
        end(range, range->result == -ENODATA && range->answered ? 0 : range->result);
        return;
    }
    if (nvr_http_is_gone(request)) {
        end(range, -ECANCELED);
        return;
    }
    range->after_ms = range->row.start_ms;
    range->busy = true;
    (void)nvr_http_ref(request); /* lives until the file is open, and so does the server */
    nvr_http_hold(range->gateway->http);
    nvr_storage_open(range->gateway->storage, &range->row, on_opened, range);
}

static void find_next(struct range *range)
{
    const int r = nvr_work_start(range->request, &(struct nvr_work){run_find, on_found, range});

    range->busy = true;
    if (r < 0)
        end(range, r);
}

/* False: replied. */
static bool parse(struct nvr_gateway *gateway, struct nvr_http_request *request,
                  struct nvr_span *span, bool *ret_sound)
{
    const struct nvr_query *query = nvr_http_get_query(request);
    const char *camera = nvr_query_get(query, "camera");
    const char *audio = nvr_query_get(query, "audio");

    if (!camera || !nvr_slug_is_valid(camera)) {
        nvr_http_reply_bad_query(request, "camera", "expected a camera's id");
        return false;
    }
    if (audio && strcmp(audio, "true") != 0 && strcmp(audio, "false") != 0) {
        nvr_http_reply_bad_query(request, "audio", "expected true or false");
        return false;
    }
    *ret_sound = !audio || strcmp(audio, "true") == 0;
    return nvr_camera_exists(gateway, request, camera) &&
           nvr_span_parse(request, true, NVR_SPAN_MAX_MS, span);
}

void nvr_handle_range_download(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    struct nvr_span span = {0, 0};
    struct range *range;
    bool sound;
    int r = -ENOMEM;

    if (!parse(gateway, request, &span, &sound))
        return;
    range = calloc(1, sizeof(*range));
    if (range) {
        range->gateway = gateway;
        range->request = request;
        range->fd = -1;
        range->start_ms = span.start_ms;
        range->end_ms = span.end_ms;
        range->after_ms = -1;
        (void)nvr_fmt(range->camera, sizeof(range->camera), "%s",
                      nvr_query_get(nvr_http_get_query(request), "camera"));
        range->buffer = malloc(NVR_HTTP_FILE_READ);
        r = range->buffer
                ? nvr_splice_new(span.start_ms * 1000, span.end_ms * 1000, sound, &range->splice)
                : -ENOMEM;
    }
    if (r < 0) {
        if (range)
            free_range(range);
        nvr_http_reply_errno(request, r, "recording");
        return;
    }
    find_next(range);
}
