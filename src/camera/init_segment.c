#include "src/camera/init_segment.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/log.h"

NVR_LOG_TOPIC("init");

#define IO_BUFFER_SIZE 4096

static int set_extradata(AVCodecParameters *par, const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (size > NVR_RING_INIT_MAX)
        return -EMSGSIZE;
    par->extradata = av_mallocz(size + AV_INPUT_BUFFER_PADDING_SIZE);
    if (!par->extradata)
        return -ENOMEM;
    memcpy(par->extradata, data, size);
    par->extradata_size = (int)size;
    return 0;
}

static enum AVCodecID video_codec_id(enum nvr_codec codec)
{
    switch (codec) {
    case NVR_CODEC_H264:
        return AV_CODEC_ID_H264;
    case NVR_CODEC_H265:
        return AV_CODEC_ID_HEVC;
    case NVR_CODEC_MJPEG:
        return AV_CODEC_ID_MJPEG;
    case NVR_CODEC_AV1:
        return AV_CODEC_ID_AV1;
    default:
        return AV_CODEC_ID_NONE;
    }
}

static int add_video(AVFormatContext *oc, const struct nvr_init_spec *spec)
{
    AVStream *st = avformat_new_stream(oc, NULL);

    if (!st)
        return -ENOMEM;
    st->time_base = (AVRational){1, 90000};
    st->codecpar->codec_type = AVMEDIA_TYPE_VIDEO;
    st->codecpar->codec_id = video_codec_id(spec->video);
    if (st->codecpar->codec_id == AV_CODEC_ID_NONE)
        return -ENOTSUP;
    if (spec->video ==
        NVR_CODEC_H265) /* hvc1: what Safari wants; parameter sets in the init only */
        st->codecpar->codec_tag = MKTAG('h', 'v', 'c', '1');
    st->codecpar->width = (int)spec->width;
    st->codecpar->height = (int)spec->height;
    return set_extradata(st->codecpar, spec->video_config, spec->video_config_size);
}

static int add_audio(AVFormatContext *oc, const struct nvr_init_spec *spec)
{
    AVStream *st;

    if (spec->audio_rate == 0)
        return 0;
    st = avformat_new_stream(oc, NULL);
    if (!st)
        return -ENOMEM;
    st->time_base = (AVRational){1, (int)spec->audio_rate};
    st->codecpar->codec_type = AVMEDIA_TYPE_AUDIO;
    st->codecpar->codec_id = AV_CODEC_ID_AAC;
    st->codecpar->sample_rate = (int)spec->audio_rate;
    st->codecpar->frame_size = 1024;
    av_channel_layout_default(&st->codecpar->ch_layout, (int)spec->audio_channels);
    return set_extradata(st->codecpar, spec->audio_config, spec->audio_config_size);
}

static int av1_codec_string(const uint8_t *c, size_t size, char *dst, size_t dst_size)
{
    int r;

    if (size < 4) /* AV1CodecConfigurationRecord */
        return -EPROTO;
    r = nvr_fmt(dst, dst_size, "av01.%d.%02d%c.%02d", c[1] >> 5, c[1] & 31, c[2] & 0x80 ? 'H' : 'M',
                c[2] & 0x40 ? c[2] & 0x20 ? 12 : 10 : 8);
    return r < 0 ? r : 0;
}

static int codec_strings(const struct nvr_init_spec *spec, char *dst, size_t dst_size)
{
    struct nvr_aac_config aac;
    char video[64];
    int r = 0;

    switch (spec->video) {
    case NVR_CODEC_H264:
        r = nvr_h264_codec_string(&spec->sps, video, sizeof(video));
        break;
    case NVR_CODEC_H265:
        r = nvr_h265_codec_string(&spec->sps, video, sizeof(video));
        break;
    case NVR_CODEC_AV1:
        r = av1_codec_string(spec->video_config, spec->video_config_size, video, sizeof(video));
        break;
    default:
        r = nvr_str_copy(video, sizeof(video), NVR_STR("mp4v.6C"));
    }
    if (r < 0)
        return r;
    if (spec->audio_rate == 0)
        return nvr_str_copy(dst, dst_size, nvr_str_from(video));
    r = nvr_aac_parse_config(spec->audio_config, spec->audio_config_size, &aac);
    if (r < 0)
        return r;
    r = nvr_fmt(dst, dst_size, "%s,mp4a.40.%d", video, aac.object_type);
    return r < 0 ? r : 0;
}

static int write_header(AVFormatContext *oc, AVIOContext *pb)
{
    AVDictionary *options = NULL;
    int r;

    oc->pb = pb;
    oc->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_BITEXACT;
    (void)av_dict_set(&options, "movflags", "empty_moov+default_base_moof+frag_custom", 0);
    (void)av_dict_set(&options, "use_editlist", "0", 0);
    (void)av_dict_set(&options, "video_track_timescale", "90000", 0);
    r = avformat_write_header(oc, &options);
    av_dict_free(&options);
    if (r < 0)
        return log_err(-EINVAL, "init segment: %s", av_err2str(r));
    avio_flush(pb);
    return 0;
}

static int mux_header(const struct nvr_init_spec *spec, struct nvr_ring_init *init)
{
    AVFormatContext *oc = NULL;
    AVIOContext *pb = NULL;
    uint8_t *bytes = NULL;
    int size;
    int r;

    if (avformat_alloc_output_context2(&oc, NULL, "mp4", NULL) < 0)
        return -ENOMEM;
    r = add_video(oc, spec);
    if (r == 0)
        r = add_audio(oc, spec);
    if (r == 0)
        r = avio_open_dyn_buf(&pb) < 0 ? -ENOMEM : 0;
    if (r == 0)
        r = write_header(oc, pb);
    if (pb) {
        size = avio_get_dyn_buf(pb, &bytes);
        if (r == 0 && (size <= 0 || size > NVR_RING_INIT_MAX))
            r = -EMSGSIZE;
        if (r == 0) {
            memcpy(init->data, bytes, (size_t)size);
            init->size = (uint32_t)size;
            (void)av_write_trailer(oc); /* frees the muxer's state; its bytes are not used */
        }
        (void)avio_close_dyn_buf(pb, &bytes);
        av_free(bytes);
        oc->pb = NULL;
    }
    avformat_free_context(oc);
    return r;
}

int nvr_init_segment_build(const struct nvr_init_spec *spec, struct nvr_ring_init *ret_init)
{
    int r = codec_strings(spec, ret_init->codecs, sizeof(ret_init->codecs));

    if (r < 0)
        return r;
    ret_init->epoch = 0;
    ret_init->width = spec->width;
    ret_init->height = spec->height;
    return mux_header(spec, ret_init);
}
