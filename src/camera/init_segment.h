/* init_segment.h — ftyp+moov of an epoch, made by libavformat's mp4 muxer (which is used for
 * nothing else). The same input gives the same bytes. */
#ifndef NVR_CAMERA_INIT_SEGMENT_H
#define NVR_CAMERA_INIT_SEGMENT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/codec.h"
#include "lib/base/macros.h"
#include "lib/media/codec.h"
#include "lib/ring/ring.h"

struct nvr_init_spec {
    enum nvr_codec video;
    uint32_t width, height;
    const uint8_t *video_config; /* Annex B parameter sets, av1C, or empty (MJPEG) */
    size_t video_config_size;
    struct nvr_sps sps;  /* H.264/5 */
    uint32_t audio_rate; /* 0: no audio; always AAC */
    uint32_t audio_channels;
    const uint8_t *audio_config; /* AudioSpecificConfig */
    size_t audio_config_size;
};

/* 0, -EINVAL (libavformat refuses), -EMSGSIZE (above NVR_RING_INIT_MAX), -ENOMEM, -ENOTSUP. */
NVR_CHECK int nvr_init_segment_build(const struct nvr_init_spec *spec,
                                     struct nvr_ring_init *ret_init);

#endif
