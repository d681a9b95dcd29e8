/* codec.h — H.264 (ITU-T H.264 §7.3.2.1) and H.265 (§7.3.2.2) parameter sets, AAC config,
 * RFC 6381 codec strings. Pure and bounded: everything comes from the camera. */
#ifndef NVR_MEDIA_CODEC_H
#define NVR_MEDIA_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/codec.h"
#include "lib/base/macros.h"

#define NVR_VIDEO_SIDE_MAX 16384 /* larger pictures are refused */
#define NVR_REORDER_MAX 16
#define NVR_CODEC_STRING_SIZE 64

struct nvr_sps {
    uint32_t width, height;              /* after cropping */
    uint8_t profile, constraints, level; /* H.264 bytes; H.265: profile_idc, tier, level_idc */
    uint8_t profile_space;               /* H.265, like the next two */
    uint32_t profile_compatibility;
    uint8_t constraint_flags[6]; /* the 48 bits behind it */
    uint8_t reorder_frames;      /* B-frame depth; 0 when none; a guess where not told */
    double fps;                  /* 0: not told */
};

/* nal: one NAL unit without start code, emulation bytes still in. 0, -EPROTO. */
NVR_CHECK int nvr_h264_parse_sps(const uint8_t *nal, size_t size, struct nvr_sps *ret_sps);
NVR_CHECK int nvr_h265_parse_sps(const uint8_t *nal, size_t size, struct nvr_sps *ret_sps);

/* "avc1.64001f" / "hvc1.1.6.L93.B0". dst_size ≥ NVR_CODEC_STRING_SIZE. 0 or -EMSGSIZE. */
NVR_CHECK int nvr_h264_codec_string(const struct nvr_sps *sps, char *dst, size_t dst_size);
NVR_CHECK int nvr_h265_codec_string(const struct nvr_sps *sps, char *dst, size_t dst_size);

struct nvr_aac_config {   /* AudioSpecificConfig, ISO/IEC 14496-3 §1.6.2.1 */
    uint8_t object_type;  /* 2: AAC-LC */
    uint32_t sample_rate; /* of the output: with SBR twice that of the core */
    uint8_t channels;     /* 0: told in band */
};
/* 0, -EPROTO. */
NVR_CHECK int nvr_aac_parse_config(const uint8_t *data, size_t size,
                                   struct nvr_aac_config *ret_config);

#endif
