/* From a=rtpmap and a=fmtp to a codec, its configuration and the options of its depacketiser. */
#include "lib/rtsp/sdp.h"

#include <errno.h>
#include <nettle/base64.h>
#include <string.h>

#define BASE64_INPUT_MAX 4096u
#define FMTP_PARAMS_MAX 32u

/* Value of a parameter "name=value;…" (any case). */
static bool get_param(struct nvr_str fmtp, struct nvr_str name, struct nvr_str *ret_value)
{
    for (unsigned i = 0; i < FMTP_PARAMS_MAX && fmtp.n > 0; i++) {
        struct nvr_str part = nvr_str_trim(nvr_str_cut(&fmtp, ';'));
        const struct nvr_str key = nvr_str_trim(nvr_str_cut(&part, '='));

        if (nvr_str_ieq(key, name)) {
            *ret_value = nvr_str_trim(part);
            return true;
        }
    }
    return false;
}

static uint64_t get_number(struct nvr_str fmtp, struct nvr_str name, uint64_t max,
                           uint64_t fallback)
{
    struct nvr_str value;
    uint64_t number;

    if (!get_param(fmtp, name, &value) || nvr_str_to_u64(value, max, &number) < 0)
        return fallback;
    return number;
}

/* One base64 NAL unit behind a start code; what is no base64 or does not fit is left out. */
static void add_set(struct nvr_sdp_track *track, struct nvr_str text)
{
    static const uint8_t start_code[4] = {0, 0, 0, 1};
    uint8_t nal[BASE64_DECODE_LENGTH(BASE64_INPUT_MAX)];
    struct base64_decode_ctx context;
    size_t size = sizeof(nal);

    if (text.n == 0 || text.n > BASE64_INPUT_MAX)
        return;
    base64_decode_init(&context);
    if (!base64_decode_update(&context, &size, nal, text.n, text.p) || size < 2)
        return; /* missing '=' at the end is forgiven */
    if (track->config_size + sizeof(start_code) + size > sizeof(track->config))
        return;
    memcpy(track->config + track->config_size, start_code, sizeof(start_code));
    memcpy(track->config + track->config_size + sizeof(start_code), nal, size);
    track->config_size += sizeof(start_code) + size;
}

static void add_sets(struct nvr_sdp_track *track, struct nvr_str fmtp, struct nvr_str name)
{
    struct nvr_str value;

    if (!get_param(fmtp, name, &value))
        return;
    for (unsigned i = 0; i < FMTP_PARAMS_MAX && value.n > 0; i++)
        add_set(track, nvr_str_trim(nvr_str_cut(&value, ',')));
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Bytes read; 0 for nonsense. */
static size_t read_hex(struct nvr_str text, uint8_t *dst, size_t dst_size)
{
    if (text.n % 2 || text.n / 2 > dst_size)
        return 0;
    for (size_t i = 0; i < text.n / 2; i++) {
        const int high = hex_digit(text.p[2 * i]), low = hex_digit(text.p[2 * i + 1]);

        if (high < 0 || low < 0)
            return 0;
        dst[i] = (uint8_t)(high << 4 | low);
    }
    return text.n / 2;
}

/* ---- AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1), as far as RTP needs it ---- */

struct bits {
    const uint8_t *data;
    size_t size, pos;
};

static uint32_t take(struct bits *bits, unsigned n)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < n; i++, bits->pos++) {
        value <<= 1;
        if (bits->pos / 8 < bits->size)
            value |= (bits->data[bits->pos / 8] >> (7 - bits->pos % 8)) & 1u;
    }
    return value;
}

static uint32_t take_rate(struct bits *bits)
{
    static const uint32_t rates[] = {96000, 88200, 64000, 48000, 44100, 32000, 24000,
                                     22050, 16000, 12000, 11025, 8000,  7350};
    const uint32_t index = take(bits, 4);

    if (index == 15)
        return take(bits, 24);
    return index < NVR_ARRAY_SIZE(rates) ? rates[index] : 0;
}

static uint32_t take_object_type(struct bits *bits)
{
    const uint32_t type = take(bits, 5);

    return type == 31 ? 32 + take(bits, 6) : type;
}

struct aac_facts {
    uint32_t rate, channels, frame_length;
};

