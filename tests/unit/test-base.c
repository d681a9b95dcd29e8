#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/id.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/base/url.h"

NVR_LOG_TOPIC("test");

static void buf_grows_to_its_maximum_and_errors_stick(void **state)
{
    struct nvr_buf buf;

    (void)state;
    nvr_buf_init(&buf, 1000);
    for (int i = 0; i < 100; i++)
        assert_int_equal(nvr_buf_printf(&buf, "%09d,", i), 0);
    assert_int_equal(buf.len, 1000);
    assert_int_equal(nvr_buf_append_char(&buf, 'x'), -EMSGSIZE);
    assert_int_equal(buf.len, 1000);
    assert_int_equal(nvr_buf_append(&buf, "", 0), -EMSGSIZE);
    assert_null(nvr_buf_cstr(&buf));
    nvr_buf_reset(&buf);
    assert_int_equal(nvr_buf_append_str(&buf, "hello"), 0);
    assert_string_equal(nvr_buf_cstr(&buf), "hello");
    nvr_buf_consume(&buf, 2);
    assert_string_equal(nvr_buf_cstr(&buf), "llo");
    nvr_buf_consume(&buf, 99);
    assert_int_equal(buf.len, 0);
    char *text = nvr_buf_take_cstr(&buf);

    assert_string_equal(text, "");
    free(text);
}

static void str_cuts_trims_compares(void **state)
{
    struct nvr_str s = NVR_STR("a=b=c");

    (void)state;
    assert_true(nvr_str_eq(nvr_str_cut(&s, '='), NVR_STR("a")));
    assert_true(nvr_str_eq(nvr_str_cut(&s, '='), NVR_STR("b")));
    assert_true(nvr_str_eq(nvr_str_cut(&s, '='), NVR_STR("c")));
    assert_null(s.p);
    assert_true(nvr_str_eq(nvr_str_trim(NVR_STR(" \r\n x \t")), NVR_STR("x")));
    assert_int_equal(nvr_str_trim(NVR_STR("  ")).n, 0);
    assert_true(nvr_str_ieq(NVR_STR("AbC"), NVR_STR("aBc")));
    assert_true(nvr_str_istarts(NVR_STR("Content-Length: 3"), NVR_STR("content-length")));
    assert_false(nvr_str_starts(NVR_STR("ab"), NVR_STR("abc")));
}

static void str_reads_numbers_exactly(void **state)
{
    uint64_t u;
    int64_t i;
    double d;

    (void)state;
    assert_int_equal(nvr_str_to_u64(NVR_STR("18446744073709551615"), UINT64_MAX, &u), 0);
    assert_true(u == UINT64_MAX);
    assert_int_equal(nvr_str_to_u64(NVR_STR("18446744073709551616"), UINT64_MAX, &u), -ERANGE);
    assert_int_equal(nvr_str_to_u64(NVR_STR("256"), 255, &u), -ERANGE);
    assert_int_equal(nvr_str_to_u64(NVR_STR("7"), 5, &u), -ERANGE);
    assert_int_equal(nvr_str_to_u64(NVR_STR(""), 5, &u), -EINVAL);
    assert_int_equal(nvr_str_to_u64(NVR_STR("+1"), 5, &u), -EINVAL);
    assert_int_equal(nvr_str_to_u64(NVR_STR("1 "), 5, &u), -EINVAL);
    assert_int_equal(nvr_str_to_i64(NVR_STR("-42"), &i), 0);
    assert_int_equal(i, -42);
    assert_int_equal(nvr_str_to_i64(NVR_STR("-"), &i), -EINVAL);
    assert_int_equal(nvr_str_to_double(NVR_STR("-1.5e2"), &d), 0);
    assert_true(d == -150.0);
    assert_int_equal(nvr_str_to_double(NVR_STR("nan"), &d), -EINVAL);
    assert_int_equal(nvr_str_to_double(NVR_STR("0x10"), &d), -EINVAL);
    assert_int_equal(nvr_str_to_double(NVR_STR("1e999"), &d), -EINVAL);
}

static void str_knows_utf8(void **state)
{
    (void)state;
    assert_true(nvr_str_is_utf8(NVR_STR("Haustür \xf0\x9f\x9a\xaa")));
    assert_false(nvr_str_is_utf8(NVR_STR("\xc0\xaf")));         /* overlong */
    assert_false(nvr_str_is_utf8(NVR_STR("\xed\xa0\x80")));     /* surrogate */
    assert_false(nvr_str_is_utf8(NVR_STR("\xf4\x90\x80\x80"))); /* above U+10FFFF */
    assert_false(nvr_str_is_utf8(NVR_STR("\xe2\x82")));         /* cut */
    assert_false(nvr_str_is_utf8(NVR_STR("a\0b")));
}

