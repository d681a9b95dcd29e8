/* The jobs of the exports: kept in memory and in the table, run one after the other. */
#include "src/storage/exports.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "src/storage/exports_private.h"
#include "src/storage/retention.h"

NVR_LOG_TOPIC("export");

#define TICK_MS 10000
#define TAIL_MS 1000       /* is the file complete that is being written? */
#define TAIL_MAX_MS 900000 /* longer than any segment */
#define TOLD_MS 250        /* job.updated at most so often */
#define DAY_MS (INT64_C(24) * 3600 * 1000)

static const struct nvr_metric metric_exports = {"heron_exports_total", "Exports by how they ended",
                                                 NVR_METRIC_COUNTER};

/* ---- one job ---- */

void export_job_folder(const struct export_job *job, char dst[PATH_MAX])
{
    if (nvr_path_join(dst, PATH_MAX, job->exports->root, job->id) < 0)
        dst[0] = 0;
}

static void free_job(struct export_job *job)
{
    struct export_job **at = &job->exports->head;

    while (*at && *at != job)
        at = &(*at)->next;
    if (*at)
        *at = job->next;
    json_decref(job->files);
    free(job);
}

static json_t *time_or_null(int64_t time_ms)
{
    return time_ms ? json_integer(time_ms) : json_null();
}

static json_t *eta(const struct export_job *job)
{
    const int64_t spent = nvr_clock_wall_ms() - job->started_ms;

    if (job->state != NVR_JOB_RUNNING || job->progress < 0.02 || spent <= 0)
        return json_null();
    return json_integer((json_int_t)((double)spent / 1000 * (1 / job->progress - 1)) + 1);
}

static const char *job_name(const struct export_job *job, char dst[NVR_EXPORT_FILE_NAME_SIZE])
{
    if (job->spec.name[0])
        return job->spec.name;
    nvr_export_item_name(&job->spec.items[0], NULL, dst);
    return dst;
}

static json_t *to_json(const struct export_job *job)
{
    char name[NVR_EXPORT_FILE_NAME_SIZE];

    return json_pack(
        "{s:s, s:s, s:s, s:s, s:f, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:O, s:I}", "id", job->id,
        "type", "export", "name", job_name(job, name), "state", nvr_job_state_name(job->state),
        "progress", job->progress, "eta_s", eta(job), "created", (json_int_t)job->created_ms,
        "started", time_or_null(job->started_ms), "finished", time_or_null(job->finished_ms),
        "expires", time_or_null(job->expires_ms), "error",
        job->error_code[0] ? json_pack("{s:s, s:s}", "code", job->error_code, "message", job->error)
                           : json_null(),
        "params", nvr_export_spec_to_json(&job->spec), "files", job->files, "size_estimate",
        (json_int_t)job->size_estimate);
}

/* ---- the table ---- */

struct saving {
    struct nvr_job_row row;
    char *params, *result, *files; /* owned */
};

static void free_saving(struct saving *saving)
{
    free(saving->params);
    free(saving->result);
    free(saving->files);
    free(saving);
}

static int write_job(struct nvr_db *db, void *arg)
{
    return nvr_jobs_put(db, &((struct saving *)arg)->row);
}

static void on_written(int result, void *arg)
{
    if (result < 0)
        (void)log_err(result, "store a job");
    free_saving(arg);
}

static char *dump_take(json_t *value)
{
    char *text = value ? nvr_json_dump(value) : NULL;

    json_decref(value);
    return text;
}

static void save(const struct export_job *job)
{
    struct saving *saving = calloc(1, sizeof(*saving));
    char name[NVR_EXPORT_FILE_NAME_SIZE];
    int64_t size = 0;
    const json_t *file;
    size_t i;

    if (!saving)
        return;
    json_array_foreach(job->files, i, file) size +=
        json_integer_value(json_object_get(file, "size"));
    saving->row = (struct nvr_job_row){.state = job->state,
                                       .progress = job->progress,
                                       .created_ms = job->created_ms,
                                       .started_ms = job->started_ms,
                                       .finished_ms = job->finished_ms,
                                       .size = size,
                                       .expires_ms = job->expires_ms};
    memcpy(saving->row.id, job->id, sizeof(job->id));
    (void)nvr_fmt(saving->row.type, sizeof(saving->row.type), "export");
    (void)nvr_fmt(saving->row.name, sizeof(saving->row.name), "%s", job_name(job, name));
    memcpy(saving->row.error_code, job->error_code, sizeof(job->error_code));
    memcpy(saving->row.error, job->error, sizeof(job->error));
    saving->row.params = saving->params = dump_take(nvr_export_spec_to_json(&job->spec));
    saving->row.result = saving->result =
        dump_take(json_pack("{s:I}", "size_estimate", (json_int_t)job->size_estimate));
    saving->row.files = saving->files = dump_take(json_incref(job->files));
    if (!saving->params || !saving->result || !saving->files ||
        nvr_store_write(job->exports->storage->store, write_job, on_written, saving) < 0) {
        log_error("a job could not be stored");
        free_saving(saving);
    }
}

