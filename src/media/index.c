/* Role index: what a segment file holds, from its own bytes, for the index of recordings. A file
 * that was cut by a crash is cut back to whole fragments. Bounded memory, no network. */
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/io.h"
#include "lib/base/log.h"
#include "lib/ipc/child.h"
#include "lib/media/checksum.h"
#include "lib/media/fmp4.h"
#include "lib/media/segment.h"
#include "lib/media/stamp.h"
#include "src/media/roles.h"

NVR_LOG_TOPIC("index");

#define HEAD_SIZE (16 * 1024) /* first look at an init segment or a moof */
#define HEAD_MAX (1024 * 1024)
#define CHUNK_SIZE (256 * 1024)

struct scan {
    int fd;
    uint64_t file_size;
    uint64_t whole;  /* end of the last whole fragment */
    uint8_t *buffer; /* HEAD_MAX bytes */
    struct nvr_fmp4_init init;
    struct nvr_segment segment;
    int video; /* track index, -1: none */
};

/* Up to size bytes at offset; what the file has. */
static ssize_t look(struct scan *s, uint64_t offset, size_t size)
{
    return nvr_io_pread(s->fd, s->buffer, size, (off_t)offset);
}

static int join_codecs(struct scan *s)
{
    struct nvr_segment *segment = &s->segment;
    size_t used = 0;

    for (size_t i = 0; i < s->init.tracks_count; i++) {
        const struct nvr_fmp4_header *track = &s->init.tracks[i];
        const char *name = track->codec_string[0]              ? track->codec_string
                           : strcmp(track->codec, "mp4v") == 0 ? "mp4v.6C"
                                                               : track->codec;
        const int n = nvr_fmt(segment->codecs + used, sizeof(segment->codecs) - used, "%s%s",
                              used ? "," : "", name);

        if (n < 0)
            return n;
        used += (size_t)n;
        if (track->is_video && s->video < 0) {
            s->video = (int)i;
            segment->width = track->width;
            segment->height = track->height;
        }
    }
    return 0;
}

static int scan_init(struct scan *s)
{
    const ssize_t n = look(s, 0, 4 * HEAD_SIZE);
    int r;

    if (n < 0)
        return (int)n;
    if (n == 0)
        return -ENODATA;
    r = nvr_fmp4_parse_init(s->buffer, (size_t)n, &s->init);
    if (r < 0)
        return -EPROTO;
    s->segment.init_size = (uint32_t)s->init.size;
    nvr_checksum_init_id(s->buffer, s->init.size, s->segment.init_id);
    s->whole = s->init.size;
    return join_codecs(s);
}

/* 1: a whole fragment is at offset; 0: the file ends before one is complete. */
static int scan_fragment(struct scan *s, uint64_t offset, struct nvr_fmp4_fragment *fragment)
{
    size_t size = HEAD_SIZE;

    for (;;) {
        const ssize_t n = look(s, offset, size);
        int r;

        if (n <= 0)
            return (int)n;
        r = nvr_fmp4_parse_fragment(&s->init, s->buffer, (size_t)n, fragment);
        if (r == 0)
            return offset + fragment->size <= s->file_size;
        if (r != -EAGAIN || (size_t)n < size || size == HEAD_MAX)
            return 0; /* what follows is no fragment of ours */
        size = NVR_MIN(size * 4, (size_t)HEAD_MAX);
    }
}

static int add_fragment(struct scan *s, uint64_t offset, const struct nvr_fmp4_fragment *fragment)
{
    struct nvr_segment *segment = &s->segment;

    for (size_t i = 0; i < s->init.tracks_count; i++) {
        const uint32_t timescale = s->init.tracks[i].timescale;
        int64_t start_us, end_us;

        if (!fragment->samples[i] || !timescale || fragment->tfdt[i] > INT64_MAX / 4)
            continue;
        start_us = nvr_stamp_to_us((int64_t)fragment->tfdt[i], timescale);
        end_us = nvr_stamp_to_us((int64_t)(fragment->tfdt[i] + fragment->duration[i]), timescale);
        if ((int)i == s->video) {
            if (segment->frames == 0)
                segment->start_us = start_us;
            segment->frames += fragment->samples[i];
        }
        segment->end_us = NVR_MAX(segment->end_us, end_us);
    }
    if (s->video < 0 || !fragment->samples[s->video])
        return 0;
    const int64_t at_us =
        nvr_stamp_to_us((int64_t)fragment->tfdt[s->video], s->init.tracks[s->video].timescale);
    const uint32_t ms = (uint32_t)NVR_MAX((at_us - segment->start_us) / 1000, (int64_t)0);

    (void)nvr_segment_add_digest(segment, ms, offset); /* summed up by checksum() */
    return fragment->key ? nvr_segment_add_key(segment, ms, offset) : 0;
}

static int scan_fragments(struct scan *s)
{
    struct nvr_fmp4_fragment fragment;
    int r;

    while ((r = scan_fragment(s, s->whole, &fragment)) == 1) {
        r = add_fragment(s, s->whole, &fragment);
        if (r < 0)
            return r;
        s->whole += fragment.size;
    }
    if (r < 0)
        return r;
    return s->segment.frames ? 0 : -EBADMSG;
}

