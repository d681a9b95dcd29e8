#include "src/gateway/splice.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/media/fmp4.h"
#include "lib/media/timeline.h"

#define US INT64_C(1000000)
#define INIT_READ NVR_FMP4_INIT_MAX
#define MOOF_FIRST 4096 /* a moof of one frame fits */
#define MOOF_MAX ((size_t)256 * 1024)
#define SAMPLES_MAX NVR_FMP4_SAMPLES_MAX

struct nvr_splice {
    int64_t start_us, end_us;
    bool sound, over, begun;
    int fd;
    int64_t size;
    uint8_t init_bytes[NVR_FMP4_INIT_MAX]; /* of the stream */
    struct nvr_fmp4_init init;
    int video;
    int64_t base, expected; /* video units: of the stream's zero, and where the next one begins */
    bool is_new;            /* the segment's first fragment comes next */
    int64_t at;             /* the next fragment in the file */
    /* what is being sent: bytes made here, then bytes of the file */
    uint8_t *head;
    size_t head_cap, head_size, head_sent;
    int64_t body_at, body_left;
    uint32_t sequence;
    struct nvr_fmp4_sample samples[SAMPLES_MAX];
    size_t samples_count;
    uint64_t samples_at, samples_size;
};

int nvr_splice_new(int64_t start_us, int64_t end_us, bool sound, struct nvr_splice **ret_splice)
{
    struct nvr_splice *splice = calloc(1, sizeof(*splice));

    if (!splice)
        return -ENOMEM;
    splice->start_us = start_us;
    splice->end_us = end_us;
    splice->sound = sound;
    splice->fd = -1;
    *ret_splice = splice;
    return 0;
}

void nvr_splice_free(struct nvr_splice *splice)
{
    if (!splice)
        return;
    if (splice->fd >= 0)
        (void)close(splice->fd);
    free(splice->head);
    free(splice);
}

bool nvr_splice_is_over(const struct nvr_splice *splice)
{
    return splice->over;
}

static int make_room(struct nvr_splice *splice, size_t size)
{
    uint8_t *grown;

    if (splice->head_cap >= size)
        return 0;
    grown = realloc(splice->head, size);
    if (!grown)
        return -ENOMEM;
    splice->head = grown;
    splice->head_cap = size;
    return 0;
}

/* 1: there, in head; 0: no whole one. */
static int look_at(struct nvr_splice *splice, int64_t at, struct nvr_fmp4_fragment *fragment)
{
    size_t wanted = MOOF_FIRST;

    for (;;) {
        ssize_t n;
        int r = make_room(splice, wanted);

        if (r < 0)
            return r;
        n = nvr_fd_pread_all(splice->fd, splice->head, wanted, at);
        if (n <= 0)
            return (int)n;
        r = nvr_fmp4_parse_fragment(&splice->init, splice->head, (size_t)n, fragment);
        if (r == 0)
            return (int64_t)fragment->size <= splice->size - at;
        if (r != -EAGAIN || (size_t)n < wanted || wanted >= MOOF_MAX)
            return 0;
        wanted *= 4;
    }
}

static int64_t to_us(const struct nvr_splice *splice, uint64_t time)
{
    return (int64_t)((__int128)time * US / splice->init.tracks[splice->video].timescale);
}

static int find_key(struct nvr_splice *splice)
{
    int64_t at = splice->at;
    struct nvr_fmp4_fragment fragment;
    int r;

    while ((r = look_at(splice, at, &fragment)) == 1) {
        if (fragment.has_video && to_us(splice, fragment.tfdt[splice->video]) > splice->start_us)
            break;
        if (fragment.key)
            splice->at = at;
        at += (int64_t)fragment.size;
    }
    return NVR_MIN(r, 0);
}

static int begin_stream(struct nvr_splice *splice)
{
    size_t size = splice->init.size;
    int r = make_room(splice, NVR_FMP4_INIT_MAX);

    if (r == 0)
        r = find_key(splice);
    if (r < 0)
        return r;
    if (splice->sound)
        memcpy(splice->head, splice->init_bytes, size);
    else
        r = nvr_fmp4_drop_sound(&splice->init, splice->init_bytes, splice->head, &size);
    splice->head_size = size;
    splice->head_sent = 0;
    splice->begun = true;
    return r;
}

int nvr_splice_add_take(struct nvr_splice *splice, int fd, int64_t size)
{
    struct nvr_fmp4_init init;
    uint8_t *bytes = malloc(INIT_READ);
    ssize_t n = bytes ? nvr_fd_pread_all(fd, bytes, INIT_READ, 0) : -ENOMEM;
    int r = n < 0 ? (int)n : nvr_fmp4_parse_init(bytes, (size_t)n, &init);

    if (splice->fd >= 0)
        (void)close(splice->fd);
    splice->fd = fd;
    splice->size = size;
    splice->is_new = true;
    if (r == -EAGAIN)
        r = -EPROTO;
    if (r == 0 && splice->begun)
        r = init.size != splice->init.size || memcmp(bytes, splice->init_bytes, init.size) != 0;
    if (r == 0 && !splice->begun) {
        memcpy(splice->init_bytes, bytes, init.size);
        splice->init = init;
        splice->video = -1;
        for (size_t i = init.tracks_count; i > 0; i--)
            if (init.tracks[i - 1].is_video)
                splice->video = (int)i - 1;
        splice->at = (int64_t)init.size;
        r = splice->video < 0 ? -EPROTO : begin_stream(splice);
    } else if (r == 0) {
        splice->at = (int64_t)init.size;
    }
    free(bytes);
    return r;
}

