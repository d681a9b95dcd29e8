/* keeper.h — role keeper: files go from one place to another, come back for reading, and go away.
 *
 * Threads:   the loop's thread takes calls and answers them; KEEPER_THREADS workers do the blocking
 *            work. A job belongs to the queue (under its lock), then to one worker, then to the
 *            loop again. A worker whose disk or store hangs keeps its thread; the call is answered
 *            in time, and at most KEEPER_LANE_MAX workers ever stand at one place.
 * Files:     keeper.c (calls and answers), keeper_queue.c (workers, deadlines), keeper_work.c (what
 *            a job does), keeper_folder.c (files in folders), keeper_cache.c (fetched files). */
#ifndef NVR_MEDIA_ROLE_KEEPER_H
#define NVR_MEDIA_ROLE_KEEPER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "lib/base/id.h"
#include "lib/base/json.h"
#include "lib/base/macros.h"
#include "lib/s3/client.h"

#define KEEPER_THREADS 8
#define KEEPER_LANE_MAX 3   /* workers at one place */
#define KEEPER_COPIES_MAX 4 /* workers that copy; the others stay free for readers */
#define KEEPER_LANE_COPIES_MAX 2
#define KEEPER_JOBS_MAX 256
#define KEEPER_FOLDERS_MAX 16
#define KEEPER_PATH_SIZE 256
#define KEEPER_FOLDER_SIZE 1024
#define KEEPER_CHUNK_SIZE ((size_t)256 * 1024)
#define KEEPER_FILE_MAX (INT64_C(4) * 1024 * 1024 * 1024)

enum keeper_op { KEEPER_COPY, KEEPER_REMOVE, KEEPER_FETCH, KEEPER_CHECK };

/* A place: a folder, known by its marker, or the object store. */
struct keeper_place {
    bool is_s3;
    bool is_gone; /* another object store than that of the setup */
    char folder[KEEPER_FOLDER_SIZE];
    char marker[NVR_UUID_SIZE]; /* "": any */
};

struct keeper_s3 {
    char endpoint[512], region[64], bucket[64], prefix[201], access_key[256], secret_key[256];
    bool path_style;
};

struct keeper_job {
    struct keeper_job *next;
    int64_t call; /* id of the request; -1: nobody waits */
    enum keeper_op op;
    struct keeper_place from, to; /* to: only of a copy */
    char path[KEEPER_PATH_SIZE];
    int64_t size;
    char sha256[NVR_S3_SHA256_HEX_SIZE];
    bool cache_only;           /* fetch: no descriptor is wanted */
    bool test;                 /* check: write, read and remove something as well */
    char adopt[NVR_UUID_SIZE]; /* check: becomes the marker; "": no */
    struct keeper_s3 *s3;      /* check: another store than that of the setup; NULL */
    int64_t deadline_ms;       /* monotonic */
    bool running, late;        /* late: answered already */
    atomic_bool cancel;
    struct keeper_job *followers; /* the same fetch */
    /* results */
    int result;
    char words[256];
    int fd;
    char marker[NVR_UUID_SIZE]; /* check: as found, "" none */
    bool same_disk;             /* check: as the recordings */
    int64_t total_bytes, free_bytes, elapsed_ms;
};

struct keeper_config {
    char recordings[KEEPER_FOLDER_SIZE];
    char cache[KEEPER_FOLDER_SIZE];
    int64_t cache_bytes;
    int64_t bytes_per_second; /* of copies, all together; 0: no bound */
    struct keeper_s3 s3;
    bool has_s3;
};

struct keeper_queue;

/* A worker's own. */
struct keeper_worker {
    const struct keeper_config *config;
    struct keeper_queue *queue;
    struct nvr_s3 *s3; /* kept connection to the setup's store; NULL: none yet */
    uint8_t *buffer;   /* KEEPER_CHUNK_SIZE */
    unsigned number;
};

/* keeper_queue.c */
NVR_CHECK int keeper_queue_new(uv_loop_t *loop, const struct keeper_config *config,
                               void (*on_done)(struct keeper_job *job, void *arg), void *arg,
                               struct keeper_queue **ret_queue);
/* Takes job, also on failure (-ENOBUFS: too many): on_done gets it back exactly once, from the
 * loop; late jobs are freed inside. */
NVR_CHECK int keeper_queue_add(struct keeper_queue *queue, struct keeper_job *job);
/* Waits until the bytes may be copied: the bound of all copies together. Only when there is one. */
void keeper_queue_throttle(struct keeper_queue *queue, const struct keeper_job *job, size_t bytes);
void keeper_job_free(struct keeper_job *job);

/* keeper_work.c: in a worker. result and words of the job are set. */
void keeper_work(struct keeper_worker *worker, struct keeper_job *job);
NVR_CHECK int keeper_fail(struct keeper_job *job, int error, const char *fmt, ...) NVR_PRINTF(3, 4);

/* keeper_folder.c. Paths are safe and below the place. 0 or -errno with words. */
/* -ENODEV: the marker is not there, or another one. */
NVR_CHECK int keeper_folder_check_marker(struct keeper_job *job, const struct keeper_place *place);
/* A regular file to read; size: what it must have, -1 any. */
NVR_CHECK int keeper_folder_open(struct keeper_job *job, const struct keeper_place *place,
                                 int *ret_fd);
/* A new file beside the final name, with its folders. */
NVR_CHECK int keeper_folder_create(struct keeper_job *job, const struct keeper_place *place,
                                   int *ret_fd);
/* What was created and written is made durable, read back, and gets its name. Closes fd. */
NVR_CHECK int keeper_folder_finish(struct keeper_worker *worker, struct keeper_job *job,
                                   const struct keeper_place *place, int fd_take);
void keeper_folder_drop(struct keeper_job *job, const struct keeper_place *place);
NVR_CHECK int keeper_folder_remove(struct keeper_job *job, const struct keeper_place *place);
NVR_CHECK int keeper_folder_check(struct keeper_worker *worker, struct keeper_job *job);
/* SHA-256 of size bytes of fd, copied to to_fd (-1: only hashed). */
NVR_CHECK int keeper_hash(struct keeper_worker *worker, struct keeper_job *job, int fd, int to_fd,
                          char sha256[NVR_S3_SHA256_HEX_SIZE]);

/* keeper_cache.c: files by their SHA-256, the longest unused one goes first. */
/* 0 and a descriptor, or -ENOENT. */
NVR_CHECK int keeper_cache_find(const struct keeper_config *config, const struct keeper_job *job,
                                int *ret_fd);
/* A new file to fill; name: for the next two. */
NVR_CHECK int keeper_cache_begin(const struct keeper_config *config, unsigned worker,
                                 char name[KEEPER_PATH_SIZE]);
NVR_CHECK int keeper_cache_keep(const struct keeper_config *config, const char *name,
                                const struct keeper_job *job);
void keeper_cache_drop(const struct keeper_config *config, const char *name);

#endif
