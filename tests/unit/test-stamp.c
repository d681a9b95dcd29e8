#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/media/stamp.h"

#define T 90000
#define A 16000
#define WALL 1790000000000000LL
#define MS 1000LL
#define SECOND 1000000LL

/* A camera: even frames, its clock, its network. All times in µs unless told. */
struct camera {
    struct nvr_stamp stamp;
    int64_t clock_us; /* camera clock of frame 0 */
    int64_t wall_us;  /* wall clock of frame 0 */
    int64_t interval_us;
    int64_t frame; /* number of the next */
    int64_t gop;
    int64_t last_dts;
    struct nvr_stamp_out out;
};

static void camera_init(struct camera *camera, int64_t interval_us)
{
    *camera = (struct camera){
        .clock_us = 123456789012LL,
        .wall_us = WALL,
        .interval_us = interval_us,
        .gop = NVR_MAX(2 * SECOND / interval_us, 1),
        .last_dts = -1,
    };
    nvr_stamp_init(&camera->stamp, T, A, 0, 0);
}

static int64_t ticks(int64_t us)
{
    return nvr_stamp_from_us(us, T);
}

/* One frame; jitter moves the camera's stamp, delay the arrival. */
static void camera_step(struct camera *camera, int64_t jitter_us, int64_t delay_us)
{
    const int64_t at = camera->frame * camera->interval_us;

    nvr_stamp_video(&camera->stamp, ticks(camera->clock_us + at + jitter_us),
                    camera->frame % camera->gop == 0, camera->wall_us + at + delay_us,
                    &camera->out);
    assert_true(camera->out.dts > camera->last_dts);
    camera->last_dts = camera->out.dts;
    camera->frame++;
}

/* ms that the last output is ahead of when the frame was taken. */
static int64_t error_ms(const struct camera *camera)
{
    const int64_t at = camera->wall_us + (camera->frame - 1) * camera->interval_us;

    return (nvr_stamp_to_us(camera->out.dts, T) - at) / MS;
}

static void assert_error(const struct camera *camera, int64_t max_ms)
{
    if (llabs(error_ms(camera)) > max_ms)
        fail_msg("frame %lld: %lld ms off", (long long)camera->frame, (long long)error_ms(camera));
}

static void units_convert_exactly(void **state)
{
    (void)state;
    assert_int_equal(nvr_stamp_to_us(90000LL * 1790000000, 90000), WALL);
    assert_int_equal(nvr_stamp_from_us(WALL, 90000), 90000LL * 1790000000);
    assert_int_equal(nvr_stamp_from_us(1, 90000), 0);
    assert_int_equal(nvr_stamp_from_us(6, 90000), 1);
    assert_int_equal(nvr_stamp_from_us(-6, 90000), -1);
    for (int64_t t = 90000LL * 1790000000; t < 90000LL * 1790000000 + 1000; t++)
        assert_int_equal(nvr_stamp_from_us(nvr_stamp_to_us(t, 90000), 90000), t);
}

static void even_frames_stay_even(void **state)
{
    const int64_t intervals[] = {SECOND, 200000, 66667, 40000, 16667};

    (void)state;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(intervals); i++) {
        struct camera camera;
        int64_t last = 0;

        camera_init(&camera, intervals[i]);
        for (int n = 0; n < 400; n++) {
            camera_step(&camera, 0, 5 * MS);
            assert_int_equal(camera.out.cts, 0);
            assert_int_equal(camera.out.discontinuity, n == 0);
            if (n > 20) {
                assert_true(llabs(camera.out.dts - last - ticks(intervals[i])) <= 90);
                assert_true(llabs((int64_t)camera.out.duration - ticks(intervals[i])) <= 9);
            }
            last = camera.out.dts;
            assert_error(&camera, 250);
        }
        assert_error(&camera, 6);
        assert_int_equal(camera.stamp.squeezed, 0);
        assert_int_equal(camera.stamp.steps, 0);
    }
}

/* Deterministic noise in [-amplitude, amplitude]. */
static int64_t noise(uint32_t *seed, int64_t amplitude)
{
    *seed = *seed * 1664525u + 1013904223u;
    return amplitude ? (int64_t)(*seed >> 8) % (2 * amplitude + 1) - amplitude : 0;
}

