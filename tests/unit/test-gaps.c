/* lib/media/gaps: every moment is recorded or in one gap with one cause. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/media/gaps.h"

#define OPEN NVR_CAUSE_OPEN
#define ROUNDS 20000
#define SPAN 400

static void add(struct nvr_ranges *ranges, int64_t start_ms, int64_t end_ms)
{
    assert_int_equal(nvr_ranges_add(ranges, start_ms, end_ms, NVR_TIMELINE_JOIN_MS), 0);
}

static void expect_gap(const struct nvr_gap *gap, int64_t start_ms, int64_t end_ms,
                       enum nvr_cause cause)
{
    assert_int_equal(gap->start_ms, start_ms);
    assert_int_equal(gap->end_ms, end_ms);
    assert_string_equal(nvr_cause_name(gap->cause), nvr_cause_name(cause));
}

static void names(void **state)
{
    (void)state;
    for (int i = 0; i < NVR_CAUSES_COUNT; i++)
        assert_int_equal(nvr_cause_parse(nvr_cause_name((enum nvr_cause)i)), i);
    assert_int_equal(nvr_cause_parse("weather"), -EINVAL);
    assert_int_equal(nvr_cause_parse(""), -EINVAL);
}

/* The camera stopped at 10 s, that was known at 22 s; it came back at 60 s, pictures at 61 s. */
static void what_no_period_covers_takes_the_neighbour(void **state)
{
    const struct nvr_cause_period periods[] = {
        {22000, 60000, NVR_CAUSE_NETWORK, "The camera does not answer in time.", false},
        {80000, 85000, NVR_CAUSE_OPERATOR, "stopped", false},
        {86000, 88000, NVR_CAUSE_DISK, "full", false},
    };
    struct nvr_ranges recorded = {0};
    struct nvr_gaps gaps;

    (void)state;
    add(&recorded, 0, 10000);
    add(&recorded, 61000, 79000);
    add(&recorded, 90000, 100000);
    assert_int_equal(nvr_gaps_find(&recorded, periods, 3, 0, 100000, &gaps), 0);
    assert_int_equal(gaps.count, 3);
    expect_gap(&gaps.items[0], 10000, 61000, NVR_CAUSE_NETWORK);
    assert_int_equal(gaps.items[0].period, 0);
    expect_gap(&gaps.items[1], 79000, 86000, NVR_CAUSE_OPERATOR);
    expect_gap(&gaps.items[2], 86000, 90000, NVR_CAUSE_DISK);
    nvr_gaps_done(&gaps);
    nvr_ranges_done(&recorded);
}

static void without_any_period_the_nearest_counts(void **state)
{
    const struct nvr_cause_period periods[] = {
        {10000, 20000, NVR_CAUSE_CAMERA, "", false},
        {50000, 60000, NVR_CAUSE_DISK, "", false},
    };
    struct nvr_ranges recorded = {0};
    struct nvr_gaps gaps;

    (void)state;
    add(&recorded, 0, 34000);
    add(&recorded, 37000, 95000);
    add(&recorded, 100000, 110000);
    assert_int_equal(nvr_gaps_find(&recorded, periods, 2, 0, 110000, &gaps), 0);
    assert_int_equal(gaps.count, 2);
    expect_gap(&gaps.items[0], 34000, 37000, NVR_CAUSE_DISK); /* 13 s behind; the other is 14 s */
    expect_gap(&gaps.items[1], 95000, 100000, NVR_CAUSE_SYSTEM);
    assert_int_equal(gaps.items[1].period, -1);
    nvr_gaps_done(&gaps);
    nvr_ranges_done(&recorded);
}

