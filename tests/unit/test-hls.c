#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/media/hls.h"

#define DAY 1767312000000LL /* 2026-01-02T00:00:00Z */

static const struct nvr_hls_key KEYS[] = {{0, 800}, {4000, 50800}, {8000, 90800}};

static const struct nvr_hls_segment SEGMENT = {
    .uri = "/api/v1/recordings/yard-1767312000000/media.mp4",
    .start_ms = DAY,
    .end_ms = DAY + 10033,
    .file_size = 120000,
    .init_size = 800,
    .init_id = "aa",
    .keys = KEYS,
    .keys_count = 3,
};

struct playlist {
    struct nvr_hls_writer writer;
    struct nvr_buf buf;
};

static void begin(struct playlist *list, int64_t start_ms, int64_t end_ms, bool per_gop)
{
    const struct nvr_hls_options options = {start_ms, end_ms, per_gop};

    nvr_buf_init(&list->buf, 1 << 20);
    assert_int_equal(nvr_hls_begin(&list->writer, &list->buf, &options), 0);
}

static void add(struct playlist *list, const char *uri, int64_t start_ms, const char *init_id)
{
    struct nvr_hls_segment segment = SEGMENT;

    segment.uri = uri;
    segment.end_ms += start_ms - segment.start_ms;
    segment.start_ms = start_ms;
    segment.init_id = init_id;
    assert_int_equal(nvr_hls_add(&list->writer, &segment), 0);
}

static void assert_text(struct playlist *list, const char *want)
{
    assert_int_equal(nvr_hls_end(&list->writer), 0);
    assert_string_equal(nvr_buf_cstr(&list->buf), want);
    nvr_buf_done(&list->buf);
}

static void nothing_is_a_playlist_too(void **state)
{
    struct playlist list;

    (void)state;
    begin(&list, DAY, DAY + 1000, true);
    assert_text(&list, "#EXTM3U\n"
                       "#EXT-X-VERSION:7\n"
                       "#EXT-X-TARGETDURATION:1\n"
                       "#EXT-X-PLAYLIST-TYPE:VOD\n"
                       "#EXT-X-INDEPENDENT-SEGMENTS\n"
                       "#EXT-X-ENDLIST\n");
}

static void groups_of_pictures_are_entries(void **state)
{
    struct playlist list;

    (void)state;
    begin(&list, 0, INT64_MAX, true);
    assert_int_equal(nvr_hls_add(&list.writer, &SEGMENT), 0);
    assert_text(&list, "#EXTM3U\n"
                       "#EXT-X-VERSION:7\n"
                       "#EXT-X-TARGETDURATION:4\n"
                       "#EXT-X-PLAYLIST-TYPE:VOD\n"
                       "#EXT-X-INDEPENDENT-SEGMENTS\n"
                       "#EXT-X-MAP:URI=\"/api/v1/recordings/yard-1767312000000/media.mp4\","
                       "BYTERANGE=\"800@0\"\n"
                       "#EXT-X-PROGRAM-DATE-TIME:2026-01-02T00:00:00.000Z\n"
                       "#EXTINF:4.000,\n"
                       "#EXT-X-BYTERANGE:50000@800\n"
                       "/api/v1/recordings/yard-1767312000000/media.mp4\n"
                       "#EXTINF:4.000,\n"
                       "#EXT-X-BYTERANGE:40000@50800\n"
                       "/api/v1/recordings/yard-1767312000000/media.mp4\n"
                       "#EXTINF:2.033,\n"
                       "#EXT-X-BYTERANGE:29200@90800\n"
                       "/api/v1/recordings/yard-1767312000000/media.mp4\n"
                       "#EXT-X-ENDLIST\n");
}

static void files_gaps_and_new_inits(void **state)
{
    struct playlist list;

    (void)state;
    begin(&list, 0, INT64_MAX, false);
    add(&list, "a.mp4", DAY, "aa");
    add(&list, "b.mp4", DAY + 10033 + 1499, "aa"); /* too small for a gap */
    add(&list, "c.mp4", DAY + 60000, "aa");        /* a gap */
    add(&list, "d.mp4", DAY + 70033, "bb");        /* new init, no gap */
    add(&list, "e.mp4", DAY + 30000, "bb");        /* time went back */
    assert_text(&list, "#EXTM3U\n"
                       "#EXT-X-VERSION:7\n"
                       "#EXT-X-TARGETDURATION:11\n"
                       "#EXT-X-PLAYLIST-TYPE:VOD\n"
                       "#EXT-X-INDEPENDENT-SEGMENTS\n"
                       "#EXT-X-MAP:URI=\"a.mp4\",BYTERANGE=\"800@0\"\n"
                       "#EXT-X-PROGRAM-DATE-TIME:2026-01-02T00:00:00.000Z\n"
                       "#EXTINF:10.033,\n"
                       "#EXT-X-BYTERANGE:119200@800\n"
                       "a.mp4\n"
                       "#EXT-X-PROGRAM-DATE-TIME:2026-01-02T00:00:11.532Z\n"
                       "#EXTINF:10.033,\n"
                       "#EXT-X-BYTERANGE:119200@800\n"
                       "b.mp4\n"
                       "#EXT-X-DISCONTINUITY\n"
                       "#EXT-X-PROGRAM-DATE-TIME:2026-01-02T00:01:00.000Z\n"
                       "#EXTINF:10.033,\n"
                       "#EXT-X-BYTERANGE:119200@800\n"
                       "c.mp4\n"
                       "#EXT-X-DISCONTINUITY\n"
                       "#EXT-X-MAP:URI=\"d.mp4\",BYTERANGE=\"800@0\"\n"
                       "#EXT-X-PROGRAM-DATE-TIME:2026-01-02T00:01:10.033Z\n"
                       "#EXTINF:10.033,\n"
                       "#EXT-X-BYTERANGE:119200@800\n"
                       "d.mp4\n"
                       "#EXT-X-DISCONTINUITY\n"
                       "#EXT-X-PROGRAM-DATE-TIME:2026-01-02T00:00:30.000Z\n"
                       "#EXTINF:10.033,\n"
                       "#EXT-X-BYTERANGE:119200@800\n"
                       "e.mp4\n"
                       "#EXT-X-ENDLIST\n");
}