/* Camera stamps jitter: the film must not. */
static void jitter_is_smoothed(void **state)
{
    static const struct {
        int64_t jitter_ms;
        int64_t uneven_ms; /* most that an interval may differ from the frame's duration */
    } CASES[] = {{20, 8}, {40, 12}, {90, 24}};

    (void)state;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(CASES); i++) {
        const int64_t jitter_us = CASES[i].jitter_ms * MS;
        struct camera camera;
        uint32_t seed = 5;
        int64_t last = 0;

        camera_init(&camera, 66667);
        for (int n = 0; n < 3000; n++) {
            camera_step(&camera, noise(&seed, jitter_us), 100 * MS + noise(&seed, 5 * MS));
            const int64_t gap_us = nvr_stamp_to_us(camera.out.dts - last, T);

            if (n > 100) {
                if (llabs(gap_us - 66667) > CASES[i].uneven_ms * MS)
                    fail_msg("jitter %lld ms, frame %d: %lld us", (long long)CASES[i].jitter_ms, n,
                             (long long)gap_us);
                assert_error(&camera, 100 + 2 * CASES[i].jitter_ms);
                assert_false(camera.out.discontinuity);
            }
            last = camera.out.dts;
        }
        assert_int_equal(camera.stamp.steps, 0);
        assert_int_equal(camera.stamp.corrections, 0);
    }
}

/* Late arrivals with an even camera clock: a network, not a clock. */
static void network_stalls_change_nothing(void **state)
{
    struct camera camera;
    int64_t last = 0;

    (void)state;
    camera_init(&camera, 66667);
    for (int n = 0; n < 1500; n++) {
        /* Every 20 s nothing for 6 s, then all at once. */
        const int64_t phase_us = n * 66667LL % (20 * SECOND);
        const int64_t delay_us = phase_us > 14 * SECOND ? 20 * SECOND - phase_us : 0;

        camera_step(&camera, 0, 20 * MS + delay_us);
        assert_int_equal(camera.out.discontinuity, n == 0);
        if (n > 50)
            assert_true(llabs(nvr_stamp_to_us(camera.out.dts - last, T) - 66667) < 2 * MS);
        last = camera.out.dts;
        assert_error(&camera, 60);
    }
    assert_int_equal(camera.stamp.steps + camera.stamp.corrections + camera.stamp.squeezed, 0);
}

static void clock_steps_are_subtracted(void **state)
{
    static const int64_t STEPS_S[] = {3600, -3600, -5, 10, 2, -1, 86400 * 365, -86400 * 365};

    (void)state;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(STEPS_S); i++) {
        struct camera camera;
        uint32_t seed = 9;
        int64_t last = 0;

        camera_init(&camera, 66667);
        for (int n = 0; n < 400; n++) {
            if (n == 205)
                camera.clock_us += STEPS_S[i] * SECOND;
            camera_step(&camera, 0, 30 * MS + noise(&seed, 20 * MS));
            assert_int_equal(camera.out.discontinuity, n == 0 || n == 205);
            if (n > 100) /* not a tick is lost: the frame goes on evenly */
                assert_true(llabs(nvr_stamp_to_us(camera.out.dts - last, T) - 66667) < 2 * MS);
            last = camera.out.dts;
            assert_error(&camera, 60);
        }
        assert_int_equal(camera.stamp.steps, 1);
        assert_int_equal(camera.stamp.squeezed, 0);
    }
}

/* The clock steps while the stream stands still. */
static void steps_inside_holes(void **state)
{
    struct camera camera;

    (void)state;
    camera_init(&camera, 66667);
    for (int n = 0; n < 300; n++)
        camera_step(&camera, 0, 30 * MS);
    camera.clock_us -= 15 * SECOND;
    camera.frame += 150; /* 10 s */
    camera_step(&camera, 0, 30 * MS);
    assert_true(camera.out.discontinuity);
    for (int n = 0; n < 300; n++) {
        assert_error(&camera, 40);
        camera_step(&camera, 0, 30 * MS);
    }
    assert_int_equal(camera.stamp.steps, 1);
    /* A hole alone is no step. */
    camera.frame += 150;
    camera_step(&camera, 0, 30 * MS);
    assert_true(camera.out.discontinuity);
    assert_error(&camera, 40);
    /* Back by less than the hole looks like late data: found out from what follows. */
    camera.clock_us -= 5 * SECOND;
    camera.frame += 150;
    for (int n = 0; n < 300; n++)
        camera_step(&camera, 0, 30 * MS);
    assert_error(&camera, 40);
    assert_int_equal(camera.stamp.steps, 1);
    assert_int_equal(camera.stamp.corrections, 1);
}

