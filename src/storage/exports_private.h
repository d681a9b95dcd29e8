/* exports_private.h — what the files of the exports share. Everything on the loop's thread. */
#ifndef NVR_STORAGE_EXPORTS_PRIVATE_H
#define NVR_STORAGE_EXPORTS_PRIVATE_H

#include <limits.h>

#include "src/storage/exports.h"
#include "src/storage/private.h"

#define EXPORT_LEASE_S 120
#define EXPORT_FREE_MIN (INT64_C(64) << 20) /* stays free on the disk of the exports */
#define EXPORT_PROOF_SEGMENTS_MAX NVR_PROOF_SEGMENTS_MAX

struct export_run;

struct export_job {
    struct export_job *next; /* newer ones */
    struct storage_exports *exports;
    char id[NVR_UUID_SIZE];
    struct nvr_export_spec spec;
    enum nvr_job_state state;
    double progress;
    int64_t created_ms, started_ms, finished_ms, expires_ms; /* 0: none */
    int64_t size_estimate;
    int64_t recorded_ms; /* of its ranges; 0: not known any more */
    char error_code[48], error[NVR_JOB_ERROR_SIZE];
    json_t *files;          /* array as the API shows it */
    struct export_run *run; /* while it runs */
    int64_t told_ms;        /* last job.updated */
    bool deleted;           /* goes when its run ended */
};

struct storage_exports {
    struct nvr_storage *storage;
    struct export_job *head; /* oldest first */
    char root[PATH_MAX];     /* <data>/exports */
    uv_timer_t *timer;       /* leases, expiry */
    unsigned works;          /* in the pool, or a run that ends */
    bool stopping;
};

/* exports.c */
void export_job_changed(struct export_job *job, bool save); /* tells it; save: into the table too */
void export_job_end(struct export_job *job, enum nvr_job_state state, const char *code,
                    const char *message);
void export_job_folder(const struct export_job *job, char dst[PATH_MAX]);
void exports_kick(struct storage_exports *exports);
void exports_work_done(struct storage_exports *exports);

/* export_run.c */
NVR_CHECK int export_run_start(struct export_job *job);
/* Its process ends, its files go; the job's state is the caller's. */
void export_run_cancel(struct export_run *run);

/* export_proof.c: in the pool */
struct export_finish {
    struct nvr_store *store;
    const struct nvr_signing_key *key;
    const struct nvr_export_spec *spec;
    struct nvr_proof *proof; /* NULL: none */
    size_t first_item, last_item;
    char container[65];
    char temp[PATH_MAX], path[PATH_MAX];
    int64_t size; /* out: of the whole file */
};
NVR_CHECK int export_finish_file(struct export_finish *finish);

#endif
