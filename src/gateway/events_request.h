/* events_request.h — what a client of /ws asks for: the topics it listens to. Pure; the text comes
 * from outside. */
#ifndef NVR_GATEWAY_EVENTS_REQUEST_H
#define NVR_GATEWAY_EVENTS_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/macros.h"
#include "lib/ipc/bus.h"
#include "src/gateway/gateway_limits.h"

struct nvr_events_topics {
    char patterns[NVR_EVENTS_PATTERNS_MAX][NVR_BUS_TOPIC_MAX];
    size_t count;
};

/* {"subscribe": ["recording.*"], "unsubscribe": ["job.*"]}: the one, the other or both, taken away
 * before they are added. 0, or -EINVAL with the reason in words (static) and topics unchanged. */
NVR_CHECK int nvr_events_request(struct nvr_events_topics *topics, const char *text, size_t len,
                                 const char **ret_reason);
bool nvr_events_wants(const struct nvr_events_topics *topics, const char *topic);

#endif
