/* tiers.h — older recordings move on: hot → warm → cold, in the background, oldest first.
 *
 * A file is copied and the copy verified (its SHA-256, read back), then the row says the new place
 * in one transaction, then the source goes. A crash at any point leaves the file where its row says
 * it is; what is left over elsewhere goes at the next start. What cannot be moved waits: nothing is
 * ever deleted because a place cannot be reached. */
#ifndef NVR_STORAGE_TIERS_H
#define NVR_STORAGE_TIERS_H

#include "src/storage/places.h"

#define TIERS_EVERY_MS 10000
#define TIERS_MOVES_MAX 4 /* of a stage at a time */
#define TIERS_PLAN_MAX 32 /* segments planned ahead */
#define TIERS_SKIPPED_MAX 256
#define TIERS_SKIP_MS (60 * 60 * 1000) /* a file that cannot be moved itself is tried again */
#define TIERS_SWEEP_MAX 64             /* newest rows of a tier whose sources are looked for */
#define TIERS_AHEAD_MAX 4

struct tiers;

/* The part. */
NVR_CHECK int tiers_start(struct nvr_storage *storage);
void tiers_stop(struct nvr_storage *storage);
bool tiers_is_idle(const struct nvr_storage *storage);
void tiers_free(struct nvr_storage *storage);
void tiers_to_json(struct nvr_storage *storage, json_t *object);

/* open.c's part for what is not in the recordings folder. */
void tiers_open(struct nvr_storage *storage, const struct nvr_recording *recording,
                nvr_storage_opened fn, void *arg);
/* It can be reached now: rows there may go with their files. */
bool tiers_can_remove(const struct nvr_storage *storage, int64_t location);

/* places.c */
typedef void (*places_answered)(const struct keeper_reply *reply, void *arg);
NVR_CHECK int places_check(struct places *places, struct place *place, bool test,
                           places_answered fn, void *arg);
NVR_CHECK int places_adopt(struct places *places, struct place *place, places_answered fn,
                           void *arg);
/* The keeper runs for a while, for a question, although there is no place yet. */
void places_wake(struct places *places);
json_t *tiers_s3_to_call(const struct nvr_s3_config *s3);
struct places *tiers_get_places(const struct nvr_storage *storage);

#endif
