#include "lib/media/cut.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "lib/media/timeline.h"

#define US INT64_C(1000000)
#define SOUND_LAG_S 1 /* sound is at most so far behind its picture */

enum state {
    CUT_IDLE,  /* no item */
    CUT_FIRST, /* before the start of a piece: samples wait */
    CUT_OPEN,  /* the piece is being shown */
};

/* Times are in the video track's units, since 1970 or of the movie ("media"). */
struct nvr_cut {
    struct nvr_movie *movie;
    enum state state;
    int64_t start_us, end_us;
    int64_t end;      /* of the item */
    int64_t media;    /* of the movie: where the piece's samples begin */
    int64_t hidden;   /* then so much that is not shown */
    int64_t start;    /* of the piece: what is shown first */
    int64_t first;    /* decode time of its first sample */
    int64_t covering; /* presentation time of the frame on the screen at start */
    int64_t last_dts, last_end, shown_end;
    int64_t lead; /* how long before its decode time a frame is shown, at most */
    bool has_last;
    struct nvr_cut_sample *pending; /* owned */
    size_t pending_count, pending_cap;
};

int nvr_cut_new(struct nvr_movie *movie, struct nvr_cut **ret_cut)
{
    struct nvr_cut *cut = calloc(1, sizeof(*cut));

    assert(movie && ret_cut);
    if (!cut)
        return -ENOMEM;
    cut->movie = movie;
    *ret_cut = cut;
    return 0;
}

void nvr_cut_free(struct nvr_cut *cut)
{
    if (!cut)
        return;
    free(cut->pending);
    free(cut);
}

static uint32_t scale_of(const struct nvr_cut *cut, enum nvr_movie_track track)
{
    return nvr_movie_get_timescale(cut->movie, track);
}

/* Everything of a sample in its track's units of the movie. */
static void rescale(const struct nvr_cut *cut, struct nvr_cut_sample *sample)
{
    const uint32_t to = scale_of(cut, sample->track);
    const uint32_t from = sample->timescale;
    int64_t pts;

    if (from == to)
        return;
    pts = nvr_movie_rescale(sample->dts + sample->cts, from, to);
    sample->dts = nvr_movie_rescale(sample->dts, from, to);
    sample->cts = (int32_t)(pts - sample->dts);
    sample->duration = (uint32_t)nvr_movie_rescale(sample->duration, from, to);
    sample->timescale = to;
}

static int hold(struct nvr_cut *cut, const struct nvr_cut_sample *sample)
{
    if (cut->pending_count == cut->pending_cap) {
        const size_t cap = NVR_MAX(2 * cut->pending_cap, (size_t)256);
        struct nvr_cut_sample *grown;

        if (cap > NVR_CUT_PENDING_MAX)
            return -E2BIG;
        grown = realloc(cut->pending, cap * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        cut->pending = grown;
        cut->pending_cap = cap;
    }
    cut->pending[cut->pending_count++] = *sample;
    return 0;
}

/* Video: a time since 1970 → of the movie. Grows with t, but for rounding. */
static int64_t map_video(const struct nvr_cut *cut, int64_t t)
{
    const int64_t zero = cut->media + cut->hidden;

    if (t <= cut->covering)
        return zero - (cut->covering - t) / NVR_CUT_SQUEEZE;
    if (t > cut->end)
        return zero + (cut->end - cut->start) + (t - cut->end) / NVR_CUT_SQUEEZE;
    return zero + NVR_MAX(t - cut->start, (t - cut->covering) / NVR_CUT_SQUEEZE);
}

static int emit(struct nvr_cut *cut, const struct nvr_cut_sample *sample, int64_t dts, int32_t cts)
{
    const struct nvr_movie_sample out = {
        .dts = dts,
        .cts = cts,
        .size = sample->size,
        .key = sample->key,
        .offset = sample->offset,
        .entry = sample->entry,
    };

    return nvr_movie_add_sample(cut->movie, sample->track, &out);
}

static int emit_video(struct nvr_cut *cut, const struct nvr_cut_sample *sample)
{
    const int64_t last = nvr_movie_get_last_dts(cut->movie, NVR_MOVIE_VIDEO);
    const int64_t pts = map_video(cut, sample->dts + sample->cts);
    int64_t dts = map_video(cut, sample->dts);

    if (nvr_movie_get_samples(cut->movie, NVR_MOVIE_VIDEO))
        dts = NVR_MAX(dts, last + 1);
    cut->shown_end = NVR_MAX(cut->shown_end, sample->dts + sample->cts + sample->duration);
    return emit(cut, sample, dts, (int32_t)(pts - dts));
}

/* Sound is not squeezed: it begins with what is heard at start, or right behind in later pieces. */
static int emit_audio(struct nvr_cut *cut, const struct nvr_cut_sample *sample)
{
    const uint32_t video = scale_of(cut, NVR_MOVIE_VIDEO);
    const uint32_t audio = scale_of(cut, NVR_MOVIE_AUDIO);
    const int64_t start = nvr_movie_rescale(cut->start, video, audio);
    const int64_t zero = nvr_movie_rescale(cut->media + cut->hidden, video, audio);
    const bool is_first = nvr_movie_get_samples(cut->movie, NVR_MOVIE_AUDIO) == 0;
    const int64_t dts = zero + sample->dts - start;

    if (sample->dts >= nvr_movie_rescale(cut->end, video, audio) ||
        sample->dts + (is_first ? (int64_t)sample->duration - 1 : 0) < start)
        return 0;
    if (!is_first && dts <= nvr_movie_get_last_dts(cut->movie, NVR_MOVIE_AUDIO))
        return 0;
    return emit(cut, sample, dts, 0);
}

static int emit_any(struct nvr_cut *cut, const struct nvr_cut_sample *sample)
{
    return sample->track == NVR_MOVIE_VIDEO ? emit_video(cut, sample) : emit_audio(cut, sample);
}

static int emit_pending(struct nvr_cut *cut)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < cut->pending_count; i++)
        r = emit_any(cut, &cut->pending[i]);
    cut->pending_count = 0;
    return r;
}

