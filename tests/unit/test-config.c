/* config.yaml → structs: defaults, kinds of scalars, findings and their places, secrets, saving. */
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
#include "lib/config/config.h"

static struct nvr_config_errors errors;

static struct nvr_config *parse(const char *text)
{
    struct nvr_config *config = NULL;
    const int r = nvr_config_parse(text, strlen(text), NULL, &config, &errors);

    if (r < 0) {
        assert_int_equal(r, -EINVAL);
        assert_true(errors.count > 0);
        return NULL;
    }
    assert_int_equal(errors.count, 0);
    return config;
}

/* The first finding of a text that must be refused. */
static void refused(const char *text, const char *field, unsigned line, unsigned column,
                    const char *words)
{
    if (parse(text))
        fail_msg("accepted: %s", text);
    assert_string_equal(errors.items[0].field, field);
    if (!strstr(errors.items[0].message, words))
        fail_msg("\"%s\" is not in \"%s\"", words, errors.items[0].message);
    assert_int_equal(errors.items[0].line, line);
    assert_int_equal(errors.items[0].column, column);
}

static void test_empty(void **state)
{
    static const char *const texts[] = {
        "", "\n", "# only a comment\n", "---\n", "cameras:\n", "cameras: []\n", "system:\n"};

    (void)state;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(texts); i++) {
        NVR_AUTO(nvr_config) config = parse(texts[i]);

        assert_non_null(config);
        assert_int_equal(nvr_config_get_camera_count(config), 0);
        assert_int_equal(nvr_config_get_system(config)->port, 5000);
        assert_string_equal(nvr_config_get_system(config)->host, "0.0.0.0");
        assert_string_equal(nvr_config_get_system(config)->log_level, "info");
    }
}

static void test_full(void **state)
{
    static const char text[] =
        "version: 1.0\n"
        "system:\n"
        "  name: Höhle\n"
        "  server: {port: 8080, host: 127.0.0.1}\n"
        "  logging: {level: debug, format: text}\n"
        "cameras:\n"
        "- id: front-door\n"
        "  name: 123\n"
        "  enabled: yes\n"
        "  unknown: {kept: 1}\n"
        "  stream:\n"
        "    url: rtsp://admin:p%40ss@10.0.0.5:554/ch1?x=1\n"
        "    sub_url: rtsp://10.0.0.5/ch2\n"
        "    fallback_urls: [rtsp://10.0.0.6/a, rtsp://admin:p@10.0.0.7/b]\n"
        "    transport: udp\n"
        "    auth_type: digest\n"
        "  recording: {segment_seconds: 5, audio: no, retention: {default_days: 7}}\n"
        "  advanced: {timeout_seconds: 20}\n"
        "- {id: b, enabled: off, stream: {url: 'file:///media/a.mp4'}}\n";
    NVR_AUTO(nvr_config) config = parse(text);
    const struct nvr_camera_config *camera;

    (void)state;
    assert_non_null(config);
    assert_string_equal(nvr_config_get_system(config)->name, "Höhle");
    assert_int_equal(nvr_config_get_system(config)->port, 8080);
    assert_int_equal(nvr_config_get_camera_count(config), 2);
    camera = nvr_config_get_camera(config, 0);
    assert_string_equal(camera->name, "123");
    assert_true(camera->enabled);
    assert_string_equal(camera->stream.url, "rtsp://10.0.0.5:554/ch1?x=1");
    assert_string_equal(camera->stream.username, "admin");
    assert_string_equal(camera->stream.password, "p@ss");
    assert_int_equal(camera->stream.fallback_count, 2);
    assert_string_equal(camera->stream.fallback_urls[1], "rtsp://10.0.0.7/b");
    assert_int_equal(camera->stream.transport, NVR_TRANSPORT_UDP);
    assert_int_equal(camera->stream.auth_type, NVR_AUTH_DIGEST);
    assert_int_equal(camera->recording.segment_seconds, 5);
    assert_false(camera->recording.audio);
    assert_true(camera->recording.enabled);
    assert_int_equal(camera->recording.pre_buffer_seconds, 5);
    assert_int_equal(camera->recording.default_days, 7);
    assert_int_equal(camera->recording.events_days, 60);
    assert_int_equal(camera->timeout_seconds, 20);
    camera = nvr_config_find_camera(config, "b");
    assert_non_null(camera);
    assert_false(camera->enabled);
    assert_string_equal(camera->name, "b");
    assert_string_equal(camera->stream.url, "file:///media/a.mp4");
    assert_int_equal(camera->timeout_seconds, 10);
    assert_null(nvr_config_find_camera(config, "c"));
}

