/* worker.h — the roles that the zygote forks. Each owns fd; the result is the exit status. */
#ifndef NVR_CAMERA_WORKER_H
#define NVR_CAMERA_WORKER_H

int nvr_camera_run(const char *name, int fd); /* keeps one camera connected and records it */
int nvr_probe_run(const char *name, int fd);  /* looks at an address once */

#endif
