#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/buf.h"
#include "lib/media/box.h"
#include "lib/media/cut.h"
#include "lib/media/movie.h"

#define SCALE 90000
#define FRAME 3600 /* 25 a second */
#define SOUND 16000
#define T0 (INT64_C(1700000000) * SCALE)

static const uint8_t avc1[] = {0, 0, 0, 24, 'a', 'v', 'c', '1', 0, 0, 0, 0,
                               0, 0, 0, 1,  0,   0,   0,   0,   0, 0, 0, 0};
static const uint8_t avc2[] = {0, 0, 0, 24, 'a', 'v', 'c', '1', 0, 0, 0, 0,
                               0, 0, 0, 1,  0,   0,   0,   0,   0, 0, 0, 9};
static const uint8_t mp4a[] = {0, 0, 0, 16, 'm', 'p', '4', 'a', 0, 0, 0, 0, 0, 0, 0, 1};

struct world {
    struct nvr_movie *movie;
    struct nvr_cut *cut;
    uint64_t offset;
};

static void begin(struct world *w)
{
    unsigned entry;

    *w = (struct world){0};
    assert_int_equal(nvr_movie_new(1700000000000, &w->movie), 0);
    assert_int_equal(nvr_cut_new(w->movie, &w->cut), 0);
    assert_int_equal(nvr_movie_set_timescale(w->movie, NVR_MOVIE_VIDEO, SCALE), 0);
    assert_int_equal(
        nvr_movie_add_entry(w->movie, NVR_MOVIE_VIDEO, avc1, sizeof(avc1), 320, 180, &entry), 0);
    assert_int_equal(entry, 0);
}

static void add_sound_track(struct world *w)
{
    unsigned entry;

    assert_int_equal(nvr_movie_set_timescale(w->movie, NVR_MOVIE_AUDIO, SOUND), 0);
    assert_int_equal(
        nvr_movie_add_entry(w->movie, NVR_MOVIE_AUDIO, mp4a, sizeof(mp4a), 0, 0, &entry), 0);
}

static void done(struct world *w)
{
    nvr_cut_free(w->cut);
    nvr_movie_free(w->movie);
}

/* Frame n of the camera: a key frame every 25. */
static int feed(struct world *w, int64_t n, int32_t cts)
{
    const struct nvr_cut_sample sample = {.track = NVR_MOVIE_VIDEO,
                                          .timescale = SCALE,
                                          .dts = T0 + n * FRAME,
                                          .cts = cts,
                                          .duration = FRAME,
                                          .size = 100,
                                          .key = n % 25 == 0,
                                          .offset = w->offset};

    w->offset += 150;
    return nvr_cut_feed(w->cut, &sample);
}

static int feed_sound(struct world *w, int64_t n)
{
    const struct nvr_cut_sample sample = {.track = NVR_MOVIE_AUDIO,
                                          .timescale = SOUND,
                                          .dts = INT64_C(1700000000) * SOUND + n * 1024,
                                          .duration = 1024,
                                          .size = 20,
                                          .key = true,
                                          .offset = w->offset};

    w->offset += 20;
    return nvr_cut_feed(w->cut, &sample);
}

static int64_t us(int64_t ms)
{
    return INT64_C(1700000000) * 1000000 + ms * 1000;
}

static void presents_exactly_what_was_asked_for(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    assert_int_equal(nvr_cut_begin(w.cut, us(1530), us(3010)), 0);
    for (int64_t n = 0; n < 100; n++)
        assert_in_range(feed(&w, n, 0), 0, 1);
    assert_int_equal(nvr_cut_end(w.cut), 0);
    /* from the key frame at 1000 ms to the last frame before 3010 ms */
    assert_int_equal(nvr_movie_get_samples(w.movie, NVR_MOVIE_VIDEO), 76 - 25);
    assert_int_equal(nvr_movie_get_duration(w.movie), 1480 * (SCALE / 1000));
    assert_int_equal(nvr_cut_get_duration_us(w.cut), 1480000);
    done(&w);
}

