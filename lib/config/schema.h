/* schema.h — the part of JSON Schema (draft 2020-12) that schema.json uses. Inside lib/config.
 *
 * type (one word), enum, minimum, maximum, minLength, maxLength, pattern (POSIX extended), format
 * (slug, camera-url, timezone, host, s3-endpoint), items, maxItems, properties, required, default.
 * Other keywords are notes for people. A null member is the same as a missing one. Unknown keys are
 * kept.
 */
#ifndef NVR_CONFIG_SCHEMA_H
#define NVR_CONFIG_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>

#include "lib/base/macros.h"
#include "lib/config/config.h"

NVR_CHECK int nvr_schema_load(json_t **ret_schema);
bool nvr_schema_wants(const json_t *schema, const char *type); /* schema NULL: false */
const json_t *nvr_schema_property(const json_t *schema, const char *name);
const json_t *nvr_schema_items(const json_t *schema);

/* Findings are appended to errors, their fields begin with prefix. 0 also when there are some. */
NVR_CHECK int nvr_schema_check(const json_t *value, const json_t *schema, const char *prefix,
                               struct nvr_config_errors *errors);
/* Defaults put in where members are missing, sections with defaults created. */
NVR_CHECK int nvr_schema_fill(json_t *value, const json_t *schema);
/* Members that are not in old and only say the default are taken out again. */
NVR_CHECK int nvr_schema_prune(json_t *value, const json_t *old, const json_t *schema);

/* A finding; silently dropped when errors is full. */
void nvr_config_error_add(struct nvr_config_errors *errors, const char *field, const char *fmt, ...)
    NVR_PRINTF(3, 4);

#endif
