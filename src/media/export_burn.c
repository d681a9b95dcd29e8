#include "src/media/export_burn.h"

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/zone.h"
#include "lib/media/timeline.h"
#include "src/media/export.h"
#include "src/media/export_avc.h"
#include "src/media/export_label.h"
#include "src/media/picture.h"

NVR_LOG_TOPIC("export");

#define SCALE 90000 /* of what comes out */
#define US INT64_C(1000000)
#define GOP_FRAMES 50
#define QUALITY "21" /* x264's scale; 18 looks like the source, 28 is small */
#define TIMES 64     /* frames that a decoder may hold back */
#define LABEL_SIZE 200
#define IO_SIZE 4096

struct shown_time {
    int64_t out, wall_us;
};

struct export_burn {
    struct export_label *label;
    struct nvr_zone *zone;
    char name[LABEL_SIZE]; /* of the camera */
    AVCodecContext *decoder, *encoder;
    struct SwsContext *sws;
    AVPacket *packet;
    AVFrame *frame, *held, *drawn;
    unsigned entry;
    /* the time line, units of SCALE */
    int64_t media;      /* of the movie: where the piece begins */
    int64_t start, end; /* of the piece and the item, since 1970 */
    int64_t last_dts, last_end, last_out;
    bool open, has_last, has_held, has_out;
    struct shown_time times[TIMES];
    size_t times_next;
};

static const AVCodec *find_encoder(void)
{
    static const char *const names[] = {"libx264", "libopenh264"};
    const AVCodec *codec = NULL;

    for (size_t i = 0; !codec && i < NVR_ARRAY_SIZE(names); i++)
        codec = avcodec_find_encoder_by_name(names[i]);
    return codec;
}

int export_burn_new(const char *zone, struct export_burn **ret_burn)
{
    struct export_burn *burn = calloc(1, sizeof(*burn));
    int r;

    if (!burn)
        return -ENOMEM;
    burn->packet = av_packet_alloc();
    burn->frame = av_frame_alloc();
    burn->held = av_frame_alloc();
    burn->drawn = av_frame_alloc();
    r = burn->packet && burn->frame && burn->held && burn->drawn ? 0 : -ENOMEM;
    if (r == 0)
        r = find_encoder() ? export_label_new(&burn->label) : -ENOTSUP;
    if (r == 0 && zone[0] && nvr_zone_open(zone, &burn->zone) < 0)
        log_warn("no time zone '%s': times are UTC", zone);
    if (r < 0) {
        export_burn_free(burn);
        return r;
    }
    *ret_burn = burn;
    return 0;
}

void export_burn_reset(struct export_burn *burn)
{
    avcodec_free_context(&burn->decoder);
    avcodec_free_context(&burn->encoder);
    sws_freeContext(NVR_TAKE(burn->sws));
    av_frame_unref(burn->held);
    av_frame_unref(burn->drawn);
    burn->media = 0;
    burn->open = burn->has_last = burn->has_held = burn->has_out = false;
}

void export_burn_free(struct export_burn *burn)
{
    if (!burn)
        return;
    avcodec_free_context(&burn->decoder);
    avcodec_free_context(&burn->encoder);
    sws_freeContext(burn->sws);
    av_packet_free(&burn->packet);
    av_frame_free(&burn->frame);
    av_frame_free(&burn->held);
    av_frame_free(&burn->drawn);
    export_label_free(burn->label);
    nvr_zone_free(burn->zone);
    free(burn);
}

/* ---- encoding ---- */

static int open_encoder(struct export *e, const AVFrame *frame)
{
    struct export_burn *burn = e->burn;
    const AVCodec *codec = find_encoder();
    AVCodecContext *c = codec ? avcodec_alloc_context3(codec) : NULL;

    if (!c)
        return -ENOTSUP;
    c->width = frame->width & ~1;
    c->height = frame->height & ~1;
    c->pix_fmt = AV_PIX_FMT_YUV420P;
    c->time_base = (AVRational){1, SCALE};
    c->framerate = (AVRational){25, 1};
    c->gop_size = GOP_FRAMES;
    c->max_b_frames = 0;
    c->thread_count = 2;
    c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    c->color_range = AVCOL_RANGE_MPEG;
    (void)av_opt_set(c->priv_data, "preset", "veryfast", 0);
    (void)av_opt_set(c->priv_data, "crf", QUALITY, 0);
    if (avcodec_open2(c, codec, NULL) < 0) {
        avcodec_free_context(&c);
        return -ENOTSUP;
    }
    burn->encoder = c;
    burn->drawn->format = AV_PIX_FMT_YUV420P;
    burn->drawn->width = c->width;
    burn->drawn->height = c->height;
    if (av_frame_get_buffer(burn->drawn, 0) < 0)
        return -ENOMEM;
    return export_avc_add_entry(e->movie, c->extradata, (size_t)c->extradata_size,
                                (unsigned)c->width, (unsigned)c->height, &burn->entry);
}

