#include "lib/media/stamp.h"

#include <math.h>
#include <stdlib.h>

#define TIME_MAX (1LL << 55) /* camera time is cut to ± this: no sum below overflows */
#define US 1000000LL

#define STEP_BACK_S 0.2      /* less is disorder */
#define STEP_FORWARD_S 0.3   /* more than two frames plus this, without wall time passing */
#define STEP_SETTLING_S 5.0  /* while settling only: less is a backlog */
#define STEP_SAME_S 0.5      /* the other stream's step is the same one … */
#define STEP_SAME_US 5000000 /* … when it was so short ago */
#define STEP_NATURAL_S 0.25  /* arrival jitter up to which "goes on evenly" is believed */
#define HOLE_S 3.0
#define AHEAD_S 0.5
#define AHEAD_HOLD 0.9      /* part of a frame's time that may be taken back … */
#define AHEAD_HOLD_WALL 0.1 /* … after our own clock was set back: keep the film watchable */
#define WALL_BACK_US 500000
#define BEHIND_S 0.5
#define SLEW_FROM_S 0.05
#define SLEW_RATE 0.005
#define WINDOW_US 5000000
#define SHARE_S 2.0
#define SPAN_FRAMES 16
#define ORDERED_FRAMES 64
#define LOWPASS 16
#define VIDEO_DURATION 3600
#define AUDIO_DURATION 1024

/* One frame on its way through the rules. */
struct frame {
    int64_t in;    /* camera time, presentation */
    int64_t media; /* camera time of the arrival's measure: presentation or decode */
    int64_t jump;  /* by which decode time is known to leave its pace: the depth in use changed */
    int64_t now;   /* arrival, ticks since 1970 */
    int64_t wall_us;
    double step_s; /* camera time since the frame before */
    bool key;
    bool is_burst; /* held back while settling */
    bool discontinuity;
};

static int64_t clamp64(int64_t value, int64_t min, int64_t max)
{
    return NVR_MIN(NVR_MAX(value, min), max);
}

/* a·b/c to nearest, with |a| < 2^56 and b, c < 2^31. */
static int64_t scale(int64_t a, int64_t b, int64_t c)
{
    const int64_t whole = a / c;
    const int64_t rest = a % c * b;

    return whole * b + (rest + (rest < 0 ? -c / 2 : c / 2)) / c;
}

int64_t nvr_stamp_to_us(int64_t ticks, uint32_t timescale)
{
    return scale(ticks, US, timescale);
}

int64_t nvr_stamp_from_us(int64_t us, uint32_t timescale)
{
    return scale(us, timescale, US);
}

static void init_track(struct nvr_stamp_track *track, uint32_t timescale, uint32_t duration,
                       uint32_t fallback)
{
    *track = (struct nvr_stamp_track){
        .timescale = timescale ? timescale : 1,
        .expected_duration = duration ? duration : fallback,
    };
}

void nvr_stamp_init(struct nvr_stamp *stamp, uint32_t video_timescale, uint32_t audio_timescale,
                    uint32_t video_frame_duration, uint32_t audio_frame_duration)
{
    *stamp = (struct nvr_stamp){0};
    init_track(&stamp->tracks[NVR_STAMP_VIDEO], video_timescale, video_frame_duration,
               VIDEO_DURATION);
    init_track(&stamp->tracks[NVR_STAMP_AUDIO], audio_timescale, audio_frame_duration,
               AUDIO_DURATION);
}

void nvr_stamp_set_reorder(struct nvr_stamp *stamp, unsigned depth)
{
    stamp->reorder_depth = NVR_MIN(depth, (unsigned)NVR_REORDER_MAX);
    stamp->reorder_filled = false;
    stamp->in_order = false;
    stamp->ordered_frames = 0;
}

void nvr_stamp_restart(struct nvr_stamp *stamp)
{
    for (size_t i = 0; i < NVR_STAMP_STREAMS; i++) {
        struct nvr_stamp_track *track = &stamp->tracks[i];
        const struct nvr_stamp_track before = *track;

        init_track(track, before.timescale, (uint32_t)before.expected_duration, 1);
        track->has_output = before.has_output;
        track->last_out = before.last_out;
    }
    stamp->share_clock = false;
    stamp->cts_shift = 0;
    nvr_stamp_set_reorder(stamp, stamp->reorder_depth);
}

