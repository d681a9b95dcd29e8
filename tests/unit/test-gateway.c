/* The gateway over real sockets, on canned cameras and a real store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/media/fmp4.h"
#include "src/gateway/gateway_limits.h"
#include "tests/unit/gateway_fixture.h"
#include "tests/unit/init-segments.h"

#define JSON_TYPE "Content-Type: application/json\r\n"

/* ---- HTTP ---- */

static void answers_and_headers(void **state)
{
    struct fixture *f = *state;
    struct answer answer;

    fetch(f, "GET", "/health", "X-Request-Id: abc-12345\r\n", NULL, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer_header(&answer, "X-Request-Id"), "abc-12345");
    assert_string_equal(answer_header(&answer, "Content-Type"), "application/json");
    assert_string_equal(answer_header(&answer, "X-Content-Type-Options"), "nosniff");
    assert_non_null(strstr(answer_header(&answer, "Content-Security-Policy"), "frame-ancestors"));
    assert_string_equal(answer_header(&answer, "Cache-Control"), "no-store");
    answer_done(&answer);

    /* an id that could harm a log is replaced by ours */
    fetch(f, "GET", "/health", "X-Request-Id: a b;c\"d\"e\r\n", NULL, &answer);
    assert_int_equal(strlen(answer_header(&answer, "X-Request-Id")), 36);
    answer_done(&answer);

    fetch(f, "HEAD", "/api/v1/cameras", "", NULL, &answer);
    assert_int_equal(answer.status, 200);
    assert_true(strlen(answer_header(&answer, "Content-Length")) > 2);
    answer_done(&answer);

    fetch(f, "OPTIONS", "/api/v1/cameras", "", NULL, &answer);
    assert_int_equal(answer.status, 204);
    assert_string_equal(answer_header(&answer, "Allow"), "GET, HEAD, POST, OPTIONS");
    answer_done(&answer);

    fetch(f, "DELETE", "/api/v1/cameras", "", NULL, &answer);
    assert_int_equal(answer.status, 405);
    assert_string_equal(answer_header(&answer, "Allow"), "GET, HEAD, POST, OPTIONS");
    answer_done(&answer);

    fake_set_status(f->supervisor, "error");
    assert_int_equal(status_of(f, "GET", "/health", "", NULL), 503);
}

static void metrics(void **state)
{
    struct fixture *f = *state;
    struct answer answer;

    assert_int_equal(status_of(f, "GET", "/health", "", NULL), 200);
    assert_int_equal(status_of(f, "GET", "/api/v1/none", "", NULL), 404);
    fetch(f, "GET", "/metrics", "Accept: application/openmetrics-text;version=1.0.0\r\n", NULL,
          &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer_header(&answer, "Content-Type"),
                        "text/plain; version=0.0.4; charset=utf-8");
    assert_non_null(strstr(answer.body, "\n# TYPE heron_http_requests_total counter\n"));
    assert_non_null(strstr(answer.body, "\nheron_http_requests_total{status=\"4xx\"} "));
    answer_done(&answer);
}

static void errors(void **state)
{
    struct fixture *f = *state;

    assert_error(f, "GET", "/api/v1/nothing", "", NULL, 404, "not_found");
    assert_error(f, "POST", "/api/v1/nothing", "", "{}", 404, "not_found");
    assert_error(f, "GET", "/api/v1/cameras/none", "", NULL, 404, "not_found");
    assert_error(f, "GET", "/workers/none", "", NULL, 404, "not_found");
    assert_error(f, "PUT", "/api/v1/system/info", JSON_TYPE, "{}", 405, "method_not_allowed");
    assert_error(f, "GET", "/api/v1/cameras", "Accept: text/csv\r\n", NULL, 406, "not_acceptable");
    assert_error(f, "POST", "/api/v1/cameras", "", "{}", 415, "unsupported_media_type");
    assert_error(f, "POST", "/api/v1/cameras", "Content-Type: text/plain\r\n", "{}", 415,
                 "unsupported_media_type");
    assert_error(f, "POST", "/api/v1/cameras", JSON_TYPE, "{\n \"name\": }", 400, "bad_request");
    assert_error(f, "POST", "/api/v1/cameras", JSON_TYPE, "[1]", 400, "bad_request");
    assert_error(f, "POST", "/api/v1/cameras", JSON_TYPE, "{}", 422, "validation_failed");
    assert_error(f, "POST", "/api/v1/cameras", JSON_TYPE, NULL, 400, "bad_request");
    assert_error(f, "GET", "/api/v1/cameras/front/stream/ws", "", NULL, 426, "upgrade_required");
    assert_error(f, "POST", "/api/v1/cameras", JSON_TYPE "Transfer-Encoding: chunked\r\n", NULL,
                 411, "length_required");
    assert_error(f, "POST", "/api/v1/cameras", JSON_TYPE "Content-Length: x\r\n", NULL, 400,
                 "bad_request");
    assert_error(f, "GET", "/api/v1/recordings?limit=0", "", NULL, 400, "bad_request");
    assert_error(f, "GET", "/api/v1/recordings?start=soon", "", NULL, 400, "bad_request");
    assert_error(f, "GET", "/api/v1/recordings?camera=none", "", NULL, 404, "not_found");
}

