#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/config/schedule.h"

enum { MON = 1, TUE = 2, WED = 4, THU = 8, FRI = 16, SAT = 32, SUN = 64, ALL = 127 };

static int64_t at(const char *text)
{
    int64_t ms = 0;

    assert_int_equal(nvr_rfc3339_parse(text, &ms), 0);
    return ms;
}

static struct nvr_schedule_entry entry(unsigned days, int from, int to, enum nvr_record_mode mode)
{
    return (struct nvr_schedule_entry){(uint8_t)days, (uint8_t)mode, (uint16_t)from, (uint16_t)to};
}

/* mode at `when` and the next change, given as text with the offset of the clock on the wall. */
static void check(const struct nvr_schedule *schedule, const char *name, const char *when,
                  enum nvr_record_mode mode, const char *next)
{
    NVR_AUTO(nvr_zone) zone = NULL;
    int64_t next_ms = 0;

    assert_int_equal(nvr_zone_open(name, &zone), 0);
    assert_int_equal(nvr_schedule_at(schedule, zone, at(when), &next_ms), mode);
    assert_int_equal(next_ms, next ? at(next) : INT64_MAX);
}

static void a_working_week(void **state)
{
    const struct nvr_schedule s = {
        .count = 2,
        .entries = {entry(MON | TUE | WED | THU | FRI, 480, 1080, NVR_RECORD_CONTINUOUS),
                    entry(WED, 720, 780, NVR_RECORD_MOTION)},
    };

    (void)state;
    check(&s, "UTC", "2026-11-16T07:59:59.999Z", NVR_RECORD_OFF, "2026-11-16T08:00:00Z");
    check(&s, "UTC", "2026-11-16T08:00:00Z", NVR_RECORD_CONTINUOUS, "2026-11-16T18:00:00Z");
    check(&s, "UTC", "2026-11-18T11:00:00Z", NVR_RECORD_CONTINUOUS, "2026-11-18T12:00:00Z");
    check(&s, "UTC", "2026-11-18T12:30:00Z", NVR_RECORD_MOTION, "2026-11-18T13:00:00Z");
    check(&s, "UTC", "2026-11-20T18:00:00Z", NVR_RECORD_OFF, "2026-11-23T08:00:00Z");
    check(&s, "Asia/Kathmandu", "2026-11-16T08:00:00+05:45", NVR_RECORD_CONTINUOUS,
          "2026-11-16T18:00:00+05:45");
    check(&s, "America/New_York", "2026-11-15T23:00:00-05:00", NVR_RECORD_OFF,
          "2026-11-16T08:00:00-05:00");
}

static void over_midnight_and_over_the_week(void **state)
{
    const struct nvr_schedule s = {.count = 1,
                                   .entries = {entry(SUN, 1320, 360, NVR_RECORD_EVENTS)}};
    const struct nvr_schedule whole = {.count = 1,
                                       .entries = {entry(ALL, 0, 1440, NVR_RECORD_CONTINUOUS)}};
    const struct nvr_schedule turn = {.count = 1,
                                      .entries = {entry(ALL, 600, 600, NVR_RECORD_MOTION)}};
    const struct nvr_schedule none = {.count = 0};
    const struct nvr_schedule evening = {
        .count = 1, .entries = {entry(FRI, 1320, 1440, NVR_RECORD_CONTINUOUS)}};

    (void)state;
    check(&s, "UTC", "2026-11-15T22:00:00Z", NVR_RECORD_EVENTS, "2026-11-16T06:00:00Z");
    check(&s, "UTC", "2026-11-16T05:59:59Z", NVR_RECORD_EVENTS, "2026-11-16T06:00:00Z");
    check(&s, "UTC", "2026-11-16T06:00:00Z", NVR_RECORD_OFF, "2026-11-22T22:00:00Z");
    check(&s, "UTC", "2026-11-15T05:00:00Z", NVR_RECORD_OFF, "2026-11-15T22:00:00Z");
    check(&whole, "Europe/Zurich", "2026-10-24T12:00:00Z", NVR_RECORD_CONTINUOUS, NULL);
    check(&turn, "Europe/Zurich", "2026-10-24T12:00:00Z", NVR_RECORD_MOTION, NULL);
    check(&none, "UTC", "2026-11-16T06:00:00Z", NVR_RECORD_OFF, NULL);
    check(&evening, "UTC", "2026-11-20T23:59:59Z", NVR_RECORD_CONTINUOUS, "2026-11-21T00:00:00Z");
}

