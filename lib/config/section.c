/* The sections that pages show and change as a whole: what is in force without its secrets, and
 * merge patches. */
#include <assert.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/config/internal.h"

#define SECRET_SIZE 256

/* Never sent back; written encrypted. */
struct secret {
    const char *section, *object, *key;
};
static const struct secret secrets[] = {
    {"storage", "s3", "secret_key"},
    {"system", "database", "password"},
};
static const char *const sections[] = {"storage", "system", "preferences"};

static bool is_section(const char *name)
{
    for (size_t i = 0; i < NVR_ARRAY_SIZE(sections); i++)
        if (strcmp(sections[i], name) == 0)
            return true;
    return false;
}

/* The i-th secret of a section and the object in value that holds it; NULL: it is not of it, or
 * there is no such object. */
static json_t *holder(size_t i, const char *section, const json_t *value)
{
    json_t *object;

    if (strcmp(secrets[i].section, section) != 0)
        return NULL;
    object = json_object_get(value, secrets[i].object);
    return json_is_object(object) ? object : NULL;
}

static int has_key(const struct secret *secret, char *dst, size_t size)
{
    return nvr_fmt(dst, size, "has_%s", secret->key);
}

json_t *nvr_config_section_to_json(const struct nvr_config *config, const char *section)
{
    const json_t *written = json_object_get(config->json, section);
    NVR_AUTO_JSON json = json_is_object(written) ? json_deep_copy(written) : json_object();
    char key[64];

    if (!is_section(section) || !json ||
        nvr_schema_fill(json, nvr_schema_property(config->schema, section)) < 0)
        return NULL;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(secrets); i++) {
        json_t *object = holder(i, section, json);
        bool has;

        if (!object)
            continue;
        has = json_object_get(object, secrets[i].key) &&
              !(json_is_string(json_object_get(object, secrets[i].key)) &&
                nvr_config_text(object, secrets[i].key)[0] == '\0');
        (void)json_object_del(object, secrets[i].key);
        if (has_key(&secrets[i], key, sizeof(key)) < 0 ||
            json_object_set_new(object, key, json_boolean(has)) < 0)
            return NULL;
    }
    return NVR_TAKE(json);
}

/* One secret of the patch: encrypted, or left as it is written when it is the same again. */
static int encrypt_one(const struct secret *secret, json_t *object, const json_t *old_section,
                       const struct nvr_config_key *key, struct nvr_config_errors *errors)
{
    const char *text = json_string_value(json_object_get(object, secret->key));
    const char *old = nvr_config_text(json_object_get(old_section, secret->object), secret->key);
    char field[64], box[512], plain[SECRET_SIZE] = "";
    int r = 0;

    (void)nvr_fmt(field, sizeof(field), "%s.%s", secret->object, secret->key);
    if (!text)
        return 0; /* kept, taken out by the merge, or refused by the schema */
    if (strlen(text) >= SECRET_SIZE) {
        nvr_config_error_add(errors, field, "expected text of at most %d bytes", SECRET_SIZE - 1);
    } else if (text[0] == '\0') {
        r = json_object_set_new(object, secret->key, json_null());
    } else if (strncmp(old, "encrypted:", 10) == 0 &&
               nvr_config_decrypt(key, old, plain, sizeof(plain)) == 0 &&
               strcmp(plain, text) == 0) {
        r = json_object_set_new(object, secret->key, json_string(old));
    } else if (nvr_config_encrypt(key, text, box, sizeof(box)) < 0) {
        nvr_config_error_add(errors, field, "it cannot be encrypted (no key)");
    } else {
        r = json_object_set_new(object, secret->key, json_string(box));
    }
    explicit_bzero(plain, sizeof(plain));
    return r < 0 ? -ENOMEM : 0;
}

