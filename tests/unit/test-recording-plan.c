/* src/supervisor/recording-plan: modes, triggers and schedules → windows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "src/supervisor/recording-plan.h"

#define T INT64_C(1763719200000) /* 2025-11-21 10:00 UTC, a Friday */
#define PRE 5000
#define POST 7000

static struct recording_rules rules(enum nvr_recording_mode mode)
{
    static const struct nvr_schedule none;

    return (struct recording_rules){
        .enabled = true, .mode = mode, .schedule = &none, .pre_ms = PRE, .post_ms = POST};
}

static void assert_window(const struct recording_now *now, enum recording_reason reason,
                          int64_t from_ms, int64_t until_ms)
{
    assert_int_equal(now->reason, reason);
    assert_int_equal(now->from_ms, from_ms);
    assert_int_equal(now->until_ms, until_ms);
}

static void assert_nothing(const struct recording_now *now)
{
    assert_int_equal(now->reason, RECORDING_OFF);
    assert_int_equal(now->until_ms, 0);
}

static void modes_and_triggers(void **state)
{
    static const struct {
        enum nvr_recording_mode mode;
        bool motion, event;
    } table[] = {
        {NVR_RECORDING_MOTION, true, true},
        {NVR_RECORDING_EVENTS, false, true},
        {NVR_RECORDING_SCHEDULED, false, false}, /* nothing is in it: off */
    };

    (void)state;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(table); i++) {
        const struct recording_rules r = rules(table[i].mode);
        struct recording_plan motion = {0}, event = {0}, manual = {0};
        struct recording_now now = recording_plan_look(&motion, &r, T);

        assert_nothing(&now);
        recording_plan_add(&motion, &r, NVR_TRIGGER_MOTION, T, T, T);
        now = recording_plan_look(&motion, &r, T + 1);
        if (table[i].motion)
            assert_window(&now, RECORDING_TRIGGER, T - PRE, T + POST);
        else
            assert_nothing(&now);
        recording_plan_add(&event, &r, NVR_TRIGGER_EVENT, T, T + 1000, T);
        now = recording_plan_look(&event, &r, T + 1);
        if (table[i].event)
            assert_window(&now, RECORDING_TRIGGER, T - PRE, T + 1000 + POST);
        else
            assert_nothing(&now);
        recording_plan_add(&manual, &r, NVR_TRIGGER_MANUAL, T, T + 60000, T);
        now = recording_plan_look(&manual, &r, T + 1);
        assert_window(&now, RECORDING_MANUAL, T, T + 60000);
        recording_plan_end(&manual, NVR_TRIGGER_MANUAL);
        now = recording_plan_look(&manual, &r, T + 2);
        assert_nothing(&now);
    }
}

static void continuous_has_no_end(void **state)
{
    const struct recording_rules always = rules(NVR_RECORDING_CONTINUOUS);
    const struct recording_rules motion = rules(NVR_RECORDING_MOTION);
    struct recording_rules disabled = always;
    struct recording_plan plan = {0};
    struct recording_now now = recording_plan_look(&plan, &always, T);

    (void)state;
    assert_window(&now, RECORDING_CONTINUOUS, 0, INT64_MAX);
    assert_int_equal(now.mode, NVR_RECORD_CONTINUOUS);
    assert_true(now.next_look_ms == INT64_MAX);
    recording_plan_add(&plan, &always, NVR_TRIGGER_EVENT, T, T, T);
    now = recording_plan_look(&plan, &always, T + 1);
    assert_int_equal(now.reason, RECORDING_CONTINUOUS);
    assert_true(now.until_ms == INT64_MAX);
    now = recording_plan_look(&plan, &motion, T + 60000);
    assert_nothing(&now);
    /* Back again: from now on, not from the oldest that the ring holds. */
    now = recording_plan_look(&plan, &always, T + 90000);
    assert_window(&now, RECORDING_CONTINUOUS, T + 90000, INT64_MAX);
    now = recording_plan_look(&plan, &always, T + 95000);
    assert_window(&now, RECORDING_CONTINUOUS, T + 90000, INT64_MAX);
    disabled.enabled = false;
    recording_plan_add(&plan, &disabled, NVR_TRIGGER_MANUAL, T + 95000, T + 99000, T + 95000);
    now = recording_plan_look(&plan, &disabled, T + 96000);
    assert_nothing(&now);
    assert_int_equal(now.mode, NVR_RECORD_OFF);
}

