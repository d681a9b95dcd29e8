#include "src/media/scan.h"

#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/io.h"
#include "lib/base/log.h"
#include "lib/media/checksum.h"
#include "lib/media/fmp4.h"
#include "lib/media/holes.h"
#include "lib/media/stamp.h"

NVR_LOG_TOPIC("index");

#define HEAD_SIZE (16 * 1024) /* first look at an init segment or a moof */
#define HEAD_MAX (1024 * 1024)
#define CHUNK_SIZE (256 * 1024) /* a multiple of PAGE */
#define PAGE 4096
#define TAIL_MIN 64 /* so many zeros at the end of a file do not come from a camera */

struct scan {
    int fd;
    uint64_t file_size;
    uint64_t limit;  /* nothing behind it is believed */
    uint64_t whole;  /* end of the last whole fragment */
    uint8_t *buffer; /* HEAD_MAX bytes */
    struct nvr_fmp4_init init;
    struct nvr_segment segment;
    int video; /* track index, -1: none */
    struct nvr_holes holes;
    struct {
        int64_t last_us, at_us;
    } early[NVR_HOLES_KNOWN + 1]; /* before the usual distance is known */
    unsigned early_count;
    bool may_be_zero; /* JPEG: a plain picture may be a row of zeros */
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
            s->may_be_zero = strcmp(track->codec, "mp4v") == 0;
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
            return offset + fragment->size <= s->limit;
        if (r != -EAGAIN || (size_t)n < size || size == HEAD_MAX)
            return 0; /* what follows is no fragment of ours */
        size = NVR_MIN(size * 4, (size_t)HEAD_MAX);
    }
}

static void add_hole(struct nvr_segment *segment, int64_t from_us, int64_t at_us)
{
    if (segment->holes_count == NVR_SEGMENT_HOLES_MAX ||
        at_us - segment->start_us > UINT32_MAX * INT64_C(1000))
        return;
    segment->holes[segment->holes_count++] =
        (struct nvr_segment_hole){.from_ms = (uint32_t)((from_us - segment->start_us) / 1000),
                                  .to_ms = (uint32_t)((at_us - segment->start_us) / 1000)};
}

/* The first distances are judged at the end of the file, when the usual one is known. */
static void look_for_hole(struct scan *s, int64_t at_us)
{
    const int64_t last_us = s->holes.last_us;
    int64_t from_us;

    if (last_us && s->holes.count < NVR_HOLES_KNOWN) {
        s->early[s->early_count].last_us = last_us;
        s->early[s->early_count++].at_us = at_us;
        s->early_count %= NVR_HOLES_KNOWN + 1;
    }
    if (nvr_holes_add(&s->holes, at_us, &from_us))
        add_hole(&s->segment, from_us, at_us);
}

static void judge_early(struct scan *s)
{
    int64_t from_us;

    for (unsigned i = 0; i < s->early_count; i++)
        if (nvr_holes_is_between(&s->holes, s->early[i].last_us, s->early[i].at_us, &from_us))
            add_hole(&s->segment, from_us, s->early[i].at_us);
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

    look_for_hole(s, at_us);
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
    judge_early(s);
    return s->segment.frames ? 0 : -EBADMSG;
}

/* A power cut leaves pages of zeros where the size was written before the bytes were. Neither the
 * slices of a picture (three zeros in a row do not occur in them) nor sound hold whole ones. */
static bool is_torn(const uint8_t *data, size_t size)
{
    return size >= TAIL_MIN && data[0] == 0 && memcmp(data, data + 1, size - 1) == 0;
}

/* -EUCLEAN: *ret_torn is where the first such page among the size bytes at offset begins. */
static int find_torn(const uint8_t *data, size_t size, uint64_t offset, uint64_t *ret_torn)
{
    for (size_t at = 0; at < size; at += PAGE) {
        if (is_torn(data + at, NVR_MIN(size - at, (size_t)PAGE))) {
            *ret_torn = offset + at;
            return -EUCLEAN;
        }
    }
    return 0;
}

/* The file's whole fragments: its checksum, the digests that were marked, pages that were lost. */
static int checksum(struct scan *s)
{
    struct nvr_segment *segment = &s->segment;
    struct sha256_ctx sha;
    uint8_t sum[SHA256_DIGEST_SIZE];
    size_t next = 0;
    int r;

    sha256_init(&sha);
    for (uint64_t at = 0; at < s->whole;) {
        const size_t wanted = (size_t)NVR_MIN(s->whole - at, (uint64_t)CHUNK_SIZE);
        const ssize_t n = look(s, at, wanted);
        size_t done = 0;

        if (n < (ssize_t)wanted)
            return n < 0 ? (int)n : -EIO;
        r = s->may_be_zero ? 0 : find_torn(s->buffer, wanted, at, &s->limit);
        if (r < 0)
            return r;
        for (; next < segment->digests_count && segment->digests[next].offset < at + wanted;
             next++) {
            const size_t end = (size_t)(segment->digests[next].offset - at);
            struct sha256_ctx copy;

            sha256_update(&sha, end - done, s->buffer + done);
            done = end;
            copy = sha;
            sha256_digest(&copy, sizeof(sum), sum);
            memcpy(segment->digests[next].sum, sum, sizeof(segment->digests[next].sum));
        }
        sha256_update(&sha, wanted - done, s->buffer + done);
        at += wanted;
    }
    sha256_digest(&sha, sizeof(sum), sum);
    nvr_checksum_hex(sum, sizeof(sum), segment->checksum);
    segment->file_size = s->whole;
    return 0;
}

static int repair(struct scan *s)
{
    int r;

    if (s->whole >= s->file_size)
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

static int scan_all(struct scan *s)
{
    int r = scan_init(s);

    if (r == 0)
        r = scan_fragments(s);
    return r < 0 ? r : checksum(s);
}

/* Forget what was found, not which file it is. */
static int scan_again(struct scan *s)
{
    char path[NVR_SEGMENT_PATH_SIZE];

    log_info("'%s': from byte %llu on it was never written", s->segment.path,
             (unsigned long long)s->limit);
    memcpy(path, s->segment.path, sizeof(path));
    nvr_segment_done(&s->segment);
    memcpy(s->segment.path, path, sizeof(path));
    s->video = -1;
    s->holes = (struct nvr_holes){0};
    s->early_count = 0;
    return scan_all(s);
}

static int scan_file(struct scan *s, int root_fd)
{
    struct stat st;
    int r;

    s->fd = nvr_io_openat(root_fd, s->segment.path, O_RDWR | O_NOFOLLOW | O_NONBLOCK, 0);
    if (s->fd < 0)
        return s->fd;
    if (fstat(s->fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    s->file_size = s->limit = (uint64_t)st.st_size;
    r = scan_all(s);
    if (r == -EUCLEAN)
        r = scan_again(s);
    return r < 0 ? r : repair(s);
}

int nvr_scan_file(int root_fd, const char *path, struct nvr_segment *ret_segment,
                  bool *ret_repaired)
{
    struct scan s = {.fd = -1, .video = -1};
    int r;

    if (!nvr_path_is_safe(path) ||
        nvr_str_copy(s.segment.path, sizeof(s.segment.path), nvr_str_from(path)) < 0)
        return -EINVAL;
    s.buffer = malloc(HEAD_MAX);
    r = s.buffer ? scan_file(&s, root_fd) : -ENOMEM;
    (void)nvr_io_close(s.fd);
    free(s.buffer);
    if (r < 0) {
        nvr_segment_done(&s.segment);
        return r;
    }
    *ret_repaired = s.whole < s.file_size;
    *ret_segment = s.segment;
    return 0;
}
