/* Cameras changed in place: what the text looks like afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/log.h"
#include "lib/config/config.h"

static struct nvr_config_errors errors;
static struct nvr_config_key *key;

static struct nvr_config *parse(const char *text)
{
    struct nvr_config *config = NULL;

    if (nvr_config_parse(text, strlen(text), key, &config, &errors) < 0)
        fail_msg("line %u: %s: %s in\n%s", errors.items[0].line, errors.items[0].field,
                 errors.items[0].message, text);
    return config;
}

static json_t *json(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

    assert_non_null(value);
    return value;
}

static void expect_text(const struct nvr_config *config, const char *want)
{
    size_t len;

    assert_string_equal(nvr_config_get_text(config, &len), want);
}

enum op { ADD, PUT, PATCH, REMOVE };

/* text changed by op must read want. */
static void changes(enum op op, const char *text, const char *id, const char *body,
                    const char *want)
{
    NVR_AUTO(nvr_config) config = parse(text);
    NVR_AUTO(nvr_config) after = NULL;
    NVR_AUTO_JSON value = body ? json(body) : NULL;
    char new_id[NVR_SLUG_SIZE];
    int r = -1;

    errors.count = 0;
    if (op == ADD)
        r = nvr_config_camera_add(config, key, value, &after, new_id, &errors);
    else if (op == PUT)
        r = nvr_config_camera_put(config, key, id, value, &after, &errors);
    else if (op == PATCH)
        r = nvr_config_camera_patch(config, key, id, value, &after, &errors);
    else
        r = nvr_config_camera_remove(config, key, id, &after);
    if (r < 0)
        fail_msg("%d: %s: %s", r, errors.items[0].field, errors.items[0].message);
    if (op == ADD)
        assert_string_equal(new_id, id);
    expect_text(after, want);
    expect_text(config, text);
}

#define NEW "{\"name\":\"Back yard\",\"stream\":{\"url\":\"rtsp://h/2\"}}"
#define ITEM "- id: back-yard\n    name: Back yard\n    stream:\n      url: rtsp://h/2\n"

static void test_add(void **state)
{
    (void)state;
    changes(ADD, "", "back-yard", NEW, "cameras:\n  " ITEM);
    changes(ADD, "# hello\n", "back-yard", NEW, "# hello\ncameras:\n  " ITEM);
    changes(ADD, "# hello", "back-yard", NEW, "# hello\ncameras:\n  " ITEM);
    changes(ADD, "cameras:\n", "back-yard", NEW, "cameras:\n  " ITEM);
    changes(ADD, "cameras: # mine\n", "back-yard", NEW, "cameras: # mine\n  " ITEM);
    changes(ADD, "cameras: []  # none\n", "back-yard", NEW, "cameras:  # none\n  " ITEM);
    changes(ADD, "system:\n    name: x # y\n# end\n", "back-yard", NEW,
            "system:\n    name: x # y\ncameras:\n    - id: back-yard\n      name: Back yard\n"
            "      stream:\n          url: rtsp://h/2\n# end\n");
    changes(ADD, "cameras:\n- id: a\n  stream: {url: rtsp://h/1} # c\n\n# end\n", "back-yard", NEW,
            "cameras:\n- id: a\n  stream: {url: rtsp://h/1} # c\n- id: back-yard\n"
            "  name: Back yard\n  stream:\n    url: rtsp://h/2\n\n# end\n");
    changes(ADD, "cameras: [{id: a, stream: {url: 'rtsp://h/1'}}]\n", "back-yard", NEW,
            "cameras: [{id: a, stream: {url: 'rtsp://h/1'}}, {id: back-yard, name: Back yard, "
            "stream: {url: \"rtsp://h/2\"}}]\n");
    changes(ADD, "cameras:\r\n  - id: a\r\n    stream: {url: rtsp://h/1}", "back-yard", NEW,
            "cameras:\r\n  - id: a\r\n    stream: {url: rtsp://h/1}\r\n  - id: back-yard\r\n"
            "    name: Back yard\r\n    stream:\r\n      url: rtsp://h/2");
    changes(
        ADD,
        "cameras:\n  - id: a\n    stream: {url: rtsp://h/1}\n\n  - id: back-yard\n"
        "    stream: {url: rtsp://h/1}\n",
        "back-yard-2", NEW,
        "cameras:\n  - id: a\n    stream: {url: rtsp://h/1}\n\n  - id: back-yard\n"
        "    stream: {url: rtsp://h/1}\n\n  - id: back-yard-2\n    name: Back yard\n    stream:\n"
        "      url: rtsp://h/2\n");
}

