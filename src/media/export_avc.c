#include "src/media/export_avc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY_SIZE 86 /* of an avc1 box before its avcC */
#define PARAMS_MAX 1024
#define SPS 7
#define PPS 8
#define AVC1 0x61766331u /* "avc1" */
#define AVCC 0x61766343u /* "avcC" */

/* The NAL unit at or behind *pos, without its start code; *pos: behind it. False: none. */
static bool next_nal(const uint8_t *data, size_t size, size_t *pos, const uint8_t **ret_nal,
                     size_t *ret_size)
{
    size_t at = *pos;
    size_t end;

    while (at + 3 <= size && !(data[at] == 0 && data[at + 1] == 0 && data[at + 2] == 1))
        at++;
    if (at + 3 >= size)
        return false;
    at += 3;
    for (end = at; end < size; end++)
        if (end + 3 <= size && data[end] == 0 && data[end + 1] == 0 && data[end + 2] <= 1)
            break;
    *ret_nal = data + at;
    *ret_size = end - at;
    *pos = end;
    return true;
}

static void put_be(uint8_t *dst, size_t count, uint64_t value)
{
    while (count--) {
        dst[count] = (uint8_t)value;
        value >>= 8;
    }
}

static bool find_nal(const uint8_t *data, size_t size, unsigned type, const uint8_t **ret_nal,
                     size_t *ret_size)
{
    size_t pos = 0;

    while (next_nal(data, size, &pos, ret_nal, ret_size))
        if (*ret_size > 3 && (*ret_nal[0] & 31u) == type)
            return true;
    return false;
}

int export_avc_add_entry(struct nvr_movie *movie, const uint8_t *extradata, size_t size,
                         unsigned width, unsigned height, unsigned *ret_entry)
{
    uint8_t box[ENTRY_SIZE + 8 + 11 + 2 * PARAMS_MAX] = {0};
    uint8_t *avcc = box + ENTRY_SIZE;
    const uint8_t *sps;
    const uint8_t *pps;
    size_t sps_size;
    size_t pps_size;
    size_t avcc_size;

    if (!extradata || !find_nal(extradata, size, SPS, &sps, &sps_size) ||
        !find_nal(extradata, size, PPS, &pps, &pps_size) || sps_size > PARAMS_MAX ||
        pps_size > PARAMS_MAX)
        return -EPROTO;
    avcc_size = 8 + 11 + sps_size + pps_size;
    put_be(box, 4, ENTRY_SIZE + avcc_size);
    put_be(box + 4, 4, AVC1);
    box[15] = 1; /* data reference */
    put_be(box + 32, 2, width);
    put_be(box + 34, 2, height);
    put_be(box + 36, 4, 0x480000); /* 72 dpi */
    put_be(box + 40, 4, 0x480000);
    box[49] = 1;    /* frame a sample */
    box[83] = 0x18; /* depth */
    box[84] = box[85] = 0xff;
    put_be(avcc, 4, avcc_size);
    put_be(avcc + 4, 4, AVCC);
    avcc[8] = 1;
    memcpy(avcc + 9, sps + 1, 3); /* profile, constraints, level */
    avcc[12] = 0xff;              /* lengths of four bytes */
    avcc[13] = 0xe1;              /* one SPS */
    put_be(avcc + 14, 2, sps_size);
    memcpy(avcc + 16, sps, sps_size);
    avcc[16 + sps_size] = 1; /* one PPS */
    put_be(avcc + 17 + sps_size, 2, pps_size);
    memcpy(avcc + 19 + sps_size, pps, pps_size);
    return nvr_movie_add_entry(movie, NVR_MOVIE_VIDEO, box, ENTRY_SIZE + avcc_size, width, height,
                               ret_entry);
}

int export_avc_from_bytes(const uint8_t *data, size_t size, uint8_t **ret_data, size_t *ret_size)
{
    /* A start code has three bytes at least, a length four. */
    uint8_t *out = malloc(size + size / 3 + 4);
    const uint8_t *nal;
    size_t nal_size;
    size_t used = 0;
    size_t pos = 0;

    if (!out)
        return -ENOMEM;
    while (next_nal(data, size, &pos, &nal, &nal_size)) {
        put_be(out + used, 4, nal_size);
        memcpy(out + used + 4, nal, nal_size);
        used += 4 + nal_size;
    }
    if (!used) {
        free(out);
        return -EPROTO;
    }
    *ret_data = out;
    *ret_size = used;
    return 0;
}