/* Video and audio of one clock; audio's frames come with the video. */
struct av {
    struct camera camera;
    struct nvr_stamp_out audio;
    int64_t audio_frame;
    int64_t audio_clock_us; /* clock of audio frame 0 */
    int64_t last_audio;
};

static void av_step(struct av *av, int64_t delay_us)
{
    struct camera *camera = &av->camera;
    const int64_t at_us = camera->frame * camera->interval_us;

    camera_step(camera, 0, delay_us);
    while (av->audio_frame * 64 * MS < at_us) { /* 1024 samples at 16 kHz */
        const int64_t audio_us = av->audio_frame++ * 64 * MS;

        nvr_stamp_audio(&av->camera.stamp, nvr_stamp_from_us(av->audio_clock_us + audio_us, A),
                        camera->wall_us + at_us + delay_us + MS, &av->audio);
        assert_true(av->audio.dts > av->last_audio);
        av->last_audio = av->audio.dts;
    }
}

/* ms between what the streams say about one moment; > 0: audio later. */
static int64_t av_error_ms(const struct av *av)
{
    const struct camera *camera = &av->camera;
    const int64_t video_us =
        nvr_stamp_to_us(camera->out.dts, T) - (camera->frame - 1) * camera->interval_us;
    const int64_t audio_us = nvr_stamp_to_us(av->audio.dts, A) - (av->audio_frame - 1) * 64 * MS;

    return (audio_us - video_us) / MS;
}

static void both_streams_step_alike(void **state)
{
    static const int64_t STEPS_S[] = {3600, -5, 1, -2};
    struct av av = {.last_audio = 0};

    (void)state;
    camera_init(&av.camera, 66667);
    av.audio_clock_us = av.camera.clock_us;
    for (int n = 0; n < 1200; n++) {
        if (n >= 300 && n % 200 == 100) {
            const int64_t step_us = STEPS_S[n / 200 % 4] * SECOND;

            av.camera.clock_us += step_us;
            av.audio_clock_us += step_us;
        }
        av_step(&av, 30 * MS);
        if (n > 20 && llabs(av_error_ms(&av)) > 20)
            fail_msg("frame %d: audio %lld ms off", n, (long long)av_error_ms(&av));
        assert_error(&av.camera, 60);
    }
    assert_true(av.camera.stamp.share_clock);
    assert_int_equal(av.camera.stamp.steps, 2 * 5);
}

/* Without sender reports the streams' origins have nothing to do with each other. */
static void foreign_audio_is_anchored_by_arrival(void **state)
{
    struct av av = {.audio_clock_us = 77 * SECOND};

    (void)state;
    camera_init(&av.camera, 66667);
    for (int n = 0; n < 600; n++) {
        if (n == 300) { /* one clock steps: the other stream's stays */
            av.camera.clock_us += 100 * SECOND;
            av.audio_clock_us += 100 * SECOND;
        }
        av_step(&av, 30 * MS);
        if (n > 20)
            assert_true(llabs(av_error_ms(&av)) < 100);
    }
    assert_false(av.camera.stamp.share_clock);
    assert_int_equal(av.camera.stamp.steps, 2);
}

static void audio_is_gapless(void **state)
{
    struct av av = {.last_audio = 0};
    uint32_t seed = 3;
    int64_t last = 0;

    (void)state;
    camera_init(&av.camera, 40000);
    av.audio_clock_us = av.camera.clock_us;
    for (int n = 0; n < 2000; n++) {
        const int64_t before = av.audio_frame;

        av_step(&av, 50 * MS + noise(&seed, 30 * MS));
        if (av.audio_frame == before + 1 && n > 10)
            assert_int_equal(av.audio.dts - last, 1024);
        last = av.audio.dts;
    }
}

