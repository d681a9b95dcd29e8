/* movie-tables.h — a movie while it is being gathered (private to movie*.c). */
#ifndef NVR_MEDIA_MOVIE_TABLES_H
#define NVR_MEDIA_MOVIE_TABLES_H

#include "lib/media/movie.h"

/* Words of 32 bits, as they will stand in the file. */
struct movie_table {
    uint32_t *words;
    size_t count, cap;
};

struct movie_entry {
    uint8_t *data; /* the box */
    size_t size;
};

struct movie_track {
    uint32_t timescale;
    uint32_t width, height;
    struct movie_entry entries[NVR_MOVIE_ENTRIES_MAX];
    unsigned entries_count;
    struct movie_table durations;    /* stts: count, delta */
    struct movie_table compositions; /* ctts: count, offset */
    struct movie_table keys;         /* stss: sample numbers */
    struct movie_table sizes;        /* stsz */
    struct movie_table chunks;       /* co64: high, low, from the media's beginning */
    struct movie_table runs;         /* stsc: first chunk, samples per chunk, entry */
    uint64_t samples;
    int64_t first_dts, last_dts, end_dts;
    bool has_cts;
    /* the chunk that grows */
    uint64_t chunk_end;
    uint32_t chunk_samples;
    unsigned chunk_entry;
};

struct movie_edit {
    int64_t media, duration;
};

struct nvr_movie {
    int64_t created_ms;
    struct movie_track tracks[NVR_MOVIE_TRACKS];
    struct movie_edit edits[NVR_MOVIE_EDITS_MAX];
    size_t edits_count;
    bool finished;
};

#endif