#define HEAD "# top\nversion: \"1.0\" # v\ncameras: # all\n  # the first\n  - id: a # id\n"
#define REST                                                                                       \
    "    stream: # where\n      url: rtsp://h/1 # url\n      # last of a\n  # second\n  - id: "    \
    "b\n    stream: {url: 'rtsp://h/2', transport: tcp} # flow\n# end\n"

static void test_patch(void **state)
{
    (void)state;
    changes(PATCH, HEAD REST, "a", "{}", HEAD REST);
    changes(PATCH, HEAD REST, "a", "{\"enabled\":true}", HEAD REST); /* says the default */
    changes(PATCH, HEAD REST, "a", "{\"name\":\"Front: \\\"door\\\" #1\"}",
            HEAD "    stream: # where\n      url: rtsp://h/1 # url\n"
                 "    name: \"Front: \\\"door\\\" #1\"\n      # last of a\n  # second\n  - id: b\n"
                 "    stream: {url: 'rtsp://h/2', transport: tcp} # flow\n# end\n");
    changes(PATCH, HEAD REST, "a", "{\"stream\":{\"url\":\"rtsp://h/9\"}}",
            HEAD "    stream: # where\n      url: rtsp://h/9 # url\n      # last of a\n  # second\n"
                 "  - id: b\n    stream: {url: 'rtsp://h/2', transport: tcp} # flow\n# end\n");
    changes(PATCH, HEAD REST, "b", "{\"stream\":{\"url\":\"rtsp://h/it's\",\"transport\":\"udp\"}}",
            HEAD "    stream: # where\n      url: rtsp://h/1 # url\n      # last of a\n  # second\n"
                 "  - id: b\n    stream: {url: 'rtsp://h/it''s', transport: udp} # flow\n# end\n");
    changes(PATCH, HEAD REST, "b", "{\"stream\":{\"transport\":null,\"auth_type\":\"basic\"}}",
            HEAD "    stream: # where\n      url: rtsp://h/1 # url\n      # last of a\n  # second\n"
                 "  - id: b\n    stream: {url: 'rtsp://h/2', auth_type: basic} # flow\n# end\n");
    changes(PATCH, HEAD REST, "b", "{\"recording\":{\"retention\":{\"default_days\":7}}}",
            HEAD "    stream: # where\n      url: rtsp://h/1 # url\n      # last of a\n  # second\n"
                 "  - id: b\n    stream: {url: 'rtsp://h/2', transport: tcp} # flow\n"
                 "    recording:\n      retention:\n        default_days: 7\n# end\n");
}

#define CAM "cameras:\n  - id: a\n    stream: {url: rtsp://h/1}\n"

static void test_values(void **state)
{
    static const struct {
        const char *json, *yaml;
    } names[] = {
        {"yes", "\"yes\""},
        {"Off", "\"Off\""},
        {"null", "\"null\""},
        {"0123", "\"0123\""},
        {"1e3", "\"1e3\""},
        {"2024-01-01", "\"2024-01-01\""},
        {"12:30", "\"12:30\""},
        {"-", "\"-\""},
        {"~", "\"~\""},
        {": #", "\": #\""},
        {"a: b", "\"a: b\""},
        {"a:b", "a:b"},
        {"a #b", "\"a #b\""},
        {"a:", "\"a:\""},
        {" a", "\" a\""},
        {"a ", "\"a \""},
        {"a\\nb", "\"a\\nb\""},
        {"a\\tb", "\"a\\tb\""},
        {"Höhle 雨", "Höhle 雨"},
        {"😀", "😀"},
        {"\\u0085", "\"\\x85\""},
        {"\\u2028", "\"\\u2028\""},
        {"\\u007f", "\"\\x7F\""},
        {"&a", "\"&a\""},
        {"*a", "\"*a\""},
        {"!a", "\"!a\""},
        {"Kid's room", "Kid's room"},
        {"[a]", "\"[a]\""},
        {"a, b", "a, b"},
        {"a\\\\b", "\"a\\\\b\""},
        {"\\ufeffa", "\"\\uFEFFa\""},
        {"@x", "\"@x\""},
        {"%x", "\"%x\""},
    };
    char body[128], want[256];

    (void)state;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(names); i++) {
        (void)snprintf(body, sizeof(body), "{\"name\":\"%s\"}", names[i].json);
        (void)snprintf(want, sizeof(want), CAM "    name: %s\n", names[i].yaml);
        changes(PATCH, CAM, "a", body, want);
    }
    changes(PATCH, CAM, "a", "{\"x\":[1,-2.5,1e300,true,null,\"b\",{\"c\":[]}],\"z\":{}}",
            CAM "    x:\n      - 1\n      - -2.5\n      - 1e+300\n      - true\n      - null\n"
                "      - b\n      - c: []\n    z: {}\n");
}

