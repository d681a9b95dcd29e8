/* fake_supervisor.h — supervisor.h on canned data: two cameras ("front" with a real ring, "back"
 * offline), a real store, jobs that answer at once. For tests of the gateway. */
#ifndef NVR_TESTS_FAKE_SUPERVISOR_H
#define NVR_TESTS_FAKE_SUPERVISOR_H

#include "src/supervisor/supervisor.h"

struct fake_job_log {
    unsigned count;  /* jobs started */
    char method[16]; /* of the last one */
    json_t *params;  /* of the last one; owned by the fake */
    size_t fd_size;  /* bytes behind the descriptor of the last one */
    bool hold;       /* do not answer until fake_release_jobs() */
    bool fail;       /* answer with an error */
    unsigned cancelled;
};

/* dir: an empty folder; the database is made in it, recordings are its "recordings". */
struct nvr_supervisor *fake_supervisor_new(uv_loop_t *loop, const char *dir);
void fake_supervisor_free(struct nvr_supervisor *supervisor);
struct fake_job_log *fake_supervisor_jobs(struct nvr_supervisor *supervisor);
void fake_release_jobs(struct nvr_supervisor *supervisor);

/* The ring of front/main. */
void fake_begin_epoch(struct nvr_supervisor *supervisor, const char *codecs);
void fake_publish(struct nvr_supervisor *supervisor, bool key, size_t size, unsigned char fill);
/* A new, empty ring; viewers are told. */
void fake_replace_ring(struct nvr_supervisor *supervisor);
void fake_set_status(struct nvr_supervisor *supervisor, const char *status);
unsigned fake_watch_count(const struct nvr_supervisor *supervisor);

#endif
