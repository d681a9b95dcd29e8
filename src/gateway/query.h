/* query.h — parameters of a request's query, already percent-decoded. Getters never change *ret_x
 * when the parameter is missing (0); 1: set; -EINVAL: not that. Pure. */
#ifndef NVR_GATEWAY_QUERY_H
#define NVR_GATEWAY_QUERY_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/macros.h"
#include "src/gateway/gateway_limits.h"

struct nvr_query {
    struct {
        const char *name, *value; /* in text */
    } items[NVR_HTTP_QUERY_MAX];
    size_t count;
    char *text[NVR_HTTP_QUERY_MAX]; /* owned */
};

void nvr_query_done(struct nvr_query *query); /* zeroed struct: no-op */
/* "name=value" or "name". 0, -E2BIG (too many), -EINVAL (not UTF-8, empty name), -ENOMEM. */
NVR_CHECK int nvr_query_add(struct nvr_query *query, const char *pair, size_t len);
/* First value, NULL when missing. */
const char *nvr_query_get(const struct nvr_query *query, const char *name);
/* i-th value of a repeatable parameter, NULL when there are fewer. */
const char *nvr_query_get_nth(const struct nvr_query *query, const char *name, size_t i);
NVR_CHECK int nvr_query_get_int(const struct nvr_query *query, const char *name, int64_t min,
                                int64_t max, int64_t *ret_value);
/* ms since 1970 or RFC 3339. */
NVR_CHECK int nvr_query_get_time(const struct nvr_query *query, const char *name, int64_t *ret_ms);

#endif
