/* WS /ws: who listens to what, slow clients, and what ends a connection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/gateway/events_request.h"
#include "src/gateway/gateway_limits.h"
#include "tests/unit/gateway_fixture.h"

enum { TEXT = 1, BINARY = 2, CLOSE = 8 };

static void connect_client(struct fixture *f, struct client *client)
{
    client_open(client, &f->loop, f->port);
    assert_int_equal(client_upgrade(client, "/ws", ""), 101);
}

static void say(struct client *client, const char *text)
{
    client_send_message(client, TEXT, text, strlen(text));
}

static void expect(struct client *client, const char *part)
{
    struct message message;

    client_read_message(client, &message);
    assert_int_equal(message.opcode, TEXT);
    if (!strstr((const char *)message.data.data, part))
        fail_msg("'%s' is not in %s", part, (const char *)message.data.data);
    message_done(&message);
}

static void expect_end(struct client *client, unsigned status, const char *reason)
{
    struct message message;

    client_read_message(client, &message);
    assert_int_equal(message.opcode, CLOSE);
    assert_int_equal(message.data.data[0] << 8 | message.data.data[1], status);
    assert_string_equal((const char *)message.data.data + 2, reason);
    message_done(&message);
    client_wait_closed(client);
    client_close(client);
}

static void publish(struct fixture *f, const char *topic, json_int_t n)
{
    nvr_bus_publish_take(nvr_supervisor_get_bus(f->supervisor), topic, json_pack("{s:I}", "n", n));
}

static void topics_go_to_who_asked(void **state)
{
    struct fixture *f = *state;
    struct client one;
    struct client two;

    connect_client(f, &one);
    connect_client(f, &two);
    say(&one, "{\"subscribe\": [\"recording.*\", \"job.updated\"]}");
    expect(&one, "{\"type\":\"subscribed\",\"topics\":[\"recording.*\",\"job.updated\"]}");
    say(&two, "{\"subscribe\": [\"*\"]}");
    expect(&two, "[\"*\"]");
    publish(f, "camera.online", 1);
    publish(f, "recording.gap", 2);
    expect(&one, "\"topic\":\"recording.gap\"");
    expect(&two, "\"n\":1");
    expect(&two, "\"n\":2");
    say(&one, "{\"unsubscribe\": [\"recording.*\"], \"subscribe\": [\"camera.*\"]}");
    expect(&one, "[\"job.updated\",\"camera.*\"]");
    publish(f, "recording.gap", 3);
    publish(f, "camera.offline", 4);
    expect(&one, "\"n\":4");
    assert_false(client_has_message(&one));
    client_close(&one);
    client_close(&two);
    client_idle(&f->loop);
    assert_false(nvr_bus_has_listener(nvr_supervisor_get_bus(f->supervisor), "camera.online"));
}

/* Published while the loop does not turn: nobody can read meanwhile. */
static void slow_client_is_told(void **state)
{
    struct fixture *f = *state;
    char text[64];
    struct client client;

    connect_client(f, &client);
    say(&client, "{\"subscribe\": [\"a.*\"]}");
    expect(&client, "subscribed");
    for (int i = 0; i < NVR_EVENTS_WAITING_MAX + 7; i++)
        publish(f, "a.b", i);
    for (int i = 0; i < NVR_EVENTS_WAITING_MAX; i++) {
        assert_true(nvr_fmt(text, sizeof(text), "{\"n\":%d}", i) > 0);
        expect(&client, text);
    }
    expect(&client, "{\"type\":\"lost\",\"count\":7}");
    publish(f, "a.b", 5555);
    expect(&client, "{\"n\":5555}");
    client_close(&client);
}

static void waiting_bytes_are_bounded(void **state)
{
    struct fixture *f = *state;
    struct client client;
    char *big = malloc(100001);

    assert_non_null(big);
    memset(big, 'x', 100000);
    big[100000] = '\0';
    connect_client(f, &client);
    say(&client, "{\"subscribe\": [\"a.*\"]}");
    expect(&client, "subscribed");
    for (int i = 0; i < 4; i++)
        nvr_bus_publish_take(nvr_supervisor_get_bus(f->supervisor), "a.b",
                             json_pack("{s:s}", "x", big));
    expect(&client, "xxx");
    expect(&client, "xxx");
    expect(&client, "{\"type\":\"lost\",\"count\":2}");
    client_close(&client);
    free(big);
}

