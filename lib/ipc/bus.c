#include "lib/ipc/bus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"

struct nvr_bus_subscription {
    struct nvr_bus *bus;
    struct nvr_bus_subscription *next;
    char pattern[NVR_BUS_TOPIC_MAX];
    nvr_bus_fn fn; /* NULL: gone, freed when nobody walks the list */
    void *arg;
};

struct nvr_bus {
    struct nvr_bus_subscription *head;
    uint64_t last_id;
    unsigned walking; /* publishes under way, one inside the other */
    bool sweep;
};

bool nvr_bus_pattern_is_valid(const char *pattern)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_-.";
    const size_t len = strlen(pattern);
    const size_t plain = strspn(pattern, allowed);

    if (len == 0 || len >= NVR_BUS_TOPIC_MAX)
        return false;
    if (plain == len)
        return pattern[0] != '.' && pattern[len - 1] != '.';
    return plain == len - 1 && pattern[plain] == '*' &&
           (plain == 0 || (plain > 1 && pattern[plain - 1] == '.'));
}

bool nvr_bus_matches(const char *pattern, const char *topic)
{
    const size_t len = strlen(pattern);

    if (len && pattern[len - 1] == '*')
        return strncmp(pattern, topic, len - 1) == 0;
    return strcmp(pattern, topic) == 0;
}

int nvr_bus_new(struct nvr_bus **ret_bus)
{
    *ret_bus = calloc(1, sizeof(**ret_bus));
    return *ret_bus ? 0 : -ENOMEM;
}

static void sweep(struct nvr_bus *bus, bool all)
{
    struct nvr_bus_subscription **at = &bus->head;

    while (*at) {
        struct nvr_bus_subscription *subscription = *at;

        if (subscription->fn && !all) {
            at = &subscription->next;
            continue;
        }
        *at = subscription->next;
        free(subscription);
    }
    bus->sweep = false;
}

void nvr_bus_free(struct nvr_bus *bus)
{
    if (!bus)
        return;
    sweep(bus, true);
    free(bus);
}

int nvr_bus_subscribe(struct nvr_bus *bus, const char *pattern, nvr_bus_fn fn, void *arg,
                      struct nvr_bus_subscription **ret_subscription)
{
    struct nvr_bus_subscription **at = &bus->head;
    struct nvr_bus_subscription *subscription;

    if (!nvr_bus_pattern_is_valid(pattern))
        return -EINVAL;
    subscription = calloc(1, sizeof(*subscription));
    if (!subscription)
        return -ENOMEM;
    *subscription = (struct nvr_bus_subscription){.bus = bus, .fn = fn, .arg = arg};
    memcpy(subscription->pattern, pattern, strlen(pattern) + 1);
    while (*at)
        at = &(*at)->next;
    *at = subscription;
    *ret_subscription = subscription;
    return 0;
}

void nvr_bus_unsubscribe(struct nvr_bus_subscription *subscription)
{
    struct nvr_bus *bus;

    if (!subscription)
        return;
    bus = subscription->bus;
    subscription->fn = NULL;
    bus->sweep = true;
    if (!bus->walking)
        sweep(bus, false);
}

void nvr_bus_publish_take(struct nvr_bus *bus, const char *topic, json_t *data)
{
    NVR_AUTO_JSON owned = data ? data : json_object();
    const struct nvr_bus_message message = {
        .id = ++bus->last_id,
        .time_ms = nvr_clock_wall_ms(),
        .topic = topic,
        .data = owned,
    };

    bus->walking++;
    for (struct nvr_bus_subscription *at = bus->head; at; at = at->next)
        if (at->fn && nvr_bus_matches(at->pattern, topic))
            at->fn(&message, at->arg);
    if (--bus->walking == 0 && bus->sweep)
        sweep(bus, false);
}

bool nvr_bus_has_listener(const struct nvr_bus *bus, const char *topic)
{
    for (const struct nvr_bus_subscription *at = bus->head; at; at = at->next)
        if (at->fn && nvr_bus_matches(at->pattern, topic))
            return true;
    return false;
}
