/* worker.h — one worker process: forked by the zygote, talked to by RPC, watched by pidfd.
 * Everything on the loop's thread. */
#ifndef NVR_SUPERVISOR_WORKER_H
#define NVR_SUPERVISOR_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "lib/base/id.h"
#include "lib/ipc/rpc.h"
#include "lib/ipc/zygote.h"
#include "src/supervisor/worker-state.h"

struct worker;

struct worker_hooks {
    /* The zygote to fork from, NULL: none now. */
    struct nvr_zygote *(*get_zygote)(void *arg);
    /* A new process: say the first words. rpc is worker->rpc. */
    void (*on_started)(struct worker *worker, void *arg);
    void (*on_request)(struct worker *worker, const struct nvr_rpc_request *request, void *arg);
    /* The process is gone; worker->last_exit says how. Called before any restart. */
    void (*on_exited)(struct worker *worker, void *arg);
    /* state.id changed. */
    void (*on_state)(struct worker *worker, void *arg);
};

struct worker {
    uv_loop_t *loop;
    char id[NVR_SLUG_SIZE];
    const char *role;
    const struct worker_hooks *hooks;
    void *arg;
    struct worker_state state;
    struct nvr_rpc *rpc; /* NULL: none */
    uint64_t generation; /* changes with every process */
    pid_t pid;           /* 0: none */
    int pidfd;
    uv_poll_t *pidfd_poll;
    uv_timer_t *timer;
    bool fork_pending;
    bool ended;      /* pidfd fired; the zygote's report may still come */
    json_t *sandbox; /* from hello, or NULL */
    int64_t started_wall_ms, alive_wall_ms, next_start_wall_ms;
    int64_t cpu_ms; /* of this run, from heartbeats */
    char last_exit[128];
};

NVR_CHECK int worker_init(struct worker *worker, uv_loop_t *loop, const char *id, const char *role,
                          const struct worker_hooks *hooks, void *arg);
/* No fork may be pending. A process that still lives is abandoned: its socket ends. No hook runs
 * afterwards. */
void worker_done(struct worker *worker);
void worker_want(struct worker *worker, bool wanted);
void worker_restart(struct worker *worker);
/* Any sign of life that counts. */
void worker_alive(struct worker *worker);
/* The notification `heartbeat`: a sign of life, and the CPU time spent. */
void worker_take_heartbeat(struct worker *worker, const json_t *params);
/* The zygote's report about pid; true when it was this worker's. */
bool worker_handle_exit(struct worker *worker, pid_t pid, int code, int signal_number);
void worker_kill(struct worker *worker);
bool worker_is_idle(const struct worker *worker); /* no process, none being made */

#endif
