/* lib/ipc/bus: who listens to what, and changes of the list while it is walked. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/ipc/bus.h"

struct ear {
    struct nvr_bus *bus;
    struct nvr_bus_subscription *self, *other;
    unsigned heard;
    uint64_t last_id;
    json_int_t last_value;
};

static void hear(const struct nvr_bus_message *message, void *arg)
{
    struct ear *ear = arg;

    ear->heard++;
    assert_true(message->id > ear->last_id);
    assert_true(message->time_ms > 0);
    ear->last_id = message->id;
    ear->last_value = json_integer_value(json_object_get(message->data, "n"));
}

static void hear_once(const struct nvr_bus_message *message, void *arg)
{
    struct ear *ear = arg;

    hear(message, arg);
    nvr_bus_unsubscribe(ear->self);
    nvr_bus_unsubscribe(ear->other);
    nvr_bus_publish_take(ear->bus, "echo.once", NULL);
}

static void test_patterns(void **state)
{
    static const char *const bad[] = {"",   ".",  "a.",    ".a", "A", "a b",
                                      "a*", "*a", "a.*.b", ".*", "**"};
    static const char *const good[] = {"*", "a", "a.b", "a.*", "a.b.*", "a_b-1.c"};

    (void)state;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(bad); i++)
        assert_false(nvr_bus_pattern_is_valid(bad[i]));
    for (size_t i = 0; i < NVR_ARRAY_SIZE(good); i++)
        assert_true(nvr_bus_pattern_is_valid(good[i]));
    assert_true(nvr_bus_matches("recording.*", "recording.gap"));
    assert_false(nvr_bus_matches("recording.*", "recordings.gap"));
    assert_false(nvr_bus_matches("recording", "recording.gap"));
    assert_true(nvr_bus_matches("*", "recording.gap"));
}

static void test_publish(void **state)
{
    struct ear all = {0};
    struct ear one = {0};
    struct nvr_bus_subscription *a, *b;

    (void)state;
    assert_int_equal(nvr_bus_new(&all.bus), 0);
    assert_int_equal(nvr_bus_subscribe(all.bus, "Bad", hear, &all, &a), -EINVAL);
    assert_int_equal(nvr_bus_subscribe(all.bus, "*", hear, &all, &a), 0);
    assert_int_equal(nvr_bus_subscribe(all.bus, "job.*", hear, &one, &b), 0);
    nvr_bus_publish_take(all.bus, "job.updated", json_pack("{s:i}", "n", 7));
    nvr_bus_publish_take(all.bus, "camera.online", NULL);
    assert_int_equal(all.heard, 2);
    assert_int_equal(one.heard, 1);
    assert_int_equal(one.last_value, 7);
    nvr_bus_unsubscribe(a);
    assert_false(nvr_bus_has_listener(all.bus, "camera.online"));
    assert_true(nvr_bus_has_listener(all.bus, "job.updated"));
    nvr_bus_publish_take(all.bus, "job.updated", NULL);
    assert_int_equal(all.heard, 2);
    assert_int_equal(one.heard, 2);
    nvr_bus_free(all.bus);
}

static void test_change_while_publishing(void **state)
{
    struct ear first = {0};
    struct ear second = {0};

    (void)state;
    assert_int_equal(nvr_bus_new(&first.bus), 0);
    assert_int_equal(nvr_bus_subscribe(first.bus, "*", hear_once, &first, &first.self), 0);
    assert_int_equal(nvr_bus_subscribe(first.bus, "*", hear, &second, &first.other), 0);
    nvr_bus_publish_take(first.bus, "a", NULL);
    nvr_bus_publish_take(first.bus, "b", NULL);
    assert_int_equal(first.heard, 1);
    assert_int_equal(second.heard, 0);
    nvr_bus_free(first.bus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_publish),
        cmocka_unit_test(test_change_while_publishing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
