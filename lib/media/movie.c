/* Gathering the tables. */
#include "lib/media/movie.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/media/box.h"
#include "lib/media/movie-tables.h"

#define CHUNK_SAMPLES_MAX 256

int64_t nvr_movie_rescale(int64_t value, uint32_t from, uint32_t to)
{
    const __int128 scaled = (__int128)value * to;
    const __int128 half = from / 2;

    if (from == to)
        return value;
    return (int64_t)((scaled >= 0 ? scaled + half : scaled - half) / from);
}

int nvr_movie_new(int64_t created_ms, struct nvr_movie **ret_movie)
{
    struct nvr_movie *movie = calloc(1, sizeof(*movie));

    assert(ret_movie);
    if (!movie)
        return -ENOMEM;
    movie->created_ms = created_ms;
    *ret_movie = movie;
    return 0;
}

void nvr_movie_free(struct nvr_movie *movie)
{
    if (!movie)
        return;
    for (size_t i = 0; i < NVR_MOVIE_TRACKS; i++) {
        struct movie_track *track = &movie->tracks[i];

        for (unsigned n = 0; n < track->entries_count; n++)
            free(track->entries[n].data);
        free(track->durations.words);
        free(track->compositions.words);
        free(track->keys.words);
        free(track->sizes.words);
        free(track->chunks.words);
        free(track->runs.words);
    }
    free(movie);
}

uint32_t nvr_movie_get_timescale(const struct nvr_movie *movie, enum nvr_movie_track track)
{
    return movie->tracks[track].timescale;
}

int nvr_movie_set_timescale(struct nvr_movie *movie, enum nvr_movie_track track, uint32_t timescale)
{
    if (!timescale || timescale > NVR_MOVIE_TIMESCALE_MAX)
        return -EINVAL;
    if (!movie->tracks[track].timescale)
        movie->tracks[track].timescale = timescale;
    return 0;
}

int nvr_movie_add_entry(struct nvr_movie *movie, enum nvr_movie_track which, const uint8_t *entry,
                        size_t size, uint32_t width, uint32_t height, unsigned *ret_entry)
{
    struct movie_track *track = &movie->tracks[which];
    struct movie_entry *added = &track->entries[track->entries_count];
    struct box box;

    if (size < 16 || box_read(entry, size, &box) < 0 || box.size != size)
        return -EINVAL;
    for (unsigned i = 0; i < track->entries_count; i++) {
        if (track->entries[i].size == size && memcmp(track->entries[i].data, entry, size) == 0) {
            *ret_entry = i;
            return 0;
        }
    }
    if (track->entries_count == NVR_MOVIE_ENTRIES_MAX || size > NVR_MOVIE_ENTRY_SIZE_MAX)
        return -E2BIG;
    added->data = malloc(size);
    if (!added->data)
        return -ENOMEM;
    memcpy(added->data, entry, size);
    added->size = size;
    track->width = NVR_MAX(track->width, width);
    track->height = NVR_MAX(track->height, height);
    *ret_entry = track->entries_count++;
    return 0;
}

