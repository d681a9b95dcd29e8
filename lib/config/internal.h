/* internal.h — what the files of lib/config share. */
#ifndef NVR_CONFIG_INTERNAL_H
#define NVR_CONFIG_INTERNAL_H

#include "lib/config/config.h"
#include "lib/config/schema.h"
#include "lib/config/yaml_tree.h"

struct nvr_config {
    struct nvr_yaml *yaml;
    json_t *schema;
    json_t *json; /* the text as JSON: no defaults, secrets as they are written */
    struct nvr_system_config system;
    struct nvr_storage_config storage;
    struct nvr_camera_config *cameras;
    size_t camera_count;
};

/* Text member, "" when there is none. */
const char *nvr_config_text(const json_t *object, const char *key);
/* Into a zeroed array; lengths were checked by the schema, what does not fit is left out. */
void nvr_config_copy(char *dst, size_t size, const char *text);

const json_t *nvr_config_camera_schema(const json_t *schema);
/* The camera's entry in config->json, borrowed; NULL: none. */
json_t *nvr_config_camera_entry(const struct nvr_config *config, const char *id, size_t *ret_index);

/* Storage, defaults filled in, secret decrypted; findings go to errors. key NULL: an encrypted
 * secret stays "". */
NVR_CHECK int nvr_storage_read(struct nvr_config *config, const struct nvr_config_key *key,
                               struct nvr_config_errors *errors);
/* Findings get line and column of their field. */
void nvr_config_place_errors(const struct nvr_config *config, struct nvr_config_errors *errors);

/* change.c: what YAML can hold readably; a merge of such a patch (RFC 7396); the text changed until
 * it means target, checked. */
#define NVR_CONFIG_KEY_MAX 200
#define NVR_CONFIG_LEVELS_MAX 16
bool nvr_config_is_writable(const json_t *body);
NVR_CHECK int nvr_config_merge(json_t *target, const json_t *patch);
NVR_CHECK int nvr_config_change_text(const struct nvr_config *config,
                                     const struct nvr_config_key *key, const json_t *target,
                                     struct nvr_config **ret_config,
                                     struct nvr_config_errors *errors);

/* Credentials in the URLs of entry's stream move to username and password (plain there); those
 * written as such win. */
NVR_CHECK int nvr_camera_split_urls(json_t *entry);
/* Checked entry → struct, defaults filled in, password decrypted; findings go to errors below
 * prefix. key NULL: encrypted passwords stay "". */
NVR_CHECK int nvr_camera_read(const json_t *entry, const json_t *schema,
                              const struct nvr_config_key *key, const char *prefix,
                              struct nvr_camera_config *ret_camera,
                              struct nvr_config_errors *errors);

#endif
