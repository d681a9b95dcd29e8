/* src/camera: the parts that need no camera. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/media/segment.h"
#include "src/camera/backoff.h"
#include "src/camera/config.h"
#include "src/camera/mux.h"
#include "src/camera/params.h"
#include "src/camera/trouble.h"

/* ---- back-off ---- */

static void backoff_doubles_to_a_minute_with_jitter(void **state)
{
    static const unsigned bases[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
    struct nvr_backoff low = {0};
    struct nvr_backoff any = {0};

    (void)state;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(bases); i++) {
        const unsigned wait = nvr_backoff_next_ms(&any, (uint32_t)(i * 2654435761u));

        assert_int_equal(nvr_backoff_next_ms(&low, 0), bases[i] * 8 / 10);
        assert_in_range(wait, bases[i] * 8 / 10, bases[i] * 12 / 10);
    }
    nvr_backoff_reset(&any);
    assert_in_range(nvr_backoff_next_ms(&any, 12345), 800, 1200);
}

static void backoff_never_overflows(void **state)
{
    struct nvr_backoff b = {0};

    (void)state;
    for (int i = 0; i < 5000; i++)
        assert_true(nvr_backoff_next_ms(&b, UINT32_MAX) <= 72000);
}

static void addresses_are_tried_in_order_and_then_there_is_a_pause(void **state)
{
    int pause;

    (void)state;
    assert_int_equal(nvr_backoff_next_url(0, 3, &pause), 1);
    assert_false(pause);
    assert_int_equal(nvr_backoff_next_url(1, 3, &pause), 2);
    assert_false(pause);
    assert_int_equal(nvr_backoff_next_url(2, 3, &pause), 0);
    assert_true(pause);
    assert_int_equal(nvr_backoff_next_url(0, 1, &pause), 0);
    assert_true(pause);
}

/* ---- words ---- */

static void every_trouble_has_a_name_and_words(void **state)
{
    struct nvr_trouble t;

    (void)state;
    assert_null(nvr_trouble_name(NVR_TROUBLE_NONE));
    for (int c = NVR_TROUBLE_UNREACHABLE; c <= NVR_TROUBLE_DISK; c++) {
        const enum nvr_trouble_code code = (enum nvr_trouble_code)c;

        assert_int_equal(nvr_trouble_from_name(nvr_trouble_name(code)), code);
        nvr_trouble_set(&t, code, NULL);
        assert_true(strlen(t.text) > 20);
        nvr_trouble_set(&t, code, "own words");
        assert_string_equal(t.text, "own words");
    }
    assert_int_equal(nvr_trouble_from_name("what"), NVR_TROUBLE_PROTOCOL);
    assert_true(nvr_trouble_needs_person(NVR_TROUBLE_BAD_CREDENTIALS));
    assert_false(nvr_trouble_needs_person(NVR_TROUBLE_TIMEOUT));
}

static void the_lockout_says_until_when_and_what_helps(void **state)
{
    struct nvr_trouble t;

    (void)state;
    nvr_trouble_set_lockout(&t, INT64_C(1772504640000)); /* 2026-03-03 02:24 */
    assert_int_equal(t.code, NVR_TROUBLE_BAD_CREDENTIALS);
    assert_non_null(strstr(t.text, "02:24 UTC"));
    assert_non_null(strstr(t.text, "restart"));
    assert_non_null(strstr(t.text, "password"));
}

/* ---- configuration ---- */

static int parse_config(const char *text, struct nvr_worker_config *config)
{
    NVR_AUTO_JSON params = NULL;
    const char *reason = NULL;

    assert_int_equal(nvr_json_parse(text, strlen(text), &params, NULL, 0), 0);
    return nvr_worker_config_parse(params, config, &reason);
}

static void a_start_call_is_understood(void **state)
{
    struct nvr_worker_config c;

    (void)state;
    assert_int_equal(
        parse_config("{\"camera\":{\"id\":\"door\",\"stream\":{\"url\":\"rtsp://a:b%40@h/x\","
                     "\"sub_url\":\"rtsp://h/sub\",\"fallback_urls\":[\"rtsp://h/y\"],"
                     "\"transport\":\"udp\",\"timeout_seconds\":7},\"recording\":{\"enabled\":true,"
                     "\"segment_seconds\":30,\"audio\":false}},\"root\":\"/tmp/door\"}",
                     &c),
        0);
    assert_string_equal(c.id, "door");
    assert_string_equal(c.urls[0], "rtsp://h/x");
    assert_string_equal(c.urls[1], "rtsp://h/y");
    assert_int_equal(c.urls_count, 2);
    assert_string_equal(c.sub_url, "rtsp://h/sub");
    assert_string_equal(c.address.username, "a");
    assert_string_equal(c.address.password, "b@");
    assert_int_equal(c.address.transport, NVR_SOURCE_UDP);
    assert_int_equal(c.address.timeout_ms, 7000);
    assert_false(c.address.want_audio);
    assert_int_equal(c.segment_seconds, 30);
    assert_string_equal(c.root, "/tmp/door");
}