static void test_lists(void **state)
{
    (void)state;
    changes(PATCH, CAM "    tags: [a, b]\n", "a", "{\"tags\":[\"a\",\"x\",\"b\"]}",
            CAM "    tags: [a, x, b]\n");
    changes(PATCH, CAM "    tags: [a, b]\n", "a", "{\"tags\":[\"a\"]}", CAM "    tags: [a]\n");
    changes(PATCH, CAM "    tags: [a, b]\n", "a", "{\"tags\":[]}", CAM "    tags: []\n");
    changes(PATCH, CAM "    tags: []\n", "a", "{\"tags\":[\"b\"]}", CAM "    tags: [b]\n");
    changes(PATCH, CAM "    tags:\n    - a # 1\n    # mid\n    - b # 2\n", "a",
            "{\"tags\":[\"b\",\"c\"]}", CAM "    tags:\n    - b # 1\n    # mid\n    - c # 2\n");
    changes(PATCH, CAM "    tags:\n    - a # 1\n    # mid\n    - b # 2\n", "a",
            "{\"tags\":[\"b\"]}", CAM "    tags:\n    # mid\n    - b # 2\n");
    changes(PATCH, CAM "    tags:\n    - b # 2\n", "a", "{\"tags\":[\"a\",\"b\"]}",
            CAM "    tags:\n    - a\n    - b # 2\n");
    changes(PATCH, CAM "    tags: # t\n    - b # 2\n    # x\n", "a", "{\"tags\":[]}",
            CAM "    tags: [] # t\n    # x\n");
    changes(PATCH, CAM "    tags: # t\n    - b # 2\n", "a", "{\"tags\":null}", CAM);
}

static void test_remove(void **state)
{
    (void)state;
    changes(
        REMOVE, HEAD REST, "a", NULL,
        "# top\nversion: \"1.0\" # v\ncameras: # all\n  # the first\n      # last of a\n"
        "  # second\n  - id: b\n    stream: {url: 'rtsp://h/2', transport: tcp} # flow\n# end\n");
    changes(REMOVE, HEAD REST, "b", NULL,
            HEAD "    stream: # where\n      url: rtsp://h/1 # url\n      # last of a\n  # second\n"
                 "# end\n");
    changes(REMOVE, CAM, "a", NULL, "cameras: []\n");
    changes(REMOVE, "cameras: # x\n- # y\n  id: a\n  stream: {url: rtsp://h/1}\n# z\n", "a", NULL,
            "cameras: [] # x\n# z\n");
    changes(REMOVE,
            "cameras: [{id: a, stream: {url: 'rtsp://h'}}, {id: b, stream: {url: 'rtsp://h'}}]",
            "a", NULL, "cameras: [{id: b, stream: {url: 'rtsp://h'}}]");
}