#define CAMERA "cameras:\n  - id: a\n    stream: {url: rtsp://h/1}\n"

/* Quotes are not needed: the schema wants text. */
static void schedules_are_read(void **state)
{
    NVR_AUTO(nvr_config)
    config = parse(CAMERA "    recording:\n"
                          "      mode: scheduled\n"
                          "      flush_seconds: 0\n"
                          "      schedule:\n"
                          "        - {days: [mon, sun], from: 08:05, to: 24:00, mode: continuous}\n"
                          "        - {days: [tue], from: 22:00, to: 06:00, mode: off}\n");
    const struct nvr_camera_config *camera;
    const struct nvr_schedule_entry *entry;

    (void)state;
    assert_non_null(config);
    camera = nvr_config_get_camera(config, 0);
    assert_int_equal(camera->recording.mode, NVR_RECORDING_SCHEDULED);
    assert_int_equal(camera->recording.flush_seconds, 0);
    assert_int_equal(camera->recording.schedule.count, 2);
    entry = camera->recording.schedule.entries;
    assert_int_equal(entry[0].days, 1 | 64);
    assert_int_equal(entry[0].from, 485);
    assert_int_equal(entry[0].to, 1440);
    assert_int_equal(entry[0].mode, NVR_RECORD_CONTINUOUS);
    assert_int_equal(entry[1].days, 2);
    assert_int_equal(entry[1].from, 1320);
    assert_int_equal(entry[1].to, 360);
    assert_int_equal(entry[1].mode, NVR_RECORD_OFF);
}

/* Changing when something is recorded never stops the process that records it. */
static void modes_need_no_restart(void **state)
{
    NVR_AUTO(nvr_config) before = parse(CAMERA);
    NVR_AUTO(nvr_config)
    mode = parse(CAMERA "    recording: {mode: scheduled, post_buffer_seconds: 9, schedule: "
                        "[{days: [mon], from: '08:00', to: '09:00', mode: motion}], "
                        "retention: {default_days: 3, events_days: 4}}\n");
    NVR_AUTO(nvr_config) pre = parse(CAMERA "    recording: {pre_buffer_seconds: 9}\n");
    const struct nvr_camera_config *camera;

    (void)state;
    assert_true(before && mode && pre);
    camera = nvr_config_get_camera(before, 0);
    assert_int_equal(camera->recording.flush_seconds, 2);
    assert_false(nvr_camera_config_needs_restart(camera, nvr_config_get_camera(mode, 0)));
    assert_true(nvr_camera_config_needs_restart(camera, nvr_config_get_camera(pre, 0)));
}

