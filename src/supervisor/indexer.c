#include "src/supervisor/indexer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "src/supervisor/private.h"

NVR_LOG_TOPIC("reconcile");

#define TIMEOUT_MS 30000   /* for one file … */
#define BYTES_PER_MS 10000 /* … and so much more for a large one */
#define TIMEOUT_MAX_MS (INT64_C(2) * 3600 * 1000)

struct lane {
    struct indexer *indexer;
    struct nvr_job *job;
    size_t at, end; /* files not answered for yet */
    size_t batch_end;
    bool suspect; /* at is why the last process ended: alone now */
};

struct indexer {
    struct nvr_supervisor *supervisor;
    const struct indexer_hooks *hooks;
    void *arg;
    const struct reconcile_file *files;
    size_t count, next; /* from next on nobody has them */
    struct lane lanes[INDEXER_LANES];
    bool running, stopped;
    uv_timer_t *timer; /* to answer from the loop, never from inside a call */
};

static void fail_file(struct lane *lane, const char *code, const char *message)
{
    struct indexer *indexer = lane->indexer;
    const struct reconcile_file *file = &indexer->files[lane->at++];

    lane->suspect = false;
    indexer->hooks->on_failed(file, code, message, indexer->arg);
}

static unsigned timeout_of(const struct lane *lane)
{
    const int64_t size = lane->indexer->files[lane->at].size;

    return (unsigned)NVR_MIN(TIMEOUT_MS + size / BYTES_PER_MS, TIMEOUT_MAX_MS);
}

/* indexed {result} or {code, message}: the next file of the batch is done. */
static void on_request(const struct nvr_rpc_request *request, void *arg)
{
    struct lane *lane = arg;
    struct indexer *indexer = lane->indexer;
    const json_t *result = json_object_get(request->params, "result");
    const char *code = "io";
    const char *message = "";

    if (indexer->stopped || strcmp(request->method, "indexed") != 0 || lane->at >= lane->batch_end)
        return;
    (void)nvr_json_get_str(request->params, "code", &code);
    (void)nvr_json_get_str(request->params, "message", &message);
    if (result) {
        lane->suspect = false;
        indexer->hooks->on_indexed(&indexer->files[lane->at++], result, indexer->arg);
    } else {
        fail_file(lane, code, message);
    }
    if (lane->at < lane->batch_end)
        nvr_supervisor_job_extend(lane->job, timeout_of(lane));
}

/* The process is over. What it did not answer for is tried again, its first file alone. */
static void on_finished(const struct nvr_job_result *result, void *arg)
{
    struct lane *lane = arg;
    const char *code = result->error_code ? result->error_code : "crashed";
    const char *message = result->message ? result->message : "the process that did the work ended";
    const bool died = strcmp(code, "crashed") == 0 || strcmp(code, "timeout") == 0;

    lane->job = NULL;
    if (lane->indexer->stopped)
        return;
    if (lane->at < lane->batch_end && died && !lane->suspect)
        lane->suspect = true;
    else if (lane->at < lane->batch_end && died)
        fail_file(lane, code, message);
    else
        while (lane->at < lane->batch_end)
            fail_file(lane, code, message);
    indexer_kick(lane->indexer);
}

static int launch(struct lane *lane)
{
    struct indexer *indexer = lane->indexer;
    struct nvr_supervisor *sv = indexer->supervisor;
    json_t *paths = json_array();
    int fd;
    int r;

    lane->batch_end = lane->suspect ? lane->at + 1 : lane->end;
    for (size_t i = lane->at; i < lane->batch_end; i++)
        if (json_array_append_new(paths, json_string(indexer->files[i].path)) < 0) {
            json_decref(paths);
            return -ENOMEM;
        }
    fd = open(sv->recordings_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        r = -errno;
        json_decref(paths);
        return r;
    }
    r = nvr_supervisor_job(sv, "index", json_pack("{s:o}", "paths", paths), fd,
                           NVR_JOB_TIMEOUT_MAX_MS, on_finished, lane, &lane->job);
    if (r < 0)
        return r;
    nvr_supervisor_job_listen(lane->job, on_request);
    nvr_supervisor_job_extend(lane->job, timeout_of(lane));
    return 0;
}

static void fill(struct lane *lane)
{
    struct indexer *indexer = lane->indexer;

    while (!lane->job) {
        if (lane->at == lane->end) {
            lane->at = indexer->next;
            lane->end = NVR_MIN(indexer->next + INDEXER_BATCH_MAX, indexer->count);
            indexer->next = lane->end;
        }
        if (lane->at == lane->end)
            return;
        const int r = launch(lane);

        if (r == 0)
            return;
        while (lane->at < lane->batch_end)
            fail_file(lane, "internal", nvr_strerror(r));
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct indexer *indexer = timer->data;
    bool busy = false;

    if (indexer->stopped || !indexer->running)
        return;
    for (size_t i = 0; i < INDEXER_LANES; i++) {
        if (indexer->hooks->has_room(indexer->arg))
            fill(&indexer->lanes[i]);
        busy = busy || indexer->lanes[i].job || indexer->lanes[i].at < indexer->lanes[i].end;
    }
    if (busy || indexer->next < indexer->count)
        return;
    indexer->running = false;
    indexer->hooks->on_done(indexer->arg);
}

void indexer_kick(struct indexer *indexer)
{
    if (!indexer->stopped && indexer->running)
        (void)uv_timer_start(indexer->timer, on_timer, 0, 0);
}

void indexer_start(struct indexer *indexer, const struct reconcile_file *files, size_t count)
{
    indexer->files = files;
    indexer->count = count;
    indexer->next = 0;
    indexer->running = true;
    for (size_t i = 0; i < INDEXER_LANES; i++)
        indexer->lanes[i] = (struct lane){.indexer = indexer};
    indexer_kick(indexer);
}

int indexer_new(struct nvr_supervisor *sv, const struct indexer_hooks *hooks, void *arg,
                struct indexer **ret_indexer)
{
    struct indexer *indexer = calloc(1, sizeof(*indexer));

    if (!indexer)
        return -ENOMEM;
    indexer->supervisor = sv;
    indexer->hooks = hooks;
    indexer->arg = arg;
    indexer->timer = nvr_timer_new(sv->loop, indexer);
    if (!indexer->timer) {
        free(indexer);
        return -ENOMEM;
    }
    *ret_indexer = indexer;
    return 0;
}

void indexer_stop(struct indexer *indexer)
{
    indexer->stopped = true;
    nvr_timer_free(NVR_TAKE(indexer->timer));
}

void indexer_free(struct indexer *indexer)
{
    free(indexer);
}
