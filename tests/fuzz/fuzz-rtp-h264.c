/* RFC 6184 from a hostile camera. */
#include "tests/fuzz/rtp-input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct nvr_depay_options options = {.codec = NVR_CODEC_H264};

    fuzz_rtp(&options, data, size);
    return 0;
}
