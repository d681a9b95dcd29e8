/* codec.h — the names of codecs, and NAL units in an Annex B byte stream (ITU-T H.264 annex B).
 * Here because both the network side (lib/rtsp) and the media side (lib/media) speak of them. */
#ifndef NVR_BASE_CODEC_H
#define NVR_BASE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum nvr_codec {
    NVR_CODEC_NONE,
    NVR_CODEC_H264,
    NVR_CODEC_H265,
    NVR_CODEC_MJPEG,
    NVR_CODEC_AV1,
    NVR_CODEC_AAC,
    NVR_CODEC_PCMU,
    NVR_CODEC_PCMA,
    NVR_CODEC_OPUS,
    NVR_CODEC_OTHER,
};

/* "h264", "h265", "mjpeg", "av1", "aac", "pcmu", "pcma", "opus", "none", "other". */
const char *nvr_codec_name(enum nvr_codec codec);
bool nvr_codec_is_video(enum nvr_codec codec);

/* Next NAL unit of an Annex B byte stream; *pos moves behind it. False at the end. Trailing zero
 * bytes are cut; empty units are skipped. */
bool nvr_annexb_next(const uint8_t *data, size_t size, size_t *pos, const uint8_t **ret_nal,
                     size_t *ret_size);

static inline unsigned nvr_h264_nal_type(const uint8_t *nal)
{
    return nal[0] & 0x1fu;
}
static inline unsigned nvr_h265_nal_type(const uint8_t *nal)
{
    return (nal[0] >> 1) & 0x3fu;
}

#endif
