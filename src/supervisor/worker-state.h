/* worker-state.h — the life of one worker as a state machine over a clock. Pure: the caller does
 * what is answered, reports what happened, and ticks at the deadline.
 *
 *   stopped → starting → running → (unhealthy) → crashed → starting …
 *                 └────────┴───→ stopping → stopped */
#ifndef NVR_SUPERVISOR_WORKER_STATE_H
#define NVR_SUPERVISOR_WORKER_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "src/supervisor/backoff.h"

#define WORKER_TERM_MS 5000     /* SIGTERM → SIGKILL; also between repeated SIGKILLs */
#define WORKER_STOP_ASK_MS 5000 /* `stop` by RPC → SIGTERM */
#define WORKER_STOP_TERM_MS 3000
#define WORKER_LOST_MS 2000 /* its socket ended, the process did not: SIGTERM */
#define WORKER_NEVER INT64_MAX

enum worker_state_id {
    WORKER_STOPPED,
    WORKER_STARTING,
    WORKER_RUNNING,
    WORKER_UNHEALTHY,
    WORKER_CRASHED,
    WORKER_STOPPING,
};

enum worker_action {
    WORKER_NOTHING,
    WORKER_SPAWN,
    WORKER_ASK_STOP,
    WORKER_SIGTERM,
    WORKER_SIGKILL,
};

struct worker_state {
    enum worker_state_id id;
    bool wanted;
    bool signalled;      /* SIGTERM is out: next is SIGKILL */
    int64_t deadline_ms; /* tick then; WORKER_NEVER */
    int64_t healthy_ms;  /* first sign of life of this run; 0: none yet */
    unsigned restarts;   /* unplanned ends */
    struct backoff backoff;
};

void worker_state_init(struct worker_state *state);
/* Should it run? Idempotent. */
enum worker_action worker_state_want(struct worker_state *state, bool wanted, int64_t now_ms);
/* End this run in an orderly way and start another (also when it waits after a crash). */
enum worker_action worker_state_restart(struct worker_state *state, int64_t now_ms);
/* hello or heartbeat. */
void worker_state_alive(struct worker_state *state, int64_t now_ms);
/* Its socket ended. */
void worker_state_lost(struct worker_state *state, int64_t now_ms);
/* The process is gone, or could not be made. */
void worker_state_exited(struct worker_state *state, int64_t now_ms);
enum worker_action worker_state_tick(struct worker_state *state, int64_t now_ms);
const char *worker_state_name(enum worker_state_id id);

#endif
