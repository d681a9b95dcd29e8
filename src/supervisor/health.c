/* Warnings, and what /health, /status, /workers and system/info answer. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "src/supervisor/private.h"

NVR_LOG_TOPIC("health");

/* ---- warnings ---- */

static struct warning *find_warning(struct nvr_supervisor *sv, const char *code)
{
    for (size_t i = 0; i < sv->warnings_count; i++)
        if (strcmp(sv->warnings[i].code, code) == 0)
            return &sv->warnings[i];
    return NULL;
}

void nvr_supervisor_warning_set(struct nvr_supervisor *sv, const char *code, const char *fmt, ...)
{
    struct warning *warning = find_warning(sv, code);
    char message[sizeof(warning->message)];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    while (message[0] && !nvr_str_is_utf8(nvr_str_from(message)))
        message[strlen(message) - 1] = 0;
    if (!warning) {
        if (sv->warnings_count == WARNINGS_MAX)
            return;
        warning = &sv->warnings[sv->warnings_count++];
        (void)snprintf(warning->code, sizeof(warning->code), "%s", code);
        log_warn("%s", message);
    }
    memcpy(warning->message, message, sizeof(warning->message));
}

void nvr_supervisor_warning_clear(struct nvr_supervisor *sv, const char *code)
{
    struct warning *warning = find_warning(sv, code);

    if (!warning)
        return;
    const size_t after = (size_t)(&sv->warnings[sv->warnings_count] - (warning + 1));

    memmove(warning, warning + 1, after * sizeof(*warning));
    sv->warnings_count--;
}

static json_t *warnings_to_json(const struct nvr_supervisor *sv)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < sv->warnings_count; i++)
        (void)json_array_append_new(list, json_pack("{s:s, s:s}", "code", sv->warnings[i].code,
                                                    "message", sv->warnings[i].message));
    return list;
}

/* ---- workers ---- */

/* A value of /proc/<pid>/<file> in kB ("Rss:   123 kB"), in bytes; -1: not known. */
static int64_t read_proc_kb(pid_t pid, const char *file, const char *key)
{
    char path[64];
    struct nvr_buf text;
    int64_t value = -1;

    if (nvr_fmt(path, sizeof(path), "/proc/%d/%s", (int)pid, file) < 0)
        return -1;
    nvr_buf_init(&text, 16384);
    if (nvr_file_read(path, &text) == 0) {
        struct nvr_str rest = {(const char *)text.data, text.len};

        while (rest.p && value < 0) {
            struct nvr_str line = nvr_str_cut(&rest, '\n');
            uint64_t kb = 0;

            if (!nvr_str_starts(line, nvr_str_from(key)))
                continue;
            (void)nvr_str_cut(&line, ':');
            line = nvr_str_trim(line);
            line = nvr_str_trim(nvr_str_cut(&line, ' '));
            if (nvr_str_to_u64(line, UINT32_MAX, &kb) == 0)
                value = (int64_t)kb * 1024;
        }
    }
    nvr_buf_done(&text);
    return value;
}

static json_t *int_or_null(int64_t value)
{
    return value > 0 ? json_integer((json_int_t)value) : json_null();
}

json_t *worker_to_json(const struct worker *worker)
{
    const int64_t rss = worker->pid ? read_proc_kb(worker->pid, "status", "VmRSS") : 0;

    return json_pack(
        "{s:s, s:s, s:s, s:o, s:o, s:i, s:o, s:o, s:o, s:O?, s:I, s:o}", "id", worker->id, "kind",
        worker->role, "state", worker_state_name(worker->state.id), "pid", int_or_null(worker->pid),
        "started_ms", int_or_null(worker->pid ? worker->started_wall_ms : 0), "restarts",
        (int)worker->state.restarts, "last_heartbeat_ms", int_or_null(worker->alive_wall_ms),
        "last_exit", worker->last_exit[0] ? json_string(worker->last_exit) : json_null(),
        "next_start_ms", int_or_null(worker->next_start_wall_ms), "sandbox", worker->sandbox,
        "cpu_ms", (json_int_t)worker->cpu_ms, "rss_bytes", int_or_null(rss));
}

