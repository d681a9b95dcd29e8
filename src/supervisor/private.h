/* private.h — what the files of src/supervisor share. Everything on the loop's thread. */
#ifndef NVR_SUPERVISOR_PRIVATE_H
#define NVR_SUPERVISOR_PRIVATE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "lib/base/id.h"
#include "lib/base/json.h"
#include "lib/config/config.h"
#include "lib/ipc/bus.h"
#include "lib/ipc/post.h"
#include "lib/ipc/timer.h"
#include "lib/ipc/zygote.h"
#include "lib/ring/ring.h"
#include "lib/store/cameras.h"
#include "lib/store/recordings.h"
#include "lib/store/store.h"
#include "lib/store/triggers.h"
#include "src/supervisor/jobs.h"
#include "src/supervisor/reconcile.h"
#include "src/supervisor/recording-gaps.h"
#include "src/supervisor/recording-plan.h"
#include "src/supervisor/supervisor.h"
#include "src/supervisor/worker.h"

#define ZYGOTES_RETIRED_MAX 8
#define WARNINGS_MAX 32
#define STREAMS 2 /* main, sub */
#define SEGMENT_HOLES_MAX 64

enum camera_status { CAMERA_STARTING, CAMERA_ONLINE, CAMERA_OFFLINE, CAMERA_ERROR };

/* ---- zygotes.c ---- */

enum program { PROGRAM_CAMERA, PROGRAM_MEDIA, PROGRAMS };

struct zygote_slot {
    struct nvr_supervisor *supervisor;
    const char *name;
    char program[PATH_MAX];
    struct nvr_zygote *zygote; /* NULL: being restarted */
    struct nvr_zygote *retired[ZYGOTES_RETIRED_MAX];
    struct backoff backoff;
    int64_t started_ms;
    uv_timer_t *timer;
    uint64_t starts;
};

/* ---- live.c ---- */

struct live_stream {
    struct nvr_ring_reader *base; /* mapping of the current ring; NULL: none */
    uv_poll_t *poll;              /* on eventfd, while watched */
    int eventfd;
    bool watching; /* the worker knows our eventfd */
    struct nvr_live_watch *watchers;
    struct live_cursor *cursors; /* walks over the watchers that are under way */
};

/* ---- camera.c ---- */

struct stream_state {
    enum camera_status status;
    char error[256];
    char error_code[24];
    int64_t url_index, next_try_ms;
};

struct camera {
    struct nvr_supervisor *supervisor;
    struct nvr_camera_config config;
    struct worker worker;
    bool removed;              /* from the config; goes when its process did */
    bool delete_recordings;    /* then */
    bool stopped;              /* by the operator */
    enum camera_status status; /* of the main stream, as shown and logged */
    char error[256];
    char error_code[24];
    int64_t last_seen_ms, created_ms, updated_ms, row_written_ms;
    struct stream_state streams_state[STREAMS];
    json_t *stats[STREAMS]; /* newest heartbeat of a stream; NULL: none */
    int64_t reconnects, dropped_packets;
    struct recording_plan plan;
    struct recording_now now;                            /* as its worker knows it */
    struct nvr_trigger last_triggers[NVR_TRIGGER_KINDS]; /* id 0: none */
    bool recording_active;
    bool recording_told; /* as the bus knows it */
    bool without_folder; /* its worker got none: recording_error is ours, not the worker's */
    char recording_file[NVR_RECORDING_PATH_SIZE];
    int64_t recording_start_ms; /* of that file; 0: not known */
    char recording_error[256];
    struct recording_watch recording; /* why it is not */
    struct live_stream live[STREAMS];
    struct camera *next; /* in the order of the config */
};

/* ---- health.c ---- */

struct warning {
    char code[40];
    char message[512];
};

struct storage_state {
    uint64_t total_bytes, free_bytes;
    int64_t recordings_bytes;
    int error;              /* 0, or -errno of the last check */
    uint64_t device, inode; /* of the folder: another one may be mounted over it */
    bool known, low;
    bool again; /* look once more as soon as this check is over */
    int64_t checked_mono_ms;
};

struct storage_check;

/* ---- config-file.c ---- */

struct config_file {
    char path[PATH_MAX];
    char versions_dir[PATH_MAX];
    struct nvr_config_key *key;
    struct nvr_config *config;
    uv_fs_event_t *watch;
    uv_timer_t *debounce;
};