static void a_wrong_start_call_is_refused(void **state)
{
    static const char *const bad[] = {
        "{}",
        "{\"camera\":{\"id\":\"../x\",\"stream\":{\"url\":\"rtsp://h/x\"}},\"root\":\"/tmp\"}",
        "{\"camera\":{\"id\":\"x\",\"stream\":{\"url\":\"no url\"}},\"root\":\"/tmp\"}",
        "{\"camera\":{\"id\":\"x\",\"stream\":{\"url\":\"rtsp://h/x\",\"fallback_urls\":[7]}}}",
        ("{\"camera\":{\"id\":\"x\",\"stream\":{\"url\":\"rtsp://h/x\"},"
         "\"recording\":{\"segment_seconds\":1}}}"),
    };
    struct nvr_worker_config c;

    (void)state;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(bad); i++)
        assert_int_equal(parse_config(bad[i], &c), -EINVAL);
}

/* ---- ring ---- */

static void the_ring_fits_the_bit_rate(void **state)
{
    (void)state;
    assert_int_equal(nvr_mux_ring_size(0, 10, NVR_MUX_MAIN_MIN), NVR_MUX_MAIN_MIN);
    assert_int_equal(nvr_mux_ring_size(250000, 10, NVR_MUX_MAIN_MIN), NVR_MUX_MAIN_MIN);
    assert_true(nvr_mux_ring_size(1000000, 10, NVR_MUX_MAIN_MIN) >= 10000000);
    assert_true(nvr_mux_ring_size(1000000, 10, NVR_MUX_MAIN_MIN) < 10300000);
    assert_int_equal(nvr_mux_ring_size(UINT64_MAX, 65, NVR_MUX_SUB_MIN), NVR_MUX_RING_MAX);
    assert_int_equal(nvr_mux_ring_size(50000000, 65, NVR_MUX_SUB_MIN), NVR_MUX_RING_MAX);
}

/* ---- parameter sets ---- */

static const uint8_t sps[] = {0x67, 0x42, 0xc0, 0x1f, 0xda, 0x01, 0x40, 0x16,
                              0xec, 0x04, 0x40, 0x00, 0x03, 0x00, 0x40, 0x00,
                              0x00, 0x07, 0xa3, 0xc6, 0x0c, 0xa8, 0x01};
static const uint8_t pps[] = {0x68, 0xce, 0x3c, 0x80};

static size_t put_nal(uint8_t *dst, const uint8_t *nal, size_t size)
{
    memcpy(dst, "\0\0\0\1", 4);
    memcpy(dst + 4, nal, size);
    return size + 4;
}

static void only_complete_parameter_sets_count(void **state)
{
    static struct nvr_units units;
    struct nvr_params found;
    uint8_t au[256];
    size_t n = 0;

    (void)state;
    n += put_nal(au + n, (const uint8_t *)"\x09\xf0", 2);
    n += put_nal(au + n, sps, sizeof(sps));
    n += put_nal(au + n, (const uint8_t *)"\x65\x88\x84\x21", 4);
    assert_int_equal(nvr_params_split(NVR_CODEC_H264, au, n, &units, &found), 0);
    assert_int_equal(found.size, 0); /* the PPS was lost */
    assert_int_equal(units.count, 1);
    n += put_nal(au + n, pps, sizeof(pps));
    n += put_nal(au + n, pps, sizeof(pps)); /* twice: kept once */
    assert_int_equal(nvr_params_split(NVR_CODEC_H264, au, n, &units, &found), 0);
    assert_int_equal(found.size, sizeof(sps) + sizeof(pps) + 8);
    assert_int_equal(found.sps.width, 1280);
    assert_int_equal(found.sps.height, 720);
    assert_int_equal(units.count, 1);
    assert_int_equal(units.size, 8);
    nvr_units_write(&units, au);
    assert_memory_equal(au, "\0\0\0\4\x65\x88\x84\x21", 8);
}

static void a_damaged_sps_is_not_taken(void **state)
{
    static struct nvr_units units;
    struct nvr_params found;
    uint8_t au[64];
    size_t n = 0;

    (void)state;
    n += put_nal(au + n, sps, 5);
    n += put_nal(au + n, pps, sizeof(pps));
    assert_int_equal(nvr_params_split(NVR_CODEC_H264, au, n, &units, &found), 0);
    assert_int_equal(found.size, 0);
}

