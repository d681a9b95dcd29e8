/* movie.h — the moov box of a progressive MP4 (ISO/IEC 14496-12) whose media stands elsewhere:
 * where each sample is, when it is shown, and which part of the time line is presented. Pure.
 *
 * One video and one audio track. Tables are kept as they are written, equal neighbours joined: some
 * 12 to 24 bytes a sample. Common unit of time: the video track's time scale.
 * Threads: none of its own. Limits: NVR_MOVIE_WORDS_MAX of each table. */
#ifndef NVR_MEDIA_MOVIE_H
#define NVR_MEDIA_MOVIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/macros.h"

#define NVR_MOVIE_ENTRIES_MAX 256         /* sample entries of a track */
#define NVR_MOVIE_ENTRY_SIZE_MAX 65536    /* bytes of one */
#define NVR_MOVIE_EDITS_MAX 4096          /* pieces with a hidden beginning */
#define NVR_MOVIE_WORDS_MAX (1u << 27)    /* of 32 bits, of a table */
#define NVR_MOVIE_TIMESCALE_MAX 10000000u /* as fmp4.h reads it */

enum nvr_movie_track { NVR_MOVIE_VIDEO, NVR_MOVIE_AUDIO };
#define NVR_MOVIE_TRACKS 2

struct nvr_movie_sample {
    int64_t dts; /* track units; above the one before */
    int32_t cts;
    uint32_t size;
    bool key;
    uint64_t offset; /* from where the media begins */
    unsigned entry;
};

struct nvr_movie;

/* created_ms: UTC. The video track must get its time scale first. */
NVR_CHECK int nvr_movie_new(int64_t created_ms, struct nvr_movie **ret_movie);
void nvr_movie_free(struct nvr_movie *movie); /* NULL: no-op */
NVR_DEFINE_AUTO(nvr_movie, nvr_movie_free);

/* 0 before a track has one; the first one stays. -EINVAL: 0 or too large. */
uint32_t nvr_movie_get_timescale(const struct nvr_movie *movie, enum nvr_movie_track track);
NVR_CHECK int nvr_movie_set_timescale(struct nvr_movie *movie, enum nvr_movie_track track,
                                      uint32_t timescale);
/* The whole sample entry box; equal bytes give the same number. The largest picture is the
 * track's. -EINVAL: not a box; -E2BIG: too many or too large. */
NVR_CHECK int nvr_movie_add_entry(struct nvr_movie *movie, enum nvr_movie_track track,
                                  const uint8_t *entry, size_t size, uint32_t width,
                                  uint32_t height, unsigned *ret_entry);
/* -EINVAL: no such entry, time does not grow; -EFBIG: too many; -ENOMEM. */
NVR_CHECK int nvr_movie_add_sample(struct nvr_movie *movie, enum nvr_movie_track track,
                                   const struct nvr_movie_sample *sample);
uint64_t nvr_movie_get_samples(const struct nvr_movie *movie, enum nvr_movie_track track);
/* Decode time of the newest sample; INT64_MIN: none. */
int64_t nvr_movie_get_last_dts(const struct nvr_movie *movie, enum nvr_movie_track track);
/* What is presented next: [media, media + duration) of the common time line, video's units. What
 * continues the one before becomes one with it. -E2BIG. */
NVR_CHECK int nvr_movie_add_edit(struct nvr_movie *movie, int64_t media, int64_t duration);
int64_t nvr_movie_get_duration(const struct nvr_movie *movie); /* presented, video's units */

/* No more samples; end: of the common time line, the last samples' end. */
NVR_CHECK int nvr_movie_finish(struct nvr_movie *movie, int64_t end);
/* After finish: bytes of the moov. wide: offsets of 64 bits. */
uint64_t nvr_movie_get_size(const struct nvr_movie *movie, bool wide);
/* After finish: exactly that many bytes, in pieces. media_offset: where in the file the media
 * begins. 0 or write's error. */
typedef int (*nvr_movie_write_fn)(const void *data, size_t size, void *arg);
NVR_CHECK int nvr_movie_write(const struct nvr_movie *movie, bool wide, uint64_t media_offset,
                              nvr_movie_write_fn fn, void *arg);

/* value × to / from, rounded to the nearest. */
int64_t nvr_movie_rescale(int64_t value, uint32_t from, uint32_t to);

#endif