static void bad_json_tells_the_place(void **state)
{
    struct fixture *f = *state;
    struct answer answer;

    fetch(f, "POST", "/api/v1/cameras", JSON_TYPE, "{\n  \"name\": ?}", &answer);
    assert_non_null(strstr(answer.body, "line 2, column"));
    answer_done(&answer);
}

static void limits(void **state)
{
    struct fixture *f = *state;
    char *big = malloc(NVR_HTTP_BODY_MAX + 2);
    char path[NVR_HTTP_PATH_MAX + 64];
    char header[NVR_HTTP_HEADER_VALUE_MAX + 64];

    memset(big, ' ', NVR_HTTP_BODY_MAX + 1);
    big[NVR_HTTP_BODY_MAX + 1] = '\0';
    assert_error(f, "POST", "/api/v1/cameras", JSON_TYPE, big, 413, "payload_too_large");
    big[NVR_HTTP_BODY_MAX] = '\0';
    assert_error(f, "POST", "/api/v1/cameras", JSON_TYPE, big, 400, "bad_request");
    free(big);

    memset(path, 'a', sizeof(path));
    path[0] = '/';
    path[NVR_HTTP_PATH_MAX + 10] = '\0';
    assert_error(f, "GET", path, "", NULL, 414, "uri_too_long");

    memset(header, 'a', sizeof(header));
    memcpy(header, "Range: ", 7);
    memcpy(header + NVR_HTTP_HEADER_VALUE_MAX + 20, "\r\n", 3);
    assert_error(f, "GET", "/health", header, NULL, 431, "headers_too_large");
}

