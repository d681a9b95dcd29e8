/* RFC 7798 from a hostile camera; the first byte chooses whether decoding order numbers are in. */
#include "tests/fuzz/rtp-input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nvr_depay_options options = {.codec = NVR_CODEC_H265};

    if (size == 0)
        return 0;
    options.donl = data[0] & 1;
    fuzz_rtp(&options, data + 1, size - 1);
    return 0;
}
