/* The section `storage`, and sections changed in place. */
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

#include "lib/base/log.h"
#include "lib/config/config.h"

static struct nvr_config_errors errors;
static struct nvr_config_key *key;
static char dir[] = "/tmp/heron-config-storage-XXXXXX";

static struct nvr_config *parse(const char *text)
{
    struct nvr_config *config = NULL;

    if (nvr_config_parse(text, strlen(text), key, &config, &errors) < 0)
        fail_msg("line %u: %s: %s in\n%s", errors.items[0].line, errors.items[0].field,
                 errors.items[0].message, text);
    return config;
}

#define TIERS "storage:\n  retention:\n    tiers:\n"
#define S3                                                                                         \
    "  s3: {enabled: true, endpoint: \"http://nas:9000/\", bucket: heron, access_key: me, "        \
    "secret_key: s3cret}\n"

static void test_reads(void **state)
{
    NVR_AUTO(nvr_config)
    config = parse(TIERS "      hot: {duration_days: 7}\n"
                         "      warm: {duration_days: 30.5, location: /mnt/disk/}\n"
                         "      cold: {location: s3}\n" S3 "  move_mb_per_second: 20\n");
    NVR_AUTO(nvr_config) empty = parse("");
    const struct nvr_storage_config *storage = nvr_config_get_storage(config);

    (void)state;
    assert_true(storage->hot_days == 7 && storage->warm.days == 30.5 && storage->cold.days < 0);
    assert_int_equal(storage->warm.place, NVR_PLACE_FOLDER);
    assert_string_equal(storage->warm.folder, "/mnt/disk");
    assert_int_equal(storage->cold.place, NVR_PLACE_S3);
    assert_string_equal(storage->s3.endpoint, "http://nas:9000");
    assert_string_equal(storage->s3.region, "us-east-1");
    assert_string_equal(storage->s3.prefix, "heron");
    assert_string_equal(storage->s3.secret_key, "s3cret");
    assert_true(storage->s3.enabled && storage->s3.path_style);
    assert_true(storage->move_mb_per_second == 20 && storage->cache_gb == 2);
    storage = nvr_config_get_storage(empty);
    assert_true(storage->hot_days < 0 && storage->warm.place == NVR_PLACE_NONE &&
                storage->cold.place == NVR_PLACE_NONE && !storage->s3.enabled);
}

/* text is refused and the finding is at field. */
static void refused(const char *text, const char *field)
{
    struct nvr_config *config = NULL;

    assert_int_equal(nvr_config_parse(text, strlen(text), key, &config, &errors), -EINVAL);
    for (size_t i = 0; i < errors.count; i++) {
        assert_null(strstr(errors.items[i].message, "s3cret"));
        if (strcmp(errors.items[i].field, field) == 0 && errors.items[i].line > 0)
            return;
    }
    fail_msg("%s: %s instead of %s in\n%s", errors.items[0].field, errors.items[0].message, field,
             text);
}

static void test_refuses(void **state)
{
    (void)state;
#define HOT "      hot: {duration_days: 7}\n"
#define AT(tier) "storage.retention.tiers." tier
    refused(TIERS "      warm: {location: /mnt/a}\n", AT("hot.duration_days"));
    refused(TIERS HOT "      warm: {location: mnt}\n", AT("warm.location"));
    refused(TIERS HOT "      warm: {location: /}\n", AT("warm.location"));
    refused(TIERS HOT "      warm: {location: /mnt/../etc}\n", AT("warm.location"));
    refused(TIERS HOT "      warm: {location: /mnt/..}\n", AT("warm.location"));
    refused(TIERS HOT "      warm: {location: /mnt/a, duration_days: 7}\n",
            AT("warm.duration_days"));
    refused(TIERS HOT "      warm: {location: /mnt/a}\n      cold: {location: /mnt/b}\n",
            AT("warm.duration_days"));
    refused(TIERS HOT "      warm: {location: /mnt/a, duration_days: 9}\n"
                      "      cold: {location: /mnt/b, duration_days: 8}\n",
            AT("cold.duration_days"));
    refused(TIERS HOT "      warm: {location: /mnt/a, duration_days: 9}\n"
                      "      cold: {location: /mnt/a/b}\n",
            AT("cold.location"));
    refused(TIERS HOT "      warm: {location: s3, duration_days: 9}\n"
                      "      cold: {location: s3}\n" S3,
            AT("cold.location"));
    refused(TIERS HOT "      cold: {location: s3}\n", "storage.s3.enabled");
    refused("storage:\n  s3: {enabled: true, endpoint: \"http://h\"}\n", "storage.s3.bucket");
    refused("storage:\n  s3: {enabled: true, bucket: abc}\n", "storage.s3.endpoint");
    refused("storage:\n  s3: {endpoint: \"ftp://h\"}\n", "storage.s3.endpoint");
    refused("storage:\n  s3: {endpoint: \"http://a:b@h\"}\n", "storage.s3.endpoint");
    refused("storage:\n  s3: {endpoint: \"http://h/path\"}\n", "storage.s3.endpoint");
    refused("storage:\n  s3: {bucket: \"Not a bucket\"}\n", "storage.s3.bucket");
    refused("storage:\n  s3: {prefix: ../up}\n", "storage.s3.prefix");
    refused("storage:\n  s3: {prefix: a//b}\n", "storage.s3.prefix");
    refused("storage:\n  s3: {secret_key: [s3cret]}\n", "storage.s3.secret_key");
    refused("storage:\n  s3: {secret_key: \"encrypted:AAAA\"}\n", "storage.s3.secret_key");
}

