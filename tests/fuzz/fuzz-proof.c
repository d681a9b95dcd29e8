/* The proof inside an exported file: anybody may have written it. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/media/evidence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    NVR_AUTO(nvr_proof) proof = NULL;
    const struct nvr_proof_segment *segments = NULL;
    char reason[160];

    if (nvr_proof_parse(data, size, &proof, reason, sizeof(reason)) < 0)
        return 0;
    (void)nvr_proof_signature_is_good(proof, nvr_proof_get_public_key(proof));
    for (size_t i = nvr_proof_get_segments(proof, &segments); i > 0; i--) {
        const struct nvr_proof_segment *segment = &segments[i - 1];

        (void)nvr_evidence_link_is_whole(&segment->link);
        for (size_t k = 0; k < segment->digests_count; k++)
            if (segment->digests[k].offset > (uint64_t)segment->link.size)
                abort();
        if (segment->file_bytes > segment->link.size)
            abort();
    }
    return 0;
}
