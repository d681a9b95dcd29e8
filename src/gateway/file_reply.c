#include "src/gateway/file_reply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "src/gateway/range.h"

NVR_LOG_TOPIC("http");

struct file_source {
    struct nvr_http_request *request; /* owns us */
    int fd;
    int64_t offset, end;
    struct nvr_file_filter filter;
    uint8_t *buf; /* read ahead */
    size_t have, used;
    bool busy;
    int error;
};

static void free_source(void *arg)
{
    struct file_source *source = arg;

    if (source->filter.free)
        source->filter.free(source->filter.arg);
    if (source->fd >= 0)
        close(source->fd);
    free(source->buf);
    free(source);
}

/* Filters give small pieces: gather them. */
static ssize_t read_filtered(struct file_source *source, size_t wanted)
{
    size_t have = 0;

    while (have < wanted) {
        const ssize_t r = source->filter.read_at(source->filter.arg, source->fd, source->buf + have,
                                                 wanted - have, source->offset + (int64_t)have);

        if (r < 0)
            return r;
        if (r == 0)
            break;
        have += (size_t)r;
    }
    return (ssize_t)have;
}

/* Pool thread. */
static void read_ahead(void *arg)
{
    struct file_source *source = arg;
    const size_t wanted =
        (size_t)NVR_MIN((int64_t)NVR_HTTP_FILE_READ, source->end - source->offset);
    ssize_t r;

    if (source->filter.read_at)
        r = read_filtered(source, wanted);
    else
        r = nvr_fd_pread_all(source->fd, source->buf, wanted, source->offset);
    if (r <= 0) {
        source->error = r < 0 ? (int)r : -EIO; /* shorter than it was */
        return;
    }
    source->used = 0;
    source->have = (size_t)r;
    source->offset += r;
}

static void on_read_ahead(struct nvr_http_request *request, void *arg)
{
    struct file_source *source = arg;

    source->busy = false;
    nvr_http_resume(request);
}

static ssize_t start_read_ahead(struct file_source *source)
{
    const struct nvr_work work = {.run = read_ahead, .done = on_read_ahead, .arg = source};
    int r;

    if (!source->buf) {
        source->buf = malloc(NVR_HTTP_FILE_READ);
        if (!source->buf)
            return -ENOMEM;
    }
    source->busy = true;
    r = nvr_work_start(source->request, &work);
    if (r < 0) {
        source->busy = false;
        return r;
    }
    return -EAGAIN;
}

static ssize_t read_source(void *arg, uint8_t *dst, size_t max)
{
    struct file_source *source = arg;

    if (source->busy)
        return -EAGAIN;
    if (source->error < 0)
        return source->error;
    if (source->have > source->used) {
        const size_t len = NVR_MIN(max, source->have - source->used);

        memcpy(dst, source->buf + source->used, len);
        source->used += len;
        return (ssize_t)len;
    }
    if (source->offset >= source->end)
        return 0;
    if (!source->filter.read_at) {
        const struct iovec iov = {
            .iov_base = dst,
            .iov_len = (size_t)NVR_MIN((int64_t)max, source->end - source->offset),
        };
        const ssize_t r = preadv2(source->fd, &iov, 1, source->offset, RWF_NOWAIT);

        if (r > 0) {
            source->offset += r;
            return r;
        }
    }
    return start_read_ahead(source);
}

/* What Range and If-Range ask for. 206, 200 or 416. */
static unsigned choose_range(struct nvr_http_request *request, int64_t size, const char *etag,
                             int64_t *ret_first, int64_t *ret_last)
{
    const char *if_range = nvr_http_get_header(request, NVR_HTTP_IF_RANGE);
    int r;

    *ret_first = 0;
    *ret_last = size - 1;
    if (nvr_http_get_method(request) != NVR_HTTP_GET)
        return 200;
    if (if_range && (!etag || strcmp(if_range, etag) != 0))
        return 200;
    r = nvr_range_parse(nvr_http_get_header(request, NVR_HTTP_RANGE), size, ret_first, ret_last);
    if (r < 0)
        return 416;
    return r ? 206 : 200;
}

static void add_content_range(struct nvr_http_request *request, unsigned status, int64_t first,
                              int64_t last, int64_t size)
{
    char text[80];

    if (status == 416)
        (void)nvr_fmt(text, sizeof(text), "bytes */%lld", (long long)size);
    else
        (void)nvr_fmt(text, sizeof(text), "bytes %lld-%lld/%lld", (long long)first, (long long)last,
                      (long long)size);
    nvr_http_add_header(request, "Content-Range", text);
}

void nvr_http_reply_file_take(struct nvr_http_request *request, int fd, int64_t size,
                              const struct nvr_file_reply *how)
{
    struct file_source *source = calloc(1, sizeof(*source));
    int64_t first;
    int64_t last;
    unsigned status;

    if (!source) {
        if (how->filter && how->filter->free)
            how->filter->free(how->filter->arg);
        close(fd);
        nvr_http_reply_errno(request, -ENOMEM, "the file");
        return;
    }
    *source = (struct file_source){.request = request, .fd = fd};
    if (how->filter)
        source->filter = *how->filter;

    nvr_http_add_header(request, "Accept-Ranges", "bytes");
    if (how->etag)
        nvr_http_add_header(request, "ETag", how->etag);
    if (how->cache_control)
        nvr_http_add_header(request, "Cache-Control", how->cache_control);
    if (nvr_etag_matches(nvr_http_get_header(request, NVR_HTTP_IF_NONE_MATCH), how->etag)) {
        free_source(source);
        nvr_http_reply_empty(request, 304);
        return;
    }
    status = choose_range(request, size, how->etag, &first, &last);
    if (status != 200)
        add_content_range(request, status, first, last, size);
    if (status == 416) {
        free_source(source);
        nvr_http_reply_error(request, 416, "range_not_satisfiable",
                             "The range lies outside of the file.");
        return;
    }
    source->offset = first;
    source->end = last + 1;
    nvr_http_reply_source_take(request, status, how->type,
                               &(struct nvr_http_source){
                                   .read = read_source,
                                   .free = free_source,
                                   .arg = source,
                                   .length = last + 1 - first,
                               });
}