static void guarded(void **state)
{
    struct fixture *f = *state;
    struct client client;
    struct answer answer;

    client_open(&client, &f->loop, f->port);
    client_send_str(&client, "CONNECT /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client_wait_closed(&client);
    client_close(&client);

    client_open(&client, &f->loop, f->port);
    client_send_str(&client, "GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    client_read_answer(&client, false, &answer);
    assert_int_equal(answer.status, 403);
    answer_done(&answer);
    client_close(&client);

    assert_error(f, "POST", "/api/v1/cameras/front/restart", "Origin: http://evil.example\r\n", "",
                 403, "forbidden_origin");
    assert_int_equal(status_of(f, "GET", "/health", "Origin: http://evil.example\r\n", NULL), 200);
    client_open(&client, &f->loop, f->port);
    assert_int_equal(client_upgrade(&client, "/api/v1/cameras/front/stream/ws",
                                    "Origin: http://evil.example\r\n"),
                     403);
    client_close(&client);
}

static void keeps_alive(void **state)
{
    struct fixture *f = *state;
    struct client client;
    struct answer answer;

    client_open(&client, &f->loop, f->port);
    for (int i = 0; i < 3; i++) {
        client_send_str(&client, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
        client_read_answer(&client, false, &answer);
        assert_int_equal(answer.status, 200);
        assert_string_equal(answer_header(&answer, "Connection"), "keep-alive");
        answer_done(&answer);
        client_send_str(&client, "POST /api/v1/cameras/front/stop HTTP/1.1\r\nHost: localhost\r\n"
                                 "Content-Length: 0\r\n\r\n");
        client_read_answer(&client, false, &answer);
        assert_int_equal(answer.status, 202);
        answer_done(&answer);
        /* the body comes in pieces */
        client_send_str(&client, "POST /api/v1/cameras HTTP/1.1\r\nHost: localhost\r\n" JSON_TYPE
                                 "Content-Length: 15\r\n\r\n{\"name\":");
        client_idle(&f->loop);
        client_send_str(&client, "\"Yard\"}");
        client_read_answer(&client, false, &answer);
        assert_int_equal(answer.status, 201);
        answer_done(&answer);
    }
    client_close(&client);
}

static void pipelined(void **state)
{
    struct fixture *f = *state;
    struct client client;
    struct answer answer;

    client_open(&client, &f->loop, f->port);
    client_send_str(&client, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
                             "GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n"
                             "GET /api/v1/recordings HTTP/1.1\r\nHost: localhost\r\n\r\n");
    for (int i = 0; i < 3; i++) {
        client_read_answer(&client, false, &answer);
        assert_int_equal(answer.status, 200);
        answer_done(&answer);
    }
    client_close(&client);
}

static void client_leaves_early(void **state)
{
    struct fixture *f = *state;
    struct fake_job_log *jobs = fake_supervisor_jobs(f->supervisor);
    struct client client;

    jobs->hold = true;
    client_open(&client, &f->loop, f->port);
    client_send_str(&client, "GET /api/v1/cameras/front/snapshot HTTP/1.1\r\nHost: localhost\r\n"
                             "\r\nGET /api/v1/recordings HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client_idle(&f->loop);
    client_close(&client);
    client_open(&client, &f->loop, f->port);
    client_send_str(&client, "GET /api/v1/recordings HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client_close(&client);
    client_open(&client, &f->loop, f->port);
    client_send_str(&client, "POST /api/v1/cameras HTTP/1.1\r\nHost: localhost\r\n" JSON_TYPE
                             "Content-Length: 100\r\n\r\n{");
    client_idle(&f->loop);
    client_close(&client);
    client_idle(&f->loop);
    fake_release_jobs(f->supervisor);
    client_idle(&f->loop);
    jobs->hold = false;
    assert_int_equal(status_of(f, "GET", "/health", "", NULL), 200);
}

/* ---- cameras ---- */

static void camera_routes(void **state)
{
    struct fixture *f = *state;
    NVR_AUTO_JSON list = fetch_json(f, "/api/v1/cameras", 200);
    NVR_AUTO_JSON one = fetch_json(f, "/api/v1/cameras/front", 200);
    NVR_AUTO_JSON live = fetch_json(f, "/api/v1/cameras/front/status", 200);
    NVR_AUTO_JSON history = fetch_json(f, "/api/v1/cameras/front/history", 200);
    struct answer answer;

    assert_int_equal(json_array_size(json_object_get(list, "items")), 2);
    assert_true(json_is_null(json_object_get(list, "next")));
    assert_string_equal(json_string_value(json_object_get(one, "id")), "front");
    assert_string_equal(json_string_value(json_object_get(live, "status")), "online");
    assert_null(json_object_get(live, "name"));
    assert_int_equal(json_array_size(json_object_get(history, "items")), 1);

    fetch(f, "POST", "/api/v1/cameras", JSON_TYPE, "{\"name\":\"New yard\"}", &answer);
    assert_int_equal(answer.status, 201);
    assert_string_equal(answer_header(&answer, "Location"), "/api/v1/cameras/new-yard");
    answer_done(&answer);
    assert_int_equal(status_of(f, "PATCH", "/api/v1/cameras/front",
                               "Content-Type: application/merge-patch+json\r\n", "{}"),
                     200);
    assert_int_equal(status_of(f, "PUT", "/api/v1/cameras/front", JSON_TYPE, "{}"), 422);
    assert_int_equal(status_of(f, "POST", "/api/v1/cameras/front/restart", "", NULL), 202);
    assert_int_equal(status_of(f, "POST", "/api/v1/cameras/none/restart", "", ""), 404);
    assert_int_equal(status_of(f, "DELETE", "/api/v1/cameras/front?recordings=x", "", NULL), 400);
    assert_int_equal(status_of(f, "DELETE", "/api/v1/cameras/front", "", NULL), 204);
    assert_int_equal(status_of(f, "DELETE", "/api/v1/cameras/none", "", NULL), 404);
}

static void record(void **state)
{
    static const char start[] = "/api/v1/cameras/front/record/start";
    static const char trigger[] = "/api/v1/cameras/front/record/trigger";
    struct fixture *f = *state;
    struct answer answer;

    fetch(f, "POST", start, JSON_TYPE, "{\"duration_seconds\":30}", &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "{\"until\":1700000030000}");
    answer_done(&answer);
    assert_error(f, "POST", start, JSON_TYPE, "{\"duration_seconds\":0}", 422, "validation_failed");
    assert_error(f, "POST", start, JSON_TYPE, "{\"duration_seconds\":86401}", 422,
                 "validation_failed");
    assert_error(f, "POST", "/api/v1/cameras/none/record/start", JSON_TYPE, "{}", 404, "not_found");
    assert_int_equal(status_of(f, "POST", "/api/v1/cameras/front/record/stop", "", ""), 204);
    assert_int_equal(status_of(f, "POST", "/api/v1/cameras/none/record/stop", "", ""), 404);
    fetch(f, "POST", trigger, JSON_TYPE, "{\"kind\":\"event\",\"duration_seconds\":2}", &answer);
    assert_int_equal(answer.status, 202);
    assert_string_equal(answer.body, "{\"id\":7,\"until\":2000}");
    answer_done(&answer);
    assert_error(f, "POST", trigger, JSON_TYPE, "{\"kind\":\"manual\"}", 422, "validation_failed");
    assert_error(f, "POST", trigger, JSON_TYPE, "{\"kind\":\"event\",\"duration_seconds\":3601}",
                 422, "validation_failed");
    assert_error(f, "POST", trigger, JSON_TYPE, "{\"kind\":\"event\",\"label\":5}", 422,
                 "validation_failed");
    assert_int_equal(status_of(f, "POST", "/api/v1/cameras/none/record/trigger", JSON_TYPE,
                               "{\"kind\":\"event\"}"),
                     404);
    assert_int_equal(status_of(f, "PATCH", "/api/v1/cameras/front", JSON_TYPE,
                               "{\"recording\":{\"enabled\":false}}"),
                     200);
}

static void probe(void **state)
{
    struct fixture *f = *state;
    struct fake_job_log *jobs = fake_supervisor_jobs(f->supervisor);
    NVR_AUTO_JSON value = NULL;
    struct answer answer;

    fetch(f, "POST", "/api/v1/cameras/probe", JSON_TYPE, "{\"url\":\"rtsp://u:p@h/x\"}", &answer);
    assert_int_equal(answer.status, 200);
    assert_int_equal(nvr_json_parse(answer.body, answer.body_len, &value, NULL, 0), 0);
    assert_true(json_is_true(json_object_get(value, "ok")));
    assert_string_equal(json_string_value(json_object_get(value, "snapshot")),
                        "data:image/jpeg;base64,SlBFRw==");
    assert_null(json_object_get(value, "jpeg"));
    assert_string_equal(json_string_value(json_object_get(jobs->params, "password")), "p");
    answer_done(&answer);

    jobs->fail = true;
    fetch(f, "POST", "/api/v1/cameras/probe", JSON_TYPE, "{\"url\":\"rtsp://h/x\"}", &answer);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.body, "\"ok\":false"));
    assert_non_null(strstr(answer.body, "\"refused\""));
    answer_done(&answer);
    assert_error(f, "POST", "/api/v1/cameras/probe", JSON_TYPE, "{\"url\":\"gopher://h\"}", 422,
                 "validation_failed");
    assert_error(f, "POST", "/api/v1/cameras/probe", JSON_TYPE, "{\"id\":\"none\"}", 404,
                 "not_found");
}

static void snapshots(void **state)
{
    struct fixture *f = *state;
    struct fake_job_log *jobs = fake_supervisor_jobs(f->supervisor);
    struct client clients[3];
    struct answer answer;
    char target[96];

    assert_error(f, "GET", "/api/v1/cameras/back/snapshot", "", NULL, 503, "camera_offline");
    assert_error(f, "GET", "/api/v1/cameras/front/snapshot", "", NULL, 503, "camera_offline");
    assert_error(f, "GET", "/api/v1/cameras/front/snapshot?width=-1", "", NULL, 400, "bad_request");
    assert_error(f, "GET", "/api/v1/cameras/front/snapshot?at=1000", "", NULL, 404, "no_recording");

    fake_begin_epoch(f->supervisor, "avc1.64001f");
    fake_publish(f->supervisor, true, 1000, 'k');
    fake_publish(f->supervisor, false, 500, 'd');

    /* three at once and one more within 500 ms: one decoder */
    for (int i = 0; i < 3; i++) {
        client_open(&clients[i], &f->loop, f->port);
        client_send_str(&clients[i], "GET /api/v1/cameras/front/snapshot?width=320 HTTP/1.1\r\n"
                                     "Host: localhost\r\n\r\n");
    }
    for (int i = 0; i < 3; i++) {
        client_read_answer(&clients[i], false, &answer);
        assert_int_equal(answer.status, 200);
        assert_string_equal(answer.body, "JPEG");
        assert_string_equal(answer_header(&answer, "X-Timestamp"), "1700000000123");
        answer_done(&answer);
        client_close(&clients[i]);
    }
    assert_int_equal(jobs->count, 1);
    assert_int_equal(json_integer_value(json_object_get(jobs->params, "width")), 320);
    assert_int_equal(json_integer_value(json_object_get(jobs->params, "length")), 1500);
    assert_int_equal(jobs->fd_size,
                     json_integer_value(json_object_get(jobs->params, "offset")) + 1500);

    /* a recorded moment: the group of pictures that holds it */
    fetch(f, "GET", "/api/v1/cameras/front/snapshot?at=1700000006000", "", NULL, &answer);
    assert_int_equal(answer.status, 200);
    answer_done(&answer);
    assert_int_equal(json_integer_value(json_object_get(jobs->params, "offset")), 150000);
    assert_int_equal(json_integer_value(json_object_get(jobs->params, "length")),
                     FILE_SIZE - 150000);
    assert_int_equal(json_integer_value(json_object_get(jobs->params, "target_us")),
                     1700000006000000);

    /* what is in no finished file yet comes from the ring, up to the moment asked for */
    (void)snprintf(target, sizeof(target), "/api/v1/cameras/front/snapshot?at=%lld",
                   (long long)nvr_clock_wall_ms());
    fetch(f, "GET", target, "", NULL, &answer);
    assert_int_equal(answer.status, 200);
    answer_done(&answer);
    assert_int_equal(json_integer_value(json_object_get(jobs->params, "length")), 1500);
    (void)snprintf(target, sizeof(target), "/api/v1/cameras/front/snapshot?at=%lld",
                   (long long)nvr_clock_wall_ms() + 60000);
    assert_error(f, "GET", target, "", NULL, 404, "no_recording");

    jobs->fail = true;
    assert_error(f, "GET", "/api/v1/cameras/front/snapshot?width=64", "", NULL, 503, "no_picture");
}

/* ---- recordings ---- */

static void recording_list(void **state)
{
    struct fixture *f = *state;
    NVR_AUTO_JSON first = fetch_json(f, "/api/v1/recordings?camera=front&limit=2", 200);
    const char *next = json_string_value(json_object_get(first, "next"));
    NVR_AUTO_JSON second = NULL;
    NVR_AUTO_JSON one = fetch_json(f, "/api/v1/recordings/front-1700000000000", 200);
    char path[256];

    assert_int_equal(json_array_size(json_object_get(first, "items")), 2);
    assert_non_null(next);
    assert_true(nvr_fmt(path, sizeof(path), "/api/v1/recordings?limit=2&cursor=%s", next) > 0);
    second = fetch_json(f, path, 200);
    assert_int_equal(json_array_size(json_object_get(second, "items")), 1);
    assert_true(json_is_null(json_object_get(second, "next")));
    assert_int_equal(json_integer_value(json_object_get(one, "duration_ms")), 10000);
    assert_string_equal(json_string_value(json_object_get(one, "url")),
                        "/api/v1/recordings/front-1700000000000/media.mp4");
    assert_error(f, "GET", "/api/v1/recordings/front-1", "", NULL, 404, "not_found");
    assert_error(f, "GET", "/api/v1/recordings/nonsense", "", NULL, 404, "not_found");
    assert_error(f, "GET", "/api/v1/recordings?cursor=x", "", NULL, 400, "bad_request");
}

static void media_ranges(void **state)
{
    struct fixture *f = *state;
    static const char path[] = "/api/v1/recordings/front-1700000000000/media.mp4";
    struct answer answer;
    char etag[128];
    char header[256];

    fetch(f, "GET", path, "", NULL, &answer);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.body_len, FILE_SIZE);
    for (size_t i = 0; i < answer.body_len; i++)
        assert_int_equal((uint8_t)answer.body[i], i % 251);
    assert_non_null(strstr(answer_header(&answer, "Cache-Control"), "immutable"));
    assert_true(nvr_fmt(etag, sizeof(etag), "%s", answer_header(&answer, "ETag")) > 0);
    answer_done(&answer);

    fetch(f, "GET", path, "Range: bytes=1000-1999\r\n", NULL, &answer);
    assert_int_equal(answer.status, 206);
    assert_int_equal(answer.body_len, 1000);
    assert_int_equal((uint8_t)answer.body[0], 1000 % 251);
    assert_string_equal(answer_header(&answer, "Content-Range"), "bytes 1000-1999/300000");
    answer_done(&answer);

    fetch(f, "GET", path, "Range: bytes=-10\r\n", NULL, &answer);
    assert_int_equal(answer.status, 206);
    assert_string_equal(answer_header(&answer, "Content-Range"), "bytes 299990-299999/300000");
    answer_done(&answer);

    fetch(f, "GET", path, "Range: bytes=300000-\r\n", NULL, &answer);
    assert_int_equal(answer.status, 416);
    assert_string_equal(answer_header(&answer, "Content-Range"), "bytes */300000");
    answer_done(&answer);

    assert_true(nvr_fmt(header, sizeof(header), "If-None-Match: %s\r\n", etag) > 0);
    assert_int_equal(status_of(f, "GET", path, header, NULL), 304);
    assert_true(nvr_fmt(header, sizeof(header), "Range: bytes=0-9\r\nIf-Range: %s\r\n", etag) > 0);
    assert_int_equal(status_of(f, "GET", path, header, NULL), 206);
    assert_int_equal(status_of(f, "GET", path, "Range: bytes=0-9\r\nIf-Range: \"old\"\r\n", NULL),
                     200);
    assert_int_equal(status_of(f, "HEAD", path, "", NULL), 200);
    /* a row without its file */
    assert_error(f, "GET", "/api/v1/recordings/front-1700000010000/media.mp4", "", NULL, 404,
                 "not_found");
}

static void slow_reader_gets_everything(void **state)
{
    struct fixture *f = *state;
    struct client client;
    struct answer answer;

    client_open(&client, &f->loop, f->port);
    client_send_str(&client, "GET /api/v1/recordings/front-1700000000000/media.mp4 HTTP/1.1\r\n"
                             "Host: localhost\r\n\r\n");
    client_idle(&f->loop);
    client_idle(&f->loop);
    client_read_answer(&client, false, &answer);
    assert_int_equal(answer.body_len, FILE_SIZE);
    answer_done(&answer);
    client_close(&client);
}

static void timeline_and_coverage(void **state)
{
    struct fixture *f = *state;
    NVR_AUTO_JSON timeline = fetch_json(
        f, "/api/v1/recordings/timeline?camera=front&start=1699999990000&end=1700000065000", 200);
    NVR_AUTO_JSON coverage = fetch_json(
        f, "/api/v1/recordings/coverage?start=1699999990000&end=1700000100000&tz_offset=60", 200);
    const json_t *item = json_array_get(json_object_get(timeline, "items"), 0);
    const json_t *ranges = json_object_get(item, "ranges");
    const json_t *day;

    assert_int_equal(json_array_size(ranges), 2);
    assert_int_equal(json_integer_value(json_array_get(json_array_get(ranges, 0), 1)),
                     START_MS + 20000);
    assert_int_equal(json_integer_value(json_array_get(json_array_get(ranges, 1), 1)),
                     1700000065000); /* cut */
    assert_int_equal(json_integer_value(json_object_get(item, "segments")), 3);
    ranges = json_object_get(item, "recording"); /* the file being written, cut */
    assert_int_equal(json_integer_value(json_array_get(ranges, 0)), 1700000060000);
    assert_int_equal(json_integer_value(json_array_get(ranges, 1)), 1700000065000);
    assert_int_equal(json_array_size(json_object_get(coverage, "items")), 2);
    day = json_array_get(
        json_object_get(json_array_get(json_object_get(coverage, "items"), 0), "days"), 0);
    assert_string_equal(json_string_value(json_object_get(day, "date")), "2023-11-14");
    assert_int_equal(json_integer_value(json_object_get(day, "recorded_ms")), 30000);
    assert_error(f, "GET", "/api/v1/recordings/timeline?start=1", "", NULL, 400, "bad_request");
    assert_error(f, "GET", "/api/v1/recordings/timeline?start=5&end=4", "", NULL, 400,
                 "bad_request");
}

static void playlist(void **state)
{
    struct fixture *f = *state;
    struct answer answer;

    fetch(f, "GET",
          "/api/v1/recordings/playback/front/index.m3u8?start=2023-11-14T22:13:20Z&"
          "end=1700000070000",
          "", NULL, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer_header(&answer, "Content-Type"), "application/vnd.apple.mpegurl");
    assert_non_null(strstr(answer.body, "#EXTM3U"));
    assert_non_null(strstr(answer.body, "/api/v1/recordings/front-1700000000000/media.mp4"));
    assert_non_null(strstr(answer.body, "#EXT-X-DISCONTINUITY"));
    assert_non_null(strstr(answer.body, "#EXT-X-ENDLIST"));
    answer_done(&answer);
    assert_error(f, "GET", "/api/v1/recordings/playback/front/index.m3u8?start=1000&end=2000", "",
                 NULL, 404, "no_recording");
}

static size_t from_hex(const char *hex, uint8_t *dst, size_t dst_size)
{
    static const char digits[] = "0123456789abcdef";
    size_t n = 0;

    for (; hex[0] && hex[1] && n < dst_size; hex += 2)
        dst[n++] =
            (uint8_t)((strchr(digits, hex[0]) - digits) << 4 | (strchr(digits, hex[1]) - digits));
    return n;
}

/* A real file of two fragments: download must start its clock at zero and change nothing else. */
static void downloads_start_at_zero(void **state)
{
    struct fixture *f = *state;
    static const struct nvr_fmp4_sample samples[] = {{.size = 1000, .duration = 3600, .key = true}};
    static const uint8_t data[1000] = {1, 2, 3};
    static uint8_t file[16384];
    struct nvr_fmp4_track track = {
        .id = 1, .samples = samples, .samples_count = 1, .data = data, .data_size = 1000};
    struct nvr_fmp4_init init;
    struct nvr_fmp4_fragment fragment;
    struct answer whole;
    struct answer part;
    const size_t init_size = from_hex(INIT_H264_AAC, file, sizeof(file));
    size_t size = init_size;
    size_t first;

    assert_int_equal(nvr_fmp4_parse_init(file, init_size, &init), 0);
    first = nvr_fmp4_fragment_size(&track, 1);
    for (unsigned i = 0; i < 2; i++) {
        track.tfdt = 1700000000ULL * 90000 + i * 3600;
        nvr_fmp4_write_fragment(file + size, i + 1, &track, 1);
        size += first;
    }
    write_file(nvr_supervisor_get_recordings_dir(f->supervisor), "front/1.mp4", file, size);

    fetch(f, "GET", "/api/v1/recordings/front-1700000010000/download", "", NULL, &whole);
    assert_int_equal(whole.status, 200);
    assert_int_equal(whole.body_len, size);
    assert_string_equal(answer_header(&whole, "Content-Disposition"),
                        "attachment; filename=\"front_20231114_221330.mp4\"");
    assert_memory_equal(whole.body, file, init_size);
    assert_int_equal(
        nvr_fmp4_parse_fragment(&init, (uint8_t *)whole.body + init_size, first, &fragment), 0);
    assert_int_equal(fragment.tfdt[0], 0);
    assert_memory_equal(whole.body + init_size + fragment.moof_size,
                        file + init_size + fragment.moof_size, first - fragment.moof_size);
    assert_int_equal(
        nvr_fmp4_parse_fragment(&init, (uint8_t *)whole.body + init_size + first, first, &fragment),
        0);
    assert_int_equal(fragment.tfdt[0], 3600);

    /* a range from the middle of the second fragment's head on */
    fetch(f, "GET", "/api/v1/recordings/front-1700000010000/download", "Range: bytes=-1020\r\n",
          NULL, &part);
    assert_int_equal(part.status, 206);
    assert_memory_equal(part.body, whole.body + size - 1020, 1020);
    answer_done(&part);
    answer_done(&whole);
    /* not one of our files */
    assert_error(f, "GET", "/api/v1/recordings/front-1700000000000/download", "", NULL, 500,
                 "damaged_file");
}

/* ---- static files and documents ---- */

static void web_files(void **state)
{
    struct fixture *f = *state;
    struct answer answer;

    fetch(f, "GET", "/", "Accept: text/html\r\n", NULL, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "<html>heron</html>");
    assert_string_equal(answer_header(&answer, "Cache-Control"), "no-cache");
    answer_done(&answer);

    fetch(f, "GET", "/cameras/front", "Accept: text/html\r\n", NULL, &answer);
    assert_string_equal(answer.body, "<html>heron</html>");
    answer_done(&answer);

    fetch(f, "GET", "/assets/app.js", "Accept-Encoding: gzip\r\n", NULL, &answer);
    assert_string_equal(answer.body, "GZIPPED");
    assert_string_equal(answer_header(&answer, "Content-Encoding"), "gzip");
    assert_string_equal(answer_header(&answer, "Content-Type"), "text/javascript; charset=utf-8");
    assert_non_null(strstr(answer_header(&answer, "Cache-Control"), "immutable"));
    answer_done(&answer);

    fetch(f, "GET", "/assets/app.js", "", NULL, &answer);
    assert_string_equal(answer.body, "let a = 1;");
    answer_done(&answer);

    assert_int_equal(status_of(f, "GET", "/assets/none.js", "", NULL), 404);
    assert_int_equal(status_of(f, "GET", "/../heron.db", "", NULL), 404);
    assert_int_equal(status_of(f, "GET", "/%2e%2e/heron.db", "", NULL), 404);
    assert_int_equal(status_of(f, "GET", "/assets/..%2f..%2fheron.db", "", NULL), 404);
    assert_int_equal(status_of(f, "POST", "/", "", ""), 405);

    fetch(f, "GET", "/api/docs", "", NULL, &answer);
    assert_non_null(strstr(answer.body, "swagger-ui-bundle.js"));
    answer_done(&answer);
    fetch(f, "GET", "/api/docs/swagger-ui-bundle.js", "", NULL, &answer);
    assert_string_equal(answer.body, "swagger");
    answer_done(&answer);
}

/* "/a/{id}" of the document against the table, both ways. */
static void openapi_covers_every_route(void **state)
{
    struct fixture *f = *state;
    NVR_AUTO_JSON document = fetch_json(f, "/api/openapi.json", 200);
    json_t *paths = json_object_get(document, "paths");
    size_t tables_count;
    const struct nvr_route_table *tables = nvr_gateway_get_tables(f->gateway, &tables_count);
    size_t documented = 0;
    size_t routed = 0;
    const char *path;
    json_t *methods;

    assert_string_equal(json_string_value(json_object_get(document, "openapi")), "3.1.0");
    for (size_t t = 0; t < tables_count; t++) {
        for (size_t i = 0; i < tables[t].count; i++) {
            const struct nvr_route *route = &tables[t].routes[i];
            char method[16];
            json_t *operation;

            if (route->flags & NVR_ROUTE_HIDDEN)
                continue;
            assert_true(nvr_fmt(method, sizeof(method), "%s", nvr_http_method_name(route->method)) >
                        0);
            for (char *p = method; *p; p++)
                *p = (char)(*p | 0x20);
            operation = json_object_get(json_object_get(paths, route->path), method);
            if (!operation)
                fail_msg("%s %s is not in openapi.json", method, route->path);
            assert_string_equal(json_string_value(json_object_get(operation, "summary")),
                                route->summary);
            assert_string_equal(
                json_string_value(json_array_get(json_object_get(operation, "tags"), 0)),
                route->tag);
            assert_int_equal(json_object_get(operation, "requestBody") != NULL,
                             (route->flags & NVR_ROUTE_BODY) != 0);
            routed++;
        }
    }
    json_object_foreach(paths, path, methods)
    {
        documented += json_object_size(methods);
    }
    assert_int_equal(documented, routed);
}

static void keeping(void **state)
{
    static const char range[] =
        "{\"camera\":\"front\",\"start\":1700000000000,\"end\":1700000005000}";
    static const char *const bad[] = {
        "{\"camera\":\"front\",\"start\":2000,\"end\":2000}",
        "{\"camera\":\"A b\",\"start\":1000,\"end\":2000}",
        "{\"camera\":\"front\",\"start\":-1,\"end\":2000}",
        "{\"camera\":\"front\",\"start\":1,\"end\":2678400002}",
        "{\"camera\":\"front\",\"start\":1,\"end\":2,\"reason\":3}",
        "{}",
    };
    static const char first[] = "/api/v1/recordings/front-1700000000000";
    static const char second[] = "/api/v1/recordings/front-1700000010000";
    static const char second_protect[] = "/api/v1/recordings/front-1700000010000/protect";
    struct fixture *f = *state;
    struct answer answer;
    json_t *json;

    assert_error(f, "GET", "/api/v1/recordings/protected?camera=A%20b", "", NULL, 400,
                 "bad_request");
    for (size_t i = 0; i < NVR_ARRAY_SIZE(bad); i++)
        assert_error(f, "POST", "/api/v1/recordings/protect", JSON_TYPE, bad[i], 422,
                     "validation_failed");
    fetch(f, "POST", "/api/v1/recordings/protect", JSON_TYPE, range, &answer);
    assert_int_equal(answer.status, 201);
    assert_non_null(strstr(answer.body, "\"id\":\"1\""));
    answer_done(&answer);
    assert_error(f, "DELETE", first, "", NULL, 409, "protected");
    assert_error(f, "PUT", second_protect, JSON_TYPE, "{}", 422, "validation_failed");
    assert_int_equal(status_of(f, "PUT", second_protect, JSON_TYPE, "{\"protected\":true}"), 204);
    json = fetch_json(f, "/api/v1/recordings/protected?camera=front", 200);
    assert_int_equal(json_array_size(json_object_get(json, "items")), 2);
    json_decref(json);
    json = fetch_json(f, "/api/v1/system/storage", 200);
    assert_string_equal(json_string_value(json_object_get(json, "state")), "ok");
    json_decref(json);
    assert_int_equal(status_of(f, "PUT", second_protect, JSON_TYPE, "{\"protected\":false}"), 204);
    assert_int_equal(status_of(f, "DELETE", second, "", NULL), 204);
    assert_int_equal(status_of(f, "DELETE", second, "", NULL), 404);
    assert_int_equal(status_of(f, "DELETE", "/api/v1/recordings/front", "", NULL), 404);
    assert_int_equal(status_of(f, "DELETE", "/api/v1/recordings/protected/1", "", NULL), 204);
    assert_int_equal(status_of(f, "DELETE", "/api/v1/recordings/protected/1", "", NULL), 404);
    assert_int_equal(status_of(f, "DELETE", "/api/v1/recordings/protected/x", "", NULL), 404);
    assert_int_equal(status_of(f, "DELETE", first, "", NULL), 204);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        T(answers_and_headers),
        T(metrics),
        T(errors),
        T(bad_json_tells_the_place),
        T(limits),
        T(guarded),
        T(keeps_alive),
        T(pipelined),
        T(client_leaves_early),
        T(camera_routes),
        T(record),
        T(probe),
        T(snapshots),
        T(recording_list),
        T(media_ranges),
        T(slow_reader_gets_everything),
        T(timeline_and_coverage),
        T(playlist),
        T(downloads_start_at_zero),
        T(keeping),
        T(web_files),
        T(openapi_covers_every_route),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
