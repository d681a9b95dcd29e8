/* supervisor.h — starts, watches and restarts every worker; owns the configuration and what is
 * known of each camera. Everything on the loop's thread. The gateway is its only user. */
#ifndef NVR_SUPERVISOR_SUPERVISOR_H
#define NVR_SUPERVISOR_SUPERVISOR_H

#include <stdbool.h>
#include <uv.h>

#include "lib/base/json.h"
#include "lib/base/macros.h"
#include "lib/config/config.h"
#include "lib/config/signing_key.h"
#include "lib/ipc/bus.h"
#include "lib/ipc/rpc.h"
#include "lib/ring/ring.h"
#include "lib/store/history.h"
#include "lib/store/store.h"
#include "lib/store/triggers.h"

#define NVR_HEARTBEAT_MS 5000
#define NVR_UNHEALTHY_MS 15000
#define NVR_BACKOFF_FIRST_MS 1000
#define NVR_BACKOFF_MAX_MS 60000

struct nvr_supervisor;

struct nvr_supervisor_options {
    uv_loop_t *loop;
    const char *config_path;
    const char *data_dir;       /* database, key, recordings, run files */
    const char *camera_program; /* absolute path of nvr-camera */
    const char *media_program;  /* of nvr-media */
    bool maintenance;           /* no camera is started: for `nvr recordings reindex` */
};

/* Locks data_dir (a second instance: -EEXIST), loads the config (bad file: -EINVAL, logged with
 * line and column), opens the store, reconciles in the background, starts the zygote and a worker
 * per enabled camera. */
NVR_CHECK int nvr_supervisor_start(const struct nvr_supervisor_options *options,
                                   struct nvr_supervisor **ret_supervisor);
/* Orderly end: every worker closes its files; on_stopped runs once, at the latest after 10 s. */
void nvr_supervisor_stop(struct nvr_supervisor *sv, void (*on_stopped)(void *arg), void *arg);
/* Only after on_stopped, and after the loop ran out (handles let go of their memory in it). */
void nvr_supervisor_free(struct nvr_supervisor *sv);

/* Index every file again and drop rows without a file. */
struct nvr_reindex_result {
    unsigned indexed, repaired, damaged, failed, dropped;
};
struct nvr_reindex_hooks {
    void (*on_progress)(const char *camera_id, size_t done, size_t count, void *arg); /* or NULL */
    void (*on_done)(const struct nvr_reindex_result *result, void *arg);              /* once */
};
void nvr_supervisor_reindex(struct nvr_supervisor *sv, const struct nvr_reindex_hooks *hooks,
                            void *arg);

struct nvr_store *nvr_supervisor_get_store(struct nvr_supervisor *sv);
const struct nvr_config *
nvr_supervisor_get_config(struct nvr_supervisor *sv); /* until the next change */
const char *nvr_supervisor_get_recordings_dir(struct nvr_supervisor *sv);
const char *nvr_supervisor_get_data_dir(struct nvr_supervisor *sv);
/* Signs evidence; it never leaves this process. NULL: the file could not be read or made. */
const struct nvr_signing_key *nvr_supervisor_get_signing_key(struct nvr_supervisor *sv);
struct nvr_bus *nvr_supervisor_get_bus(struct nvr_supervisor *sv);
uv_loop_t *nvr_supervisor_get_loop(struct nvr_supervisor *sv);

/* ---- configuration changes by API: validate, save, apply the difference. Results and errors as
 * nvr_config_camera_*; -EROFS/-ENOSPC… when the file cannot be written (nothing changed then);
 * -ESTALE: the file on disk was edited by hand and cannot be used. */
NVR_CHECK int nvr_supervisor_camera_add(struct nvr_supervisor *sv, const json_t *body,
                                        char ret_id[NVR_SLUG_SIZE],
                                        struct nvr_config_errors *errors);
NVR_CHECK int nvr_supervisor_camera_put(struct nvr_supervisor *sv, const char *id,
                                        const json_t *body, bool merge,
                                        struct nvr_config_errors *errors);
NVR_CHECK int nvr_supervisor_camera_remove(struct nvr_supervisor *sv, const char *id,
                                           bool delete_recordings);

/* A top section, see nvr_config_section_patch(). Published as "config.changed", as is every change.
 */
NVR_CHECK int nvr_supervisor_config_patch(struct nvr_supervisor *sv, const char *section,
                                          const json_t *patch, struct nvr_config_errors *errors);

