/* The gateway's pure parts: ranges, entity tags, Accept, query, router, guard, probe requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "src/gateway/guard.h"
#include "src/gateway/probe_request.h"
#include "src/gateway/query.h"
#include "src/gateway/range.h"
#include "src/gateway/router.h"

static void assert_range(const char *header, int64_t size, int expected, int64_t first,
                         int64_t last)
{
    int64_t f = -1;
    int64_t l = -1;

    assert_int_equal(nvr_range_parse(header, size, &f, &l), expected);
    if (expected == 1) {
        assert_int_equal(f, first);
        assert_int_equal(l, last);
    }
}

static void ranges(void **state)
{
    (void)state;
    assert_range("bytes=0-499", 1000, 1, 0, 499);
    assert_range("bytes=500-", 1000, 1, 500, 999);
    assert_range("bytes=-100", 1000, 1, 900, 999);
    assert_range("bytes=-5000", 1000, 1, 0, 999);
    assert_range("Bytes= 10 - 20 ", 1000, 1, 10, 20);
    assert_range("bytes=0-99999", 1000, 1, 0, 999);
    assert_range("bytes=999-", 1000, 1, 999, 999);
    assert_range("bytes=1000-", 1000, -ERANGE, 0, 0);
    assert_range("bytes=-0", 1000, -ERANGE, 0, 0);
    assert_range("bytes=0-", 0, -ERANGE, 0, 0);
    /* ignored: the whole file is sent */
    assert_range(NULL, 1000, 0, 0, 0);
    assert_range("", 1000, 0, 0, 0);
    assert_range("bytes=", 1000, 0, 0, 0);
    assert_range("bytes=-", 1000, 0, 0, 0);
    assert_range("bytes=5-4", 1000, 0, 0, 0);
    assert_range("bytes=a-b", 1000, 0, 0, 0);
    assert_range("bytes=0-1,5-6", 1000, 0, 0, 0);
    assert_range("items=0-1", 1000, 0, 0, 0);
    assert_range("bytes=99999999999999999999-", 1000, 0, 0, 0);
}

static void etags(void **state)
{
    (void)state;
    assert_true(nvr_etag_matches("\"a\"", "\"a\""));
    assert_true(nvr_etag_matches("\"b\", W/\"a\"", "\"a\""));
    assert_true(nvr_etag_matches("*", "\"a\""));
    assert_false(nvr_etag_matches("\"b\"", "\"a\""));
    assert_false(nvr_etag_matches(NULL, "\"a\""));
    assert_false(nvr_etag_matches("\"a\"", NULL));
}

static void accept_headers(void **state)
{
    (void)state;
    assert_true(nvr_accept_allows(NULL, "application/json"));
    assert_true(nvr_accept_allows("*/*", "application/json"));
    assert_true(nvr_accept_allows("text/html, application/*;q=0.5", "application/json"));
    assert_true(nvr_accept_allows("text/html,application/xhtml+xml,*/*;q=0.8", "image/jpeg"));
    assert_false(nvr_accept_allows("text/html", "application/json"));
    assert_false(nvr_accept_allows("application/json;q=0, */*", "application/json"));
    assert_false(nvr_accept_allows("image/*", "application/json"));
    assert_true(nvr_encoding_allows("br, gzip;q=0.8", "gzip"));
    assert_false(nvr_encoding_allows("gzip;q=0", "gzip"));
    assert_false(nvr_encoding_allows("br", "gzip"));
    assert_false(nvr_encoding_allows(NULL, "gzip"));
    assert_true(nvr_content_type_is("application/json", "application/json"));
    assert_true(nvr_content_type_is("Application/JSON; charset=UTF-8", "application/json"));
    assert_false(nvr_content_type_is("application/json; charset=latin1", "application/json"));
    assert_false(nvr_content_type_is("text/plain", "application/json"));
    assert_false(nvr_content_type_is("", "application/json"));
}

static void add(struct nvr_query *query, const char *pair)
{
    assert_int_equal(nvr_query_add(query, pair, strlen(pair)), 0);
}