static void test_put(void **state)
{
    (void)state;
    changes(
        PUT, HEAD REST, "b",
        "{\"id\":\"b\",\"name\":\"b\",\"enabled\":true,\"status\":\"online\",\"main\":{\"fps\":3},"
        "\"stream\":{\"url\":\"rtsp://h/3\",\"transport\":\"tcp\",\"auth_type\":\"auto\","
        "\"has_password\":false},\"recording\":{\"mode\":\"continuous\",\"audio\":false}}",
        HEAD "    stream: # where\n      url: rtsp://h/1 # url\n      # last of a\n  # second\n"
             "  - id: b\n    stream: {url: 'rtsp://h/3', transport: tcp} # flow\n"
             "    recording:\n      audio: false\n# end\n");
    /* The first key, behind the dash. */
    changes(PUT, "cameras:\n  - name: A # c\n    # d\n    id: a\n    stream: {url: rtsp://h/1}\n",
            "a", "{\"stream\":{\"url\":\"rtsp://h/1\"}}",
            "cameras:\n  -  # c\n    # d\n    id: a\n    stream: {url: rtsp://h/1}\n");
    changes(PUT, "cameras:\n  - name: A\n    id: a\n    stream: {url: rtsp://h/1}\n", "a",
            "{\"stream\":{\"url\":\"rtsp://h/1\"}}",
            "cameras:\n  - id: a\n    stream: {url: rtsp://h/1}\n");
}

/* What GET gives, put back, changes nothing. */
static void test_get_put(void **state)
{
    NVR_AUTO(nvr_config) config = parse(HEAD REST);

    (void)state;
    for (size_t i = 0; i < nvr_config_get_camera_count(config); i++) {
        const char *id = nvr_config_get_camera(config, i)->id;
        NVR_AUTO(nvr_config) after = NULL;
        NVR_AUTO_JSON body = nvr_config_camera_to_json(config, id);

        assert_non_null(body);
        assert_true(
            json_is_false(json_object_get(json_object_get(body, "stream"), "has_password")));
        assert_int_equal(nvr_config_camera_put(config, key, id, body, &after, &errors), 0);
        expect_text(after, HEAD REST);
    }
}

static struct nvr_config *patched(const struct nvr_config *config, const char *body)
{
    struct nvr_config *after = NULL;
    NVR_AUTO_JSON value = json(body);

    assert_int_equal(nvr_config_camera_patch(config, key, "a", value, &after, &errors), 0);
    return after;
}

static void test_passwords(void **state)
{
    NVR_AUTO(nvr_config) plain = parse(CAM "    x: 1\n");
    NVR_AUTO(nvr_config)
    set = patched(plain, "{\"stream\":{\"username\":\"u\",\"password\":\"s3cret: #\"}}");
    NVR_AUTO(nvr_config) kept = patched(set, "{\"name\":\"n\"}");
    NVR_AUTO(nvr_config) same = patched(set, "{\"stream\":{\"password\":\"s3cret: #\"}}");
    NVR_AUTO(nvr_config) cleared = patched(set, "{\"stream\":{\"password\":\"\"}}");
    NVR_AUTO(nvr_config) in_url = patched(plain, "{\"stream\":{\"url\":\"rtsp://v:p%40w@h/3\"}}");
    NVR_AUTO(nvr_config)
    by_hand = parse("cameras:\n  - id: a\n    stream:\n      url: "
                    "rtsp://w:hand@h/1\n      sub_url: rtsp://w:hand@h/2\n");
    NVR_AUTO(nvr_config) encrypted = patched(by_hand, "{\"name\":\"n\"}");
    NVR_AUTO_JSON shown = nvr_config_camera_to_json(by_hand, "a");
    size_t len;

    (void)state;
    assert_string_equal(nvr_config_get_camera(set, 0)->stream.password, "s3cret: #");
    assert_null(strstr(nvr_config_get_text(set, &len), "s3cret"));
    assert_non_null(strstr(nvr_config_get_text(set, &len), "password: \"encrypted:"));
    assert_string_equal(nvr_config_get_camera(kept, 0)->stream.password, "s3cret: #");
    expect_text(same, nvr_config_get_text(set, &len));
    assert_string_equal(nvr_config_get_camera(cleared, 0)->stream.password, "");
    assert_null(strstr(nvr_config_get_text(cleared, &len), "password"));
    assert_string_equal(nvr_config_get_camera(in_url, 0)->stream.password, "p@w");
    assert_string_equal(nvr_config_get_camera(in_url, 0)->stream.username, "v");
    assert_null(strstr(nvr_config_get_text(in_url, &len), "p%40w"));
    assert_string_equal(nvr_config_get_camera(encrypted, 0)->stream.password, "hand");
    assert_string_equal(nvr_config_get_camera(encrypted, 0)->stream.sub_url, "rtsp://h/2");
    assert_null(strstr(nvr_config_get_text(encrypted, &len), "hand"));
    assert_true(json_is_true(json_object_get(json_object_get(shown, "stream"), "has_password")));
    assert_null(json_object_get(json_object_get(shown, "stream"), "password"));
}

