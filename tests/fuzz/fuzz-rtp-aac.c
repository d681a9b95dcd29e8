/* RFC 3640 and RFC 6416 from a hostile camera; the first byte chooses the kind. */
#include "tests/fuzz/rtp-input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nvr_depay_options options = {.codec = NVR_CODEC_AAC, .au_duration = 1024};

    if (size == 0)
        return 0;
    options.latm = data[0] & 1;
    options.latm_subframes = (uint8_t)((data[0] >> 6) + 1);
    options.size_length = data[0] & 2 ? 6 : 13;
    options.index_length = options.index_delta_length = data[0] & 2 ? 2 : 3;
    if (data[0] & 4)
        options.size_length = 0;
    fuzz_rtp(&options, data + 1, size - 1);
    return 0;
}
