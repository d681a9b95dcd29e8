#include "tests/unit/fake_supervisor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"

#define RING_SIZE (1024 * 1024)
#define JOBS_MAX 16

struct nvr_live_watch {
    struct nvr_supervisor *supervisor;
    nvr_live_fn fn;
    void *arg;
    struct nvr_live_watch *next;
};

struct nvr_job {
    struct nvr_supervisor *supervisor;
    uv_timer_t timer;
    nvr_job_done done;
    void *arg;
    bool is_probe;
};

struct nvr_supervisor {
    uv_loop_t *loop;
    struct nvr_bus *bus;
    struct nvr_store *store;
    struct nvr_config *config;
    char recordings[4096];
    char data[4096];
    char status[16];
    char added[NVR_SLUG_SIZE];
    struct nvr_ring *ring;
    struct nvr_live_watch *watches;
    struct fake_job_log jobs;
    struct nvr_job *pending[JOBS_MAX];
};

static const char config_text[] = "version: \"1.0\"\n"
                                  "cameras:\n"
                                  "  - id: front\n"
                                  "    name: Front door\n"
                                  "    stream:\n"
                                  "      url: rtsp://10.0.0.1/main\n"
                                  "      username: admin\n"
                                  "  - id: back\n"
                                  "    name: Back door\n"
                                  "    stream:\n"
                                  "      url: rtsp://10.0.0.2/main\n";