json_t *nvr_supervisor_workers_to_json(struct nvr_supervisor *sv)
{
    json_t *list = json_array();

    for (const struct camera *camera = sv->cameras; list && camera; camera = camera->next) {
        json_t *item = camera->removed ? NULL : worker_to_json(&camera->worker);

        if (item)
            (void)json_array_append_new(list, item);
    }
    if (list)
        services_add_to_json(sv, list);
    return list;
}

json_t *worker_to_json_full(const struct worker *worker)
{
    json_t *object = worker_to_json(worker);

    if (object && worker->pid)
        (void)json_object_set_new(object, "pss_bytes",
                                  int_or_null(read_proc_kb(worker->pid, "smaps_rollup", "Pss")));
    return object;
}

json_t *nvr_supervisor_worker_to_json(struct nvr_supervisor *sv, const char *id)
{
    const struct camera *camera = cameras_find(sv, id);

    return camera ? worker_to_json_full(&camera->worker) : services_find_json(sv, id);
}

/* ---- health ---- */

enum check_level { CHECK_OK, CHECK_DEGRADED, CHECK_FAILED };

static enum check_level worst;

static json_t *check(enum check_level level, const char *fmt, ...) NVR_PRINTF(2, 3);

static json_t *check(enum check_level level, const char *fmt, ...)
{
    static const char *const names[] = {"ok", "degraded", "failed"};
    char message[600];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    worst = NVR_MAX(worst, level);
    return json_pack("{s:s, s:s}", "status", names[level], "message", message);
}

static json_t *check_database(struct nvr_supervisor *sv)
{
    struct nvr_store_stats stats = {0};

    nvr_store_get_stats(sv->store, &stats);
    if (stats.last_error)
        return check(CHECK_FAILED, "%s", nvr_strerror((int)stats.last_error));
    if (stats.queue_depth > NVR_STORE_QUEUE_MAX / 2)
        return check(CHECK_DEGRADED, "%lld writes are waiting", (long long)stats.queue_depth);
    return check(CHECK_OK, "%s", "");
}

static json_t *check_storage(struct nvr_supervisor *sv)
{
    if (find_warning(sv, "storage_missing"))
        return check(CHECK_FAILED, "%s", find_warning(sv, "storage_missing")->message);
    if (sv->storage.error)
        return check(CHECK_FAILED, "the recordings folder cannot be used: %s",
                     nvr_strerror(sv->storage.error));
    if (find_warning(sv, "storage_unusable"))
        return check(CHECK_FAILED, "%s", "the recordings folder does not answer");
    if (sv->storage.low)
        return check(CHECK_DEGRADED, "only %llu MB free",
                     (unsigned long long)(sv->storage.free_bytes / 1000000));
    return check(CHECK_OK, "%s", "");
}

static json_t *check_config(struct nvr_supervisor *sv)
{
    const struct warning *warning = find_warning(sv, "config");

    return warning ? check(CHECK_DEGRADED, "%s", warning->message) : check(CHECK_OK, "%s", "");
}

static json_t *check_workers(struct nvr_supervisor *sv)
{
    unsigned wanted = 0;
    unsigned running = 0;

    for (const struct camera *camera = sv->cameras; camera; camera = camera->next) {
        wanted += camera_is_wanted(camera);
        running += camera_is_wanted(camera) && camera->worker.state.id == WORKER_RUNNING;
    }
    return check(running == wanted ? CHECK_OK : CHECK_DEGRADED, "%u of %u run", running, wanted);
}

json_t *nvr_supervisor_health_to_json(struct nvr_supervisor *sv, bool *ret_healthy)
{
    static const char *const names[] = {"ok", "degraded", "failed"};
    json_t *checks;

    worst = CHECK_OK;
    checks = json_pack("{s:o, s:o, s:o, s:o}", "database", check_database(sv), "storage",
                       check_storage(sv), "config", check_config(sv), "workers", check_workers(sv));
    if (ret_healthy)
        *ret_healthy = worst != CHECK_FAILED;
    return json_pack("{s:s, s:o}", "status", names[worst], "checks", checks);
}

/* ---- status and info ---- */

