/* What ends or detours a session of the RTSP client: passwords, redirects, refusals, nonsense. */
#include "tests/unit/rtsp-world.h"

/* ---- authentication ---- */

static bool guarded(struct world *world, const char *method, const char *request,
                    struct nvr_buf *out)
{
    const char *challenge = world->steps == 0
                                ? "WWW-Authenticate: Basic realm=\"r\"\r\n"
                                  "WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\"\r\n"
                                : "WWW-Authenticate: Digest realm=\"r\", nonce=\"n2\", stale=true"
                                  "\r\n";

    if (strcmp(method, "OPTIONS") != 0 &&
        !strstr(request, world->steps == 0 ? "nonce=\"n1\"" : "nonce=\"n2\"")) {
        reply(world, out, "401 Unauthorized", challenge, "");
        return true;
    }
    if (strcmp(method, "DESCRIBE") == 0)
        world->steps = 1; /* the nonce grows old */
    return well_behaved(world, method, request, out);
}

static void digest_and_stale_nonces(void **state)
{
    struct world world;

    (void)state;
    set_up(&world, guarded);
    world.frames_wanted = 3;
    run_with(&world, (struct nvr_rtsp_options){
                         .username = "admin", .password = "s3cret", .want_audio = true});
    check_session(&world);
    assert_int_equal(count_requests(&world, "DESCRIBE"), 2);
    assert_int_equal(count_requests(&world, "SETUP"), 3);
    assert_int_equal(count_requests(&world, "Authorization: Basic"), 0);
    assert_int_equal(world.connections, 1);
    tear_down(&world);
}

static bool deaf_to_passwords(struct world *world, const char *method, const char *request,
                              struct nvr_buf *out)
{
    char headers[128];

    (void)method;
    (void)request;
    /* A new nonce every time, but not stale: the password is wrong. */
    assert_true(nvr_fmt(headers, sizeof(headers),
                        "WWW-Authenticate: Digest realm=\"r\", nonce=\"n%u\"\r\n",
                        world->steps++) > 0);
    reply(world, out, "401 Unauthorized", headers, "");
    return true;
}

static void wrong_passwords_are_tried_once(void **state)
{
    static const struct nvr_rtsp_options OPTIONS[] = {
        {.username = "admin", .password = "s3cret"},
        {.username = "admin", .password = "s3cret", .auth_type = NVR_RTSP_AUTH_BASIC},
        {.username = "admin", .password = "s3cret", .auth_type = NVR_RTSP_AUTH_NONE},
        {.username = ""},
    };
    struct world world;

    (void)state;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(OPTIONS); i++) {
        set_up(&world, deaf_to_passwords);
        run_with(&world, OPTIONS[i]);
        assert_string_equal(world.code, "bad_credentials");
        assert_int_equal(world.status, 401);
        assert_int_equal(world.error, -EACCES);
        assert_int_equal(count_requests(&world, "Authorization"), i == 0);
        assert_int_equal(world.requests_count, i == 0 ? 2 : 1);
        tear_down(&world);
    }
}

static bool hangs_up_after_401(struct world *world, const char *method, const char *request,
                               struct nvr_buf *out)
{
    if (!strstr(request, "Authorization: Basic YWRtaW46czNjcmV0\r\n")) {
        reply(world, out, "401 Unauthorized", "WWW-Authenticate: Basic realm=\"r\"\r\n", "");
        return false;
    }
    return well_behaved(world, method, request, out);
}

static void basic_over_a_new_connection(void **state)
{
    struct world world;

    (void)state;
    set_up(&world, hangs_up_after_401);
    world.frames_wanted = 3;
    run_with(&world, (struct nvr_rtsp_options){
                         .username = "admin", .password = "s3cret", .want_audio = true});
    check_session(&world);
    assert_int_equal(world.connections, 2);
    tear_down(&world);
}

/* ---- redirects ---- */

static bool moved_once(struct world *world, const char *method, const char *request,
                       struct nvr_buf *out)
{
    char headers[128];

    if (strcmp(method, "DESCRIBE") != 0 || strstr(request, "/elsewhere "))
        return well_behaved(world, method, request, out);
    assert_true(nvr_fmt(headers, sizeof(headers), "Location: rtsp://127.0.0.1:%d/elsewhere\r\n",
                        world->port) > 0);
    reply(world, out, "302 Moved", headers, "");
    return true;
}

static bool moves_on(struct world *world, const char *method, const char *request,
                     struct nvr_buf *out)
{
    (void)method;
    (void)request;
    reply(world, out, "301 Moved", "Location: /next\r\n", "");
    return true;
}

