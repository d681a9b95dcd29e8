#include "src/storage/keeper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"

NVR_LOG_TOPIC("keeper");

#define SETUP_TIMEOUT_MS 5000
#define ANSWER_SLACK_MS 3000 /* the keeper answers at its own deadline */
#define TICK_MS 1000

struct call {
    struct call *next;
    struct keeper *keeper;
    char method[16];
    json_t *params; /* NULL: it is under way */
    unsigned timeout_ms;
    int64_t ready_until_ms; /* monotonic */
    keeper_done done;
    void *arg;
};

struct keeper {
    struct nvr_storage *storage;
    struct nvr_service *service;
    json_t *setup; /* NULL: it shall not run */
    bool ready, stopping;
    struct call *calls; /* waiting and under way, oldest first */
    size_t count;
    uv_timer_t *timer;
};

static const struct {
    const char *code;
    int error;
} codes[] = {
    {"not_found", -ENOENT}, {"missing", -ENODEV},  {"denied", -EACCES},  {"readonly", -EROFS},
    {"full", -ENOSPC},      {"changed", -EBADMSG}, {"slow", -ETIMEDOUT}, {"cancelled", -ECANCELED},
};

static int error_of(const struct nvr_rpc_reply *reply)
{
    const char *code = json_string_value(json_object_get(reply->data, "code"));

    if (reply->error != -EREMOTEIO)
        return reply->error;
    for (size_t i = 0; code && i < NVR_ARRAY_SIZE(codes); i++)
        if (strcmp(codes[i].code, code) == 0)
            return codes[i].error;
    return -EIO;
}

/* ---- calls ---- */

static void finish(struct call *call, const struct keeper_reply *reply)
{
    struct keeper *keeper = call->keeper;
    struct nvr_storage *storage = keeper->storage;
    struct call **link = &keeper->calls;

    while (*link != call)
        link = &(*link)->next;
    *link = call->next;
    keeper->count--;
    call->done(reply, call->arg);
    json_decref(call->params);
    free(call);
    storage_check_stopped(storage);
}

static void fail(struct call *call, int error, const char *words)
{
    finish(call, &(struct keeper_reply){.error = error, .words = words, .fd = -1});
}

static void on_reply(struct nvr_rpc *rpc, const struct nvr_rpc_reply *reply, void *arg)
{
    struct call *call = arg;
    struct keeper_reply answer = {.words = "", .fd = -1};

    (void)rpc;
    if (reply->error < 0) {
        answer.error = error_of(reply);
        answer.words = reply->error == -EREMOTEIO   ? reply->message
                       : reply->error == -ETIMEDOUT ? "The place does not answer in time."
                                                    : "The process that moves files ended.";
    } else {
        answer.result = reply->result;
        if (reply->fds_count > 0)
            answer.fd = NVR_TAKE_FD(reply->fds[0]);
    }
    finish(call, &answer);
}

static void send_call(struct call *call)
{
    struct nvr_rpc *rpc = nvr_service_get_rpc(call->keeper->service);
    int r = -ECONNRESET;

    if (rpc)
        r = nvr_rpc_call(rpc, call->method, NVR_TAKE(call->params), NULL, 0,
                         call->timeout_ms + ANSWER_SLACK_MS, on_reply, call);
    if (r < 0)
        fail(call, r, "The process that moves files does not run.");
}

/* One at a time: done() may add others. */
static void send_waiting(struct keeper *keeper)
{
    struct call *call = keeper->calls;

    while (keeper->ready && call) {
        if (call->params) {
            send_call(call);
            call = keeper->calls;
        } else {
            call = call->next;
        }
    }
}