static int take_packets(struct export *e)
{
    struct export_burn *burn = e->burn;
    int r = 0;

    while (r == 0 && avcodec_receive_packet(burn->encoder, burn->packet) == 0) {
        struct nvr_movie_sample sample = {.dts = burn->packet->pts,
                                          .key = burn->packet->flags & AV_PKT_FLAG_KEY,
                                          .offset = e->out.pos,
                                          .entry = burn->entry};
        uint8_t *data;
        size_t size;

        r = export_avc_from_bytes(burn->packet->data, (size_t)burn->packet->size, &data, &size);
        av_packet_unref(burn->packet);
        if (r < 0)
            return r;
        sample.size = (uint32_t)size;
        r = nvr_movie_add_sample(e->movie, NVR_MOVIE_VIDEO, &sample);
        if (r == 0)
            r = export_output_write(&e->out, data, size);
        free(data);
    }
    return r;
}

static int64_t wall_of(const struct export_burn *burn, int64_t out)
{
    for (size_t i = 0; i < TIMES; i++)
        if (burn->times[i].out == out)
            return burn->times[i].wall_us;
    return 0;
}

static void draw(struct export_burn *burn, int64_t wall_us)
{
    const int64_t ms = wall_us / 1000;
    const int64_t offset = nvr_zone_offset_ms(burn->zone, ms);
    const struct nvr_utc t = nvr_utc_from_ms(ms + offset);
    const int minutes = (int)(offset / 60000);
    char text[LABEL_SIZE + 64];

    (void)nvr_fmt(text, sizeof(text), "%s  %04d-%02d-%02d %02d:%02d:%02d %c%02d:%02d", burn->name,
                  t.year, t.month, t.day, t.hour, t.minute, t.second, minutes < 0 ? '-' : '+',
                  abs(minutes) / 60, abs(minutes) % 60);
    export_label_draw(burn->label, burn->drawn, text);
}

/* A decoded picture, shown from out on. */
static int encode(struct export *e, const AVFrame *frame, int64_t out)
{
    struct export_burn *burn = e->burn;
    int r = burn->encoder ? 0 : open_encoder(e, frame);

    if (r < 0)
        return r;
    burn->sws = sws_getCachedContext(burn->sws, frame->width, frame->height,
                                     (enum AVPixelFormat)frame->format, burn->drawn->width,
                                     burn->drawn->height, AV_PIX_FMT_YUV420P, SWS_BILINEAR, NULL,
                                     NULL, NULL);
    if (!burn->sws)
        return -ENOTSUP;
    if (av_frame_make_writable(burn->drawn) < 0)
        return -ENOMEM;
    if (sws_scale(burn->sws, (const uint8_t *const *)frame->data, frame->linesize, 0, frame->height,
                  burn->drawn->data, burn->drawn->linesize) < 0)
        return -ENOTSUP;
    draw(burn, wall_of(burn, frame->pts));
    burn->drawn->pts = burn->has_out ? NVR_MAX(out, burn->last_out + 1) : out;
    burn->drawn->pict_type = AV_PICTURE_TYPE_NONE;
    burn->last_out = burn->drawn->pts;
    burn->has_out = true;
    if (avcodec_send_frame(burn->encoder, burn->drawn) < 0)
        return -EIO;
    return take_packets(e);
}

/* ---- decoding ---- */

/* What was on the screen at the start is shown from there on. */
static int show_held(struct export *e)
{
    struct export_burn *burn = e->burn;
    int r = 0;

    if (burn->has_held)
        r = encode(e, burn->held, burn->media);
    av_frame_unref(burn->held);
    burn->has_held = false;
    return r;
}

static int take_frames(struct export *e)
{
    struct export_burn *burn = e->burn;
    int r = 0;

    while (r == 0 && avcodec_receive_frame(burn->decoder, burn->frame) == 0) {
        const int64_t out = burn->frame->pts;

        if (out <= burn->media && !e->options.speed) {
            av_frame_unref(burn->held);
            av_frame_move_ref(burn->held, burn->frame);
            burn->has_held = true;
            continue;
        }
        r = show_held(e);
        if (r == 0 && (e->options.speed || out < burn->media + burn->end - burn->start))
            r = encode(e, burn->frame, out);
        av_frame_unref(burn->frame);
    }
    return r;
}

