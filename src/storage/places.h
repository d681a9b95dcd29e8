/* places.h — where recordings are besides the recordings folder: warm and cold of the
 * configuration, and places of before that still hold some. Each is known by its marker; one whose
 * marker is not there is a disk that is not mounted: nothing is written to it, reading fails in
 * words. */
#ifndef NVR_STORAGE_PLACES_H
#define NVR_STORAGE_PLACES_H

#include "lib/store/locations.h"
#include "lib/store/retention.h"
#include "src/storage/keeper.h"

#define PLACES_MAX 16
#define PLACES_CHECK_MS 60000
#define PLACES_CHECK_BAD_MS 15000
#define PLACES_CHECK_TIMEOUT_MS 30000

enum place_state {
    PLACE_UNKNOWN, /* not looked at yet */
    PLACE_OK,
    PLACE_LOW,
    PLACE_FULL,
    PLACE_MISSING, /* not mounted, or another disk */
    PLACE_UNREACHABLE,
    PLACE_READONLY,
};

struct place {
    struct nvr_location location; /* id -1: not used yet, no row */
    enum nvr_tier tier;
    bool in_use;        /* the configuration names it */
    bool is_configured; /* an object store: the one that there are keys for */
    bool checking;      /* a call is under way */
    enum place_state state;
    char words[256];
    int64_t total_bytes, free_bytes;
    int64_t checked_ms; /* monotonic */
};

struct places;

NVR_CHECK int places_new(struct nvr_storage *storage, struct places **ret_places);
void places_stop(struct places *places);
bool places_is_idle(const struct places *places);
void places_free(struct places *places); /* NULL: no-op */

struct keeper *places_get_keeper(const struct places *places);
/* Borrowed until the configuration changes; NULL: none. */
struct place *places_find(struct places *places, int64_t location);
/* Ids of places where files can be removed now, into ids (PLACES_MAX of them); how many. */
size_t places_list_removable(const struct places *places, int64_t *ids);
struct place *places_of_tier(struct places *places, enum nvr_tier tier);
/* It can be written to now. */
bool place_takes(const struct place *place);
/* For a call of the keeper: {folder, marker} or {s3, marker}. NULL: out of memory. */
json_t *place_to_call(const struct place *place);
json_t *places_hot_to_call(const struct places *places);
/* What a failed call says about a place; it is looked at again soon. */
void place_failed(struct places *places, struct place *place, const struct keeper_reply *reply);
/* Array for GET system/storage: appended to `locations`. */
void places_to_json(const struct places *places, json_t *list, const int64_t bytes[NVR_TIERS],
                    const int64_t segments[NVR_TIERS]);

#endif