/* Bits eaten (GASpecificConfig of AAC included), or -EPROTO. */
static int read_aac_config(struct bits *bits, struct aac_facts *ret_facts)
{
    const size_t start = bits->pos;
    uint32_t type = take_object_type(bits);

    ret_facts->rate = take_rate(bits);
    ret_facts->channels = take(bits, 4);
    if (type == 5 || type == 29) { /* SBR, PS: the extended rate, then the core's type */
        (void)take_rate(bits);
        type = take_object_type(bits);
    }
    if (type < 1 || type > 4)
        return -EPROTO; /* AAC Main, LC, SSR, LTP */
    ret_facts->frame_length = take(bits, 1) ? 960 : 1024;
    if (take(bits, 1)) /* dependsOnCoreCoder */
        (void)take(bits, 14);
    (void)take(bits, 1);
    if (ret_facts->rate == 0 || ret_facts->channels == 0 || ret_facts->channels > 7 ||
        bits->pos > bits->size * 8)
        return -EPROTO;
    return (int)(bits->pos - start);
}

static void set_aac(struct nvr_sdp_track *track, const struct aac_facts *facts)
{
    track->channels = facts->channels == 7 ? 8 : facts->channels;
    track->depay.au_duration =
        (uint32_t)((uint64_t)facts->frame_length * track->clock_rate / facts->rate);
}

static int select_aac(struct nvr_str fmtp, struct nvr_sdp_track *track)
{
    struct nvr_str mode, config;
    struct bits bits = {track->config, 0, 0};
    struct aac_facts facts;
    bool low;

    if (!get_param(fmtp, NVR_STR("mode"), &mode))
        mode = NVR_STR("AAC-hbr");
    low = nvr_str_ieq(mode, NVR_STR("AAC-lbr"));
    if (!low && !nvr_str_ieq(mode, NVR_STR("AAC-hbr")))
        return -ENOTSUP;
    track->depay.size_length = (uint8_t)get_number(fmtp, NVR_STR("sizeLength"), 16, low ? 6 : 13);
    track->depay.index_length = (uint8_t)get_number(fmtp, NVR_STR("indexLength"), 16, low ? 2 : 3);
    track->depay.index_delta_length =
        (uint8_t)get_number(fmtp, NVR_STR("indexDeltaLength"), 16, low ? 2 : 3);
    /* Headers of other shapes (CTS, DTS, auxiliary sections): no camera was seen with them. */
    if (get_number(fmtp, NVR_STR("CTSDeltaLength"), 32, 0) ||
        get_number(fmtp, NVR_STR("DTSDeltaLength"), 32, 0) ||
        get_number(fmtp, NVR_STR("streamStateIndication"), 32, 0) ||
        get_number(fmtp, NVR_STR("randomAccessIndication"), 1, 0) ||
        get_number(fmtp, NVR_STR("auxiliaryDataSizeLength"), 64, 0))
        return -ENOTSUP;
    if (!get_param(fmtp, NVR_STR("config"), &config))
        return -ENOTSUP;
    track->config_size = read_hex(config, track->config, sizeof(track->config));
    bits.size = track->config_size;
    if (read_aac_config(&bits, &facts) < 0)
        return -ENOTSUP;
    set_aac(track, &facts);
    return 0;
}

/* StreamMuxConfig (§1.7.3): one programme, one layer, version 0; the AudioSpecificConfig in it is
 * not byte aligned. */
static int select_latm(struct nvr_str fmtp, struct nvr_sdp_track *track)
{
    uint8_t mux[64];
    struct bits bits = {mux, 0, 0}, copy;
    struct aac_facts facts;
    struct nvr_str config;
    int length;

    if (get_number(fmtp, NVR_STR("cpresent"), 1, 1) != 0 ||
        !get_param(fmtp, NVR_STR("config"), &config))
        return -ENOTSUP;
    bits.size = read_hex(config, mux, sizeof(mux));
    if (bits.size == 0 || take(&bits, 1) != 0 || take(&bits, 1) != 1)
        return -ENOTSUP;
    track->depay.latm = true;
    track->depay.latm_subframes = (uint8_t)(take(&bits, 6) + 1);
    if (take(&bits, 4) != 0 || take(&bits, 3) != 0)
        return -ENOTSUP;
    copy = bits;
    length = read_aac_config(&bits, &facts);
    if (length < 0)
        return -ENOTSUP;
    track->config_size = ((size_t)length + 7) / 8;
    for (int left = length, i = 0; left > 0; left -= 8, i++) {
        const unsigned n = left < 8 ? (unsigned)left : 8;

        track->config[i] = (uint8_t)(take(&copy, n) << (8 - n));
    }
    set_aac(track, &facts);
    return 0;
}