/* A clock that is off by 2000 ppm stays within a fraction of a second, without jumps. */
static void drift_is_worked_off(void **state)
{
    static const int64_t PPM[] = {2000, -2000};

    (void)state;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(PPM); i++) {
        struct camera camera;
        int64_t last = 0;

        camera_init(&camera, 66667);
        for (int64_t n = 0; n < 20000; n++) { /* 22 minutes: 2.7 s of drift */
            camera_step(&camera, n * 66667 * PPM[i] / 1000000, 30 * MS);
            if (n > 100) {
                assert_true(llabs(nvr_stamp_to_us(camera.out.dts - last, T) - 66667) < 5 * MS);
                assert_error(&camera, 200);
            }
            assert_int_equal(camera.out.discontinuity, n == 0);
            last = camera.out.dts;
        }
        assert_int_equal(camera.stamp.squeezed, 0);
        assert_int_equal(camera.stamp.corrections, 0);
    }
}

/* Our own clock is set. Forward: made up at a key frame. Back: the film stays watchable. */
static void the_wall_clock_may_be_set(void **state)
{
    struct camera camera;
    int64_t last = 0;

    (void)state;
    camera_init(&camera, 66667);
    for (int n = 0; n < 200; n++)
        camera_step(&camera, 0, 30 * MS);
    camera.wall_us += 3600 * SECOND;
    for (int n = 0; n < 300; n++)
        camera_step(&camera, 0, 30 * MS);
    assert_error(&camera, 60);
    assert_int_equal(camera.stamp.corrections, 1);
    camera.wall_us -= 60 * SECOND;
    for (int n = 0; n < 12000; n++) {
        last = camera.out.dts;
        camera_step(&camera, 0, 30 * MS);
        assert_true(nvr_stamp_to_us(camera.out.dts - last, T) > 50 * MS);
    }
    assert_error(&camera, 600);
    assert_int_equal(camera.stamp.steps, 0);
}

/* Servers send what they have of the group of pictures at once. */
static void a_backlog_does_not_run_into_the_future(void **state)
{
    static const int BACKLOG[] = {1, 15, 60, 300};

    (void)state;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(BACKLOG); i++) {
        struct nvr_stamp_out out;
        struct nvr_stamp stamp;
        int64_t last = 0;

        nvr_stamp_init(&stamp, T, A, 0, 0);
        for (int n = 0; n < BACKLOG[i] + 600; n++) {
            const int64_t live_us = (n - BACKLOG[i]) * 66667LL;
            const int64_t wall_us = WALL + (live_us < 0 ? n * 100 : BACKLOG[i] * 100 + live_us);

            nvr_stamp_video(&stamp, ticks(n * 66667LL), n % 30 == 0, wall_us, &out);
            assert_true(out.dts > last);
            const int64_t ahead_us = nvr_stamp_to_us(out.dts, T) - wall_us;

            /* Squeezed frames lie a millisecond apart. */
            if (ahead_us > (live_us < 0 ? n + 1 : BACKLOG[i]) * MS)
                fail_msg("frame %d: %lld us ahead", n, (long long)ahead_us);
            if (live_us > SECOND) {
                assert_true(llabs(ahead_us) < 70 * MS);
                assert_true(llabs(nvr_stamp_to_us(out.dts - last, T) - 66667) < 20 * MS);
            }
            last = out.dts;
        }
        assert_int_equal(stamp.steps, 0);
    }
}

/* A server that sends faster than real time for good is held to the wall clock. */
static void fast_senders_are_held(void **state)
{
    struct nvr_stamp_out out;
    struct nvr_stamp stamp;
    int64_t last = 0;

    (void)state;
    nvr_stamp_init(&stamp, T, A, 0, 0);
    for (int n = 0; n < 3000; n++) {
        const int64_t wall_us = WALL + n * 33333LL;

        nvr_stamp_video(&stamp, ticks(n * 66667LL), n % 30 == 0, wall_us, &out);
        assert_true(out.dts > last);
        last = out.dts;
        assert_true(nvr_stamp_to_us(out.dts, T) - wall_us < 800 * MS);
    }
    assert_int_equal(stamp.steps, 0);
}

