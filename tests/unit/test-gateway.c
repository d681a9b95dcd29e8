/* The gateway over real sockets, on canned cameras and a real store. */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/media/fmp4.h"
#include "lib/store/cameras.h"
#include "lib/store/recordings.h"
#include "src/gateway/gateway_limits.h"
#include "src/gateway/private.h"
#include "tests/unit/fake_supervisor.h"
#include "tests/unit/http_client.h"
#include "tests/unit/init-segments.h"

#define START_MS 1700000000000LL
#define FILE_SIZE 300000

struct fixture {
    uv_loop_t loop;
    char dir[64];
    struct nvr_supervisor *supervisor;
    struct nvr_gateway *gateway;
    int port;
    bool stopped;
};

/* ---- set-up ---- */

static void write_file(const char *dir, const char *name, const void *data, size_t len)
{
    char path[4096];

    assert_int_equal(nvr_path_join(path, sizeof(path), dir, name), 0);
    assert_int_equal(nvr_file_write_atomic(path, data, len, 0600), 0);
}

static int add_rows(struct nvr_db *db, void *arg)
{
    static struct nvr_recording recording;

    (void)arg;
    for (int i = 0; i < 3; i++) {
        memset(&recording, 0, sizeof(recording));
        memcpy(recording.camera_id, "front", 6);
        memcpy(recording.stream, "main", 5);
        memcpy(recording.tier, "hot", 4);
        memcpy(recording.codec, "h264", 5);
        memcpy(recording.init_id, "abc", 4);
        memset(recording.checksum, 'c', sizeof(recording.checksum) - 1);
        /* 0–10 s, 10–20 s, then a hole, 60–70 s */
        recording.start_ms = START_MS + (i == 2 ? 60000 : i * 10000);
        recording.end_ms = recording.start_ms + 10000;
        recording.file_size = FILE_SIZE;
        recording.init_size = 100;
        recording.keys_count = 2;
        recording.keys[0].ms = 0;
        recording.keys[0].offset = 100;
        recording.keys[1].ms = 5000;
        recording.keys[1].offset = 150000;
        if (nvr_fmt(recording.file_path, sizeof(recording.file_path), "front/%d.mp4", i) < 0 ||
            nvr_recordings_upsert(db, &recording) < 0)
            return -EIO;
    }
    return nvr_camera_log_status(db, "front", "online", "", START_MS);
}

static void make_recordings(struct fixture *f)
{
    struct nvr_store *store = nvr_supervisor_get_store(f->supervisor);
    const char *dir = nvr_supervisor_get_recordings_dir(f->supervisor);
    static uint8_t bytes[FILE_SIZE];
    char path[4096];

    assert_int_equal(nvr_path_join(path, sizeof(path), dir, "front"), 0);
    assert_int_equal(nvr_mkdir_p(path, 0700), 0);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i % 251);
    write_file(dir, "front/0.mp4", bytes, sizeof(bytes));
    assert_int_equal(nvr_store_write(store, add_rows, NULL, NULL), 0);
    assert_int_equal(nvr_store_flush(store, 2000), 0);
}

static void make_web(const char *web)
{
    char assets[4096];
    char docs[4096];

    assert_int_equal(nvr_path_join(assets, sizeof(assets), web, "assets"), 0);
    assert_int_equal(nvr_mkdir_p(assets, 0700), 0);
    assert_int_equal(nvr_path_join(docs, sizeof(docs), web, "docs"), 0);
    assert_int_equal(nvr_mkdir_p(docs, 0700), 0);
    write_file(web, "index.html", "<html>heron</html>", 18);
    write_file(assets, "app.js", "let a = 1;", 10);
    write_file(assets, "app.js.gz", "GZIPPED", 7);
    write_file(docs, "swagger-ui-bundle.js", "swagger", 7);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct nvr_gateway_options options = {.port = 0};
    char web[128];

    nvr_log_set_level(NVR_LOG_ERROR);
    memcpy(f->dir, "/tmp/heron-gateway-XXXXXX", 26);
    assert_non_null(mkdtemp(f->dir));
    assert_true(nvr_fmt(web, sizeof(web), "%s/web", f->dir) > 0);
    make_web(web);
    assert_int_equal(uv_loop_init(&f->loop), 0);
    f->supervisor = fake_supervisor_new(&f->loop, f->dir);
    make_recordings(f);
    options.loop = &f->loop;
    options.supervisor = f->supervisor;
    options.web_dir = web;
    assert_int_equal(nvr_gateway_start(&options, &f->gateway), 0);
    f->port = nvr_gateway_get_port(f->gateway);
    assert_true(f->port > 0);
    *state = f;
    return 0;
}

