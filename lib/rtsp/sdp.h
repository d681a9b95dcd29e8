/* sdp.h — session descriptions (RFC 8866) as cameras write them, and which of their media we can
 * take. Pure; slices borrow from the text. */
#ifndef NVR_RTSP_SDP_H
#define NVR_RTSP_SDP_H

#include "lib/base/buf.h"
#include "lib/rtsp/depay.h"
#include "lib/rtsp/rtsp.h"

#define NVR_SDP_MEDIA_MAX 16u  /* further ones are ignored */
#define NVR_SDP_FORMATS_MAX 8u /* per medium, the same */

enum nvr_sdp_kind {
    NVR_SDP_VIDEO,
    NVR_SDP_AUDIO,
    NVR_SDP_OTHER,
};

struct nvr_sdp_format {
    uint8_t payload_type;
    struct nvr_str encoding; /* of a=rtpmap; empty: static type */
    uint32_t clock_rate, channels;
    struct nvr_str fmtp;
};

struct nvr_sdp_media {
    enum nvr_sdp_kind kind;
    bool send_only; /* ONVIF back channel: we would send */
    struct nvr_str control;
    double fps;
    uint32_t width, height;
    struct nvr_sdp_format formats[NVR_SDP_FORMATS_MAX];
    size_t formats_count;
};

struct nvr_sdp {
    struct nvr_str control; /* session level */
    struct nvr_sdp_media media[NVR_SDP_MEDIA_MAX];
    size_t media_count;
};

/* 0, or -EPROTO (no session description). Lines that make no sense are skipped. */
NVR_CHECK int nvr_sdp_parse(struct nvr_str text, struct nvr_sdp *ret_sdp);

/* How to receive one medium. */
struct nvr_sdp_track {
    enum nvr_codec codec;
    uint8_t payload_type;
    uint32_t clock_rate, channels;
    double fps;
    struct nvr_depay_options depay;
    uint8_t config[NVR_RTSP_CONFIG_MAX];
    size_t config_size;
};

/* The first format of the medium that we can take. 0, or -ENOTSUP. */
NVR_CHECK int nvr_sdp_select(const struct nvr_sdp_media *media, struct nvr_sdp_track *ret_track);
/* First usable medium of that kind, those that would have us send last; its index, or -ENOTSUP (of
 * that kind, but none usable; ret_track->codec is OTHER), -ENOENT (none of that kind). */
NVR_CHECK int nvr_sdp_find(const struct nvr_sdp *sdp, enum nvr_sdp_kind kind,
                           struct nvr_sdp_track *ret_track);

#endif
