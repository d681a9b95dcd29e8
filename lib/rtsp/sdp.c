#include "lib/rtsp/sdp.h"

#include <errno.h>
#include <string.h>

#define RATE_MAX 1000000u
#define FPS_MAX 1000.0

static struct nvr_sdp_format *find_format(struct nvr_sdp_media *media, uint64_t payload_type)
{
    for (size_t i = 0; i < media->formats_count; i++) {
        if (media->formats[i].payload_type == payload_type)
            return &media->formats[i];
    }
    return NULL;
}

/* m=<kind> <port> <profile> <type>… */
static void parse_media_line(struct nvr_str value, struct nvr_sdp *sdp)
{
    struct nvr_sdp_media *media;
    struct nvr_str kind = nvr_str_cut(&value, ' ');
    uint64_t payload_type;

    if (sdp->media_count == NVR_SDP_MEDIA_MAX)
        return;
    media = &sdp->media[sdp->media_count++];
    *media = (struct nvr_sdp_media){
        .kind = nvr_str_ieq(kind, NVR_STR("video"))   ? NVR_SDP_VIDEO
                : nvr_str_ieq(kind, NVR_STR("audio")) ? NVR_SDP_AUDIO
                                                      : NVR_SDP_OTHER,
    };
    (void)nvr_str_cut(&value, ' ');
    (void)nvr_str_cut(&value, ' ');
    while (value.n > 0 && media->formats_count < NVR_SDP_FORMATS_MAX) {
        const struct nvr_str word = nvr_str_trim(nvr_str_cut(&value, ' '));

        if (word.n > 0 && nvr_str_to_u64(word, 127, &payload_type) == 0)
            media->formats[media->formats_count++] =
                (struct nvr_sdp_format){.payload_type = (uint8_t)payload_type, .channels = 1};
    }
}

/* rtpmap:<type> <encoding>/<rate>[/<channels>] */
static void parse_rtpmap(struct nvr_str value, struct nvr_sdp_media *media)
{
    uint64_t payload_type, number;
    struct nvr_sdp_format *format;

    if (nvr_str_to_u64(nvr_str_cut(&value, ' '), 127, &payload_type) < 0)
        return;
    format = find_format(media, payload_type);
    if (!format)
        return;
    value = nvr_str_trim(value);
    format->encoding = nvr_str_trim(nvr_str_cut(&value, '/'));
    if (nvr_str_to_u64(nvr_str_trim(nvr_str_cut(&value, '/')), RATE_MAX, &number) == 0)
        format->clock_rate = (uint32_t)number;
    if (nvr_str_to_u64(nvr_str_trim(value), 8, &number) == 0 && number > 0)
        format->channels = (uint32_t)number;
}

static void parse_fmtp(struct nvr_str value, struct nvr_sdp_media *media)
{
    struct nvr_sdp_format *format;
    uint64_t payload_type;

    if (nvr_str_to_u64(nvr_str_cut(&value, ' '), 127, &payload_type) < 0)
        return;
    format = find_format(media, payload_type);
    if (format)
        format->fmtp = nvr_str_trim(value);
}

/* "a<sep>b" of positive numbers below NVR's largest picture */
static void parse_size(struct nvr_str value, char separator, struct nvr_sdp_media *media)
{
    uint64_t width, height;

    if (nvr_str_to_u64(nvr_str_trim(nvr_str_cut(&value, separator)), 16384, &width) == 0 &&
        nvr_str_to_u64(nvr_str_trim(value), 16384, &height) == 0) {
        media->width = (uint32_t)width;
        media->height = (uint32_t)height;
    }
}

static void parse_attribute(struct nvr_str value, struct nvr_sdp *sdp)
{
    struct nvr_sdp_media *media = sdp->media_count ? &sdp->media[sdp->media_count - 1] : NULL;
    const struct nvr_str name = nvr_str_cut(&value, ':');

    value = nvr_str_trim(value);
    if (nvr_str_ieq(name, NVR_STR("control"))) {
        if (media)
            media->control = value;
        else
            sdp->control = value;
        return;
    }
    if (!media)
        return;
    if (nvr_str_ieq(name, NVR_STR("rtpmap"))) {
        parse_rtpmap(value, media);
    } else if (nvr_str_ieq(name, NVR_STR("fmtp"))) {
        parse_fmtp(value, media);
    } else if (nvr_str_ieq(name, NVR_STR("sendonly"))) {
        media->send_only = true;
    } else if (nvr_str_ieq(name, NVR_STR("framerate"))) {
        double fps;

        if (nvr_str_to_double(value, &fps) == 0 && fps > 0 && fps <= FPS_MAX)
            media->fps = fps;
    } else if (nvr_str_ieq(name, NVR_STR("x-dimensions"))) {
        parse_size(value, ',', media);
    } else if (nvr_str_ieq(name, NVR_STR("framesize"))) {
        (void)nvr_str_cut(&value, ' ');
        parse_size(value, '-', media);
    }
}

int nvr_sdp_parse(struct nvr_str text, struct nvr_sdp *ret_sdp)
{
    bool has_version = false;

    ret_sdp->control = (struct nvr_str){NULL, 0};
    ret_sdp->media_count = 0;
    while (text.n > 0) {
        struct nvr_str line = nvr_str_trim(nvr_str_cut(&text, '\n'));

        if (line.n < 2 || line.p[1] != '=')
            continue;
        const struct nvr_str value = {line.p + 2, line.n - 2};

        if (line.p[0] == 'v')
            has_version = true;
        else if (line.p[0] == 'm')
            parse_media_line(value, ret_sdp);
        else if (line.p[0] == 'a')
            parse_attribute(value, ret_sdp);
    }
    return has_version || ret_sdp->media_count > 0 ? 0 : -EPROTO;
}

int nvr_sdp_find(const struct nvr_sdp *sdp, enum nvr_sdp_kind kind, struct nvr_sdp_track *ret_track)
{
    int result = -ENOENT;

    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < sdp->media_count; i++) {
            const struct nvr_sdp_media *media = &sdp->media[i];

            if (media->kind != kind || media->send_only != (pass == 1))
                continue;
            if (nvr_sdp_select(media, ret_track) == 0)
                return (int)i;
            result = -ENOTSUP;
        }
    }
    return result;
}
