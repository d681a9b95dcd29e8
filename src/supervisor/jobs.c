#include "src/supervisor/jobs.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "src/supervisor/private.h"

NVR_LOG_TOPIC("job");

/* A job's memory stays until done ran, its timer is closed and no fork is pending. */
struct nvr_job {
    struct jobs *jobs;
    struct nvr_job *next;
    char role[16];
    char request[NVR_UUID_SIZE * 2]; /* of the API, for the log; "" : none */
    json_t *params;
    int fd; /* goes with the call */
    nvr_job_done done;
    nvr_job_request on_request; /* NULL: it does not talk back */
    void *arg;
    uv_timer_t timer;
    bool timer_open;
    bool running, finished, fork_pending;
    int launch_error; /* told from the timer, never from inside the caller's call */
    int64_t deadline_ms;
    struct nvr_rpc *rpc;
    int pidfd;
};

static void release(struct nvr_job *job)
{
    struct nvr_supervisor *sv = job->jobs->supervisor;

    if (!job->finished || job->fork_pending || job->timer_open)
        return;
    for (struct nvr_job **at = &job->jobs->head; *at; at = &(*at)->next) {
        if (*at == job) {
            *at = job->next;
            break;
        }
    }
    free(job);
    sv_check_stopped(sv);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct nvr_job *job = handle->data;

    job->timer_open = false;
    release(job);
}

static void finish(struct nvr_job *job, const struct nvr_job_result *result)
{
    struct jobs *jobs = job->jobs;

    if (job->finished)
        return;
    job->finished = true;
    if (job->done)
        job->done(result, job->arg);
    nvr_rpc_free(NVR_TAKE(job->rpc));
    /* One call is all it is for: nothing is lost by ending it at once. */
    if (job->pidfd >= 0) {
        (void)syscall(SYS_pidfd_send_signal, job->pidfd, SIGKILL, NULL, 0);
        (void)close(job->pidfd);
        job->pidfd = -1;
    }
    if (job->fd >= 0)
        (void)close(NVR_TAKE_FD(job->fd));
    json_decref(NVR_TAKE(job->params));
    uv_close((uv_handle_t *)&job->timer, on_timer_closed);
    jobs_kick(jobs);
}

static void fail(struct nvr_job *job, int error, const char *code, const char *message)
{
    int none = -1;

    finish(job, &(struct nvr_job_result){
                    .error = error, .error_code = code, .message = message, .fd = &none});
}

static void on_timer(uv_timer_t *timer)
{
    struct nvr_job *job = timer->data;

    if (job->launch_error)
        fail(job, job->launch_error, "internal", "the process for this could not be started");
    else
        fail(job, -ETIMEDOUT, "timeout", "no answer in time");
}

static void on_reply(struct nvr_rpc *rpc, const struct nvr_rpc_reply *reply, void *arg)
{
    struct nvr_job *job = arg;
    struct nvr_job_result result = {
        .error = reply->error, .result = reply->result, .message = reply->message};
    int none = -1;

    (void)rpc;
    if (job->finished)
        return;
    result.fd = reply->fds_count ? &reply->fds[0] : &none;
    if (reply->error == -ECONNRESET) {
        result.error_code = "crashed";
        result.message = "the process that did the work ended";
    } else if (reply->error) {
        result.error_code = "internal";
        if (reply->data)
            (void)nvr_json_get_str(reply->data, "code", &result.error_code);
    }
    finish(job, &result);
}

static void on_request(struct nvr_rpc *rpc, const struct nvr_rpc_request *request, void *arg)
{
    struct nvr_job *job = arg;

    if (job->on_request && !job->finished && strcmp(request->method, "hello") != 0) {
        job->on_request(request, job->arg);
        return;
    }
    if (request->id >= 0 &&
        nvr_rpc_reply_error(rpc, request->id, NVR_RPC_METHOD_NOT_FOUND, "no such method", NULL) < 0)
        return;
}

static void on_close(struct nvr_rpc *rpc, int reason, void *arg)
{
    struct nvr_job *job = arg;

    (void)reason;
    if (job->rpc == rpc) {
        job->rpc = NULL;
        nvr_rpc_free(rpc);
    }
    fail(job, -ECONNRESET, "crashed", "the process that did the work ended");
}

