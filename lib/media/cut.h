/* cut.h — recorded samples → the time line of one movie that shows exactly [start, end) of each
 * item, one after the other, without re-encoding. Pure.
 *
 * Decoding begins at the newest key frame at or before start. What comes before start (and frames
 * behind end that others need) is squeezed 1 : NVR_CUT_SQUEEZE in time and hidden by the edit list,
 * so that players that know nothing of edit lists see next to nothing of it. The frame that was on
 * the screen at start is shown from start on. Holes up to NVR_TIMELINE_JOIN_MS stay as they were;
 * longer ones are left out: the movie goes on with what comes behind.
 * Threads: none of its own. Ownership: the movie is borrowed. */
#ifndef NVR_MEDIA_CUT_H
#define NVR_MEDIA_CUT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/macros.h"
#include "lib/media/movie.h"

#define NVR_CUT_SQUEEZE 90
#define NVR_CUT_PENDING_MAX (1u << 18) /* samples between two key frames, sound included */

struct nvr_cut_sample {
    enum nvr_movie_track track;
    uint32_t timescale; /* of the times here */
    int64_t dts;        /* since 1970 */
    int32_t cts;
    uint32_t duration, size;
    bool key;
    uint64_t offset;
    unsigned entry;
};

struct nvr_cut;

NVR_CHECK int nvr_cut_new(struct nvr_movie *movie, struct nvr_cut **ret_cut);
void nvr_cut_free(struct nvr_cut *cut); /* NULL: no-op */
NVR_DEFINE_AUTO(nvr_cut, nvr_cut_free);
/* The next item. Ends the one before. */
NVR_CHECK int nvr_cut_begin(struct nvr_cut *cut, int64_t start_us, int64_t end_us);
/* In the order of the files. 1: the item has what it needs, go on with the next one; 0; -EINVAL
 * (times out of range), -E2BIG (no key frame for too long), or nvr_movie_add_sample()'s. */
NVR_CHECK int nvr_cut_feed(struct nvr_cut *cut, const struct nvr_cut_sample *sample);
/* No more items: the movie is finished. -ENODATA: it shows nothing. */
NVR_CHECK int nvr_cut_end(struct nvr_cut *cut);
int64_t nvr_cut_get_duration_us(const struct nvr_cut *cut); /* of the ended items */

#endif