static void a_new_connection_is_anchored_again(void **state)
{
    struct camera camera;
    struct nvr_stamp_out before;

    (void)state;
    camera_init(&camera, 66667);
    for (int n = 0; n < 300; n++)
        camera_step(&camera, 0, 30 * MS);
    before = camera.out;
    nvr_stamp_restart(&camera.stamp);
    camera.clock_us = -5 * SECOND; /* another origin */
    camera.frame += 135;           /* 9 s later */
    camera_step(&camera, 0, 30 * MS);
    assert_true(camera.out.discontinuity);
    assert_error(&camera, 40);
    assert_true(camera.out.dts - before.dts > 8 * T);
    for (int n = 0; n < 300; n++) {
        camera_step(&camera, 0, 30 * MS);
        assert_error(&camera, 60);
    }
    /* At once, with a wall clock that is behind: still increasing. */
    nvr_stamp_restart(&camera.stamp);
    camera.wall_us -= SECOND;
    for (int n = 0; n < 300; n++)
        camera_step(&camera, 0, 30 * MS); /* asserts it */
    assert_error(&camera, 60);
}

static void repeats_and_disorder_are_spread(void **state)
{
    struct camera camera;

    (void)state;
    camera_init(&camera, 66667);
    for (int n = 0; n < 900; n++) {
        const int64_t odd_us = n % 50 == 20   ? -66667    /* the stamp before again */
                               : n % 50 == 40 ? -150 * MS /* back, but not by much */
                                              : 0;

        camera_step(&camera, n < 100 ? 0 : odd_us, 30 * MS);
        assert_int_equal(camera.out.discontinuity, n == 0);
        assert_error(&camera, 80);
    }
    assert_int_equal(camera.stamp.steps, 0);
    /* Nothing but one stamp for ever. */
    for (int n = 0; n < 900; n++) {
        camera.clock_us -= 66667;
        camera_step(&camera, 0, 30 * MS);
    }
}

static void the_frame_rate_may_change(void **state)
{
    static const int64_t INTERVALS[] = {40000, 80000, 200000, SECOND, 33333, 16667, 40000};
    struct camera camera;

    (void)state;
    camera_init(&camera, INTERVALS[0]);
    for (size_t i = 0; i < NVR_ARRAY_SIZE(INTERVALS); i++) {
        const int64_t at_us = camera.frame * camera.interval_us;

        camera.interval_us = INTERVALS[i];
        camera.clock_us += at_us;
        camera.wall_us += at_us;
        camera.frame = 0;
        for (int n = 0; n < 400; n++) {
            camera_step(&camera, 0, 30 * MS);
            assert_error(&camera, 600);
            assert_int_equal(camera.out.discontinuity, i == 0 && n == 0);
        }
        assert_error(&camera, 70);
        assert_true(llabs((int64_t)camera.out.duration - ticks(INTERVALS[i])) < 45);
    }
    assert_int_equal(camera.stamp.steps, 0);
}

/* A stream with B-frames (pyramids where there are more than one), sent as soon as coded. */
struct b_stream {
    unsigned b_frames;
    int groups;
    int step_at; /* group where the camera's clock is set back by an hour; 0: none */
    int64_t shown_us[2048];
};

static void b_picture(struct nvr_stamp *stamp, struct b_stream *stream, int group, unsigned i,
                      int64_t *last_dts)
{
    static const uint8_t ORDER[5][4] = {{0}, {0}, {0, 1}, {1, 0, 2}, {1, 0, 2, 3}};
    const int64_t interval_us = 66667;
    const int64_t anchor = (int64_t)group * (stream->b_frames + 1);
    const int64_t number =
        i == 0 ? anchor : anchor - stream->b_frames + ORDER[stream->b_frames][i - 1];
    const int64_t clock_us = stream->step_at && group >= stream->step_at ? -3600 * SECOND : 0;
    struct nvr_stamp_out out;

    nvr_stamp_video(stamp, ticks(clock_us + 5555 * SECOND + number * interval_us),
                    i == 0 && group % 6 == 0,
                    WALL + anchor * interval_us + 40 * MS + (int64_t)i * MS, &out);
    assert_true(out.dts > *last_dts);
    *last_dts = out.dts;
    if (i == 0 && group % 6 == 0)
        assert_int_equal(out.cts, 0);
    stream->shown_us[number] =
        nvr_stamp_to_us(out.dts + out.cts, T) - (WALL + number * interval_us + 40 * MS);
}

