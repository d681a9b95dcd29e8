/* Writing the moov: sizes first, then every byte once, through a small buffer. */
#include <assert.h>
#include <string.h>

#include "lib/media/movie-tables.h"

#define EPOCH_1904_S INT64_C(2082844800) /* 1904 to 1970 */
#define BUFFER_SIZE 16384

#define FULL 12u /* box with version and flags */
#define MVHD_SIZE 120u
#define TKHD_SIZE 104u
#define MDHD_SIZE 44u
#define HDLR_SIZE 45u
#define VMHD_SIZE 20u
#define SMHD_SIZE 16u
#define DINF_SIZE 36u
#define ELST_ENTRY 20u

struct out {
    nvr_movie_write_fn fn;
    void *arg;
    int error;
    size_t used;
    uint8_t buffer[BUFFER_SIZE];
};

static void flush(struct out *out)
{
    if (!out->error && out->used)
        out->error = out->fn(out->buffer, out->used, out->arg);
    out->used = 0;
}

static void put(struct out *out, const void *data, size_t size)
{
    const uint8_t *p = data;

    while (size) {
        const size_t n = NVR_MIN(size, BUFFER_SIZE - out->used);

        memcpy(out->buffer + out->used, p, n);
        out->used += n;
        p += n;
        size -= n;
        if (out->used == BUFFER_SIZE)
            flush(out);
    }
}

static void put32(struct out *out, uint32_t value)
{
    const uint32_t big = __builtin_bswap32(value);

    put(out, &big, sizeof(big));
}

static void put64(struct out *out, uint64_t value)
{
    put32(out, (uint32_t)(value >> 32));
    put32(out, (uint32_t)value);
}

static void put_zeros(struct out *out, unsigned words)
{
    while (words--)
        put32(out, 0);
}

static void put_box(struct out *out, uint64_t size, const char *type)
{
    put32(out, (uint32_t)size);
    put(out, type, 4);
}

static void put_full(struct out *out, uint64_t size, const char *type, uint32_t version_flags)
{
    put_box(out, size, type);
    put32(out, version_flags);
}

static void put_matrix(struct out *out)
{
    static const uint32_t unity[9] = {0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000};

    for (size_t i = 0; i < 9; i++)
        put32(out, unity[i]);
}

/* ---- edit list ---- */

/* An edit as a track sees it: its own time line begins with its first sample. */
struct track_edit {
    uint64_t empty; /* nothing of this track yet: so long, in the movie's units */
    int64_t media;  /* track units */
    uint64_t duration;
};

static struct track_edit see_edit(const struct nvr_movie *movie, const struct movie_track *track,
                                  const struct movie_edit *edit)
{
    const uint32_t scale = movie->tracks[NVR_MOVIE_VIDEO].timescale;
    const int64_t media =
        nvr_movie_rescale(edit->media, scale, track->timescale) - track->first_dts;
    struct track_edit seen = {.media = media, .duration = (uint64_t)edit->duration};

    if (media < 0) {
        const int64_t empty = nvr_movie_rescale(-media, track->timescale, scale);

        seen.empty = (uint64_t)NVR_MIN(empty, edit->duration);
        seen.duration = (uint64_t)edit->duration - seen.empty;
        seen.media = 0;
    }
    return seen;
}

static uint32_t count_edits(const struct nvr_movie *movie, const struct movie_track *track)
{
    uint32_t count = 0;

    for (size_t i = 0; i < movie->edits_count; i++) {
        const struct track_edit seen = see_edit(movie, track, &movie->edits[i]);

        count += (seen.empty > 0) + (seen.duration > 0);
    }
    return count;
}

static void put_edit(struct out *out, uint64_t duration, int64_t media)
{
    put64(out, duration);
    put64(out, (uint64_t)media);
    put32(out, 0x10000); /* at its own speed */
}

