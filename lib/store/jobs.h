/* jobs.h — tables `jobs` (work that takes its time and is asked for by people) and `exports` (the
 * files that came of it). */
#ifndef NVR_STORE_JOBS_H
#define NVR_STORE_JOBS_H

#include <stdint.h>

#include "lib/base/id.h"
#include "lib/base/macros.h"
#include "lib/store/store.h"

#define NVR_JOB_NAME_SIZE 256
#define NVR_JOB_ERROR_SIZE 512

enum nvr_job_state {
    NVR_JOB_QUEUED,
    NVR_JOB_RUNNING,
    NVR_JOB_DONE,
    NVR_JOB_FAILED,
    NVR_JOB_CANCELLED,
};

const char *nvr_job_state_name(enum nvr_job_state state);
/* The state, or -EINVAL. */
NVR_CHECK int nvr_job_state_parse(const char *name);

struct nvr_job_row {
    char id[NVR_UUID_SIZE];
    char type[16];
    char name[NVR_JOB_NAME_SIZE];
    enum nvr_job_state state;
    double progress;    /* 0 to 1 */
    const char *params; /* JSON; borrowed */
    const char *result; /* JSON; borrowed */
    char error_code[48], error[NVR_JOB_ERROR_SIZE];
    int64_t created_ms, started_ms, finished_ms; /* 0: not yet */
    /* of an export */
    int64_t size, expires_ms; /* expires 0: never */
    const char *files;        /* JSON array; borrowed */
};

/* In a write job: the job and its export, new or changed. */
NVR_CHECK int nvr_jobs_put(struct nvr_db *db, const struct nvr_job_row *row);
/* In a write job. -ENOENT. */
NVR_CHECK int nvr_jobs_delete(struct nvr_db *db, const char *id);
/* Oldest first; visit as in nvr_recordings_each(). */
typedef int (*nvr_jobs_visit)(const struct nvr_job_row *row, void *arg);
NVR_CHECK int nvr_jobs_each(struct nvr_db *db, nvr_jobs_visit visit, void *arg);

#endif