static void the_later_entry_wins(void **state)
{
    const struct nvr_schedule s = {
        .count = 3,
        .entries = {entry(ALL, 0, 1440, NVR_RECORD_CONTINUOUS),
                    entry(SAT, 480, 960, NVR_RECORD_OFF), entry(SAT, 600, 660, NVR_RECORD_EVENTS)},
    };

    (void)state;
    check(&s, "UTC", "2026-11-21T07:00:00Z", NVR_RECORD_CONTINUOUS, "2026-11-21T08:00:00Z");
    check(&s, "UTC", "2026-11-21T08:00:00Z", NVR_RECORD_OFF, "2026-11-21T10:00:00Z");
    check(&s, "UTC", "2026-11-21T10:30:00Z", NVR_RECORD_EVENTS, "2026-11-21T11:00:00Z");
    check(&s, "UTC", "2026-11-21T11:00:00Z", NVR_RECORD_OFF, "2026-11-21T16:00:00Z");
    check(&s, "UTC", "2026-11-21T16:00:00Z", NVR_RECORD_CONTINUOUS, "2026-11-28T08:00:00Z");
}

static void daylight_saving(void **state)
{
    const struct nvr_schedule gap = {
        .count = 1, .entries = {entry(ALL, 135, 165, NVR_RECORD_CONTINUOUS)}}; /* 02:15–02:45 */
    const struct nvr_schedule morning = {
        .count = 1, .entries = {entry(ALL, 150, 240, NVR_RECORD_CONTINUOUS)}}; /* 02:30–04:00 */
    const struct nvr_schedule howe = {
        .count = 1, .entries = {entry(ALL, 60, 105, NVR_RECORD_CONTINUOUS)}}; /* 01:00–01:45 */

    (void)state;
    /* Spring: 02:00 becomes 03:00. What lies in the gap does not happen that day … */
    check(&gap, "Europe/Zurich", "2026-03-28T12:00:00+01:00", NVR_RECORD_OFF,
          "2026-03-30T02:15:00+02:00");
    /* … and what reaches out of it begins when the clock jumps. */
    check(&morning, "Europe/Zurich", "2026-03-29T01:59:00+01:00", NVR_RECORD_OFF,
          "2026-03-29T03:00:00+02:00");
    check(&morning, "Europe/Zurich", "2026-03-29T03:00:00+02:00", NVR_RECORD_CONTINUOUS,
          "2026-03-29T04:00:00+02:00");
    /* Autumn: 03:00 becomes 02:00, the hour comes twice. */
    check(&gap, "Europe/Zurich", "2026-10-25T00:00:00+02:00", NVR_RECORD_OFF,
          "2026-10-25T02:15:00+02:00");
    check(&gap, "Europe/Zurich", "2026-10-25T02:45:00+02:00", NVR_RECORD_OFF,
          "2026-10-25T02:15:00+01:00");
    check(&gap, "Europe/Zurich", "2026-10-25T02:15:00+01:00", NVR_RECORD_CONTINUOUS,
          "2026-10-25T02:45:00+01:00");
    /* 02:30–04:00 is interrupted when the clock goes back to 02:00. */
    check(&morning, "Europe/Zurich", "2026-10-25T02:30:00+02:00", NVR_RECORD_CONTINUOUS,
          "2026-10-25T02:00:00+01:00");
    check(&morning, "America/New_York", "2026-03-08T01:59:59-05:00", NVR_RECORD_OFF,
          "2026-03-08T03:00:00-04:00");
    check(&gap, "America/New_York", "2026-03-08T00:00:00-05:00", NVR_RECORD_OFF,
          "2026-03-09T02:15:00-04:00");
    /* Half an hour: at 02:00 the clock goes back to 01:30, so 01:30–01:45 comes twice. */
    check(&howe, "Australia/Lord_Howe", "2026-04-05T01:00:00+11:00", NVR_RECORD_CONTINUOUS,
          "2026-04-05T01:45:00+11:00");
    check(&howe, "Australia/Lord_Howe", "2026-04-05T01:45:00+11:00", NVR_RECORD_OFF,
          "2026-04-05T01:30:00+10:30");
    check(&howe, "Australia/Lord_Howe", "2026-04-05T01:30:00+10:30", NVR_RECORD_CONTINUOUS,
          "2026-04-05T01:45:00+10:30");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_working_week),
        cmocka_unit_test(over_midnight_and_over_the_week),
        cmocka_unit_test(the_later_entry_wins),
        cmocka_unit_test(daylight_saving),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
