#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/rtsp/auth.h"
#include "lib/rtsp/message.h"
#include "lib/rtsp/sdp.h"

#define assert_str(slice, text) assert_true(nvr_str_eq(slice, NVR_STR(text)))

/* ---- messages ---- */

static int parse(const char *text, struct nvr_rtsp_message *message)
{
    return nvr_rtsp_message_parse((const uint8_t *)text, strlen(text), message);
}

static void replies_and_requests(void **state)
{
    static const char reply[] = "RTSP/1.0 200 OK fine\r\nCSeq: 7\r\nserver:  Cam \r\n"
                                "Content-Length: 3\r\nno header\r\n\r\nabcRTSP";
    struct nvr_rtsp_message message;

    (void)state;
    assert_int_equal(parse(reply, &message), sizeof(reply) - 1 - 4);
    assert_int_equal(message.status, 200);
    assert_false(message.is_request);
    assert_str(message.reason, "OK fine");
    assert_int_equal(message.cseq, 7);
    assert_str(nvr_rtsp_message_get(&message, NVR_STR("Server")), "Cam");
    assert_int_equal(nvr_rtsp_message_get(&message, NVR_STR("Session")).n, 0);
    assert_str(message.body, "abc");
    for (size_t n = 0; n < sizeof(reply) - 1 - 4; n++)
        assert_int_equal(nvr_rtsp_message_parse((const uint8_t *)reply, n, &message), -EAGAIN);
    assert_int_equal(parse("rtsp/1.0 401\n\n", &message), 14); /* bare line ends, no phrase */
    assert_int_equal(message.status, 401);
    assert_int_equal(message.cseq, -1);
    assert_true(parse("OPTIONS rtsp://x RTSP/1.0\r\nCSeq: 1\r\n\r\n", &message) > 0);
    assert_true(message.is_request);
    assert_str(message.method, "OPTIONS");
}

static void nonsense_is_refused(void **state)
{
    struct nvr_rtsp_message message;
    char *big = calloc(1, NVR_RTSP_HEAD_MAX * 2);

    (void)state;
    assert_non_null(big);
    assert_int_equal(parse("RTSP/1.0 2x0 OK\r\n\r\n", &message), -EPROTO);
    assert_int_equal(parse("RTSP/1.0 20 OK\r\n\r\n", &message), -EPROTO);
    assert_int_equal(parse("HTTP/1.1 200 OK\r\n\r\n", &message), -EPROTO);
    assert_int_equal(parse("SSH-2.0-OpenSSH\r\n", &message), -EPROTO);
    assert_int_equal(parse("\r\n\r\n", &message), -EPROTO);
    assert_int_equal(parse("RTSP/1.0 200 OK\r\nContent-Length: 65537\r\n\r\n", &message),
                     -EMSGSIZE);
    assert_int_equal(parse("RTSP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n", &message), -EMSGSIZE);
    memset(big, 'A', NVR_RTSP_HEAD_MAX + 1);
    assert_int_equal(parse(big, &message), -EMSGSIZE);
    memcpy(big, "RTSP/1.0 200 OK\r\n", 17);
    for (unsigned i = 0; i <= NVR_RTSP_HEADERS_MAX; i++)
        memcpy(big + 17 + i * 6, "A: b\r\n", 7);
    assert_int_equal(parse(big, &message), -EMSGSIZE);
    free(big);
}

static void session_and_transport(void **state)
{
    struct nvr_rtsp_transport_reply reply;
    uint32_t timeout = 60;

    (void)state;
    assert_str(nvr_rtsp_parse_session(NVR_STR("12 34;timeout=30;x"), &timeout), "12 34");
    assert_int_equal(timeout, 30);
    assert_str(nvr_rtsp_parse_session(NVR_STR("ab ; Timeout=x"), &timeout), "ab");
    assert_str(nvr_rtsp_parse_session(NVR_STR("ab;timeout=0"), &timeout), "ab");
    assert_int_equal(timeout, 30);
    assert_int_equal(
        nvr_rtsp_parse_transport(NVR_STR("RTP/AVP/TCP;unicast;interleaved=2-3;ssrc=1"), &reply), 0);
    assert_true(reply.tcp && reply.has_interleaved && !reply.has_server_port);
    assert_int_equal(reply.rtp_channel, 2);
    assert_int_equal(reply.rtcp_channel, 3);
    assert_int_equal(
        nvr_rtsp_parse_transport(
            NVR_STR("RTP/AVP/UDP;unicast; client_port=1-2;server_port=5000;source=10.0.0.1"),
            &reply),
        0);
    assert_true(!reply.tcp && reply.has_server_port);
    assert_int_equal(reply.server_rtcp_port, 5001);
    assert_str(reply.source, "10.0.0.1");
    assert_int_equal(nvr_rtsp_parse_transport(NVR_STR(""), &reply), -EPROTO);
    assert_int_equal(nvr_rtsp_parse_transport(NVR_STR("RTP/AVP/TCP;interleaved=255"), &reply),
                     -EPROTO);
    assert_int_equal(nvr_rtsp_parse_transport(NVR_STR("RTP/AVP;server_port=99999"), &reply),
                     -EPROTO);
}