static void on_fork(struct nvr_zygote *zygote, int error, pid_t pid, int pidfd, void *arg)
{
    struct nvr_job *job = arg;

    (void)zygote;
    (void)pid;
    job->fork_pending = false;
    job->pidfd = pidfd;
    if (job->finished) {
        if (pidfd >= 0) {
            (void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
            (void)close(pidfd);
            job->pidfd = -1;
        }
        release(job);
        return;
    }
    if (error < 0)
        fail(job, error, "internal", "the process for this could not be started");
}

static const struct nvr_rpc_handlers handlers = {.on_request = on_request, .on_close = on_close};

static int launch(struct nvr_job *job)
{
    struct nvr_supervisor *sv = job->jobs->supervisor;
    const unsigned left = (unsigned)NVR_MAX(job->deadline_ms - nvr_clock_mono_ms(), (int64_t)1);
    char now_served[sizeof(job->request)];
    int fds[2];
    int r;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    r = nvr_rpc_new_take(sv->loop, fds[0], &handlers, job, &job->rpc);
    if (r < 0) {
        (void)close(fds[1]);
        return r;
    }
    r = nvr_zygote_fork_take(zygotes_get(sv, job->role), job->role, job->role, fds[1], left,
                             on_fork, job);
    if (r < 0)
        return r;
    job->fork_pending = true;
    /* The bytes wait in the socket until the child is there. The job's timer is the deadline.
     * It may have waited for its turn: the request at hand need not be its own. */
    (void)nvr_fmt(now_served, sizeof(now_served), "%s", nvr_log_get_request());
    nvr_log_set_request(job->request);
    r = nvr_rpc_call(job->rpc, job->role, NVR_TAKE(job->params), &job->fd, job->fd >= 0,
                     left + 1000, on_reply, job);
    nvr_log_set_request(now_served);
    return r;
}

static unsigned count_running(const struct jobs *jobs, const char *role)
{
    unsigned running = 0;

    for (const struct nvr_job *job = jobs->head; job; job = job->next)
        running += job->running && !job->finished && strcmp(job->role, role) == 0;
    return running;
}

void jobs_kick(struct jobs *jobs)
{
    struct nvr_job *job = jobs->head;

    while (job && !jobs->supervisor->stopping) {
        if (job->running || job->finished || !zygotes_get(jobs->supervisor, job->role) ||
            count_running(jobs, job->role) >= JOBS_RUNNING_MAX) {
            job = job->next;
            continue;
        }
        job->running = true;
        job->launch_error = launch(job);
        if (job->launch_error < 0)
            (void)uv_timer_start(&job->timer, on_timer, 0, 0);
        job = job->next;
    }
}

bool jobs_idle(const struct jobs *jobs)
{
    return !jobs->head;
}

void jobs_cancel_all(struct jobs *jobs)
{
    bool again = true;

    while (again) {
        struct nvr_job *job = jobs->head;

        while (job && job->finished)
            job = job->next;
        again = job != NULL;
        if (job)
            fail(job, -ECANCELED, "unavailable", "Heron is stopping");
    }
}

static int job_check(struct nvr_supervisor *sv, const char *role)
{
    unsigned waiting = 0;

    if (sv->stopping)
        return -ESHUTDOWN;
    for (const struct nvr_job *job = sv->jobs.head; job; job = job->next)
        waiting += !job->running && !job->finished && strcmp(job->role, role) == 0;
    return waiting >= JOBS_WAITING_MAX ? -ENOBUFS : 0;
}

static int make_job(struct nvr_supervisor *sv, const char *role, struct nvr_job **ret_job)
{
    const int r = job_check(sv, role);
    struct nvr_job *job;

    if (r < 0)
        return r;
    job = calloc(1, sizeof(*job));
    if (!job)
        return -ENOMEM;
    if (nvr_fmt(job->role, sizeof(job->role), "%s", role) < 0) {
        free(job);
        return -EINVAL;
    }
    *ret_job = job;
    return 0;
}

int nvr_supervisor_job(struct nvr_supervisor *sv, const char *role, json_t *params, int fd_take,
                       unsigned timeout_ms, nvr_job_done done, void *arg, struct nvr_job **ret_job)
{
    struct nvr_job **at = &sv->jobs.head;
    struct nvr_job *job = NULL;
    const int r = make_job(sv, role, &job);

    if (!job) {
        json_decref(params);
        if (fd_take >= 0)
            (void)close(fd_take);
        return r;
    }
    job->jobs = &sv->jobs;
    job->params = params;
    if (nvr_fmt(job->request, sizeof(job->request), "%s", nvr_log_get_request()) < 0)
        job->request[0] = 0; /* too long to be one of ours */
    job->fd = fd_take;
    job->pidfd = -1;
    job->done = done;
    job->arg = arg;
    job->deadline_ms = nvr_clock_mono_ms() + timeout_ms;
    (void)uv_timer_init(sv->loop, &job->timer);
    job->timer.data = job;
    job->timer_open = true;
    uv_update_time(sv->loop);
    (void)uv_timer_start(&job->timer, on_timer, timeout_ms, 0);
    while (*at)
        at = &(*at)->next;
    *at = job;
    if (ret_job)
        *ret_job = job;
    jobs_kick(&sv->jobs);
    return 0;
}

void nvr_supervisor_job_cancel(struct nvr_job *job)
{
    if (!job || job->finished)
        return;
    job->done = NULL;
    fail(job, -ECANCELED, "unavailable", "cancelled");
}

void nvr_supervisor_job_listen(struct nvr_job *job, nvr_job_request fn)
{
    job->on_request = fn;
}

struct nvr_rpc *nvr_supervisor_job_get_rpc(struct nvr_job *job)
{
    return job->finished ? NULL : job->rpc;
}

void nvr_supervisor_job_extend(struct nvr_job *job, unsigned timeout_ms)
{
    if (job->finished || job->launch_error < 0)
        return;
    uv_update_time(job->jobs->supervisor->loop);
    (void)uv_timer_start(&job->timer, on_timer, timeout_ms, 0);
}
