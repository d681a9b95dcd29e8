/* pack.h — columns in a compact form: key frames as LEB128 pairs, prefix digests as LEB128 pairs
 * with 8 bytes behind each. Inside lib/store. */
#ifndef NVR_STORE_PACK_H
#define NVR_STORE_PACK_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/macros.h"
#include "lib/store/recordings.h"

#define NVR_PACK_KEYS_MAX (NVR_RECORDING_KEYS_MAX * 10) /* two numbers of at most 5 bytes each */

#define NVR_PACK_DIGESTS_MAX (NVR_RECORDING_DIGESTS_MAX * (10 + NVR_PREFIX_DIGEST_SIZE))

/* Size written. Key frames must be in order; a step back is written as it is, modulo 2^32. */
size_t nvr_pack_keys(const struct nvr_recording *recording, uint8_t dst[NVR_PACK_KEYS_MAX]);
/* Stops at the first damaged pair. */
void nvr_unpack_keys(const uint8_t *data, size_t size, struct nvr_recording *recording);
/* The same for prefix digests. */
size_t nvr_pack_digests(const struct nvr_recording *recording, uint8_t dst[NVR_PACK_DIGESTS_MAX]);
void nvr_unpack_digests(const uint8_t *data, size_t size, struct nvr_recording *recording);

#endif