/* What a patch would lead to; nothing changes. */
NVR_CHECK int nvr_supervisor_config_try(struct nvr_supervisor *sv, const char *section,
                                        const json_t *patch, struct nvr_config **ret_config,
                                        struct nvr_config_errors *errors);

/* ---- the recordings' disk, as last looked at (every ten seconds, in the pool) ---- */
struct nvr_supervisor_storage {
    bool known;
    int error; /* 0, or -errno: it cannot be used; -ENODEV: it is not the disk that we know */
    bool low;  /* less free than system.min_free_gb */
    bool hangs;
    uint64_t total_bytes, free_bytes;
};
void nvr_supervisor_get_storage(const struct nvr_supervisor *sv,
                                struct nvr_supervisor_storage *ret_storage);
/* The disk that is there now is the one for recordings from here on: it gets a marker when it has
 * none. 0, -ETIMEDOUT (it does not answer), or the error of writing that. */
NVR_CHECK int nvr_supervisor_adopt_recordings(struct nvr_supervisor *sv);
/* Files and rows of this camera are being compared: who removes or moves some waits. */
bool nvr_supervisor_is_comparing(const struct nvr_supervisor *sv, const char *id);
/* While held (it counts) no comparison of another camera begins: somebody removes or moves. */
void nvr_supervisor_hold_compare(struct nvr_supervisor *sv, bool held);

/* ---- cameras ---- */
/* Config entry + live state in the API's shape. New reference; NULL: no such camera. */
json_t *nvr_supervisor_camera_to_json(struct nvr_supervisor *sv, const char *id);
json_t *nvr_supervisor_cameras_to_json(struct nvr_supervisor *sv); /* array */
/* The file that is being written: from when to when it surely has pictures. false: none. */
bool nvr_supervisor_recording_now(struct nvr_supervisor *sv, const char *id, int64_t *ret_start_ms,
                                  int64_t *ret_end_ms);
/* For nvr_history_read(). */
void nvr_supervisor_recording_view(struct nvr_supervisor *sv, const char *id,
                                   struct nvr_recording_view *ret_view);
enum nvr_camera_action { NVR_CAMERA_RESTART, NVR_CAMERA_START, NVR_CAMERA_STOP };
/* 0, -ENOENT, -EALREADY never (idempotent). */
NVR_CHECK int nvr_supervisor_camera_act(struct nvr_supervisor *sv, const char *id,
                                        enum nvr_camera_action action);

/* ---- recording by triggers and by hand ---- */
#define NVR_TRIGGER_SECONDS_MAX 3600
#define NVR_RECORD_SECONDS_MAX 86400
#define NVR_RECORD_SECONDS_DEFAULT 600
/* Motion or an event, without an id: published as topic recording.trigger and applied. Until: end
 * of its window. -ENOENT (no such camera), -EINVAL. */
NVR_CHECK int nvr_supervisor_record_trigger(struct nvr_supervisor *sv,
                                            const struct nvr_trigger *trigger, int64_t *ret_id,
                                            int64_t *ret_until_ms);
/* Record whatever the mode says; again: for the new duration from now on. -ENOENT, -EPERM
 * (recording.enabled is false), -ESHUTDOWN (the camera is stopped or disabled). */
NVR_CHECK int nvr_supervisor_record_start(struct nvr_supervisor *sv, const char *id,
                                          int64_t duration_ms, int64_t *ret_until_ms);
/* End what record_start began; the mode goes on. -ENOENT. */
NVR_CHECK int nvr_supervisor_record_stop(struct nvr_supervisor *sv, const char *id);

/* ---- live: ring of a camera's stream. The callback runs on every new fragment, on a new ring, on
 * status changes and when the worker goes. Watching is on only while there is a watcher. */
enum nvr_live_event { NVR_LIVE_DATA, NVR_LIVE_RING, NVR_LIVE_STATUS, NVR_LIVE_GONE };
typedef void (*nvr_live_fn)(enum nvr_live_event event, void *arg);
struct nvr_live_watch;
/* stream: "main"/"sub". 0, -ENOENT (no camera), -ENOTSUP (camera has no such stream). */
NVR_CHECK int nvr_supervisor_live_watch(struct nvr_supervisor *sv, const char *id,
                                        const char *stream, nvr_live_fn fn, void *arg,
                                        struct nvr_live_watch **ret_watch);
void nvr_supervisor_live_unwatch(struct nvr_live_watch *watch);
/* A reader of the current ring, owned by the caller. -EAGAIN: no ring (camera offline). Also usable
 * without a watch. */
NVR_CHECK int nvr_supervisor_live_reader(struct nvr_supervisor *sv, const char *id,
                                         const char *stream, struct nvr_ring_reader **ret_reader);