static bool moved_to_a_guarded_host(struct world *world, const char *method, const char *request,
                                    struct nvr_buf *out)
{
    char headers[128];

    if (strstr(request, "//localhost"))
        return deaf_to_passwords(world, method, request, out);
    assert_true(
        nvr_fmt(headers, sizeof(headers), "Location: rtsp://localhost:%d/x\r\n", world->port) > 0);
    reply(world, out, "302 Moved", headers, "");
    return true;
}

static void redirects(void **state)
{
    struct world world;

    (void)state;
    set_up(&world, moved_once);
    world.frames_wanted = 3;
    run(&world);
    check_session(&world);
    assert_int_equal(world.connections, 2);
    tear_down(&world);
    set_up(&world, moves_on);
    run(&world);
    assert_string_equal(world.code, "protocol");
    assert_int_equal(world.error, -ELOOP);
    assert_int_equal(world.connections, 1 + NVR_RTSP_REDIRECTS_MAX);
    tear_down(&world);
    set_up(&world, moved_to_a_guarded_host); /* the password is not for that one */
    run_with(&world, (struct nvr_rtsp_options){.username = "admin", .password = "s3cret"});
    assert_string_equal(world.code, "bad_credentials");
    assert_int_equal(count_requests(&world, "Authorization"), 0);
    tear_down(&world);
}

/* ---- refusals ---- */

static const char *refusal;

static bool refuses(struct world *world, const char *method, const char *request,
                    struct nvr_buf *out)
{
    if (strcmp(method, "OPTIONS") == 0 ||
        (strcmp(method, "DESCRIBE") == 0 && refusal[0] == '4' && refusal[1] == '6'))
        return well_behaved(world, method, request, out);
    reply(world, out, refusal, "", "");
    return true;
}

static void refusals_have_codes_and_words(void **state)
{
    static const struct {
        const char *status, *code;
        int number;
    } CASES[] = {
        {"404 Not Found", "not_found", 404},  {"403 Forbidden", "bad_credentials", 403},
        {"453 No Bandwidth", "refused", 453}, {"461 Unsupported Transport", "unsupported", 461},
        {"415 \x01\xff", "unsupported", 415}, {"500 Internal", "protocol", 500},
        {"302 No location", "protocol", 302}, {"454 Session Not Found", "protocol", 454},
    };
    struct world world;

    (void)state;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(CASES); i++) {
        refusal = CASES[i].status;
        set_up(&world, refuses);
        run(&world);
        assert_string_equal(world.code, CASES[i].code);
        assert_int_equal(world.status, CASES[i].number);
        assert_int_equal(world.other_transport, CASES[i].number == 461);
        assert_int_equal(world.closes, 1);
        tear_down(&world);
    }
}

static const char *description;

static bool describes(struct world *world, const char *method, const char *request,
                      struct nvr_buf *out)
{
    if (strcmp(method, "DESCRIBE") != 0)
        return well_behaved(world, method, request, out);
    reply(world, out, "200 OK", "", description);
    return true;
}

static void streams_that_cannot_be_taken(void **state)
{
    static const char *const CASES[][2] = {
        {"v=0\r\nm=audio 0 RTP/AVP 0\r\n", "no_video"},
        {"v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n", "unsupported"},
        {"<html>", "protocol"},
        {"", "protocol"},
    };
    struct world world;

    (void)state;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(CASES); i++) {
        description = CASES[i][0];
        set_up(&world, describes);
        run(&world);
        assert_string_equal(world.code, CASES[i][1]);
        tear_down(&world);
    }
}

/* ---- servers that misbehave ---- */

static bool silent(struct world *world, const char *method, const char *request,
                   struct nvr_buf *out)
{
    (void)world;
    (void)method;
    (void)request;
    (void)out;
    return true;
}

static bool hangs_up(struct world *world, const char *method, const char *request,
                     struct nvr_buf *out)
{
    (void)silent(world, method, request, out);
    return false;
}

static bool speaks_http(struct world *world, const char *method, const char *request,
                        struct nvr_buf *out)
{
    (void)silent(world, method, request, out);
    assert_int_equal(nvr_buf_append_str(out, "HTTP/1.1 400 Bad Request\r\n\r\n"), 0);
    return true;
}

static bool endless_head(struct world *world, const char *method, const char *request,
                         struct nvr_buf *out)
{
    (void)silent(world, method, request, out);
    assert_int_equal(nvr_buf_append_str(out, "RTSP/1.0 200 OK\r\n"), 0);
    for (unsigned i = 0; i < 2000; i++)
        assert_int_equal(nvr_buf_append_str(out, "X-Filler: 1\r\n"), 0);
    return true;
}

