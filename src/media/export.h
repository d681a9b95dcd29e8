/* export.h — what the files of role export share. */
#ifndef NVR_MEDIA_ROLE_EXPORT_H
#define NVR_MEDIA_ROLE_EXPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/macros.h"
#include "lib/media/cut.h"
#include "lib/media/movie.h"
#include "src/media/export_burn.h"
#include "src/media/export_output.h"
#include "src/media/export_scan.h"

#define EXPORT_SPEED_MAX 3600
#define EXPORT_LAPSE_FPS 30

struct export_options {
    bool whole;    /* whole segments, as a proof needs them */
    bool audio;    /* false: only the samples of the picture are copied */
    int64_t speed; /* time-lapse; 0: none */
    bool timestamps;
    const char *zone; /* borrowed, until the sandbox is entered */
    int64_t created_ms;
    int64_t reserve; /* bytes for the moov, a guess */
};

/* Time-lapse: where its time line is. */
struct export_lapse {
    bool started, has_last;
    int64_t recorded; /* shown so far, in the video's units of recorded time */
    int64_t last_dts, last_end;
    int64_t shown; /* of the movie: the newest picture */
};

struct nvr_child;

struct export
{
    struct nvr_child *child;
    int64_t request;
    struct export_options options;
    struct export_output out;
    struct nvr_movie *movie;
    struct nvr_cut *cut;
    int64_t item, start_us, end_us;
    bool restart;
    struct export_extent placed; /* the newest segment, offset in the file */
    struct export_lapse lapse;
    struct export_burn *burn; /* NULL: the picture stays as it is */
    uint64_t copied;
    int64_t told_ms;
};

/* What becomes of a sample, besides -errno. */
enum { EXPORT_TAKE = 0, EXPORT_ENDED = 1, EXPORT_SKIP = 2 };

/* export_lapse.c */
NVR_CHECK int export_lapse_begin(struct export *e); /* the next item */
/* Is it shown, and when? EXPORT_TAKE, _SKIP, _ENDED. */
NVR_CHECK int export_lapse_place(struct export *e, const struct nvr_cut_sample *sample,
                                 int64_t *ret_out);
NVR_CHECK int export_lapse_feed(struct export *e, const struct nvr_cut_sample *sample);
NVR_CHECK int export_lapse_end(struct export *e);

#endif
