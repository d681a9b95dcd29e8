#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/config/internal.h"

void nvr_config_free(struct nvr_config *config)
{
    if (!config)
        return;
    nvr_yaml_free(config->yaml);
    json_decref(config->schema);
    json_decref(config->json);
    if (config->cameras)
        explicit_bzero(config->cameras, config->camera_count * sizeof(*config->cameras));
    free(config->cameras);
    explicit_bzero(&config->storage, sizeof(config->storage));
    free(config);
}

const json_t *nvr_config_camera_schema(const json_t *schema)
{
    return nvr_schema_items(nvr_schema_property(schema, "cameras"));
}

/* Findings know their key; the tree knows where it is. */
void nvr_config_place_errors(const struct nvr_config *config, struct nvr_config_errors *errors)
{
    for (size_t i = 0; i < errors->count; i++) {
        const struct nvr_yaml_node *node = nvr_yaml_find(config->yaml, errors->items[i].field);

        errors->items[i].line = node ? node->line : 1;
        errors->items[i].column = node ? node->column : 1;
    }
}

/* A section with its defaults filled in; NULL: out of memory. */
static json_t *filled_section(const struct nvr_config *config, const char *name)
{
    const json_t *schema = nvr_schema_property(config->schema, name);
    const json_t *written = json_object_get(config->json, name);
    json_t *json = json_is_object(written) ? json_deep_copy(written) : json_object();

    if (json && nvr_schema_fill(json, schema) == 0)
        return json;
    json_decref(json);
    return NULL;
}

/* storage.retention.default_days, preferences.timeline.thumbnail_interval_seconds */
static int read_keeping(struct nvr_config *config)
{
    NVR_AUTO_JSON storage = filled_section(config, "storage");
    NVR_AUTO_JSON preferences = filled_section(config, "preferences");

    if (!storage || !preferences)
        return -ENOMEM;
    config->system.default_days = (unsigned)json_integer_value(
        json_object_get(json_object_get(storage, "retention"), "default_days"));
    config->system.thumbnail_interval_seconds = (unsigned)json_integer_value(
        json_object_get(json_object_get(preferences, "timeline"), "thumbnail_interval_seconds"));
    return 0;
}

static int read_system(struct nvr_config *config)
{
    const json_t *schema = nvr_schema_property(config->schema, "system");
    const json_t *written = json_object_get(config->json, "system");
    NVR_AUTO_JSON json = json_is_object(written) ? json_deep_copy(written) : json_object();
    struct nvr_system_config *system = &config->system;
    const json_t *server, *logging;

    if (!json || nvr_schema_fill(json, schema) < 0)
        return -ENOMEM;
    server = json_object_get(json, "server");
    logging = json_object_get(json, "logging");
    nvr_config_copy(system->name, sizeof(system->name), nvr_config_text(json, "name"));
    nvr_config_copy(system->timezone, sizeof(system->timezone), nvr_config_text(json, "timezone"));
    nvr_config_copy(system->storage_path, sizeof(system->storage_path),
                    nvr_config_text(json, "storage_path"));
    system->max_storage_gb = json_number_value(json_object_get(json, "max_storage_gb"));
    system->min_free_gb = json_number_value(json_object_get(json, "min_free_gb"));
    nvr_config_copy(system->host, sizeof(system->host), nvr_config_text(server, "host"));
    system->port = (int)json_integer_value(json_object_get(server, "port"));
    nvr_config_copy(system->log_level, sizeof(system->log_level),
                    nvr_config_text(logging, "level"));
    nvr_config_copy(system->log_format, sizeof(system->log_format),
                    nvr_config_text(logging, "format"));
    return 0;
}

static void check_id_is_new(const struct nvr_config *config, size_t index,
                            struct nvr_config_errors *errors)
{
    char field[64];

    for (size_t i = 0; i < index; i++) {
        if (strcmp(config->cameras[i].id, config->cameras[index].id) != 0)
            continue;
        (void)nvr_fmt(field, sizeof(field), "cameras[%zu].id", index);
        nvr_config_error_add(errors, field, "expected an id of its own, \"%s\" is cameras[%zu]",
                             config->cameras[index].id, i);
        return;
    }
}

