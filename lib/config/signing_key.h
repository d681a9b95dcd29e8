/* signing_key.h — the key that signs evidence: Ed25519, in a file that only Heron may read. It
 * stays in the core. */
#ifndef NVR_CONFIG_SIGNING_KEY_H
#define NVR_CONFIG_SIGNING_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/macros.h"

#define NVR_SIGNING_PUBLIC_SIZE 32
#define NVR_SIGNATURE_SIZE 64

struct nvr_signing_key;

/* Reads path, or makes a new key there (0600). 0, -EBADMSG (the file holds no key), -errno; told in
 * the log. */
NVR_CHECK int nvr_signing_key_open(const char *path, struct nvr_signing_key **ret_key);
void nvr_signing_key_free(struct nvr_signing_key *key); /* NULL: no-op */
NVR_DEFINE_AUTO(nvr_signing_key, nvr_signing_key_free);
/* Borrowed, NVR_SIGNING_PUBLIC_SIZE bytes. */
const uint8_t *nvr_signing_key_get_public(const struct nvr_signing_key *key);
/* Any thread. */
void nvr_signing_key_sign(const struct nvr_signing_key *key, const void *message, size_t size,
                          uint8_t ret_signature[NVR_SIGNATURE_SIZE]);

#endif