static void put_edits(struct out *out, const struct nvr_movie *movie,
                      const struct movie_track *track, uint64_t size)
{
    put_box(out, size, "edts");
    put_full(out, size - 8, "elst", 0x01000000);
    put32(out, count_edits(movie, track));
    for (size_t i = 0; i < movie->edits_count; i++) {
        const struct track_edit seen = see_edit(movie, track, &movie->edits[i]);

        if (seen.empty)
            put_edit(out, seen.empty, -1);
        if (seen.duration)
            put_edit(out, seen.duration, seen.media);
    }
}

/* ---- sizes ---- */

struct sizes {
    uint64_t trak, edts, mdia, minf, stbl, stsd, stts, ctts, stss, stsc, stsz, stco;
};

static struct sizes measure(const struct nvr_movie *movie, unsigned index, bool wide)
{
    const struct movie_track *track = &movie->tracks[index];
    struct sizes s = {.stsd = FULL + 4};

    for (unsigned i = 0; i < track->entries_count; i++)
        s.stsd += track->entries[i].size;
    s.stts = FULL + 4 + 4 * track->durations.count;
    s.ctts = track->has_cts ? FULL + 4 + 4 * track->compositions.count : 0;
    s.stss = index == NVR_MOVIE_VIDEO ? FULL + 4 + 4 * track->keys.count : 0;
    s.stsc = FULL + 4 + 4 * track->runs.count;
    s.stsz = FULL + 8 + 4 * track->sizes.count;
    s.stco = FULL + 4 + (wide ? 4 : 2) * track->chunks.count;
    s.stbl = 8 + s.stsd + s.stts + s.ctts + s.stss + s.stsc + s.stsz + s.stco;
    s.minf = 8 + (index == NVR_MOVIE_VIDEO ? VMHD_SIZE : SMHD_SIZE) + DINF_SIZE + s.stbl;
    s.mdia = 8 + MDHD_SIZE + HDLR_SIZE + s.minf;
    s.edts = 8 + FULL + 4 + (uint64_t)ELST_ENTRY * count_edits(movie, track);
    s.trak = 8 + TKHD_SIZE + s.edts + s.mdia;
    return s;
}

uint64_t nvr_movie_get_size(const struct nvr_movie *movie, bool wide)
{
    uint64_t size = 8 + MVHD_SIZE;

    assert(movie->finished);
    for (unsigned i = 0; i < NVR_MOVIE_TRACKS; i++)
        if (movie->tracks[i].samples)
            size += measure(movie, i, wide).trak;
    return size;
}

/* ---- boxes ---- */

static void put_table(struct out *out, const char *type, uint32_t version, uint64_t size,
                      const struct movie_table *table, unsigned words_per_row)
{
    put_full(out, size, type, version);
    put32(out, (uint32_t)(table->count / words_per_row));
    for (size_t i = 0; i < table->count; i++)
        put32(out, table->words[i]);
}

static void put_offsets(struct out *out, const struct movie_track *track, uint64_t size, bool wide,
                        uint64_t media_offset)
{
    put_full(out, size, wide ? "co64" : "stco", 0);
    put32(out, (uint32_t)(track->chunks.count / 2));
    for (size_t i = 0; i < track->chunks.count; i += 2) {
        const uint64_t offset =
            media_offset + ((uint64_t)track->chunks.words[i] << 32 | track->chunks.words[i + 1]);

        if (wide)
            put64(out, offset);
        else
            put32(out, (uint32_t)offset);
    }
}

static void put_stbl(struct out *out, const struct movie_track *track, const struct sizes *s,
                     bool wide, uint64_t media_offset)
{
    put_box(out, s->stbl, "stbl");
    put_full(out, s->stsd, "stsd", 0);
    put32(out, track->entries_count);
    for (unsigned i = 0; i < track->entries_count; i++)
        put(out, track->entries[i].data, track->entries[i].size);
    put_table(out, "stts", 0, s->stts, &track->durations, 2);
    if (s->ctts)
        put_table(out, "ctts", 0x01000000, s->ctts, &track->compositions, 2);
    if (s->stss)
        put_table(out, "stss", 0, s->stss, &track->keys, 1);
    put_table(out, "stsc", 0, s->stsc, &track->runs, 3);
    put_full(out, s->stsz, "stsz", 0);
    put32(out, 0); /* sizes differ */
    put32(out, (uint32_t)track->sizes.count);
    for (size_t i = 0; i < track->sizes.count; i++)
        put32(out, track->sizes.words[i]);
    put_offsets(out, track, s->stco, wide, media_offset);
}