/* The decoder gives what it holds back and begins anew. */
static int drain(struct export *e)
{
    struct export_burn *burn = e->burn;
    int r = 0;

    if (burn->decoder && avcodec_send_packet(burn->decoder, NULL) >= 0) {
        r = take_frames(e);
        avcodec_flush_buffers(burn->decoder);
    }
    return r < 0 ? r : show_held(e);
}

static int end_piece(struct export *e)
{
    struct export_burn *burn = e->burn;
    const int r = drain(e);

    if (burn->open && !e->options.speed)
        burn->media += NVR_MAX(NVR_MIN(burn->last_end, burn->end) - burn->start, INT64_C(0));
    burn->open = false;
    burn->has_last = false;
    return r;
}

int export_burn_begin_item(struct export *e, const char *label)
{
    const int r = end_piece(e);

    (void)nvr_fmt(e->burn->name, sizeof(e->burn->name), "%.*s", LABEL_SIZE - 1, label);
    e->burn->end = nvr_movie_rescale(e->end_us, US, SCALE);
    if (r < 0)
        return r;
    return e->options.speed ? export_lapse_begin(e) : 0;
}

struct init_bytes {
    const uint8_t *data;
    size_t size, pos;
};

static int read_init(void *arg, uint8_t *dst, int size)
{
    struct init_bytes *bytes = arg;
    const size_t n = NVR_MIN((size_t)size, bytes->size - bytes->pos);

    if (!n)
        return AVERROR_EOF;
    memcpy(dst, bytes->data + bytes->pos, n);
    bytes->pos += n;
    return (int)n;
}

static int open_decoder(const struct export_scan *scan, AVCodecContext **ret_decoder)
{
    struct init_bytes bytes = {.data = scan->buffer, .size = scan->init.size};
    AVFormatContext *input = avformat_alloc_context();
    uint8_t *buffer = av_malloc(IO_SIZE);
    AVIOContext *io = input && buffer
                          ? avio_alloc_context(buffer, IO_SIZE, 0, &bytes, read_init, NULL, NULL)
                          : NULL;
    int r = -ENOMEM;

    if (io) {
        input->pb = io;
        r = avformat_open_input(&input, NULL, av_find_input_format("mp4"), NULL) < 0 ? -EPROTO : 0;
    } else {
        av_free(buffer);
    }
    for (unsigned i = 0; r == 0 && i < input->nb_streams; i++)
        if (input->streams[i]->codecpar->codec_type == AVMEDIA_TYPE_VIDEO && !*ret_decoder)
            r = nvr_picture_open(input->streams[i]->codecpar, ret_decoder);
    avformat_close_input(&input);
    if (io)
        av_freep(&io->buffer);
    avio_context_free(&io);
    return r == 0 && !*ret_decoder ? -EPROTO : r;
}

int export_burn_begin_segment(struct export *e, const struct export_scan *scan)
{
    AVCodecContext *decoder = NULL;
    int r = nvr_movie_set_timescale(e->movie, NVR_MOVIE_VIDEO, SCALE);

    if (r == 0)
        r = open_decoder(scan, &decoder);
    if (r < 0 || !decoder)
        return NVR_MIN(r, 0);
    /* The same again goes on where it was. */
    if (e->burn->decoder && decoder->extradata_size == e->burn->decoder->extradata_size &&
        decoder->codec_id == e->burn->decoder->codec_id &&
        memcmp(decoder->extradata, e->burn->decoder->extradata, (size_t)decoder->extradata_size) ==
            0) {
        avcodec_free_context(&decoder);
        return 0;
    }
    r = drain(e);
    avcodec_free_context(&e->burn->decoder);
    e->burn->decoder = decoder;
    return r;
}

