/* stamp.h — time stamps a file can stand on, from clocks that cannot be trusted (pure).
 *
 * In: a camera's unwrapped RTP/container time per stream and the wall clock at arrival.
 * Out: strictly increasing decode time in track units since 1970, close to the wall clock.
 *
 * A stream's offset (camera time → wall clock) is chosen so that the least delayed frames have the
 * time of their arrival. It changes only by these rules, for both streams alike when they share a
 * clock:
 *   settling  in the first NVR_STAMP_SETTLE_US after a (re)start it only falls: a backlog that
 *             arrives faster than real time is squeezed and never runs into the future;
 *   step      the camera's clock jumped (backwards, or forwards without wall time passing):
 *             the jump is subtracted exactly;
 *   ahead     media half a second ahead of the wall clock is held back frame by frame;
 *   slew      a lag (least delay of the last windows) above 50 ms is worked off at 0.5 %;
 *   behind    a lag of half a second is made up in one step at a key frame.
 * Late data with an even camera clock is a network stall: stamps stay even, nothing is corrected.
 * Jitter of the stamps goes through a low-pass. With B-frames the decode time is the smallest of
 * the last depth+1 presentation times, shifted so that a group of pictures starts at cts 0. */
#ifndef NVR_MEDIA_STAMP_H
#define NVR_MEDIA_STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/macros.h"
#include "lib/media/codec.h"

#define NVR_STAMP_SETTLE_US 3000000

enum nvr_stamp_stream {
    NVR_STAMP_VIDEO,
    NVR_STAMP_AUDIO,
    NVR_STAMP_STREAMS,
};

struct nvr_stamp_out {
    int64_t dts;        /* track units since 1970 */
    int32_t cts;        /* pts − dts; video only */
    uint32_t duration;  /* expected duration in track units */
    bool discontinuity; /* the camera's clock stepped, time has a hole, or the stream began again */
};

/* Plain data, but only for embedding; use the functions. */
struct nvr_stamp_track {
    uint32_t timescale;
    int64_t offset;            /* camera time → ticks since 1970 */
    int64_t last_in, last_out; /* camera time; output */
    int64_t expected_duration;
    int64_t start_wall_us, last_wall_us;
    bool started, has_output, wall_stepped_back;
    /* Least delay: how far the best frame of a window was ahead of its arrival (< 0: behind). */
    double window_max_s, window_before_s, lag_s, lag_base_s;
    int64_t window_wall_us;
    uint32_t windows;
    /* The last step of the camera's clock, for the other stream. */
    double step_s;
    int64_t step_wall_us;
    /* Frame duration from the span of several frames, in camera decode time. */
    int64_t span_start, span_last;
    uint32_t span_frames, span_length, outliers;
    bool steady;
    uint32_t even_frames; /* output since the last discontinuity, up to the filter's length */
};

struct nvr_stamp {
    struct nvr_stamp_track tracks[NVR_STAMP_STREAMS];
    bool share_clock;                     /* audio and video of this connection */
    int64_t reorder[NVR_REORDER_MAX + 1]; /* camera time, ascending */
    unsigned reorder_depth;
    bool reorder_filled;
    bool in_order;           /* no B-frame was seen for long: depth 0 whatever the SPS says */
    uint32_t ordered_frames; /* since presentation time last went backwards */
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
/* pts as for video. A stream whose time, by the other's offset, lies within two seconds of the
 * wall clock shares the other's camera clock (RTCP-aligned, RTMP, files); any other is anchored by
 * its own arrival. */
void nvr_stamp_audio(struct nvr_stamp *stamp, int64_t pts, int64_t wall_us,
                     struct nvr_stamp_out *ret_out);

/* Track units → µs since 1970 and back, rounded to nearest, without overflow. */
int64_t nvr_stamp_to_us(int64_t ticks, uint32_t timescale);
int64_t nvr_stamp_from_us(int64_t us, uint32_t timescale);

#endif
