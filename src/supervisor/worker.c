#include "src/supervisor/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "src/supervisor/supervisor.h"

NVR_LOG_TOPIC("worker");

#define FORK_TIMEOUT_MS 5000
#define EXIT_REPORT_MS 200 /* how long the zygote's word on the exit code is waited for */

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static void do_action(struct worker *worker, enum worker_action action);

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

/* ---- the clock ---- */

static void on_timer(uv_timer_t *timer);

static void arm(struct worker *worker)
{
    const int64_t deadline = worker->state.deadline_ms;

    worker->next_start_wall_ms = 0;
    if (worker->ended)
        return; /* the timer waits for the exit report */
    if (deadline == WORKER_NEVER) {
        (void)uv_timer_stop(worker->timer);
        return;
    }
    const int64_t left = NVR_MAX(deadline - nvr_clock_mono_ms(), (int64_t)0);

    if (worker->state.id == WORKER_CRASHED)
        worker->next_start_wall_ms = nvr_clock_wall_ms() + left;
    uv_update_time(worker->loop);
    (void)uv_timer_start(worker->timer, on_timer, (uint64_t)left, 0);
}

static void changed(struct worker *worker, enum worker_state_id before)
{
    arm(worker);
    if (worker->state.id != before)
        worker->hooks->on_state(worker, worker->arg);
}

static void close_process(struct worker *worker)
{
    if (worker->pidfd_poll) {
        uv_close((uv_handle_t *)worker->pidfd_poll, free_handle);
        worker->pidfd_poll = NULL;
    }
    if (worker->pidfd >= 0)
        (void)close(worker->pidfd);
    worker->pidfd = -1;
    worker->pid = 0;
    worker->ended = false;
    nvr_rpc_free(NVR_TAKE(worker->rpc));
}

/* The process is gone (or never was). */
static void finish_exit(struct worker *worker)
{
    const enum worker_state_id before = worker->state.id;

    close_process(worker);
    worker_state_exited(&worker->state, nvr_clock_mono_ms());
    worker->hooks->on_exited(worker, worker->arg);
    changed(worker, before);
}

static void on_timer(uv_timer_t *timer)
{
    struct worker *worker = timer->data;
    const enum worker_state_id before = worker->state.id;

    if (worker->ended) {
        finish_exit(worker);
        return;
    }
    const enum worker_action action = worker_state_tick(&worker->state, nvr_clock_mono_ms());

    if (worker->state.id == WORKER_UNHEALTHY && before != WORKER_UNHEALTHY)
        log_warn("worker %s (pid %d) gave no sign of life for %d s", worker->id, (int)worker->pid,
                 NVR_UNHEALTHY_MS / 1000);
    changed(worker, before);
    do_action(worker, action);
}

/* ---- the end of the process ---- */

static void describe_exit(struct worker *worker, int code, int signal_number)
{
    const char *name = sigdescr_np(signal_number);

    if (signal_number)
        (void)snprintf(worker->last_exit, sizeof(worker->last_exit), "killed by signal %d (%s)",
                       signal_number, name ? name : "unknown");
    else
        (void)snprintf(worker->last_exit, sizeof(worker->last_exit), "exit status %d", code);
}

bool worker_handle_exit(struct worker *worker, pid_t pid, int code, int signal_number)
{
    if (!worker->pid || worker->pid != pid)
        return false;
    describe_exit(worker, code, signal_number);
    finish_exit(worker);
    return true;
}

static void on_pidfd(uv_poll_t *poll, int status, int events)
{
    struct worker *worker = poll->data;
    siginfo_t info = {0};

    (void)status;
    (void)events;
    (void)uv_poll_stop(poll);
    /* It is the zygote's child, which will report it; ours only when the zygote died before. */
    if (waitid((idtype_t)P_PIDFD, (id_t)worker->pidfd, &info, WEXITED | WNOHANG) == 0 &&
        info.si_pid) {
        if (info.si_code == CLD_EXITED)
            describe_exit(worker, info.si_status, 0);
        else
            describe_exit(worker, -1, info.si_status);
        finish_exit(worker);
        return;
    }
    (void)snprintf(worker->last_exit, sizeof(worker->last_exit), "ended");
    worker->ended = true;
    uv_update_time(worker->loop);
    (void)uv_timer_start(worker->timer, on_timer, EXIT_REPORT_MS, 0);
}

static void send_signal(struct worker *worker, int signal_number)
{
    if (worker->pidfd >= 0 &&
        syscall(SYS_pidfd_send_signal, worker->pidfd, signal_number, NULL, 0) < 0 && errno != ESRCH)
        (void)log_warn_err(-errno, "signal %d to worker %s", signal_number, worker->id);
}

/* ---- RPC ---- */

static void on_request(struct nvr_rpc *rpc, const struct nvr_rpc_request *request, void *arg)
{
    struct worker *worker = arg;

    (void)rpc;
    if (strcmp(request->method, "hello") == 0) {
        json_decref(worker->sandbox);
        worker->sandbox = json_deep_copy(json_object_get(request->params, "sandbox"));
        worker_alive(worker);
    }
    worker->hooks->on_request(worker, request, worker->arg);
}

static void on_close(struct nvr_rpc *rpc, int reason, void *arg)
{
    struct worker *worker = arg;
    const enum worker_state_id before = worker->state.id;

    if (reason < 0)
        (void)log_err(reason, "worker %s: connection", worker->id);
    if (worker->rpc == rpc)
        worker->rpc = NULL;
    nvr_rpc_free(rpc);
    worker_state_lost(&worker->state, nvr_clock_mono_ms());
    changed(worker, before);
}

static const struct nvr_rpc_handlers rpc_handlers = {.on_request = on_request,
                                                     .on_close = on_close};