static void clock_names_the_zone(void **state)
{
    static const char *const bad[] = {"",     "UTC0",        "CET-1CEST",           "/etc/shadow",
                                      "../x", "Europe/../x", "/usr/share/zoneinfo/"};
    char name[64];

    (void)state;
    assert_int_equal(nvr_clock_zone_parse(":Europe/Zurich", name, sizeof(name)), 0);
    assert_string_equal(name, "Europe/Zurich");
    assert_int_equal(nvr_clock_zone_parse("/usr/share/zoneinfo/Etc/UTC", name, sizeof(name)), 0);
    assert_string_equal(name, "Etc/UTC");
    assert_int_equal(nvr_clock_zone_parse("../zoneinfo/posix/Etc/GMT+5", name, sizeof(name)), 0);
    assert_string_equal(name, "Etc/GMT+5");
    for (size_t i = 0; i < NVR_ARRAY_SIZE(bad); i++)
        assert_int_equal(nvr_clock_zone_parse(bad[i], name, sizeof(name)), -EINVAL);
    nvr_clock_zone_name(name, sizeof(name));
    assert_true(strlen(name) > 0);
}

static void clock_formats_and_parses_rfc3339(void **state)
{
    char text[NVR_RFC3339_SIZE];
    int64_t ms;

    (void)state;
    nvr_rfc3339_format(1767323045678, text);
    assert_string_equal(text, "2026-01-02T03:04:05.678Z");
    assert_int_equal(nvr_rfc3339_parse(text, &ms), 0);
    assert_int_equal(ms, 1767323045678);
    assert_int_equal(nvr_rfc3339_parse("2026-01-02T05:04:05.6789+02:00", &ms), 0);
    assert_int_equal(ms, 1767323045678);
    assert_int_equal(nvr_rfc3339_parse("2024-02-29T00:00:00Z", &ms), 0);
    assert_int_equal(nvr_rfc3339_parse("2023-02-29T00:00:00Z", &ms), -EINVAL);
    assert_int_equal(nvr_rfc3339_parse("2026-01-02T03:04:05", &ms), -EINVAL);
    assert_int_equal(nvr_rfc3339_parse("2026-01-02T03:04:05Zx", &ms), -EINVAL);
    assert_int_equal(nvr_time_parse("1767323045678", &ms), 0);
    assert_int_equal(ms, 1767323045678);
    nvr_rfc3339_format(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999Z");
    for (int64_t day = -200000; day < 200000; day += 37) {
        const struct nvr_utc utc = nvr_utc_from_ms(day * 86400000 + 12345);

        assert_int_equal(nvr_utc_to_ms(&utc), day * 86400000 + 12345);
    }
}

static void ids_have_their_form(void **state)
{
    char a[NVR_UUID_SIZE];
    char b[NVR_UUID_SIZE];
    char slug[NVR_SLUG_SIZE];

    (void)state;
    nvr_uuid7(a);
    nvr_uuid7(b);
    assert_int_equal(strlen(a), 36);
    assert_int_equal(a[14], '7');
    assert_string_not_equal(a, b);
    assert_true(nvr_slug_is_valid("front-door_2"));
    assert_false(nvr_slug_is_valid(""));
    assert_false(nvr_slug_is_valid("-a"));
    assert_false(nvr_slug_is_valid("Front"));
    assert_false(nvr_slug_is_valid("a/b"));
    nvr_slug_from_name("  Front Door (East)! ", slug);
    assert_string_equal(slug, "front-door-east");
    nvr_slug_from_name("дверь", slug);
    assert_true(nvr_slug_is_valid(slug));
}

static void json_refuses_what_it_must(void **state)
{
    static const char *const bad[] = {"", "{", "{\"a\":1,\"a\":2}", "{} x", "\"\xff\"", "[1,]"};
    json_t *value;
    char reason[160];

    (void)state;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(bad); i++)
        assert_int_equal(nvr_json_parse(bad[i], strlen(bad[i]), &value, reason, sizeof(reason)),
                         -EBADMSG);
    char deep[200];

    memset(deep, '[', sizeof(deep));
    assert_int_equal(nvr_json_parse(deep, sizeof(deep), &value, reason, sizeof(reason)), -EBADMSG);
    assert_non_null(strstr(reason, "nested"));
}

