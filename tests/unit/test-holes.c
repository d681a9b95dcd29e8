/* lib/media/holes: a silence is found by the stream's own usual distance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/media/holes.h"

#define T0 INT64_C(1767323045000000)
#define SECOND INT64_C(1000000)

/* Pictures at an even distance; the number of holes among them. */
static unsigned feed(struct nvr_holes *holes, int64_t *at_us, int64_t distance_us, unsigned count)
{
    unsigned found = 0;
    int64_t from_us;

    for (unsigned i = 0; i < count; i++) {
        found += nvr_holes_add(holes, *at_us, &from_us);
        *at_us += distance_us;
    }
    return found;
}

static void a_silence_is_found_once(void **state)
{
    struct nvr_holes holes = {0};
    int64_t at_us = T0;
    int64_t from_us = 0;

    (void)state;
    assert_int_equal(feed(&holes, &at_us, 40000, 50), 0);
    assert_true(nvr_holes_add(&holes, at_us + 2 * SECOND, &from_us));
    assert_int_equal(from_us, at_us); /* the last picture was seen for 40 ms */
    at_us += 2 * SECOND + 40000;
    assert_int_equal(feed(&holes, &at_us, 40000, 50), 0);
}

static void below_the_limit_there_is_none(void **state)
{
    struct nvr_holes holes = {0};
    int64_t at_us = T0;
    int64_t from_us = 0;

    (void)state;
    assert_int_equal(feed(&holes, &at_us, 40000, 50), 0);
    assert_false(nvr_holes_add(&holes, at_us + 1499 * 1000, &from_us));
    at_us += 1499 * 1000 + 40000;
    assert_int_equal(feed(&holes, &at_us, 40000, 50), 0);
    assert_true(nvr_holes_add(&holes, at_us + 1500 * 1000, &from_us));
}

static void slow_streams_have_none(void **state)
{
    static const int64_t distances[] = {SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND};

    (void)state;
    for (unsigned i = 0; i < sizeof(distances) / sizeof(distances[0]); i++) {
        struct nvr_holes holes = {0};
        int64_t at_us = T0;
        int64_t from_us = 0;

        assert_int_equal(feed(&holes, &at_us, distances[i], 20), 0);
        at_us += distances[i]; /* one is missing */
        assert_int_equal(feed(&holes, &at_us, distances[i], 20), 0);
        at_us += 4 * distances[i];
        assert_true(nvr_holes_add(&holes, at_us, &from_us));
        assert_int_equal(from_us, at_us - 4 * distances[i]);
    }
}

static void another_rate_is_learnt(void **state)
{
    struct nvr_holes holes = {0};
    int64_t at_us = T0;

    (void)state;
    assert_int_equal(feed(&holes, &at_us, 40000, 50), 0);
    at_us += 3 * SECOND;
    assert_true(feed(&holes, &at_us, 3 * SECOND, 100) <= 3);
    assert_int_equal(feed(&holes, &at_us, 3 * SECOND, 100), 0);
    assert_int_equal(feed(&holes, &at_us, 40000, 50), 0);
}

static void a_break_and_a_clock_that_goes_back_are_none(void **state)
{
    struct nvr_holes holes = {0};
    int64_t at_us = T0;

    (void)state;
    assert_int_equal(feed(&holes, &at_us, 40000, 50), 0);
    nvr_holes_break(&holes);
    at_us += 100 * SECOND;
    assert_int_equal(feed(&holes, &at_us, 40000, 50), 0);
    at_us -= 50 * SECOND;
    assert_int_equal(feed(&holes, &at_us, 40000, 50), 0);
    at_us += 2 * SECOND; /* what is usual is not forgotten */
    assert_int_equal(feed(&holes, &at_us, 40000, 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_silence_is_found_once),
        cmocka_unit_test(below_the_limit_there_is_none),
        cmocka_unit_test(slow_streams_have_none),
        cmocka_unit_test(another_rate_is_learnt),
        cmocka_unit_test(a_break_and_a_clock_that_goes_back_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
