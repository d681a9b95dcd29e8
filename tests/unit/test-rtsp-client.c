/* Sessions of the RTSP client: from OPTIONS to frames, over TCP and UDP. */
#include "tests/unit/rtsp-world.h"

static void a_session_from_options_to_frames(void **state)
{
    struct world world;

    (void)state;
    for (int slow = 0; slow < 2; slow++) {
        set_up(&world, well_behaved);
        world.byte_by_byte = slow;
        world.frames_wanted = 3;
        run(&world);
        check_session(&world);
        assert_int_equal(count_requests(&world, "SETUP rtsp://127.0.0.1:"), 2);
        assert_int_equal(count_requests(&world, "/cam/v RTSP/1.0"), 1);
        assert_int_equal(count_requests(&world, "/cam/a RTSP/1.0"), 1);
        assert_int_equal(count_requests(&world, "Authorization"), 0);
        assert_int_equal(count_requests(&world, "Session: 42\r\n"), 2); /* second SETUP, PLAY */
        assert_int_equal(world.closes, 0);
        assert_int_equal(world.stats.packets, 3);
        assert_int_equal(world.stats.bytes, 3 * 14);
        assert_int_equal(world.stats.frames, 3);
        assert_int_equal(world.stats.lost + world.stats.dropped + world.stats.damaged, 0);
        assert_string_equal(world.server, "Test Cam");
        tear_down(&world);
    }
}

static void audio_only_on_request(void **state)
{
    struct world world;

    (void)state;
    set_up(&world, well_behaved);
    world.frames_wanted = 2;
    run_with(&world, (struct nvr_rtsp_options){.want_audio = false});
    assert_int_equal(world.tracks_count, 1);
    assert_int_equal(count_requests(&world, "SETUP"), 1);
    tear_down(&world);
}

static void closing_inside_callbacks(void **state)
{
    struct world world;

    (void)state;
    set_up(&world, well_behaved);
    world.close_in_tracks = true;
    run(&world);
    assert_int_equal(world.frames_count, 0);
    (void)uv_run(&world.loop, UV_RUN_NOWAIT);
    tear_down(&world);
    set_up(&world, well_behaved);
    world.close_in_frame = true;
    run(&world);
    assert_int_equal(world.frames_count, 1);
    assert_int_equal(world.closes, 0);
    tear_down(&world);
}

/* ---- addresses of the description ---- */

static bool with_bases(struct world *world, const char *method, const char *request,
                       struct nvr_buf *out)
{
    if (strcmp(method, "DESCRIBE") == 0) {
        reply(world, out, "200 OK", "Content-Base: rtsp://10.9.8.7/live/\r\n", SDP);
        return true;
    }
    if (strcmp(method, "OPTIONS") == 0) { /* not every server knows it */
        reply(world, out, "501 Not Implemented", "", "");
        return true;
    }
    if (strcmp(method, "PLAY") == 0 && !strstr(request, "/v RTSP") && !strstr(request, "/a RTSP")) {
        reply(world, out, "459 Aggregate Operation Not Allowed", "", "");
        return true;
    }
    if (strcmp(method, "PLAY") == 0 && world->steps++ == 0) {
        reply(world, out, "200 OK", "", ""); /* the first of two: media come with the second */
        return true;
    }
    return well_behaved(world, method, request, out);
}

static void bases_and_tracks_played_one_by_one(void **state)
{
    struct world world;

    (void)state;
    set_up(&world, with_bases);
    world.frames_wanted = 3;
    run(&world);
    check_session(&world);
    assert_int_equal(count_requests(&world, "SETUP rtsp://10.9.8.7/live/v "), 1);
    assert_int_equal(count_requests(&world, "PLAY rtsp://10.9.8.7/live/ "), 1);
    assert_int_equal(count_requests(&world, "PLAY rtsp://10.9.8.7/live/a "), 1);
    tear_down(&world);
}

static bool audio_refused(struct world *world, const char *method, const char *request,
                          struct nvr_buf *out)
{
    if (strcmp(method, "SETUP") == 0 && strstr(request, "/a RTSP")) {
        reply(world, out, "500 No Audio Today", "", "");
        return true;
    }
    return well_behaved(world, method, request, out);
}

