#include "lib/media/evidence.h"

#include <assert.h>
#include <errno.h>
#include <nettle/sha2.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/hex.h"

#define CHAIN_PREFIX "heron evidence 1\n"
#define LINE_MAX_SIZE 256

static_assert(NVR_ED25519_KEY_SIZE == crypto_sign_PUBLICKEYBYTES, "Ed25519");
static_assert(NVR_ED25519_SIGNATURE_SIZE == crypto_sign_BYTES, "Ed25519");
static_assert(NVR_SLUG_SIZE + 4 * 21 + 2 * NVR_SHA256_SIZE + 8 < LINE_MAX_SIZE, "the line fits");
static_assert(NVR_SLUG_SIZE + 2 * 21 + 2 * NVR_SHA256_SIZE + 24 < NVR_CHECKPOINT_MESSAGE_MAX,
              "the message fits");

void nvr_evidence_chain(const struct nvr_evidence_link *link, uint8_t ret_chain[NVR_SHA256_SIZE])
{
    char hex[2 * NVR_SHA256_SIZE + 1];
    char line[LINE_MAX_SIZE];
    struct sha256_ctx context;
    int len;

    nvr_hex_encode(link->sha256, sizeof(link->sha256), hex);
    len = nvr_fmt(line, sizeof(line), "%s %lld %lld %lld %lld %s\n", link->camera,
                  (long long)link->seq, (long long)link->start_ms, (long long)link->end_ms,
                  (long long)link->size, hex);
    assert(len > 0);
    sha256_init(&context);
    sha256_update(&context, sizeof(CHAIN_PREFIX) - 1, (const uint8_t *)CHAIN_PREFIX);
    sha256_update(&context, sizeof(link->prev), link->prev);
    sha256_update(&context, (size_t)len, (const uint8_t *)line);
    sha256_digest(&context, NVR_SHA256_SIZE, ret_chain);
}

bool nvr_evidence_link_is_whole(const struct nvr_evidence_link *link)
{
    uint8_t chain[NVR_SHA256_SIZE];

    nvr_evidence_chain(link, chain);
    return memcmp(chain, link->chain, sizeof(chain)) == 0;
}

bool nvr_evidence_signature_is_good(const uint8_t public_key[NVR_ED25519_KEY_SIZE],
                                    const void *message, size_t size,
                                    const uint8_t signature[NVR_ED25519_SIGNATURE_SIZE])
{
    return sodium_init() >= 0 &&
           crypto_sign_verify_detached(signature, message, size, public_key) == 0;
}

void nvr_evidence_fingerprint(const uint8_t public_key[NVR_ED25519_KEY_SIZE],
                              char dst[NVR_FINGERPRINT_SIZE])
{
    uint8_t digest[NVR_SHA256_SIZE];
    struct sha256_ctx context;
    size_t len = 0;

    sha256_init(&context);
    sha256_update(&context, NVR_ED25519_KEY_SIZE, public_key);
    sha256_digest(&context, sizeof(digest), digest);
    for (size_t i = 0; i < 16; i += 2) {
        nvr_hex_encode(digest + i, 2, dst + len);
        len += 4;
        dst[len++] = ' ';
    }
    dst[len - 1] = '\0';
}

size_t nvr_evidence_checkpoint_message(const struct nvr_evidence_checkpoint *checkpoint,
                                       char dst[NVR_CHECKPOINT_MESSAGE_MAX])
{
    char hex[2 * NVR_SHA256_SIZE + 1];
    int len;

    nvr_hex_encode(checkpoint->chain, sizeof(checkpoint->chain), hex);
    len =
        nvr_fmt(dst, NVR_CHECKPOINT_MESSAGE_MAX, "heron checkpoint 1\n%s %lld %s %lld\n",
                checkpoint->camera, (long long)checkpoint->seq, hex, (long long)checkpoint->at_ms);
    assert(len > 0);
    return (size_t)len;
}