static int read_cameras(struct nvr_config *config, const struct nvr_config_key *key,
                        struct nvr_config_errors *errors)
{
    const json_t *list = json_object_get(config->json, "cameras");
    const json_t *schema = nvr_config_camera_schema(config->schema);
    const size_t count = json_array_size(list);
    char prefix[32];
    int r = 0;

    if (count == 0)
        return 0;
    config->cameras = calloc(count, sizeof(*config->cameras));
    if (!config->cameras)
        return -ENOMEM;
    config->camera_count = count;
    for (size_t i = 0; i < count && r == 0; i++) {
        (void)nvr_fmt(prefix, sizeof(prefix), "cameras[%zu]", i);
        r = nvr_camera_read(json_array_get(list, i), schema, key, prefix, &config->cameras[i],
                            errors);
        if (r == 0)
            check_id_is_new(config, i, errors);
    }
    return r;
}

static int parse_text(struct nvr_config *config, const char *text, size_t len,
                      struct nvr_config_errors *errors)
{
    struct nvr_yaml_problem problem = {.line = 1, .column = 1};
    struct nvr_yaml_node *root;
    int r;

    if (len > NVR_CONFIG_SIZE_MAX) {
        nvr_config_error_add(errors, "", "expected at most %d bytes, got %zu", NVR_CONFIG_SIZE_MAX,
                             len);
        return -EINVAL;
    }
    r = nvr_yaml_parse(text, len, &config->yaml, &problem);
    if (r == -EINVAL) {
        nvr_config_error_add(errors, "", "%s", problem.message);
        errors->items[errors->count - 1].line = problem.line;
        errors->items[errors->count - 1].column = problem.column;
    }
    if (r < 0)
        return r;
    root = nvr_yaml_root(config->yaml);
    if (root && !(root->kind == NVR_YAML_SCALAR && root->len == 0))
        config->json = nvr_yaml_to_json(root, config->schema);
    else
        config->json = json_object();
    return config->json ? 0 : -ENOMEM;
}

int nvr_config_parse(const char *text, size_t len, const struct nvr_config_key *key,
                     struct nvr_config **ret_config, struct nvr_config_errors *errors)
{
    NVR_AUTO(nvr_config) config = calloc(1, sizeof(*config));
    int r;

    assert(text && ret_config && errors);
    errors->count = 0;
    if (!config)
        return -ENOMEM;
    r = nvr_schema_load(&config->schema);
    if (r == 0)
        r = parse_text(config, text, len, errors);
    if (r < 0)
        return r;
    r = nvr_schema_check(config->json, config->schema, "", errors);
    if (r == 0 && errors->count == 0)
        r = read_system(config);
    if (r == 0 && errors->count == 0)
        r = nvr_storage_read(config, key, errors);
    if (r == 0 && errors->count == 0)
        r = read_keeping(config);
    if (r == 0 && errors->count == 0)
        r = read_cameras(config, key, errors);
    if (r < 0)
        return r;
    nvr_config_place_errors(config, errors);
    if (errors->count > 0)
        return -EINVAL;
    *ret_config = NVR_TAKE(config);
    return 0;
}

const char *nvr_config_get_text(const struct nvr_config *config, size_t *ret_len)
{
    return nvr_yaml_text(config->yaml, ret_len);
}

const struct nvr_system_config *nvr_config_get_system(const struct nvr_config *config)
{
    return &config->system;
}

const struct nvr_storage_config *nvr_config_get_storage(const struct nvr_config *config)
{
    return &config->storage;
}

size_t nvr_config_get_camera_count(const struct nvr_config *config)
{
    return config->camera_count;
}

const struct nvr_camera_config *nvr_config_get_camera(const struct nvr_config *config, size_t i)
{
    assert(i < config->camera_count);
    return &config->cameras[i];
}

const struct nvr_camera_config *nvr_config_find_camera(const struct nvr_config *config,
                                                       const char *id)
{
    for (size_t i = 0; i < config->camera_count; i++) {
        if (strcmp(config->cameras[i].id, id) == 0)
            return &config->cameras[i];
    }
    return NULL;
}

json_t *nvr_config_camera_entry(const struct nvr_config *config, const char *id, size_t *ret_index)
{
    for (size_t i = 0; i < config->camera_count; i++) {
        if (strcmp(config->cameras[i].id, id) == 0) {
            *ret_index = i;
            return json_array_get(json_object_get(config->json, "cameras"), i);
        }
    }
    return NULL;
}
