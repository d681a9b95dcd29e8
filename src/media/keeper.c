/* Role keeper: calls of the core and their answers. The work: keeper.h. */
#include "src/media/keeper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/ipc/child.h"
#include "src/media/roles.h"

NVR_LOG_TOPIC("keeper");

#define HEARTBEAT_MS 5000
#define TIMEOUT_MIN_MS 100
#define TIMEOUT_MAX_MS (24 * 3600 * 1000)

struct keeper {
    struct nvr_child *child;
    struct keeper_config config;
    struct keeper_queue *queue; /* NULL: not set up */
    char folders[KEEPER_FOLDERS_MAX][KEEPER_FOLDER_SIZE];
    uv_timer_t heartbeat;
};

/* ---- reading calls ---- */

static bool read_text(const json_t *object, const char *key, char *dst, size_t size)
{
    const char *text = NULL;

    return nvr_json_get_str(object, key, &text) == 1 &&
           nvr_str_copy(dst, size, nvr_str_from(text)) == 0;
}

static bool read_folder(const json_t *object, const char *key, char dst[KEEPER_FOLDER_SIZE])
{
    return read_text(object, key, dst, KEEPER_FOLDER_SIZE) && dst[0] == '/';
}

static bool read_s3(const json_t *json, struct keeper_s3 *s3)
{
    s3->path_style = json_is_true(json_object_get(json, "path_style"));
    return read_text(json, "endpoint", s3->endpoint, sizeof(s3->endpoint)) &&
           read_text(json, "region", s3->region, sizeof(s3->region)) &&
           read_text(json, "bucket", s3->bucket, sizeof(s3->bucket)) &&
           read_text(json, "prefix", s3->prefix, sizeof(s3->prefix)) &&
           read_text(json, "access_key", s3->access_key, sizeof(s3->access_key)) &&
           read_text(json, "secret_key", s3->secret_key, sizeof(s3->secret_key));
}

static bool read_place(const json_t *params, const char *key, struct keeper_place *place)
{
    const json_t *json = json_object_get(params, key);

    place->is_s3 = json_is_true(json_object_get(json, "s3"));
    place->is_gone = json_is_true(json_object_get(json, "gone"));
    if (json_object_get(json, "marker") &&
        !read_text(json, "marker", place->marker, sizeof(place->marker)))
        return false;
    return place->is_s3 || read_folder(json, "folder", place->folder);
}

static bool read_file(const json_t *params, struct keeper_job *job)
{
    return read_text(params, "path", job->path, sizeof(job->path)) && nvr_path_is_safe(job->path) &&
           nvr_json_get_int(params, "size", 0, KEEPER_FILE_MAX, &job->size) == 1 &&
           read_text(params, "sha256", job->sha256, sizeof(job->sha256)) &&
           strlen(job->sha256) == NVR_S3_SHA256_HEX_SIZE - 1 &&
           strspn(job->sha256, "0123456789abcdef") == NVR_S3_SHA256_HEX_SIZE - 1;
}

static bool read_job(const char *method, const json_t *params, struct keeper_job *job)
{
    const json_t *s3 = json_object_get(params, "s3");

    if (strcmp(method, "copy") == 0) {
        job->op = KEEPER_COPY;
        return read_place(params, "from", &job->from) && read_place(params, "to", &job->to) &&
               read_file(params, job);
    }
    if (strcmp(method, "remove") == 0) {
        job->op = KEEPER_REMOVE;
        job->size = -1;
        return read_place(params, "at", &job->from) &&
               read_text(params, "path", job->path, sizeof(job->path)) &&
               nvr_path_is_safe(job->path) &&
               nvr_json_get_int(params, "size", 0, KEEPER_FILE_MAX, &job->size) >= 0;
    }
    if (strcmp(method, "fetch") == 0) {
        job->op = KEEPER_FETCH;
        job->cache_only = json_is_true(json_object_get(params, "cache_only"));
        return read_place(params, "at", &job->from) && read_file(params, job);
    }
    job->op = KEEPER_CHECK;
    job->test = json_is_true(json_object_get(params, "test"));
    if (json_object_get(params, "adopt") &&
        !read_text(params, "adopt", job->adopt, sizeof(job->adopt)))
        return false;
    if (json_is_object(s3)) {
        job->s3 = calloc(1, sizeof(*job->s3));
        if (!job->s3 || !read_s3(s3, job->s3))
            return false;
    }
    return read_place(params, "at", &job->from);
}

