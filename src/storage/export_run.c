/* One export at work: file after file, each in a process of its own (role export). The process asks
 * for one segment after the other; here is known which comes next and where it is. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "src/storage/exports_private.h"

NVR_LOG_TOPIC("export");

#define STALL_MS 60000    /* no sign of life for so long: it hangs */
#define FETCH_MS 600000   /* a segment may have to come from far away */
#define TABLES_PER_S 2400 /* first guess of the room for the moov */
#define RESERVE_MAX (INT64_C(1) << 30)
#define DIGESTS_SEGMENTS_MAX 5000 /* with more the proof would become too large */

struct cursor {
    size_t item;
    int64_t after_ms; /* the newest segment that was taken; -1: none of this item */
};

/* What decides whether a segment still fits into the file. */
struct kind {
    bool any;
    size_t item;
    char codec[16], audio_codec[16];
};

struct export_run {
    struct nvr_storage *storage;
    struct storage_exports *exports;
    struct export_job *job; /* NULL: cancelled */
    struct nvr_export_spec spec;
    struct nvr_zone *zone;
    struct nvr_job *process;
    uv_work_t work;
    bool working;                /* in the pool */
    bool opening;                /* nvr_storage_open() is under way */
    bool more;                   /* the file ended before the items did */
    int result;                  /* of the work */
    struct cursor cursor, begin; /* begin: of this file */
    int64_t again_ms;            /* the segment whose row was read a second time; 0: none */
    struct kind kind;
    int64_t request;   /* of the process, that waits for its answer */
    unsigned number;   /* of the file, from 1 */
    unsigned segments; /* in this file */
    size_t last_item;
    int fd;                    /* the file to be written, for its process */
    int64_t bytes_before;      /* of finished files */
    int64_t bytes;             /* of this one */
    struct nvr_recording *row; /* owned: the segment at hand, or the next one */
    struct export_finish finish;
};

static void begin_file(struct export_run *run);
static void find_next(struct export_run *run);

/* ---- end ---- */

static void release(struct export_run *run)
{
    struct storage_exports *exports = run->exports;

    if (run->job || run->process || run->working || run->opening)
        return;
    if (run->fd >= 0)
        (void)close(run->fd);
    nvr_proof_free(run->finish.proof);
    nvr_zone_free(run->zone);
    free(run->row);
    free(run);
    exports_work_done(exports);
}

static void end(struct export_run *run, enum nvr_job_state state, const char *code,
                const char *message)
{
    struct export_job *job = NVR_TAKE(run->job);

    nvr_supervisor_job_cancel(NVR_TAKE(run->process));
    if (job)
        export_job_end(job, state, code, message);
    release(run);
}

static void fail(struct export_run *run, int r)
{
    if (r == -ENOSPC || r == -EDQUOT)
        end(run, NVR_JOB_FAILED, "disk_full", "The disk is full.");
    else if (r == -ENODATA)
        end(run, NVR_JOB_FAILED, "nothing_recorded", "Nothing is recorded in this range any more.");
    else
        end(run, NVR_JOB_FAILED, "io", nvr_strerror(r));
}

void export_run_cancel(struct export_run *run)
{
    run->job = NULL;
    nvr_supervisor_job_cancel(NVR_TAKE(run->process));
    release(run);
}

/* ---- a finished file ---- */

static void run_finish(uv_work_t *work)
{
    struct export_run *run = work->data;

    run->result = export_finish_file(&run->finish);
}

