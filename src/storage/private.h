/* private.h — what the files of src/storage share. Everything on the loop's thread. */
#ifndef NVR_STORAGE_PRIVATE_H
#define NVR_STORAGE_PRIVATE_H

#include <stdbool.h>
#include <uv.h>

#include "lib/ipc/bus.h"
#include "lib/ipc/post.h"
#include "lib/ipc/timer.h"
#include "lib/store/store.h"
#include "src/storage/leases.h"
#include "src/storage/storage.h"

struct report;
struct retention;
struct storage_evidence;

/* A part that runs in the background. Parts start in the order of the table and stop in the
 * reverse one. */
struct storage_part {
    const char *name;
    int (*start)(struct nvr_storage *storage);
    /* End what runs. Idempotent; asked again until is_idle. NULL: nothing to end. */
    void (*stop)(struct nvr_storage *storage);
    /* Nothing of it runs any more: no pool work, no call. NULL: always. */
    bool (*is_idle)(const struct nvr_storage *storage);
    void (*free)(struct nvr_storage *storage); /* also when start failed or never ran */
    /* Its keys of GET system/storage. NULL: none. */
    void (*to_json)(struct nvr_storage *storage, json_t *object);
};

struct previews;
struct storage_exports;
struct tiers;
struct expire;
struct removals;

struct nvr_storage {
    struct nvr_supervisor *supervisor;
    uv_loop_t *loop;
    struct nvr_store *store;
    struct nvr_bus *bus;
    struct nvr_post *post;
    bool stopping;
    void (*on_stopped)(void *arg);
    void *on_stopped_arg;
    unsigned opens; /* under way */
    struct leases leases;
    struct retention *retention;
    struct storage_evidence *evidence;
    struct previews *previews;
    struct tiers *tiers;
    struct expire *expire;
    struct removals *removals;
    unsigned elsewhere, aheads; /* under way in elsewhere.c */
    struct report *report;
    unsigned keepings; /* decisions under way */
    struct storage_exports *exports;
};

/* open.c */
bool storage_open_is_idle(const struct nvr_storage *storage);

/* evidence.c: checkpoints and scrub */
NVR_CHECK int storage_evidence_start(struct nvr_storage *storage);
void storage_evidence_stop(struct nvr_storage *storage);
bool storage_evidence_is_idle(const struct nvr_storage *storage);
void storage_evidence_free(struct nvr_storage *storage);
void storage_evidence_to_json(struct nvr_storage *storage, json_t *object);

/* elsewhere.c: what is not in the recordings folder */
bool elsewhere_is_idle(const struct nvr_storage *storage);

/* removals.c: files there whose rows went */
NVR_CHECK int removals_start(struct nvr_storage *storage);
void removals_stop(struct nvr_storage *storage);
bool removals_is_idle(const struct nvr_storage *storage);
void removals_free(struct nvr_storage *storage);
void removals_kick(struct nvr_storage *storage); /* rows went just now */
void removals_on_timer(uv_timer_t *timer);

/* expire.c: what is too old there */
NVR_CHECK int expire_start(struct nvr_storage *storage);
void expire_stop(struct nvr_storage *storage);
bool expire_is_idle(const struct nvr_storage *storage);
void expire_free(struct nvr_storage *storage);

/* previews.c */
NVR_CHECK int previews_start(struct nvr_storage *storage);
void previews_stop(struct nvr_storage *storage);
bool previews_is_idle(const struct nvr_storage *storage);
const char *previews_root(const struct nvr_storage *storage); /* constant */
void previews_free(struct nvr_storage *storage);
void previews_to_json(struct nvr_storage *storage, json_t *object);

/* keep.c */
bool keep_is_idle(const struct nvr_storage *storage);

/* exports.c */
NVR_CHECK int exports_start(struct nvr_storage *storage);
void exports_stop(struct nvr_storage *storage);
bool exports_is_idle(const struct nvr_storage *storage);
void exports_free(struct nvr_storage *storage);

/* After anything that stop waits for. */
void storage_check_stopped(struct nvr_storage *storage);

#endif