static void the_period_that_began_last_counts(void **state)
{
    const struct nvr_cause_period periods[] = {
        {0, OPEN, NVR_CAUSE_OPERATOR, "stopped", false},
        {1000, 9000, NVR_CAUSE_RETENTION, "", false},
        {2000, 3000, NVR_CAUSE_OVERLOAD, "", false},
        {2500, 2500, NVR_CAUSE_DISK, "", false}, /* empty */
        {4000, 12000, NVR_CAUSE_NETWORK, "", false},
    };
    const struct nvr_ranges nothing = {0};
    struct nvr_gaps gaps;

    (void)state;
    assert_int_equal(nvr_gaps_find(&nothing, periods, 5, 500, 20000, &gaps), 0);
    assert_int_equal(gaps.count, 6);
    expect_gap(&gaps.items[0], 500, 1000, NVR_CAUSE_OPERATOR);
    expect_gap(&gaps.items[1], 1000, 2000, NVR_CAUSE_RETENTION);
    expect_gap(&gaps.items[2], 2000, 3000, NVR_CAUSE_OVERLOAD);
    expect_gap(&gaps.items[3], 3000, 4000, NVR_CAUSE_RETENTION);
    expect_gap(&gaps.items[4], 4000, 12000, NVR_CAUSE_NETWORK);
    expect_gap(&gaps.items[5], 12000, 20000, NVR_CAUSE_OPERATOR);
    nvr_gaps_done(&gaps);
}

/* A file spans 0 to 10 s; in 2 to 4 s nothing came, in 6 to 7 s something did. */
static void a_silence_is_a_gap_inside_of_a_file(void **state)
{
    const struct nvr_cause_period periods[] = {
        {2000, 4000, NVR_CAUSE_NETWORK, "silent", true},
        {6000, 7000, NVR_CAUSE_OVERLOAD, "", false},
    };
    struct nvr_ranges recorded = {0};
    struct nvr_gaps gaps;

    (void)state;
    add(&recorded, 0, 10000);
    assert_int_equal(nvr_gaps_find(&recorded, periods, 2, 0, 10000, &gaps), 0);
    assert_int_equal(recorded.count, 1);
    assert_int_equal(gaps.count, 1);
    expect_gap(&gaps.items[0], 2000, 4000, NVR_CAUSE_NETWORK);
    nvr_gaps_done(&gaps);
    assert_int_equal(nvr_gaps_find(&recorded, periods, 2, 3000, 10000, &gaps), 0);
    expect_gap(&gaps.items[0], 3000, 4000, NVR_CAUSE_NETWORK);
    nvr_gaps_done(&gaps);
    nvr_ranges_done(&recorded);
}

static void touching_ones_that_say_the_same_are_one(void **state)
{
    const struct nvr_cause_period periods[] = {
        {0, 1000, NVR_CAUSE_NETWORK, "a", false},
        {1000, 2000, NVR_CAUSE_NETWORK, "a", false},
        {2000, 3000, NVR_CAUSE_NETWORK, "b", false},
        {3000, 4000, NVR_CAUSE_CAMERA, "b", false},
    };
    const struct nvr_ranges nothing = {0};
    struct nvr_gaps gaps;

    (void)state;
    assert_int_equal(nvr_gaps_find(&nothing, periods, 4, 0, 4000, &gaps), 0);
    assert_int_equal(gaps.count, 3);
    expect_gap(&gaps.items[0], 0, 2000, NVR_CAUSE_NETWORK);
    nvr_gaps_done(&gaps);
    assert_int_equal(nvr_gaps_find(&nothing, periods, 4, 4000, 4000, &gaps), 0);
    assert_int_equal(gaps.count, 0);
    assert_int_equal(nvr_gaps_find(&nothing, periods, 4, 5000, 4000, &gaps), 0);
    assert_int_equal(gaps.count, 0);
}

/* ---- random inputs against a clock of SPAN ticks ---- */

static uint32_t seed = 12345;

static int64_t pick(int64_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (int64_t)((seed >> 8) % (uint32_t)below);
}

static int by_start(const void *a, const void *b)
{
    const struct nvr_cause_period *x = a;
    const struct nvr_cause_period *y = b;

    return x->start_ms < y->start_ms ? -1 : x->start_ms > y->start_ms;
}