static void fails(enum op op, const char *body, int want, const char *field)
{
    NVR_AUTO(nvr_config) config = parse(CAM);
    NVR_AUTO_JSON value = json(body);
    struct nvr_config *after = NULL;
    char id[NVR_SLUG_SIZE];
    const int r = op == ADD ? nvr_config_camera_add(config, key, value, &after, id, &errors)
                            : nvr_config_camera_patch(config, key, "a", value, &after, &errors);

    assert_int_equal(r, want);
    assert_null(after);
    assert_true(errors.count > 0);
    assert_string_equal(errors.items[0].field, field);
}

static void test_refused(void **state)
{
    (void)state;
    fails(ADD, "[]", -EINVAL, "");
    fails(ADD, "{}", -EINVAL, "name");
    fails(ADD, "{\"name\":\"x\"}", -EINVAL, "stream");
    fails(ADD, "{\"name\":\"x\",\"stream\":{}}", -EINVAL, "stream.url");
    fails(ADD, "{\"id\":\"A B\",\"stream\":{\"url\":\"rtsp://h\"}}", -EINVAL, "id");
    fails(ADD, "{\"id\":\"a\",\"stream\":{\"url\":\"rtsp://h\"}}", -EEXIST, "id");
    fails(ADD, "{\"name\":\"x\",\"stream\":{\"url\":\"gopher://h\"}}", -EINVAL, "stream.url");
    fails(ADD, "{\"name\":\"x\",\"stream\":{\"url\":\"rtsp://a%ff:b@h/\"}}", -EINVAL, "stream.url");
    fails(ADD, "{\"name\":\"x\",\"stream\":{\"url\":\"rtsp://a:%ff@h/\"}}", -EINVAL, "stream.url");
    fails(PATCH, "{\"id\":\"b\"}", -EINVAL, "id");
    fails(PATCH, "{\"stream\":null}", -EINVAL, "stream");
    fails(PATCH, "{\"recording\":{\"segment_seconds\":\"x\"}}", -EINVAL,
          "recording.segment_seconds");
    fails(PATCH, "{\"stream\":{\"password\":3}}", -EINVAL, "stream.password");
    fails(PATCH, "{\"\":1}", -EINVAL, "");
    fails(PATCH, "{\"x\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}", -EINVAL, "");
}

/* A form shows all that is wrong at once. */
static void test_all_findings(void **state)
{
    static const char *const fields[] = {"stream.password", "name", "stream.url",
                                         "recording.segment_seconds"};

    (void)state;
    fails(ADD,
          "{\"name\":\"\",\"stream\":{\"url\":\"gopher://h\",\"password\":3},"
          "\"recording\":{\"segment_seconds\":\"x\"}}",
          -EINVAL, fields[0]);
    assert_int_equal(errors.count, 4);
    for (size_t i = 0; i < 4; i++) {
        size_t k = 0;

        while (k < errors.count && strcmp(errors.items[k].field, fields[i]) != 0)
            k++;
        assert_true(k < errors.count);
    }
    fails(ADD, "{\"id\":5,\"name\":\"x\",\"stream\":{\"url\":\"x\"}}", -EINVAL, "id");
    assert_int_equal(errors.count, 2);
    fails(PATCH, "{\"id\":\"b\",\"stream\":{\"url\":\"gopher://h\"}}", -EINVAL, "id");
    assert_int_equal(errors.count, 2);
}

static int open_key(void **state)
{
    (void)state;
    (void)setenv("NVR_SECRET_KEY",
                 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 1);
    return nvr_config_key_open("/nonexistent", &key);
}

static int close_key(void **state)
{
    (void)state;
    nvr_config_key_free(key);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add),     cmocka_unit_test(test_patch),
        cmocka_unit_test(test_values),  cmocka_unit_test(test_lists),
        cmocka_unit_test(test_remove),  cmocka_unit_test(test_put),
        cmocka_unit_test(test_get_put), cmocka_unit_test(test_passwords),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_all_findings),
    };

    return cmocka_run_group_tests(tests, open_key, close_key);
}