static int take_secrets(json_t *patch, const char *section, const json_t *old,
                        const struct nvr_config_key *key, struct nvr_config_errors *errors)
{
    char has[64];
    int r = 0;

    for (size_t i = 0; i < NVR_ARRAY_SIZE(secrets) && r == 0; i++) {
        json_t *object = holder(i, section, patch);

        if (!object)
            continue;
        if (has_key(&secrets[i], has, sizeof(has)) >= 0)
            (void)json_object_del(object, has); /* what GET adds */
        r = encrypt_one(&secrets[i], object, old, key, errors);
    }
    return r;
}

/* Plain secrets from a text edited by hand are encrypted at the next change of their section. */
static int encrypt_written(json_t *entry, const char *section, const struct nvr_config_key *key,
                           struct nvr_config_errors *errors)
{
    int r = 0;

    for (size_t i = 0; i < NVR_ARRAY_SIZE(secrets) && r == 0; i++) {
        json_t *object = holder(i, section, entry);

        if (object && strncmp(nvr_config_text(object, secrets[i].key), "encrypted:", 10) != 0)
            r = encrypt_one(&secrets[i], object, NULL, key, errors);
    }
    return r;
}

/* "storage.s3.bucket" → "s3.bucket". */
void nvr_config_errors_relative(struct nvr_config_errors *errors, const char *section)
{
    const size_t len = strlen(section);

    for (size_t i = 0; i < errors->count; i++) {
        char *field = errors->items[i].field;

        if (strncmp(field, section, len) == 0 && field[len] == '.')
            memmove(field, field + len + 1, strlen(field + len + 1) + 1);
        errors->items[i].line = errors->items[i].column = 0;
    }
}

static int apply(const struct nvr_config *config, const struct nvr_config_key *key,
                 const char *section, json_t *entry, struct nvr_config **ret_config,
                 struct nvr_config_errors *errors)
{
    NVR_AUTO_JSON target = json_copy(config->json);
    int r;

    if (!target)
        return -ENOMEM;
    if (json_object_size(entry) == 0 && !json_object_get(config->json, section))
        r = 0;
    else
        r = json_object_set(target, section, entry) < 0 ? -ENOMEM : 0;
    if (r == 0)
        r = nvr_config_change_text(config, key, target, ret_config, errors);
    if (r == -EINVAL)
        nvr_config_errors_relative(errors, section);
    return r;
}

int nvr_config_section_patch(const struct nvr_config *config, const struct nvr_config_key *key,
                             const char *section, const json_t *patch,
                             struct nvr_config **ret_config, struct nvr_config_errors *errors)
{
    const json_t *old = json_object_get(config->json, section);
    const json_t *schema = nvr_schema_property(config->schema, section);
    NVR_AUTO_JSON copy = NULL;
    NVR_AUTO_JSON entry = NULL;
    int r;

    assert(config && section && ret_config && errors);
    errors->count = 0;
    if (!is_section(section))
        return -ENOENT;
    if (!json_is_object(patch) || !nvr_config_is_writable(patch)) {
        nvr_config_error_add(errors, "",
                             "expected a JSON object with keys of 1 to %d bytes, at most %d "
                             "levels, no NUL characters",
                             NVR_CONFIG_KEY_MAX, NVR_CONFIG_LEVELS_MAX);
        return -EINVAL;
    }
    copy = json_deep_copy(patch);
    entry = json_is_object(old) ? json_deep_copy(old) : json_object();
    if (!copy || !entry)
        return -ENOMEM;
    r = take_secrets(copy, section, old, key, errors);
    if (r == 0)
        r = nvr_config_merge(entry, copy);
    if (r == 0)
        r = encrypt_written(entry, section, key, errors);
    if (r == 0)
        r = nvr_schema_check(entry, schema, "", errors);
    if (r == 0 && errors->count > 0)
        r = -EINVAL;
    if (r == 0)
        r = nvr_schema_prune(entry, json_is_object(old) ? old : NULL, schema);
    return r == 0 ? apply(config, key, section, entry, ret_config, errors) : r;
}