static void too_many_units_are_refused(void **state)
{
    static struct nvr_units units;
    static uint8_t au[(NVR_UNITS_MAX + 1) * 6];
    struct nvr_params found;
    size_t n = 0;

    (void)state;
    for (int i = 0; i <= NVR_UNITS_MAX; i++)
        n += put_nal(au + n, (const uint8_t *)"\x41\x9a", 2);
    assert_int_equal(nvr_params_split(NVR_CODEC_H264, au, n, &units, &found), -EPROTO);
}

static void the_size_of_a_jpeg_is_found(void **state)
{
    static const uint8_t jpeg[] = {0xff, 0xd8, 0xff, 0xe0, 0,    4,    0,    0,    0xff,
                                   0xc0, 0,    11,   8,    0x01, 0xe0, 0x02, 0x80, 1};
    uint32_t w, h;

    (void)state;
    assert_int_equal(nvr_jpeg_parse_size(jpeg, sizeof(jpeg), &w, &h), 0);
    assert_int_equal(w, 640);
    assert_int_equal(h, 480);
    for (size_t n = 0; n < sizeof(jpeg) - 1; n++)
        assert_int_equal(nvr_jpeg_parse_size(jpeg, n, &w, &h), -EPROTO);
}

/* ---- segments ---- */

static void segments_are_named_by_their_start(void **state)
{
    const struct nvr_utc t = {2026, 1, 2, 3, 4, 5, 678};
    const int64_t us = nvr_utc_to_ms(&t) * 1000;
    char text[64];

    (void)state;
    assert_int_equal(nvr_segment_folder(us, text, sizeof(text)), 0);
    assert_string_equal(text, "2026-01-02/03");
    assert_int_equal(nvr_segment_name(us, 1, text, sizeof(text)), 0);
    assert_string_equal(text, "segment_20260102_030405.mp4");
    assert_int_equal(nvr_segment_name(us, 2, text, sizeof(text)), 0);
    assert_string_equal(text, "segment_20260102_030405_2.mp4");
}

static enum nvr_segment_action decide(struct nvr_segment_cut cut, int64_t at_ms, uint32_t flags)
{
    const struct nvr_ring_entry entry = {.dts_us = cut.start_us + at_ms * 1000, .flags = flags};

    cut.length_us = 10000000;
    return nvr_segment_decide(&cut, &entry);
}

static void files_are_cut_at_key_frames(void **state)
{
    const struct nvr_segment_cut none = {0};
    const struct nvr_segment_cut open = {.open = true, .start_us = 1000};

    (void)state;
    assert_int_equal(decide(none, 0, 0), NVR_SEGMENT_SKIP);
    assert_int_equal(decide(none, 0, NVR_RING_AUDIO_ONLY), NVR_SEGMENT_SKIP);
    assert_int_equal(decide(none, 0, NVR_RING_KEY), NVR_SEGMENT_BEGIN);
    assert_int_equal(decide(open, 5000, 0), NVR_SEGMENT_APPEND);
    assert_int_equal(decide(open, 5000, NVR_RING_KEY), NVR_SEGMENT_APPEND);
    assert_int_equal(decide(open, 9499, NVR_RING_KEY), NVR_SEGMENT_APPEND);
    assert_int_equal(decide(open, 9500, NVR_RING_KEY), NVR_SEGMENT_BEGIN);
    assert_int_equal(decide(open, 9500, 0), NVR_SEGMENT_APPEND);
}

static void files_are_cut_where_time_or_format_breaks(void **state)
{
    struct nvr_segment_cut cut = {.open = true, .new_init = true};

    (void)state;
    assert_int_equal(decide(cut, 1000, NVR_RING_KEY), NVR_SEGMENT_BEGIN);
    assert_int_equal(decide(cut, 1000, 0), NVR_SEGMENT_SKIP);
    cut = (struct nvr_segment_cut){.open = true};
    assert_int_equal(decide(cut, 1000, NVR_RING_KEY | NVR_RING_DISCONTINUITY), NVR_SEGMENT_BEGIN);
    assert_int_equal(decide(cut, 1000, NVR_RING_DISCONTINUITY), NVR_SEGMENT_APPEND);
    cut.pending = true;
    assert_int_equal(decide(cut, 1000, 0), NVR_SEGMENT_APPEND);
    assert_int_equal(decide(cut, 1000, NVR_RING_KEY), NVR_SEGMENT_BEGIN);
}

