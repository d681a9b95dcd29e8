#include "lib/base/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* jansson's own parser recurses up to 2,048 levels; count brackets before it sees them. */
static bool depth_is_fine(const char *text, size_t len)
{
    bool in_string = false;
    int depth = 0;

    for (size_t i = 0; i < len; i++) {
        const char c = text[i];

        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > NVR_JSON_DEPTH_MAX)
                return false;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return true;
}

int nvr_json_parse(const char *text, size_t len, json_t **ret_value, char *reason,
                   size_t reason_size)
{
    json_error_t error;
    json_t *value;

    if (!depth_is_fine(text, len)) {
        if (reason)
            (void)snprintf(reason, reason_size, "nested deeper than %d levels", NVR_JSON_DEPTH_MAX);
        return -EBADMSG;
    }
    value = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!value) {
        if (reason)
            (void)snprintf(reason, reason_size, "line %d, column %d: %s", error.line, error.column,
                           error.text);
        return json_error_code(&error) == json_error_out_of_memory ? -ENOMEM : -EBADMSG;
    }
    *ret_value = value;
    return 0;
}

static int append_chunk(const char *data, size_t size, void *arg)
{
    return nvr_buf_append(arg, data, size) < 0 ? -1 : 0;
}

static int append_json(struct nvr_buf *buf, const json_t *value, size_t flags)
{
    if (json_dump_callback(value, append_chunk, buf, JSON_COMPACT | JSON_ENCODE_ANY | flags) < 0)
        return buf->error ? buf->error : -EINVAL;
    return 0;
}

int nvr_json_append(struct nvr_buf *buf, const json_t *value)
{
    return append_json(buf, value, 0);
}

int nvr_json_append_sorted(struct nvr_buf *buf, const json_t *value)
{
    return append_json(buf, value, JSON_SORT_KEYS);
}

char *nvr_json_dump(const json_t *value)
{
    return json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
}

int nvr_json_get_str(const json_t *object, const char *key, const char **ret_value)
{
    const json_t *value = json_object_get(object, key);

    if (!value)
        return 0;
    if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value))
        return -EINVAL;
    *ret_value = json_string_value(value);
    return 1;
}

int nvr_json_get_int(const json_t *object, const char *key, int64_t min, int64_t max,
                     int64_t *ret_value)
{
    const json_t *value = json_object_get(object, key);

    if (!value)
        return 0;
    if (!json_is_integer(value) || json_integer_value(value) < min ||
        json_integer_value(value) > max)
        return -EINVAL;
    *ret_value = json_integer_value(value);
    return 1;
}

int nvr_json_get_double(const json_t *object, const char *key, double min, double max,
                        double *ret_value)
{
    const json_t *value = json_object_get(object, key);

    if (!value)
        return 0;
    /* Written so that NaN fails. */
    if (!json_is_number(value) ||
        !(json_number_value(value) >= min && json_number_value(value) <= max))
        return -EINVAL;
    *ret_value = json_number_value(value);
    return 1;
}

int nvr_json_get_bool(const json_t *object, const char *key, bool *ret_value)
{
    const json_t *value = json_object_get(object, key);

    if (!value)
        return 0;
    if (!json_is_boolean(value))
        return -EINVAL;
    *ret_value = json_is_true(value);
    return 1;
}
