#include "tests/unit/gateway_fixture.h"

#include <ftw.h>
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

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/store/cameras.h"
#include "lib/store/recordings.h"

/* ---- set-up ---- */

void write_file(const char *dir, const char *name, const void *data, size_t len)
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

int fixture_set_up(void **state)
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
    assert_int_equal(nvr_storage_start(f->supervisor, &f->storage), 0);
    options.storage = f->storage;
    options.web_dir = web;
    assert_int_equal(nvr_gateway_start(&options, &f->gateway), 0);
    f->port = nvr_gateway_get_port(f->gateway);
    assert_true(f->port > 0);
    *state = f;
    return 0;
}

static void on_storage_stopped(void *arg)
{
    ((struct fixture *)arg)->stopped = true;
}

static void on_stopped(void *arg)
{
    nvr_storage_stop(((struct fixture *)arg)->storage, on_storage_stopped, arg);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

int fixture_tear_down(void **state)
{
    struct fixture *f = *state;

    nvr_gateway_stop(f->gateway, on_stopped, f);
    while (uv_run(&f->loop, UV_RUN_ONCE))
        ;
    assert_true(f->stopped);
    nvr_gateway_free(f->gateway);
    nvr_storage_free(f->storage);
    fake_supervisor_free(f->supervisor);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    assert_int_equal(nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    free(f);
    return 0;
}

/* ---- helpers ---- */

/* One request on a connection of its own. headers: lines with CRLF. */
void fetch(struct fixture *f, const char *method, const char *path, const char *headers,
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

unsigned status_of(struct fixture *f, const char *method, const char *path, const char *headers,
                   const char *body)
{
    struct answer answer;
    unsigned status;

    fetch(f, method, path, headers, body, &answer);
    status = answer.status;
    answer_done(&answer);
    return status;
}

json_t *fetch_json(struct fixture *f, const char *path, unsigned expected)
{
    struct answer answer;
    json_t *value = NULL;

    fetch(f, "GET", path, "", NULL, &answer);
    assert_int_equal(answer.status, expected);
    assert_int_equal(nvr_json_parse(answer.body, answer.body_len, &value, NULL, 0), 0);
    answer_done(&answer);
    return value;
}

void assert_error(struct fixture *f, const char *method, const char *path, const char *headers,
                  const char *body, unsigned status, const char *code)
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