static void without_key_frames_a_file_is_longer_but_not_endless(void **state)
{
    struct nvr_segment_cut cut = {.open = true};

    (void)state;
    assert_int_equal(decide(cut, 120000, 0), NVR_SEGMENT_APPEND);
    assert_int_equal(decide(cut, NVR_SEGMENT_MAX_US / 1000, 0), NVR_SEGMENT_BEGIN);
    assert_int_equal(decide(cut, NVR_SEGMENT_MAX_US / 1000, NVR_RING_AUDIO_ONLY),
                     NVR_SEGMENT_APPEND);
    cut.bytes = NVR_SEGMENT_MAX_BYTES;
    assert_int_equal(decide(cut, 1000, 0), NVR_SEGMENT_BEGIN);
}

static void a_segment_is_described_for_the_index(void **state)
{
    struct nvr_segment s = {.path = "door/x.mp4",
                            .start_us = INT64_C(1700000000123456),
                            .end_us = INT64_C(1700000010123456),
                            .file_size = 1250000,
                            .frames = 150,
                            .codecs = "avc1.64001f,mp4a.40.2",
                            .width = 640,
                            .height = 360};
    NVR_AUTO_JSON json = NULL;

    (void)state;
    assert_int_equal(nvr_segment_add_key(&s, 0, 700), 0);
    assert_int_equal(nvr_segment_add_key(&s, 2000, 90000), 0);
    json = nvr_segment_to_json(&s);
    assert_non_null(json);
    assert_int_equal(json_integer_value(json_object_get(json, "duration_ms")), 10000);
    assert_int_equal(json_integer_value(json_object_get(json, "bitrate")), 1000000);
    assert_string_equal(json_string_value(json_object_get(json, "codec")), "h264");
    assert_string_equal(json_string_value(json_object_get(json, "audio_codec")), "aac");
    assert_true(json_real_value(json_object_get(json, "fps")) > 14.99);
    assert_int_equal(json_array_size(json_object_get(json, "keyframes")), 2);
    nvr_segment_done(&s);
}

static void a_long_file_has_sparser_digests(void **state)
{
    struct nvr_segment *s = calloc(1, sizeof(*s));
    struct nvr_segment_digest last;

    (void)state;
    assert_non_null(s);
    assert_null(nvr_segment_add_digest(s, 0, 700));
    assert_null(nvr_segment_add_digest(s, 999, 800));
    assert_non_null(nvr_segment_add_digest(s, 1000, 900));
    assert_null(nvr_segment_add_digest(s, 1900, 1000));
    for (uint32_t ms = 2000; ms <= 600000; ms += 40)
        (void)nvr_segment_add_digest(s, ms, ms);
    assert_in_range(s->digests_count, NVR_SEGMENT_DIGESTS_MAX / 2, NVR_SEGMENT_DIGESTS_MAX);
    for (size_t i = 1; i < s->digests_count; i++) {
        assert_true(s->digests[i].ms > s->digests[i - 1].ms);
        assert_true(s->digests[i].ms - s->digests[i - 1].ms <= 8040);
    }
    last = s->digests[s->digests_count - 1];
    assert_null(nvr_segment_add_digest(s, last.ms, last.offset)); /* time that stands still */
    assert_null(nvr_segment_add_digest(s, 0, last.offset));       /* or goes back */
    nvr_segment_done(s);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backoff_doubles_to_a_minute_with_jitter),
        cmocka_unit_test(backoff_never_overflows),
        cmocka_unit_test(addresses_are_tried_in_order_and_then_there_is_a_pause),
        cmocka_unit_test(every_trouble_has_a_name_and_words),
        cmocka_unit_test(the_lockout_says_until_when_and_what_helps),
        cmocka_unit_test(a_start_call_is_understood),
        cmocka_unit_test(a_wrong_start_call_is_refused),
        cmocka_unit_test(the_ring_fits_the_bit_rate),
        cmocka_unit_test(only_complete_parameter_sets_count),
        cmocka_unit_test(a_damaged_sps_is_not_taken),
        cmocka_unit_test(too_many_units_are_refused),
        cmocka_unit_test(the_size_of_a_jpeg_is_found),
        cmocka_unit_test(segments_are_named_by_their_start),
        cmocka_unit_test(files_are_cut_at_key_frames),
        cmocka_unit_test(files_are_cut_where_time_or_format_breaks),
        cmocka_unit_test(without_key_frames_a_file_is_longer_but_not_endless),
        cmocka_unit_test(a_segment_is_described_for_the_index),
        cmocka_unit_test(a_long_file_has_sparser_digests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