static void json_getters_check_type_and_range(void **state)
{
    static const char text[] = "{\"s\":\"x\",\"i\":5,\"d\":1.5,\"b\":true,\"z\":\"a\\u0000b\"}";
    NVR_AUTO_JSON value = NULL;
    const char *s = "kept";
    int64_t i = -1;
    double d = -1;
    bool b = false;

    (void)state;
    assert_int_equal(nvr_json_parse(text, strlen(text), &value, NULL, 0) < 0,
                     1); /* NUL in string */
    static const char good[] = "{\"s\":\"x\",\"i\":5,\"d\":1.5,\"b\":true}";

    assert_int_equal(nvr_json_parse(good, strlen(good), &value, NULL, 0), 0);
    assert_int_equal(nvr_json_get_str(value, "missing", &s), 0);
    assert_string_equal(s, "kept");
    assert_int_equal(nvr_json_get_str(value, "s", &s), 1);
    assert_string_equal(s, "x");
    assert_int_equal(nvr_json_get_str(value, "i", &s), -EINVAL);
    assert_int_equal(nvr_json_get_int(value, "i", 0, 4, &i), -EINVAL);
    assert_int_equal(nvr_json_get_int(value, "i", 0, 5, &i), 1);
    assert_int_equal(i, 5);
    assert_int_equal(nvr_json_get_double(value, "d", 0, 2, &d), 1);
    assert_int_equal(nvr_json_get_double(value, "s", 0, 2, &d), -EINVAL);
    assert_int_equal(nvr_json_get_bool(value, "b", &b), 1);
    assert_true(b);
}

static void url_splits_and_hides_credentials(void **state)
{
    struct nvr_url url;
    char text[NVR_URL_MAX];

    (void)state;
    assert_int_equal(nvr_url_parse("RTSP://ad%40min:p@ss@cam.local:8554/a/b?c=d", &url), 0);
    assert_string_equal(url.scheme, "rtsp");
    assert_string_equal(url.user, "ad@min");
    assert_string_equal(url.password, "p@ss");
    assert_string_equal(url.host, "cam.local");
    assert_int_equal(url.port, 8554);
    assert_string_equal(url.path, "/a/b?c=d");
    assert_int_equal(nvr_url_format_public(&url, text, sizeof(text)), 0);
    assert_string_equal(text, "rtsp://cam.local:8554/a/b?c=d");
    assert_int_equal(nvr_url_parse("http://[::1]/x", &url), 0);
    assert_string_equal(url.host, "::1");
    assert_int_equal(url.port, -1);
    assert_int_equal(nvr_url_parse("file:///a%20b.mp4", &url), 0);
    assert_string_equal(url.path, "/a b.mp4");
}

static void url_refuses_what_is_none(void **state)
{
    static const char *const bad[] = {
        "",
        "cam",
        "://x",
        "rtsp:/x",
        "rtsp://",
        "rtsp://u@",
        "rtsp://a b",
        "rtsp://a:0/",
        "rtsp://a:99999",
        "rtsp://a:x/",
        "http://[::1",
        "rtsp://a%zz@b/",
        "1tsp://a",
        "rtsp://a\n/",
        "file://host/x",
        "rtsp://a%00@b",
    };
    struct nvr_url url;

    (void)state;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(bad); i++)
        if (nvr_url_parse(bad[i], &url) != -EINVAL)
            fail_msg("accepted: %s", bad[i]);
}

static void log_redacts_credentials(void **state)
{
    char text[] = "open rtsp://admin:s3c@ret@10.0.0.1/x and http://u@h/ and rtsp://h/a@b";

    (void)state;
    nvr_log_redact(text);
    assert_string_equal(text, "open rtsp://***@10.0.0.1/x and http://h/ and rtsp://h/a@b");
}

struct seen {
    int count;
    char last[NVR_LOG_LINE_MAX];
};

static void remember(const struct nvr_log_record *record, void *arg)
{
    struct seen *seen = arg;

    seen->count++;
    (void)snprintf(seen->last, sizeof(seen->last), "%s", record->message);
}

static void log_holds_back_a_flood(void **state)
{
    struct seen seen = {0};

    (void)state;
    nvr_log_set_sink(remember, &seen);
    for (int i = 0; i < 10 * NVR_LOG_SITE_BURST; i++)
        log_warn("again %d", i);
    assert_int_equal(seen.count, NVR_LOG_SITE_BURST);
    assert_int_equal(log_err(-ENOENT, "open '%s'", "x"), -ENOENT);
    assert_string_equal(seen.last, "open 'x': No such file or directory");
    nvr_log_set_sink(NULL, NULL);
}