static void tells_when_an_item_is_complete(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    assert_int_equal(nvr_cut_begin(w.cut, us(0), us(400)), 0);
    for (int64_t n = 0; n < 10; n++)
        assert_int_equal(feed(&w, n, 0), 0);
    assert_int_equal(feed(&w, 10, 0), 1);
    /* with sound a little more is looked at: it may come later in the file */
    done(&w);
    begin(&w);
    add_sound_track(&w);
    assert_int_equal(nvr_cut_begin(w.cut, us(0), us(400)), 0);
    for (int64_t n = 0; n < 11; n++)
        assert_int_equal(feed(&w, n, 0), 0);
    for (int64_t n = 0; n < 8; n++)
        assert_int_equal(feed_sound(&w, n), 0);
    assert_int_equal(feed(&w, 36, 0), 1);
    assert_int_equal(nvr_cut_end(w.cut), 0);
    assert_int_equal(nvr_movie_get_samples(w.movie, NVR_MOVIE_AUDIO), 7); /* 64 ms each */
    done(&w);
}

/* Decode times may be late: B-frames then come on the screen before them. */
static void a_frame_decoded_behind_the_end_is_shown(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    assert_int_equal(nvr_cut_begin(w.cut, us(0), us(400)), 0);
    assert_int_equal(feed(&w, 0, 0), 0);
    for (int64_t n = 1; n < 10; n += 3) { /* P for the end of three, two B one frame early */
        assert_int_equal(feed(&w, n, 2 * FRAME), 0);
        assert_int_equal(feed(&w, n + 1, -FRAME), 0);
        assert_int_equal(feed(&w, n + 2, -FRAME), 0);
    }
    assert_int_equal(feed(&w, 10, -FRAME), 0); /* decoded at 400 ms, shown at 360 */
    assert_int_equal(feed(&w, 11, 2 * FRAME), 1);
    assert_int_equal(nvr_cut_end(w.cut), 0);
    assert_int_equal(nvr_movie_get_samples(w.movie, NVR_MOVIE_VIDEO), 11);
    assert_int_equal(nvr_movie_get_duration(w.movie), 10 * FRAME);
    done(&w);
}

static void gaps_take_no_time(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    assert_int_equal(nvr_cut_begin(w.cut, us(0), us(60000)), 0);
    for (int64_t n = 0; n < 50; n++)
        assert_int_equal(feed(&w, n, 0), 0);
    for (int64_t n = 750; n < 800; n++)
        assert_int_equal(feed(&w, n, 0), 0);
    assert_int_equal(nvr_cut_end(w.cut), 0);
    assert_int_equal(nvr_movie_get_duration(w.movie), 100 * FRAME);
    assert_int_equal(nvr_movie_get_last_dts(w.movie, NVR_MOVIE_VIDEO), 99 * FRAME);
    done(&w);
}

static void small_holes_stay(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    assert_int_equal(nvr_cut_begin(w.cut, us(0), us(60000)), 0);
    for (int64_t n = 0; n < 50; n++)
        assert_int_equal(feed(&w, n, 0), 0);
    for (int64_t n = 75; n < 100; n++)
        assert_int_equal(feed(&w, n, 0), 0);
    assert_int_equal(nvr_cut_end(w.cut), 0);
    assert_int_equal(nvr_movie_get_duration(w.movie), 100 * FRAME);
    done(&w);
}

static void nothing_before_the_first_key_frame(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    assert_int_equal(nvr_cut_begin(w.cut, us(0), us(1000)), 0);
    for (int64_t n = 1; n < 25; n++)
        assert_int_equal(feed(&w, n, 0), 0);
    assert_int_equal(nvr_cut_end(w.cut), -ENODATA);
    done(&w);
}

/* I P B B …: what is shown last before the end may be decoded after what is shown behind it. */
static void reordered_frames_keep_their_order(void **state)
{
    static const int32_t cts[] = {0, 3, 0, 0}; /* frames of 4: shown at 0, 4, 2, 3 */
    struct world w;

    (void)state;
    begin(&w);
    assert_int_equal(nvr_cut_begin(w.cut, us(100), us(920)), 0);
    for (int64_t n = 0; n < 50; n++)
        assert_in_range(feed(&w, n, cts[n % 4] * FRAME), 0, 1);
    assert_int_equal(nvr_cut_end(w.cut), 0);
    assert_int_equal(nvr_movie_get_duration(w.movie), 820 * (SCALE / 1000));
    /* 23 frames decode before 920 ms; frame 21 (shown at 24) only helps and is kept for 22 */
    assert_int_equal(nvr_movie_get_samples(w.movie, NVR_MOVIE_VIDEO), 23);
    done(&w);
}

