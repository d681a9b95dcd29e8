/* hex.h — bytes as hexadecimal text. */
#ifndef NVR_BASE_HEX_H
#define NVR_BASE_HEX_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/macros.h"

/* Lower case; dst has 2 * size + 1 bytes. */
void nvr_hex_encode(const uint8_t *data, size_t size, char *dst);
/* 0, or -EINVAL: not exactly size bytes of hex (either case). */
NVR_CHECK int nvr_hex_decode(const char *text, uint8_t *dst, size_t size);

#endif