static void triggers_extend(void **state)
{
    const struct recording_rules r = rules(NVR_RECORDING_MOTION);
    struct recording_plan plan = {0};
    struct recording_now now;

    (void)state;
    recording_plan_add(&plan, &r, NVR_TRIGGER_MOTION, T, T + 2000, T);
    now = recording_plan_look(&plan, &r, T);
    assert_int_equal(now.next_look_ms, T + 2000 + POST);
    /* In its post-roll: one recording. A shorter one changes nothing. */
    recording_plan_add(&plan, &r, NVR_TRIGGER_MOTION, T + 8000, T + 9000, T + 8000);
    recording_plan_add(&plan, &r, NVR_TRIGGER_MOTION, T + 8500, T + 8500, T + 8500);
    now = recording_plan_look(&plan, &r, T + 8500);
    assert_window(&now, RECORDING_TRIGGER, T - PRE, T + 9000 + POST);
    /* An event joins motion. */
    recording_plan_add(&plan, &r, NVR_TRIGGER_EVENT, T + 10000, T + 20000, T + 10000);
    now = recording_plan_look(&plan, &r, T + 10000);
    assert_window(&now, RECORDING_TRIGGER, T - PRE, T + 20000 + POST);
    now = recording_plan_look(&plan, &r, T + 20000 + POST - 1);
    assert_int_equal(now.reason, RECORDING_TRIGGER);
    now = recording_plan_look(&plan, &r, T + 20000 + POST);
    assert_int_equal(now.reason, RECORDING_OFF);
    assert_int_equal(now.until_ms, T + 20000 + POST); /* the worker's window stays as it was */
    now = recording_plan_look(&plan, &r, now.next_look_ms);
    assert_nothing(&now);
    assert_true(now.next_look_ms == INT64_MAX);
    /* Afterwards the next one is a recording of its own. */
    recording_plan_add(&plan, &r, NVR_TRIGGER_MOTION, T + 60000, T + 60000, T + 60000);
    now = recording_plan_look(&plan, &r, T + 60000);
    assert_window(&now, RECORDING_TRIGGER, T + 60000 - PRE, T + 60000 + POST);
}

/* It came late: all of its window is past, but the ring may hold it. */
static void an_old_trigger_wants_the_past(void **state)
{
    const struct recording_rules r = rules(NVR_RECORDING_EVENTS);
    struct recording_plan plan = {0};
    struct recording_now now;

    (void)state;
    recording_plan_add(&plan, &r, NVR_TRIGGER_EVENT, T - POST - 500, T - POST - 500, T);
    now = recording_plan_look(&plan, &r, T);
    assert_window(&now, RECORDING_OFF, T - POST - 500 - PRE, T - 500);
    now = recording_plan_look(&plan, &r, T + RECORDING_LINGER_MS);
    assert_nothing(&now);
}

static void schedules_bring_modes(void **state)
{
    /* Fridays 10:00–10:30 continuous, to 11:00 motion. */
    const struct nvr_schedule schedule = {
        .count = 2,
        .entries = {{16, NVR_RECORD_CONTINUOUS, 600, 630}, {16, NVR_RECORD_MOTION, 630, 660}}};
    struct recording_rules r = rules(NVR_RECORDING_SCHEDULED);
    const int64_t half = 30 * 60000;
    struct recording_plan plan = {0};
    struct recording_now now;

    (void)state;
    r.schedule = &schedule;
    now = recording_plan_look(&plan, &r, T - 60000);
    assert_nothing(&now);
    assert_int_equal(now.next_mode_ms, T);
    now = recording_plan_look(&plan, &r, T + 3);
    assert_window(&now, RECORDING_SCHEDULE, T + 3, T + half);
    assert_int_equal(now.next_look_ms, T + half);
    recording_plan_add(&plan, &r, NVR_TRIGGER_MOTION, T + half - 1000, T + half - 1000, T);
    now = recording_plan_look(&plan, &r, T + half - 900);
    assert_int_equal(now.until_ms, T + half); /* does not count in this mode */
    now = recording_plan_look(&plan, &r, T + half + 1);
    assert_int_equal(now.mode, NVR_RECORD_MOTION);
    assert_window(&now, RECORDING_TRIGGER, T + half - 1000 - PRE, T + half - 1000 + POST);
    now = recording_plan_look(&plan, &r, T + 2 * half);
    assert_nothing(&now);
    recording_plan_add(&plan, &r, NVR_TRIGGER_MANUAL, T + 2 * half, T + 2 * half + 5000,
                       T + 2 * half);
    now = recording_plan_look(&plan, &r, T + 2 * half + 1);
    assert_window(&now, RECORDING_MANUAL, T + 2 * half, T + 2 * half + 5000);
}

/* The wall clock is set back by an hour while something is recorded: it lasts as long as before. */
static void the_clock_is_set(void **state)
{
    const int64_t hour = 3600000;
    const struct recording_rules r = rules(NVR_RECORDING_MOTION);
    struct recording_plan plan = {0};
    struct recording_now now;

    (void)state;
    recording_plan_add(&plan, &r, NVR_TRIGGER_MOTION, T, T + 10000, T);
    recording_plan_add(&plan, &r, NVR_TRIGGER_MANUAL, T, T + 60000, T);
    recording_plan_shift(&plan, -hour);
    now = recording_plan_look(&plan, &r, T + 4000 - hour);
    assert_window(&now, RECORDING_MANUAL, T - PRE - hour, T + 60000 - hour);
    now = recording_plan_look(&plan, &r, T + 60000 - hour);
    assert_int_equal(now.reason, RECORDING_OFF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modes_and_triggers),    cmocka_unit_test(continuous_has_no_end),
        cmocka_unit_test(triggers_extend),       cmocka_unit_test(an_old_trigger_wants_the_past),
        cmocka_unit_test(schedules_bring_modes), cmocka_unit_test(the_clock_is_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
