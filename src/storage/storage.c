#include "src/storage/storage.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/base/log.h"
#include "src/storage/private.h"
#include "src/storage/report.h"
#include "src/storage/retention.h"
#include "src/storage/tiers.h"

NVR_LOG_TOPIC("storage");

static const struct storage_part parts[] = {
    {.name = "open", .is_idle = storage_open_is_idle},
    {.name = "elsewhere", .is_idle = elsewhere_is_idle},
    {.name = "tiers",
     .start = tiers_start,
     .stop = tiers_stop,
     .is_idle = tiers_is_idle,
     .free = tiers_free,
     .to_json = tiers_to_json},
    {.name = "retention",
     .start = retention_start,
     .stop = retention_stop,
     .is_idle = retention_is_idle,
     .free = retention_free},
    {.name = "removals",
     .start = removals_start,
     .stop = removals_stop,
     .is_idle = removals_is_idle,
     .free = removals_free},
    {.name = "expire",
     .start = expire_start,
     .stop = expire_stop,
     .is_idle = expire_is_idle,
     .free = expire_free},
    {.name = "evidence",
     .start = storage_evidence_start,
     .stop = storage_evidence_stop,
     .is_idle = storage_evidence_is_idle,
     .free = storage_evidence_free,
     .to_json = storage_evidence_to_json},
    {.name = "previews",
     .start = previews_start,
     .stop = previews_stop,
     .is_idle = previews_is_idle,
     .free = previews_free,
     .to_json = previews_to_json},
    {.name = "keep", .is_idle = keep_is_idle},
    {.name = "report",
     .start = report_start,
     .stop = report_stop,
     .is_idle = report_is_idle,
     .free = report_free},
    {.name = "exports",
     .start = exports_start,
     .stop = exports_stop,
     .is_idle = exports_is_idle,
     .free = exports_free},
};

int nvr_storage_start(struct nvr_supervisor *supervisor, struct nvr_storage **ret_storage)
{
    struct nvr_storage *storage = calloc(1, sizeof(*storage));
    int r;

    if (!storage)
        return -ENOMEM;
    storage->supervisor = supervisor;
    storage->loop = nvr_supervisor_get_loop(supervisor);
    storage->store = nvr_supervisor_get_store(supervisor);
    storage->bus = nvr_supervisor_get_bus(supervisor);
    r = nvr_post_new(storage->loop, &storage->post);
    for (size_t i = 0; r == 0 && i < NVR_ARRAY_SIZE(parts); i++) {
        if (parts[i].start)
            r = parts[i].start(storage);
        if (r < 0)
            (void)log_err(r, "start %s", parts[i].name);
    }
    /* Parts that started already may be at work: the caller stops and frees in any case. */
    *ret_storage = storage;
    return r;
}

static void finish_stop(void *arg)
{
    struct nvr_storage *storage = arg;
    void (*on_stopped)(void *arg) = NVR_TAKE(storage->on_stopped);

    nvr_post_free(NVR_TAKE(storage->post)); /* its handle would keep the loop alive */
    if (on_stopped)
        on_stopped(storage->on_stopped_arg);
}

void storage_check_stopped(struct nvr_storage *storage)
{
    if (!storage->stopping || !storage->on_stopped)
        return;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(parts); i++)
        if (parts[i].is_idle && !parts[i].is_idle(storage))
            return;
    /* Not at once: the caller stands inside something that goes now. */
    if (!storage->post || nvr_post_send(storage->post, finish_stop, storage) < 0)
        finish_stop(storage);
}

void nvr_storage_stop(struct nvr_storage *storage, void (*on_stopped)(void *arg), void *arg)
{
    storage->stopping = true;
    storage->on_stopped = on_stopped;
    storage->on_stopped_arg = arg;
    for (size_t i = NVR_ARRAY_SIZE(parts); i > 0; i--)
        if (parts[i - 1].stop)
            parts[i - 1].stop(storage);
    storage_check_stopped(storage);
}

void nvr_storage_free(struct nvr_storage *storage)
{
    if (!storage)
        return;
    for (size_t i = NVR_ARRAY_SIZE(parts); i > 0; i--)
        if (parts[i - 1].free)
            parts[i - 1].free(storage);
    nvr_post_free(storage->post);
    free(storage);
}

json_t *nvr_storage_to_json(struct nvr_storage *storage)
{
    json_t *object = json_object();

    for (size_t i = 0; object && i < NVR_ARRAY_SIZE(parts); i++)
        if (parts[i].to_json)
            parts[i].to_json(storage, object);
    return object;
}
