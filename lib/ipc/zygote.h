/* zygote.h — a process that links and relocates everything once, then forks workers without exec.
 *
 * Control socket: AF_UNIX SOCK_SEQPACKET, JSON packets, descriptors by SCM_RIGHTS:
 *   core → zygote  {"id":1,"role":"camera","name":"front-door"} + the worker's socket
 *   zygote → core  {"id":1,"pid":42} + pidfd, or {"id":1,"error":"…"}
 *   zygote → core  {"exit":{"pid":42,"code":0,"signal":null}}
 * The zygote has one thread and no event loop. When the control socket ends it exits; its workers
 * see the end of their own sockets and finish by themselves. */
#ifndef NVR_IPC_ZYGOTE_H
#define NVR_IPC_ZYGOTE_H

#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "lib/base/macros.h"

#define NVR_ZYGOTE_PACKET_MAX 4096

/* ---- in the zygote ---- */

struct nvr_zygote_role {
    const char *role;
    /* Runs in the forked child; owns fd. The result is the exit status. */
    int (*run)(const char *name, int fd);
};

/* Serve until the control socket ends. 0 or -errno. Signals and descriptors are put in order in
 * each child before run(). */
NVR_CHECK int nvr_zygote_serve(int control_fd, const struct nvr_zygote_role *roles,
                               size_t roles_count);

/* ---- in the core ---- */

struct nvr_zygote;

struct nvr_zygote_handlers {
    /* A worker ended: code is its exit status or -1, signal 0 or the signal. */
    void (*on_exit)(struct nvr_zygote *zygote, pid_t pid, int code, int signal, void *arg);
    /* A line of stderr of the zygote or a worker (no newline; borrowed). */
    void (*on_line)(struct nvr_zygote *zygote, const char *line, void *arg);
    /* The zygote itself is gone; workers may live on. Call nvr_zygote_free() and start another. */
    void (*on_close)(struct nvr_zygote *zygote, int reason, void *arg);
};

/* error: 0, or -errno with nothing else set. Takes pidfd. */
typedef void (*nvr_zygote_on_fork)(struct nvr_zygote *zygote, int error, pid_t pid, int pidfd,
                                   void *arg);

/* Start program (absolute path) with a clean environment, its control socket as descriptor 3. */
NVR_CHECK int nvr_zygote_start(uv_loop_t *loop, const char *program,
                               const struct nvr_zygote_handlers *handlers, void *arg,
                               struct nvr_zygote **ret_zygote);
/* Takes worker_fd (sent and closed), even on failure. on_fork runs once, within timeout_ms. */
NVR_CHECK int nvr_zygote_fork_take(struct nvr_zygote *zygote, const char *role, const char *name,
                                   int worker_fd, unsigned timeout_ms, nvr_zygote_on_fork on_fork,
                                   void *arg);
pid_t nvr_zygote_get_pid(const struct nvr_zygote *zygote);
void nvr_zygote_free(struct nvr_zygote *zygote);

#endif
