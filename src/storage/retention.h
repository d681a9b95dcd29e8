/* retention.h — recordings that are too old or for which there is no room any more go, in small
 * steps in the background; what people protect, read or write stays. The part of struct
 * storage_part; its questions and answers for the others of src/storage.
 *
 * A pass runs every RETENTION_EVERY_MS and at once when a recorder finds no room. It is a chain of
 * steps (step.h) with pauses, until nothing is left to do. */
#ifndef NVR_STORAGE_RETENTION_H
#define NVR_STORAGE_RETENTION_H

#include "src/storage/policy.h"
#include "src/storage/private.h"

#define RETENTION_FIRST_MS 15000 /* reconciliation begins 3 s after the start */
/* Somebody else may fill the disk at any time. Sooner when the room left is filled sooner. */
#define RETENTION_EVERY_MS 10000
#define RETENTION_SOON_MS 1000
#define RETENTION_EVENTS_DAYS 60 /* of removed cameras, as the schema's default */
/* A step's pause is so many times what its files took, within bounds: at most a fifth of the time
 * is spent on deleting, half when there is no room. */
#define RETENTION_PAUSE_FACTOR 4
#define RETENTION_PAUSE_MIN_MS 50
#define RETENTION_PAUSE_MAX_MS 2000
#define RETENTION_HURRY_MIN_MS 10

int retention_start(struct nvr_storage *storage);
void retention_stop(struct nvr_storage *storage);
bool retention_is_idle(const struct nvr_storage *storage);
void retention_free(struct nvr_storage *storage);

/* Look now. refused: a recorder was told that the disk is full. */
void retention_kick(struct nvr_storage *storage, bool refused);
/* Bytes of recordings per second, as last surveyed. */
void retention_set_rate(struct nvr_storage *storage, double bytes_per_second);
/* The days may be believed (clock_guard.h). */
bool retention_trusts_clock(const struct nvr_storage *storage);
/* Of a camera, by the configuration; those of removed cameras by the defaults. */
struct policy_days retention_days(const struct nvr_storage *storage, const char *camera_id);
/* max_bytes and min_free_bytes of the configuration; the rest is left alone. */
void retention_get_limits(const struct nvr_storage *storage, struct policy_space *space);
enum retention_state { RETENTION_OK, RETENTION_LOW, RETENTION_FULL };
enum retention_state retention_get_state(const struct nvr_storage *storage);
/* The thread for old files, for others that remove some. NULL: not started. */
struct sweeper *retention_get_sweeper(const struct nvr_storage *storage);
/* Rows of [start, end) went, by retention or by hand: for those who show them. */
void retention_tell_deleted(struct nvr_storage *storage, const char *camera_id, int64_t start_ms,
                            int64_t end_ms, int64_t segments, int64_t bytes, const char *reason);

#endif