/* Which frame is on the screen at start? None: the piece starts with its first one. */
static int open_piece(struct nvr_cut *cut)
{
    const int64_t wanted = nvr_movie_rescale(cut->start_us, US, scale_of(cut, NVR_MOVIE_VIDEO));
    int64_t covering = INT64_MIN, earliest = INT64_MAX, first = INT64_MAX;

    for (size_t i = 0; i < cut->pending_count; i++) {
        const struct nvr_cut_sample *sample = &cut->pending[i];
        const int64_t pts = sample->dts + sample->cts;

        if (sample->track != NVR_MOVIE_VIDEO)
            continue;
        first = NVR_MIN(first, sample->dts);
        earliest = NVR_MIN(earliest, pts);
        if (pts <= wanted)
            covering = NVR_MAX(covering, pts);
    }
    cut->start = covering == INT64_MIN ? earliest : wanted;
    cut->covering = covering == INT64_MIN ? earliest : covering;
    cut->hidden = NVR_MAX(cut->covering - first, INT64_C(0)) / NVR_CUT_SQUEEZE;
    cut->shown_end = cut->start;
    cut->state = CUT_OPEN;
    return emit_pending(cut);
}

/* The piece is over: what it shows becomes an edit, the next one continues behind it. */
static int close_piece(struct nvr_cut *cut)
{
    const int64_t wanted = nvr_movie_rescale(cut->start_us, US, scale_of(cut, NVR_MOVIE_VIDEO));
    int64_t length;
    int r = 0;

    /* Never reached its start? Then there is nothing to show of it. */
    if (cut->state == CUT_FIRST && cut->has_last && cut->last_end > wanted)
        r = open_piece(cut);
    cut->pending_count = 0;
    cut->has_last = false;
    if (r < 0 || cut->state != CUT_OPEN)
        return r;
    length = NVR_MAX(NVR_MIN(cut->shown_end, cut->end) - cut->start, INT64_C(0));
    r = nvr_movie_add_edit(cut->movie, cut->media + cut->hidden, length);
    cut->media += cut->hidden + length;
    return r;
}

int nvr_cut_begin(struct nvr_cut *cut, int64_t start_us, int64_t end_us)
{
    const int r = close_piece(cut);

    if (r < 0)
        return r;
    if (start_us < 0 || end_us <= start_us || end_us > INT64_MAX / 4)
        return -EINVAL;
    cut->state = CUT_FIRST;
    cut->start_us = start_us;
    cut->end_us = end_us;
    cut->has_last = false;
    return 0;
}

/* Where the picture's time line breaks: backwards, or a hole that is a gap. */
static bool is_break(const struct nvr_cut *cut, const struct nvr_cut_sample *sample)
{
    const int64_t join = (int64_t)scale_of(cut, NVR_MOVIE_VIDEO) * NVR_TIMELINE_JOIN_MS / 1000;

    return cut->has_last && (sample->dts <= cut->last_dts || sample->dts > cut->last_end + join);
}

