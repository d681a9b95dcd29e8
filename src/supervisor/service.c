/* Long-lived processes of nvr-media: the same care as for a camera's worker, for whoever owns them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "src/supervisor/private.h"

NVR_LOG_TOPIC("service");

struct nvr_service {
    struct nvr_supervisor *supervisor;
    struct nvr_service *next;
    struct worker worker;
    char role[NVR_SLUG_SIZE];
    const struct nvr_service_hooks *hooks; /* NULL: its owner let go of it */
    void *arg;
};

static struct nvr_zygote *get_zygote(void *arg)
{
    const struct nvr_service *service = arg;

    return zygotes_get(service->supervisor, service->role);
}

static void on_started(struct worker *worker, void *arg)
{
    struct nvr_service *service = arg;

    (void)worker;
    if (service->hooks)
        service->hooks->on_started(service, service->arg);
}

static void on_request(struct worker *worker, const struct nvr_rpc_request *request, void *arg)
{
    struct nvr_service *service = arg;

    if (strcmp(request->method, "hello") == 0)
        return;
    if (strcmp(request->method, "heartbeat") == 0)
        worker_take_heartbeat(worker, request->params);
    else if (service->hooks && service->hooks->on_request)
        service->hooks->on_request(service, request, service->arg);
    else if (request->id >= 0 &&
             nvr_rpc_reply_error(worker->rpc, request->id, NVR_RPC_METHOD_NOT_FOUND,
                                 "no such method", NULL) < 0)
        log_debug("service %s: nobody to answer", service->role);
}

static void on_exited(struct worker *worker, void *arg)
{
    struct nvr_service *service = arg;

    (void)worker;
    if (service->hooks && service->hooks->on_exited)
        service->hooks->on_exited(service, service->arg);
}

static void on_state(struct worker *worker, void *arg)
{
    const struct nvr_service *service = arg;

    if (worker->state.id == WORKER_CRASHED)
        log_warn("service %s: %s", worker->id, worker->last_exit);
    sv_check_stopped(service->supervisor);
}

int nvr_supervisor_service_new(struct nvr_supervisor *sv, const char *role,
                               const struct nvr_service_hooks *hooks, void *arg,
                               struct nvr_service **ret_service)
{
    static const struct worker_hooks worker_hooks = {.get_zygote = get_zygote,
                                                     .on_started = on_started,
                                                     .on_request = on_request,
                                                     .on_exited = on_exited,
                                                     .on_state = on_state};
    struct nvr_service *service;
    int r;

    if (sv->stopping)
        return -ESHUTDOWN;
    service = calloc(1, sizeof(*service));
    if (!service)
        return -ENOMEM;
    *service = (struct nvr_service){.supervisor = sv, .hooks = hooks, .arg = arg};
    r = nvr_fmt(service->role, sizeof(service->role), "%s", role);
    if (r >= 0)
        r = worker_init(&service->worker, sv->loop, role, service->role, &worker_hooks, service);
    if (r < 0) {
        free(service);
        return r;
    }
    service->next = sv->services;
    sv->services = service;
    worker_want(&service->worker, true);
    *ret_service = service;
    return 0;
}

struct nvr_rpc *nvr_service_get_rpc(struct nvr_service *service)
{
    return service->worker.rpc;
}

void nvr_service_want(struct nvr_service *service, bool wanted)
{
    worker_want(&service->worker, wanted && !service->supervisor->stopping);
}

void nvr_service_restart(struct nvr_service *service)
{
    if (!service->supervisor->stopping)
        worker_restart(&service->worker);
}

void nvr_service_stop(struct nvr_service *service)
{
    if (!service)
        return;
    service->hooks = NULL;
    worker_want(&service->worker, false);
}

/* ---- for the supervisor ---- */

void services_handle_exit(struct nvr_supervisor *sv, pid_t pid, int code, int signal_number)
{
    for (struct nvr_service *service = sv->services; service; service = service->next)
        if (worker_handle_exit(&service->worker, pid, code, signal_number))
            break;
}

void services_stop(struct nvr_supervisor *sv)
{
    for (struct nvr_service *service = sv->services; service; service = service->next)
        worker_want(&service->worker, false);
}

bool services_idle(const struct nvr_supervisor *sv)
{
    for (const struct nvr_service *service = sv->services; service; service = service->next)
        if (!worker_is_idle(&service->worker))
            return false;
    return true;
}

void services_kill(struct nvr_supervisor *sv)
{
    for (struct nvr_service *service = sv->services; service; service = service->next)
        worker_kill(&service->worker);
}

void services_free(struct nvr_supervisor *sv)
{
    while (sv->services) {
        struct nvr_service *service = sv->services;

        sv->services = service->next;
        worker_done(&service->worker);
        free(service);
    }
}

void services_add_to_json(const struct nvr_supervisor *sv, json_t *list)
{
    for (const struct nvr_service *service = sv->services; service; service = service->next)
        (void)json_array_append_new(list, worker_to_json(&service->worker));
}

json_t *services_find_json(const struct nvr_supervisor *sv, const char *id)
{
    for (const struct nvr_service *service = sv->services; service; service = service->next)
        if (strcmp(service->role, id) == 0)
            return worker_to_json_full(&service->worker);
    return NULL;
}
