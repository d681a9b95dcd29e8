#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/base/buf.h"
#include "lib/base/url.h"
#include "src/camera/source_av.h"

#define PROBE_BYTES "2000000"
#define ANALYZE_US "3000000"
#define TLS "tls,tcp"

/* ---- asking ---- */

static int encode(struct nvr_buf *buf, const char *text)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

    for (; *text; text++) {
        if (strchr(plain, *text))
            (void)nvr_buf_append_char(buf, *text);
        else
            (void)nvr_buf_printf(buf, "%%%02X", (unsigned)(unsigned char)*text);
    }
    return nvr_buf_status(buf);
}

static const char *allowed_protocols(const char *scheme)
{
    if (strcmp(scheme, "file") == 0)
        return "file";
    if (strcmp(scheme, "rtsp") == 0 || strcmp(scheme, "rtsps") == 0)
        return "rtsp,rtsps,rtp,srtp,udp,http,https,httpproxy," TLS;
    if (strncmp(scheme, "rtmp", 4) == 0)
        return "rtmp,rtmps,rtmpt,rtmpts,http,https," TLS;
    return "http,https,crypto,httpproxy," TLS;
}

static int make_url(const struct nvr_source_address *address, const struct nvr_url *url,
                    struct nvr_buf *buf)
{
    const bool v6 = strchr(url->host, ':') != NULL;

    if (strcmp(url->scheme, "file") == 0)
        return nvr_buf_printf(buf, "file:%s", url->path);
    (void)nvr_buf_printf(buf, "%s://", url->scheme);
    if (address->username[0]) {
        (void)encode(buf, address->username);
        (void)nvr_buf_append_char(buf, ':');
        (void)encode(buf, address->password);
        (void)nvr_buf_append_char(buf, '@');
    }
    (void)nvr_buf_printf(buf, v6 ? "[%s]" : "%s", url->host);
    if (url->port >= 0)
        (void)nvr_buf_printf(buf, ":%d", url->port);
    return nvr_buf_append_str(buf, url->path);
}

int nvr_av_prepare(const struct nvr_source_address *address, char *dst, size_t dst_size,
                   AVDictionary **ret_options)
{
    static const char *const transports[] = {
        [NVR_SOURCE_TCP] = "tcp", [NVR_SOURCE_UDP] = "udp", [NVR_SOURCE_HTTP] = "http"};
    struct nvr_url url;
    struct nvr_buf buf;
    char timeout[24];
    int r = nvr_url_parse(address->url, &url);

    if (r < 0)
        return AVERROR(EINVAL);
    nvr_buf_init(&buf, dst_size - 1);
    r = make_url(address, &url, &buf);
    if (r == 0)
        r = nvr_str_copy(dst, dst_size, (struct nvr_str){(const char *)buf.data, buf.len});
    if (buf.data)
        explicit_bzero(buf.data, buf.len);
    nvr_buf_done(&buf);
    explicit_bzero(&url.password, sizeof(url.password));
    if (r < 0)
        return AVERROR(EINVAL);
    (void)nvr_fmt(timeout, sizeof(timeout), "%u000", address->timeout_ms);
    (void)av_dict_set(ret_options, "protocol_whitelist", allowed_protocols(url.scheme), 0);
    (void)av_dict_set(ret_options, "rw_timeout", timeout, 0);
    (void)av_dict_set(ret_options, "probesize", PROBE_BYTES, 0);
    (void)av_dict_set(ret_options, "analyzeduration", ANALYZE_US, 0);
    (void)av_dict_set(ret_options, "fpsprobesize", "0", 0);
    if (strncmp(url.scheme, "rtsp", 4) == 0) {
        (void)av_dict_set(ret_options, "rtsp_transport", transports[address->transport], 0);
        (void)av_dict_set(ret_options, "timeout", timeout, 0);
    } else if (strncmp(url.scheme, "http", 4) == 0) {
        (void)av_dict_set(ret_options, "live_start_index", "-2", 0);
    }
    return 0;
}

/* ---- describing ---- */

static enum nvr_codec codec_from(enum AVCodecID id)
{
    switch (id) {
    case AV_CODEC_ID_H264:
        return NVR_CODEC_H264;
    case AV_CODEC_ID_HEVC:
        return NVR_CODEC_H265;
    case AV_CODEC_ID_MJPEG:
        return NVR_CODEC_MJPEG;
    case AV_CODEC_ID_AV1:
        return NVR_CODEC_AV1;
    case AV_CODEC_ID_AAC:
        return NVR_CODEC_AAC;
    case AV_CODEC_ID_PCM_MULAW:
        return NVR_CODEC_PCMU;
    case AV_CODEC_ID_PCM_ALAW:
        return NVR_CODEC_PCMA;
    case AV_CODEC_ID_OPUS:
        return NVR_CODEC_OPUS;
    default:
        return NVR_CODEC_OTHER;
    }
}

/* AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1) for AAC-LC that comes as ADTS. */
static size_t make_aac_config(const AVCodecParameters *par, uint8_t *dst, size_t dst_size)
{
    static const int rates[] = {96000, 88200, 64000, 48000, 44100, 32000, 24000,
                                22050, 16000, 12000, 11025, 8000,  7350};
    const unsigned type = par->profile >= 0 && par->profile < 4 ? (unsigned)par->profile + 1 : 2;
    unsigned index = 0;

    while (index < NVR_ARRAY_SIZE(rates) && rates[index] != par->sample_rate)
        index++;
    if (index == NVR_ARRAY_SIZE(rates) || dst_size < 2 || par->ch_layout.nb_channels < 1 ||
        par->ch_layout.nb_channels > 7)
        return 0;
    dst[0] = (uint8_t)(type << 3 | index >> 1);
    dst[1] = (uint8_t)((index & 1) << 7 | (unsigned)par->ch_layout.nb_channels << 3);
    return 2;
}