static void check_resolve(const char *base, const char *control, const char *want)
{
    char out[64];

    assert_int_equal(nvr_rtsp_resolve(nvr_str_from(base), nvr_str_from(control), out, sizeof(out)),
                     0);
    assert_string_equal(out, want);
}

static void control_urls(void **state)
{
    char out[16];

    (void)state;
    check_resolve("rtsp://h/a/", "trackID=1", "rtsp://h/a/trackID=1");
    check_resolve("rtsp://h/a?x=1&y=2", "trackID=1", "rtsp://h/a?x=1&y=2/trackID=1");
    check_resolve("rtsp://h/a", "*", "rtsp://h/a");
    check_resolve("rtsp://h/a", "", "rtsp://h/a");
    check_resolve("rtsp://h/a", "rtsp://other/b", "rtsp://other/b");
    check_resolve("rtsp://h:554/a/b", "/c", "rtsp://h:554/c");
    assert_int_equal(nvr_rtsp_resolve(NVR_STR("rtsp://h/a"), NVR_STR("too long"), out, sizeof(out)),
                     -EMSGSIZE);
    assert_int_equal(nvr_rtsp_resolve(NVR_STR("r://h"), NVR_STR("a\rb"), out, sizeof(out)),
                     -EPROTO);
}

/* ---- authentication ---- */

static void answer(const char *challenge, const char *password, const char *method, const char *uri,
                   const char *cnonce, const char *want)
{
    struct nvr_rtsp_challenge parsed;
    struct nvr_buf buf;
    const struct nvr_rtsp_credentials credentials = {.username = "Mufasa",
                                                     .password = password,
                                                     .method = method,
                                                     .uri = uri,
                                                     .cnonce = cnonce,
                                                     .count = 1};

    nvr_buf_init(&buf, 2048);
    assert_int_equal(nvr_rtsp_challenge_parse(nvr_str_from(challenge), NVR_RTSP_AUTH_AUTO, &parsed),
                     0);
    assert_int_equal(nvr_rtsp_authorize(&parsed, &credentials, &buf), 0);
    assert_non_null(strstr(nvr_buf_cstr(&buf), want));
    nvr_buf_done(&buf);
}

static void digest_answers_of_the_standards(void **state)
{
    (void)state;
    answer("Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", "
           "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", "
           "opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
           "Circle Of Life", "GET", "/dir/index.html", "0a4f113b",
           "response=\"6629fae49393a05397450978507c4ef1\", "
           "opaque=\"5ccc069c403ebaf9f0171e9517f40e41\", cnonce=\"0a4f113b\", qop=auth, "
           "nc=00000001\r\n"); /* RFC 2617 §3.5 */
    answer("Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=MD5, "
           "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", "
           "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
           "Circle of Life", "GET", "/dir/index.html",
           "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
           "response=\"8ca523f5e9506fed4657c9700eebdbec\""); /* RFC 7616 §3.9.1 */
    answer("Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=SHA-256, "
           "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", "
           "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
           "Circle of Life", "GET", "/dir/index.html",
           "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
           "response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\"");
    answer("Basic realm=\"x\"", "Circle Of Life", "GET", "/", "",
           "Authorization: Basic TXVmYXNhOkNpcmNsZSBPZiBMaWZl\r\n");
    /* without qop, as most cameras ask: H(H(Mufasa:r:p):n:H(DESCRIBE:u)) */
    answer("Digest realm=\"r\",nonce=n", "p", "DESCRIBE", "u", "",
           "uri=\"u\", response=\"28b899fe6ceff23394908a4a52eb985a\"\r\n");
}

