#include "src/camera/audio.h"

#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/media/codec.h"

NVR_LOG_TOPIC("audio");

#define AAC_FRAME 1024
#define PACKET_MAX 16384

struct nvr_audio {
    enum nvr_codec codec;
    struct nvr_audio_format format;
    uint32_t unit_duration; /* AAC passed through */
    nvr_audio_on_unit on_unit;
    void *arg;
    AVCodecContext *decoder, *encoder; /* NULL: passed through */
    AVPacket *in, *out;
    AVFrame *decoded, *pending;
    int64_t pending_dts; /* of pending's first sample; only when it has some */
};

static enum AVCodecID codec_id(enum nvr_codec codec)
{
    switch (codec) {
    case NVR_CODEC_PCMU:
        return AV_CODEC_ID_PCM_MULAW;
    case NVR_CODEC_PCMA:
        return AV_CODEC_ID_PCM_ALAW;
    case NVR_CODEC_OPUS:
        return AV_CODEC_ID_OPUS;
    default:
        return AV_CODEC_ID_NONE;
    }
}

static int open_passthrough(struct nvr_audio *a, const struct nvr_source_tracks *tracks)
{
    struct nvr_aac_config aac;
    int r = nvr_aac_parse_config(tracks->audio_config, tracks->audio_config_size, &aac);

    if (r < 0 || aac.sample_rate == 0)
        return -ENOTSUP;
    if (tracks->audio_config_size > sizeof(a->format.config))
        return -EMSGSIZE;
    memcpy(a->format.config, tracks->audio_config, tracks->audio_config_size);
    a->format.config_size = tracks->audio_config_size;
    a->format.channels = aac.channels ? aac.channels : NVR_MAX(tracks->audio_channels, 1u);
    a->unit_duration = (uint32_t)((uint64_t)AAC_FRAME * a->format.rate / aac.sample_rate);
    return 0;
}

static int open_decoder(struct nvr_audio *a)
{
    const AVCodec *codec = avcodec_find_decoder(codec_id(a->codec));

    if (!codec)
        return -ENOTSUP;
    a->decoder = avcodec_alloc_context3(codec);
    if (!a->decoder)
        return -ENOMEM;
    a->decoder->sample_rate = (int)a->format.rate;
    a->decoder->thread_count = 1;
    av_channel_layout_default(&a->decoder->ch_layout, (int)a->format.channels);
    return avcodec_open2(a->decoder, codec, NULL) < 0 ? -ENOTSUP : 0;
}

static int open_encoder(struct nvr_audio *a)
{
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_AAC);

    if (!codec)
        return -ENOTSUP;
    a->encoder = avcodec_alloc_context3(codec);
    if (!a->encoder)
        return -ENOMEM;
    a->encoder->sample_rate = (int)a->format.rate;
    a->encoder->time_base = (AVRational){1, (int)a->format.rate};
    a->encoder->sample_fmt = AV_SAMPLE_FMT_FLTP;
    a->encoder->bit_rate = (a->format.rate > 16000 ? 48000 : 24000) * (int64_t)a->format.channels;
    a->encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT;
    a->encoder->thread_count = 1;
    av_channel_layout_default(&a->encoder->ch_layout, (int)a->format.channels);
    /* The default coder costs twice as much as the whole rest of the worker. */
    (void)av_opt_set(a->encoder->priv_data, "aac_coder", "fast", 0);
    if (avcodec_open2(a->encoder, codec, NULL) < 0)
        return -ENOTSUP;
    if (a->encoder->frame_size != AAC_FRAME || a->encoder->extradata_size <= 0)
        return -ENOTSUP;
    if ((size_t)a->encoder->extradata_size > sizeof(a->format.config))
        return -EMSGSIZE;
    a->format.config_size = (size_t)a->encoder->extradata_size;
    memcpy(a->format.config, a->encoder->extradata, a->format.config_size);
    return 0;
}

static int open_transcoder(struct nvr_audio *a)
{
    int r = open_decoder(a);

    if (r == 0)
        r = open_encoder(a);
    if (r < 0)
        return r;
    a->in = av_packet_alloc();
    a->out = av_packet_alloc();
    a->decoded = av_frame_alloc();
    a->pending = av_frame_alloc();
    if (!a->in || !a->out || !a->decoded || !a->pending)
        return -ENOMEM;
    a->pending->format = AV_SAMPLE_FMT_FLTP;
    a->pending->sample_rate = (int)a->format.rate;
    a->pending->nb_samples = AAC_FRAME;
    if (av_channel_layout_copy(&a->pending->ch_layout, &a->encoder->ch_layout) < 0 ||
        av_frame_get_buffer(a->pending, 0) < 0)
        return -ENOMEM;
    a->pending->nb_samples = 0;
    return 0;
}

int nvr_audio_new(const struct nvr_source_tracks *tracks, nvr_audio_on_unit on_unit, void *arg,
                  struct nvr_audio **ret_audio)
{
    struct nvr_audio *a;
    int r;