static void shift_track(struct nvr_stamp_track *track, double seconds)
{
    track->offset += llrint(seconds * track->timescale);
    track->window_max_s += seconds;
    track->window_before_s += seconds;
    track->lag_s += seconds;
}

/* Move a stream's time; video takes audio with it when they have one clock. */
static void shift(struct nvr_stamp *stamp, enum nvr_stamp_stream stream, double seconds)
{
    shift_track(&stamp->tracks[stream], seconds);
    if (stream == NVR_STAMP_VIDEO && stamp->share_clock)
        shift_track(&stamp->tracks[NVR_STAMP_AUDIO], seconds);
}

/* Seconds that media time is ahead of the arrival. Some senders keep to the times of presentation,
 * others to those of decoding; a key frame is right for both, the smaller one is never ahead. */
static double ahead_s(const struct nvr_stamp_track *track, const struct frame *frame)
{
    return (double)(frame->media + track->offset - frame->now) / track->timescale;
}

static double seconds_of(const struct nvr_stamp_track *track, int64_t ticks)
{
    return (double)ticks / track->timescale;
}

static bool is_settling(const struct nvr_stamp_track *track, const struct frame *frame)
{
    return frame->wall_us - track->start_wall_us < NVR_STAMP_SETTLE_US;
}

static void start_track(struct nvr_stamp *stamp, enum nvr_stamp_stream stream, struct frame *frame)
{
    struct nvr_stamp_track *track = &stamp->tracks[stream];
    const struct nvr_stamp_track *other = &stamp->tracks[!stream];

    track->offset = frame->now - frame->in;
    if (other->started) {
        const int64_t offset = scale(other->offset, track->timescale, other->timescale);

        if (fabs(seconds_of(track, frame->in + offset - frame->now)) < SHARE_S) {
            track->offset = offset;
            stamp->share_clock = true;
        }
    }
    track->started = true;
    track->start_wall_us = track->last_wall_us = track->window_wall_us = frame->wall_us;
    track->window_max_s = ahead_s(track, frame);
    frame->discontinuity = true;
}

/* The best frame lately: what an undelayed frame's ahead_s() is. */
static double best_s(const struct nvr_stamp_track *track)
{
    return track->windows ? NVR_MAX(track->window_max_s, track->window_before_s)
                          : track->window_max_s;
}

/* How far the camera's clock stepped with this frame; 0: it did not. */
static double find_step(const struct nvr_stamp *stamp, enum nvr_stamp_stream stream,
                        const struct frame *frame)
{
    const struct nvr_stamp_track *track = &stamp->tracks[stream];
    const struct nvr_stamp_track *other = &stamp->tracks[!stream];
    const unsigned depth = stream == NVR_STAMP_VIDEO ? stamp->reorder_depth : 0;
    const double duration_s = seconds_of(track, track->expected_duration);
    const double disorder_s = depth * NVR_MAX(duration_s, 0.2);
    const double jump_s =
        (double)(frame->in + track->offset - frame->now) / track->timescale - best_s(track);
    const double even_s = frame->step_s - duration_s;
    const double limit_s = is_settling(track, frame) ? STEP_SETTLING_S : STEP_FORWARD_S;
    double step_s;

    if (!(frame->step_s < -(STEP_BACK_S + disorder_s)) &&
        !(frame->step_s > 2 * duration_s + disorder_s + STEP_FORWARD_S &&
          jump_s > limit_s + disorder_s))
        return 0;
    /* The frame goes on evenly, unless its arrival tells that time passed as well. */
    step_s = depth == 0 && fabs(even_s - jump_s) < STEP_NATURAL_S ? even_s : jump_s;
    if (other->step_wall_us && frame->wall_us - other->step_wall_us < STEP_SAME_US &&
        fabs(other->step_s - step_s) < STEP_SAME_S)
        step_s = other->step_s;
    return step_s;
}

static void subtract_step(struct nvr_stamp *stamp, enum nvr_stamp_stream stream, double step_s,
                          struct frame *frame)
{
    struct nvr_stamp_track *track = &stamp->tracks[stream];
    const int64_t ticks = llrint(step_s * track->timescale);