static void run_b_stream(struct nvr_stamp *stamp, struct b_stream *stream, unsigned depth)
{
    const int64_t from = 20 * (stream->b_frames + 1);
    const int64_t step = (int64_t)stream->step_at * (stream->b_frames + 1);
    int64_t last_dts = 0;

    nvr_stamp_init(stamp, T, A, 6000, 0);
    nvr_stamp_set_reorder(stamp, depth);
    for (int group = 0; group < stream->groups; group++)
        for (unsigned i = 0; i <= (group ? stream->b_frames : 0); i++)
            b_picture(stamp, stream, group, i, &last_dts);
    /* Shown in order, evenly, at the time when it was taken. */
    for (int64_t n = from; n < (int64_t)(stream->groups - 1) * (stream->b_frames + 1); n++) {
        const int64_t off_us = stream->shown_us[n];
        const int64_t uneven_us = off_us - stream->shown_us[n - 1];

        if (step && n > step - 5 && n < step + 60)
            continue; /* the step itself is only known to a frame or two */
        if (llabs(off_us) > (step && n > step ? 250 : 30) * MS || llabs(uneven_us) > 12 * MS)
            fail_msg("%u B-frames, depth %u: picture %lld is %lld us off, %lld uneven",
                     stream->b_frames, depth, (long long)n, (long long)off_us,
                     (long long)uneven_us);
    }
}

static const unsigned B_DEPTHS[] = {0, 1, 1, 2, 2};

static void b_frames_keep_their_order(void **state)
{
    (void)state;
    for (unsigned b_frames = 1; b_frames <= 4; b_frames++) {
        /* The depth it takes, and more than it takes. */
        for (unsigned more = 0; more <= 2; more++) {
            struct b_stream stream = {.b_frames = b_frames, .groups = 200};
            struct nvr_stamp stamp;

            run_b_stream(&stamp, &stream, B_DEPTHS[b_frames] + more);
            assert_int_equal(stamp.squeezed, 0);
            assert_int_equal(stamp.steps, 0);
        }
    }
}

static void clock_steps_with_b_frames(void **state)
{
    (void)state;
    for (unsigned b_frames = 1; b_frames <= 4; b_frames++) {
        struct b_stream stream = {.b_frames = b_frames, .groups = 200, .step_at = 93};
        struct nvr_stamp stamp;

        run_b_stream(&stamp, &stream, B_DEPTHS[b_frames]);
        assert_int_equal(stamp.steps, 1);
    }
}

/* Wrongly announced B-frames do no harm, with jitter either. */
static void announced_but_absent_b_frames(void **state)
{
    struct camera camera;
    uint32_t seed = 11;
    int64_t last = 0;

    (void)state;
    camera_init(&camera, 66667);
    nvr_stamp_set_reorder(&camera.stamp, 2);
    for (int n = 0; n < 1000; n++) {
        camera_step(&camera, noise(&seed, 20 * MS), 50 * MS);
        assert_error(&camera, 150);
        if (n > 150) {
            assert_int_equal(camera.out.cts, 0);
            assert_true(llabs(nvr_stamp_to_us(camera.out.dts - last, T) - 66667) < 10 * MS);
        }
        last = camera.out.dts;
    }
    assert_true(camera.stamp.in_order);
}

