/* leases.h — spans of recordings that somebody reads now: retention leaves them alone. In memory;
 * who reads longer takes the lease again. Pure.
 *
 * Threads: those of its owner; retention's thread gets a copy (leases_copy).
 * Limits:  LEASES_MAX. When all are taken the one that ends first makes room: a flood of requests
 *          costs the flooder his own leases' tails, never memory. */
#ifndef NVR_STORAGE_LEASES_H
#define NVR_STORAGE_LEASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/id.h"
#include "lib/base/macros.h"

#define LEASES_MAX 1024
#define LEASE_SECONDS_MAX 3600

struct lease {
    char camera_id[NVR_SLUG_SIZE];
    int64_t start_ms, end_ms;
    int64_t until_mono_ms;
};

struct leases {
    struct lease *items; /* no order */
    size_t count, cap;
};

void leases_done(struct leases *leases); /* zeroed struct: no-op */
/* [start, end) of a camera for so many seconds (at most LEASE_SECONDS_MAX). The same span again is
 * the same lease, longer. An empty span is none. */
NVR_CHECK int leases_take(struct leases *leases, const char *camera_id, int64_t start_ms,
                          int64_t end_ms, unsigned seconds, int64_t now_mono_ms);
/* Does a living lease overlap [start, end)? */
bool leases_cover(const struct leases *leases, const char *camera_id, int64_t start_ms,
                  int64_t end_ms, int64_t now_mono_ms);
void leases_expire(struct leases *leases, int64_t now_mono_ms);
NVR_CHECK int leases_copy(const struct leases *leases, struct leases *ret_copy);

#endif