static json_t *file_to_json(const struct export_run *run)
{
    const struct nvr_export_item *first = &run->spec.items[run->begin.item];
    const struct nvr_export_item *last = &run->spec.items[run->last_item];
    const size_t index = json_array_size(run->job->files);
    const char *slash = strrchr(run->finish.path, '/');
    bool same = true;

    for (size_t i = run->begin.item; i <= run->last_item; i++)
        same = same && strcmp(run->spec.items[i].camera, first->camera) == 0;
    return json_pack("{s:s, s:I, s:o, s:o, s:I, s:I, s:n, s:b}", "name", slash + 1, "size",
                     (json_int_t)run->finish.size, "url",
                     json_sprintf("/api/v1/exports/%s/download?file=%zu", run->job->id, index),
                     "camera", same ? json_string(first->camera) : json_null(), "start",
                     (json_int_t)first->start_ms, "end", (json_int_t)last->end_ms, "sha256",
                     "proof", run->finish.proof != NULL);
}

static void on_finished(uv_work_t *work, int status)
{
    struct export_run *run = work->data;

    run->working = false;
    if (!run->job) {
        release(run);
        return;
    }
    if (status < 0 || run->result < 0) {
        fail(run, status < 0 ? status : run->result);
        return;
    }
    (void)json_array_append_new(run->job->files, file_to_json(run));
    run->bytes_before += run->finish.size;
    nvr_proof_free(NVR_TAKE(run->finish.proof));
    if (run->more)
        begin_file(run);
    else
        end(run, NVR_JOB_DONE, NULL, NULL);
}

static void finish_file(struct export_run *run, const json_t *result)
{
    const char *container = "";

    (void)nvr_json_get_str(result, "container", &container);
    (void)nvr_fmt(run->finish.container, sizeof(run->finish.container), "%s", container);
    run->finish.first_item = run->begin.item;
    run->finish.last_item = run->last_item;
    run->finish.store = run->storage->store;
    run->finish.key = nvr_supervisor_get_signing_key(run->storage->supervisor);
    run->finish.spec = &run->spec;
    run->work.data = run;
    run->working = uv_queue_work(run->storage->loop, &run->work, run_finish, on_finished) == 0;
    if (!run->working)
        fail(run, -ENOMEM);
}

static void on_process(const struct nvr_job_result *result, void *arg)
{
    struct export_run *run = arg;

    run->process = NULL;
    if (!run->job)
        release(run);
    else if (result->error == 0 && (run->working || run->opening))
        end(run, NVR_JOB_FAILED, "crashed", "The process that wrote the file is out of step.");
    else if (result->error == 0)
        finish_file(run, result->result);
    else if (result->error == -ETIMEDOUT)
        end(run, NVR_JOB_FAILED, "stalled", "Nothing went on for a minute.");
    else
        end(run, NVR_JOB_FAILED, result->error_code, result->message);
}

/* ---- the conversation ---- */

static void show_progress(struct export_run *run)
{
    struct export_job *job = run->job;
    const int64_t total = NVR_MAX(job->size_estimate, INT64_C(1));
    const double progress = (double)(run->bytes_before + run->bytes) / (double)total;

    job->progress = NVR_MAX(job->progress, NVR_MIN(progress, 0.99));
    export_job_changed(job, false);
}

static void answer(struct export_run *run, json_t *result, const int *fd)
{
    struct nvr_rpc *rpc = run->process ? nvr_supervisor_job_get_rpc(run->process) : NULL;

    if (run->process)
        nvr_supervisor_job_extend(run->process, STALL_MS);
    if (!rpc) {
        json_decref(result);
        return;
    }
    if (nvr_rpc_reply_result(rpc, run->request, result, fd, fd != NULL) < 0)
        log_warn("export: an answer could not be sent");
}

/* Of the segment at hand: is the whole disk away? Other places say so themselves. */
static bool disk_is_there(const struct export_run *run)
{
    struct nvr_supervisor_storage disk;

    nvr_supervisor_get_storage(run->storage->supervisor, &disk);
    return run->row->location != 0 || (disk.known && disk.error == 0);
}

