/* stamp.h — time stamps a file can stand on, from clocks that cannot be trusted (pure).
 *
 * In: a camera's unwrapped RTP/container time per stream and the wall clock at arrival.
 * Out: strictly increasing decode time in track units since 1970, close to the wall clock: steps
 * of the camera clock are subtracted exactly and for both streams alike, jitter goes through a
 * low-pass, slow drift is corrected at key frames. The pitfalls: docs and tests of this module. */
#ifndef NVR_MEDIA_STAMP_H
#define NVR_MEDIA_STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/macros.h"
#include "lib/media/codec.h"

enum nvr_stamp_stream {
    NVR_STAMP_VIDEO,
    NVR_STAMP_AUDIO,
    NVR_STAMP_STREAMS,
};

struct nvr_stamp_out {
    int64_t dts;        /* track units since 1970 */
    int32_t cts;        /* pts − dts; video only */
    uint32_t duration;  /* expected duration in track units */
    bool discontinuity; /* the camera's clock stepped or the stream began again */
};

/* Plain data, but only for embedding; use the functions. */
struct nvr_stamp_track {
    uint32_t timescale;
    int64_t offset;
    int64_t last_in, last_out;
    int64_t expected_duration;
    double lag_s;
    double step_s;
    int64_t step_wall_us;
    bool started;
    uint32_t frames;
};

struct nvr_stamp {
    struct nvr_stamp_track tracks[NVR_STAMP_STREAMS];
    int64_t reorder[NVR_REORDER_MAX + 1];
    unsigned reorder_depth;
    unsigned reorder_filled;
    int64_t cts_shift;
    uint64_t steps, squeezed, corrections; /* counters for statistics */
};

/* timescale: of the output track (video 90000, audio the sample rate); audio 0: none.
 * frame_duration: first guess in track units (0: 3600 for video, 1024 for audio). */
void nvr_stamp_init(struct nvr_stamp *stamp, uint32_t video_timescale, uint32_t audio_timescale,
                    uint32_t video_frame_duration, uint32_t audio_frame_duration);
/* B-frame depth from the SPS; resets the reorder window. */
void nvr_stamp_set_reorder(struct nvr_stamp *stamp, unsigned depth);
/* The connection is new: the next frames are anchored on the wall clock again; output goes on
 * increasing. */
void nvr_stamp_restart(struct nvr_stamp *stamp);
/* pts: camera time in track units (unwrapped to 64 bits, any origin), in decode order. */
void nvr_stamp_video(struct nvr_stamp *stamp, int64_t pts, bool key, int64_t wall_us,
                     struct nvr_stamp_out *ret_out);
/* Audio must lie on the same camera clock as video or be given -1-free times mapped by RTCP; its
 * first stamp after a restart is anchored by wall_us. */
void nvr_stamp_audio(struct nvr_stamp *stamp, int64_t pts, int64_t wall_us,
                     struct nvr_stamp_out *ret_out);

/* Track units → µs since 1970 and back, without overflow. */
int64_t nvr_stamp_to_us(int64_t ticks, uint32_t timescale);
int64_t nvr_stamp_from_us(int64_t us, uint32_t timescale);

#endif
