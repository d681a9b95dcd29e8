/* json.h — jansson with limits and without surprises.
 *
 * Getters never change *ret_x when the key is missing (0) and answer -EINVAL
 * when it has another type or is out of range, 1 when it was set. */
#ifndef NVR_BASE_JSON_H
#define NVR_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/macros.h"

#define NVR_JSON_DEPTH_MAX 32

static inline void nvr_json_auto_(json_t **p)
{
    json_decref(*p);
}
#define NVR_AUTO_JSON __attribute__((cleanup(nvr_json_auto_))) json_t *

/* One JSON value; duplicate keys, depth above NVR_JSON_DEPTH_MAX, trailing bytes and bad UTF-8
 * are refused. 0, -EBADMSG (why is in reason when not NULL), -ENOMEM. Caller owns *ret_value. */
NVR_CHECK int nvr_json_parse(const char *text, size_t len, json_t **ret_value, char *reason,
                             size_t reason_size);
/* Compact text appended to buf; 0 or the buffer's error. */
NVR_CHECK int nvr_json_append(struct nvr_buf *buf, const json_t *value);
/* The same with sorted keys: one text for one value, to be hashed or signed. */
NVR_CHECK int nvr_json_append_sorted(struct nvr_buf *buf, const json_t *value);
/* Compact malloc()ed text; NULL: out of memory. */
char *nvr_json_dump(const json_t *value);

int nvr_json_get_str(const json_t *object, const char *key, const char **ret_value); /* borrowed */
int nvr_json_get_int(const json_t *object, const char *key, int64_t min, int64_t max,
                     int64_t *ret_value);
int nvr_json_get_double(const json_t *object, const char *key, double min, double max,
                        double *ret_value);
int nvr_json_get_bool(const json_t *object, const char *key, bool *ret_value);

#endif
