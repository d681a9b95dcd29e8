#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/media/timeline.h"

static void add(struct nvr_ranges *ranges, int64_t start_ms, int64_t end_ms)
{
    assert_int_equal(nvr_ranges_add(ranges, start_ms, end_ms, NVR_TIMELINE_JOIN_MS), 0);
}

static void assert_ranges(const struct nvr_ranges *ranges, const struct nvr_range *want,
                          size_t count)
{
    assert_int_equal(ranges->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(ranges->items[i].start_ms, want[i].start_ms);
        assert_int_equal(ranges->items[i].end_ms, want[i].end_ms);
    }
}

static void small_holes_join(void **state)
{
    const struct nvr_range want[] = {{1000, 31499}, {32999, 40000}};
    struct nvr_ranges ranges = {0};

    (void)state;
    add(&ranges, 1000, 11000);
    add(&ranges, 11000, 20000);
    add(&ranges, 21499, 31499);
    add(&ranges, 25000, 26000); /* inside */
    add(&ranges, 32999, 40000); /* a hole of exactly 1,500 ms is one */
    add(&ranges, 50000, 50000);
    add(&ranges, 60000, 50000);
    assert_ranges(&ranges, want, 2);
    assert_int_equal(nvr_ranges_total_ms(&ranges), 30499 + 7001);
    nvr_ranges_done(&ranges);
}

static void touching_ranges_join_even_at_zero(void **state)
{
    const struct nvr_range want[] = {{0, 20}, {21, 30}};
    struct nvr_ranges ranges = {0};

    (void)state;
    assert_int_equal(nvr_ranges_add(&ranges, 0, 10, 0), 0);
    assert_int_equal(nvr_ranges_add(&ranges, 10, 20, 0), 0);
    assert_int_equal(nvr_ranges_add(&ranges, 21, 30, 0), 0);
    assert_ranges(&ranges, want, 2);
    nvr_ranges_done(&ranges);
}

static void ranges_are_cut(void **state)
{
    const struct nvr_range want[] = {{15, 20}, {30, 35}};
    struct nvr_ranges ranges = {0};

    (void)state;
    assert_int_equal(nvr_ranges_add(&ranges, 0, 5, 0), 0);
    assert_int_equal(nvr_ranges_add(&ranges, 10, 20, 0), 0);
    assert_int_equal(nvr_ranges_add(&ranges, 30, 40, 0), 0);
    assert_int_equal(nvr_ranges_add(&ranges, 50, 60, 0), 0);
    nvr_ranges_clip(&ranges, 15, 35);
    assert_ranges(&ranges, want, 2);
    nvr_ranges_clip(&ranges, 20, 30);
    assert_int_equal(ranges.count, 0);
    nvr_ranges_done(&ranges);
}

static void gaps_are_what_is_left(void **state)
{
    const struct nvr_range all[] = {{0, 100}};
    const struct nvr_range between[] = {{20, 30}};
    const struct nvr_range around[] = {{5, 10}, {20, 30}, {40, 45}};
    struct nvr_ranges ranges = {0};
    struct nvr_ranges gaps = {0};

    (void)state;
    assert_int_equal(nvr_ranges_gaps(&ranges, 0, 100, &gaps), 0);
    assert_ranges(&gaps, all, 1);
    nvr_ranges_done(&gaps);
    assert_int_equal(nvr_ranges_add(&ranges, 10, 20, 0), 0);
    assert_int_equal(nvr_ranges_add(&ranges, 30, 40, 0), 0);
    assert_int_equal(nvr_ranges_gaps(&ranges, 15, 35, &gaps), 0);
    assert_ranges(&gaps, between, 1);
    nvr_ranges_done(&gaps);
    assert_int_equal(nvr_ranges_gaps(&ranges, 5, 45, &gaps), 0);
    assert_ranges(&gaps, around, 3);
    nvr_ranges_done(&gaps);
    assert_int_equal(nvr_ranges_gaps(&ranges, 12, 18, &gaps), 0);
    assert_int_equal(gaps.count, 0);
    assert_int_equal(nvr_ranges_gaps(&ranges, 18, 12, &gaps), 0);
    assert_int_equal(gaps.count, 0);
    nvr_ranges_done(&gaps);
    nvr_ranges_done(&ranges);
}

/* Against a plain map of milliseconds: gaps and ranges share out the time exactly. */
static void many_segments_share_out_the_day(void **state)
{
    struct nvr_ranges ranges = {0};
    struct nvr_ranges gaps = {0};
    uint32_t seed = 7;
    int64_t at_ms = 0;

    (void)state;
    for (int i = 0; i < 9000; i++) {
        seed = seed * 1103515245 + 12345;
        add(&ranges, at_ms, at_ms + 9000);
        at_ms += 9000 + (seed >> 16) % 4000 * (i % 7 == 0);
    }
    assert_int_equal(nvr_ranges_gaps(&ranges, 0, at_ms, &gaps), 0);
    assert_int_equal(nvr_ranges_total_ms(&ranges) + nvr_ranges_total_ms(&gaps), at_ms);
    for (size_t i = 1; i < ranges.count; i++)
        assert_true(ranges.items[i].start_ms - ranges.items[i - 1].end_ms >= NVR_TIMELINE_JOIN_MS);
    nvr_ranges_done(&gaps);
    nvr_ranges_done(&ranges);
}

static void what_is_removed_cuts(void **state)
{
    struct nvr_ranges ranges = {0};

    (void)state;
    assert_int_equal(nvr_ranges_add(&ranges, 0, 10000, 0), 0);
    assert_int_equal(nvr_ranges_add(&ranges, 20000, 30000, 0), 0);
    assert_int_equal(nvr_ranges_remove(&ranges, 10000, 20000), 0);
    assert_int_equal(nvr_ranges_remove(&ranges, 5000, 5000), 0);
    assert_int_equal(ranges.count, 2);
    assert_int_equal(nvr_ranges_remove(&ranges, 4000, 6000), 0);
    assert_int_equal(ranges.count, 3);
    assert_int_equal(ranges.items[0].end_ms, 4000);
    assert_int_equal(ranges.items[1].start_ms, 6000);
    assert_int_equal(nvr_ranges_remove(&ranges, 8000, 25000), 0);
    assert_int_equal(ranges.count, 3);
    assert_int_equal(ranges.items[1].end_ms, 8000);
    assert_int_equal(ranges.items[2].start_ms, 25000);
    assert_int_equal(nvr_ranges_total_ms(&ranges), 4000 + 2000 + 5000);
    assert_int_equal(nvr_ranges_remove(&ranges, 0, 30000), 0);
    assert_int_equal(ranges.count, 0);
    nvr_ranges_done(&ranges);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_holes_join),     cmocka_unit_test(touching_ranges_join_even_at_zero),
        cmocka_unit_test(ranges_are_cut),       cmocka_unit_test(gaps_are_what_is_left),
        cmocka_unit_test(what_is_removed_cuts), cmocka_unit_test(many_segments_share_out_the_day),
    };

    return cmocka_run_group_tests_name("timeline", tests, NULL, NULL);
}