    if (tracks->audio_rate < 4000 || tracks->audio_rate > 192000 || tracks->audio_channels > 8)
        return -ENOTSUP;
    a = calloc(1, sizeof(*a));
    if (!a)
        return -ENOMEM;
    a->codec = tracks->audio;
    a->on_unit = on_unit;
    a->arg = arg;
    a->format.rate = tracks->audio_rate;
    a->format.channels = NVR_MIN(NVR_MAX(tracks->audio_channels, 1u), 2u);
    if (a->codec == NVR_CODEC_OPUS) /* RTP always says two (RFC 7587); a microphone is one */
        a->format.channels = 1;
    r = a->codec == NVR_CODEC_AAC                ? open_passthrough(a, tracks)
        : codec_id(a->codec) == AV_CODEC_ID_NONE ? -ENOTSUP
                                                 : open_transcoder(a);
    if (r < 0) {
        nvr_audio_free(a);
        return r;
    }
    *ret_audio = a;
    return 0;
}

void nvr_audio_free(struct nvr_audio *a)
{
    if (!a)
        return;
    avcodec_free_context(&a->decoder);
    avcodec_free_context(&a->encoder);
    if (a->in) { /* its data is borrowed */
        a->in->data = NULL;
        a->in->size = 0;
    }
    av_packet_free(&a->in);
    av_packet_free(&a->out);
    av_frame_free(&a->decoded);
    av_frame_free(&a->pending);
    free(a);
}

const struct nvr_audio_format *nvr_audio_get_format(const struct nvr_audio *audio)
{
    return &audio->format;
}

uint32_t nvr_audio_packet_duration(const struct nvr_audio *a, size_t size)
{
    switch (a->codec) {
    case NVR_CODEC_AAC:
        return a->unit_duration;
    case NVR_CODEC_OPUS:
        return a->format.rate / 50;
    default:
        return (uint32_t)NVR_MIN(size / a->format.channels, (size_t)a->format.rate);
    }
}

void nvr_audio_reset(struct nvr_audio *a)
{
    if (a->pending)
        a->pending->nb_samples = 0;
}

static float sample_at(const AVFrame *f, int channel, int i, int channels)
{
    switch (f->format) {
    case AV_SAMPLE_FMT_S16:
        return (float)((const int16_t *)(const void *)f->data[0])[i * channels + channel] / 32768.f;
    case AV_SAMPLE_FMT_S16P:
        return (float)((const int16_t *)(const void *)f->data[channel])[i] / 32768.f;
    case AV_SAMPLE_FMT_FLT:
        return ((const float *)(const void *)f->data[0])[i * channels + channel];
    case AV_SAMPLE_FMT_FLTP:
        return ((const float *)(const void *)f->data[channel])[i];
    default:
        return 0;
    }
}

static void encode_pending(struct nvr_audio *a)
{
    a->pending->pts = a->pending_dts;
    if (avcodec_send_frame(a->encoder, a->pending) == 0) {
        while (avcodec_receive_packet(a->encoder, a->out) == 0) {
            if (a->out->size > 0 && a->out->size <= PACKET_MAX)
                a->on_unit(a->out->data, (size_t)a->out->size, a->out->pts, AAC_FRAME, a->arg);
            av_packet_unref(a->out);
        }
    }
    a->pending_dts += AAC_FRAME;
    a->pending->nb_samples = 0;
    (void)av_frame_make_writable(a->pending); /* the encoder may still hold a reference */
}

/* dts: of the decoded frame's first sample. */
static void append_decoded(struct nvr_audio *a, int64_t dts)
{
    const int channels = a->decoded->ch_layout.nb_channels;
    const int wanted = (int)a->format.channels;
    AVFrame *p = a->pending;

    if (channels < 1)
        return;
    if (p->nb_samples == 0)
        a->pending_dts = dts;
    else if (llabs(a->pending_dts + p->nb_samples - dts) > a->format.rate / 5) {
        p->nb_samples = 0;
        a->pending_dts = dts;
    }
    for (int i = 0; i < a->decoded->nb_samples; i++) {
        for (int c = 0; c < wanted; c++)
            ((float *)(void *)p->data[c])[p->nb_samples] =
                sample_at(a->decoded, NVR_MIN(c, channels - 1), i, channels);
        if (++p->nb_samples == AAC_FRAME)
            encode_pending(a);
    }
}

void nvr_audio_push(struct nvr_audio *a, const uint8_t *data, size_t size, int64_t dts)
{
    if (size == 0 || size > PACKET_MAX)
        return;
    if (!a->decoder) {
        a->on_unit(data, size, dts, a->unit_duration, a->arg);
        return;
    }
    // NOLINTNEXTLINE(performance-no-int-to-ptr): drops const for libav, which does not write to it
    a->in->data = (uint8_t *)(uintptr_t)data;
    a->in->size = (int)size;
    if (avcodec_send_packet(a->decoder, a->in) < 0)
        return;
    while (avcodec_receive_frame(a->decoder, a->decoded) == 0) {
        append_decoded(a, dts);
        dts += a->decoded->nb_samples;
        av_frame_unref(a->decoded);
    }
}
