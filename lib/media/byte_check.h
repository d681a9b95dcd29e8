/* byte_check.h — are these bytes the ones that were recorded, and if not: from which second on? Fed
 * in any pieces, in order (pure). */
#ifndef NVR_MEDIA_BYTE_CHECK_H
#define NVR_MEDIA_BYTE_CHECK_H

#include <nettle/sha2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/media/evidence.h"

struct nvr_byte_check {
    struct sha256_ctx context;
    const struct nvr_prefix_digest *digests; /* borrowed, offsets ascending */
    size_t count, next;
    bool differs; /* at digests[next] */
    uint64_t bytes;
};

void nvr_byte_check_init(struct nvr_byte_check *check, const struct nvr_prefix_digest *digests,
                         size_t count);
void nvr_byte_check_update(struct nvr_byte_check *check, const void *data, size_t size);
/* True: all bytes together have this SHA-256. */
bool nvr_byte_check_finish(struct nvr_byte_check *check, const uint8_t sha256[NVR_SHA256_SIZE]);
/* When finish said false: ms after the start from which on the bytes are not to be trusted; all
 * before it are as they were. -1: not known (there are no digests). */
int64_t nvr_byte_check_get_changed_ms(const struct nvr_byte_check *check);

#endif
