/* H.264 parameter sets come from the camera. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/media/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char codec[NVR_CODEC_STRING_SIZE];
    struct nvr_sps sps;

    if (nvr_h264_parse_sps(data, size, &sps) < 0)
        return 0;
    if (!sps.width || sps.width > NVR_VIDEO_SIDE_MAX || !sps.height ||
        sps.height > NVR_VIDEO_SIDE_MAX || sps.reorder_frames > NVR_REORDER_MAX || !(sps.fps >= 0))
        abort();
    if (nvr_h264_codec_string(&sps, codec, sizeof(codec)) < 0)
        abort();
    return 0;
}