    track->offset -= ticks;
    track->step_s = step_s;
    track->step_wall_us = frame->wall_us;
    /* What is remembered in camera time moves to the new clock. */
    track->span_start += ticks;
    track->span_last += ticks;
    if (stream == NVR_STAMP_VIDEO)
        for (unsigned i = 0; i <= stamp->reorder_depth; i++)
            stamp->reorder[i] += ticks;
    stamp->steps++;
    frame->discontinuity = true;
}

/* Media must not run ahead of its arrival. */
static void hold_back(struct nvr_stamp *stamp, enum nvr_stamp_stream stream, struct frame *frame)
{
    struct nvr_stamp_track *track = &stamp->tracks[stream];
    const double now_ahead_s = ahead_s(track, frame);
    const bool follows = stream == NVR_STAMP_AUDIO && stamp->share_clock;

    if (is_settling(track, frame) && !follows) {
        if (now_ahead_s > 0)
            shift(stamp, stream, -now_ahead_s);
        frame->is_burst = now_ahead_s > seconds_of(track, track->expected_duration) / 4;
        return;
    }
    if (now_ahead_s <= AHEAD_S) {
        track->wall_stepped_back = false;
        return;
    }
    const double part = track->wall_stepped_back ? AHEAD_HOLD_WALL : AHEAD_HOLD;
    const double held_s = NVR_MIN(now_ahead_s - AHEAD_S, part * NVR_MAX(frame->step_s, 0.0));

    shift(stamp, stream, -held_s);
    frame->is_burst = held_s > seconds_of(track, track->expected_duration) / 4;
}

/* Slow drift, and a wall clock that was set forward. */
static void work_off_lag(struct nvr_stamp *stamp, enum nvr_stamp_stream stream, struct frame *frame)
{
    const struct nvr_stamp_track *track = &stamp->tracks[stream];
    const double lag_s = track->lag_s - track->lag_base_s;
    const double most_s = SLEW_RATE * NVR_MAX(frame->step_s, 0.0);

    if (!track->windows || is_settling(track, frame))
        return;
    if (lag_s < -BEHIND_S && frame->key) {
        shift(stamp, stream, -lag_s);
        stamp->corrections++;
        frame->discontinuity = true;
    } else if (fabs(lag_s) > SLEW_FROM_S) {
        shift(stamp, stream, -NVR_MAX(NVR_MIN(lag_s, most_s), -most_s));
    }
}

/* Two windows, so that a stall of one window's length is not taken for a lag. */
static void update_windows(struct nvr_stamp *stamp, enum nvr_stamp_stream stream,
                           const struct frame *frame)
{
    struct nvr_stamp_track *track = &stamp->tracks[stream];

    track->window_max_s = NVR_MAX(track->window_max_s, ahead_s(track, frame));
    track->lag_s = NVR_MAX(track->lag_s, ahead_s(track, frame));
    if (frame->wall_us - track->window_wall_us < WINDOW_US)
        return;
    track->lag_s = best_s(track);
    if (!track->windows && stream == NVR_STAMP_AUDIO && stamp->share_clock)
        track->lag_base_s = track->lag_s; /* its delay differs from video's: that is no lag */
    track->windows++;
    track->window_before_s = track->window_max_s;
    track->window_max_s = ahead_s(track, frame);
    track->window_wall_us = frame->wall_us;
}

static void notice_wall_clock(struct nvr_stamp_track *track, const struct frame *frame)
{
    if (frame->wall_us < track->last_wall_us - WALL_BACK_US) {
        /* Ours was set back: what was measured against it means nothing any more. */
        track->wall_stepped_back = true;
        track->windows = 0;
        track->lag_s = track->lag_base_s;
        track->window_max_s = ahead_s(track, frame);
        track->window_wall_us = frame->wall_us;
        track->start_wall_us = frame->wall_us - NVR_STAMP_SETTLE_US; /* not a new start */
        track->step_wall_us = 0;
    }
    track->last_wall_us = frame->wall_us;
}

