#include "src/media/shot.h"

#include <libavformat/avformat.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "src/media/picture.h"

#define IO_SIZE 32768

struct bytes { /* init + fragments, one after the other */
    const uint8_t *data;
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

int nvr_shot_decode(const uint8_t *data, size_t size, int64_t target_us, int64_t deadline_ms,
                    AVFrame **ret_frame, int64_t *ret_time_us)
{
    struct bytes bytes = {.data = data, .size = size};
    struct shot shot = {.target_us = target_us, .deadline_ms = deadline_ms};
    int r = open_shot(&shot, &bytes);

    if (r == 0)
        r = decode(&shot);
    if (r == 0) {
        *ret_time_us = time_us(&shot, shot.best);
        *ret_frame = NVR_TAKE(shot.best);
    }
    close_shot(&shot);
    return r;
}
