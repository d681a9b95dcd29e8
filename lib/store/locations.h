/* locations.h — table `storage_locations`: the places that hold recordings, and by which marker
 * each is known again. recordings.location is the id of one of them. */
#ifndef NVR_STORE_LOCATIONS_H
#define NVR_STORE_LOCATIONS_H

#include <stdint.h>

#include "lib/base/id.h"
#include "lib/base/macros.h"
#include "lib/store/store.h"

#define NVR_LOCATION_HOT 0 /* the recordings folder, wherever it is */
#define NVR_LOCATION_ADDRESS_SIZE 1024

struct nvr_location {
    int64_t id;
    char tier[8];                            /* hot|warm|cold */
    char kind[8];                            /* folder|s3 */
    char address[NVR_LOCATION_ADDRESS_SIZE]; /* absolute path, or endpoint/bucket */
    char marker[NVR_UUID_SIZE];
    int64_t created_ms;
};

/* In a write job. A place with this kind and address is known: its tier and marker are replaced.
 * *ret_id: of the row (NULL: not wanted). The hot one keeps its id wherever it moves:
 * nvr_locations_set_hot(). */
NVR_CHECK int nvr_locations_add(struct nvr_db *db, const struct nvr_location *location,
                                int64_t *ret_id);
/* In a write job: id NVR_LOCATION_HOT, tier "hot", kind "folder" with this address and marker. */
NVR_CHECK int nvr_locations_set_hot(struct nvr_db *db, const char *address, const char *marker,
                                    int64_t now_ms);
NVR_CHECK int nvr_locations_delete(struct nvr_db *db, int64_t id); /* also when there is none */

/* 0 or -ENOENT. */
NVR_CHECK int nvr_locations_get(struct nvr_db *db, int64_t id, struct nvr_location *ret_location);
NVR_CHECK int nvr_locations_find(struct nvr_db *db, const char *kind, const char *address,
                                 struct nvr_location *ret_location);
/* All, by id; visit returns 0 to go on, 1 to stop, -errno. */
typedef int (*nvr_locations_visit)(const struct nvr_location *location, void *arg);
NVR_CHECK int nvr_locations_each(struct nvr_db *db, nvr_locations_visit visit, void *arg);

#endif
