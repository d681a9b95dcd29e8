#include "lib/media/checksum.h"

#include <nettle/sha2.h>

void nvr_checksum_hex(const uint8_t *data, size_t size, char *dst)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        *dst++ = digits[data[i] >> 4];
        *dst++ = digits[data[i] & 15];
    }
    *dst = 0;
}

void nvr_checksum_init_id(const uint8_t *data, size_t size, char *dst)
{
    struct sha256_ctx sha;
    uint8_t digest[SHA256_DIGEST_SIZE];

    sha256_init(&sha);
    sha256_update(&sha, size, data);
    sha256_digest(&sha, sizeof(digest), digest);
    nvr_checksum_hex(digest, sizeof(digest) / 2, dst);
}