#define MUST(ok)                                                                                   \
    do {                                                                                           \
        if (!(ok)) {                                                                               \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #ok);                         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

struct nvr_supervisor *fake_supervisor_new(uv_loop_t *loop, const char *dir)
{
    struct nvr_supervisor *supervisor = calloc(1, sizeof(*supervisor));
    struct nvr_config_errors errors = {.count = 0};
    char path[4096];

    MUST(supervisor);
    supervisor->loop = loop;
    MUST(nvr_path_join(path, sizeof(path), dir, "heron.db") == 0);
    MUST(nvr_path_join(supervisor->recordings, sizeof(supervisor->recordings), dir, "recordings") ==
         0);
    MUST(nvr_mkdir_p(supervisor->recordings, 0700) == 0);
    MUST(nvr_fmt(supervisor->data, sizeof(supervisor->data), "%s", dir) > 0);
    MUST(nvr_store_open(path, &supervisor->store) == 0);
    MUST(nvr_config_parse(config_text, strlen(config_text), NULL, &supervisor->config, &errors) ==
         0);
    MUST(nvr_fmt(supervisor->status, sizeof(supervisor->status), "online") > 0);
    MUST(nvr_ring_new("front", RING_SIZE, &supervisor->ring) == 0);
    MUST(nvr_bus_new(&supervisor->bus) == 0);
    return supervisor;
}

void fake_supervisor_free(struct nvr_supervisor *supervisor)
{
    MUST(!supervisor->watches);
    json_decref(supervisor->jobs.params);
    nvr_ring_free(supervisor->ring);
    nvr_config_free(supervisor->config);
    nvr_store_close(supervisor->store);
    nvr_bus_free(supervisor->bus);
    free(supervisor);
}

/* ---- ring ---- */

static void tell(struct nvr_supervisor *supervisor, enum nvr_live_event event)
{
    for (struct nvr_live_watch *watch = supervisor->watches; watch; watch = watch->next)
        watch->fn(event, watch->arg);
}

void fake_begin_epoch(struct nvr_supervisor *supervisor, const char *codecs)
{
    static struct nvr_ring_init init;
    uint32_t epoch;

    memset(&init, 0, sizeof(init));
    init.width = 640;
    init.height = 360;
    MUST(nvr_fmt(init.codecs, sizeof(init.codecs), "%s", codecs) > 0);
    MUST(nvr_fmt((char *)init.data, sizeof(init.data), "INIT %s", codecs) > 0);
    init.size = (uint32_t)strlen((char *)init.data);
    MUST(nvr_ring_begin_epoch(supervisor->ring, &init, &epoch) == 0);
}

void fake_publish(struct nvr_supervisor *supervisor, bool key, size_t size, unsigned char fill)
{
    uint8_t *data = nvr_ring_reserve(supervisor->ring, size);
    struct nvr_ring_entry entry = {
        .dts_us = nvr_clock_wall_us(),
        .duration_us = 40000,
        .arrival_us = nvr_clock_wall_us(),
        .flags = key ? NVR_RING_KEY : 0,
        .size = (uint32_t)size,
    };

    MUST(data);
    memset(data, fill, size);
    nvr_ring_commit(supervisor->ring, &entry);
    tell(supervisor, NVR_LIVE_DATA);
}

void fake_replace_ring(struct nvr_supervisor *supervisor)
{
    nvr_ring_free(supervisor->ring);
    supervisor->ring = NULL;
    MUST(nvr_ring_new("front", RING_SIZE, &supervisor->ring) == 0);
    tell(supervisor, NVR_LIVE_RING);
}

void fake_set_status(struct nvr_supervisor *supervisor, const char *status)
{
    MUST(nvr_fmt(supervisor->status, sizeof(supervisor->status), "%s", status) > 0);
    tell(supervisor, NVR_LIVE_STATUS);
}

unsigned fake_watch_count(const struct nvr_supervisor *supervisor)
{
    unsigned count = 0;

    for (const struct nvr_live_watch *watch = supervisor->watches; watch; watch = watch->next)
        count++;
    return count;
}

int nvr_supervisor_live_watch(struct nvr_supervisor *supervisor, const char *id, const char *stream,
                              nvr_live_fn fn, void *arg, struct nvr_live_watch **ret_watch)
{
    struct nvr_live_watch *watch;

    if (!nvr_config_find_camera(supervisor->config, id))
        return -ENOENT;
    if (strcmp(stream, "main") != 0)
        return -ENOTSUP;
    watch = calloc(1, sizeof(*watch));
    MUST(watch);
    *watch = (struct nvr_live_watch){supervisor, fn, arg, supervisor->watches};
    supervisor->watches = watch;
    *ret_watch = watch;
    return 0;
}

void nvr_supervisor_live_unwatch(struct nvr_live_watch *watch)
{
    struct nvr_live_watch **link = &watch->supervisor->watches;

    while (*link != watch)
        link = &(*link)->next;
    *link = watch->next;
    free(watch);
}

int nvr_supervisor_live_reader(struct nvr_supervisor *supervisor, const char *id,
                               const char *stream, struct nvr_ring_reader **ret_reader)
{
    if (!nvr_config_find_camera(supervisor->config, id))
        return -ENOENT;
    if (strcmp(stream, "main") != 0)
        return -ENOTSUP;
    if (strcmp(id, "front") != 0)
        return -EAGAIN;
    return nvr_ring_reader_open_take(dup(nvr_ring_get_fd(supervisor->ring)), ret_reader);
}

/* ---- jobs ---- */

struct fake_job_log *fake_supervisor_jobs(struct nvr_supervisor *supervisor)
{
    return &supervisor->jobs;
}

static void on_job_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void end_job(struct nvr_job *job)
{
    for (size_t i = 0; i < JOBS_MAX; i++)
        if (job->supervisor->pending[i] == job)
            job->supervisor->pending[i] = NULL;
    uv_close((uv_handle_t *)&job->timer, on_job_closed);
}

static void answer_job(uv_timer_t *timer)
{
    struct nvr_job *job = timer->data;
    NVR_AUTO_JSON result = job->is_probe
                               ? json_pack("{s:[{s:s, s:s}], s:s, s:b}", "streams", "kind", "video",
                                           "codec", "h264", "protocol", "heron", "jpeg", 1)
                               : json_pack("{s:i, s:i, s:I, s:i}", "width", 640, "height", 360,
                                           "time_ms", (json_int_t)1700000000123, "size", 4);
    int fd = memfd_create("jpeg", MFD_CLOEXEC);
    struct nvr_job_result answer = {.result = result, .fd = &fd};

    MUST(fd >= 0 && write(fd, "JPEG", 4) == 4);
    if (job->supervisor->jobs.fail)
        answer = (struct nvr_job_result){.error = -EREMOTEIO,
                                         .error_code = "refused",
                                         .message = "The camera refused the connection.",
                                         .fd = &fd};
    job->done(&answer, job->arg);
    if (fd >= 0)
        close(fd);
    end_job(job);
}

int nvr_supervisor_job(struct nvr_supervisor *supervisor, const char *role, json_t *params,
                       int fd_take, unsigned timeout_ms, nvr_job_done done, void *arg,
                       struct nvr_job **ret_job)
{
    struct nvr_job *job = calloc(1, sizeof(*job));
    struct stat st = {.st_size = 0};

    (void)timeout_ms;
    MUST(job);
    if (fd_take >= 0) {
        MUST(fstat(fd_take, &st) == 0);
        close(fd_take);
    }
    supervisor->jobs.count++;
    supervisor->jobs.fd_size = (size_t)st.st_size;
    MUST(nvr_fmt(supervisor->jobs.method, sizeof(supervisor->jobs.method), "%s", role) > 0);
    json_decref(supervisor->jobs.params);
    supervisor->jobs.params = params;
    *job = (struct nvr_job){.supervisor = supervisor, .done = done, .arg = arg};
    job->is_probe = strcmp(role, "probe") == 0;
    MUST(uv_timer_init(supervisor->loop, &job->timer) == 0);
    job->timer.data = job;
    for (size_t i = 0; i < JOBS_MAX; i++) {
        if (!supervisor->pending[i]) {
            supervisor->pending[i] = job;
            break;
        }
    }
    if (!supervisor->jobs.hold)
        MUST(uv_timer_start(&job->timer, answer_job, 0, 0) == 0);
    *ret_job = job;
    return 0;
}

void fake_release_jobs(struct nvr_supervisor *supervisor)
{
    for (size_t i = 0; i < JOBS_MAX; i++)
        if (supervisor->pending[i])
            MUST(uv_timer_start(&supervisor->pending[i]->timer, answer_job, 0, 0) == 0);
}

void nvr_supervisor_job_cancel(struct nvr_job *job)
{
    if (!job)
        return;
    job->supervisor->jobs.cancelled++;
    end_job(job);
}

void nvr_supervisor_job_listen(struct nvr_job *job, nvr_job_request fn)
{
    (void)job;
    (void)fn;
}

struct nvr_rpc *nvr_supervisor_job_get_rpc(struct nvr_job *job)
{
    (void)job;
    return NULL;
}

void nvr_supervisor_job_extend(struct nvr_job *job, unsigned timeout_ms)
{
    (void)job;
    (void)timeout_ms;
}

/* ---- configuration and state ---- */

struct nvr_bus *nvr_supervisor_get_bus(struct nvr_supervisor *supervisor)
{
    return supervisor->bus;
}

struct nvr_store *nvr_supervisor_get_store(struct nvr_supervisor *supervisor)
{
    return supervisor->store;
}

const struct nvr_config *nvr_supervisor_get_config(struct nvr_supervisor *supervisor)
{
    return supervisor->config;
}

const char *nvr_supervisor_get_recordings_dir(struct nvr_supervisor *supervisor)
{
    return supervisor->recordings;
}

int nvr_supervisor_adopt_recordings(struct nvr_supervisor *supervisor)
{
    (void)supervisor;
    return 0;
}

static int refuse(struct nvr_config_errors *errors, const char *field, const char *message)
{
    errors->count = 1;
    MUST(nvr_fmt(errors->items[0].field, sizeof(errors->items[0].field), "%s", field) > 0);
    MUST(nvr_fmt(errors->items[0].message, sizeof(errors->items[0].message), "%s", message) > 0);
    return -EINVAL;
}

int nvr_supervisor_camera_add(struct nvr_supervisor *supervisor, const json_t *body,
                              char ret_id[NVR_SLUG_SIZE], struct nvr_config_errors *errors)
{
    if (!json_object_get(body, "name"))
        return refuse(errors, "name", "is missing");
    nvr_slug_from_name(json_string_value(json_object_get(body, "name")), supervisor->added);
    memcpy(ret_id, supervisor->added, NVR_SLUG_SIZE);
    return 0;
}

int nvr_supervisor_camera_put(struct nvr_supervisor *supervisor, const char *id, const json_t *body,
                              bool merge, struct nvr_config_errors *errors)
{
    (void)supervisor;
    (void)id;
    if (!merge && !json_object_get(body, "stream"))
        return refuse(errors, "stream", "is missing");
    return 0;
}

int nvr_supervisor_camera_remove(struct nvr_supervisor *supervisor, const char *id,
                                 bool delete_recordings)
{
    (void)delete_recordings;
    return nvr_config_find_camera(supervisor->config, id) ? 0 : -ENOENT;
}

void nvr_supervisor_recording_view(struct nvr_supervisor *supervisor, const char *id,
                                   struct nvr_recording_view *ret_view)
{
    *ret_view = (struct nvr_recording_view){.known_until_ms = INT64_MAX / 8, .cause = -1};
    if (nvr_supervisor_recording_now(supervisor, id, &ret_view->file_start_ms,
                                     &ret_view->file_end_ms))
        ret_view->known_until_ms = ret_view->file_end_ms;
}

bool nvr_supervisor_recording_now(struct nvr_supervisor *supervisor, const char *id,
                                  int64_t *ret_start_ms, int64_t *ret_end_ms)
{
    (void)supervisor;
    *ret_start_ms = 1700000060000;
    *ret_end_ms = 1700000070000;
    return strcmp(id, "front") == 0;
}

json_t *nvr_supervisor_camera_to_json(struct nvr_supervisor *supervisor, const char *id)
{
    const bool front = strcmp(id, "front") == 0;

    if (!nvr_config_find_camera(supervisor->config, id) && strcmp(id, supervisor->added) != 0)
        return NULL;
    return json_pack("{s:s, s:s, s:b, s:s, s:n, s:{s:s, s:f}}", "id", id, "name", "A camera",
                     "enabled", 1, "status", front ? supervisor->status : "offline", "error",
                     "main", "codec", "h264", "fps", 25.0);
}

json_t *nvr_supervisor_cameras_to_json(struct nvr_supervisor *supervisor)
{
    return json_pack("[o, o]", nvr_supervisor_camera_to_json(supervisor, "front"),
                     nvr_supervisor_camera_to_json(supervisor, "back"));
}

int nvr_supervisor_camera_act(struct nvr_supervisor *supervisor, const char *id,
                              enum nvr_camera_action action)
{
    (void)action;
    return nvr_config_find_camera(supervisor->config, id) ? 0 : -ENOENT;
}

int nvr_supervisor_record_start(struct nvr_supervisor *supervisor, const char *id,
                                int64_t duration_ms, int64_t *ret_until_ms)
{
    *ret_until_ms = 1700000000000 + duration_ms;
    return nvr_config_find_camera(supervisor->config, id) ? 0 : -ENOENT;
}

int nvr_supervisor_record_stop(struct nvr_supervisor *supervisor, const char *id)
{
    return nvr_config_find_camera(supervisor->config, id) ? 0 : -ENOENT;
}

int nvr_supervisor_record_trigger(struct nvr_supervisor *supervisor,
                                  const struct nvr_trigger *trigger, int64_t *ret_id,
                                  int64_t *ret_until_ms)
{
    *ret_id = trigger->kind == NVR_TRIGGER_EVENT ? 7 : 8;
    *ret_until_ms = trigger->end_ms - trigger->start_ms;
    return nvr_config_find_camera(supervisor->config, trigger->camera_id) ? 0 : -ENOENT;
}

json_t *nvr_supervisor_workers_to_json(struct nvr_supervisor *supervisor)
{
    (void)supervisor;
    return json_pack("[{s:s, s:s}]", "id", "front", "state", "running");
}

json_t *nvr_supervisor_worker_to_json(struct nvr_supervisor *supervisor, const char *id)
{
    (void)supervisor;
    return strcmp(id, "front") == 0 ? json_pack("{s:s, s:s}", "id", id, "state", "running") : NULL;
}

json_t *nvr_supervisor_health_to_json(struct nvr_supervisor *supervisor, bool *ret_healthy)
{
    *ret_healthy = strcmp(supervisor->status, "online") == 0;
    return json_pack("{s:s, s:{}}", "status", *ret_healthy ? "ok" : "failed", "checks");
}

json_t *nvr_supervisor_status_to_json(struct nvr_supervisor *supervisor)
{
    (void)supervisor;
    return json_pack("{s:s}", "version", NVR_VERSION);
}

json_t *nvr_supervisor_info_to_json(struct nvr_supervisor *supervisor)
{
    (void)supervisor;
    return json_pack("{s:s}", "version", NVR_VERSION);
}

int nvr_supervisor_config_try(struct nvr_supervisor *supervisor, const char *section,
                              const json_t *patch, struct nvr_config **ret_config,
                              struct nvr_config_errors *errors)
{
    return nvr_config_section_patch(supervisor->config, NULL, section, patch, ret_config, errors);
}

int nvr_supervisor_config_patch(struct nvr_supervisor *supervisor, const char *section,
                                const json_t *patch, struct nvr_config_errors *errors)
{
    struct nvr_config *config = NULL;
    const int r =
        nvr_config_section_patch(supervisor->config, NULL, section, patch, &config, errors);

    if (r < 0)
        return r;
    nvr_config_free(supervisor->config);
    supervisor->config = config;
    return 0;
}

json_t *nvr_supervisor_logs_to_json(struct nvr_supervisor *supervisor, const char *level,
                                    const char *camera, int64_t after_seq, unsigned limit)
{
    (void)supervisor;
    return json_pack("{s:[], s:s?, s:s?, s:I, s:i}", "items", "level", level, "camera", camera,
                     "after", (json_int_t)after_seq, "limit", (int)limit);
}

const char *nvr_supervisor_get_data_dir(struct nvr_supervisor *supervisor)
{
    return supervisor->data;
}

/* ---- services: none is ever there ---- */

struct nvr_service {
    char role[NVR_SLUG_SIZE];
};

int nvr_supervisor_service_new(struct nvr_supervisor *supervisor, const char *role,
                               const struct nvr_service_hooks *hooks, void *arg,
                               struct nvr_service **ret_service)
{
    (void)supervisor;
    (void)hooks;
    (void)arg;
    *ret_service = calloc(1, sizeof(**ret_service));
    MUST(*ret_service && nvr_fmt((*ret_service)->role, NVR_SLUG_SIZE, "%s", role) > 0);
    return 0;
}

struct nvr_rpc *nvr_service_get_rpc(struct nvr_service *service)
{
    (void)service;
    return NULL;
}

void nvr_service_want(struct nvr_service *service, bool wanted)
{
    (void)service;
    (void)wanted;
}

void nvr_service_restart(struct nvr_service *service)
{
    (void)service;
}

void nvr_service_stop(struct nvr_service *service)
{
    free(service);
}

void nvr_supervisor_get_storage(const struct nvr_supervisor *sv,
                                struct nvr_supervisor_storage *ret_storage)
{
    (void)sv;
    *ret_storage = (struct nvr_supervisor_storage){
        .known = true, .total_bytes = 1000000000000, .free_bytes = 500000000000};
}

bool nvr_supervisor_is_comparing(const struct nvr_supervisor *sv, const char *id)
{
    (void)sv;
    (void)id;
    return false;
}

void nvr_supervisor_hold_compare(struct nvr_supervisor *sv, bool held)
{
    (void)sv;
    (void)held;
}

const struct nvr_signing_key *nvr_supervisor_get_signing_key(struct nvr_supervisor *sv)
{
    (void)sv;
    return NULL;
}

void nvr_supervisor_warning_set(struct nvr_supervisor *sv, const char *code, const char *fmt, ...)
{
    (void)sv;
    (void)code;
    (void)fmt;
}

void nvr_supervisor_warning_clear(struct nvr_supervisor *sv, const char *code)
{
    (void)sv;
    (void)code;
}

uv_loop_t *nvr_supervisor_get_loop(struct nvr_supervisor *sv)
{
    return sv->loop;
}