static json_t *storage_to_json(const struct nvr_supervisor *sv)
{
    const struct storage_state *state = &sv->storage;
    const char *error =
        state->error == -ENODEV ? "The disk is missing" : nvr_strerror(state->error);

    return json_pack("{s:s, s:I, s:I, s:I, s:o}", "path", sv->recordings_dir, "total_bytes",
                     (json_int_t)state->total_bytes, "free_bytes", (json_int_t)state->free_bytes,
                     "recordings_bytes", (json_int_t)state->recordings_bytes, "error",
                     state->error ? json_string(error) : json_null());
}

static json_t *counts_to_json(const struct nvr_supervisor *sv)
{
    int by_status[4] = {0};
    int total = 0;
    int recording = 0;
    int stopped = 0;

    for (const struct camera *camera = sv->cameras; camera; camera = camera->next) {
        if (camera->removed)
            continue;
        total++;
        by_status[camera->status]++;
        recording += camera->recording_active;
        stopped += camera->stopped || !camera->config.enabled;
    }
    return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "total", total, "online",
                     by_status[CAMERA_ONLINE], "starting", by_status[CAMERA_STARTING], "offline",
                     by_status[CAMERA_OFFLINE], "error", by_status[CAMERA_ERROR], "recording",
                     recording, "stopped", stopped);
}

static json_t *database_to_json(struct nvr_supervisor *sv)
{
    struct nvr_store_stats stats = {0};

    nvr_store_get_stats(sv->store, &stats);
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "commits", (json_int_t)stats.commits, "jobs",
                     (json_int_t)stats.jobs, "failed", (json_int_t)stats.failed, "queue_depth",
                     (json_int_t)stats.queue_depth, "last_commit_us",
                     (json_int_t)stats.last_commit_us, "longest_commit_us",
                     (json_int_t)stats.longest_commit_us);
}

json_t *nvr_supervisor_status_to_json(struct nvr_supervisor *sv)
{
    return json_pack("{s:s, s:I, s:i, s:o, s:o, s:o, s:o, s:o}", "version", NVR_VERSION, "uptime_s",
                     (json_int_t)((nvr_clock_mono_ms() - sv->started_mono_ms) / 1000), "pid",
                     (int)getpid(), "cameras", counts_to_json(sv), "workers",
                     nvr_supervisor_workers_to_json(sv), "storage", storage_to_json(sv), "database",
                     database_to_json(sv), "zygotes", zygotes_to_json(sv));
}

/* The weakest box among the workers that run. */
static const char *sandbox_level(const struct nvr_supervisor *sv)
{
    static const char *const names[] = {"none", "partial", "full"};
    size_t lowest = NVR_ARRAY_SIZE(names);

    for (const struct camera *camera = sv->cameras; camera; camera = camera->next) {
        const char *level = "";

        if (!camera->worker.sandbox ||
            nvr_json_get_str(camera->worker.sandbox, "level", &level) != 1)
            continue;
        for (size_t i = 0; i < lowest && i < NVR_ARRAY_SIZE(names); i++)
            if (strcmp(names[i], level) == 0)
                lowest = i;
    }
    return lowest < NVR_ARRAY_SIZE(names) ? names[lowest] : "unknown";
}

json_t *nvr_supervisor_info_to_json(struct nvr_supervisor *sv)
{
    const struct nvr_system_config *system = nvr_config_get_system(sv->file.config);
    char zone[sizeof(system->timezone)];

    if (strcmp(system->timezone, "local") == 0)
        nvr_clock_zone_name(zone, sizeof(zone));
    else
        (void)snprintf(zone, sizeof(zone), "%s", system->timezone);

    return json_pack("{s:s, s:s, s:I, s:I, s:s, s:b, s:o, s:s, s:o}", "name", system->name,
                     "version", NVR_VERSION, "started_ms", (json_int_t)sv->started_wall_ms,
                     "uptime_s", (json_int_t)((nvr_clock_mono_ms() - sv->started_mono_ms) / 1000),
                     "timezone", zone, "demo", sv->demo, "storage", storage_to_json(sv), "sandbox",
                     sandbox_level(sv), "warnings", warnings_to_json(sv));
}

json_t *nvr_supervisor_logs_to_json(struct nvr_supervisor *sv, const char *level,
                                    const char *camera, int64_t after_seq, unsigned limit)
{
    (void)sv;
    return logs_to_json(level, camera, after_seq, limit);
}