/* The bytes from *at up to end. */
static int hash_up_to(struct scan *s, struct sha256_ctx *sha, uint64_t *at, uint64_t end)
{
    while (*at < end) {
        const ssize_t n = look(s, *at, (size_t)NVR_MIN(end - *at, (uint64_t)CHUNK_SIZE));

        if (n <= 0)
            return n < 0 ? (int)n : -EIO;
        sha256_update(sha, (size_t)n, s->buffer);
        *at += (uint64_t)n;
    }
    return 0;
}

static int checksum(struct scan *s)
{
    struct nvr_segment *segment = &s->segment;
    struct sha256_ctx sha;
    uint8_t sum[SHA256_DIGEST_SIZE];
    uint64_t at = 0;
    int r = 0;

    sha256_init(&sha);
    for (size_t i = 0; r == 0 && i < segment->digests_count; i++) {
        struct sha256_ctx copy;

        r = hash_up_to(s, &sha, &at, segment->digests[i].offset);
        copy = sha;
        sha256_digest(&copy, sizeof(sum), sum);
        memcpy(segment->digests[i].sum, sum, sizeof(segment->digests[i].sum));
    }
    if (r == 0)
        r = hash_up_to(s, &sha, &at, s->whole);
    if (r < 0)
        return r;
    sha256_digest(&sha, sizeof(sum), sum);
    nvr_checksum_hex(sum, sizeof(sum), segment->checksum);
    segment->file_size = s->whole;
    return 0;
}

static int repair(struct scan *s, bool *ret_repaired)
{
    int r;

    *ret_repaired = s->whole < s->file_size;
    if (!*ret_repaired)
        return 0;
    r = nvr_io_ftruncate(s->fd, (off_t)s->whole);
    if (r == 0)
        r = nvr_io_fdatasync(s->fd);
    if (r < 0)
        return r;
    log_info("'%s': %llu bytes behind the last whole fragment were cut off", s->segment.path,
             (unsigned long long)(s->file_size - s->whole));
    return 0;
}

static int index_file(int root_fd, const char *path, struct scan *s, bool *ret_repaired)
{
    struct stat st;
    int r = nvr_str_copy(s->segment.path, sizeof(s->segment.path), nvr_str_from(path));

    if (r < 0 || !nvr_path_is_safe(path))
        return -EINVAL;
    s->fd = nvr_io_openat(root_fd, path, O_RDWR | O_NOFOLLOW | O_NONBLOCK, 0);
    if (s->fd < 0)
        return s->fd;
    if (fstat(s->fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    s->file_size = (uint64_t)st.st_size;
    r = scan_init(s);
    if (r == 0)
        r = scan_fragments(s);
    if (r == 0)
        r = repair(s, ret_repaired);
    if (r == 0)
        r = checksum(s);
    return r;
}

static void answer(struct nvr_child *child, int64_t id, int r, const struct nvr_segment *segment,
                   bool repaired)
{
    json_t *result;

    if (r == 0) {
        result = nvr_segment_to_json(segment);
        (void)json_object_set_new(result, "repaired", json_boolean(repaired));
        nvr_child_answer(child, id, result, -1);
    } else if (r == -ENODATA) {
        nvr_child_refuse(child, id, "empty", "the file is empty");
    } else if (r == -EPROTO) {
        nvr_child_refuse(child, id, "not_mp4", "the file does not begin with an init segment");
    } else if (r == -EBADMSG) {
        nvr_child_refuse(child, id, "no_fragments", "the file holds no whole picture");
    } else {
        nvr_child_refuse(child, id, "io", nvr_strerror(r));
    }
}

static void serve(struct nvr_child *child, const struct nvr_rpc_request *request)
{
    struct scan scan = {.fd = -1, .video = -1, .buffer = malloc(HEAD_MAX)};
    const char *path = "";
    bool repaired = false;
    int r = -ENOMEM;

    (void)nvr_json_get_str(request->params, "path", &path);
    if (scan.buffer)
        r = index_file(request->fds[0], path, &scan, &repaired);
    answer(child, request->id, r, &scan.segment, repaired);
    if (scan.fd >= 0)
        (void)close(scan.fd);
    nvr_segment_done(&scan.segment);
    free(scan.buffer);
}

static void on_request(struct nvr_child *child, const struct nvr_rpc_request *request, void *arg)
{
    char root[64];

    (void)arg;
    if (strcmp(request->method, "index") != 0 || request->fds_count < 1) {
        nvr_child_refuse(child, request->id, "io", "no folder came along");
        return;
    }
    /* The folder is known by its descriptor only. */
    (void)nvr_fmt(root, sizeof(root), "/proc/self/fd/%d", request->fds[0]);
    if (nvr_child_enter(child, NVR_SANDBOX_NO_NETWORK, NULL, root) < 0) {
        nvr_child_refuse(child, request->id, "io", "the sandbox could not be entered");
        nvr_child_end(child, 1);
        return;
    }
    serve(child, request);
}

static void on_stop(struct nvr_child *child, void *arg)
{
    (void)arg;
    nvr_child_end(child, 0);
}

int nvr_index_run(const char *name, int fd)
{
    static const struct nvr_child_role role = {
        .name = "index", .on_request = on_request, .on_stop = on_stop};

    (void)name;
    return nvr_child_run(fd, &role, NULL);
}
