/* Retention's pure parts: what goes next, whether the clock is believed, leases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "src/storage/clock_guard.h"
#include "src/storage/leases.h"
#include "src/storage/policy.h"

#define T0 INT64_C(1760000000000)
#define HOUR INT64_C(3600000)
#define DAY (24 * HOUR)
#define MB INT64_C(1000000)

static struct nvr_stored_segment segment(const char *camera, int64_t start_ms, enum nvr_rank rank)
{
    struct nvr_stored_segment s = {
        .start_ms = start_ms, .end_ms = start_ms + 10000, .size = MB, .rank = rank};

    (void)snprintf(s.camera_id, sizeof(s.camera_id), "%s", camera);
    return s;
}

static void test_expires(void **state)
{
    const struct policy_days days = {.default_days = 30, .events_days = 60};

    (void)state;
    assert_int_equal(policy_expires_ms(&days, NVR_RANK_NOTHING, T0), T0 + 30 * DAY);
    assert_int_equal(policy_expires_ms(&days, NVR_RANK_MOTION, T0), T0 + 30 * DAY);
    assert_int_equal(policy_expires_ms(&days, NVR_RANK_EVENTS, T0), T0 + 60 * DAY);
    assert_int_equal(policy_expires_ms(&days, NVR_RANK_PROTECTED, T0), INT64_MAX);
}

/* Begins a little before the limit, ends twice as far below it, and rests in between. */
static void test_need(void **state)
{
    struct policy_space space = {.max_bytes = 10000 * MB, .bytes_per_second = 1e6};

    (void)state;
    assert_int_equal(policy_need(&(struct policy_space){.used_bytes = 5}, false), 0); /* no limit */
    space.used_bytes = 9880 * MB; /* two minutes are 120 MB */
    assert_int_equal(policy_need(&space, false), 0);
    assert_int_equal(policy_need(&space, true), 120 * MB);
    space.used_bytes += 1;
    assert_int_equal(policy_need(&space, false), 120 * MB + 1);
    space.used_bytes = 9760 * MB;
    assert_int_equal(policy_need(&space, true), 0);
    assert_false(policy_is_over(&space));
    space.used_bytes = 10000 * MB + 1;
    assert_true(policy_is_over(&space));
    assert_true(policy_seconds_left(&space) == 0);
    space.used_bytes = 9000 * MB;
    assert_true(policy_seconds_left(&space) == 1000);
    assert_true(policy_seconds_left(&(struct policy_space){.max_bytes = 1}) > 1e300);
    /* A flood of a camera does not empty the disk ahead of itself: a twentieth at most. */
    space.bytes_per_second = 1e9;
    space.used_bytes = 10000 * MB;
    assert_int_equal(policy_need(&space, false), 1000 * MB);
    /* The other limit, and the harder one of both. */
    space = (struct policy_space){.total_bytes = 1000 * MB, .free_bytes = 100 * MB};
    assert_int_equal(policy_need(&space, false), 0);
    space.min_free_bytes = 96 * MB; /* least ahead: 5 MB */
    assert_int_equal(policy_need(&space, false), 6 * MB);
    space.max_bytes = 1000 * MB;
    space.used_bytes = 1100 * MB;
    assert_int_equal(policy_need(&space, false), 110 * MB);
    space.used_bytes = 0;
    space.free_bytes = 95 * MB;
    assert_true(policy_is_over(&space));
    /* A quiet, huge disk keeps no gigabytes for nothing. */
    space = (struct policy_space){.total_bytes = 10000000 * MB, .free_bytes = 0};
    assert_int_equal(policy_need(&space, false), 2 * POLICY_AHEAD_MIN_BYTES);
}

static bool keep_camera(const struct nvr_stored_segment *s, void *arg)
{
    return strcmp(s->camera_id, arg) == 0;
}