/* Anchor, or follow the steps of the camera's clock. */
static void follow_clock(struct nvr_stamp *stamp, enum nvr_stamp_stream stream, struct frame *frame)
{
    struct nvr_stamp_track *track = &stamp->tracks[stream];
    double step_s;

    if (!track->started) {
        start_track(stamp, stream, frame);
    } else {
        frame->step_s = seconds_of(track, frame->in - track->last_in);
        notice_wall_clock(track, frame);
        step_s = find_step(stamp, stream, frame);
        if (step_s < 0 || step_s > 0) {
            subtract_step(stamp, stream, step_s, frame);
            frame->step_s = seconds_of(track, track->expected_duration);
        } else if (frame->step_s >
                   NVR_MAX(HOLE_S, 4 * seconds_of(track, track->expected_duration))) {
            frame->discontinuity = true;
        }
    }
    track->last_in = frame->in;
}

/* Afterwards media + offset is the frame's true time. */
static void follow_wall(struct nvr_stamp *stamp, enum nvr_stamp_stream stream, struct frame *frame)
{
    hold_back(stamp, stream, frame);
    work_off_lag(stamp, stream, frame);
    update_windows(stamp, stream, frame);
}

/* Strictly increasing, and even where the input is nearly even. */
static int64_t smooth(struct nvr_stamp *stamp, enum nvr_stamp_stream stream, int64_t target,
                      const struct frame *frame)
{
    struct nvr_stamp_track *track = &stamp->tracks[stream];
    const int64_t second = track->timescale;
    const int64_t expected = track->last_out + track->expected_duration + frame->jump;
    const int64_t diff = target - expected;
    const int64_t wide = NVR_MAX(NVR_MIN(4 * track->expected_duration, second / 2), second / 4);
    int64_t out = target;

    if (frame->discontinuity || frame->is_burst) {
        track->even_frames = 0;
    } else if (track->has_output) {
        /* The filter closes slowly: at first the duration of a frame is only a guess. */
        track->even_frames = NVR_MIN(track->even_frames + 1, (uint32_t)LOWPASS);
        if (stream == NVR_STAMP_VIDEO && llabs(diff) < wide)
            out = expected + diff / (int64_t)track->even_frames;
        else if (stream == NVR_STAMP_AUDIO && llabs(diff) < second / 50)
            out = expected; /* gapless */
    }
    if (track->has_output && out <= track->last_out) {
        out = track->last_out + NVR_MAX(second / 1000, (int64_t)1);
        stamp->squeezed++;
    }
    track->has_output = true;
    track->last_out = out;
    return out;
}

/* Duration of a frame from the span of up to SPAN_FRAMES: jitter cancels out. A single hole is
 * left out, a new frame rate is believed with its second frame. */
static void update_duration(struct nvr_stamp_track *track, int64_t dts)
{
    const int64_t second = track->timescale;
    const int64_t step = dts - track->span_last;
    int64_t duration;

    track->span_last = dts;
    if (!track->span_length) {
        track->span_start = dts;
        track->span_length = 1;
        return;
    }
    if (step < 0 || step > NVR_MAX(4 * track->expected_duration, second / 4)) {
        if (++track->outliers >= 2 && step > 0) {
            track->expected_duration = clamp64(step, second / 240 + 1, 10 * second);
            track->span_length = 1;
            track->steady = false;
        }
        track->span_start = dts;
        track->span_frames = 0;
        return;
    }
    track->outliers = 0;
    if (++track->span_frames < track->span_length)
        return;
    duration = (dts - track->span_start + track->span_frames / 2) / track->span_frames;
    duration = clamp64(duration, second / 240 + 1, 10 * second);
    track->steady = track->span_length == SPAN_FRAMES &&
                    llabs(duration - track->expected_duration) <= track->expected_duration / 4;
    if (track->steady)
        track->expected_duration += (duration - track->expected_duration) / 8;
    else
        track->expected_duration = duration;
    track->span_length = NVR_MIN(track->span_length * 2, (uint32_t)SPAN_FRAMES);
    track->span_start = dts;
    track->span_frames = 0;
}