static void on_stop_reply(struct nvr_rpc *rpc, const struct nvr_rpc_reply *reply, void *arg)
{
    (void)rpc;
    (void)reply; /* what counts is the end of the process; deadlines are the state machine's */
    (void)arg;
}

/* ---- start ---- */

static void on_fork(struct nvr_zygote *zygote, int error, pid_t pid, int pidfd, void *arg)
{
    struct worker *worker = arg;
    int r = error;

    (void)zygote;
    worker->fork_pending = false;
    if (r == 0) {
        worker->pid = pid;
        worker->pidfd = pidfd;
        worker->pidfd_poll = calloc(1, sizeof(*worker->pidfd_poll));
        r = worker->pidfd_poll ? uv_poll_init(worker->loop, worker->pidfd_poll, pidfd) : -ENOMEM;
    }
    if (r < 0) {
        (void)log_err(r, "start worker %s", worker->id);
        (void)snprintf(worker->last_exit, sizeof(worker->last_exit), "could not be started: %s",
                       nvr_strerror(r));
        finish_exit(worker);
        return;
    }
    worker->pidfd_poll->data = worker;
    (void)uv_poll_start(worker->pidfd_poll, UV_READABLE, on_pidfd);
    log_info("worker %s: pid %d", worker->id, (int)pid);
}

/* 0, or -errno: nothing was started then. */
static int spawn(struct worker *worker)
{
    struct nvr_zygote *zygote = worker->hooks->get_zygote(worker->arg);
    int fds[2];
    int r;

    if (!zygote)
        return -EAGAIN;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    r = nvr_zygote_fork_take(zygote, worker->role, worker->id, fds[1], FORK_TIMEOUT_MS, on_fork,
                             worker);
    if (r < 0) {
        (void)close(fds[0]);
        return r;
    }
    worker->fork_pending = true;
    worker->generation++;
    worker->cpu_ms = 0;
    worker->started_wall_ms = nvr_clock_wall_ms();
    worker->alive_wall_ms = 0;
    json_decref(NVR_TAKE(worker->sandbox));
    r = nvr_rpc_new_take(worker->loop, fds[0], &rpc_handlers, worker, &worker->rpc);
    if (r < 0)
        return 0; /* the child sees the end of its socket; the fork's answer goes on from there */
    worker->hooks->on_started(worker, worker->arg);
    return 0;
}

static void do_action(struct worker *worker, enum worker_action action)
{
    int r = 0;

    switch (action) {
    case WORKER_NOTHING:
        return;
    case WORKER_SPAWN:
        r = spawn(worker);
        if (r < 0) {
            if (r != -EAGAIN)
                (void)log_err(r, "start worker %s", worker->id);
            (void)snprintf(worker->last_exit, sizeof(worker->last_exit), "could not be started: %s",
                           nvr_strerror(r));
            finish_exit(worker);
        }
        return;
    case WORKER_ASK_STOP:
        if (worker->rpc)
            r = nvr_rpc_call(worker->rpc, "stop", NULL, NULL, 0, WORKER_STOP_ASK_MS, on_stop_reply,
                             NULL);
        if (r < 0 || !worker->rpc)
            send_signal(worker, SIGTERM);
        return;
    case WORKER_SIGTERM:
        send_signal(worker, SIGTERM);
        return;
    case WORKER_SIGKILL:
        log_warn("worker %s (pid %d) does not end: killed", worker->id, (int)worker->pid);
        send_signal(worker, SIGKILL);
        return;
    }
}

/* ---- public ---- */

int worker_init(struct worker *worker, uv_loop_t *loop, const char *id, const char *role,
                const struct worker_hooks *hooks, void *arg)
{
    *worker = (struct worker){.loop = loop, .role = role, .hooks = hooks, .arg = arg, .pidfd = -1};
    worker_state_init(&worker->state);
    if (nvr_fmt(worker->id, sizeof(worker->id), "%s", id) < 0)
        return -EINVAL;
    worker->timer = calloc(1, sizeof(*worker->timer));
    if (!worker->timer)
        return -ENOMEM;
    (void)uv_timer_init(loop, worker->timer);
    worker->timer->data = worker;
    return 0;
}

void worker_done(struct worker *worker)
{
    if (worker->timer)
        uv_close((uv_handle_t *)worker->timer, free_handle);
    worker->timer = NULL;
    close_process(worker);
    json_decref(NVR_TAKE(worker->sandbox));
}

void worker_want(struct worker *worker, bool wanted)
{
    const enum worker_state_id before = worker->state.id;
    const enum worker_action action =
        worker_state_want(&worker->state, wanted, nvr_clock_mono_ms());

    changed(worker, before);
    do_action(worker, action);
}

void worker_restart(struct worker *worker)
{
    const enum worker_state_id before = worker->state.id;
    const enum worker_action action = worker_state_restart(&worker->state, nvr_clock_mono_ms());

    changed(worker, before);
    do_action(worker, action);
}

void worker_alive(struct worker *worker)
{
    const enum worker_state_id before = worker->state.id;

    worker->alive_wall_ms = nvr_clock_wall_ms();
    worker_state_alive(&worker->state, nvr_clock_mono_ms());
    changed(worker, before);
}

void worker_take_heartbeat(struct worker *worker, const json_t *params)
{
    worker_alive(worker);
    (void)nvr_json_get_int(params, "cpu_ms", 0, INT64_MAX, &worker->cpu_ms);
}

void worker_kill(struct worker *worker)
{
    send_signal(worker, SIGKILL);
}

bool worker_is_idle(const struct worker *worker)
{
    return !worker->fork_pending && worker->pid == 0;
}