static void test_findings(void **state)
{
    (void)state;
    refused("system: 3\n", "system", 1, 9, "expected a section");
    refused("system:\n  server:\n    port: ten\n", "system.server.port", 3, 11,
            "expected an integer from 1 to 65535, got \"ten\"");
    refused("system:\n  server: {port: 70000}\n", "system.server.port", 2, 18, "got 70000");
    refused(CAMERA "    recording:\n      segment_seconds: 1\n",
            "cameras[0].recording.segment_seconds", 5, 24,
            "expected an integer from 2 to 60, got 1");
    refused(CAMERA "    recording: {mode: sometimes}\n", "cameras[0].recording.mode", 4, 23,
            "expected one of continuous, motion, events, scheduled, got \"sometimes\"");
    refused(CAMERA
            "    recording: {schedule: [{days: [mon], from: '8:00', to: '09:00', mode: off}]}\n",
            "cameras[0].recording.schedule[0].from", 4, 48,
            "expected a time of day from 00:00 to 23:59, got \"8:00\"");
    refused(CAMERA "    recording:\n      schedule:\n"
                   "        - {days: [mon], from: '08:00', to: '09:00', mode: motion}\n"
                   "        - {days: [sun, mo], from: '08:00', to: '24:00', mode: motion}\n",
            "cameras[0].recording.schedule[1].days[1]", 7, 24, "expected one of mon, tue, wed");
    refused(CAMERA
            "    recording: {schedule: [{days: [mon], from: '24:00', to: '24:00', mode: off}]}\n",
            "cameras[0].recording.schedule[0].from", 4, 48, "expected a time of day");
    refused(CAMERA "    recording: {schedule: [{days: [mon], from: '08:00', mode: off}]}\n",
            "cameras[0].recording.schedule[0].to", 4, 28, "is missing");
    refused(CAMERA
            "    recording: {schedule: [{days: [], from: '08:00', to: '09:00', mode: on}]}\n",
            "cameras[0].recording.schedule[0].mode", 4, 73, "expected one of off, continuous");
    refused(CAMERA "    recording: {flush_seconds: 61}\n", "cameras[0].recording.flush_seconds", 4,
            32, "expected an integer from 0 to 60, got 61");
    refused("cameras:\n  - id: a\n", "cameras[0].stream", 2, 5, "is missing");
    refused("cameras:\n  - id: a\n    stream: {}\n", "cameras[0].stream.url", 3, 13, "is missing");
    refused("cameras:\n  - stream: {url: rtsp://h}\n", "cameras[0].id", 2, 5, "is missing");
    refused("cameras:\n  - id: A b\n    stream: {url: rtsp://h}\n", "cameras[0].id", 2, 9, "a-z");
    refused(CAMERA "  - id: a\n    stream: {url: rtsp://h/2}\n", "cameras[1].id", 4, 9,
            "expected an id of its own");
    refused("cameras:\n  - id: a\n    stream:\n      url: ftp://h/1\n", "cameras[0].stream.url", 4,
            12, "rtsp, rtsps, rtmp, rtmps, http, https, file; ftp:// is not supported");
    refused("cameras:\n  - id: a\n    stream: {url: file://media/a}\n", "cameras[0].stream.url", 3,
            19, "absolute");
    refused("cameras:\n  - id: a\n    stream: rtsp://u:pw@h/1\n", "cameras[0].stream", 3, 13,
            "expected a section");
    assert_null(strstr(errors.items[0].message, "pw"));
    refused("cameras: {}\n", "cameras", 1, 10, "expected a list, got a section");
    refused("- a\n", "", 1, 1, "expected a section");
    refused("system: {timezone: Mars/Olympus}\n", "system.timezone", 1, 20, "time zone");
    refused("system: {timezone: ../../etc/passwd}\n", "system.timezone", 1, 20, "time zone");
}

static void test_yaml_findings(void **state)
{
    char deep[256];

    (void)state;
    refused("a: 1\nb: [1\n", "", 3, 1, "");
    refused("a: 1\nb: 2\na: 3\n", "", 3, 1, "twice, first in line 1");
    refused("a: &x 1\n", "", 1, 4, "anchors");
    refused("a: *x\n", "", 1, 4, "");
    refused("a: !!str 1\n", "", 1, 4, "tags");
    refused("a: 1\n---\nb: 2\n", "", 2, 1, "second document");
    refused("? [a]\n: 1\n", "", 1, 3, "a key must be");
    refused("a: \xff\n", "", 1, 1, "UTF-8");
    refused("a: \"\x01\"\n", "", 1, 1, "control characters");
    refused("ä: 1\nö: [é, é, ,\n", "", 2, 11, "");
    memset(deep, '[', 200);
    memset(deep + 200, 0, 1);
    assert_null(parse(deep));
    assert_non_null(strstr(errors.items[0].message, "deeper"));
}

static void test_bounds(void **state)
{
    static char text[NVR_CONFIG_SIZE_MAX + 2];
    struct nvr_config *config = NULL;

    (void)state;
    memset(text, '#', sizeof(text) - 1);
    assert_int_equal(nvr_config_parse(text, NVR_CONFIG_SIZE_MAX + 1, NULL, &config, &errors),
                     -EINVAL);
    config = NULL;
    assert_int_equal(nvr_config_parse("a: \0", 4, NULL, &config, &errors), -EINVAL);
}

static void test_byte_order_mark_and_crlf(void **state)
{
    NVR_AUTO(nvr_config) config = parse("\xef\xbb\xbfsystem:\r\n  name: é\r\n" CAMERA);

    (void)state;
    assert_non_null(config);
    assert_string_equal(nvr_config_get_system(config)->name, "é");
    assert_int_equal(nvr_config_get_camera_count(config), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),         cmocka_unit_test(test_full),
        cmocka_unit_test(schedules_are_read), cmocka_unit_test(modes_need_no_restart),
        cmocka_unit_test(test_findings),      cmocka_unit_test(test_yaml_findings),
        cmocka_unit_test(test_bounds),        cmocka_unit_test(test_byte_order_mark_and_crlf),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
