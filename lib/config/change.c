/* Cameras added, replaced, patched, removed: the wanted entry is made and checked, then the text is
 * changed in place until it says so. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "lib/base/unconst.h"
#include "lib/config/internal.h"
#include "lib/config/yaml_edit.h"

NVR_LOG_TOPIC("config");

#define PASSWORD_SIZE 256

/* What GET adds to an entry; writing it back means nothing. */
static const char *const read_only[] = {
    "status",     "stopped",         "error",  "error_code", "last_seen", "recording_active",
    "reconnects", "dropped_packets", "worker", "main",       "sub",       "created_ms",
    "updated_ms",
};

static void strip_read_only(json_t *entry)
{
    for (size_t i = 0; i < NVR_ARRAY_SIZE(read_only); i++)
        (void)json_object_del(entry, read_only[i]);
    (void)json_object_del(json_object_get(entry, "stream"), "has_password");
}

struct level {
    const json_t *value;
    void *iter;
    size_t index;
};

/* False for what YAML cannot hold readably: keys without or with very many letters, deep nesting.
 */
bool nvr_config_is_writable(const json_t *body)
{
    struct level levels[NVR_CONFIG_LEVELS_MAX];
    size_t depth = 0;

    levels[depth++] = (struct level){body, json_object_iter(nvr_unconst(body)), 0};
    while (depth > 0) {
        struct level *top = &levels[depth - 1];
        const json_t *child;

        if (json_is_object(top->value)) {
            const char *key = json_object_iter_key(top->iter);

            child = json_object_iter_value(top->iter);
            if (child && (key[0] == '\0' || strlen(key) > NVR_CONFIG_KEY_MAX))
                return false;
            top->iter = json_object_iter_next(nvr_unconst(top->value), top->iter);
        } else {
            child = json_array_get(top->value, top->index++);
        }
        if (!child) {
            depth--;
        } else if (json_is_object(child) || json_is_array(child)) {
            if (depth == NVR_CONFIG_LEVELS_MAX)
                return false;
            levels[depth++] = (struct level){child, json_object_iter(nvr_unconst(child)), 0};
        } else if (json_is_string(child) &&
                   strlen(json_string_value(child)) != json_string_length(child)) {
            return false;
        }
    }
    return true;
}

struct merge_level {
    json_t *target;
    const json_t *patch;
    void *iter;
};

/* One member of a merge patch. */
static int merge_member(struct merge_level *levels, size_t *depth)
{
    struct merge_level *top = &levels[*depth - 1];
    const char *key = json_object_iter_key(top->iter);
    const json_t *value = json_object_iter_value(top->iter);
    json_t *inner;

    top->iter = json_object_iter_next(nvr_unconst(top->patch), top->iter);
    if (json_is_null(value)) {
        (void)json_object_del(top->target, key);
        return 0;
    }
    if (!json_is_object(value))
        return json_object_set_new(top->target, key, json_deep_copy(value)) < 0 ? -ENOMEM : 0;
    inner = json_object_get(top->target, key);
    if (!json_is_object(inner)) {
        inner = json_object();
        if (json_object_set_new(top->target, key, inner) < 0)
            return -ENOMEM;
    }
    levels[(*depth)++] = (struct merge_level){inner, value, json_object_iter(nvr_unconst(value))};
    return 0;
}

/* RFC 7396. patch is an object that nvr_config_is_writable(). */
int nvr_config_merge(json_t *target, const json_t *patch)
{
    struct merge_level levels[NVR_CONFIG_LEVELS_MAX + 1];
    size_t depth = 0;
    int r = 0;

    levels[depth++] = (struct merge_level){target, patch, json_object_iter(nvr_unconst(patch))};
    while (depth > 0 && r == 0) {
        if (!levels[depth - 1].iter)
            depth--;
        else
            r = merge_member(levels, &depth);
    }
    return r;
}

static const char *stream_password(const json_t *entry)
{
    return nvr_config_text(json_object_get(entry, "stream"), "password");
}

/* The body's copy, without what it may not say; its password apart: *ret_password is NULL when it
 * says nothing about it, "" for none. A bad password is a finding like others: the rest of the body
 * is looked at too, check_entry() fails in the end. */
static int take_body(const json_t *body, json_t **ret_copy, json_t **ret_password,
                     struct nvr_config_errors *errors)
{
    NVR_AUTO_JSON copy = NULL;
    json_t *stream, *password;