static void fail_waiting(struct keeper *keeper, int64_t now_ms, int error)
{
    struct call *call = keeper->calls;

    while (call) {
        if (call->params && now_ms >= call->ready_until_ms) {
            fail(call, error, "The process that moves files does not run.");
            call = keeper->calls;
        } else {
            call = call->next;
        }
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct keeper *keeper = timer->data;

    fail_waiting(keeper, nvr_clock_mono_ms(), -EAGAIN);
    if (!keeper->calls)
        (void)uv_timer_stop(keeper->timer);
}

void keeper_call_take(struct keeper *keeper, const char *method, json_t *params,
                      unsigned timeout_ms, keeper_done done, void *arg)
{
    struct call *call = calloc(1, sizeof(*call));
    struct call **end = &keeper->calls;

    if (!call || !params || keeper->stopping || keeper->count >= KEEPER_CALLS_MAX ||
        json_object_set_new(params, "timeout_ms", json_integer(timeout_ms)) < 0) {
        const int r = !call || !params ? -ENOMEM : keeper->stopping ? -ECANCELED : -ENOBUFS;

        free(call);
        json_decref(params);
        done(&(struct keeper_reply){.error = r, .words = "Too much is asked for.", .fd = -1}, arg);
        return;
    }
    *call = (struct call){.keeper = keeper,
                          .params = params,
                          .timeout_ms = timeout_ms,
                          .ready_until_ms = nvr_clock_mono_ms() + KEEPER_READY_MS,
                          .done = done,
                          .arg = arg};
    (void)nvr_fmt(call->method, sizeof(call->method), "%s", method);
    while (*end)
        end = &(*end)->next;
    *end = call;
    keeper->count++;
    if (keeper->ready)
        send_call(call);
    else
        (void)uv_timer_start(keeper->timer, on_tick, TICK_MS, TICK_MS);
}

/* ---- the process ---- */

static void on_set_up(struct nvr_rpc *rpc, const struct nvr_rpc_reply *reply, void *arg)
{
    struct keeper *keeper = arg;

    (void)rpc;
    if (reply->error < 0) {
        log_error("keeper: %s", reply->message ? reply->message : nvr_strerror(reply->error));
        return;
    }
    keeper->ready = true;
    send_waiting(keeper);
}

static void on_started(struct nvr_service *service, void *arg)
{
    struct keeper *keeper = arg;
    int r;

    keeper->ready = false;
    if (!keeper->setup)
        return;
    r = nvr_rpc_call(nvr_service_get_rpc(service), "setup", json_deep_copy(keeper->setup), NULL, 0,
                     SETUP_TIMEOUT_MS, on_set_up, keeper);
    if (r < 0)
        (void)log_err(r, "set the keeper up");
}

static void on_exited(struct nvr_service *service, void *arg)
{
    struct keeper *keeper = arg;

    (void)service;
    keeper->ready = false;
}

static const struct nvr_service_hooks hooks = {.on_started = on_started, .on_exited = on_exited};

void keeper_set_up_take(struct keeper *keeper, json_t *setup)
{
    json_t *old = keeper->setup;
    int r;

    if (keeper->stopping || (old && setup && json_equal(old, setup))) {
        json_decref(setup);
        return;
    }
    keeper->setup = setup;
    json_decref(old);
    if (!keeper->service && setup) {
        r = nvr_supervisor_service_new(keeper->storage->supervisor, "keeper", &hooks, keeper,
                                       &keeper->service);
        if (r < 0)
            (void)log_err(r, "start the keeper");
    } else if (keeper->service && !setup) {
        keeper->ready = false;
        nvr_service_want(keeper->service, false);
    } else if (keeper->service && !old) {
        nvr_service_want(keeper->service, true);
    } else if (keeper->service) {
        keeper->ready = false;
        nvr_service_restart(keeper->service);
    }
}

void keeper_renew(struct keeper *keeper)
{
    if (!keeper->service || !keeper->ready || keeper->count > 0 || keeper->stopping)
        return;
    keeper->ready = false;
    nvr_service_restart(keeper->service);
}

int keeper_new(struct nvr_storage *storage, struct keeper **ret_keeper)
{
    struct keeper *keeper = calloc(1, sizeof(*keeper));

    if (!keeper)
        return -ENOMEM;
    keeper->storage = storage;
    keeper->timer = nvr_timer_new(storage->loop, keeper);
    if (!keeper->timer) {
        free(keeper);
        return -ENOMEM;
    }
    *ret_keeper = keeper;
    return 0;
}

void keeper_stop(struct keeper *keeper)
{
    if (!keeper || keeper->stopping)
        return;
    keeper->stopping = true;
    keeper->ready = false;
    /* What is under way ends with the process: its connection closes. The service is the
     * supervisor's, which is gone before this is freed. */
    nvr_service_stop(NVR_TAKE(keeper->service));
    nvr_timer_free(NVR_TAKE(keeper->timer));
    fail_waiting(keeper, INT64_MAX, -ECANCELED);
}

bool keeper_is_idle(const struct keeper *keeper)
{
    return !keeper || !keeper->calls;
}

void keeper_free(struct keeper *keeper)
{
    if (!keeper)
        return;
    nvr_timer_free(keeper->timer);
    json_decref(keeper->setup);
    free(keeper);
}
