/* The head of a recording as reconciliation finds it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/media/fmp4.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nvr_fmp4_init init;

    if (nvr_fmp4_parse_init(data, size, &init) < 0)
        return 0;
    if (init.size > size || !init.tracks_count || init.tracks_count > NVR_FMP4_TRACKS_MAX)
        abort();
    for (size_t i = 0; i < init.tracks_count; i++)
        if (!init.tracks[i].timescale || strlen(init.tracks[i].codec) != 4 ||
            strlen(init.tracks[i].codec_string) < 4)
            abort();
    return 0;
}
