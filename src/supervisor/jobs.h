/* jobs.h — one-shot calls in a sandboxed child (roles probe and still), bounded in number and time.
 * Each role has its own slots, so that probes of dead cameras never hold up pictures. */
#ifndef NVR_SUPERVISOR_JOBS_H
#define NVR_SUPERVISOR_JOBS_H

#include <stdbool.h>
#include <stddef.h>

#define JOBS_RUNNING_MAX 4 /* per role */
#define JOBS_WAITING_MAX 32

struct nvr_supervisor;
struct nvr_job;

struct jobs {
    struct nvr_supervisor *supervisor;
    struct nvr_job *head; /* in order of arrival; running and waiting */
};

void jobs_kick(struct jobs *jobs);       /* a zygote is there again, or a slot is free */
void jobs_cancel_all(struct jobs *jobs); /* done runs with -ECANCELED */
bool jobs_idle(const struct jobs *jobs);

#endif
