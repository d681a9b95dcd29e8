/* bits.h — bit reader over a NAL unit's payload, emulation prevention bytes taken out (private to
 * lib/media). Reading past the end gives zeros and sets the error; check once at the end. */
#ifndef NVR_MEDIA_BITS_H
#define NVR_MEDIA_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BITS_MAX 4096 /* bytes of a parameter set that are looked at */

struct bits {
    uint8_t data[BITS_MAX];
    size_t size; /* bits */
    size_t pos;  /* bit */
    bool error;
};

/* data: a NAL unit behind its header. */
void bits_init(struct bits *bits, const uint8_t *data, size_t size);
uint32_t bits_read(struct bits *bits, unsigned count); /* 0 to 32 */
bool bits_flag(struct bits *bits);
void bits_skip(struct bits *bits, size_t count);
uint32_t bits_ue(struct bits *bits); /* Exp-Golomb, ITU-T H.264 §9.1 */
int32_t bits_se(struct bits *bits);
/* ue(v) that must not be above max: else the error is set and 0 returned. */
uint32_t bits_ue_max(struct bits *bits, uint32_t max);

#endif