static void on_opened(int fd, int64_t size, void *arg)
{
    struct export_run *run = arg;
    const struct nvr_export_item *item = &run->spec.items[run->cursor.item];
    const struct nvr_camera_config *camera =
        nvr_config_find_camera(nvr_supervisor_get_config(run->storage->supervisor), item->camera);

    (void)size;
    run->opening = false;
    if (!run->job || !run->process) {
        if (fd >= 0)
            (void)close(fd);
        release(run);
        return;
    }
    if (fd == -ENOENT && run->again_ms != run->row->start_ms) {
        /* It moved to another place between row and file? Then its row says so now. */
        run->again_ms = run->row->start_ms;
        run->cursor.after_ms = run->row->start_ms - 1;
        find_next(run);
        return;
    }
    if (fd == -ENOENT && !disk_is_there(run)) {
        fail(run, -ENODEV); /* not an export with holes that nobody is told of */
        return;
    }
    if (fd == -ENOENT) { /* deleted a moment ago, or lost: the rest is still worth it */
        log_warn("'%s' is gone", run->row->file_path);
        find_next(run);
        return;
    }
    if (fd < 0) {
        fail(run, fd);
        return;
    }
    run->again_ms = 0;
    run->segments++;
    run->last_item = run->cursor.item;
    answer(run,
           json_pack("{s:I, s:I, s:I, s:s}", "item", (json_int_t)run->cursor.item, "start_us",
                     (json_int_t)item->start_ms * 1000, "end_us", (json_int_t)item->end_ms * 1000,
                     "label", camera ? camera->name : item->camera),
           &fd);
    (void)close(fd);
}

/* The next segment of the items, from the cursor on. Pool thread. */
static int take_row(const struct nvr_recording *row, void *arg)
{
    struct export_run *run = arg;

    if (row->start_ms <= run->cursor.after_ms)
        return 0;
    *run->row = *row;
    run->result = 1;
    return 1;
}

static void run_find(uv_work_t *work)
{
    struct export_run *run = work->data;
    const bool with_keys = nvr_export_spec_is_verbatim(&run->spec); /* their digests, that is */
    struct nvr_db *db;
    int r = nvr_store_read_begin(run->storage->store, &db);

    if (r < 0) {
        run->result = r;
        return;
    }
    run->result = 0;
    while (r == 0 && run->result == 0 && run->cursor.item < run->spec.items_count) {
        const struct nvr_export_item *item = &run->spec.items[run->cursor.item];
        const int64_t from = NVR_MAX(item->start_ms, run->cursor.after_ms + 1);

        if (from < item->end_ms)
            r = nvr_recordings_each(db, item->camera, from, item->end_ms, with_keys, take_row, run);
        if (r == 0 && run->result == 0) {
            run->cursor.item++;
            run->cursor.after_ms = -1;
        }
    }
    nvr_store_read_end(run->storage->store, db);
    if (r < 0)
        run->result = r;
}

/* One file has one codec, and one item when they are not to be combined. */
static bool fits_into_file(const struct export_run *run)
{
    const struct kind *kind = &run->kind;

    if (!kind->any)
        return true;
    if (!run->spec.combine && kind->item != run->cursor.item)
        return false;
    return strcmp(kind->codec, run->row->codec) == 0 &&
           (!kind->audio_codec[0] || !run->row->audio_codec[0] ||
            strcmp(kind->audio_codec, run->row->audio_codec) == 0);
}

static void note_kind(struct export_run *run)
{
    run->kind.any = true;
    run->kind.item = run->cursor.item;
    memcpy(run->kind.codec, run->row->codec, sizeof(run->kind.codec));
    if (run->row->audio_codec[0])
        memcpy(run->kind.audio_codec, run->row->audio_codec, sizeof(run->kind.audio_codec));
}

static void on_found(uv_work_t *work, int status)
{
    struct export_run *run = work->data;

    run->working = false;
    if (!run->job || !run->process) {
        release(run);
        return;
    }
    if (status < 0 || run->result < 0) {
        fail(run, status < 0 ? status : run->result);
        return;
    }
    run->more = run->result == 1 && !fits_into_file(run);
    if (run->result == 0 || run->more) {
        answer(run, json_pack("{s:b}", "end", 1), NULL);
        return;
    }
    note_kind(run);
    run->cursor.after_ms = run->row->start_ms;
    run->opening = true;
    nvr_supervisor_job_extend(run->process, FETCH_MS);
    nvr_storage_open(run->storage, run->row, on_opened, run);
}