    if (!json_is_object(body)) {
        nvr_config_error_add(errors, "", "expected a camera (a JSON object)");
        return -EINVAL;
    }
    if (!nvr_config_is_writable(body)) {
        nvr_config_error_add(errors, "",
                             "expected keys of 1 to %d bytes, at most %d levels, no NUL characters",
                             NVR_CONFIG_KEY_MAX, NVR_CONFIG_LEVELS_MAX);
        return -EINVAL;
    }
    copy = json_deep_copy(body);
    if (!copy)
        return -ENOMEM;
    strip_read_only(copy);
    if (nvr_camera_split_urls(copy) < 0)
        return -ENOMEM;
    stream = json_object_get(copy, "stream");
    password = json_object_get(stream, "password");
    if (password && !json_is_string(password) && !json_is_null(password)) {
        nvr_config_error_add(errors, "stream.password", "expected text");
    } else if (password && strlen(nvr_config_text(stream, "password")) >= PASSWORD_SIZE) {
        nvr_config_error_add(errors, "stream.password", "expected text of at most %d bytes",
                             PASSWORD_SIZE - 1);
        (void)json_object_del(stream, "password");
        password = NULL;
    }
    *ret_password = NULL;
    if (password) {
        *ret_password = json_string(nvr_config_text(stream, "password"));
        if (!*ret_password)
            return -ENOMEM;
        (void)json_object_del(stream, "password");
    }
    *ret_copy = NVR_TAKE(copy);
    return 0;
}

static int set_encrypted(json_t *stream, const struct nvr_config_key *key, const char *plain,
                         struct nvr_config_errors *errors)
{
    char text[512];
    int r = nvr_config_encrypt(key, plain, text, sizeof(text));

    if (r < 0) {
        nvr_config_error_add(errors, "stream.password", "it cannot be encrypted (no key)");
        return -EINVAL;
    }
    return json_object_set_new(stream, "password", json_string(text)) < 0 ? -ENOMEM : 0;
}

/* entry's password becomes what is wanted, encrypted; old is how it is written now. */
static int put_password(json_t *entry, const struct nvr_config_key *key, const json_t *password,
                        const char *old, struct nvr_config_errors *errors)
{
    json_t *stream = json_object_get(entry, "stream");
    const char *wanted = json_string_value(password);
    char plain[PASSWORD_SIZE] = "";
    int r;

    if (!json_is_object(stream))
        return 0;
    if (wanted && wanted[0] == '\0')
        return json_object_del(stream, "password"), 0;
    if (!wanted && old[0] == '\0')
        return 0;
    /* The same password again leaves the text as it is. */
    if (strncmp(old, "encrypted:", 10) == 0 &&
        (!wanted ||
         (nvr_config_decrypt(key, old, plain, sizeof(plain)) == 0 && strcmp(plain, wanted) == 0)))
        r = json_object_set_new(stream, "password", json_string(old)) < 0 ? -ENOMEM : 0;
    else
        r = set_encrypted(stream, key, wanted ? wanted : old, errors);
    explicit_bzero(plain, sizeof(plain));
    return r;
}

/* What more has to say, but for fields that errors has already. */
static void add_errors(struct nvr_config_errors *errors, const struct nvr_config_errors *more)
{
    for (size_t i = 0; i < more->count && errors->count < NVR_CONFIG_ERRORS_MAX; i++) {
        size_t k = 0;

        while (k < errors->count && strcmp(errors->items[k].field, more->items[i].field) != 0)
            k++;
        if (k == errors->count)
            errors->items[errors->count++] = more->items[i];
    }
}

/* errors may hold findings already: then -EINVAL, with those of the schema added. */
static int check_entry(const struct nvr_config *config, const struct nvr_config_key *key,
                       const json_t *entry, struct nvr_config_errors *errors)
{
    const json_t *schema = nvr_config_camera_schema(config->schema);
    struct nvr_config_errors more = {0};
    struct nvr_camera_config camera;
    int r = nvr_schema_check(entry, schema, "", &more);

    add_errors(errors, &more);

    if (r == 0 && errors->count == 0)
        r = nvr_camera_read(entry, schema, key, "", &camera, errors);
    explicit_bzero(&camera, sizeof(camera));
    return r < 0 ? r : errors->count > 0 ? -EINVAL : 0;
}

/* The text changed until it means target; it must then be a good config that says just that. */
int nvr_config_change_text(const struct nvr_config *config, const struct nvr_config_key *key,
                           const json_t *target, struct nvr_config **ret_config,
                           struct nvr_config_errors *errors)
{
    NVR_AUTO(nvr_config) changed = NULL;
    struct nvr_buf out;
    size_t len = 0;
    const char *text = nvr_config_get_text(config, &len);
    int r;

