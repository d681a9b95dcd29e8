/* storage.h — what is kept of what was recorded: how long, where, and the proof that it is whole.
 *
 * Threads:   everything on the loop's thread; blocking work in libuv's pool or in nvr-media.
 * Ownership: the supervisor is borrowed and must live until nvr_storage_free() returned. */
#ifndef NVR_STORAGE_STORAGE_H
#define NVR_STORAGE_STORAGE_H

#include <stdint.h>
#include <uv.h>

#include "lib/base/buf.h"
#include "lib/base/macros.h"
#include "lib/store/recordings.h"
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

#endif