/* Where a picture stands in the movie; < media: before the start. EXPORT_SKIP: not wanted. */
static int place_video(struct export *e, const struct nvr_cut_sample *sample, int64_t dts,
                       int64_t pts, int64_t *ret_out)
{
    struct export_burn *burn = e->burn;
    const int64_t wanted = nvr_movie_rescale(e->start_us, US, SCALE);
    int r;

    if (e->options.speed)
        return export_lapse_place(e, sample, ret_out);
    if (dts >= burn->end)
        return EXPORT_ENDED;
    if (burn->has_last &&
        (dts <= burn->last_dts || dts - burn->last_end > SCALE * NVR_TIMELINE_JOIN_MS / 1000)) {
        r = end_piece(e);
        if (r < 0)
            return r;
    }
    if (!burn->open) {
        if (!sample->key)
            return EXPORT_SKIP;
        burn->open = true;
        burn->start = NVR_MAX(pts, wanted);
    }
    burn->has_last = true;
    burn->last_dts = dts;
    burn->last_end =
        NVR_MAX(pts, dts) + nvr_movie_rescale(sample->duration, sample->timescale, SCALE);
    *ret_out = burn->media + pts - burn->start;
    return EXPORT_TAKE;
}

static int feed_video(struct export *e, const struct export_scan *scan,
                      const struct nvr_cut_sample *sample, uint64_t file_offset)
{
    struct export_burn *burn = e->burn;
    const int64_t dts = nvr_movie_rescale(sample->dts, sample->timescale, SCALE);
    const int64_t pts = nvr_movie_rescale(sample->dts + sample->cts, sample->timescale, SCALE);
    int64_t out = 0;
    int r = place_video(e, sample, dts, pts, &out);

    if (r == EXPORT_SKIP)
        return 0;
    if (r != EXPORT_TAKE)
        return r;
    if (av_new_packet(burn->packet, (int)sample->size) < 0)
        return -ENOMEM;
    if (nvr_fd_pread_all(scan->fd, burn->packet->data, sample->size, (off_t)file_offset) !=
        (ssize_t)sample->size) {
        av_packet_unref(burn->packet);
        return -EIO;
    }
    burn->packet->pts = out;
    burn->times[burn->times_next++ % TIMES] =
        (struct shown_time){out, nvr_movie_rescale(pts, SCALE, (uint32_t)US)};
    r = avcodec_send_packet(burn->decoder, burn->packet);
    av_packet_unref(burn->packet);
    if (e->out.on_copied)
        e->out.on_copied(0, e->out.arg); /* alive */
    /* A picture that is damaged is left out. */
    return r < 0 ? 0 : take_frames(e);
}

static int feed_sound(struct export *e, const struct export_scan *scan,
                      const struct nvr_cut_sample *sample, uint64_t file_offset)
{
    const struct export_burn *burn = e->burn;
    const uint32_t scale = nvr_movie_get_timescale(e->movie, NVR_MOVIE_AUDIO);
    const int64_t time = nvr_movie_rescale(sample->dts, sample->timescale, scale);
    const int64_t start = nvr_movie_rescale(burn->start, SCALE, scale);
    struct nvr_movie_sample out = {
        .size = sample->size, .key = true, .offset = e->out.pos, .entry = sample->entry};
    int r;

    if (!burn->open || time < start || time >= nvr_movie_rescale(burn->end, SCALE, scale))
        return 0;
    out.dts = nvr_movie_rescale(burn->media, SCALE, scale) + time - start;
    if (nvr_movie_get_samples(e->movie, NVR_MOVIE_AUDIO) &&
        out.dts <= nvr_movie_get_last_dts(e->movie, NVR_MOVIE_AUDIO))
        return 0;
    r = nvr_movie_add_sample(e->movie, NVR_MOVIE_AUDIO, &out);
    return r < 0 ? r : export_output_copy(&e->out, scan->fd, file_offset, sample->size, false);
}

int export_burn_feed(struct export *e, const struct export_scan *scan,
                     const struct nvr_cut_sample *sample, uint64_t file_offset)
{
    return sample->track == NVR_MOVIE_VIDEO ? feed_video(e, scan, sample, file_offset)
                                            : feed_sound(e, scan, sample, file_offset);
}

int export_burn_end(struct export *e)
{
    struct export_burn *burn = e->burn;
    int64_t end;
    int r = end_piece(e);

    if (r == 0 && !burn->has_out)
        r = -ENODATA;
    if (r < 0)
        return r;
    if (avcodec_send_frame(burn->encoder, NULL) < 0)
        return -EIO;
    r = take_packets(e);
    end = e->options.speed ? burn->last_out + SCALE / EXPORT_LAPSE_FPS : burn->media;
    if (r == 0)
        r = nvr_movie_add_edit(e->movie, 0, NVR_MAX(end, INT64_C(1)));
    return r < 0 ? r : nvr_movie_finish(e->movie, end);
}