/* Decode time of a frame in camera time: the smallest of the last depth+1 presentation times. */
static int64_t reorder(struct nvr_stamp *stamp, const struct frame *frame)
{
    const unsigned depth = stamp->reorder_depth;
    const int64_t duration = stamp->tracks[NVR_STAMP_VIDEO].expected_duration;
    const int64_t second = stamp->tracks[NVR_STAMP_VIDEO].timescale;
    int64_t *window = stamp->reorder;
    int64_t dts;

    /* Behind a hole the old pictures are long shown. */
    if (!stamp->reorder_filled ||
        frame->in - window[0] > NVR_MAX(2 * second, 2 * ((int64_t)depth + 3) * duration)) {
        for (unsigned i = 0; i < depth; i++)
            window[i] = frame->in - (int64_t)(depth - i) * duration;
        stamp->reorder_filled = true;
    }
    window[depth] = frame->in;
    for (unsigned i = depth; i > 0 && window[i] < window[i - 1]; i--) {
        const int64_t swap = window[i];

        window[i] = window[i - 1];
        window[i - 1] = swap;
    }
    dts = window[0];
    for (unsigned i = 0; i < depth; i++)
        window[i] = window[i + 1];
    return dts;
}

/* A stream in decode order needs no window, and is better off without (jitter would leave the
 * decode order to itself). The SPS often leaves open which it is. */
static void watch_order(struct nvr_stamp *stamp, const struct frame *frame)
{
    if (frame->step_s < 0)
        stamp->ordered_frames = 0;
    else if (stamp->ordered_frames < UINT32_MAX)
        stamp->ordered_frames++;
    if (!stamp->ordered_frames)
        stamp->in_order = false;
    else if (frame->key && stamp->ordered_frames >= ORDERED_FRAMES)
        stamp->in_order = true;
}

/* Distance from decode to presentation. It is made of frames: without this, jitter that was
 * smoothed out of the decode time would come back by it. */
static int64_t even_cts(const struct nvr_stamp_track *track, int64_t cts)
{
    const int64_t duration = track->expected_duration;

    if (!track->steady || cts < 0)
        return cts;
    return (cts + duration / 2) / duration * duration;
}

static struct frame make_frame(const struct nvr_stamp_track *track, int64_t pts, bool key,
                               int64_t wall_us)
{
    wall_us = clamp64(wall_us, 0, TIME_MAX);
    return (struct frame){
        .in = clamp64(pts, -TIME_MAX, TIME_MAX),
        .media = clamp64(pts, -TIME_MAX, TIME_MAX),
        .now = nvr_stamp_from_us(wall_us, track->timescale),
        .wall_us = wall_us,
        .key = key,
    };
}

void nvr_stamp_video(struct nvr_stamp *stamp, int64_t pts, bool key, int64_t wall_us,
                     struct nvr_stamp_out *ret_out)
{
    struct nvr_stamp_track *track = &stamp->tracks[NVR_STAMP_VIDEO];
    struct frame frame = make_frame(track, pts, key, wall_us);
    int64_t before;
    int64_t dts;
    int64_t cts;

    follow_clock(stamp, NVR_STAMP_VIDEO, &frame);
    watch_order(stamp, &frame);
    dts = reorder(stamp, &frame);
    if (stamp->in_order)
        dts = frame.in;
    update_duration(track, dts);
    cts = frame.in - dts;
    before = stamp->cts_shift;
    if (key || stamp->in_order)
        stamp->cts_shift = cts;
    dts += stamp->cts_shift;
    cts = even_cts(track, cts) - even_cts(track, stamp->cts_shift);
    frame.jump = even_cts(track, stamp->cts_shift) - even_cts(track, before);
    frame.media = NVR_MIN(frame.in, dts);
    follow_wall(stamp, NVR_STAMP_VIDEO, &frame);
    dts = smooth(stamp, NVR_STAMP_VIDEO, dts + track->offset, &frame);
    *ret_out = (struct nvr_stamp_out){
        .dts = dts,
        .cts = (int32_t)cts,
        .duration = (uint32_t)track->expected_duration,
        .discontinuity = frame.discontinuity,
    };
}

void nvr_stamp_audio(struct nvr_stamp *stamp, int64_t pts, int64_t wall_us,
                     struct nvr_stamp_out *ret_out)
{
    struct nvr_stamp_track *track = &stamp->tracks[NVR_STAMP_AUDIO];
    struct frame frame = make_frame(track, pts, true, wall_us);

    follow_clock(stamp, NVR_STAMP_AUDIO, &frame);
    follow_wall(stamp, NVR_STAMP_AUDIO, &frame);
    *ret_out = (struct nvr_stamp_out){
        .dts = smooth(stamp, NVR_STAMP_AUDIO, frame.media + track->offset, &frame),
        .duration = (uint32_t)track->expected_duration,
        .discontinuity = frame.discontinuity,
    };
}