    nvr_buf_init(&out, NVR_CONFIG_SIZE_MAX);
    r = nvr_yaml_rewrite(text, len, config->schema, target, &out);
    if (r == 0)
        r = nvr_config_parse((const char *)out.data, out.len, key, &changed, errors);
    nvr_buf_done(&out);
    if (r == 0 && !json_equal(changed->json, target))
        r = -EIO;
    if (r == -EIO || r == -EMSGSIZE) {
        errors->count = 0;
        nvr_config_error_add(errors, "", "config.yaml cannot be changed in place%s",
                             r == -EMSGSIZE ? ": it would become too large" : "");
        return -EINVAL;
    }
    if (r < 0)
        return r;
    *ret_config = NVR_TAKE(changed);
    return 0;
}

/* config's value with the camera at index replaced (entry), removed (NULL), or added (index ==
 * count). */
static json_t *target_with(const struct nvr_config *config, size_t index, json_t *entry)
{
    NVR_AUTO_JSON target = json_copy(config->json);
    json_t *cameras = json_object_get(config->json, "cameras");
    int r;

    cameras = json_is_array(cameras) ? json_copy(cameras) : json_array();
    if (!target || !cameras || json_object_set_new(target, "cameras", cameras) < 0)
        return NULL;
    if (!entry)
        r = json_array_remove(cameras, index);
    else if (index == json_array_size(cameras))
        r = json_array_append(cameras, entry);
    else
        r = json_array_set(cameras, index, entry);
    return r < 0 ? NULL : NVR_TAKE(target);
}

static int apply(const struct nvr_config *config, const struct nvr_config_key *key, size_t index,
                 json_t *entry, struct nvr_config **ret_config, struct nvr_config_errors *errors)
{
    NVR_AUTO_JSON target = target_with(config, index, entry);

    if (!target)
        return -ENOMEM;
    return nvr_config_change_text(config, key, target, ret_config, errors);
}

/* The id that was asked for, or a free one from the name. 0 with findings and a stand-in when there
 * can be none, so that the rest is checked too; -EEXIST. */
static int choose_id(const struct nvr_config *config, const json_t *copy, char id[NVR_SLUG_SIZE],
                     struct nvr_config_errors *errors)
{
    const char *wanted = nvr_config_text(copy, "id"), *name = nvr_config_text(copy, "name");
    char base[NVR_SLUG_SIZE];

    nvr_config_copy(id, NVR_SLUG_SIZE, "camera");
    if (json_object_get(copy, "id") && !json_is_string(json_object_get(copy, "id")) &&
        !json_is_null(json_object_get(copy, "id")))
        nvr_config_error_add(errors, "id", "expected text");
    if (wanted[0] != '\0') {
        if (!nvr_slug_is_valid(wanted)) {
            nvr_config_error_add(errors, "id",
                                 "expected 1 to 64 of a-z, 0-9, - and _, beginning "
                                 "with a letter or digit");
            return 0;
        }
        nvr_config_copy(id, NVR_SLUG_SIZE, wanted);
        if (!nvr_config_find_camera(config, id))
            return 0;
        nvr_config_error_add(errors, "id", "\"%s\" is taken by another camera", id);
        return -EEXIST;
    }
    if (name[0] == '\0') {
        nvr_config_error_add(errors, "name", "is missing");
        return 0;
    }
    nvr_slug_from_name(name, base);
    nvr_config_copy(id, NVR_SLUG_SIZE, base);
    for (int n = 2; nvr_config_find_camera(config, id); n++)
        (void)nvr_fmt(id, NVR_SLUG_SIZE, "%.58s-%d", base, n);
    return 0;
}

/* A new entry begins with id and name, the rest follows as it was sent. */
static json_t *ordered_entry(const json_t *copy, const char *id)
{
    NVR_AUTO_JSON entry = json_pack("{s:s}", "id", id);
    const json_t *name = json_object_get(copy, "name");

    if (!entry || (name && json_object_set_new(entry, "name", json_deep_copy(name)) < 0) ||
        nvr_config_merge(entry, copy) < 0 || json_object_set_new(entry, "id", json_string(id)) < 0)
        return NULL;
    return NVR_TAKE(entry);
}

