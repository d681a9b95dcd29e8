/* storage.h — what is kept of what was recorded: how long, where, and the proof that it is whole.
 *
 * Threads:   everything on the loop's thread; blocking work in libuv's pool or in nvr-media.
 * Ownership: the supervisor is borrowed and must live until nvr_storage_free() returned. */
#ifndef NVR_STORAGE_STORAGE_H
#define NVR_STORAGE_STORAGE_H

#include <stdint.h>
#include <uv.h>

#include "lib/base/buf.h"
#include "lib/base/json.h"
#include "lib/base/macros.h"
#include "lib/store/recordings.h"
#include "lib/store/retention.h"
#include "src/supervisor/supervisor.h"

struct nvr_storage;

NVR_CHECK int nvr_storage_start(struct nvr_supervisor *supervisor,
                                struct nvr_storage **ret_storage);
/* Ends what runs in the background; on_stopped runs once from the loop. After the gateway and
 * before the supervisor. */
void nvr_storage_stop(struct nvr_storage *storage, void (*on_stopped)(void *arg), void *arg);
/* After on_stopped, or after a start that was never run. NULL: no-op. */
void nvr_storage_free(struct nvr_storage *storage);

/* A recording's file, wherever it is. fd: read-only and the receiver's, or -errno (-ENOENT: the
 * file is gone). Runs once, from the loop. */
typedef void (*nvr_storage_opened)(int fd, int64_t size, void *arg);
void nvr_storage_open(struct nvr_storage *storage, const struct nvr_recording *recording,
                      nvr_storage_opened fn, void *arg);

/* Openings under way elsewhere fail soon: whoever waits for them wants to stop. */
void nvr_storage_stop_opening(struct nvr_storage *storage);

/* Is the place of a tier ("warm", "cold") all right: something is written, read and removed. Or an
 * object store that is not in the configuration yet. answer (borrowed, NULL: out of memory):
 * {ok, latency_ms, error|null, same_disk}. Runs once, from the loop, when 0 was returned; -ENOENT:
 * the tier has no place. */
typedef void (*nvr_storage_answered)(const json_t *answer, void *arg);
NVR_CHECK int nvr_storage_test(struct nvr_storage *storage, const char *tier,
                               nvr_storage_answered fn, void *arg);
NVR_CHECK int nvr_storage_test_s3(struct nvr_storage *storage, const struct nvr_s3_config *s3,
                                  nvr_storage_answered fn, void *arg);
/* The disk (or bucket) that is there now is the tier's, although its marker says otherwise. */
NVR_CHECK int nvr_storage_adopt(struct nvr_storage *storage, const char *tier,
                                nvr_storage_answered fn, void *arg);
/* What the parts know of themselves: {scrub: {…}, …}. New reference; NULL: out of memory. */
json_t *nvr_storage_to_json(struct nvr_storage *storage);

/* Forget a finding of the check (lib/store/evidence.h). done runs once from the loop: 0, -ENOENT,
 * -errno. */
NVR_CHECK int nvr_storage_acknowledge(struct nvr_storage *storage, int64_t finding_id,
                                      void (*done)(int result, void *arg), void *arg);

/* Somebody reads [start, end) of a camera, and will for so many seconds (an hour at most):
 * retention leaves those recordings alone. Who reads longer says so again. */
void nvr_storage_lease(struct nvr_storage *storage, const char *camera, int64_t start_ms,
                       int64_t end_ms, unsigned seconds);

/* ---- small pictures for the timeline. Any thread. ---- */

#define NVR_STORAGE_PREVIEW_REACH_MS 60000 /* an older one is none of that moment */

/* The newest picture at or before at_ms, appended to jpeg. 0, -ENOENT, -errno. */
NVR_CHECK int nvr_storage_preview(const struct nvr_storage *storage, const char *camera,
                                  int64_t at_ms, struct nvr_buf *jpeg, int64_t *ret_time_ms);
typedef int (*nvr_storage_preview_visit)(int64_t time_ms, void *arg);
/* Times of all pictures in [start, end), in order. 0, or visit's error. */
NVR_CHECK int nvr_storage_preview_times(const struct nvr_storage *storage, const char *camera,
                                        int64_t start_ms, int64_t end_ms,
                                        nvr_storage_preview_visit visit, void *arg);

/* What is stored where, how fast it grows and what goes next: GET system/storage. fn runs once; the
 * report is the receiver's. */
typedef void (*nvr_storage_reported)(int result, json_t *report, void *arg);
void nvr_storage_report(struct nvr_storage *storage, nvr_storage_reported fn, void *arg);

/* ---- what people decide: fn runs once, from the loop; id: of the range (0: none). ---- */
typedef void (*nvr_storage_kept)(int result, int64_t id, void *arg);
/* -EINVAL: empty, reversed or longer than NVR_PROTECTED_SPAN_MAX_MS; -ENOSPC: too many ranges. */
void nvr_storage_protect(struct nvr_storage *storage, const struct nvr_protected_range *range,
                         nvr_storage_kept fn, void *arg);
/* What another range covers stays protected. -ENOENT. */
void nvr_storage_unprotect(struct nvr_storage *storage, int64_t id, nvr_storage_kept fn, void *arg);
/* -ENOENT; -EPERM: a range that reaches further protects it, too. */
void nvr_storage_protect_recording(struct nvr_storage *storage, const char *camera,
                                   int64_t start_ms, bool protect, const char *reason,
                                   nvr_storage_kept fn, void *arg);
/* -ENOENT; -EPERM: protected; -EBUSY: the camera's files are being compared. */
void nvr_storage_delete(struct nvr_storage *storage, const char *camera, int64_t start_ms,
                        nvr_storage_kept fn, void *arg);

#endif