static void test_choose_expired(void **state)
{
    const struct policy_days days = {.default_days = 10, .events_days = 20};
    struct policy_chooser chooser = {.now_ms = T0 + 10 * DAY + 10000};
    struct nvr_stored_segment s = segment("a", T0, NVR_RANK_NOTHING);

    (void)state;
    assert_int_equal(policy_offer_aged(&chooser, &days, &s), 0);
    s.start_ms += 10000;
    s.end_ms += 10000;
    assert_int_equal(policy_offer_aged(&chooser, &days, &s), 1); /* ten seconds too young */
    s = segment("a", T0, NVR_RANK_EVENTS);
    assert_int_equal(policy_offer_aged(&chooser, &days, &s), 1);
    s = segment("a", T0 - 10 * DAY, NVR_RANK_EVENTS);
    assert_int_equal(policy_offer_aged(&chooser, &days, &s), 0);
    s.rank = NVR_RANK_PROTECTED;
    assert_int_equal(policy_offer_aged(&chooser, &days, &s), 1);
    assert_int_equal(chooser.count, 2);
    assert_int_equal(chooser.items[0].reason, POLICY_EXPIRED);
    assert_int_equal(chooser.items[1].segment.rank, NVR_RANK_EVENTS);
}

static void test_choose_for_space(void **state)
{
    struct policy_chooser chooser = {
        .need_bytes = 3 * MB, .is_kept = keep_camera, .arg = (void *)(uintptr_t) "read"};
    const struct policy_days days = {.default_days = 1, .events_days = 1};
    struct nvr_stored_segment s = segment("a", T0, NVR_RANK_NOTHING);

    (void)state;
    chooser.now_ms = T0 + 2 * DAY;
    assert_int_equal(policy_offer_aged(&chooser, &days, &s), 0);
    assert_int_equal(policy_offer_oldest(&chooser, &s), 0); /* not twice */
    assert_int_equal(chooser.count, 1);
    s = segment("read", T0 + 1, NVR_RANK_NOTHING);
    assert_int_equal(policy_offer_oldest(&chooser, &s), 0);
    assert_int_equal(chooser.kept_segments, 1);
    assert_int_equal(chooser.kept_bytes, MB);
    s = segment("b", T0 + 2, NVR_RANK_PROTECTED); /* never asked for; never taken */
    assert_int_equal(policy_offer_oldest(&chooser, &s), 0);
    s = segment("b", T0 + 3, NVR_RANK_NOTHING);
    assert_int_equal(policy_offer_oldest(&chooser, &s), 0);
    assert_true(policy_needs_more(&chooser));
    s = segment("b", T0 + 4, NVR_RANK_NOTHING);
    assert_int_equal(policy_offer_oldest(&chooser, &s), 0);
    assert_false(policy_needs_more(&chooser));
    s = segment("b", T0 + 5, NVR_RANK_NOTHING);
    assert_int_equal(policy_offer_oldest(&chooser, &s), 1);
    assert_int_equal(chooser.count, 3);
    assert_int_equal(chooser.found_bytes, 3 * MB);
    assert_int_equal(chooser.items[2].reason, POLICY_SPACE);
}

/* What is elsewhere may expire, but gives this disk no room. */
static void test_other_tiers_give_no_room(void **state)
{
    const struct policy_days days = {.default_days = 1, .events_days = 1};
    struct policy_chooser chooser = {.now_ms = T0 + 9 * DAY, .need_bytes = MB};
    struct nvr_stored_segment s = segment("a", T0, NVR_RANK_NOTHING);

    (void)state;
    s.tier = NVR_TIER_COLD;
    assert_int_equal(policy_offer_aged(&chooser, &days, &s), 0);
    assert_int_equal(chooser.count, 1);
    assert_true(policy_needs_more(&chooser));
}

static void test_steps_are_small(void **state)
{
    struct policy_chooser chooser = {.need_bytes = INT64_MAX};
    struct nvr_stored_segment s;
    int64_t i = 0;

    (void)state;
    do
        s = segment("a", T0 + i++, NVR_RANK_NOTHING);
    while (policy_offer_oldest(&chooser, &s) == 0);
    assert_int_equal(chooser.count, POLICY_BATCH);
    assert_false(policy_needs_more(&chooser));
    /* All is being read: a step ends all the same. */
    chooser = (struct policy_chooser){
        .need_bytes = INT64_MAX, .is_kept = keep_camera, .arg = (void *)(uintptr_t) "a"};
    i = 0;
    do
        s = segment("a", T0 + i++, NVR_RANK_NOTHING);
    while (policy_offer_oldest(&chooser, &s) == 0);
    assert_int_equal(chooser.looked, POLICY_LOOKED_MAX);
    assert_int_equal(chooser.count, 0);
}