static void on_stopped(void *arg)
{
    ((struct fixture *)arg)->stopped = true;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    nvr_gateway_stop(f->gateway, on_stopped, f);
    while (uv_run(&f->loop, UV_RUN_ONCE))
        ;
    assert_true(f->stopped);
    nvr_gateway_free(f->gateway);
    fake_supervisor_free(f->supervisor);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    assert_int_equal(nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    free(f);
    return 0;
}

/* ---- helpers ---- */

static size_t from_hex(const char *hex, uint8_t *dst, size_t dst_size)
{
    static const char digits[] = "0123456789abcdef";
    size_t n = 0;

    for (; hex[0] && hex[1] && n < dst_size; hex += 2)
        dst[n++] =
            (uint8_t)((strchr(digits, hex[0]) - digits) << 4 | (strchr(digits, hex[1]) - digits));
    return n;
}

/* One request on a connection of its own. headers: lines with CRLF. */
static void fetch(struct fixture *f, const char *method, const char *path, const char *headers,
                  const char *body, struct answer *answer)
{
    struct client client;
    struct nvr_buf text;

    client_open(&client, &f->loop, f->port);
    nvr_buf_init(&text, 4 * 1024 * 1024);
    (void)nvr_buf_printf(&text, "%s %s HTTP/1.1\r\nHost: localhost:%d\r\n%s", method, path, f->port,
                         headers);
    if (body)
        (void)nvr_buf_printf(&text, "Content-Length: %zu\r\n", strlen(body));
    (void)nvr_buf_append_str(&text, "\r\n");
    if (body)
        (void)nvr_buf_append_str(&text, body);
    assert_int_equal(nvr_buf_status(&text), 0);
    client_send(&client, text.data, text.len);
    nvr_buf_done(&text);
    client_read_answer(&client, strcmp(method, "HEAD") == 0, answer);
    client_close(&client);
}

static unsigned status_of(struct fixture *f, const char *method, const char *path,
                          const char *headers, const char *body)
{
    struct answer answer;
    unsigned status;

    fetch(f, method, path, headers, body, &answer);
    status = answer.status;
    answer_done(&answer);
    return status;
}

static json_t *fetch_json(struct fixture *f, const char *path, unsigned expected)
{
    struct answer answer;
    json_t *value = NULL;

    fetch(f, "GET", path, "", NULL, &answer);
    assert_int_equal(answer.status, expected);
    assert_int_equal(nvr_json_parse(answer.body, answer.body_len, &value, NULL, 0), 0);
    answer_done(&answer);
    return value;
}

static void assert_error(struct fixture *f, const char *method, const char *path,
                         const char *headers, const char *body, unsigned status, const char *code)
{
    NVR_AUTO_JSON value = NULL;
    struct answer answer;

    fetch(f, method, path, headers, body, &answer);
    assert_int_equal(answer.status, status);
    assert_int_equal(nvr_json_parse(answer.body, answer.body_len, &value, NULL, 0), 0);
    assert_string_equal(json_string_value(json_object_get(json_object_get(value, "error"), "code")),
                        code);
    assert_string_equal(json_string_value(json_object_get(value, "request_id")),
                        answer_header(&answer, "X-Request-Id"));
    assert_true(json_is_array(json_object_get(json_object_get(value, "error"), "fields")));
    answer_done(&answer);
}

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
    assert_true(strtoul(answer_header(&answer, "Content-Length"), NULL, 10) > 20);
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
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(answers_and_headers),
        T(errors),
        T(bad_json_tells_the_place),
        T(limits),
        T(guarded),
        T(keeps_alive),
        T(pipelined),
        T(client_leaves_early),
        T(camera_routes),
        T(probe),
        T(snapshots),
        T(recording_list),
        T(media_ranges),
        T(slow_reader_gets_everything),
        T(timeline_and_coverage),
        T(playlist),
        T(downloads_start_at_zero),
        T(web_files),
        T(openapi_covers_every_route),
        T(live_starts_at_the_key_frame),
        T(live_tells_what_is_wrong),
        T(slow_viewer_skips_and_delays_nobody),
        T(too_many_viewers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