void export_job_changed(struct export_job *job, bool save_it)
{
    const int64_t now = nvr_clock_mono_ms();
    struct nvr_bus *bus = job->exports->storage->bus;

    if (job->deleted)
        return;
    if (save_it)
        save(job);
    else if (now - job->told_ms < TOLD_MS)
        return;
    job->told_ms = now;
    if (nvr_bus_has_listener(bus, "job.updated"))
        nvr_bus_publish_take(bus, "job.updated", to_json(job));
}

/* ---- files ---- */

/* A folder of plain files. Pool thread or start. */
static void remove_folder(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;

    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else reads this stream
    while (dir && (entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        (void)closedir(dir);
    if (rmdir(path) < 0 && errno != ENOENT)
        (void)log_err(-errno, "remove '%s'", path);
}

struct removal {
    uv_work_t work;
    struct storage_exports *exports;
    char path[PATH_MAX];
};

static void run_removal(uv_work_t *work)
{
    remove_folder(((struct removal *)work->data)->path);
}

static void on_removed(uv_work_t *work, int status)
{
    struct removal *removal = work->data;
    struct storage_exports *exports = removal->exports;

    (void)status;
    free(removal);
    exports_work_done(exports);
}

static void remove_files(const struct export_job *job)
{
    struct removal *removal = calloc(1, sizeof(*removal));

    if (!removal)
        return;
    removal->exports = job->exports;
    removal->work.data = removal;
    export_job_folder(job, removal->path);
    if (removal->path[0] &&
        uv_queue_work(job->exports->storage->loop, &removal->work, run_removal, on_removed) == 0)
        job->exports->works++;
    else
        free(removal);
}

/* ---- the queue ---- */

void exports_work_done(struct storage_exports *exports)
{
    exports->works--;
    storage_check_stopped(exports->storage);
}

static void on_tick(uv_timer_t *timer);

/* Not at once: the caller may be the queue itself. */
static void kick_soon(const struct storage_exports *exports)
{
    if (exports->timer)
        (void)uv_timer_start(exports->timer, on_tick, 0, TICK_MS);
}

void export_job_end(struct export_job *job, enum nvr_job_state state, const char *code,
                    const char *message)
{
    char labels[NVR_METRIC_LABELS_SIZE] = "";

    job->run = NULL;
    job->state = state;
    job->finished_ms = nvr_clock_wall_ms();
    if (code)
        (void)nvr_fmt(job->error_code, sizeof(job->error_code), "%.40s", code);
    if (message)
        (void)nvr_fmt(job->error, sizeof(job->error), "%.500s", message);
    if (state == NVR_JOB_DONE) {
        job->progress = 1;
        if (job->spec.expires_days)
            job->expires_ms = job->finished_ms + job->spec.expires_days * DAY_MS;
    } else {
        (void)json_array_clear(job->files);
        remove_files(job);
    }
    (void)nvr_metric_label(labels, "state", nvr_job_state_name(state));
    nvr_metric_add(&metric_exports, labels, 1);
    log_info("export %s: %s%s%s", job->id, nvr_job_state_name(state), message ? ": " : "",
             message ? message : "");
    export_job_changed(job, true);
    kick_soon(job->exports);
}

/* The file that is being written holds a part of it: soon it will be indexed. */
static bool is_being_recorded(const struct storage_exports *exports,
                              const struct nvr_export_spec *spec)
{
    for (size_t i = 0; i < spec->items_count; i++) {
        int64_t start, end;

        if (nvr_supervisor_recording_now(exports->storage->supervisor, spec->items[i].camera,
                                         &start, &end) &&
            start < spec->items[i].end_ms && end > spec->items[i].start_ms)
            return true;
    }
    return false;
}

void exports_kick(struct storage_exports *exports)
{
    unsigned running = 0;

    for (const struct export_job *job = exports->head; job; job = job->next)
        running += job->state == NVR_JOB_RUNNING;
    for (struct export_job *job = exports->head; job && !exports->stopping; job = job->next) {
        int r;

        if (running >= NVR_EXPORTS_RUNNING_MAX)
            return;
        if (job->state != NVR_JOB_QUEUED)
            continue;
        if (nvr_clock_wall_ms() - job->created_ms < TAIL_MAX_MS &&
            is_being_recorded(exports, &job->spec)) {
            (void)uv_timer_start(exports->timer, on_tick, TAIL_MS, TICK_MS);
            continue;
        }
        job->state = NVR_JOB_RUNNING;
        job->started_ms = nvr_clock_wall_ms();
        running++;
        export_job_changed(job, true);
        r = export_run_start(job);
        if (r < 0) {
            export_job_end(job, NVR_JOB_FAILED, "internal", nvr_strerror(r));
            return; /* the next one has its turn soon */
        }
    }
}

static void keep_leases(const struct storage_exports *exports)
{
    for (const struct export_job *job = exports->head; job; job = job->next) {
        if (job->state != NVR_JOB_QUEUED && job->state != NVR_JOB_RUNNING)
            continue;
        for (size_t i = 0; i < job->spec.items_count; i++)
            nvr_storage_lease(exports->storage, job->spec.items[i].camera,
                              job->spec.items[i].start_ms, job->spec.items[i].end_ms,
                              EXPORT_LEASE_S);
    }
}

struct deletion {
    char id[NVR_UUID_SIZE];
};

static int delete_row(struct nvr_db *db, void *arg)
{
    const int r = nvr_jobs_delete(db, ((struct deletion *)arg)->id);

    return r == -ENOENT ? 0 : r;
}

static void on_row_deleted(int result, void *arg)
{
    if (result < 0)
        (void)log_err(result, "forget a job");
    free(arg);
}

static void delete_job(struct export_job *job)
{
    struct storage_exports *exports = job->exports;
    struct deletion *deletion = calloc(1, sizeof(*deletion));

    if (job->run)
        export_run_cancel(NVR_TAKE(job->run));
    job->deleted = true;
    remove_files(job);
    if (deletion) {
        memcpy(deletion->id, job->id, sizeof(deletion->id));
        if (nvr_store_write(exports->storage->store, delete_row, on_row_deleted, deletion) < 0)
            free(deletion);
    }
    nvr_bus_publish_take(exports->storage->bus, "job.deleted",
                         json_pack("{s:s, s:s}", "id", job->id, "type", "export"));
    free_job(job);
    exports_kick(exports);
}

static void expire(struct storage_exports *exports)
{
    const int64_t now = nvr_clock_wall_ms();
    /* A clock that is far ahead for an hour must not cost what was exported. */
    const bool trusts_clock = retention_trusts_clock(exports->storage);
    struct export_job *job = exports->head;
    unsigned count = 0;

    for (const struct export_job *one = job; one; one = one->next)
        count++;
    while (job) {
        struct export_job *next = job->next;
        const bool over = job->state != NVR_JOB_QUEUED && job->state != NVR_JOB_RUNNING;

        if (over && ((job->expires_ms && job->expires_ms <= now && trusts_clock) ||
                     (count > NVR_EXPORTS_KEPT_MAX && job->state != NVR_JOB_DONE))) {
            delete_job(job);
            count--;
        }
        job = next;
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct storage_exports *exports = timer->data;

    keep_leases(exports);
    expire(exports);
    exports_kick(exports);
}

/* ---- the door ---- */

static struct export_job *find(struct nvr_storage *storage, const char *id)
{
    struct export_job *job = storage->exports ? storage->exports->head : NULL;

    while (job && strcmp(job->id, id) != 0)
        job = job->next;
    return job;
}

struct creating {
    struct storage_exports *exports;
    struct nvr_export_spec spec;
    nvr_export_created fn;
    void *arg;
};

static unsigned count_waiting(const struct storage_exports *exports)
{
    unsigned waiting = 0;

    for (const struct export_job *job = exports->head; job; job = job->next)
        waiting += job->state == NVR_JOB_QUEUED;
    return waiting;
}

static int check_new(const struct creating *creating, const struct nvr_export_estimate *estimate)
{
    if (creating->exports->stopping)
        return -ESHUTDOWN;
    if (!estimate->segments && !is_being_recorded(creating->exports, &creating->spec))
        return -ENODATA;
    if (!estimate->fits)
        return -ENOSPC;
    if (count_waiting(creating->exports) >= NVR_EXPORTS_WAITING_MAX)
        return -ENOBUFS;
    if (nvr_export_spec_is_verbatim(&creating->spec) &&
        estimate->segments > EXPORT_PROOF_SEGMENTS_MAX)
        return -E2BIG;
    return 0;
}

static struct export_job *add_job(struct storage_exports *exports, const char *id)
{
    struct export_job *job = calloc(1, sizeof(*job));
    struct export_job **at = &exports->head;

    if (!job)
        return NULL;
    job->exports = exports;
    job->files = json_array();
    memcpy(job->id, id, NVR_UUID_SIZE);
    while (*at)
        at = &(*at)->next;
    *at = job;
    return job;
}

static void on_estimated(int result, const struct nvr_export_estimate *estimate, void *arg)
{
    struct creating *creating = arg;
    struct export_job *job = NULL;
    char id[NVR_UUID_SIZE];
    json_t *json = NULL;

    if (result == 0)
        result = check_new(creating, estimate);
    if (result == 0) {
        nvr_uuid7(id);
        job = add_job(creating->exports, id);
        result = job ? 0 : -ENOMEM;
    }
    if (job) {
        job->spec = creating->spec;
        job->created_ms = nvr_clock_wall_ms();
        job->size_estimate = estimate->size;
        job->recorded_ms = estimate->recorded_ms;
        export_job_changed(job, true);
        keep_leases(creating->exports);
        exports_kick(creating->exports);
        json = to_json(job);
    }
    creating->fn(result, json, estimate, creating->arg);
    json_decref(json);
    free(creating);
}

int nvr_exports_create(struct nvr_storage *storage, const struct nvr_export_spec *spec,
                       nvr_export_created fn, void *arg)
{
    struct creating *creating = calloc(1, sizeof(*creating));
    int r;

    if (!creating)
        return -ENOMEM;
    *creating = (struct creating){.exports = storage->exports, .spec = *spec, .fn = fn, .arg = arg};
    r = nvr_exports_estimate(storage, spec, on_estimated, creating);
    if (r < 0)
        free(creating);
    return r;
}

json_t *nvr_exports_to_json(struct nvr_storage *storage, int state)
{
    json_t *array = json_array();

    for (const struct export_job *job = storage->exports ? storage->exports->head : NULL; job;
         job = job->next)
        if (state < 0 || (int)job->state == state)
            (void)json_array_insert_new(array, 0, to_json(job));
    return array;
}

json_t *nvr_exports_get(struct nvr_storage *storage, const char *id)
{
    const struct export_job *job = find(storage, id);

    return job ? to_json(job) : NULL;
}

int nvr_exports_cancel(struct nvr_storage *storage, const char *id)
{
    struct export_job *job = find(storage, id);

    if (!job)
        return -ENOENT;
    if (job->state != NVR_JOB_QUEUED && job->state != NVR_JOB_RUNNING)
        return 0;
    if (job->run)
        export_run_cancel(NVR_TAKE(job->run));
    export_job_end(job, NVR_JOB_CANCELLED, NULL, NULL);
    return 0;
}

int nvr_exports_delete(struct nvr_storage *storage, const char *id)
{
    struct export_job *job = find(storage, id);

    if (!job)
        return -ENOENT;
    delete_job(job);
    return 0;
}

int nvr_exports_path(struct nvr_storage *storage, const char *id, size_t file, char *dst,
                     size_t dst_size, char name[NVR_EXPORT_FILE_NAME_SIZE])
{
    const struct export_job *job = find(storage, id);
    const char *text = NULL;
    char folder[PATH_MAX];

    if (!job || job->state != NVR_JOB_DONE ||
        nvr_json_get_str(json_array_get(job->files, file), "name", &text) <= 0 || strchr(text, '/'))
        return -ENOENT;
    export_job_folder(job, folder);
    (void)nvr_fmt(name, NVR_EXPORT_FILE_NAME_SIZE, "%s", text);
    return nvr_path_join(dst, dst_size, folder, text);
}

/* ---- start and stop ---- */

static int parse_text(const char *text, json_t **ret_value)
{
    return text ? nvr_json_parse(text, strlen(text), ret_value, NULL, 0) : -EINVAL;
}

static int load_job(const struct nvr_job_row *row, void *arg)
{
    struct storage_exports *exports = arg;
    struct nvr_config_errors errors;
    NVR_AUTO_JSON params = NULL;
    NVR_AUTO_JSON result = NULL;
    json_t *files = NULL;
    struct export_job *job;

    if (strcmp(row->type, "export") != 0 || parse_text(row->params, &params) < 0)
        return 0;
    job = add_job(exports, row->id);
    if (!job)
        return -ENOMEM;
    if (nvr_export_spec_parse(params, NULL, 0, &job->spec, &errors) < 0) {
        free_job(job);
        return 0;
    }
    if (parse_text(row->files, &files) == 0 && json_is_array(files)) {
        json_decref(job->files);
        job->files = NVR_TAKE(files);
    }
    json_decref(files);
    if (parse_text(row->result, &result) == 0)
        (void)nvr_json_get_int(result, "size_estimate", 0, INT64_MAX, &job->size_estimate);
    job->state = row->state;
    job->progress = row->progress;
    job->created_ms = row->created_ms;
    job->started_ms = row->started_ms;
    job->finished_ms = row->finished_ms;
    job->expires_ms = row->expires_ms;
    (void)nvr_fmt(job->error_code, sizeof(job->error_code), "%s", row->error_code);
    (void)nvr_fmt(job->error, sizeof(job->error), "%s", row->error);
    return 0;
}

/* Folders whose job is gone: of a run that was cut off while it deleted. */
static void remove_strays(struct nvr_storage *storage)
{
    DIR *dir = opendir(storage->exports->root);
    const struct dirent *entry;
    char path[PATH_MAX];

    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else reads this stream
    while (dir && (entry = readdir(dir)) != NULL) {
        const struct export_job *job = find(storage, entry->d_name);

        if (entry->d_name[0] == '.' || strlen(entry->d_name) != NVR_UUID_SIZE - 1 ||
            (job && job->state == NVR_JOB_DONE) ||
            nvr_path_join(path, sizeof(path), storage->exports->root, entry->d_name) < 0)
            continue;
        remove_folder(path);
    }
    if (dir)
        (void)closedir(dir);
}

static int load(struct storage_exports *exports)
{
    struct nvr_storage *storage = exports->storage;
    struct nvr_db *db;
    int r = nvr_store_read_begin(storage->store, &db);

    if (r < 0)
        return r;
    r = nvr_jobs_each(db, load_job, exports);
    nvr_store_read_end(storage->store, db);
    if (r < 0)
        return r;
    remove_strays(storage);
    for (struct export_job *job = exports->head; job; job = job->next)
        if (job->state == NVR_JOB_RUNNING)
            export_job_end(job, NVR_JOB_FAILED, "interrupted",
                           "Heron was stopped while this export ran. Start it again.");
    return 0;
}

int exports_start(struct nvr_storage *storage)
{
    struct storage_exports *exports = calloc(1, sizeof(*exports));
    int r;

    if (!exports)
        return -ENOMEM;
    storage->exports = exports;
    exports->storage = storage;
    r = nvr_path_join(exports->root, sizeof(exports->root),
                      nvr_supervisor_get_data_dir(storage->supervisor), "exports");
    if (r == 0)
        r = nvr_mkdir_p(exports->root, 0750);
    if (r < 0)
        return r;
    exports->timer = nvr_timer_new(storage->loop, exports);
    if (!exports->timer)
        return -ENOMEM;
    exports->stopping = true; /* nothing starts from inside of load */
    r = load(exports);
    exports->stopping = false;
    return r < 0 ? r : uv_timer_start(exports->timer, on_tick, 1000, TICK_MS);
}

void exports_stop(struct nvr_storage *storage)
{
    struct storage_exports *exports = storage->exports;

    if (!exports || exports->stopping)
        return;
    exports->stopping = true;
    nvr_timer_free(NVR_TAKE(exports->timer));
    for (struct export_job *job = exports->head; job; job = job->next) {
        if (!job->run)
            continue;
        export_run_cancel(NVR_TAKE(job->run));
        export_job_end(job, NVR_JOB_FAILED, "interrupted",
                       "Heron was stopped while this export ran. Start it again.");
    }
}

bool exports_is_idle(const struct nvr_storage *storage)
{
    return !storage->exports || storage->exports->works == 0;
}

void exports_free(struct nvr_storage *storage)
{
    struct storage_exports *exports = NVR_TAKE(storage->exports);

    if (!exports)
        return;
    nvr_timer_free(NVR_TAKE(exports->timer));
    while (exports->head)
        free_job(exports->head);
    free(exports);
}
