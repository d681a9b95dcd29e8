/* id.h — identifiers: UUIDv7 (RFC 9562 §5.7), slugs, request ids. */
#ifndef NVR_BASE_ID_H
#define NVR_BASE_ID_H

#include <stdbool.h>

#define NVR_UUID_SIZE 37 /* 36 characters and NUL */
#define NVR_SLUG_MAX 64  /* camera, zone, plugin ids: [a-z0-9_-]{1,64}, first [a-z0-9] */
#define NVR_SLUG_SIZE (NVR_SLUG_MAX + 1)

void nvr_uuid7(char dst[NVR_UUID_SIZE]);
bool nvr_slug_is_valid(const char *id);
/* Best slug for a display name ("Front door" → "front-door"); "camera" when nothing is left. */
void nvr_slug_from_name(const char *name, char dst[NVR_SLUG_SIZE]);

#endif