static bool plays_nothing(struct world *world, const char *method, const char *request,
                          struct nvr_buf *out)
{
    if (strcmp(method, "PLAY") != 0)
        return well_behaved(world, method, request, out);
    reply(world, out, "200 OK", "", "");
    return true;
}

static bool plays_sound_only(struct world *world, const char *method, const char *request,
                             struct nvr_buf *out)
{
    if (strcmp(method, "PLAY") != 0)
        return well_behaved(world, method, request, out);
    reply(world, out, "200 OK", "", "");
    add_packet(out, 2, 0, 1, 50, "\xff\x7f", 2);
    return true;
}

static bool plays_and_hangs_up(struct world *world, const char *method, const char *request,
                               struct nvr_buf *out)
{
    return well_behaved(world, method, request, out) && strcmp(method, "PLAY") != 0;
}

static bool plays_garbage(struct world *world, const char *method, const char *request,
                          struct nvr_buf *out)
{
    if (strcmp(method, "PLAY") != 0)
        return well_behaved(world, method, request, out);
    reply(world, out, "200 OK", "", "");
    add_packet(out, 0, 96, 1, 1000, "\x65\x88", 2);
    assert_int_equal(nvr_buf_append(out, "\x01\x02$\xff\x03garbage\xfe$", 14), 0);
    add_packet(out, 0, 96, 2, 4000, "\x41\x9a", 2);
    add_packet(out, 9, 96, 2, 4000, "\x41\x9a", 2); /* nobody's channel */
    assert_int_equal(nvr_buf_append_str(out, "\r\nOPTIONS * RTSP/1.0\r\nCSeq: 77\r\n\r\n"), 0);
    add_packet(out, 0, 96, 3, 7000, "\x41\x9a", 2);
    return true;
}

static void misbehaviour(void **state)
{
    static const struct {
        answer_fn answer;
        const char *code;
    } CASES[] = {
        {silent, "timeout"},           {hangs_up, "protocol"},     {speaks_http, "protocol"},
        {endless_head, "protocol"},    {plays_nothing, "timeout"}, {plays_sound_only, "timeout"},
        {plays_and_hangs_up, "ended"},
    };
    struct world world;

    (void)state;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(CASES); i++) {
        set_up(&world, CASES[i].answer);
        run_with(&world, (struct nvr_rtsp_options){.want_audio = true, .timeout_ms = 80});
        assert_string_equal(world.code, CASES[i].code);
        assert_int_equal(world.closes, 1);
        if (CASES[i].answer == plays_and_hangs_up)
            assert_int_equal(world.frames_count, 3);
        tear_down(&world);
    }
    set_up(&world, plays_garbage);
    world.frames_wanted = 3;
    run(&world);
    assert_int_equal(world.frames_count, 3);
    tear_down(&world);
}

static void nobody_there(void **state)
{
    struct world world;

    (void)state;
    set_up(&world, silent);
    uv_close((uv_handle_t *)&world.listener, NULL);
    (void)uv_run(&world.loop, UV_RUN_NOWAIT);
    run(&world);
    assert_string_equal(world.code, "refused");
    assert_int_equal(world.error, -ECONNREFUSED);
    uv_close((uv_handle_t *)&world.guard, NULL);
    (void)uv_run(&world.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world.loop), 0);
}

static void bad_options(void **state)
{
    static const struct nvr_rtsp_handlers HANDLERS = {on_tracks, on_frame, on_close};
    struct nvr_rtsp_options options = {.url = "http://h/"};
    struct nvr_rtsp *client = NULL;
    uv_loop_t loop;

    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(nvr_rtsp_open(&loop, &options, &HANDLERS, NULL, &client), -ENOTSUP);
    options.url = "rtsp://";
    assert_int_equal(nvr_rtsp_open(&loop, &options, &HANDLERS, NULL, &client), -EINVAL);
    options.url = "rtsp://h/";
    options.username = "a\r\nX: y";
    assert_int_equal(nvr_rtsp_open(&loop, &options, &HANDLERS, NULL, &client), -EINVAL);
    assert_null(client);
    nvr_rtsp_close(NULL);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digest_and_stale_nonces),
        cmocka_unit_test(wrong_passwords_are_tried_once),
        cmocka_unit_test(basic_over_a_new_connection),
        cmocka_unit_test(redirects),
        cmocka_unit_test(refusals_have_codes_and_words),
        cmocka_unit_test(streams_that_cannot_be_taken),
        cmocka_unit_test(misbehaviour),
        cmocka_unit_test(nobody_there),
        cmocka_unit_test(bad_options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