static enum nvr_codec codec_of(const struct nvr_sdp_format *format)
{
    static const struct {
        struct nvr_str name;
        enum nvr_codec codec;
    } names[] = {
        {{"H264", 4}, NVR_CODEC_H264},          {{"H265", 4}, NVR_CODEC_H265},
        {{"HEVC", 4}, NVR_CODEC_H265},          {{"JPEG", 4}, NVR_CODEC_MJPEG},
        {{"MPEG4-GENERIC", 13}, NVR_CODEC_AAC}, {{"MP4A-LATM", 9}, NVR_CODEC_AAC},
        {{"PCMU", 4}, NVR_CODEC_PCMU},          {{"PCMA", 4}, NVR_CODEC_PCMA},
        {{"OPUS", 4}, NVR_CODEC_OPUS},
    };

    for (size_t i = 0; i < NVR_ARRAY_SIZE(names); i++) {
        if (nvr_str_ieq(format->encoding, names[i].name))
            return names[i].codec;
    }
    if (format->encoding.n == 0) { /* RFC 3551 §6 */
        if (format->payload_type == 0)
            return NVR_CODEC_PCMU;
        if (format->payload_type == 8)
            return NVR_CODEC_PCMA;
        if (format->payload_type == 26)
            return NVR_CODEC_MJPEG;
    }
    return NVR_CODEC_OTHER;
}

static uint32_t default_rate(enum nvr_codec codec)
{
    if (nvr_codec_is_video(codec))
        return 90000;
    return codec == NVR_CODEC_OPUS ? 48000 : 8000;
}

static int select_format(const struct nvr_sdp_media *media, const struct nvr_sdp_format *format,
                         struct nvr_sdp_track *track)
{
    const bool latm = nvr_str_ieq(format->encoding, NVR_STR("MP4A-LATM"));

    track->codec = codec_of(format);
    track->payload_type = format->payload_type;
    track->clock_rate = format->clock_rate ? format->clock_rate : default_rate(track->codec);
    track->channels = media->kind == NVR_SDP_AUDIO ? format->channels : 0;
    track->fps = media->fps;
    track->config_size = 0;
    track->depay = (struct nvr_depay_options){
        .codec = track->codec, .width = media->width, .height = media->height};
    if (nvr_codec_is_video(track->codec) != (media->kind == NVR_SDP_VIDEO))
        track->codec = NVR_CODEC_OTHER;
    switch (track->codec) {
    case NVR_CODEC_H264:
        add_sets(track, format->fmtp, NVR_STR("sprop-parameter-sets"));
        return 0;
    case NVR_CODEC_H265:
        add_sets(track, format->fmtp, NVR_STR("sprop-vps"));
        add_sets(track, format->fmtp, NVR_STR("sprop-sps"));
        add_sets(track, format->fmtp, NVR_STR("sprop-pps"));
        track->depay.donl =
            get_number(format->fmtp, NVR_STR("sprop-max-don-diff"), UINT32_MAX, 0) > 0;
        return 0;
    case NVR_CODEC_AAC:
        return latm ? select_latm(format->fmtp, track) : select_aac(format->fmtp, track);
    case NVR_CODEC_MJPEG:
    case NVR_CODEC_PCMU:
    case NVR_CODEC_PCMA:
    case NVR_CODEC_OPUS:
        return 0;
    case NVR_CODEC_NONE:
    case NVR_CODEC_AV1:
    case NVR_CODEC_OTHER:
    default:
        return -ENOTSUP;
    }
}

int nvr_sdp_select(const struct nvr_sdp_media *media, struct nvr_sdp_track *ret_track)
{
    for (size_t i = 0; i < media->formats_count; i++) {
        if (select_format(media, &media->formats[i], ret_track) == 0)
            return 0;
    }
    ret_track->codec = NVR_CODEC_OTHER;
    return -ENOTSUP;
}