/* ---- one-shot jobs in the sandbox (roles probe, still, index; the call is named like the role).
 * done runs once on the loop; result as RPC answers it (borrowed), error_code/message when it
 * failed; fd: a memfd or -1 (set *fd = -1 to keep). */
struct nvr_job_result {
    int error; /* 0 or -errno */
    const json_t *result;
    const char *error_code;
    const char *message;
    int *fd;
};
typedef void (*nvr_job_done)(const struct nvr_job_result *result, void *arg);
struct nvr_job;
NVR_CHECK int nvr_supervisor_job(struct nvr_supervisor *sv, const char *role, json_t *params,
                                 int fd_take, unsigned timeout_ms, nvr_job_done done, void *arg,
                                 struct nvr_job **ret_job);
/* done will not run. */
void nvr_supervisor_job_cancel(struct nvr_job *job);
/* A job that talks back while it works: fn gets its requests and notifications (but hello), answers
 * go by nvr_job_get_rpc(). Right after nvr_supervisor_job(). */
typedef void (*nvr_job_request)(const struct nvr_rpc_request *request, void *arg);
void nvr_supervisor_job_listen(struct nvr_job *job, nvr_job_request fn);
struct nvr_rpc *nvr_supervisor_job_get_rpc(struct nvr_job *job); /* NULL: not there */
/* Its time is over so long from now, whatever was said before; for jobs that were started with
 * NVR_JOB_TIMEOUT_MAX_MS. */
#define NVR_JOB_TIMEOUT_MAX_MS (30u * 24 * 3600 * 1000)
void nvr_supervisor_job_extend(struct nvr_job *job, unsigned timeout_ms);

/* ---- services: long-lived sandboxed processes of nvr-media (one per role), started again with
 * back-off. They must send `heartbeat` every NVR_HEARTBEAT_MS and answer `stop`. */
struct nvr_service;
struct nvr_service_hooks {
    /* A new process: say the first words. Calls by nvr_service_get_rpc(). */
    void (*on_started)(struct nvr_service *service, void *arg);
    /* Anything but hello and heartbeat; as nvr_rpc_handlers.on_request. May be NULL. */
    void (*on_request)(struct nvr_service *service, const struct nvr_rpc_request *request,
                       void *arg);
    /* The process is gone; pending calls were answered by -ECONNRESET. May be NULL. */
    void (*on_exited)(struct nvr_service *service, void *arg);
};
/* Starts at once, and ends with the supervisor (stop asks it in order; the owner's hooks run until
 * then) or by nvr_service_stop(). hooks are borrowed. */
NVR_CHECK int nvr_supervisor_service_new(struct nvr_supervisor *sv, const char *role,
                                         const struct nvr_service_hooks *hooks, void *arg,
                                         struct nvr_service **ret_service);
/* NULL: the process is not there now. */
struct nvr_rpc *nvr_service_get_rpc(struct nvr_service *service);
/* End the process, or start it (again). */
void nvr_service_want(struct nvr_service *service, bool wanted);
/* A new process in place of the one that runs. */
void nvr_service_restart(struct nvr_service *service);
/* No hook runs afterwards; the process is asked to stop. */
void nvr_service_stop(struct nvr_service *service);

/* ---- health ---- */
/* A warning in words, shown until it is cleared. code: slug. Logged when it is new. */
void nvr_supervisor_warning_set(struct nvr_supervisor *sv, const char *code, const char *fmt, ...)
    NVR_PRINTF(3, 4);
void nvr_supervisor_warning_clear(struct nvr_supervisor *sv, const char *code);
json_t *nvr_supervisor_workers_to_json(struct nvr_supervisor *sv);
json_t *nvr_supervisor_worker_to_json(struct nvr_supervisor *sv, const char *id); /* NULL: none */
json_t *nvr_supervisor_health_to_json(struct nvr_supervisor *sv, bool *ret_healthy);
json_t *nvr_supervisor_status_to_json(struct nvr_supervisor *sv);
json_t *nvr_supervisor_info_to_json(struct nvr_supervisor *sv); /* GET system/info */
/* The simulator of the demo camera runs: "demo" in system/info. */
void nvr_supervisor_set_demo(struct nvr_supervisor *sv, bool runs);
/* Last log records, newest last; level NULL: all. */
json_t *nvr_supervisor_logs_to_json(struct nvr_supervisor *sv, const char *level,
                                    const char *camera, int64_t after_seq, unsigned limit);

#endif