static void file_writes_whole_or_not_at_all(void **state)
{
    char folder[] = "/tmp/nvr-test-XXXXXX";
    char path[PATH_MAX];
    struct nvr_buf buf;

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(nvr_path_join(path, sizeof(path), folder, "a/b"), 0);
    assert_int_equal(nvr_mkdir_p(path, 0755), 0);
    assert_int_equal(nvr_mkdir_p(path, 0755), 0);
    assert_int_equal(nvr_path_join(path, sizeof(path), folder, "a/b/f"), 0);
    assert_int_equal(nvr_file_write_atomic(path, "one", 3, 0600), 0);
    assert_int_equal(nvr_file_write_atomic(path, "second", 6, 0600), 0);
    nvr_buf_init(&buf, 6);
    assert_int_equal(nvr_file_read(path, &buf), 0);
    assert_string_equal(nvr_buf_cstr(&buf), "second");
    nvr_buf_done(&buf);
    nvr_buf_init(&buf, 5);
    assert_int_equal(nvr_file_read(path, &buf), -EFBIG);
    nvr_buf_done(&buf);
    assert_int_equal(nvr_mkdir_p(path, 0755), -ENOTDIR);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(nvr_file_write_atomic("/proc/nvr/none", "x", 1, 0600), -ENOENT);
    assert_int_equal(nvr_path_join(path, sizeof(path), folder, "a/b"), 0);
    (void)rmdir(path);
    assert_int_equal(nvr_path_join(path, sizeof(path), folder, "a"), 0);
    (void)rmdir(path);
    (void)rmdir(folder);
}

static void links_below_a_root_are_not_followed(void **state)
{
    char root[] = "/tmp/nvr-parent-XXXXXX", path[PATH_MAX];
    const char *name = NULL;
    int fd;

    (void)state;
    assert_non_null(mkdtemp(root));
    (void)snprintf(path, sizeof(path), "%s/cam/day", root);
    assert_int_equal(nvr_mkdir_p(path, 0700), 0);
    fd = nvr_open_parent(root, "cam/day/file.mp4", &name);
    assert_true(fd >= 0);
    assert_string_equal(name, "file.mp4");
    (void)close(fd);
    fd = nvr_open_parent(root, "file.mp4", &name);
    assert_true(fd >= 0);
    assert_string_equal(name, "file.mp4");
    (void)close(fd);
    assert_int_equal(nvr_open_parent(root, "cam/night/file.mp4", &name), -ENOENT);
    (void)snprintf(path, sizeof(path), "%s/cam/link", root);
    assert_int_equal(symlink("/etc", path), 0);
    assert_int_equal(nvr_open_parent(root, "cam/link/passwd", &name), -ENOTDIR);
    assert_int_equal(unlink(path), 0);
    (void)snprintf(path, sizeof(path), "%s/cam/day", root);
    assert_int_equal(rmdir(path), 0);
    (void)snprintf(path, sizeof(path), "%s/cam", root);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(root), 0);
}

static void path_safety(void **state)
{
    (void)state;
    assert_true(nvr_path_is_safe("cam/2026-01-02/03/segment.mp4"));
    assert_false(nvr_path_is_safe("/etc/passwd"));
    assert_false(nvr_path_is_safe("a/../b"));
    assert_false(nvr_path_is_safe("a//b"));
    assert_false(nvr_path_is_safe("."));
    assert_false(nvr_path_is_safe(""));
    assert_false(nvr_path_is_safe("a\\b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buf_grows_to_its_maximum_and_errors_stick),
        cmocka_unit_test(str_cuts_trims_compares),
        cmocka_unit_test(str_reads_numbers_exactly),
        cmocka_unit_test(str_knows_utf8),
        cmocka_unit_test(clock_names_the_zone),
        cmocka_unit_test(clock_formats_and_parses_rfc3339),
        cmocka_unit_test(ids_have_their_form),
        cmocka_unit_test(json_refuses_what_it_must),
        cmocka_unit_test(json_getters_check_type_and_range),
        cmocka_unit_test(url_splits_and_hides_credentials),
        cmocka_unit_test(url_refuses_what_is_none),
        cmocka_unit_test(log_redacts_credentials),
        cmocka_unit_test(log_holds_back_a_flood),
        cmocka_unit_test(file_writes_whole_or_not_at_all),
        cmocka_unit_test(path_safety),
        cmocka_unit_test(links_below_a_root_are_not_followed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