static void the_strongest_allowed_challenge_is_taken(void **state)
{
    static const char all[] = "Basic realm=\"a, \\\"b\\\"\", Digest realm=\"m\", nonce=\"1\", "
                              "Digest realm=\"s\", nonce=\"2\", algorithm=SHA-256, stale=TRUE, "
                              "Digest realm=\"x\", nonce=\"3\", algorithm=SHA-512-256, NTLM";
    struct nvr_rtsp_challenge challenge;

    (void)state;
    assert_int_equal(nvr_rtsp_challenge_parse(NVR_STR(all), NVR_RTSP_AUTH_AUTO, &challenge), 0);
    assert_int_equal(challenge.scheme, NVR_RTSP_SCHEME_SHA256);
    assert_true(challenge.stale);
    assert_string_equal(challenge.nonce, "2");
    assert_int_equal(nvr_rtsp_challenge_parse(NVR_STR(all), NVR_RTSP_AUTH_BASIC, &challenge), 0);
    assert_int_equal(challenge.scheme, NVR_RTSP_SCHEME_BASIC);
    assert_string_equal(challenge.realm, "a, \"b\"");
    assert_int_equal(nvr_rtsp_challenge_parse(NVR_STR(all), NVR_RTSP_AUTH_NONE, &challenge),
                     -ENOENT);
    assert_int_equal(
        nvr_rtsp_challenge_parse(NVR_STR("Basic realm=x"), NVR_RTSP_AUTH_DIGEST, &challenge),
        -ENOENT);
    assert_int_equal(nvr_rtsp_challenge_parse(NVR_STR("Digest realm=\"no nonce\""),
                                              NVR_RTSP_AUTH_AUTO, &challenge),
                     -ENOENT);
    assert_int_equal(
        nvr_rtsp_challenge_parse(NVR_STR("Digest nonce=\"open"), NVR_RTSP_AUTH_AUTO, &challenge),
        -EPROTO);
    assert_int_equal(nvr_rtsp_challenge_parse(NVR_STR("=\"\""), NVR_RTSP_AUTH_AUTO, &challenge),
                     -EPROTO);
    assert_int_equal(nvr_rtsp_challenge_parse(NVR_STR(""), NVR_RTSP_AUTH_AUTO, &challenge),
                     -ENOENT);
}

/* ---- SDP ---- */

static const char CAMERA[] =
    "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=Media\r\nt=0 0\r\na=control:rtsp://10.0.0.1/s/\r\n"
    "m=application 0 RTP/AVP 107\r\na=control:meta\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\n"
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=framerate:12.5\r\n"
    "a=fmtp:96 profile-level-id=4D0020; packetization-mode=1; "
    "sprop-parameter-sets=Z00AHpWoKAv+VA==,aO48gA==\r\na=control:track1\r\n"
    "m=audio 0 RTP/AVP 0\r\na=sendonly\r\na=control:back\r\n"
    "m=audio 0 RTP/AVP 97 8\r\na=rtpmap:97 G726-32/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    "a=control:track2\r\n";

static void descriptions_of_cameras(void **state)
{
    static const uint8_t sets[] = {0,    0,    0,    1, 0x67, 0x4d, 0x00, 0x1e, 0x95, 0xa8, 0x28,
                                   0x0b, 0xfe, 0x54, 0, 0,    0,    1,    0x68, 0xee, 0x3c, 0x80};
    struct nvr_sdp_track track;
    struct nvr_sdp sdp;

    (void)state;
    assert_int_equal(nvr_sdp_parse(NVR_STR(CAMERA), &sdp), 0);
    assert_int_equal(sdp.media_count, 4);
    assert_str(sdp.control, "rtsp://10.0.0.1/s/");
    assert_int_equal(nvr_sdp_find(&sdp, NVR_SDP_VIDEO, &track), 1);
    assert_str(sdp.media[1].control, "track1");
    assert_int_equal(track.codec, NVR_CODEC_H264);
    assert_int_equal(track.payload_type, 96);
    assert_int_equal(track.clock_rate, 90000);
    assert_true(track.fps == 12.5);
    assert_int_equal(track.config_size, sizeof(sets));
    assert_memory_equal(track.config, sets, sizeof(sets));
    assert_int_equal(nvr_sdp_find(&sdp, NVR_SDP_AUDIO, &track), 3); /* not the back channel */
    assert_int_equal(track.codec, NVR_CODEC_PCMA);
    assert_int_equal(track.payload_type, 8);
    assert_int_equal(track.channels, 1);
    assert_int_equal(nvr_sdp_parse(NVR_STR("hello"), &sdp), -EPROTO);
    assert_int_equal(nvr_sdp_parse(NVR_STR("v=0\n"), &sdp), 0);
    assert_int_equal(nvr_sdp_find(&sdp, NVR_SDP_VIDEO, &track), -ENOENT);
    assert_int_equal(nvr_sdp_parse(NVR_STR("m=video 0 RTP/AVP 96\na=rtpmap:96 VP8/90000"), &sdp),
                     0);
    assert_int_equal(nvr_sdp_find(&sdp, NVR_SDP_VIDEO, &track), -ENOTSUP);
}

