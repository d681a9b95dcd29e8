/* A segment file of any bytes → samples → one movie, as an export makes it. What is written must be
 * as long as was said before. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/media/cut.h"
#include "lib/media/fmp4.h"
#include "lib/media/movie.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct feed {
    const struct nvr_fmp4_init *init;
    struct nvr_cut *cut;
    unsigned entries[NVR_MOVIE_TRACKS];
    int video, audio;
    uint64_t offset;
};

static int on_sample(const struct nvr_fmp4_found *found, void *arg)
{
    struct feed *feed = arg;
    struct nvr_cut_sample sample = {.timescale = feed->init->tracks[found->track].timescale,
                                    .dts = (int64_t)found->dts,
                                    .cts = found->cts,
                                    .duration = found->duration,
                                    .size = found->size,
                                    .key = found->key,
                                    .offset = feed->offset + found->offset};

    if ((int)found->track != feed->video && (int)found->track != feed->audio)
        return 0;
    sample.track = (int)found->track == feed->video ? NVR_MOVIE_VIDEO : NVR_MOVIE_AUDIO;
    sample.entry = feed->entries[sample.track];
    return nvr_cut_feed(feed->cut, &sample) < 0 ? -1 : 0;
}

static int count_bytes(const void *data, size_t size, void *arg)
{
    uint64_t *total = arg;

    (void)data;
    *total += size;
    return 0;
}

static int add_entries(struct feed *feed, struct nvr_movie *movie, const uint8_t *data)
{
    const int tracks[] = {feed->video, feed->audio};

    for (int i = 0; i < NVR_MOVIE_TRACKS; i++) {
        const struct nvr_fmp4_header *header;
        const uint8_t *entry;
        size_t size;

        if (tracks[i] < 0)
            continue;
        header = &feed->init->tracks[tracks[i]];
        if (nvr_fmp4_find_entry(data, feed->init->size, header->track_id, &entry, &size) < 0 ||
            nvr_movie_set_timescale(movie, (enum nvr_movie_track)i, header->timescale) < 0 ||
            nvr_movie_add_entry(movie, (enum nvr_movie_track)i, entry, size, header->width,
                                header->height, &feed->entries[i]) < 0)
            return -1;
    }
    return 0;
}

static void feed_all(struct feed *feed, const uint8_t *data, size_t size)
{
    struct nvr_fmp4_fragment fragment;

    while (nvr_fmp4_parse_fragment(feed->init, data, size, &fragment) == 0 &&
           fragment.size <= size) {
        if (nvr_fmp4_each_sample(feed->init, data, size, &fragment, on_sample, feed) < 0)
            return;
        feed->offset += fragment.size;
        data += fragment.size;
        size -= fragment.size;
    }
}

static void write_movie(const struct nvr_movie *movie)
{
    for (int wide = 0; wide < 2; wide++) {
        uint64_t total = 0;

        if (nvr_movie_write(movie, wide, 4096, count_bytes, &total) < 0 ||
            total != nvr_movie_get_size(movie, wide))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nvr_fmp4_init init;
    struct feed feed = {.init = &init, .video = -1, .audio = -1};
    struct nvr_movie *movie = NULL;

    if (nvr_fmp4_parse_init(data, size, &init) < 0)
        return 0;
    for (size_t i = 0; i < init.tracks_count; i++) {
        int *track = init.tracks[i].is_video ? &feed.video : &feed.audio;

        if (*track < 0)
            *track = (int)i;
    }
    if (feed.video < 0)
        return 0;
    if (nvr_movie_new(0, &movie) < 0 || nvr_cut_new(movie, &feed.cut) < 0)
        abort();
    if (add_entries(&feed, movie, data) == 0 &&
        nvr_cut_begin(feed.cut, INT64_C(1700000000500000), INT64_C(1700000003250000)) == 0) {
        feed_all(&feed, data + init.size, size - init.size);
        if (nvr_cut_end(feed.cut) == 0)
            write_movie(movie);
    }
    nvr_cut_free(feed.cut);
    nvr_movie_free(movie);
    return 0;
}