static void items_follow_each_other(void **state)
{
    struct world w;
    unsigned entry;

    (void)state;
    begin(&w);
    assert_int_equal(
        nvr_movie_add_entry(w.movie, NVR_MOVIE_VIDEO, avc2, sizeof(avc2), 640, 360, &entry), 0);
    assert_int_equal(entry, 1);
    assert_int_equal(
        nvr_movie_add_entry(w.movie, NVR_MOVIE_VIDEO, avc1, sizeof(avc1), 320, 180, &entry), 0);
    assert_int_equal(entry, 0);
    for (int item = 0; item < 3; item++) {
        assert_int_equal(nvr_cut_begin(w.cut, us(500), us(1500)), 0);
        for (int64_t n = 0; n < 50; n++)
            assert_in_range(feed(&w, n, 0), 0, 1);
    }
    assert_int_equal(nvr_cut_end(w.cut), 0);
    assert_int_equal(nvr_movie_get_duration(w.movie), 3 * SCALE);
    done(&w);
}

static int append(const void *data, size_t size, void *arg)
{
    return nvr_buf_append(arg, data, size);
}

static void written_as_measured(void **state)
{
    static const uint32_t path[] = {BOX_TYPE('t', 'r', 'a', 'k'), BOX_TYPE('m', 'd', 'i', 'a'),
                                    BOX_TYPE('m', 'i', 'n', 'f'), BOX_TYPE('s', 't', 'b', 'l')};
    struct world w;

    (void)state;
    begin(&w);
    add_sound_track(&w);
    assert_int_equal(nvr_cut_begin(w.cut, us(530), us(2010)), 0);
    for (int64_t n = 0; n < 100; n++) {
        (void)feed(&w, n, 0);
        (void)feed_sound(&w, n / 2);
    }
    assert_int_equal(nvr_cut_end(w.cut), 0);
    for (int wide = 0; wide < 2; wide++) {
        struct nvr_buf buf;
        struct region region;
        struct region box;
        uint32_t word;

        nvr_buf_init(&buf, 1 << 20);
        assert_int_equal(nvr_movie_write(w.movie, wide, 5000, append, &buf), 0);
        assert_int_equal(buf.len, nvr_movie_get_size(w.movie, wide));
        assert_true(
            box_find((struct region){buf.data, buf.len}, BOX_TYPE('m', 'o', 'o', 'v'), &region));
        assert_true(box_find_path(region, path, 4, &region));
        assert_true(box_find(
            region, wide ? BOX_TYPE('c', 'o', '6', '4') : BOX_TYPE('s', 't', 'c', 'o'), &box));
        assert_true(region_skip(&box, wide ? 12 : 8));
        assert_true(region_u32(&box, &word));
        assert_int_equal(word, 5000); /* the key frame at 0 was the first that came */
        nvr_buf_done(&buf);
    }
    done(&w);
}

static void refuses_what_makes_no_sense(void **state)
{
    struct nvr_movie_sample sample = {.dts = 10, .size = 1};
    struct world w;
    unsigned entry;

    (void)state;
    begin(&w);
    assert_int_equal(nvr_movie_set_timescale(w.movie, NVR_MOVIE_AUDIO, 0), -EINVAL);
    assert_int_equal(nvr_movie_add_entry(w.movie, NVR_MOVIE_VIDEO, avc1, 20, 1, 1, &entry),
                     -EINVAL);
    assert_int_equal(nvr_movie_add_sample(w.movie, NVR_MOVIE_VIDEO, &sample), 0);
    assert_int_equal(nvr_movie_add_sample(w.movie, NVR_MOVIE_VIDEO, &sample), -EINVAL);
    sample.dts++;
    sample.entry = 1;
    assert_int_equal(nvr_movie_add_sample(w.movie, NVR_MOVIE_VIDEO, &sample), -EINVAL);
    assert_int_equal(nvr_cut_begin(w.cut, 5, 5), -EINVAL);
    assert_int_equal(nvr_cut_begin(w.cut, -1, 5), -EINVAL);
    done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presents_exactly_what_was_asked_for),
        cmocka_unit_test(tells_when_an_item_is_complete),
        cmocka_unit_test(a_frame_decoded_behind_the_end_is_shown),
        cmocka_unit_test(gaps_take_no_time),
        cmocka_unit_test(small_holes_stay),
        cmocka_unit_test(nothing_before_the_first_key_frame),
        cmocka_unit_test(reordered_frames_keep_their_order),
        cmocka_unit_test(items_follow_each_other),
        cmocka_unit_test(written_as_measured),
        cmocka_unit_test(refuses_what_makes_no_sense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
