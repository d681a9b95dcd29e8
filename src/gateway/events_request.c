#include "src/gateway/events_request.h"

#include <errno.h>
#include <string.h>

#include "lib/base/json.h"

static size_t find(const struct nvr_events_topics *topics, const char *pattern)
{
    size_t i = 0;

    while (i < topics->count && strcmp(topics->patterns[i], pattern) != 0)
        i++;
    return i;
}

static const char *remove_one(struct nvr_events_topics *topics, const char *pattern)
{
    const size_t at = find(topics, pattern);

    if (at == topics->count)
        return NULL; /* not there is what was wanted */
    topics->count--;
    memmove(topics->patterns[at], topics->patterns[at + 1],
            (topics->count - at) * sizeof(topics->patterns[0]));
    return NULL;
}

static const char *add_one(struct nvr_events_topics *topics, const char *pattern)
{
    if (find(topics, pattern) < topics->count)
        return NULL;
    if (topics->count == NVR_EVENTS_PATTERNS_MAX)
        return "too many topics";
    memcpy(topics->patterns[topics->count++], pattern, strlen(pattern) + 1);
    return NULL;
}

/* NULL, or what is wrong. */
static const char *change(struct nvr_events_topics *topics, const json_t *list,
                          const char *(*fn)(struct nvr_events_topics *topics, const char *pattern))
{
    const char *reason = NULL;

    if (!list)
        return NULL;
    if (!json_is_array(list))
        return "expected a list of topics";
    for (size_t i = 0; i < json_array_size(list) && !reason; i++) {
        const char *pattern = json_string_value(json_array_get(list, i));

        if (!pattern || !nvr_bus_pattern_is_valid(pattern))
            return "not a topic";
        reason = fn(topics, pattern);
    }
    return reason;
}

static const char *apply(struct nvr_events_topics *topics, const json_t *request)
{
    const json_t *add = json_object_get(request, "subscribe");
    const json_t *take = json_object_get(request, "unsubscribe");
    const char *reason;

    if (!json_is_object(request))
        return "expected an object";
    if (!add && !take)
        return "expected subscribe or unsubscribe";
    if (json_object_size(request) != (add ? 1U : 0U) + (take ? 1U : 0U))
        return "unknown member";
    reason = change(topics, take, remove_one);
    return reason ? reason : change(topics, add, add_one);
}

int nvr_events_request(struct nvr_events_topics *topics, const char *text, size_t len,
                       const char **ret_reason)
{
    struct nvr_events_topics changed = *topics;
    NVR_AUTO_JSON request = NULL;

    *ret_reason =
        nvr_json_parse(text, len, &request, NULL, 0) < 0 ? "not JSON" : apply(&changed, request);
    if (*ret_reason)
        return -EINVAL;
    *topics = changed;
    return 0;
}

bool nvr_events_wants(const struct nvr_events_topics *topics, const char *topic)
{
    for (size_t i = 0; i < topics->count; i++)
        if (nvr_bus_matches(topics->patterns[i], topic))
            return true;
    return false;
}