static void the_span_is_cut_at_groups(void **state)
{
    struct playlist list;

    (void)state;
    begin(&list, DAY + 4000, DAY + 20000, true);
    add(&list, "before.mp4", DAY - 10033, "00");
    add(&list, "a.mp4", DAY, "aa");
    add(&list, "b.mp4", DAY + 15999, "aa"); /* its second group begins at 19,999 */
    add(&list, "c.mp4", DAY + 26032, "aa");
    assert_text(&list, "#EXTM3U\n"
                       "#EXT-X-VERSION:7\n"
                       "#EXT-X-TARGETDURATION:4\n"
                       "#EXT-X-PLAYLIST-TYPE:VOD\n"
                       "#EXT-X-INDEPENDENT-SEGMENTS\n"
                       "#EXT-X-MAP:URI=\"a.mp4\",BYTERANGE=\"800@0\"\n"
                       "#EXT-X-PROGRAM-DATE-TIME:2026-01-02T00:00:04.000Z\n"
                       "#EXTINF:4.000,\n"
                       "#EXT-X-BYTERANGE:40000@50800\n"
                       "a.mp4\n"
                       "#EXTINF:2.033,\n"
                       "#EXT-X-BYTERANGE:29200@90800\n"
                       "a.mp4\n"
                       "#EXT-X-DISCONTINUITY\n"
                       "#EXT-X-PROGRAM-DATE-TIME:2026-01-02T00:00:15.999Z\n"
                       "#EXTINF:4.000,\n"
                       "#EXT-X-BYTERANGE:50000@800\n"
                       "b.mp4\n"
                       "#EXTINF:4.000,\n"
                       "#EXT-X-BYTERANGE:40000@50800\n"
                       "b.mp4\n"
                       "#EXT-X-ENDLIST\n");
}

static void unsound_keys_make_one_entry(void **state)
{
    const struct nvr_hls_key bad[][2] = {
        {{0, 799}, {4000, 900}},    /* inside the init */
        {{0, 800}, {4000, 800}},    /* empty */
        {{0, 800}, {4000, 120000}}, /* behind the file */
        {{4000, 800}, {3999, 900}}, /* back */
        {{0, 800}, {10034, 900}},   /* behind the end */
    };

    (void)state;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(bad); i++) {
        struct nvr_hls_segment segment = SEGMENT;
        struct playlist list;

        segment.keys = bad[i];
        segment.keys_count = 2;
        begin(&list, 0, INT64_MAX, true);
        assert_int_equal(nvr_hls_add(&list.writer, &segment), 0);
        assert_int_equal(list.writer.entries, 1);
        assert_non_null(strstr(nvr_buf_cstr(&list.buf), "119200@800"));
        nvr_buf_done(&list.buf);
    }
}

static void odd_segments(void **state)
{
    const struct nvr_hls_key twice[] = {{0, 800}, {0, 900}, {10033, 1000}};
    struct nvr_hls_segment segment = SEGMENT;
    struct playlist list;

    (void)state;
    begin(&list, 0, INT64_MAX, true);
    segment.uri = "a\"b";
    assert_int_equal(nvr_hls_add(&list.writer, &segment), -EINVAL);
    segment.uri = "a\n#EXT-X-ENDLIST";
    assert_int_equal(nvr_hls_add(&list.writer, &segment), -EINVAL);
    segment.uri = "";
    assert_int_equal(nvr_hls_add(&list.writer, &segment), -EINVAL);
    segment.uri = "a.mp4";
    segment.file_size = 800;
    assert_int_equal(nvr_hls_add(&list.writer, &segment), 0);
    assert_int_equal(list.writer.entries, 0);
    segment.file_size = 5000; /* no time of its own: no entry of its own */
    segment.keys = twice;
    assert_int_equal(nvr_hls_add(&list.writer, &segment), 0);
    assert_int_equal(list.writer.entries, 1);
    assert_non_null(strstr(nvr_buf_cstr(&list.buf), "#EXTINF:10.033,\n#EXT-X-BYTERANGE:200@800\n"));
    nvr_buf_done(&list.buf);
}

static void a_full_buffer_is_an_error(void **state)
{
    struct playlist list;

    (void)state;
    begin(&list, 0, INT64_MAX, true);
    list.buf.max = list.buf.len + 100;
    assert_int_equal(nvr_hls_add(&list.writer, &SEGMENT), -EMSGSIZE);
    assert_int_equal(nvr_hls_end(&list.writer), -EMSGSIZE);
    nvr_buf_done(&list.buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_a_playlist_too),
        cmocka_unit_test(groups_of_pictures_are_entries),
        cmocka_unit_test(files_gaps_and_new_inits),
        cmocka_unit_test(the_span_is_cut_at_groups),
        cmocka_unit_test(unsound_keys_make_one_entry),
        cmocka_unit_test(odd_segments),
        cmocka_unit_test(a_full_buffer_is_an_error),
    };

    return cmocka_run_group_tests_name("hls", tests, NULL, NULL);
}