/* ---- recording.c ---- */

struct recording {
    struct nvr_zone *zone; /* of schedules; NULL: UTC */
    uv_timer_t *timer;
    uv_timer_cb on_timer;
    int64_t clock_ms; /* wall − monotonic */
    int64_t last_id;  /* of triggers */
    struct nvr_bus_subscription *triggers;
    int64_t answer_id, answer_until_ms; /* what became of the trigger published last */
};

struct nvr_supervisor {
    uv_loop_t *loop;
    struct nvr_post *post;
    struct nvr_bus *bus;
    char data_dir[PATH_MAX];
    char recordings_dir[PATH_MAX];
    int lock_fd;
    bool demo, maintenance;
    int64_t started_wall_ms, started_mono_ms;

    struct config_file file;
    struct nvr_store *store;
    struct nvr_signing_key *signing_key;
    struct camera *cameras;

    struct zygote_slot zygotes[PROGRAMS];
    struct nvr_service *services;

    struct recording recording;
    struct jobs jobs;
    struct reconcile *reconcile;
    struct warning warnings[WARNINGS_MAX];
    size_t warnings_count;
    struct storage_state storage;
    char hot_marker[NVR_UUID_SIZE]; /* of the recordings folder; "": it has none yet */
    uv_timer_t *storage_timer;
    struct storage_check *storage_check; /* running in the pool; NULL: none */
    uv_timer_t *daily_timer;
    uv_timer_t *gaps_timer; /* NULL: gaps are not kept (yet) */
    int64_t last_life_ms;   /* of the run before; 0: there was none */
    int64_t life_mono_ms;

    bool stopping;
    uv_timer_t *stop_timer;
    void (*on_stopped)(void *arg);
    void *on_stopped_arg;
};

/* supervisor.c */
void sv_check_stopped(struct nvr_supervisor *sv); /* after anything that stop waits for */

/* zygotes.c */
NVR_CHECK int zygotes_start(struct nvr_supervisor *sv);
void zygotes_stop(struct nvr_supervisor *sv);
/* Of the program that has this role; NULL: none now. */
struct nvr_zygote *zygotes_get(struct nvr_supervisor *sv, const char *role);
json_t *zygotes_to_json(const struct nvr_supervisor *sv); /* {"nvr-camera": {pid, starts} …} */

/* service.c: long-lived processes of nvr-media */
void services_handle_exit(struct nvr_supervisor *sv, pid_t pid, int code, int signal_number);
void services_stop(struct nvr_supervisor *sv);
bool services_idle(const struct nvr_supervisor *sv);
void services_kill(struct nvr_supervisor *sv);
void services_free(struct nvr_supervisor *sv);
void services_add_to_json(const struct nvr_supervisor *sv, json_t *list);
json_t *services_find_json(const struct nvr_supervisor *sv, const char *id); /* NULL: none */

/* evidence-key.c: what is recorded is signed from here on; without a key it is not, and a warning
 * says so */
void evidence_key_open(struct nvr_supervisor *sv);
/* The chains as they are at the end. */
void evidence_key_stop(struct nvr_supervisor *sv);

/* lock.c: the lock is held as long as the descriptor is open. -EEXIST: *ret_pid has it (0:
 * unknown). */
/* When the last run showed life, ms since 1970; 0: there was none. Before lock_take(). */
int64_t lock_last_life_ms(const char *data_dir);
NVR_CHECK int lock_take(const char *data_dir, int *ret_fd, long *ret_pid);

/* logs.c */
NVR_CHECK int logs_open(void); /* installs the sink; once per process */
void logs_close(void);
void logs_forward_line(const char *line);
json_t *logs_to_json(const char *level, const char *camera, int64_t after_seq, unsigned limit);

/* config-file.c */
NVR_CHECK int config_file_open(struct nvr_supervisor *sv, const char *path);
NVR_CHECK int config_file_watch(struct nvr_supervisor *sv);
void config_file_close(struct nvr_supervisor *sv);
/* Write new_config and make it the one in force. Takes it, even on failure. */
NVR_CHECK int config_file_replace_take(struct nvr_supervisor *sv, struct nvr_config *new_config);

