/* exports.h — files for people, made of recordings: jobs in a queue, their progress, their results
 * and when those go. The door for the gateway.
 *
 * Threads: the loop's thread only; answers come from the loop. */
#ifndef NVR_STORAGE_EXPORTS_H
#define NVR_STORAGE_EXPORTS_H

#include "lib/store/jobs.h"
#include "src/storage/export_spec.h"
#include "src/storage/storage.h"

#define NVR_EXPORTS_RUNNING_MAX 1
#define NVR_EXPORTS_WAITING_MAX 64
#define NVR_EXPORTS_KEPT_MAX 1000 /* jobs that are remembered */

struct nvr_export_estimate {
    int64_t size, needed_bytes, free_bytes;
    int64_t duration_ms, recorded_ms;
    uint64_t segments;
    json_t *gaps; /* [{camera, start, end}], the first ones; owned */
    bool fits;
};

/* What it would become. spec is copied. fn runs once, 0 or -errno; the estimate is borrowed. */
typedef void (*nvr_export_estimated)(int result, const struct nvr_export_estimate *estimate,
                                     void *arg);
NVR_CHECK int nvr_exports_estimate(struct nvr_storage *storage, const struct nvr_export_spec *spec,
                                   nvr_export_estimated fn, void *arg);
json_t *nvr_export_estimate_to_json(const struct nvr_export_estimate *estimate);

/* Into the queue, unless it cannot become anything: -ENODATA (nothing recorded), -ENOSPC (the disk
 * would be full; the estimate says how much), -ENOBUFS (too many wait), -E2BIG (too many segments
 * for a proof). job: the new one (borrowed), NULL when refused. */
typedef void (*nvr_export_created)(int result, json_t *job,
                                   const struct nvr_export_estimate *estimate, void *arg);
NVR_CHECK int nvr_exports_create(struct nvr_storage *storage, const struct nvr_export_spec *spec,
                                 nvr_export_created fn, void *arg);

/* Newest first; state -1: all. New reference. */
json_t *nvr_exports_to_json(struct nvr_storage *storage, int state);
/* NULL: no such job. */
json_t *nvr_exports_get(struct nvr_storage *storage, const char *id);
/* 0 (also when it is over already), -ENOENT. */
NVR_CHECK int nvr_exports_cancel(struct nvr_storage *storage, const char *id);
/* The job and its files. 0, -ENOENT. */
NVR_CHECK int nvr_exports_delete(struct nvr_storage *storage, const char *id);
/* Where a finished file is. 0, -ENOENT. */
NVR_CHECK int nvr_exports_path(struct nvr_storage *storage, const char *id, size_t file, char *dst,
                               size_t dst_size, char name[NVR_EXPORT_FILE_NAME_SIZE]);

#endif