static void queries(void **state)
{
    struct nvr_query query = {0};
    int64_t value = 7;

    (void)state;
    add(&query, "camera=front");
    add(&query, "camera=back");
    add(&query, "limit=10");
    add(&query, "flag");
    add(&query, "start=1970-01-01T01:00:01 01:00"); /* the + was taken for a blank */
    add(&query, "end=5000");
    add(&query, "bad=soon");
    assert_string_equal(nvr_query_get(&query, "camera"), "front");
    assert_string_equal(nvr_query_get_nth(&query, "camera", 1), "back");
    assert_null(nvr_query_get_nth(&query, "camera", 2));
    assert_string_equal(nvr_query_get(&query, "flag"), "");
    assert_int_equal(nvr_query_get_int(&query, "limit", 1, 100, &value), 1);
    assert_int_equal(value, 10);
    assert_int_equal(nvr_query_get_int(&query, "limit", 1, 9, &value), -EINVAL);
    assert_int_equal(nvr_query_get_int(&query, "none", 1, 9, &value), 0);
    assert_int_equal(value, 10);
    assert_int_equal(nvr_query_get_time(&query, "start", &value), 1);
    assert_int_equal(value, 1000);
    assert_int_equal(nvr_query_get_time(&query, "end", &value), 1);
    assert_int_equal(value, 5000);
    assert_int_equal(nvr_query_get_time(&query, "bad", &value), -EINVAL);
    assert_int_equal(nvr_query_add(&query, "=x", 2), -EINVAL);
    assert_int_equal(nvr_query_add(&query, "", 0), -EINVAL);
    assert_int_equal(nvr_query_add(&query, "a=\xff", 3), -EINVAL);
    while (query.count < NVR_HTTP_QUERY_MAX)
        add(&query, "x=1");
    assert_int_equal(nvr_query_add(&query, "x=1", 3), -E2BIG);
    nvr_query_done(&query);
}

static const struct nvr_route routes[] = {
    {NVR_HTTP_GET, 0, "/", NULL, "", "", NULL},
    {NVR_HTTP_GET, 0, "/a", NULL, "", "", NULL},
    {NVR_HTTP_POST, 0, "/a", NULL, "", "", NULL},
    {NVR_HTTP_GET, 0, "/a/fixed", NULL, "", "", NULL},
    {NVR_HTTP_GET, 0, "/a/{id}", NULL, "", "", NULL},
    {NVR_HTTP_DELETE, 0, "/a/{id}/b/{other}", NULL, "", "", NULL},
    {0, 0, "/none/{rest...}", NULL, "", "", NULL},
    {NVR_HTTP_GET, 0, "/{path...}", NULL, "", "", NULL},
};

static const char *match(enum nvr_http_method method, const char *path,
                         struct nvr_route_match *result)
{
    static const struct nvr_route_table table = {routes, NVR_ARRAY_SIZE(routes), NULL};

    nvr_router_match(&table, 1, method, path, result);
    return result->route ? result->route->path : NULL;
}

static void routing(void **state)
{
    struct nvr_route_match result;
    char allow[80];

    (void)state;
    assert_string_equal(match(NVR_HTTP_GET, "/", &result), "/");
    assert_string_equal(match(NVR_HTTP_HEAD, "/a", &result), "/a");
    assert_string_equal(match(NVR_HTTP_GET, "/a/fixed", &result), "/a/fixed");
    assert_string_equal(match(NVR_HTTP_GET, "/a/x", &result), "/a/{id}");
    assert_int_equal(result.params_count, 1);
    assert_true(nvr_str_eq(result.params[0].name, NVR_STR("id")));
    assert_string_equal(result.params[0].value, "x");
    assert_string_equal(match(NVR_HTTP_DELETE, "/a/x/b/y", &result), "/a/{id}/b/{other}");
    assert_string_equal(result.params[1].value, "y");
    assert_string_equal(match(NVR_HTTP_GET, "/static/app.js", &result), "/{path...}");
    assert_string_equal(result.params[0].value, "static/app.js");
    assert_null(match(NVR_HTTP_GET, "/none/x", &result));
    assert_int_equal(result.allowed, 0);
    assert_null(match(NVR_HTTP_GET, "", &result));
    assert_null(match(NVR_HTTP_DELETE, "/a", &result));
    assert_int_equal(nvr_router_format_allow(result.allowed, allow, sizeof(allow)), 0);
    assert_string_equal(allow, "GET, HEAD, POST, OPTIONS");
    assert_string_equal(match(NVR_HTTP_GET, "/a/", &result), "/{path...}");
}