int nvr_config_camera_add(const struct nvr_config *config, const struct nvr_config_key *key,
                          const json_t *body, struct nvr_config **ret_config,
                          char ret_id[NVR_SLUG_SIZE], struct nvr_config_errors *errors)
{
    NVR_AUTO_JSON copy = NULL;
    NVR_AUTO_JSON password = NULL;
    NVR_AUTO_JSON entry = NULL;
    char id[NVR_SLUG_SIZE] = "";
    int r;

    assert(config && ret_config && ret_id && errors);
    errors->count = 0;
    if (config->camera_count >= NVR_CONFIG_CAMERAS_MAX) {
        nvr_config_error_add(errors, "", "there are %d cameras already", NVR_CONFIG_CAMERAS_MAX);
        return -ENOSPC;
    }
    r = take_body(body, &copy, &password, errors);
    if (r == 0)
        r = choose_id(config, copy, id, errors);
    if (r < 0)
        return r;
    entry = ordered_entry(copy, id);
    if (!entry)
        return -ENOMEM;
    r = put_password(entry, key, password, "", errors);
    if (r == 0)
        r = check_entry(config, key, entry, errors);
    if (r == 0)
        r = nvr_schema_prune(entry, NULL, nvr_config_camera_schema(config->schema));
    if (r == 0)
        r = apply(config, key, config->camera_count, entry, ret_config, errors);
    if (r == 0)
        nvr_config_copy(ret_id, NVR_SLUG_SIZE, id);
    return r;
}

static void check_same_id(const json_t *copy, const char *id, struct nvr_config_errors *errors)
{
    const json_t *sent = json_object_get(copy, "id");

    if (sent && (!json_is_string(sent) || strcmp(json_string_value(sent), id) != 0))
        nvr_config_error_add(errors, "id", "cannot be changed: expected \"%s\"", id);
}

/* put and patch: base is what the body is merged into. */
static int replace(const struct nvr_config *config, const struct nvr_config_key *key, size_t index,
                   const json_t *old, const json_t *body, bool patch,
                   struct nvr_config **ret_config, struct nvr_config_errors *errors)
{
    const json_t *schema = nvr_config_camera_schema(config->schema);
    const char *id = nvr_config_text(old, "id");
    NVR_AUTO_JSON copy = NULL;
    NVR_AUTO_JSON password = NULL;
    NVR_AUTO_JSON split = json_deep_copy(old);
    NVR_AUTO_JSON entry = NULL;
    int r;

    if (!split || nvr_camera_split_urls(split) < 0)
        return -ENOMEM;
    r = take_body(body, &copy, &password, errors);
    if (r < 0)
        return r;
    check_same_id(copy, id, errors);
    entry = patch ? json_deep_copy(split) : json_pack("{s:s}", "id", id);
    if (!entry || nvr_config_merge(entry, copy) < 0)
        return -ENOMEM;
    /* GET shows the id where there is no name. */
    if (!json_object_get(old, "name") && strcmp(nvr_config_text(entry, "name"), id) == 0)
        (void)json_object_del(entry, "name");
    r = put_password(entry, key, password, stream_password(split), errors);
    if (r == 0)
        r = check_entry(config, key, entry, errors);
    if (r == 0)
        r = nvr_schema_prune(entry, old, schema);
    return r == 0 ? apply(config, key, index, entry, ret_config, errors) : r;
}

int nvr_config_camera_put(const struct nvr_config *config, const struct nvr_config_key *key,
                          const char *id, const json_t *body, struct nvr_config **ret_config,
                          struct nvr_config_errors *errors)
{
    size_t index = 0;
    const json_t *old = nvr_config_camera_entry(config, id, &index);

    errors->count = 0;
    if (!old)
        return -ENOENT;
    return replace(config, key, index, old, body, false, ret_config, errors);
}

int nvr_config_camera_patch(const struct nvr_config *config, const struct nvr_config_key *key,
                            const char *id, const json_t *patch, struct nvr_config **ret_config,
                            struct nvr_config_errors *errors)
{
    size_t index = 0;
    const json_t *old = nvr_config_camera_entry(config, id, &index);

    errors->count = 0;
    if (!old)
        return -ENOENT;
    return replace(config, key, index, old, patch, true, ret_config, errors);
}

int nvr_config_camera_remove(const struct nvr_config *config, const struct nvr_config_key *key,
                             const char *id, struct nvr_config **ret_config)
{
    struct nvr_config_errors errors = {0};
    size_t index = 0;

    if (!nvr_config_camera_entry(config, id, &index))
        return -ENOENT;
    return apply(config, key, index, NULL, ret_config, &errors);
}
