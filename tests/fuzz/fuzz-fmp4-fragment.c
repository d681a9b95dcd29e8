/* A file's fragments one after the other, read and rebased as a download would. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/media/fmp4.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct nvr_fmp4_init INIT = {
    .size = 800,
    .tracks = {{.track_id = 1, .timescale = 90000, .is_video = true},
               {.track_id = 2, .timescale = 16000}},
    .tracks_count = 2,
};

/* What rebasing changed must still parse, and to the same shape. */
static void rebase(const uint8_t *data, size_t size, const struct nvr_fmp4_fragment *before)
{
    const uint64_t base[NVR_FMP4_TRACKS_MAX] = {1000000, 50000};
    uint8_t *copy = malloc(size);
    struct nvr_fmp4_fragment after;

    if (!copy)
        abort();
    memcpy(copy, data, size);
    if (nvr_fmp4_rebase_moof(&INIT, copy, size, base) < 0 ||
        nvr_fmp4_parse_fragment(&INIT, copy, size, &after) < 0 || after.size != before->size ||
        after.key != before->key || after.tfdt[0] > before->tfdt[0])
        abort();
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nvr_fmp4_fragment fragment;

    while (nvr_fmp4_parse_fragment(&INIT, data, size, &fragment) == 0) {
        if (fragment.moof_offset + fragment.moof_size >= fragment.size)
            abort();
        rebase(data, size, &fragment);
        if (fragment.size > size)
            break;
        data += fragment.size;
        size -= fragment.size;
    }
    return 0;
}
