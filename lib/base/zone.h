/* zone.h — time zones of the system's database (TZif, RFC 8536): when the clock on the wall says
 * what. glibc knows one zone per process (TZ); this knows any, and keeps no global state.
 *
 * A zone never changes once it is open; any thread may read it. */
#ifndef NVR_BASE_ZONE_H
#define NVR_BASE_ZONE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/macros.h"

#define NVR_ZONE_NAME_SIZE 64
#define NVR_ZONE_FILE_MAX 262144u
#define NVR_ZONE_TIMES_MAX 4096u
#define NVR_ZONE_TYPES_MAX 256u

struct nvr_zone;

/* name: "UTC" (needs no database), "local" (the system's), or a name of the tz database
 * ("Europe/Zurich"). 0, -EINVAL (not such a name), -ENOENT (no such zone), -EPROTO (its file is
 * damaged), or open()/read()'s error. */
NVR_CHECK int nvr_zone_open(const char *name, struct nvr_zone **ret_zone);
/* A TZif file's bytes. 0, -EPROTO, -ENOMEM. */
NVR_CHECK int nvr_zone_parse(const void *data, size_t size, struct nvr_zone **ret_zone);
void nvr_zone_free(struct nvr_zone *zone); /* NULL: no-op */
NVR_DEFINE_AUTO(nvr_zone, nvr_zone_free);

/* What the clock on the wall is ahead of UTC at this instant; < 0: behind. zone NULL: UTC. */
int64_t nvr_zone_offset_ms(const struct nvr_zone *zone, int64_t at_ms);
/* The first instant after at_ms from which another offset is in force; INT64_MAX: none. */
int64_t nvr_zone_next_change_ms(const struct nvr_zone *zone, int64_t at_ms);

#endif
