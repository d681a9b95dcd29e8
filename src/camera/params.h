/* params.h — the parameter sets in force of an H.264/H.265 stream (pure).
 * Only complete sets count (SPS+PPS, H.265 also VPS): half of a set, because a packet was lost,
 * would make an init segment that nothing can play. */
#ifndef NVR_CAMERA_PARAMS_H
#define NVR_CAMERA_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/codec.h"
#include "lib/base/macros.h"
#include "lib/media/codec.h"

#define NVR_PARAMS_MAX 4096
#define NVR_UNITS_MAX 1024 /* NAL units of one access unit */

struct nvr_params {
    size_t size;                  /* 0: none yet */
    uint8_t data[NVR_PARAMS_MAX]; /* Annex B, 4-byte start codes */
    struct nvr_sps sps;
};

/* The NAL units of an access unit that go into a file: parameter sets, delimiters and filler are
 * left out. They point into the frame. */
struct nvr_units {
    struct {
        const uint8_t *data;
        uint32_t size;
    } items[NVR_UNITS_MAX];
    size_t count;
    size_t size; /* as written: 4 bytes of length before each */
};

/* Split an access unit: what goes into the file to units, parameter sets (if any) to found (each
 * once; found->size 0 when none or not complete). 0, -EPROTO (nothing usable, too many units). */
NVR_CHECK int nvr_params_split(enum nvr_codec codec, const uint8_t *data, size_t size,
                               struct nvr_units *units, struct nvr_params *found);
/* Sets from the connection's description (Annex B). 0; -EPROTO when not complete or not sound. */
NVR_CHECK int nvr_params_from_config(enum nvr_codec codec, const uint8_t *data, size_t size,
                                     struct nvr_params *ret_params);
bool nvr_params_are_equal(const struct nvr_params *a, const struct nvr_params *b);
/* Write the units with their lengths; dst has units->size bytes. */
void nvr_units_write(const struct nvr_units *units, uint8_t *dst);

/* Size of a JPEG's picture from its frame header. 0 or -EPROTO. */
NVR_CHECK int nvr_jpeg_parse_size(const uint8_t *data, size_t size, uint32_t *ret_width,
                                  uint32_t *ret_height);

#endif
