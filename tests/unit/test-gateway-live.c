/* Live view over real WebSockets and a real ring. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "src/gateway/gateway_limits.h"
#include "tests/unit/gateway_fixture.h"

/* ---- live ---- */

static void expect_text(struct client *client, const char *part)
{
    struct message message;

    client_read_message(client, &message);
    assert_int_equal(message.opcode, 1);
    if (!strstr((const char *)message.data.data, part))
        fail_msg("\"%s\" has no \"%s\"", (const char *)message.data.data, part);
    message_done(&message);
}

static void expect_bytes(struct client *client, size_t len, unsigned char first)
{
    struct message message;

    client_read_message(client, &message);
    assert_int_equal(message.opcode, 2);
    assert_int_equal(message.data.len, len);
    assert_int_equal(message.data.data[0], first);
    message_done(&message);
}

#define LIVE "/api/v1/cameras/front/stream/ws"

static void live_starts_at_the_key_frame(void **state)
{
    struct fixture *f = *state;
    struct client client;

    fake_begin_epoch(f->supervisor, "avc1.64001f");
    fake_publish(f->supervisor, true, 900, 'a');
    fake_publish(f->supervisor, false, 100, 'b');
    fake_publish(f->supervisor, true, 800, 'K');
    fake_publish(f->supervisor, false, 200, 'd');
    client_open(&client, &f->loop, f->port);
    assert_int_equal(client_upgrade(&client, LIVE, "Origin: http://localhost\r\n"), 101);
    expect_text(&client, "\"mime\":\"video/mp4; codecs=\\\"avc1.64001f\\\"\"");
    expect_bytes(&client, strlen("INIT avc1.64001f"), 'I');
    expect_bytes(&client, 800, 'K');
    expect_bytes(&client, 200, 'd');
    assert_false(client_has_message(&client));
    fake_publish(f->supervisor, false, 300, 'e');
    expect_bytes(&client, 300, 'e');

    /* the camera changes its format */
    fake_begin_epoch(f->supervisor, "hvc1.1.6.L93.B0");
    fake_publish(f->supervisor, true, 700, 'H');
    expect_text(&client, "\"codec\":\"h265\"");
    expect_bytes(&client, strlen("INIT hvc1.1.6.L93.B0"), 'I');
    expect_bytes(&client, 700, 'H');

    fake_set_status(f->supervisor, "offline");
    expect_text(&client, "\"status\":\"offline\"");

    /* its worker was replaced */
    fake_replace_ring(f->supervisor);
    fake_begin_epoch(f->supervisor, "avc1.640028");
    fake_publish(f->supervisor, true, 600, 'R');
    expect_text(&client, "avc1.640028");
    expect_bytes(&client, strlen("INIT avc1.640028"), 'I');
    expect_bytes(&client, 600, 'R');
    client_close(&client);
    client_idle(&f->loop);
    assert_int_equal(fake_watch_count(f->supervisor), 0);
}

static void live_tells_what_is_wrong(void **state)
{
    struct fixture *f = *state;
    struct client client;

    client_open(&client, &f->loop, f->port);
    assert_int_equal(client_upgrade(&client, "/api/v1/cameras/none/stream/ws", ""), 404);
    client_wait_closed(&client);
    client_close(&client);
    client_open(&client, &f->loop, f->port);
    assert_int_equal(client_upgrade(&client, LIVE "?stream=sub", ""), 404);
    client_close(&client);
    client_open(&client, &f->loop, f->port);
    assert_int_equal(client_upgrade(&client, LIVE "?stream=x", ""), 400);
    client_close(&client);
    client_open(&client, &f->loop, f->port);
    assert_int_equal(client_upgrade(&client, "/health", ""), 400);
    client_close(&client);

    client_open(&client, &f->loop, f->port);
    assert_int_equal(client_upgrade(&client, "/api/v1/cameras/back/stream/ws", ""), 101);
    expect_text(&client, "\"status\":\"offline\"");
    client_close(&client);

    fake_begin_epoch(f->supervisor, "jpeg");
    fake_publish(f->supervisor, true, 100, 'j');
    client_open(&client, &f->loop, f->port);
    assert_int_equal(client_upgrade(&client, LIVE, ""), 101);
    expect_text(&client, "\"unsupported\"");
    client_wait_closed(&client);
    client_close(&client);
}