static void test_places(void **state)
{
    char text[512], data[128], path[160];

    (void)state;
    (void)snprintf(data, sizeof(data), "%s/data", dir);
    (void)snprintf(path, sizeof(path), "%s/recordings", data);
    assert_int_equal(mkdir(data, 0700), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(text, sizeof(text), "%s/link", dir);
    assert_int_equal(symlink(path, text), 0);
    const char *const bad[] = {"data", "data/recordings", "data/recordings/front", "", "link"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        (void)snprintf(text, sizeof(text), TIERS HOT "      warm: {location: %s/%s}\n", dir,
                       bad[i]);
        NVR_AUTO(nvr_config) config = parse(text);

        assert_int_equal(nvr_config_check_places(config, path, data, &errors), -EINVAL);
        assert_string_equal(errors.items[0].field, AT("warm.location"));
        assert_int_equal(errors.items[0].line, 5);
    }
    (void)snprintf(text, sizeof(text), TIERS HOT "      warm: {location: %s/data-two}\n", dir);
    NVR_AUTO(nvr_config) config = parse(text);

    assert_int_equal(nvr_config_check_places(config, path, data, &errors), 0);
}

static struct nvr_config *patch(const struct nvr_config *config, const char *section,
                                const char *body)
{
    NVR_AUTO_JSON value = json_loads(body, 0, NULL);
    struct nvr_config *after = NULL;
    int r;

    assert_non_null(value);
    r = nvr_config_section_patch(config, key, section, value, &after, &errors);
    if (r < 0)
        fail_msg("%d: %s: %s", r, errors.items[0].field, errors.items[0].message);
    return after;
}

static void test_patch_keeps_the_text(void **state)
{
    static const char before[] = "# mine\n"
                                 "system:\n"
                                 "  name: Home # ours\n"
                                 "  x_unknown: 1\n"
                                 "storage:\n"
                                 "  # nas\n"
                                 "  x_more: [1]\n";
    NVR_AUTO(nvr_config) config = parse(before);
    NVR_AUTO(nvr_config) named = patch(config, "system", "{\"name\": \"Barn\"}");
    size_t len;

    (void)state;
    assert_string_equal(nvr_config_get_text(named, &len), "# mine\n"
                                                          "system:\n"
                                                          "  name: Barn # ours\n"
                                                          "  x_unknown: 1\n"
                                                          "storage:\n"
                                                          "  # nas\n"
                                                          "  x_more: [1]\n");
    NVR_AUTO(nvr_config) same = patch(config, "storage", "{\"cache_gb\": 2}");

    assert_string_equal(nvr_config_get_text(same, &len), before); /* only says the default */
    NVR_AUTO(nvr_config)
    days = patch(config, "storage",
                 "{\"retention\": {\"tiers\": {\"hot\": {\"duration_days\": 3},"
                 " \"warm\": {\"location\": \"/mnt/a\"}}}}");

    assert_non_null(strstr(nvr_config_get_text(days, &len), "  # nas\n  x_more: [1]\n"));
    assert_string_equal(nvr_config_get_storage(days)->warm.folder, "/mnt/a");
    NVR_AUTO(nvr_config) off = patch(days, "storage", "{\"retention\": null}");

    assert_int_equal(nvr_config_get_storage(off)->warm.place, NVR_PLACE_NONE);
}

static void test_secret(void **state)
{
    NVR_AUTO(nvr_config) config = parse("");
    NVR_AUTO(nvr_config)
    on = patch(config, "storage",
               "{\"s3\": {\"enabled\": true, \"endpoint\": \"https://h\", \"bucket\": \"abc\","
               " \"access_key\": \"me\", \"secret_key\": \"s3cret\"}}");
    NVR_AUTO_JSON json = nvr_config_section_to_json(on, "storage");
    const json_t *s3 = json_object_get(json, "s3");
    size_t len;

    (void)state;
    assert_null(strstr(nvr_config_get_text(on, &len), "s3cret"));
    assert_non_null(strstr(nvr_config_get_text(on, &len), "secret_key: encrypted:"));
    assert_string_equal(nvr_config_get_storage(on)->s3.secret_key, "s3cret");
    assert_null(json_object_get(s3, "secret_key"));
    assert_true(json_is_true(json_object_get(s3, "has_secret_key")));
    /* The answer written back, and the same key again, leave the text as it is. */
    NVR_AUTO_FREE char *dump = json_dumps(json, 0);
    NVR_AUTO(nvr_config) again = patch(on, "storage", dump);
    NVR_AUTO(nvr_config) repeat = patch(on, "storage", "{\"s3\": {\"secret_key\": \"s3cret\"}}");

    assert_string_equal(nvr_config_get_text(again, &len), nvr_config_get_text(on, &len));
    assert_string_equal(nvr_config_get_text(repeat, &len), nvr_config_get_text(on, &len));
    NVR_AUTO(nvr_config)
    none = patch(on, "storage", "{\"s3\": {\"enabled\": false, \"secret_key\": \"\"}}");
    NVR_AUTO_JSON shown = nvr_config_section_to_json(none, "storage");

    assert_string_equal(nvr_config_get_storage(none)->s3.secret_key, "");
    assert_true(json_is_false(json_object_get(json_object_get(shown, "s3"), "has_secret_key")));
    /* Written by hand in plain: encrypted at the next change. */
    NVR_AUTO(nvr_config) plain = parse("storage:\n" S3);
    NVR_AUTO(nvr_config) changed = patch(plain, "storage", "{\"cache_gb\": 3}");

    assert_null(strstr(nvr_config_get_text(changed, &len), "s3cret"));
    assert_string_equal(nvr_config_get_storage(changed)->s3.secret_key, "s3cret");
}

static void test_patch_refuses(void **state)
{
    static const struct {
        const char *section, *body, *field;
    } cases[] = {
        {"storage", "{\"s3\": {\"bucket\": 5}}", "s3.bucket"},
        {"storage", "{\"s3\": {\"secret_key\": 5}}", "s3.secret_key"},
        {"storage", "{\"retention\": {\"tiers\": {\"cold\": {\"location\": \"s3\"}}}}",
         "retention.tiers.hot.duration_days"},
        {"system", "{\"timezone\": \"Mars/Base\"}", "timezone"},
        {"system", "{\"min_free_gb\": -1}", "min_free_gb"},
        {"storage", "{\"\": 1}", ""},
        {"storage", "[]", ""},
    };
    NVR_AUTO(nvr_config) config = parse("");
    struct nvr_config *after = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        NVR_AUTO_JSON body = json_loads(cases[i].body, 0, NULL);

        assert_int_equal(
            nvr_config_section_patch(config, key, cases[i].section, body, &after, &errors),
            -EINVAL);
        assert_string_equal(errors.items[0].field, cases[i].field);
        assert_null(after);
    }
    NVR_AUTO_JSON body = json_object();

    assert_int_equal(nvr_config_section_patch(config, key, "users", body, &after, &errors),
                     -ENOENT);
    assert_null(nvr_config_section_to_json(config, "users"));
}

static int setup(void **state)
{
    char path[64];

    (void)state;
    nvr_log_set_level(NVR_LOG_ERROR);
    if (!mkdtemp(dir))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/secret.key", dir);
    return nvr_config_key_open(path, &key);
}

static int teardown(void **state)
{
    static const char *const names[] = {"secret.key", "link", "data/recordings", "data"};
    char path[128];

    (void)state;
    nvr_config_key_free(key);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        (void)remove(path);
    }
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads),  cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_places), cmocka_unit_test(test_patch_keeps_the_text),
        cmocka_unit_test(test_secret), cmocka_unit_test(test_patch_refuses),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