/* Whatever comes: strictly increasing, and after settling never two seconds from the wall. */
static void random_input_keeps_the_promises(void **state)
{
    (void)state;
    for (uint32_t run = 0; run < 60; run++) {
        uint32_t seed = run * 2654435761u + 1;
        int64_t pts_us = noise(&seed, 1LL << 40);
        int64_t wall_us = WALL;
        int64_t last[NVR_STAMP_STREAMS] = {0};
        int64_t since_odd = 0;
        struct nvr_stamp stamp;

        nvr_stamp_init(&stamp, T, A, 0, 0);
        nvr_stamp_set_reorder(&stamp, run % 3);
        for (int n = 0; n < 3000; n++) {
            const int64_t dice = noise(&seed, 500) + 500;
            const int64_t interval_us = 20000 + (int64_t)(run % 7) * 20000;
            struct nvr_stamp_out out;

            since_odd = dice < 4 ? 0 : since_odd + interval_us;
            if (dice == 0)
                pts_us += noise(&seed, 1LL << 42); /* a step */
            else if (dice == 1)
                wall_us += noise(&seed, SECOND) + SECOND; /* a pause, its frames lost */
            else if (dice == 2)
                pts_us += noise(&seed, 300 * MS);
            else if (dice == 3)
                nvr_stamp_restart(&stamp);
            pts_us += interval_us;
            wall_us += interval_us;
            nvr_stamp_video(&stamp, ticks(pts_us + noise(&seed, 30 * MS)), n % 25 == 0,
                            wall_us + noise(&seed, 15 * MS), &out);
            assert_true(out.dts > last[0]);
            last[0] = out.dts;
            if (since_odd > 25 * SECOND) {
                const int64_t off_us = nvr_stamp_to_us(out.dts + out.cts, T) - wall_us;

                if (llabs(off_us) > 2 * SECOND)
                    fail_msg("run %u frame %d: %lld us off", run, n, (long long)off_us);
            }
            nvr_stamp_audio(&stamp, nvr_stamp_from_us(pts_us, A), wall_us, &out);
            assert_true(out.dts > last[1]);
            last[1] = out.dts;
        }
    }
}

/* Values no camera sends: only the sanitizers have an opinion, and the order holds. */
static void absurd_values_are_survived(void **state)
{
    static const int64_t ABSURD[] = {INT64_MIN, INT64_MAX,    0,        -1,
                                     1LL << 62, -(1LL << 62), 1LL << 40};
    struct nvr_stamp_out out;
    struct nvr_stamp stamp;
    uint32_t seed = 1;
    int64_t last = 0;

    (void)state;
    nvr_stamp_init(&stamp, T, A, UINT32_MAX, UINT32_MAX);
    for (int n = 0; n < 5000; n++) {
        const size_t i = (size_t)(noise(&seed, 1000) + 1000) % NVR_ARRAY_SIZE(ABSURD);
        const size_t k = (size_t)(noise(&seed, 1000) + 1000) % NVR_ARRAY_SIZE(ABSURD);

        if (n % 1000 == 0)
            nvr_stamp_set_reorder(&stamp, (unsigned)n);
        nvr_stamp_video(&stamp, ABSURD[i], n % 3 == 0, n % 2 ? WALL : ABSURD[k], &out);
        if (n)
            assert_true(out.dts > last);
        last = out.dts;
        nvr_stamp_audio(&stamp, ABSURD[k], n % 2 ? WALL : ABSURD[i], &out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_convert_exactly),
        cmocka_unit_test(even_frames_stay_even),
        cmocka_unit_test(jitter_is_smoothed),
        cmocka_unit_test(network_stalls_change_nothing),
        cmocka_unit_test(clock_steps_are_subtracted),
        cmocka_unit_test(steps_inside_holes),
        cmocka_unit_test(both_streams_step_alike),
        cmocka_unit_test(foreign_audio_is_anchored_by_arrival),
        cmocka_unit_test(audio_is_gapless),
        cmocka_unit_test(drift_is_worked_off),
        cmocka_unit_test(the_wall_clock_may_be_set),
        cmocka_unit_test(a_backlog_does_not_run_into_the_future),
        cmocka_unit_test(fast_senders_are_held),
        cmocka_unit_test(a_new_connection_is_anchored_again),
        cmocka_unit_test(repeats_and_disorder_are_spread),
        cmocka_unit_test(the_frame_rate_may_change),
        cmocka_unit_test(b_frames_keep_their_order),
        cmocka_unit_test(clock_steps_with_b_frames),
        cmocka_unit_test(announced_but_absent_b_frames),
        cmocka_unit_test(random_input_keeps_the_promises),
        cmocka_unit_test(absurd_values_are_survived),
    };

    return cmocka_run_group_tests_name("stamp", tests, NULL, NULL);
}