static int push(struct movie_table *table, uint32_t word)
{
    if (table->count == table->cap) {
        const size_t cap = NVR_MAX(table->cap + table->cap / 2, (size_t)1024);
        uint32_t *grown;

        if (cap > NVR_MOVIE_WORDS_MAX)
            return -EFBIG;
        grown = realloc(table->words, cap * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        table->words = grown;
        table->cap = cap;
    }
    table->words[table->count++] = word;
    return 0;
}

/* One more of value in a table of (count, value). */
static int push_run(struct movie_table *table, uint32_t value)
{
    int r;

    if (table->count && table->words[table->count - 1] == value) {
        table->words[table->count - 2]++;
        return 0;
    }
    r = push(table, 1);
    return r < 0 ? r : push(table, value);
}

/* The chunk is complete: does it look like those before? */
static int close_chunk(struct movie_track *track)
{
    const size_t at = track->runs.count;
    const uint32_t number = (uint32_t)(track->chunks.count / 2);
    int r;

    if (!track->chunk_samples)
        return 0;
    if (at && track->runs.words[at - 2] == track->chunk_samples &&
        track->runs.words[at - 1] == track->chunk_entry + 1)
        return 0;
    r = push(&track->runs, number);
    if (r == 0)
        r = push(&track->runs, track->chunk_samples);
    if (r == 0)
        r = push(&track->runs, track->chunk_entry + 1);
    return r;
}

static int place(struct movie_track *track, const struct nvr_movie_sample *sample)
{
    int r = 0;

    if (!track->chunk_samples || sample->offset != track->chunk_end ||
        sample->entry != track->chunk_entry || track->chunk_samples == CHUNK_SAMPLES_MAX) {
        r = close_chunk(track);
        if (r == 0)
            r = push(&track->chunks, (uint32_t)(sample->offset >> 32));
        if (r == 0)
            r = push(&track->chunks, (uint32_t)sample->offset);
        track->chunk_samples = 0;
        track->chunk_entry = sample->entry;
    }
    track->chunk_samples++;
    track->chunk_end = sample->offset + sample->size;
    return r;
}

int nvr_movie_add_sample(struct nvr_movie *movie, enum nvr_movie_track which,
                         const struct nvr_movie_sample *sample)
{
    struct movie_track *track = &movie->tracks[which];
    int r = 0;

    assert(!movie->finished);
    if (sample->entry >= track->entries_count || sample->offset > INT64_MAX / 2)
        return -EINVAL;
    if (track->samples) {
        const int64_t delta = sample->dts - track->last_dts;

        if (delta <= 0 || delta > UINT32_MAX)
            return -EINVAL;
        r = push_run(&track->durations, (uint32_t)delta);
    } else {
        track->first_dts = sample->dts;
    }
    if (r == 0)
        r = push_run(&track->compositions, (uint32_t)sample->cts);
    if (r == 0)
        r = push(&track->sizes, sample->size);
    if (r == 0 && sample->key && which == NVR_MOVIE_VIDEO)
        r = push(&track->keys, (uint32_t)(track->samples + 1));
    if (r == 0)
        r = place(track, sample);
    if (r < 0)
        return r;
    track->has_cts |= sample->cts != 0;
    track->last_dts = sample->dts;
    track->samples++;
    return 0;
}

uint64_t nvr_movie_get_samples(const struct nvr_movie *movie, enum nvr_movie_track track)
{
    return movie->tracks[track].samples;
}

int64_t nvr_movie_get_last_dts(const struct nvr_movie *movie, enum nvr_movie_track track)
{
    return movie->tracks[track].samples ? movie->tracks[track].last_dts : INT64_MIN;
}

int nvr_movie_add_edit(struct nvr_movie *movie, int64_t media, int64_t duration)
{
    struct movie_edit *last = movie->edits_count ? &movie->edits[movie->edits_count - 1] : NULL;

    if (duration <= 0)
        return 0;
    if (last && last->media + last->duration == media) {
        last->duration += duration;
        return 0;
    }
    if (movie->edits_count == NVR_MOVIE_EDITS_MAX)
        return -E2BIG;
    movie->edits[movie->edits_count++] = (struct movie_edit){media, duration};
    return 0;
}

int64_t nvr_movie_get_duration(const struct nvr_movie *movie)
{
    int64_t total = 0;

    for (size_t i = 0; i < movie->edits_count; i++)
        total += movie->edits[i].duration;
    return total;
}

int nvr_movie_finish(struct nvr_movie *movie, int64_t end)
{
    for (size_t i = 0; i < NVR_MOVIE_TRACKS; i++) {
        struct movie_track *track = &movie->tracks[i];
        int64_t last;
        int r;

        if (!track->samples)
            continue;
        last = nvr_movie_rescale(end, movie->tracks[NVR_MOVIE_VIDEO].timescale, track->timescale) -
               track->last_dts;
        last = NVR_MIN(NVR_MAX(last, (int64_t)1), (int64_t)UINT32_MAX);
        r = push_run(&track->durations, (uint32_t)last);
        if (r == 0)
            r = close_chunk(track);
        if (r < 0)
            return r;
        track->end_dts = track->last_dts + last;
    }
    movie->finished = true;
    return movie->tracks[NVR_MOVIE_VIDEO].samples && movie->edits_count ? 0 : -ENODATA;
}