static void guards(void **state)
{
    (void)state;
    assert_true(nvr_guard_host("localhost:5000", "127.0.0.1"));
    assert_true(nvr_guard_host("LOCALHOST", "127.0.0.1"));
    assert_true(nvr_guard_host("127.0.0.1:80", "127.0.0.1"));
    assert_true(nvr_guard_host("127.9.9.9", "127.0.0.1"));
    assert_true(nvr_guard_host("[::1]:5000", "127.0.0.1"));
    assert_true(nvr_guard_host("heron.localhost", "127.0.0.1"));
    assert_false(nvr_guard_host("evil.example", "127.0.0.1"));
    assert_false(nvr_guard_host("localhost.evil.example", "127.0.0.1"));
    assert_false(nvr_guard_host("192.168.1.5", "127.0.0.1"));
    assert_false(nvr_guard_host("", "127.0.0.1"));
    assert_false(nvr_guard_host("[::1", "127.0.0.1"));
    assert_false(nvr_guard_host("localhost:99999", "127.0.0.1"));
    assert_true(nvr_guard_host("192.168.1.5:5000", "192.168.1.5"));
    assert_false(nvr_guard_host("192.168.1.6:5000", "192.168.1.5"));
    assert_true(nvr_guard_host("192.168.1.6:5000", "0.0.0.0"));
    assert_true(nvr_guard_host("[fe80::1]", "::"));
    assert_false(nvr_guard_host("evil.example:5000", "0.0.0.0"));
    assert_true(nvr_guard_origin("http://localhost:5000", "localhost:5000"));
    assert_true(nvr_guard_origin("https://Localhost:5000", "localhost:5000"));
    assert_true(nvr_guard_origin(NULL, "localhost:5000"));
    assert_true(nvr_guard_origin("", "localhost:5000"));
    assert_false(nvr_guard_origin("http://localhost:3000", "localhost:5000"));
    assert_false(nvr_guard_origin("http://evil.example", "localhost:5000"));
    assert_false(nvr_guard_origin("null", "localhost:5000"));
}

static int parse_probe(const char *text, const struct nvr_camera_config *camera,
                       struct nvr_probe_request *request, struct nvr_config_errors *errors)
{
    NVR_AUTO_JSON body = NULL;

    assert_int_equal(nvr_json_parse(text, strlen(text), &body, NULL, 0), 0);
    return nvr_probe_request_parse(body, camera, request, errors);
}

static void probe_requests(void **state)
{
    static struct nvr_config_errors errors;
    static struct nvr_camera_config camera;
    static struct nvr_probe_request request;

    (void)state;
    assert_int_equal(parse_probe("{\"url\":\"rtsp://u:p%40@h/x\",\"transport\":\"udp\"}", NULL,
                                 &request, &errors),
                     0);
    assert_string_equal(request.url, "rtsp://h/x");
    assert_string_equal(request.username, "u");
    assert_string_equal(request.password, "p@");
    assert_string_equal(request.transport, "udp");
    assert_string_equal(request.auth_type, "auto");

    assert_int_equal(parse_probe("{}", NULL, &request, &errors), -EINVAL);
    assert_string_equal(errors.items[0].field, "url");
    assert_int_equal(parse_probe("{\"url\":\"ftp://h/x\"}", NULL, &request, &errors), -EINVAL);
    assert_int_equal(
        parse_probe("{\"url\":5,\"auth_type\":\"x\",\"password\":[]}", NULL, &request, &errors),
        -EINVAL);
    assert_int_equal(errors.count, 3);

    memcpy(camera.stream.url, "rtsp://h/x", 11);
    memcpy(camera.stream.username, "admin", 6);
    memcpy(camera.stream.password, "secret", 7);
    assert_int_equal(parse_probe("{}", &camera, &request, &errors), 0);
    assert_string_equal(request.password, "secret");
    assert_int_equal(parse_probe("{\"url\":\"rtsp://h/y\"}", &camera, &request, &errors), 0);
    assert_string_equal(request.password, "secret");
    /* the stored password stays with its host */
    assert_int_equal(parse_probe("{\"url\":\"rtsp://evil/y\"}", &camera, &request, &errors), 0);
    assert_string_equal(request.password, "");
    assert_string_equal(request.username, "");
    assert_int_equal(parse_probe("{\"stream\":\"sub\"}", &camera, &request, &errors), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges),         cmocka_unit_test(etags),
        cmocka_unit_test(accept_headers), cmocka_unit_test(queries),
        cmocka_unit_test(routing),        cmocka_unit_test(guards),
        cmocka_unit_test(probe_requests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