static void select_one(const char *text, int want, struct nvr_sdp_track *track)
{
    struct nvr_sdp sdp;

    assert_int_equal(nvr_sdp_parse(nvr_str_from(text), &sdp), 0);
    assert_int_equal(sdp.media_count, 1);
    assert_int_equal(nvr_sdp_select(&sdp.media[0], track), want);
}

static void formats_of_audio(void **state)
{
    struct nvr_sdp_track track;

    (void)state;
    select_one("m=audio 0 RTP/AVP 97\na=rtpmap:97 MPEG4-GENERIC/16000/1\n"
               "a=fmtp:97 streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;"
               "indexlength=3;indexdeltalength=3;config=1408",
               0, &track);
    assert_int_equal(track.codec, NVR_CODEC_AAC);
    assert_int_equal(track.config_size, 2);
    assert_memory_equal(track.config, "\x14\x08", 2);
    assert_int_equal(track.channels, 1);
    assert_int_equal(track.depay.size_length, 13);
    assert_int_equal(track.depay.au_duration, 1024);
    select_one("m=audio 0 RTP/AVP 97\na=rtpmap:97 mpeg4-generic/48000/2\n"
               "a=fmtp:97 mode=AAC-hbr;config=131056E598", /* LC 24 kHz, sync extension SBR */
               0, &track);
    assert_int_equal(track.channels, 2);
    assert_int_equal(track.depay.au_duration, 2048);
    select_one("m=audio 0 RTP/AVP 97\na=rtpmap:97 mpeg4-generic/16000\na=fmtp:97 mode=AAC-hbr",
               -ENOTSUP, &track);
    select_one("m=audio 0 RTP/AVP 97\na=rtpmap:97 mpeg4-generic/16000\n"
               "a=fmtp:97 mode=CELP-vbr;config=1408",
               -ENOTSUP, &track);
    select_one("m=audio 0 RTP/AVP 97\na=rtpmap:97 mpeg4-generic/16000\n"
               "a=fmtp:97 mode=AAC-hbr;config=14zz",
               -ENOTSUP, &track);
    select_one("m=audio 0 RTP/AVP 98\na=rtpmap:98 MP4A-LATM/16000/1\n"
               "a=fmtp:98 cpresent=0;config=400028103fc0",
               0, &track);
    assert_true(track.depay.latm);
    assert_int_equal(track.depay.latm_subframes, 1);
    assert_int_equal(track.config_size, 2);
    assert_memory_equal(track.config, "\x14\x08", 2); /* 16 kHz mono again, realigned */
    select_one("m=audio 0 RTP/AVP 98\na=rtpmap:98 MP4A-LATM/16000/1\na=fmtp:98 cpresent=1",
               -ENOTSUP, &track);
    select_one("m=audio 0 RTP/AVP 0", 0, &track);
    assert_int_equal(track.codec, NVR_CODEC_PCMU);
    assert_int_equal(track.clock_rate, 8000);
    select_one("m=audio 0 RTP/AVP 111\na=rtpmap:111 opus/48000/2", 0, &track);
    assert_int_equal(track.codec, NVR_CODEC_OPUS);
    assert_int_equal(track.channels, 2);
}

static void formats_of_video(void **state)
{
    static const uint8_t sets[] = {0, 0, 0, 1, 0x40, 1, 0, 0, 0, 1, 0x42, 1, 0, 0, 0, 1, 0x44, 1};
    struct nvr_sdp_track track;

    (void)state;
    select_one("m=video 0 RTP/AVP 96\na=rtpmap:96 H265/90000\n"
               "a=fmtp:96 sprop-pps=RAE=; sprop-vps=QAE=;sprop-sps=QgE",
               0, &track);
    assert_int_equal(track.config_size, sizeof(sets));
    assert_memory_equal(track.config, sets, sizeof(sets));
    assert_false(track.depay.donl);
    select_one("m=video 0 RTP/AVP 26\na=x-dimensions:2560,1440", 0, &track);
    assert_int_equal(track.codec, NVR_CODEC_MJPEG);
    assert_int_equal(track.depay.width, 2560);
    select_one("m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=fmtp:96 sprop-parameter-sets=!,,",
               0, &track);
    assert_int_equal(track.config_size, 0);
    select_one("m=video 0 RTP/AVP 0", -ENOTSUP, &track); /* audio in a video's place */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_and_requests),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(session_and_transport),
        cmocka_unit_test(control_urls),
        cmocka_unit_test(digest_answers_of_the_standards),
        cmocka_unit_test(the_strongest_allowed_challenge_is_taken),
        cmocka_unit_test(descriptions_of_cameras),
        cmocka_unit_test(formats_of_audio),
        cmocka_unit_test(formats_of_video),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