static void test_forecast(void **state)
{
    struct policy_growth cameras[] = {{.bytes_per_day = 100e6, .days_to_go = 10},
                                      {.bytes_per_day = 300e6, .days_to_go = 1}};
    struct policy_space space = {.max_bytes = 2000 * MB, .used_bytes = 500 * MB};
    struct policy_forecast f = policy_forecast(&space, cameras, 2);

    (void)state;
    /* 10 days × 100 MB + 1 day × 300 MB fit into 1.5 GB */
    assert_int_equal(f.limit, POLICY_LIMIT_DAYS);
    assert_true(f.days_left < 0);
    assert_true(f.bytes_per_day == 400e6);
    space.used_bytes = 1200 * MB; /* 800 MB: the first day takes 400, five more 100 each: 5 */
    f = policy_forecast(&space, cameras, 2);
    assert_int_equal(f.limit, POLICY_LIMIT_MAX);
    assert_true(f.days_left > 4.99 && f.days_left < 5.01);
    space.total_bytes = 5000 * MB;
    space.free_bytes = 700 * MB;
    space.min_free_bytes = 600 * MB;
    f = policy_forecast(&space, cameras, 2);
    assert_int_equal(f.limit, POLICY_LIMIT_FREE);
    assert_true(f.days_left > 0.249 && f.days_left < 0.251);
    space.free_bytes = 100 * MB;
    f = policy_forecast(&space, cameras, 2);
    assert_true(f.days_left == 0);
    f = policy_forecast(&space, cameras, 0);
    assert_int_equal(f.limit, POLICY_LIMIT_NONE);
    assert_true(f.days_left < 0);
    assert_null(policy_limit_name(f.limit));
    assert_string_equal(policy_limit_name(POLICY_LIMIT_FREE), "min_free");
    assert_string_equal(policy_reason_name(POLICY_SPACE), "space");
}

/* ---- the clock ---- */

static void test_clock_after_a_start(void **state)
{
    struct clock_guard guard = {0};
    int64_t from = 0;
    int64_t to = 0;

    (void)state;
    assert_true(clock_guard_look(&guard, T0, 1000, &from, &to));
    assert_int_equal(from, T0 - 7 * DAY);
    assert_int_equal(to, T0 - 22 * HOUR);
    /* the year 2036: nothing was recorded in the last week, but there is something older */
    assert_false(clock_guard_judge(&guard, false, true));
    assert_true(clock_guard_look(&guard, T0 + HOUR, 1000 + HOUR, &from, &to));
    assert_true(clock_guard_judge(&guard, false, false)); /* a new system */
    assert_true(clock_guard_look(&guard, T0 + 2 * HOUR, 1000 + 2 * HOUR, &from, &to));
    assert_true(clock_guard_judge(&guard, true, true));
    assert_false(clock_guard_look(&guard, T0 + 3 * HOUR, 1000 + 3 * HOUR, &from, &to));
}

static void test_clock_jumps(void **state)
{
    struct clock_guard guard = {0};
    const int64_t far = T0 + 3650 * DAY;
    int64_t from = 0;
    int64_t to = 0;

    (void)state;
    assert_true(clock_guard_look(&guard, T0, 1000, &from, &to));
    assert_true(clock_guard_judge(&guard, true, true));
    /* Daylight saving set by hand, a time server's correction: no jump. */
    assert_false(clock_guard_look(&guard, T0 + 3 * HOUR, 1000 + HOUR, &from, &to));
    assert_true(clock_guard_look(&guard, far, 1000 + 2 * HOUR, &from, &to));
    assert_int_equal(from, far - 26 * HOUR);
    assert_int_equal(to, far - 22 * HOUR);
    assert_false(clock_guard_judge(&guard, false, true));
    /* What it recorded itself since then speaks not for it. */
    assert_true(clock_guard_look(&guard, far + 30 * HOUR, 1000 + 32 * HOUR, &from, &to));
    assert_int_equal(to, far);
    assert_true(from >= to);
    /* It comes back: recordings of about yesterday are there again. */
    assert_true(clock_guard_look(&guard, T0 + 34 * HOUR, 1000 + 33 * HOUR, &from, &to));
    assert_int_equal(to, T0 + 12 * HOUR);
    assert_true(clock_guard_judge(&guard, true, true));
    assert_false(clock_guard_look(&guard, T0 + 35 * HOUR, 1000 + 34 * HOUR, &from, &to));
}