static void describe_audio(const AVCodecParameters *par, struct nvr_source_tracks *tracks,
                           uint8_t *config, size_t config_size)
{
    const enum nvr_codec codec = codec_from(par->codec_id);

    tracks->audio = codec;
    tracks->audio_rate = (uint32_t)par->sample_rate;
    tracks->audio_channels = (uint32_t)par->ch_layout.nb_channels;
    if (codec != NVR_CODEC_AAC)
        return;
    tracks->audio_config = config;
    if (par->extradata_size > 0 && (size_t)par->extradata_size <= config_size) {
        memcpy(config, par->extradata, (size_t)par->extradata_size);
        tracks->audio_config_size = (size_t)par->extradata_size;
    } else {
        tracks->audio_config_size = make_aac_config(par, config, config_size);
    }
}

int nvr_av_describe(AVFormatContext *input, bool want_audio, struct nvr_source_tracks *ret_tracks,
                    int *ret_video, int *ret_audio, uint8_t *audio_config, size_t audio_config_size)
{
    struct nvr_source_tracks tracks = {
        .video = NVR_CODEC_NONE, .audio = NVR_CODEC_NONE, .one_clock = true};
    int video = -1;
    int audio = -1;

    for (unsigned i = 0; i < input->nb_streams; i++) {
        const AVStream *st = input->streams[i];
        const AVCodecParameters *par = st->codecpar;

        if (par->codec_type == AVMEDIA_TYPE_VIDEO && video < 0 &&
            !(st->disposition & AV_DISPOSITION_ATTACHED_PIC)) {
            video = (int)i;
            tracks.video = codec_from(par->codec_id);
            tracks.width = (uint32_t)NVR_MAX(par->width, 0);
            tracks.height = (uint32_t)NVR_MAX(par->height, 0);
            tracks.fps = st->avg_frame_rate.den > 0 ? av_q2d(st->avg_frame_rate) : 0;
        } else if (par->codec_type == AVMEDIA_TYPE_AUDIO && audio < 0 && want_audio &&
                   par->sample_rate > 0) {
            audio = (int)i;
            describe_audio(par, &tracks, audio_config, audio_config_size);
        } else {
            input->streams[i]->discard = AVDISCARD_ALL;
        }
    }
    if (video < 0)
        return AVERROR_STREAM_NOT_FOUND;
    *ret_tracks = tracks;
    *ret_video = video;
    *ret_audio = audio;
    return 0;
}

/* ---- explaining ---- */

static enum nvr_trouble_code code_from(int error)
{
    switch (error) {
    case AVERROR_HTTP_UNAUTHORIZED:
    case AVERROR_HTTP_FORBIDDEN:
        return NVR_TROUBLE_BAD_CREDENTIALS;
    case AVERROR_HTTP_NOT_FOUND:
    case AVERROR(ENOENT):
        return NVR_TROUBLE_NOT_FOUND;
    case AVERROR(ECONNREFUSED):
        return NVR_TROUBLE_REFUSED;
    case AVERROR(ETIMEDOUT):
        return NVR_TROUBLE_TIMEOUT;
    case AVERROR(EHOSTUNREACH):
    case AVERROR(ENETUNREACH):
    case AVERROR(EIO): /* what libavformat makes of a name that does not resolve */
        return NVR_TROUBLE_UNREACHABLE;
    case AVERROR_STREAM_NOT_FOUND:
        return NVR_TROUBLE_NO_VIDEO;
    case AVERROR_PROTOCOL_NOT_FOUND:
    case AVERROR_DEMUXER_NOT_FOUND:
    case AVERROR(ENOSYS):
        return NVR_TROUBLE_UNSUPPORTED;
    case AVERROR_EOF:
        return NVR_TROUBLE_ENDED;
    default:
        return NVR_TROUBLE_PROTOCOL;
    }
}

/* libavformat says "I/O error" for a name that does not resolve and for answers it cannot use. */
static bool is_resolvable(const char *text)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    struct nvr_url url;
    bool yes;

    if (nvr_url_parse(text, &url) < 0 || !url.host[0])
        return true;
    yes = getaddrinfo(url.host, NULL, &hints, &found) == 0;
    if (yes)
        freeaddrinfo(found);
    return yes;
}

void nvr_av_explain(const char *url, int error, bool timed_out, bool was_open,
                    struct nvr_trouble *ret_trouble)
{
    enum nvr_trouble_code code = code_from(error);
    const char *words = NULL;

    if (timed_out)
        code = NVR_TROUBLE_TIMEOUT;
    else if (was_open && (code == NVR_TROUBLE_UNREACHABLE || code == NVR_TROUBLE_PROTOCOL))
        code = NVR_TROUBLE_ENDED;
    else if (error == AVERROR(EIO) && is_resolvable(url)) {
        code = NVR_TROUBLE_PROTOCOL;
        if (strncmp(url, "http", 4) == 0) /* the ninth redirect is one, too */
            words = "The camera redirects in a circle, or breaks off its answers.";
    }
    nvr_trouble_set(ret_trouble, code, words);
}