static size_t random_periods(struct nvr_cause_period *periods)
{
    const size_t count = (size_t)pick(9);

    for (size_t i = 0; i < count; i++) {
        periods[i] = (struct nvr_cause_period){.start_ms = pick(SPAN),
                                               .cause = (enum nvr_cause)pick(NVR_CAUSES_COUNT)};
        periods[i].end_ms = pick(8) ? periods[i].start_ms + pick(120) : OPEN;
        periods[i].detail[0] = (char)('a' + pick(2));
    }
    qsort(periods, count, sizeof(*periods), by_start);
    return count;
}

/* ticks[t]: recorded at t. */
static void random_ranges(struct nvr_ranges *ranges, bool ticks[SPAN])
{
    int64_t at = pick(40);

    while (at < SPAN && pick(6)) {
        const int64_t end = at + 1 + pick(60);

        assert_int_equal(nvr_ranges_add(ranges, at, end, 1), 0);
        for (int64_t t = at; t < NVR_MIN(end, (int64_t)SPAN); t++)
            ticks[t] = true;
        at = end + 1 + pick(60);
    }
}

/* The newest period at t; -1: none. */
static ptrdiff_t period_at(const struct nvr_cause_period *periods, size_t count, int64_t t)
{
    ptrdiff_t found = -1;

    for (size_t i = 0; i < count; i++)
        if (periods[i].start_ms <= t && t < periods[i].end_ms)
            found = (ptrdiff_t)i;
    return found;
}

static void check_round(const struct nvr_ranges *recorded, const bool ticks[SPAN],
                        const struct nvr_cause_period *periods, size_t count)
{
    const int64_t start = pick(SPAN);
    const int64_t end = start + pick(SPAN - start + 1);
    bool seen[SPAN] = {false};
    int64_t recorded_ms = 0;
    struct nvr_gaps gaps;

    assert_int_equal(nvr_gaps_find(recorded, periods, count, start, end, &gaps), 0);
    for (size_t i = 0; i < gaps.count; i++) {
        const struct nvr_gap *gap = &gaps.items[i];

        assert_true(start <= gap->start_ms && gap->start_ms < gap->end_ms && gap->end_ms <= end);
        assert_true(i == 0 || gaps.items[i - 1].end_ms <= gap->start_ms);
        assert_true((int)gap->cause >= 0 && gap->cause < NVR_CAUSES_COUNT);
        for (int64_t t = gap->start_ms; t < gap->end_ms; t++) {
            const ptrdiff_t period = period_at(periods, count, t);

            assert_false(ticks[t] || seen[t]);
            seen[t] = true;
            if (period >= 0)
                assert_int_equal(gap->cause, periods[period].cause);
        }
    }
    for (int64_t t = start; t < end; t++) {
        recorded_ms += ticks[t];
        assert_true(ticks[t] != seen[t]);
    }
    assert_int_equal(recorded_ms + nvr_gaps_total_ms(&gaps), end - start);
    nvr_gaps_done(&gaps);
}

static void recorded_and_gaps_are_wall_time(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct nvr_cause_period periods[16] = {0};
        struct nvr_ranges recorded = {0};
        bool ticks[SPAN] = {false};
        const size_t count = random_periods(periods);

        random_ranges(&recorded, ticks);
        check_round(&recorded, ticks, periods, count);
        nvr_ranges_done(&recorded);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(what_no_period_covers_takes_the_neighbour),
        cmocka_unit_test(without_any_period_the_nearest_counts),
        cmocka_unit_test(the_period_that_began_last_counts),
        cmocka_unit_test(a_silence_is_a_gap_inside_of_a_file),
        cmocka_unit_test(touching_ones_that_say_the_same_are_one),
        cmocka_unit_test(recorded_and_gaps_are_wall_time),
    };

    return cmocka_run_group_tests_name("gaps", tests, NULL, NULL);
}
