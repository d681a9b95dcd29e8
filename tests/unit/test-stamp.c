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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_convert_exactly),
        cmocka_unit_test(even_frames_stay_even),
    };

    return cmocka_run_group_tests_name("stamp", tests, NULL, NULL);
}