/* cameras.c */
void cameras_apply(struct nvr_supervisor *sv, const struct nvr_config *config);
struct camera *cameras_find(struct nvr_supervisor *sv, const char *id); /* not the removed ones */
void cameras_load_rows(struct nvr_supervisor *sv);
void cameras_sweep_later(struct nvr_supervisor *sv); /* free those that are removed and idle */
bool cameras_all_idle(const struct nvr_supervisor *sv);
void cameras_free(struct nvr_supervisor *sv);

/* camera.c */
struct camera *camera_new(struct nvr_supervisor *sv, const struct nvr_camera_config *config);
void camera_free(struct camera *camera);
void camera_update_wanted(struct camera *camera);
bool camera_is_wanted(const struct camera *camera);
void camera_set_status(struct camera *camera, enum camera_status status, const char *code,
                       const char *error);
const char *camera_status_name(enum camera_status status);
int stream_index(const char *name); /* 0 main, 1 sub, -1 */
const char *stream_name(int index);

/* camera-rpc.c: what a camera worker says, and what it is told */
void camera_rpc_start(struct camera *camera);
void camera_rpc_request(struct camera *camera, const struct nvr_rpc_request *request);
void camera_rpc_gone(struct camera *camera);

/* recording.c: modes, schedules and triggers → windows of the workers */
NVR_CHECK int recording_start(struct nvr_supervisor *sv); /* after the cameras' list was made */
void recording_stop(struct nvr_supervisor *sv);
void recording_use_zone(struct nvr_supervisor *sv, const char *name);
void recording_update(struct camera *camera); /* after its configuration changed */
void recording_tell(struct camera *camera);   /* after recording_active changed */
json_t *recording_window_to_json(const struct camera *camera);
json_t *recording_now_to_json(const struct camera *camera);
/* Pre- and post-roll of a camera; 0 when it is not there any more. */
void recording_get_rolls(const struct nvr_supervisor *sv, const char *id, int64_t *ret_pre_ms,
                         int64_t *ret_post_ms);

/* segment.c: a finished file → row → acknowledgement */
struct segment_holes {
    size_t count;
    struct {
        int64_t start_ms, end_ms;
    } items[SEGMENT_HOLES_MAX];
};

NVR_CHECK int segment_parse(const char *camera_id, const json_t *params,
                            struct nvr_recording *ret_recording);
void segment_store(struct camera *camera, const struct nvr_rpc_request *request);
/* In a write job: the row, with the marks that triggers and protected ranges leave on it. */
/* The silences that role index found in the file of a segment. 0 or -EINVAL. */
NVR_CHECK int segment_parse_holes(const json_t *params, const struct nvr_recording *recording,
                                  struct segment_holes *ret_holes);
NVR_CHECK int segment_write_holes(struct nvr_db *db, const char *camera_id,
                                  const struct segment_holes *holes);
NVR_CHECK int segment_write_row(struct nvr_db *db, struct nvr_recording *recording, int64_t pre_ms,
                                int64_t post_ms);

/* rows.c: the cameras' rows and their status log */
void rows_write_camera(struct camera *camera, bool log_status);
void rows_close_period(struct camera *camera, int64_t at_ms); /* offline since then */
void rows_delete_camera(struct nvr_supervisor *sv, const char *id, bool delete_recordings);

/* live.c */
void live_set_ring_take(struct camera *camera, int stream, int fd);
void live_worker_gone(struct camera *camera);
void live_status_changed(struct camera *camera, int stream);
void live_camera_removed(struct camera *camera);

/* health.c */
json_t *worker_to_json(const struct worker *worker);
json_t *worker_to_json_full(const struct worker *worker); /* with what takes longer to find out */

/* daily.c: what keeps the database small and quick, first soon after the start, then every day */
#define DAILY_FIRST_MS (10 * 60 * 1000)
NVR_CHECK int daily_start(struct nvr_supervisor *sv, uint64_t first_ms);
void daily_stop(struct nvr_supervisor *sv);

/* metrics.c: answers GET /metrics */
NVR_CHECK int metrics_start(struct nvr_supervisor *sv);
void metrics_stop(struct nvr_supervisor *sv);

/* storage.c */
NVR_CHECK int storage_start(struct nvr_supervisor *sv);
void storage_stop(struct nvr_supervisor *sv);
void storage_check_now(struct nvr_supervisor *sv); /* at once, or as soon as the running one ends */
/* The disk that we know is there. */
bool storage_is_ours(const struct nvr_supervisor *sv);

#endif
