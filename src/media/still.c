/* Role still: a picture out of encoded video that the core hands over as bytes. No network, no
 * files: what a camera made of these bytes stays in this process. */
#include <libavformat/avformat.h>
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

NVR_LOG_TOPIC("still");

#define REGION_MAX (96 * 1024 * 1024)
#define INIT_MAX (64 * 1024)
#define IO_SIZE 32768
#define BUDGET_MS 2000

struct request {
    int64_t width, quality, target_us, budget_ms;
    int64_t offset, length, init_offset, init_length;
};

struct bytes { /* init + fragments, one after the other */
    uint8_t *data;
    size_t size, pos;
};

struct shot {
    AVFormatContext *input;
    AVIOContext *io;
    AVCodecContext *decoder;
    AVPacket *packet;
    AVFrame *frame, *best; /* best: the newest that is not behind the target */
    int video;
    int64_t target_us, deadline_ms;
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

static int on_read(void *arg, uint8_t *dst, int size)
{
    struct bytes *bytes = arg;
    const size_t n = NVR_MIN((size_t)size, bytes->size - bytes->pos);

    if (n == 0)
        return AVERROR_EOF;
    memcpy(dst, bytes->data + bytes->pos, n);
    bytes->pos += n;
    return (int)n;
}

static int64_t on_seek(void *arg, int64_t offset, int whence)
{
    struct bytes *bytes = arg;

    if (whence == AVSEEK_SIZE)
        return (int64_t)bytes->size;
    if (whence != SEEK_SET || offset < 0 || offset > (int64_t)bytes->size)
        return AVERROR(EINVAL);
    bytes->pos = (size_t)offset;
    return offset;
}

static int open_shot(struct shot *s, struct bytes *bytes)
{
    uint8_t *buffer = av_malloc(IO_SIZE);
    int r;

    s->input = avformat_alloc_context();
    s->io = buffer ? avio_alloc_context(buffer, IO_SIZE, 0, bytes, on_read, NULL, on_seek) : NULL;
    if (!s->input || !s->io) {
        av_free(s->io ? NULL : buffer);
        return -ENOMEM;
    }
    s->input->pb = s->io;
    s->input->flags |= AVFMT_FLAG_CUSTOM_IO;
    /* The muxer was ours: no other format is looked for, and nothing is probed. */
    if (avformat_open_input(&s->input, NULL, av_find_input_format("mp4"), NULL) < 0)
        return -EPROTO;
    s->video = -1;
    for (unsigned i = 0; i < s->input->nb_streams; i++) {
        if (s->input->streams[i]->codecpar->codec_type == AVMEDIA_TYPE_VIDEO && s->video < 0)
            s->video = (int)i;
        else
            s->input->streams[i]->discard = AVDISCARD_ALL;
    }
    if (s->video < 0)
        return -ENODATA;
    r = nvr_picture_open(s->input->streams[s->video]->codecpar, &s->decoder);
    if (r < 0)
        return r;
    s->packet = av_packet_alloc();
    s->frame = av_frame_alloc();
    s->best = av_frame_alloc();
    return s->packet && s->frame && s->best ? 0 : -ENOMEM;
}

static void close_shot(struct shot *s)
{
    av_packet_free(&s->packet);
    av_frame_free(&s->frame);
    av_frame_free(&s->best);
    avcodec_free_context(&s->decoder);
    avformat_close_input(&s->input);
    if (s->io)
        av_freep(&s->io->buffer);
    avio_context_free(&s->io);
}

static int64_t time_us(const struct shot *s, const AVFrame *frame)
{
    return av_rescale_q(frame->best_effort_timestamp, s->input->streams[s->video]->time_base,
                        AV_TIME_BASE_Q);
}

/* Take what the decoder has. True: the target is reached. */
static bool take_frames(struct shot *s)
{
    while (avcodec_receive_frame(s->decoder, s->frame) == 0) {
        const bool behind = s->target_us && s->best->width && time_us(s, s->frame) > s->target_us;

        if (behind) {
            av_frame_unref(s->frame);
            return true;
        }
        av_frame_unref(s->best);
        av_frame_move_ref(s->best, s->frame);
    }
    return false;
}

static int decode(struct shot *s)
{
    bool reached = false;

    while (!reached && av_read_frame(s->input, s->packet) >= 0) {
        if (s->packet->stream_index == s->video && avcodec_send_packet(s->decoder, s->packet) >= 0)
            reached = take_frames(s);
        av_packet_unref(s->packet);
        if (s->best->width && nvr_clock_mono_ms() >= s->deadline_ms)
            reached = true;
    }
    if (!reached && avcodec_send_packet(s->decoder, NULL) >= 0)
        (void)take_frames(s);
    return s->best->width ? 0 : -ENODATA;
}

static int make_still(int fd, const struct request *request, json_t **ret_result, int *ret_fd)
{
    struct bytes bytes = {0};
    struct shot shot = {.target_us = request->target_us,
                        .deadline_ms = nvr_clock_mono_ms() + request->budget_ms};
    unsigned width, height, size;
    int r = read_bytes(fd, request, &bytes);

    if (r == 0)
        r = open_shot(&shot, &bytes);
    if (r == 0)
        r = decode(&shot);
    if (r == 0)
        r = nvr_picture_to_jpeg(shot.best, (unsigned)request->width, (int)request->quality, ret_fd,
                                &width, &height, &size);
    if (r == 0)
        *ret_result =
            json_pack("{s:i, s:i, s:I, s:i}", "width", (int)width, "height", (int)height, "time_ms",
                      (json_int_t)(time_us(&shot, shot.best) / 1000), "size", (int)size);
    close_shot(&shot);
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
