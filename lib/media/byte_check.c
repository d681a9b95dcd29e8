#include "lib/media/byte_check.h"

#include <string.h>

void nvr_byte_check_init(struct nvr_byte_check *check, const struct nvr_prefix_digest *digests,
                         size_t count)
{
    *check = (struct nvr_byte_check){.digests = digests, .count = count};
    sha256_init(&check->context);
}

/* The digest of all bytes so far, by a copy: the sum itself goes on. */
static void look(struct nvr_byte_check *check)
{
    struct sha256_ctx copy = check->context;
    uint8_t sha256[NVR_SHA256_SIZE];

    sha256_digest(&copy, sizeof(sha256), sha256);
    check->differs =
        memcmp(sha256, check->digests[check->next].sha256, NVR_PREFIX_DIGEST_SIZE) != 0;
    if (!check->differs)
        check->next++;
}

void nvr_byte_check_update(struct nvr_byte_check *check, const void *data, size_t size)
{
    const uint8_t *at = data;

    while (size) {
        uint64_t n = size;

        if (!check->differs && check->next < check->count) {
            const uint64_t offset = check->digests[check->next].offset;

            if (offset <= check->bytes) { /* not ascending: nothing can be said from here on */
                check->differs = true;
                continue;
            }
            n = NVR_MIN(n, offset - check->bytes);
        }
        sha256_update(&check->context, (size_t)n, at);
        check->bytes += n;
        at += n;
        size -= (size_t)n;
        if (!check->differs && check->next < check->count &&
            check->digests[check->next].offset == check->bytes)
            look(check);
    }
}

bool nvr_byte_check_finish(struct nvr_byte_check *check, const uint8_t sha256[NVR_SHA256_SIZE])
{
    uint8_t digest[NVR_SHA256_SIZE];

    sha256_digest(&check->context, sizeof(digest), digest);
    return memcmp(digest, sha256, sizeof(digest)) == 0;
}

int64_t nvr_byte_check_get_changed_ms(const struct nvr_byte_check *check)
{
    if (!check->count)
        return -1;
    return check->next ? check->digests[check->next - 1].ms : 0;
}