/* Where the stream's time is: holes between segments are left out. */
static void follow_time(struct nvr_splice *splice, const struct nvr_fmp4_fragment *fragment)
{
    const int64_t scale = splice->init.tracks[splice->video].timescale;
    const int64_t time = (int64_t)fragment->tfdt[splice->video];

    if (!splice->expected) {
        splice->base = time;
    } else if (splice->is_new && (time < splice->expected ||
                                  time - splice->expected > scale * NVR_TIMELINE_JOIN_MS / 1000)) {
        splice->base += time - splice->expected;
    }
    splice->is_new = false;
    splice->expected = time + (int64_t)fragment->duration[splice->video];
}

static int collect_sample(const struct nvr_fmp4_found *found, void *arg)
{
    struct nvr_splice *splice = arg;

    if ((int)found->track != splice->video)
        return 0;
    if (splice->samples_count == SAMPLES_MAX)
        return -EPROTO;
    if (splice->samples_count == 0)
        splice->samples_at = found->offset;
    else if (found->offset != splice->samples_at + splice->samples_size)
        return -EPROTO; /* not one after the other: not a file of ours */
    splice->samples[splice->samples_count++] = (struct nvr_fmp4_sample){
        .size = found->size, .duration = found->duration, .cts = found->cts, .key = found->key};
    splice->samples_size += found->size;
    return 0;
}

/* A moof of its own for the picture alone. */
static int make_silent(struct nvr_splice *splice, const struct nvr_fmp4_fragment *fragment)
{
    struct nvr_fmp4_track track = {.id = splice->init.tracks[splice->video].track_id,
                                   .tfdt = fragment->tfdt[splice->video] - (uint64_t)splice->base,
                                   .samples = splice->samples};
    size_t size;
    int r;

    splice->samples_count = 0;
    splice->samples_size = 0;
    r = nvr_fmp4_each_sample(&splice->init, splice->head, splice->head_cap, fragment,
                             collect_sample, splice);
    if (r < 0)
        return r;
    track.samples_count = splice->samples_count;
    track.data_size = (size_t)splice->samples_size;
    size = nvr_fmp4_fragment_size(&track, 1);
    splice->head_size = 0;
    splice->body_left = 0;
    if (!size)
        return 0; /* no picture in it */
    r = make_room(splice, size);
    if (r < 0)
        return r;
    nvr_fmp4_write_fragment(splice->head, ++splice->sequence, &track, 1);
    splice->head_size = size - track.data_size;
    splice->body_at = splice->at + (int64_t)splice->samples_at;
    splice->body_left = (int64_t)splice->samples_size;
    return 0;
}

static int make_whole(struct nvr_splice *splice, const struct nvr_fmp4_fragment *fragment)
{
    const uint32_t scale = splice->init.tracks[splice->video].timescale;
    const size_t moof_end = fragment->moof_offset + fragment->moof_size;
    uint64_t base[NVR_FMP4_TRACKS_MAX];

    for (size_t i = 0; i < splice->init.tracks_count; i++)
        base[i] = (uint64_t)((__int128)splice->base * splice->init.tracks[i].timescale / scale);
    splice->head_size = moof_end;
    splice->body_at = splice->at + (int64_t)moof_end;
    splice->body_left = (int64_t)(fragment->size - moof_end);
    return nvr_fmp4_rebase_moof(&splice->init, splice->head, moof_end, base);
}

/* 1: something is there to be sent; 0: the segment is over. */
static int next_fragment(struct nvr_splice *splice)
{
    struct nvr_fmp4_fragment fragment;
    int r = look_at(splice, splice->at, &fragment);

    splice->head_size = 0;
    splice->head_sent = 0;
    if (r <= 0)
        return r;
    if (fragment.has_video && to_us(splice, fragment.tfdt[splice->video]) >= splice->end_us) {
        splice->over = true;
        return 0;
    }
    if (fragment.has_video)
        follow_time(splice, &fragment);
    r = splice->sound ? make_whole(splice, &fragment) : make_silent(splice, &fragment);
    splice->at += (int64_t)fragment.size;
    return r < 0 ? r : 1;
}

ssize_t nvr_splice_read(struct nvr_splice *splice, uint8_t *dst, size_t max)
{
    for (;;) {
        int r;

        if (splice->head_sent < splice->head_size) {
            const size_t n = NVR_MIN(max, splice->head_size - splice->head_sent);

            memcpy(dst, splice->head + splice->head_sent, n);
            splice->head_sent += n;
            return (ssize_t)n;
        }
        if (splice->body_left) {
            const ssize_t n = nvr_fd_pread_all(
                splice->fd, dst, (size_t)NVR_MIN((int64_t)max, splice->body_left), splice->body_at);

            if (n <= 0)
                return n < 0 ? n : -EIO;
            splice->body_at += n;
            splice->body_left -= n;
            return n;
        }
        if (splice->over)
            return 0;
        r = next_fragment(splice);
        if (r <= 0)
            return r;
    }
}
