#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "src/storage/export_spec.h"

#define NOW INT64_C(1767322800000) /* 2026-01-02T03:00:00Z */

static const char config_text[] = "version: \"1.0\"\ncameras:\n  - id: front\n    name: Front\n"
                                  "    stream:\n      url: rtsp://127.0.0.1/x\n";

static int parse(const char *text, struct nvr_export_spec *spec, struct nvr_config_errors *errors)
{
    NVR_AUTO(nvr_config) config = NULL;
    NVR_AUTO_JSON body = NULL;

    assert_int_equal(nvr_config_parse(config_text, strlen(config_text), NULL, &config, errors), 0);
    assert_int_equal(nvr_json_parse(text, strlen(text), &body, NULL, 0), 0);
    return nvr_export_spec_parse(body, config, NOW, spec, errors);
}

static void expect_field(const char *text, const char *field)
{
    struct nvr_config_errors errors = {0};
    struct nvr_export_spec spec;

    assert_int_equal(parse(text, &spec, &errors), -EINVAL);
    assert_int_equal(errors.count, 1);
    assert_string_equal(errors.items[0].field, field);
    assert_true(errors.items[0].message[0]);
}

#define ITEM(start, end) "{\"items\":[{\"camera\":\"front\",\"start\":" #start ",\"end\":" #end "}]"

static void defaults_are_filled_in(void **state)
{
    struct nvr_config_errors errors = {0};
    struct nvr_export_spec spec;
    struct nvr_export_spec again;
    NVR_AUTO_JSON json = NULL;

    (void)state;
    assert_int_equal(parse(ITEM(1767319200000, 1767322800000) "}", &spec, &errors), 0);
    assert_true(spec.combine && spec.audio && spec.proof && !spec.timestamps && !spec.speed);
    assert_int_equal(spec.expires_days, 7);
    assert_true(nvr_export_spec_is_verbatim(&spec));
    json = nvr_export_spec_to_json(&spec);
    assert_int_equal(nvr_export_spec_parse(json, NULL, 0, &again, &errors), 0);
    assert_int_equal(again.items_count, 1);
    assert_int_equal(again.items[0].end_ms, 1767322800000);
    assert_int_equal(parse(ITEM(1767319200000, 1767322800000) ",\"audio\":false}", &spec, &errors),
                     0);
    assert_false(nvr_export_spec_is_verbatim(&spec));
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    expect_field(ITEM(1767319200000, 1767319200000) "}", "items[0].end");
    expect_field(ITEM(1767319200000, 1767326400000) "}", "items[0].end"); /* an hour ahead */
    expect_field(ITEM(1767319100000, 1767319200000) ",\"timelapse\":{\"speed\":1}}",
                 "timelapse.speed");
    expect_field(ITEM(1700000000000, 1767319200000) "}", "items[0].end"); /* two years */
    expect_field(ITEM(1767319200000, 1767322800000) ",\"combine\":1}", "combine");
    expect_field(ITEM(1767319200000, 1767322800000) ",\"name\":\"a\\u0007\"}", "name");
    expect_field("{\"items\":[{\"camera\":\"back\",\"start\":1,\"end\":2}]}", "items[0].camera");
    expect_field("{}", "items");
}

static void names_are_safe(void **state)
{
    struct nvr_export_spec spec = {
        .items = {{"front", NOW - 2000, NOW + 65000}}, .items_count = 1, .combine = true};
    char name[NVR_EXPORT_FILE_NAME_SIZE];

    (void)state;
    nvr_export_file_name(&spec, 0, 1, NULL, name);
    assert_string_equal(name, "front 2026-01-02 02.59.58 – 03.01.05.mp4");
    spec.items[0].end_ms += INT64_C(86400000);
    nvr_export_file_name(&spec, 0, 2, NULL, name);
    assert_string_equal(name, "front 2026-01-02 02.59.58 – 2026-01-03 03.01.05 (2).mp4");
    memcpy(spec.name, "../a\\b:c*", 10);
    nvr_export_file_name(&spec, 0, 1, NULL, name);
    assert_string_equal(name, "-.-a-b-c-.mp4");
    memcpy(spec.name, " .. ", 5);
    nvr_export_file_name(&spec, 0, 1, NULL, name);
    assert_null(strchr(name, '/'));
    assert_int_not_equal(name[0], '.');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_filled_in),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(names_are_safe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