static void find_next(struct export_run *run)
{
    run->work.data = run;
    run->working = uv_queue_work(run->storage->loop, &run->work, run_find, on_found) == 0;
    if (!run->working)
        fail(run, -ENOMEM);
}

/* The segment at hand stands in the file: that is a line of the proof. */
static int note_placed(struct export_run *run, const json_t *params)
{
    struct nvr_proof_segment segment = {0};
    int64_t offset = 0;
    int64_t size = 0;

    if (!run->finish.proof || nvr_json_get_int(params, "offset", 0, INT64_MAX, &offset) < 0 ||
        nvr_json_get_int(params, "size", 0, INT64_MAX, &size) < 0 || !size ||
        !nvr_recording_get_link(run->row, &segment.link))
        return 0;
    segment.offset = offset;
    segment.file_bytes = size;
    if (run->segments <= DIGESTS_SEGMENTS_MAX) {
        segment.digests_count = run->row->digests_count;
        segment.digests = run->row->digests;
    }
    return nvr_proof_add_segment(run->finish.proof, &segment);
}

static int new_proof(struct export_run *run)
{
    const struct nvr_signing_key *key = nvr_supervisor_get_signing_key(run->storage->supervisor);
    const char *slash = strrchr(run->finish.path, '/');

    nvr_proof_free(NVR_TAKE(run->finish.proof));
    if (!nvr_export_spec_is_verbatim(&run->spec) || !key)
        return 0;
    return nvr_proof_new(slash + 1, nvr_clock_wall_ms(), nvr_signing_key_get_public(key),
                         &run->finish.proof);
}

static void on_next(struct export_run *run, const struct nvr_rpc_request *request)
{
    bool restart = false;
    int r;

    run->request = request->id;
    nvr_supervisor_job_extend(run->process, FETCH_MS);
    (void)nvr_json_get_bool(request->params, "restart", &restart);
    if (restart) {
        run->cursor = run->begin;
        run->kind = (struct kind){0};
        run->segments = 0;
        run->bytes = 0;
        r = new_proof(run);
    } else {
        r = note_placed(run, request->params);
    }
    if (r < 0)
        fail(run, r);
    else
        find_next(run);
}

static void on_request(const struct nvr_rpc_request *request, void *arg)
{
    struct export_run *run = arg;
    int64_t bytes = 0;

    if (!run->job || !run->process)
        return;
    if (strcmp(request->method, "next") == 0 && request->id >= 0 && !run->working &&
        !run->opening) {
        on_next(run, request);
    } else if (strcmp(request->method, "progress") == 0 &&
               nvr_json_get_int(request->params, "bytes", 0, INT64_MAX, &bytes) > 0) {
        run->bytes = bytes;
        nvr_supervisor_job_extend(run->process, STALL_MS);
        show_progress(run);
    }
}

/* ---- a new file ---- */

static int make_paths(struct export_run *run)
{
    char name[NVR_EXPORT_FILE_NAME_SIZE];
    char folder[PATH_MAX];
    unsigned part = 1;
    int r;

    /* The same name again: after a change of the codec, or by chance. */
    for (;;) {
        bool taken = false;
        const json_t *file;
        size_t i;

        nvr_export_file_name(&run->spec, run->cursor.item, part, run->zone, name);
        json_array_foreach(run->job->files, i, file) taken |=
            strcmp(json_string_value(json_object_get(file, "name")), name) == 0;
        if (!taken)
            break;
        part++;
    }
    export_job_folder(run->job, folder);
    r = nvr_path_join(run->finish.path, sizeof(run->finish.path), folder, name);
    if (r == 0)
        r = nvr_path_join(run->finish.temp, sizeof(run->finish.temp), folder, "unfinished");
    return r;
}