/* Small receive buffer: the kernel takes little for it. */
static void open_slow(struct client *client, struct fixture *f)
{
    const int size = 65536;

    client_open(client, &f->loop, f->port);
    assert_int_equal(setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
    assert_int_equal(client_upgrade(client, LIVE, ""), 101);
}

static void slow_viewer_skips_and_delays_nobody(void **state)
{
    struct fixture *f = *state;
    struct client slow;
    struct client quick;
    struct message message;
    bool told = false;
    bool moved = false;

    fake_begin_epoch(f->supervisor, "avc1.64001f");
    fake_publish(f->supervisor, true, 1000, 'K');
    open_slow(&slow, f);
    client_open(&quick, &f->loop, f->port);
    assert_int_equal(client_upgrade(&quick, LIVE, ""), 101);
    expect_text(&quick, "init");
    expect_bytes(&quick, strlen("INIT avc1.64001f"), 'I');
    expect_bytes(&quick, 1000, 'K');

    /* 12 MB through a ring of 1 MB; the slow one reads nothing */
    for (int i = 0; i < 240; i++) {
        const bool key = i % 10 == 0;

        fake_publish(f->supervisor, key, 50000, key ? 'K' : 'd');
        expect_bytes(&quick, 50000, key ? 'K' : 'd');
    }
    client_close(&quick);
    while (!told || !moved) {
        client_read_message(&slow, &message);
        if (message.opcode == 1 && strstr((const char *)message.data.data, "\"gap\""))
            told = true;
        else if (message.opcode == 2 && told)
            moved = message.data.data[0] == 'K';
        assert_true(!told || moved || message.opcode == 1); /* the key frame comes at once */
        message_done(&message);
    }
    client_close(&slow);
}

/* A viewer that keeps up loses nothing when the ring grows: first what the old one still holds. */
static void growing_ring_loses_nothing(void **state)
{
    struct fixture *f = *state;
    struct client client;

    fake_begin_epoch(f->supervisor, "avc1.64001f");
    fake_publish(f->supervisor, true, 900, 'K');
    client_open(&client, &f->loop, f->port);
    assert_int_equal(client_upgrade(&client, LIVE, ""), 101);
    expect_text(&client, "init");
    expect_bytes(&client, strlen("INIT avc1.64001f"), 'I');
    expect_bytes(&client, 900, 'K');
    fake_publish(f->supervisor, false, 100, 'b');
    fake_publish(f->supervisor, false, 101, 'c');
    fake_replace_ring(f->supervisor);
    fake_begin_epoch(f->supervisor, "avc1.64001f");
    fake_publish(f->supervisor, true, 800, 'R');
    expect_bytes(&client, 100, 'b');
    expect_bytes(&client, 101, 'c');
    expect_text(&client, "init");
    expect_bytes(&client, strlen("INIT avc1.64001f"), 'I');
    expect_bytes(&client, 800, 'R');
    client_close(&client);
}

/* What it did not see of the new ring is told, too. */
static void missed_start_of_a_new_ring_is_a_gap(void **state)
{
    struct fixture *f = *state;
    struct client client;

    fake_begin_epoch(f->supervisor, "avc1.64001f");
    fake_publish(f->supervisor, true, 900, 'K');
    client_open(&client, &f->loop, f->port);
    assert_int_equal(client_upgrade(&client, LIVE, ""), 101);
    expect_text(&client, "init");
    expect_bytes(&client, strlen("INIT avc1.64001f"), 'I');
    expect_bytes(&client, 900, 'K');
    fake_replace_ring(f->supervisor);
    fake_begin_epoch(f->supervisor, "avc1.64001f");
    fake_publish(f->supervisor, true, 800, 'R');
    fake_publish(f->supervisor, false, 100, 'b');
    fake_publish(f->supervisor, true, 700, 'S');
    expect_text(&client, "init");
    expect_bytes(&client, strlen("INIT avc1.64001f"), 'I');
    expect_text(&client, "\"dropped\":2");
    expect_bytes(&client, 700, 'S');
    client_close(&client);
}

static void too_many_viewers(void **state)
{
    struct fixture *f = *state;
    struct client clients[NVR_LIVE_VIEWERS_PER_CAMERA_MAX];
    struct client one_more;

    for (size_t i = 0; i < NVR_ARRAY_SIZE(clients); i++) {
        client_open(&clients[i], &f->loop, f->port);
        assert_int_equal(client_upgrade(&clients[i], LIVE, ""), 101);
    }
    assert_int_equal(fake_watch_count(f->supervisor), 1);
    client_open(&one_more, &f->loop, f->port);
    assert_int_equal(client_upgrade(&one_more, LIVE, ""), 503);
    client_close(&one_more);
    for (size_t i = 0; i < NVR_ARRAY_SIZE(clients); i++)
        client_close(&clients[i]);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        T(live_starts_at_the_key_frame),        T(live_tells_what_is_wrong),
        T(slow_viewer_skips_and_delays_nobody), T(growing_ring_loses_nothing),
        T(missed_start_of_a_new_ring_is_a_gap), T(too_many_viewers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
