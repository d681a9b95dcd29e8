/* Time-lapse: key frames only, each shown where its time is at so many times the speed, at most
 * EXPORT_LAPSE_FPS a second. What was not recorded takes no time. */
#include <errno.h>

#include "lib/media/timeline.h"
#include "src/media/export.h"

#define US INT64_C(1000000)

int export_lapse_begin(struct export *e)
{
    e->lapse.has_last = false;
    return 0;
}

int export_lapse_place(struct export *e, const struct nvr_cut_sample *sample, int64_t *ret_out)
{
    const uint32_t scale = nvr_movie_get_timescale(e->movie, NVR_MOVIE_VIDEO);
    const int64_t dts = nvr_movie_rescale(sample->dts, sample->timescale, scale);
    const int64_t end = nvr_movie_rescale(sample->dts + sample->duration, sample->timescale, scale);
    const int64_t hole = (int64_t)scale * NVR_TIMELINE_JOIN_MS / 1000;
    struct export_lapse *lapse = &e->lapse;
    int64_t out;

    if (dts >= nvr_movie_rescale(e->end_us, US, scale))
        return EXPORT_ENDED;
    if (dts < nvr_movie_rescale(e->start_us, US, scale))
        return EXPORT_SKIP;
    if (lapse->has_last && dts > lapse->last_dts)
        lapse->recorded += dts - lapse->last_end > hole ? lapse->last_end - lapse->last_dts
                                                        : dts - lapse->last_dts;
    lapse->has_last = true;
    lapse->last_dts = dts;
    lapse->last_end = NVR_MAX(end, dts);
    if (!sample->key)
        return EXPORT_SKIP;
    out = lapse->recorded / e->options.speed;
    if (lapse->started && out - lapse->shown < scale / EXPORT_LAPSE_FPS)
        return EXPORT_SKIP;
    lapse->started = true;
    lapse->shown = out;
    *ret_out = out;
    return EXPORT_TAKE;
}

int export_lapse_feed(struct export *e, const struct nvr_cut_sample *sample)
{
    struct nvr_movie_sample shown = {
        .size = sample->size, .key = true, .offset = sample->offset, .entry = sample->entry};
    int r = export_lapse_place(e, sample, &shown.dts);

    if (r != EXPORT_TAKE)
        return r;
    r = nvr_movie_add_sample(e->movie, NVR_MOVIE_VIDEO, &shown);
    return r < 0 ? r : EXPORT_TAKE;
}

int export_lapse_end(struct export *e)
{
    const uint32_t scale = nvr_movie_get_timescale(e->movie, NVR_MOVIE_VIDEO);
    const int64_t end = scale ? NVR_MAX(e->lapse.recorded / e->options.speed,
                                        e->lapse.shown + (int64_t)(scale / EXPORT_LAPSE_FPS))
                              : 0;
    int r = e->lapse.started ? nvr_movie_add_edit(e->movie, 0, end) : -ENODATA;

    return r < 0 ? r : nvr_movie_finish(e->movie, end);
}
