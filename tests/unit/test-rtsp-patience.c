/* When the client may sleep through packets of sound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/rtsp/client.h"

#define FRAMES 320

static int64_t play(struct nvr_rtsp_patience *patience, int frames, size_t size, int fps,
                    int64_t now_us)
{
    for (int i = 0; i < frames; i++) {
        now_us += 1000000 / fps;
        nvr_rtsp_patience_video(patience, size / 2, false, now_us);
        nvr_rtsp_patience_video(patience, size - size / 2, true, now_us);
    }
    return now_us;
}

static void waits_for_half_of_the_smallest_frame(void **state)
{
    struct nvr_rtsp_patience patience;
    int64_t now_us;

    (void)state;
    nvr_rtsp_patience_init(&patience);
    assert_int_equal(nvr_rtsp_patience_bytes(&patience, false), 1);
    now_us = play(&patience, FRAMES, 3000, 15, 1000000);
    assert_int_equal(nvr_rtsp_patience_bytes(&patience, false), 1500);
    /* One small frame lowers it at once, and for the next seven windows too. */
    now_us = play(&patience, 1, 100, 15, now_us);
    assert_int_equal(nvr_rtsp_patience_bytes(&patience, false), 50);
    now_us = play(&patience, 7 * 32, 3000, 15, now_us);
    assert_int_equal(nvr_rtsp_patience_bytes(&patience, false), 50);
    (void)play(&patience, 9 * 32, 100000, 15, now_us);
    assert_int_equal(nvr_rtsp_patience_bytes(&patience, false), 2048);
}

static void never_lets_the_end_of_a_frame_wait(void **state)
{
    struct nvr_rtsp_patience patience;
    int64_t now_us;

    (void)state;
    nvr_rtsp_patience_init(&patience);
    now_us = play(&patience, FRAMES, 3000, 15, 1000000);
    assert_int_equal(nvr_rtsp_patience_bytes(&patience, true), 1);
    nvr_rtsp_patience_video(&patience, 1400, false, now_us);
    assert_int_equal(nvr_rtsp_patience_bytes(&patience, false), 1);
    nvr_rtsp_patience_video(&patience, 1600, true, now_us);
    assert_int_equal(nvr_rtsp_patience_bytes(&patience, false), 1500);
}

static void is_off_for_slow_cameras_and_without_markers(void **state)
{
    struct nvr_rtsp_patience patience;

    (void)state;
    nvr_rtsp_patience_init(&patience);
    (void)play(&patience, FRAMES, 3000, 2, 1000000);
    assert_int_equal(nvr_rtsp_patience_bytes(&patience, false), 1);
    nvr_rtsp_patience_init(&patience);
    for (int i = 0; i < FRAMES; i++)
        nvr_rtsp_patience_video(&patience, 1000, false, i * 66000);
    assert_int_equal(nvr_rtsp_patience_bytes(&patience, false), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_for_half_of_the_smallest_frame),
        cmocka_unit_test(never_lets_the_end_of_a_frame_wait),
        cmocka_unit_test(is_off_for_slow_cameras_and_without_markers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
