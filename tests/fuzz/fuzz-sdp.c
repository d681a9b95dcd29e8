/* Session descriptions, and the tracks made from them. */
#include <stdlib.h>

#include "lib/rtsp/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nvr_sdp_track track;
    struct nvr_sdp sdp;

    if (nvr_sdp_parse((struct nvr_str){(const char *)data, size}, &sdp) < 0)
        return 0;
    for (size_t i = 0; i < sdp.media_count; i++) {
        if (nvr_sdp_select(&sdp.media[i], &track) < 0)
            continue;
        if (track.config_size > sizeof(track.config) || track.clock_rate == 0 ||
            (track.codec == NVR_CODEC_AAC && !track.depay.latm && track.config_size == 0))
            abort();
    }
    if (nvr_sdp_find(&sdp, NVR_SDP_VIDEO, &track) >= (int)NVR_MAX(sdp.media_count, 1u) ||
        nvr_sdp_find(&sdp, NVR_SDP_AUDIO, &track) >= (int)NVR_MAX(sdp.media_count, 1u))
        abort();
    return 0;
}