/* Before the start: only what follows the newest key frame is of use. */
static int feed_first(struct nvr_cut *cut, const struct nvr_cut_sample *sample)
{
    const int64_t wanted = nvr_movie_rescale(cut->start_us, US, scale_of(cut, NVR_MOVIE_VIDEO));
    int r;

    if (sample->key && sample->dts + sample->cts <= wanted) {
        size_t kept = 0;

        /* sound around start may have come already */
        for (size_t i = 0; i < cut->pending_count; i++)
            if (cut->pending[i].track == NVR_MOVIE_AUDIO)
                cut->pending[kept++] = cut->pending[i];
        cut->pending_count = kept;
    } else if (!sample->key && !cut->has_last) {
        return 0; /* nothing can begin with it */
    }
    r = hold(cut, sample);
    return r == 0 && sample->dts > wanted ? open_piece(cut) : r;
}

static int feed_open(struct nvr_cut *cut, const struct nvr_cut_sample *sample)
{
    int r;

    /* Behind the end: needed only when a frame that is shown comes later in the file. */
    if (sample->track == NVR_MOVIE_VIDEO && sample->dts + sample->cts >= cut->end)
        return hold(cut, sample);
    r = sample->track == NVR_MOVIE_VIDEO ? emit_pending(cut) : 0;
    return r < 0 ? r : emit_any(cut, sample);
}

/* Decoded behind the end. It may be shown before it nevertheless (B-frames that are sent late), or
 * a later one; the sound, too, may come a little later in the file. */
static int feed_behind(struct nvr_cut *cut, const struct nvr_cut_sample *sample)
{
    const int64_t sound_lag = SOUND_LAG_S * (int64_t)scale_of(cut, NVR_MOVIE_VIDEO);
    const int64_t behind = sample->dts - cut->end;
    const int r = cut->state == CUT_OPEN && behind < cut->lead ? feed_open(cut, sample) : 0;

    if (r < 0)
        return r;
    return behind >= cut->lead && (!scale_of(cut, NVR_MOVIE_AUDIO) || behind >= sound_lag);
}

static int feed_video(struct nvr_cut *cut, struct nvr_cut_sample *sample)
{
    int r;

    cut->end = nvr_movie_rescale(cut->end_us, US, scale_of(cut, NVR_MOVIE_VIDEO));
    cut->lead = NVR_MAX(cut->lead, -(int64_t)sample->cts);
    if (sample->dts >= cut->end)
        return feed_behind(cut, sample);
    if (is_break(cut, sample)) {
        r = close_piece(cut);
        if (r < 0)
            return r;
        cut->state = CUT_FIRST;
    }
    r = cut->state == CUT_FIRST ? feed_first(cut, sample) : feed_open(cut, sample);
    if (cut->pending_count || cut->state == CUT_OPEN) {
        cut->has_last = true;
        cut->last_dts = sample->dts;
        cut->last_end = sample->dts + sample->duration;
    }
    return r;
}

static int feed_audio(struct nvr_cut *cut, const struct nvr_cut_sample *sample)
{
    const int64_t start = nvr_movie_rescale(cut->start_us, US, scale_of(cut, NVR_MOVIE_AUDIO));

    if (cut->state == CUT_OPEN)
        return feed_open(cut, sample);
    /* Long before the start: of no use. */
    return sample->dts + sample->duration < start ? 0 : hold(cut, sample);
}

int nvr_cut_feed(struct nvr_cut *cut, const struct nvr_cut_sample *sample)
{
    struct nvr_cut_sample own = *sample;

    if (cut->state == CUT_IDLE)
        return 1;
    if (!sample->timescale || sample->dts < 0 || sample->dts > INT64_MAX / 4)
        return -EINVAL;
    rescale(cut, &own);
    return own.track == NVR_MOVIE_VIDEO ? feed_video(cut, &own) : feed_audio(cut, &own);
}

int nvr_cut_end(struct nvr_cut *cut)
{
    const int r = close_piece(cut);

    if (r < 0)
        return r;
    cut->state = CUT_IDLE;
    return nvr_movie_finish(cut->movie, cut->media);
}

int64_t nvr_cut_get_duration_us(const struct nvr_cut *cut)
{
    const uint32_t scale = scale_of(cut, NVR_MOVIE_VIDEO);

    return scale ? nvr_movie_rescale(nvr_movie_get_duration(cut->movie), scale, US) : 0;
}
