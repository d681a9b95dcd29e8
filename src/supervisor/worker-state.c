#include "src/supervisor/worker-state.h"

#include "lib/base/macros.h"
#include "src/supervisor/supervisor.h"

void worker_state_init(struct worker_state *state)
{
    *state = (struct worker_state){.deadline_ms = WORKER_NEVER};
}

static enum worker_action spawn(struct worker_state *state, int64_t now_ms)
{
    state->id = WORKER_STARTING;
    state->healthy_ms = 0;
    state->signalled = false;
    state->deadline_ms = now_ms + NVR_UNHEALTHY_MS;
    return WORKER_SPAWN;
}

static enum worker_action stop(struct worker_state *state, int64_t now_ms)
{
    state->id = WORKER_STOPPING;
    state->signalled = false;
    state->deadline_ms = now_ms + WORKER_STOP_ASK_MS;
    return WORKER_ASK_STOP;
}

enum worker_action worker_state_want(struct worker_state *state, bool wanted, int64_t now_ms)
{
    state->wanted = wanted;
    switch (state->id) {
    case WORKER_STOPPED:
        backoff_reset(&state->backoff); /* somebody wants it: a new beginning */
        return wanted ? spawn(state, now_ms) : WORKER_NOTHING;
    case WORKER_CRASHED:
        if (!wanted) {
            state->id = WORKER_STOPPED;
            state->deadline_ms = WORKER_NEVER;
        }
        return WORKER_NOTHING;
    case WORKER_STARTING:
    case WORKER_RUNNING:
        return wanted ? WORKER_NOTHING : stop(state, now_ms);
    case WORKER_UNHEALTHY: /* it is being ended already */
    case WORKER_STOPPING:
        return WORKER_NOTHING;
    }
    return WORKER_NOTHING;
}

enum worker_action worker_state_restart(struct worker_state *state, int64_t now_ms)
{
    state->wanted = true;
    backoff_reset(&state->backoff);
    switch (state->id) {
    case WORKER_STOPPED:
    case WORKER_CRASHED:
        return spawn(state, now_ms);
    case WORKER_STARTING:
    case WORKER_RUNNING:
        return stop(state, now_ms);
    case WORKER_UNHEALTHY:
    case WORKER_STOPPING:
        return WORKER_NOTHING;
    }
    return WORKER_NOTHING;
}

void worker_state_alive(struct worker_state *state, int64_t now_ms)
{
    if (state->id != WORKER_STARTING && state->id != WORKER_RUNNING)
        return;
    if (!state->healthy_ms)
        state->healthy_ms = now_ms;
    state->id = WORKER_RUNNING;
    state->deadline_ms = now_ms + NVR_UNHEALTHY_MS;
}

void worker_state_lost(struct worker_state *state, int64_t now_ms)
{
    if (state->id != WORKER_STARTING && state->id != WORKER_RUNNING)
        return;
    state->id = WORKER_UNHEALTHY;
    state->signalled = false;
    state->deadline_ms = now_ms + WORKER_LOST_MS;
}

void worker_state_exited(struct worker_state *state, int64_t now_ms)
{
    const bool planned = state->id == WORKER_STOPPING;
    const int64_t healthy = state->healthy_ms ? now_ms - state->healthy_ms : 0;

    state->healthy_ms = 0;
    state->signalled = false;
    if (!planned)
        state->restarts++;
    if (!state->wanted) {
        state->id = WORKER_STOPPED;
        state->deadline_ms = WORKER_NEVER;
        return;
    }
    state->id = WORKER_CRASHED;
    state->deadline_ms = planned ? now_ms : now_ms + backoff_next(&state->backoff, healthy);
}

/* SIGTERM first, then SIGKILL until the process is gone. */
static enum worker_action push(struct worker_state *state, int64_t now_ms, int64_t term_ms)
{
    const enum worker_action action = state->signalled ? WORKER_SIGKILL : WORKER_SIGTERM;

    state->deadline_ms = now_ms + (state->signalled ? WORKER_TERM_MS : term_ms);
    state->signalled = true;
    return action;
}

enum worker_action worker_state_tick(struct worker_state *state, int64_t now_ms)
{
    if (now_ms < state->deadline_ms)
        return WORKER_NOTHING;
    switch (state->id) {
    case WORKER_STOPPED:
        state->deadline_ms = WORKER_NEVER;
        return WORKER_NOTHING;
    case WORKER_CRASHED:
        return spawn(state, now_ms);
    case WORKER_STARTING:
    case WORKER_RUNNING:
        state->id = WORKER_UNHEALTHY;
        state->signalled = false;
        return push(state, now_ms, WORKER_TERM_MS);
    case WORKER_UNHEALTHY:
        return push(state, now_ms, WORKER_TERM_MS);
    case WORKER_STOPPING:
        return push(state, now_ms, WORKER_STOP_TERM_MS);
    }
    return WORKER_NOTHING;
}

const char *worker_state_name(enum worker_state_id id)
{
    static const char *const names[] = {"stopped",   "starting", "running",
                                        "unhealthy", "crashed",  "stopping"};

    return (unsigned)id < NVR_ARRAY_SIZE(names) ? names[id] : "?";
}
