/* fmp4.h — fragmented MP4 as Heron writes it (ISO/IEC 14496-12): moof+mdat writer, tfdt
 * patcher, bounded reader for reconciliation. Pure: no I/O, no clock.
 *
 * Fragment: moof(mfhd, traf(tfhd default-base-is-moof, tfdt v1, trun v1)…) + mdat. Video is
 * track 1. */
#ifndef NVR_MEDIA_FMP4_H
#define NVR_MEDIA_FMP4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/macros.h"

#define NVR_FMP4_SAMPLES_MAX 512 /* per track and fragment */
#define NVR_FMP4_TRACKS_MAX 4
#define NVR_FMP4_INIT_MAX 65536u        /* bytes of an init segment that is read back */
#define NVR_FMP4_READ_SAMPLES_MAX 65536 /* per track and fragment that is read back */

struct nvr_fmp4_sample {
    uint32_t size;
    uint32_t duration; /* track units */
    int32_t cts;       /* composition offset, signed */
    bool key;          /* video; all samples of other tracks are */
};

struct nvr_fmp4_track {
    uint32_t id;   /* 1 video, 2 audio */
    uint64_t tfdt; /* decode time of the first sample, track units */
    const struct nvr_fmp4_sample *samples;
    size_t samples_count; /* 0: the track is left out */
    const uint8_t *data;  /* the samples' bytes in a row; NULL: their room is left unwritten */
    size_t data_size;
};

/* Exact bytes that nvr_fmp4_write_fragment() will write; 0 when the input is not sound (sizes that
 * do not add up, too many samples, no samples at all, above 2 GiB). */
size_t nvr_fmp4_fragment_size(const struct nvr_fmp4_track *tracks, size_t count);
/* dst has that many bytes. */
void nvr_fmp4_write_fragment(uint8_t *dst, uint32_t sequence, const struct nvr_fmp4_track *tracks,
                             size_t count);

/* ---- reading back ---- */

struct nvr_fmp4_header {
    uint32_t track_id;
    uint32_t timescale;
    bool is_video;
    char codec[5]; /* sample entry: "avc1", "hvc1", "mp4a", … */
    uint32_t width, height;
    char codec_string[64]; /* RFC 6381, "" when unknown */
};

/* What the init segment says; at least one track. */
struct nvr_fmp4_init {
    size_t size; /* bytes of ftyp+moov */
    struct nvr_fmp4_header tracks[NVR_FMP4_TRACKS_MAX];
    size_t tracks_count;
};

/* data: the file's first bytes. 0, -EAGAIN (more bytes are needed; *ret_init->size then says how
 * many, when known), -EPROTO (not ours). */
NVR_CHECK int nvr_fmp4_parse_init(const uint8_t *data, size_t size, struct nvr_fmp4_init *ret_init);

struct nvr_fmp4_fragment {
    size_t size;        /* up to the end of the mdat */
    size_t moof_offset; /* what stands before it: styp, sidx … */
    size_t moof_size;
    bool key; /* its first video sample is a sync sample */
    bool has_video;
    uint64_t tfdt[NVR_FMP4_TRACKS_MAX];     /* per track of the init, by index */
    uint64_t duration[NVR_FMP4_TRACKS_MAX]; /* 0: track absent */
    uint32_t samples[NVR_FMP4_TRACKS_MAX];
};

/* One fragment at the start of data; only the moof and the mdat's 8-byte header need be present
 * (size may reach beyond what was given). 0, -EAGAIN (needs more bytes; ret_fragment->size then
 * says how many, 0 when not known), -EPROTO. Other top-level boxes (styp, sidx, free) are accepted
 * before it and counted into size. */
NVR_CHECK int nvr_fmp4_parse_fragment(const struct nvr_fmp4_init *init, const uint8_t *data,
                                      size_t size, struct nvr_fmp4_fragment *ret_fragment);

/* One sample of a fragment that is read back. */
struct nvr_fmp4_found {
    size_t track; /* index in the init */
    uint64_t dts; /* track units */
    int32_t cts;
    uint32_t duration, size;
    bool key;        /* video: a sync sample; all of other tracks are */
    uint64_t offset; /* of its bytes, from the start of the fragment */
};
/* Returns 0 to go on, else what ends the walk. */
typedef int (*nvr_fmp4_visit)(const struct nvr_fmp4_found *sample, void *arg);
/* Every sample of the fragment at data, track by track, in decode order; the moof must be there
 * whole, fragment is what nvr_fmp4_parse_fragment() said of it. Samples whose bytes lie outside of
 * the fragment are -EPROTO. 0, -EPROTO, or visit's. */
NVR_CHECK int nvr_fmp4_each_sample(const struct nvr_fmp4_init *init, const uint8_t *data,
                                   size_t size, const struct nvr_fmp4_fragment *fragment,
                                   nvr_fmp4_visit visit, void *arg);
/* The first sample entry ("avc1" box with its header) of a track, inside of data (an init segment
 * that nvr_fmp4_parse_init() accepted). 0, -EPROTO. */
NVR_CHECK int nvr_fmp4_find_entry(const uint8_t *data, size_t size, uint32_t track_id,
                                  const uint8_t **ret_entry, size_t *ret_size);

/* The init segment (init->size bytes at data, parsed before) with its video tracks only, into dst
 * of as many bytes. 0, -EPROTO. */
NVR_CHECK int nvr_fmp4_drop_sound(const struct nvr_fmp4_init *init, const uint8_t *data,
                                  uint8_t *dst, size_t *ret_size);

/* Subtract base[i] (track i of init, track units) from each tfdt of the moof at data (whole, its
 * mdat need not be there), in place, saturating at 0. For files handed to people. 0, -EPROTO. */
NVR_CHECK int nvr_fmp4_rebase_moof(const struct nvr_fmp4_init *init, uint8_t *data, size_t size,
                                   const uint64_t *base);

#endif
