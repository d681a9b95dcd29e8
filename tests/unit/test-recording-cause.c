/* src/supervisor/recording-cause: why a camera is not recorded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/buf.h"
#include "src/supervisor/recording-cause.h"

static const struct recording_state recorded = {.cause = RECORDING};

static struct recording_view well(void)
{
    return (struct recording_view){
        .enabled = true,
        .record = true,
        .wanted = true,
        .mode = "",
        .status = RECORDING_ONLINE,
        .error_code = "",
        .error = "",
        .disk_error = "",
        .active = true,
    };
}

static struct recording_state ask(const struct recording_view *view,
                                  const struct recording_state *before)
{
    struct recording_state state;

    recording_cause(view, before, &state);
    return state;
}

static void expect(const struct recording_view *view, int cause, const char *words)
{
    const struct recording_state state = ask(view, &recorded);

    assert_int_equal(state.cause, cause);
    if (!strstr(state.detail, words))
        fail_msg("'%s' is not in '%s'", words, state.detail);
}

static void what_the_operator_wants_comes_first(void **state)
{
    struct recording_view view = well();

    (void)state;
    expect(&view, RECORDING, "");
    view.status = RECORDING_OFFLINE;
    view.error_code = "timeout";
    view.disk_error = "the disk is full";
    view.wanted = false;
    view.stopping = true;
    expect(&view, NVR_CAUSE_OPERATOR, "Heron was stopped");
    view.record = false;
    expect(&view, NVR_CAUSE_OPERATOR, "Recording is switched off");
    view.stopped = true;
    expect(&view, NVR_CAUSE_OPERATOR, "was stopped");
    view.enabled = false;
    expect(&view, NVR_CAUSE_OPERATOR, "switched off in the configuration");
    view.removed = true;
    expect(&view, NVR_CAUSE_OPERATOR, "removed");
}

static void modes_and_schedule(void **state)
{
    struct recording_view view = well();

    (void)state;
    view.active = false;
    view.wanted = false;
    expect(&view, NVR_CAUSE_SCHEDULE, "schedule");
    view.mode = "motion";
    expect(&view, NVR_CAUSE_SCHEDULE, "motion");
    view.mode = "events";
    expect(&view, NVR_CAUSE_SCHEDULE, "events");
    /* nobody misses an offline camera's pictures then */
    view.status = RECORDING_OFFLINE;
    view.error_code = "timeout";
    expect(&view, NVR_CAUSE_SCHEDULE, "events");
}

static void each_trouble_has_its_cause(void **state)
{
    static const struct {
        const char *code;
        enum nvr_cause cause;
    } table[] = {
        {"unreachable", NVR_CAUSE_NETWORK},
        {"refused", NVR_CAUSE_NETWORK},
        {"timeout", NVR_CAUSE_NETWORK},
        {"ended", NVR_CAUSE_CAMERA},
        {"bad_credentials", NVR_CAUSE_CAMERA},
        {"not_found", NVR_CAUSE_CAMERA},
        {"unsupported", NVR_CAUSE_CAMERA},
        {"protocol", NVR_CAUSE_CAMERA},
        {"no_video", NVR_CAUSE_CAMERA},
        {"disk", NVR_CAUSE_DISK},
        {"crashed", NVR_CAUSE_SYSTEM},
        {"unhealthy", NVR_CAUSE_SYSTEM},
        {"", NVR_CAUSE_SYSTEM},
    };
    struct recording_view view = well();

    (void)state;
    view.status = RECORDING_OFFLINE;
    view.active = false;
    view.error = "these words";
    for (size_t i = 0; i < NVR_ARRAY_SIZE(table); i++) {
        view.error_code = table[i].code;
        expect(&view, (int)table[i].cause, "these words");
    }
    view.error = "";
    expect(&view, NVR_CAUSE_SYSTEM, "not running");
}

static void disk_and_silence(void **state)
{
    struct recording_view view = well();

    (void)state;
    view.silent = true;
    expect(&view, NVR_CAUSE_NETWORK, "No picture arrives");
    view.disk_error = "the disk is full";
    expect(&view, NVR_CAUSE_DISK, "the disk is full");
    view.status = RECORDING_STARTING; /* its process was started without a folder */
    expect(&view, NVR_CAUSE_DISK, "the disk is full");
    view.status = RECORDING_OFFLINE;
    view.error_code = "refused";
    view.error = "The device answers";
    expect(&view, NVR_CAUSE_NETWORK, "The device answers");
}

/* Until there are pictures again, what was the matter still is. */
static void coming_back_keeps_the_cause(void **state)
{
    const struct recording_state network = {.cause = NVR_CAUSE_NETWORK, .detail = "away"};
    const struct recording_state schedule = {.cause = NVR_CAUSE_SCHEDULE, .detail = "off"};
    struct recording_view view = well();
    struct recording_state now;

    (void)state;
    view.active = false;
    expect(&view, NVR_CAUSE_SYSTEM, "No picture that a file can begin with");
    now = ask(&view, &network);
    assert_int_equal(now.cause, NVR_CAUSE_NETWORK);
    assert_string_equal(now.detail, "away");
    view.status = RECORDING_STARTING;
    assert_int_equal(ask(&view, &network).cause, NVR_CAUSE_NETWORK);
    assert_int_equal(ask(&view, &schedule).cause, NVR_CAUSE_SYSTEM);
    expect(&view, NVR_CAUSE_SYSTEM, "being started");
    view = well();
    assert_int_equal(ask(&view, &network).cause, RECORDING);
}

static void long_words_stay_utf8(void **state)
{
    char words[512];
    struct recording_view view = well();
    struct recording_state now;

    (void)state;
    for (size_t i = 0; i < sizeof(words) - 2; i += 2)
        memcpy(words + i, "\xc3\xa4", 2);
    words[sizeof(words) - 2] = '\0';
    view.disk_error = words;
    now = ask(&view, &recorded);
    assert_true(nvr_str_is_utf8(nvr_str_from(now.detail)));
    assert_int_equal(strlen(now.detail), NVR_CAUSE_DETAIL_SIZE - 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_operator_wants_comes_first),
        cmocka_unit_test(modes_and_schedule),
        cmocka_unit_test(each_trouble_has_its_cause),
        cmocka_unit_test(disk_and_silence),
        cmocka_unit_test(coming_back_keeps_the_cause),
        cmocka_unit_test(long_words_stay_utf8),
    };

    return cmocka_run_group_tests_name("recording-cause", tests, NULL, NULL);
}
