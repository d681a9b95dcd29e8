/* bus.h — topics inside the core: who knows something tells it, who wants to know listens.
 *
 * The names are those of the API ("recording.gap", "job.updated", "camera.online"): the same go to
 * WebSocket clients. Data are JSON objects and never change once published.
 * Threads: the loop's thread only. Who publishes from elsewhere goes through nvr_post. */
#ifndef NVR_IPC_BUS_H
#define NVR_IPC_BUS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/json.h"
#include "lib/base/macros.h"

#define NVR_BUS_TOPIC_MAX 64

struct nvr_bus;
struct nvr_bus_subscription;

struct nvr_bus_message {
    uint64_t id; /* 1, 2, 3 … in this run */
    int64_t time_ms;
    const char *topic;
    const json_t *data; /* borrowed; incref to keep */
};

typedef void (*nvr_bus_fn)(const struct nvr_bus_message *message, void *arg);

NVR_CHECK int nvr_bus_new(struct nvr_bus **ret_bus);
void nvr_bus_free(struct nvr_bus *bus); /* subscriptions end with it; NULL: no-op */

/* pattern: a topic, "recording.*" (all below), or "*". -EINVAL: not such a thing. fn may subscribe,
 * unsubscribe (also itself) and publish. */
NVR_CHECK int nvr_bus_subscribe(struct nvr_bus *bus, const char *pattern, nvr_bus_fn fn, void *arg,
                                struct nvr_bus_subscription **ret_subscription);
void nvr_bus_unsubscribe(struct nvr_bus_subscription *subscription); /* NULL: no-op */
/* Calls everybody who listens before it returns. Steals data (NULL: {}). */
void nvr_bus_publish_take(struct nvr_bus *bus, const char *topic, json_t *data);
/* Does anybody listen? Saves making the data. */
bool nvr_bus_has_listener(const struct nvr_bus *bus, const char *topic);
/* "recording.*" against "recording.gap". Pure. */
bool nvr_bus_matches(const char *pattern, const char *topic);
bool nvr_bus_pattern_is_valid(const char *pattern);

#endif