/* ---- answering ---- */

static const char *code_of(int error)
{
    switch (error) {
    case -ENOENT:
        return "not_found";
    case -ENODEV:
        return "missing";
    case -EACCES:
    case -EPERM:
        return "denied";
    case -EROFS:
        return "readonly";
    case -ENOSPC:
    case -EDQUOT:
        return "full";
    case -EBADMSG:
        return "changed";
    case -ETIMEDOUT:
        return "slow";
    case -ECANCELED:
        return "cancelled";
    default:
        return "io";
    }
}

static void answer(struct keeper *keeper, struct keeper_job *job, int fd)
{
    json_t *result;

    if (job->result < 0) {
        nvr_child_refuse(keeper->child, job->call, code_of(job->result),
                         job->words[0] ? job->words : nvr_strerror(job->result));
        return;
    }
    if (job->op == KEEPER_CHECK)
        result = json_pack("{s:s, s:I, s:I, s:I, s:b}", "marker", job->marker, "total_bytes",
                           (json_int_t)job->total_bytes, "free_bytes", (json_int_t)job->free_bytes,
                           "latency_ms", (json_int_t)job->elapsed_ms, "same_disk", job->same_disk);
    else
        result = json_pack("{s:I}", "elapsed_ms", (json_int_t)job->elapsed_ms);
    nvr_child_answer(keeper->child, job->call, result,
                     job->op == KEEPER_FETCH && !job->cache_only ? fd : -1);
}

static void on_done(struct keeper_job *job, void *arg)
{
    struct keeper *keeper = arg;

    while (job->followers) {
        struct keeper_job *follower = job->followers;

        job->followers = follower->next;
        follower->result = job->result;
        memcpy(follower->words, job->words, sizeof(job->words));
        answer(keeper, follower, job->fd);
        keeper_job_free(follower);
    }
    answer(keeper, job, job->fd);
    keeper_job_free(job);
}

/* ---- setup ---- */