static void nonsense_ends_the_connection(void **state)
{
    static const struct {
        const char *text, *reason;
    } cases[] = {
        {"{", "not JSON"},
        {"[]", "expected an object"},
        {"{}", "expected subscribe or unsubscribe"},
        {"{\"subscribe\":[\"a\"],\"x\":1}", "unknown member"},
        {"{\"subscribe\":\"a\"}", "expected a list of topics"},
        {"{\"subscribe\":[\"A b\"]}", "not a topic"},
        {"{\"unsubscribe\":[7]}", "not a topic"},
    };
    struct fixture *f = *state;
    struct client client;

    for (size_t i = 0; i < NVR_ARRAY_SIZE(cases); i++) {
        connect_client(f, &client);
        say(&client, cases[i].text);
        expect_end(&client, 1008, cases[i].reason);
    }
    connect_client(f, &client);
    client_send_message(&client, BINARY, "x", 1);
    expect_end(&client, 1003, "expected text");
}

static void long_messages_end_the_connection(void **state)
{
    struct fixture *f = *state;
    static char spaces[NVR_WS_RECEIVED_MAX + 1];
    struct client client;

    memset(spaces, ' ', sizeof(spaces));
    connect_client(f, &client);
    client_send_message(&client, TEXT, spaces, sizeof(spaces));
    expect_end(&client, 1009, "the message is too long");
}

static void limits(void **state)
{
    struct fixture *f = *state;
    struct client clients[NVR_EVENTS_CLIENTS_MAX];
    struct client one_more;

    for (size_t i = 0; i < NVR_ARRAY_SIZE(clients); i++)
        connect_client(f, &clients[i]);
    client_open(&one_more, &f->loop, f->port);
    assert_int_equal(client_upgrade(&one_more, "/ws", ""), 503);
    client_close(&one_more);
    for (size_t i = 0; i < NVR_ARRAY_SIZE(clients); i++)
        client_close(&clients[i]);
    client_idle(&f->loop);
    client_open(&one_more, &f->loop, f->port);
    assert_int_equal(client_upgrade(&one_more, "/ws", "Origin: http://evil.example\r\n"), 403);
    client_close(&one_more);
    assert_error(f, "GET", "/ws", "", NULL, 426, "upgrade_required");
}

/* ---- the parser ---- */

static int ask(struct nvr_events_topics *topics, const char *text)
{
    const char *reason = NULL;

    return nvr_events_request(topics, text, strlen(text), &reason);
}

static void topics_are_a_set_with_a_limit(void **state)
{
    struct nvr_events_topics topics = {.count = 0};
    char text[64];

    (void)state;
    assert_int_equal(ask(&topics, "{\"subscribe\":[\"a\",\"b\",\"a\"]}"), 0);
    assert_int_equal(topics.count, 2);
    assert_int_equal(ask(&topics, "{\"subscribe\":[\"c\",\"?\"]}"), -EINVAL);
    assert_int_equal(topics.count, 2); /* all or nothing */
    assert_int_equal(ask(&topics, "{\"unsubscribe\":[\"a\",\"z\"]}"), 0);
    assert_int_equal(topics.count, 1);
    assert_string_equal(topics.patterns[0], "b");
    assert_true(nvr_events_wants(&topics, "b"));
    assert_false(nvr_events_wants(&topics, "a"));
    for (int i = 1; i < NVR_EVENTS_PATTERNS_MAX; i++) {
        assert_true(nvr_fmt(text, sizeof(text), "{\"subscribe\":[\"n%d\"]}", i) > 0);
        assert_int_equal(ask(&topics, text), 0);
    }
    assert_int_equal(ask(&topics, "{\"subscribe\":[\"more\"]}"), -EINVAL);
    /* room is made first */
    assert_int_equal(ask(&topics, "{\"subscribe\":[\"more\"],\"unsubscribe\":[\"b\"]}"), 0);
    assert_int_equal(topics.count, NVR_EVENTS_PATTERNS_MAX);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        T(topics_go_to_who_asked),
        T(slow_client_is_told),
        T(waiting_bytes_are_bounded),
        T(nonsense_ends_the_connection),
        T(long_messages_end_the_connection),
        T(limits),
        cmocka_unit_test(topics_are_a_set_with_a_limit),
    };

    return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