static void test_clock_runs_evenly(void **state)
{
    struct clock_guard guard = {0};
    int64_t from;
    int64_t to;

    (void)state;
    assert_true(clock_guard_look(&guard, T0, 1000, &from, &to));
    assert_false(clock_guard_judge(&guard, false, true));
    for (int64_t h = 1; h < 72; h++)
        assert_true(clock_guard_look(&guard, T0 + h * HOUR, 1000 + h * HOUR, &from, &to));
    assert_false(clock_guard_look(&guard, T0 + 72 * HOUR, 1000 + 72 * HOUR, &from, &to));
}

/* ---- leases ---- */

static void test_leases(void **state)
{
    struct leases leases = {0};
    struct leases copy = {0};

    (void)state;
    assert_false(leases_cover(&leases, "a", 0, INT64_MAX, 0));
    assert_int_equal(leases_take(&leases, "a", T0, T0 + HOUR, 60, 1000), 0);
    assert_true(leases_cover(&leases, "a", T0 - 10000, T0 + 1, 1000));
    assert_true(leases_cover(&leases, "a", T0 + HOUR - 1, T0 + 2 * HOUR, 60999));
    assert_false(leases_cover(&leases, "a", T0 - 10000, T0, 1000)); /* half open */
    assert_false(leases_cover(&leases, "a", T0 + HOUR, T0 + 2 * HOUR, 1000));
    assert_false(leases_cover(&leases, "b", T0, T0 + HOUR, 1000));
    assert_false(leases_cover(&leases, "a", T0, T0 + HOUR, 61000)); /* over */
    /* again: longer, never shorter, and no second one */
    assert_int_equal(leases_take(&leases, "a", T0, T0 + HOUR, 60, 50000), 0);
    assert_int_equal(leases_take(&leases, "a", T0, T0 + HOUR, 1, 50000), 0);
    assert_int_equal(leases.count, 1);
    assert_true(leases_cover(&leases, "a", T0, T0 + HOUR, 109999));
    assert_int_equal(leases_copy(&leases, &copy), 0);
    leases_expire(&leases, 110000);
    assert_int_equal(leases.count, 0);
    assert_true(leases_cover(&copy, "a", T0, T0 + HOUR, 109999));
    /* nothing, reversed, for no time: none; for ever: an hour */
    assert_int_equal(leases_take(&leases, "a", T0, T0, 60, 0), 0);
    assert_int_equal(leases_take(&leases, "a", T0 + 1, T0, 60, 0), 0);
    assert_int_equal(leases_take(&leases, "a", T0, T0 + 1, 0, 0), 0);
    assert_int_equal(leases.count, 0);
    assert_int_equal(leases_take(&leases, "a", T0, T0 + 1, UINT32_MAX, 0), 0);
    assert_false(leases_cover(&leases, "a", T0, T0 + 1, HOUR));
    leases_done(&leases);
    leases_done(&copy);
}

static void test_leases_have_a_limit(void **state)
{
    struct leases leases = {0};

    (void)state;
    assert_int_equal(leases_take(&leases, "player", T0, T0 + HOUR, 1000, 0), 0);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(leases_take(&leases, "flood", T0 + i, T0 + i + 1, 60, i), 0);
    assert_int_equal(leases.count, LEASES_MAX);
    assert_true(leases_cover(&leases, "player", T0, T0 + HOUR, 5000));
    assert_true(leases_cover(&leases, "flood", T0 + 4999, T0 + 5000, 5000));
    assert_false(leases_cover(&leases, "flood", T0, T0 + 1, 5000));
    leases_done(&leases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expires),
        cmocka_unit_test(test_need),
        cmocka_unit_test(test_choose_expired),
        cmocka_unit_test(test_choose_for_space),
        cmocka_unit_test(test_other_tiers_give_no_room),
        cmocka_unit_test(test_steps_are_small),
        cmocka_unit_test(test_forecast),
        cmocka_unit_test(test_clock_after_a_start),
        cmocka_unit_test(test_clock_jumps),
        cmocka_unit_test(test_clock_runs_evenly),
        cmocka_unit_test(test_leases),
        cmocka_unit_test(test_leases_have_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