static void on_heartbeat(uv_timer_t *timer)
{
    struct keeper *keeper = timer->data;
    struct rusage usage;

    (void)getrusage(RUSAGE_SELF, &usage);
    nvr_child_tell(keeper->child, "heartbeat",
                   json_pack("{s:I}", "cpu_ms",
                             (json_int_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
                                 (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000),
                   -1);
}

static bool read_config(struct keeper *keeper, const json_t *params)
{
    struct keeper_config *config = &keeper->config;
    const json_t *folders = json_object_get(params, "folders");
    const json_t *s3 = json_object_get(params, "s3");

    if (!read_folder(params, "recordings", config->recordings) ||
        !read_folder(params, "cache", config->cache) ||
        nvr_json_get_int(params, "cache_bytes", 0, INT64_MAX, &config->cache_bytes) != 1 ||
        nvr_json_get_int(params, "bytes_per_second", 0, INT64_MAX, &config->bytes_per_second) != 1)
        return false;
    config->has_s3 = json_is_object(s3);
    if (config->has_s3 && !read_s3(s3, &config->s3))
        return false;
    if (json_array_size(folders) > KEEPER_FOLDERS_MAX)
        return false;
    for (size_t i = 0; i < json_array_size(folders); i++) {
        const char *folder = json_string_value(json_array_get(folders, i));

        if (!folder || folder[0] != '/' ||
            nvr_str_copy(keeper->folders[i], KEEPER_FOLDER_SIZE, nvr_str_from(folder)) < 0)
            return false;
    }
    return true;
}

static int enter(struct keeper *keeper)
{
    const char *write_paths[KEEPER_FOLDERS_MAX + 3] = {keeper->config.recordings,
                                                       keeper->config.cache};
    size_t n = 2;
    int r = nvr_mkdir_p(keeper->config.cache, 0700);

    if (r < 0)
        return log_err(r, "folder '%s'", keeper->config.cache);
    for (size_t i = 0; i < KEEPER_FOLDERS_MAX && keeper->folders[i][0]; i++)
        write_paths[n++] = keeper->folders[i];
    write_paths[n] = NULL;
    r = nvr_s3_init(); /* reads configuration of TLS: before the door closes */
    if (r == 0)
        r = nvr_child_enter_paths(keeper->child, NVR_SANDBOX_INET, NULL, write_paths);
    return r;
}

static void set_up(struct keeper *keeper, const struct nvr_rpc_request *request)
{
    uv_loop_t *loop = nvr_child_get_loop(keeper->child);
    int r = 0;

    if (keeper->queue || !read_config(keeper, request->params)) {
        nvr_child_refuse(keeper->child, request->id, "io", "the setup is not understood");
        return;
    }
    r = enter(keeper);
    if (r == 0)
        r = keeper_queue_new(loop, &keeper->config, on_done, keeper, &keeper->queue);
    if (r < 0) {
        nvr_child_refuse(keeper->child, request->id, "io", nvr_strerror(r));
        nvr_child_end(keeper->child, 1);
        return;
    }
    keeper->heartbeat.data = keeper;
    (void)uv_timer_init(loop, &keeper->heartbeat);
    (void)uv_timer_start(&keeper->heartbeat, on_heartbeat, HEARTBEAT_MS, HEARTBEAT_MS);
    nvr_child_answer(keeper->child, request->id, json_object(), -1);
}

static bool is_job(const char *method)
{
    return strcmp(method, "copy") == 0 || strcmp(method, "remove") == 0 ||
           strcmp(method, "fetch") == 0 || strcmp(method, "check") == 0;
}

static void take_job(struct keeper *keeper, const struct nvr_rpc_request *request)
{
    struct keeper_job *job = calloc(1, sizeof(*job));
    int64_t timeout_ms = 0;

    if (job)
        *job = (struct keeper_job){.call = request->id, .fd = -1};
    if (!job ||
        nvr_json_get_int(request->params, "timeout_ms", TIMEOUT_MIN_MS, TIMEOUT_MAX_MS,
                         &timeout_ms) != 1 ||
        !read_job(request->method, request->params, job)) {
        keeper_job_free(job);
        nvr_child_refuse(keeper->child, request->id, "io", "the call is not understood");
        return;
    }
    job->deadline_ms = nvr_clock_mono_ms() + timeout_ms;
    if (keeper_queue_add(keeper->queue, job) < 0)
        nvr_child_refuse(keeper->child, request->id, "io", "too much is waiting");
}

static void on_request(struct nvr_child *child, const struct nvr_rpc_request *request, void *arg)
{
    struct keeper *keeper = arg;

    keeper->child = child;
    if (strcmp(request->method, "setup") == 0) {
        set_up(keeper, request);
    } else if (strcmp(request->method, "stop") == 0) {
        nvr_child_answer(child, request->id, json_object(), -1);
        nvr_child_end(child, 0);
    } else if (keeper->queue && is_job(request->method)) {
        take_job(keeper, request);
    } else {
        nvr_child_refuse(child, request->id, "io", "not set up, or no such call");
    }
}

static void on_stop(struct nvr_child *child, void *arg)
{
    (void)arg;
    nvr_child_end(child, 0);
}

int nvr_keeper_run(const char *name, int fd)
{
    static const struct nvr_child_role role = {
        .name = "keeper", .on_request = on_request, .on_stop = on_stop};
    static struct keeper keeper; /* the role's one, and its threads' until the process ends */

    (void)name;
    return nvr_child_run(fd, &role, &keeper);
}