static uint64_t mac_time(const struct nvr_movie *movie)
{
    return (uint64_t)(movie->created_ms / 1000 + EPOCH_1904_S);
}

static void put_mvhd(struct out *out, const struct nvr_movie *movie)
{
    put_full(out, MVHD_SIZE, "mvhd", 0x01000000);
    put64(out, mac_time(movie));
    put64(out, mac_time(movie));
    put32(out, movie->tracks[NVR_MOVIE_VIDEO].timescale);
    put64(out, (uint64_t)nvr_movie_get_duration(movie));
    put32(out, 0x10000);    /* speed */
    put32(out, 0x01000000); /* volume */
    put_zeros(out, 2);
    put_matrix(out);
    put_zeros(out, 6);
    put32(out, NVR_MOVIE_TRACKS + 1); /* next track */
}

static void put_tkhd(struct out *out, const struct nvr_movie *movie, unsigned index)
{
    const struct movie_track *track = &movie->tracks[index];

    put_full(out, TKHD_SIZE, "tkhd", 0x01000003); /* enabled, in the movie */
    put64(out, mac_time(movie));
    put64(out, mac_time(movie));
    put32(out, index + 1);
    put32(out, 0);
    put64(out, (uint64_t)nvr_movie_get_duration(movie));
    put_zeros(out, 3);
    put32(out, index == NVR_MOVIE_AUDIO ? 0x01000000 : 0); /* volume */
    put_matrix(out);
    put32(out, track->width << 16);
    put32(out, track->height << 16);
}

static void put_mdia(struct out *out, const struct nvr_movie *movie, unsigned index,
                     const struct sizes *s)
{
    const struct movie_track *track = &movie->tracks[index];
    const bool video = index == NVR_MOVIE_VIDEO;

    put_box(out, s->mdia, "mdia");
    put_full(out, MDHD_SIZE, "mdhd", 0x01000000);
    put64(out, mac_time(movie));
    put64(out, mac_time(movie));
    put32(out, track->timescale);
    put64(out, (uint64_t)(track->end_dts - track->first_dts));
    put32(out, 0x55c40000); /* language: und */
    put_full(out, HDLR_SIZE, "hdlr", 0);
    put32(out, 0);
    put(out, video ? "vide" : "soun", 4);
    put_zeros(out, 3);
    put(out, video ? "VideoHandler" : "SoundHandler", 13);
    put_box(out, s->minf, "minf");
    if (video) {
        put_full(out, VMHD_SIZE, "vmhd", 1);
        put_zeros(out, 2);
    } else {
        put_full(out, SMHD_SIZE, "smhd", 0);
        put_zeros(out, 1);
    }
    put_box(out, DINF_SIZE, "dinf");
    put_full(out, DINF_SIZE - 8, "dref", 0);
    put32(out, 1);
    put_full(out, FULL, "url ", 1); /* in this file */
}

int nvr_movie_write(const struct nvr_movie *movie, bool wide, uint64_t media_offset,
                    nvr_movie_write_fn fn, void *arg)
{
    struct out out = {.fn = fn, .arg = arg};

    assert(movie->finished);
    put_box(&out, nvr_movie_get_size(movie, wide), "moov");
    put_mvhd(&out, movie);
    for (unsigned i = 0; i < NVR_MOVIE_TRACKS; i++) {
        const struct movie_track *track = &movie->tracks[i];
        struct sizes s;

        if (!track->samples)
            continue;
        s = measure(movie, i, wide);
        put_box(&out, s.trak, "trak");
        put_tkhd(&out, movie, i);
        put_edits(&out, movie, track, s.edts);
        put_mdia(&out, movie, i, &s);
        put_stbl(&out, track, &s, wide, media_offset);
    }
    flush(&out);
    return out.error;
}
