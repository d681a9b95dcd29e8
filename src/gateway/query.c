#include "src/gateway/query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"

/* Year 9999: nothing behind it is a time that somebody means. */
#define TIME_MAX_MS 253402300799999LL

void nvr_query_done(struct nvr_query *query)
{
    for (size_t i = 0; i < query->count; i++)
        free(query->text[i]);
    *query = (struct nvr_query){0};
}

int nvr_query_add(struct nvr_query *query, const char *pair, size_t len)
{
    const struct nvr_str all = {pair, len};
    char *text;
    char *equals;

    if (query->count == NVR_HTTP_QUERY_MAX)
        return -E2BIG;
    if (!len || pair[0] == '=' || !nvr_str_is_utf8(all))
        return -EINVAL;
    text = nvr_str_dup(all);
    if (!text)
        return -ENOMEM;
    equals = strchr(text, '=');
    if (equals)
        *equals = '\0';
    query->text[query->count] = text;
    query->items[query->count].name = text;
    query->items[query->count].value = equals ? equals + 1 : text + strlen(text);
    query->count++;
    return 0;
}

const char *nvr_query_get_nth(const struct nvr_query *query, const char *name, size_t i)
{
    for (size_t n = 0; n < query->count; n++)
        if (strcmp(query->items[n].name, name) == 0 && i-- == 0)
            return query->items[n].value;
    return NULL;
}

const char *nvr_query_get(const struct nvr_query *query, const char *name)
{
    return nvr_query_get_nth(query, name, 0);
}

int nvr_query_get_int(const struct nvr_query *query, const char *name, int64_t min, int64_t max,
                      int64_t *ret_value)
{
    const char *text = nvr_query_get(query, name);
    int64_t value;

    if (!text)
        return 0;
    if (nvr_str_to_i64(nvr_str_from(text), &value) < 0 || value < min || value > max)
        return -EINVAL;
    *ret_value = value;
    return 1;
}

int nvr_query_get_time(const struct nvr_query *query, const char *name, int64_t *ret_ms)
{
    const char *text = nvr_query_get(query, name);
    char fixed[64];
    int64_t value;

    if (!text)
        return 0;
    if (nvr_str_copy(fixed, sizeof(fixed), nvr_str_from(text)) < 0)
        return -EINVAL;
    /* "+02:00" sent without escaping arrives with a blank. */
    for (char *p = strchr(fixed, 'T'); p && *p; p++)
        if (*p == ' ')
            *p = '+';
    if (nvr_time_parse(fixed, &value) < 0 || value < 0 || value > TIME_MAX_MS)
        return -EINVAL;
    *ret_ms = value;
    return 1;
}
