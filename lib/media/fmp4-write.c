#include <assert.h>
#include <limits.h>
#include <string.h>

#include "lib/media/fmp4.h"

#define BOX 8u /* size and type */
#define MFHD_SIZE (BOX + 8u)
#define TFHD_SIZE (BOX + 8u)
#define TFDT_SIZE (BOX + 12u)
#define TRUN_SIZE(samples) (BOX + 12u + 16u * (uint32_t)(samples))
#define TRAF_SIZE(samples) (BOX + TFHD_SIZE + TFDT_SIZE + TRUN_SIZE(samples))

#define TFHD_DEFAULT_BASE_IS_MOOF 0x020000u
#define TRUN_FLAGS                                                                                 \
    0x000f01u /* data offset; duration, size, flags, composition offset per sample                 \
               */
#define SAMPLE_SYNC 0x02000000u     /* depends on no other */
#define SAMPLE_NON_SYNC 0x01010000u /* depends on others, not a sync sample */
#define VIDEO_TRACK 1u

static void put32(uint8_t **p, uint32_t value)
{
    const uint32_t big = __builtin_bswap32(value);

    memcpy(*p, &big, sizeof(big));
    *p += sizeof(big);
}

static void put_box(uint8_t **p, uint32_t size, const char *type)
{
    put32(p, size);
    memcpy(*p, type, 4);
    *p += 4;
}

/* Size of the moof; 0: not sound. */
static uint32_t moof_size(const struct nvr_fmp4_track *tracks, size_t count)
{
    uint32_t size = BOX + MFHD_SIZE;
    size_t samples = 0;

    if (count > NVR_FMP4_TRACKS_MAX)
        return 0;
    for (size_t i = 0; i < count; i++) {
        if (tracks[i].samples_count > NVR_FMP4_SAMPLES_MAX)
            return 0;
        samples += tracks[i].samples_count;
        size += tracks[i].samples_count ? TRAF_SIZE(tracks[i].samples_count) : 0;
    }
    return samples ? size : 0;
}

size_t nvr_fmp4_fragment_size(const struct nvr_fmp4_track *tracks, size_t count)
{
    const uint32_t moof = moof_size(tracks, count);
    uint64_t total = (uint64_t)moof + BOX;

    if (!moof)
        return 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t sum = 0;

        for (size_t n = 0; n < tracks[i].samples_count; n++)
            sum += tracks[i].samples[n].size;
        if (tracks[i].samples_count && sum != tracks[i].data_size)
            return 0;
        total += sum;
    }
    return total <= INT32_MAX ? (size_t)total : 0; /* trun's data offset is signed */
}

static void put_traf(uint8_t **p, const struct nvr_fmp4_track *track, uint32_t data_offset)
{
    put_box(p, TRAF_SIZE(track->samples_count), "traf");
    put_box(p, TFHD_SIZE, "tfhd");
    put32(p, TFHD_DEFAULT_BASE_IS_MOOF);
    put32(p, track->id);
    put_box(p, TFDT_SIZE, "tfdt");
    put32(p, 0x01000000); /* version 1: 64 bits */
    put32(p, (uint32_t)(track->tfdt >> 32));
    put32(p, (uint32_t)track->tfdt);
    put_box(p, TRUN_SIZE(track->samples_count), "trun");
    put32(p, 0x01000000 | TRUN_FLAGS); /* version 1: signed composition offsets */
    put32(p, (uint32_t)track->samples_count);
    put32(p, data_offset);
    for (size_t i = 0; i < track->samples_count; i++) {
        const struct nvr_fmp4_sample *sample = &track->samples[i];
        const bool sync = sample->key || track->id != VIDEO_TRACK;

        put32(p, sample->duration);
        put32(p, sample->size);
        put32(p, sync ? SAMPLE_SYNC : SAMPLE_NON_SYNC);
        put32(p, (uint32_t)sample->cts);
    }
}

void nvr_fmp4_write_fragment(uint8_t *dst, uint32_t sequence, const struct nvr_fmp4_track *tracks,
                             size_t count)
{
    const uint32_t moof = moof_size(tracks, count);
    uint32_t data_offset = moof + BOX;
    uint8_t *p = dst;

    assert(moof);
    put_box(&p, moof, "moof");
    put_box(&p, MFHD_SIZE, "mfhd");
    put32(&p, 0);
    put32(&p, sequence);
    for (size_t i = 0; i < count; i++) {
        if (!tracks[i].samples_count)
            continue;
        put_traf(&p, &tracks[i], data_offset);
        data_offset += (uint32_t)tracks[i].data_size;
    }
    put_box(&p, data_offset - moof, "mdat");
    for (size_t i = 0; i < count; i++) {
        if (!tracks[i].samples_count || !tracks[i].data_size)
            continue;
        if (tracks[i].data)
            memcpy(p, tracks[i].data, tracks[i].data_size);
        p += tracks[i].data_size;
    }
    assert((size_t)(p - dst) == data_offset);
}