static void run_open(uv_work_t *work)
{
    struct export_run *run = work->data;
    char folder[PATH_MAX];
    char *slash;

    memcpy(folder, run->finish.temp, sizeof(folder));
    slash = strrchr(folder, '/');
    *slash = 0;
    run->result = nvr_mkdir_p(folder, 0750);
    if (run->result < 0)
        return;
    run->fd = open(run->finish.temp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (run->fd < 0)
        run->result = -errno;
}

static int64_t guess_reserve(const struct export_run *run)
{
    int64_t seconds = 0;

    for (size_t i = run->begin.item; i < run->spec.items_count; i++) {
        seconds += (run->spec.items[i].end_ms - run->spec.items[i].start_ms) / 1000 + 1;
        if (!run->spec.combine)
            break;
    }
    /* Most of a long range may be empty. */
    if (run->job->recorded_ms)
        seconds = NVR_MIN(seconds, run->job->recorded_ms / 1000 + 1);
    return NVR_MIN(seconds * TABLES_PER_S, RESERVE_MAX);
}

static void on_opened_output(uv_work_t *work, int status)
{
    struct export_run *run = work->data;
    const struct nvr_export_spec *spec = &run->spec;
    const char *zone =
        nvr_config_get_system(nvr_supervisor_get_config(run->storage->supervisor))->timezone;
    json_t *params;
    int r = status < 0 ? status : run->result;

    run->working = false;
    if (!run->job) {
        release(run);
        return;
    }
    if (r == 0)
        r = new_proof(run);
    if (r < 0) {
        fail(run, r);
        return;
    }
    params = json_pack("{s:b, s:s, s:b, s:b, s:I, s:I, s:I}", "timestamps", spec->timestamps,
                       "zone", zone, "whole", nvr_export_spec_is_verbatim(spec), "audio",
                       spec->audio, "speed", (json_int_t)spec->speed, "created_ms",
                       (json_int_t)spec->items[run->begin.item].start_ms, "reserve",
                       (json_int_t)guess_reserve(run));
    r = nvr_supervisor_job(run->storage->supervisor, "export", params, NVR_TAKE_FD(run->fd),
                           NVR_JOB_TIMEOUT_MAX_MS, on_process, run, &run->process);
    if (r < 0) {
        run->process = NULL;
        fail(run, r);
        return;
    }
    nvr_supervisor_job_listen(run->process, on_request);
    nvr_supervisor_job_extend(run->process, STALL_MS);
}

static void begin_file(struct export_run *run)
{
    int r;

    run->begin = run->cursor;
    run->number++;
    run->segments = 0;
    run->bytes = 0;
    run->more = false;
    run->kind = (struct kind){0};
    r = make_paths(run);
    run->work.data = run;
    run->working =
        r == 0 && uv_queue_work(run->storage->loop, &run->work, run_open, on_opened_output) == 0;
    if (!run->working)
        fail(run, r < 0 ? r : -ENOMEM);
}

int export_run_start(struct export_job *job)
{
    struct export_run *run = calloc(1, sizeof(*run));
    const struct nvr_config *config = nvr_supervisor_get_config(job->exports->storage->supervisor);

    if (!run)
        return -ENOMEM;
    run->row = calloc(1, sizeof(*run->row));
    if (!run->row) {
        free(run);
        return -ENOMEM;
    }
    run->storage = job->exports->storage;
    run->exports = job->exports;
    run->exports->works++;
    run->job = job;
    run->spec = job->spec;
    run->fd = -1;
    run->cursor.after_ms = -1;
    if (nvr_zone_open(nvr_config_get_system(config)->timezone, &run->zone) < 0)
        run->zone = NULL; /* UTC */
    job->run = run;
    begin_file(run);
    return 0;
}