static void refused_audio_leaves_video(void **state)
{
    struct world world;

    (void)state;
    set_up(&world, audio_refused);
    world.frames_wanted = 2;
    run(&world);
    assert_int_equal(world.tracks_count, 1);
    tear_down(&world);
}

/* ---- keep-alive ---- */

static bool short_session(struct world *world, const char *method, const char *request,
                          struct nvr_buf *out)
{
    if (strcmp(method, "SETUP") == 0) {
        reply(world, out, "200 OK",
              "Session: 42;timeout=1\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n", "");
        return true;
    }
    if (strcmp(method, "GET_PARAMETER") == 0) {
        reply(world, out, "454 Session Not Found", "", "");
        return true;
    }
    return well_behaved(world, method, request, out);
}

static void sessions_are_kept_alive(void **state)
{
    struct world world;

    (void)state;
    set_up(&world, short_session);
    run_with(&world, (struct nvr_rtsp_options){.want_audio = false});
    assert_int_equal(count_requests(&world, "GET_PARAMETER rtsp://127.0.0.1"), 1);
    assert_string_equal(world.code, "ended");
    assert_int_equal(world.status, 454);
    assert_int_equal(world.reports, 1);
    assert_int_equal(world.stats.keepalives, 1);
    tear_down(&world);
}

/* ---- UDP ---- */

static bool over_udp(struct world *world, const char *method, const char *request,
                     struct nvr_buf *out)
{
    static uint16_t ports[2];
    const char *port = strstr(request, "client_port=");
    struct nvr_str digits;
    uint64_t number;
    char headers[128];

    if (strcmp(method, "SETUP") == 0) {
        assert_non_null(port);
        digits = (struct nvr_str){port + 12, strcspn(port + 12, "-")};
        assert_int_equal(nvr_str_to_u64(digits, 65535, &number), 0);
        assert_int_equal(number % 2, 0);
        ports[world->steps++ % 2] = (uint16_t)number;
        assert_true(nvr_fmt(headers, sizeof(headers),
                            "Session: 42\r\nTransport: RTP/AVP;unicast;client_port=%u-%u;"
                            "server_port=9\r\n",
                            (unsigned)number, (unsigned)number + 1) > 0);
        reply(world, out, "200 OK", headers, "");
        return true;
    }
    if (strcmp(method, "PLAY") == 0) {
        const int fd = socket(AF_INET, SOCK_DGRAM, 0);
        struct sockaddr_in to;
        struct nvr_buf packets;

        reply(world, out, "200 OK", "", "");
        nvr_buf_init(&packets, 4096);
        add_packet(&packets, 0, 96, 1, 1000, "\x65\x88", 2);
        add_packet(&packets, 0, 96, 3, 7000, "\x41\x9a", 2); /* out of order */
        add_packet(&packets, 0, 96, 2, 4000, "\x41\x9a", 2);
        assert_int_equal(uv_ip4_addr("127.0.0.1", ports[0], &to), 0);
        for (size_t i = 0; i < 3; i++)
            assert_int_equal(sendto(fd, packets.data + i * 18 + 4, 14, 0,
                                    (const struct sockaddr *)&to, sizeof(to)),
                             14);
        nvr_buf_done(&packets);
        (void)close(fd);
        return true;
    }
    return well_behaved(world, method, request, out);
}

static void datagrams(void **state)
{
    struct world world;

    (void)state;
    set_up(&world, over_udp);
    world.frames_wanted = 3;
    run_with(&world, (struct nvr_rtsp_options){.want_audio = true, .transport = NVR_RTSP_UDP});
    assert_int_equal(world.frames_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(world.frames[i].pts, world.frames[0].pts + i * 3000);
        assert_false(world.frames[i].damaged);
    }
    tear_down(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_from_options_to_frames),
        cmocka_unit_test(audio_only_on_request),
        cmocka_unit_test(closing_inside_callbacks),
        cmocka_unit_test(bases_and_tracks_played_one_by_one),
        cmocka_unit_test(refused_audio_leaves_video),
        cmocka_unit_test(sessions_are_kept_alive),
        cmocka_unit_test(datagrams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
