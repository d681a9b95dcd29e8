/* The proof that what is kept is what was recorded: signed checkpoints of the chains every few
 * minutes, and the scrub: every stored file is read again now and then and compared with the digest
 * of its recording. The bytes are read in role check of nvr-media; here is decided what comes next
 * and what a difference means. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/hex.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "lib/store/evidence.h"
#include "src/storage/private.h"

NVR_LOG_TOPIC("evidence");

#define CHECKPOINT_MS (5 * 60 * 1000)
#define FIRST_CHECKPOINT_MS 10000 /* what an earlier run left without one */
#define FIRST_SCRUB_MS 20000
#define FIRST_SCRUB_QUICK_MS 2000 /* when files may be read again at once */
#define IDLE_MS 10000
#define QUICK_IDLE_MS 1000
#define AGAIN_MIN_MS 1000 /* the same file twice at least so far apart */
#define TROUBLE_MS 60000  /* the disk is not there, the database is busy */
#define JOB_EXTRA_MS 60000
#define AWAY_MS (60 * 60 * 1000) /* files of a place that does not answer */
#define AWAY_PAUSE_MS 250        /* between two of them */
#define HOUR_MS 3600000.0
#define MB 1e6

static const struct nvr_metric metric_findings = {"heron_integrity_findings_total",
                                                  "Stored recordings found to be changed or gone",
                                                  NVR_METRIC_COUNTER};
static const struct nvr_metric metric_bytes = {"heron_scrub_bytes_total",
                                               "Bytes of stored recordings read again and compared",
                                               NVR_METRIC_COUNTER};

enum scrub_state { SCRUB_OFF, SCRUB_IDLE, SCRUB_RUNNING };

struct storage_evidence {
    struct nvr_storage *storage;
    uv_timer_t *timer;            /* the next file */
    uv_timer_t *checkpoint_timer; /* every CHECKPOINT_MS */
    bool stopping;
    enum scrub_state state;

    uv_work_t work; /* looks for the next file */
    bool working;
    int64_t before_ms; /* of checked_ms */
    int result;
    struct nvr_recording row; /* the one that is read */
    bool opening;
    int64_t size; /* of its file */
    struct nvr_job *job;
    int64_t started_ms;
    unsigned writes; /* on their way */

    int64_t pass_started_ms, pass_bytes, total_bytes, findings;
    double bytes_per_second;
};

static void next_later(struct storage_evidence *e, uint64_t ms);

/* ---- writing what was seen ---- */

struct seen {
    struct storage_evidence *evidence;
    char camera[NVR_SLUG_SIZE];
    int64_t start_ms, location, checked_ms;
    char checksum[65];
    bool wrong, put_off;
    struct nvr_finding finding;
    bool is_gone; /* nothing was written */
    bool is_new;
    int64_t findings;
};

static int write_seen(struct nvr_db *db, void *arg)
{
    struct seen *seen = arg;
    struct nvr_recording row;
    int r = nvr_recordings_get(db, seen->camera, seen->start_ms, &row);

    /* Deleted, moved or repaired while its old file was read: that says nothing. */
    if (r == -ENOENT ||
        (r == 0 && (row.location != seen->location || strcmp(row.checksum, seen->checksum) != 0))) {
        seen->is_gone = true;
        return 0;
    }
    if (r == 0)
        r = nvr_evidence_set_checked(db, seen->camera, seen->start_ms, seen->checked_ms);
    if (r == 0 && seen->wrong) {
        r = nvr_findings_add(db, &seen->finding);
        seen->is_new = r > 0;
    }
    return r < 0 ? r : nvr_findings_count(db, &seen->findings);
}

static void show_warning(struct storage_evidence *e)
{
    if (e->findings)
        nvr_supervisor_warning_set(e->storage->supervisor, "integrity",
                                   "%lld stored recordings are not what was recorded: see the "
                                   "findings on the storage page",
                                   (long long)e->findings);
    else
        nvr_supervisor_warning_clear(e->storage->supervisor, "integrity");
}

static void raise_alarm(const struct storage_evidence *e, const struct nvr_finding *finding)
{
    char id[NVR_RECORDING_ID_SIZE];

    nvr_recording_id(finding->camera, finding->start_ms, id);
    nvr_metric_add(&metric_findings, "", 1);
    log_error("recording %s: %s: %s", id, finding->kind, finding->detail);
    nvr_bus_publish_take(e->storage->bus, "system.alert",
                         json_pack("{s:s, s:s, s:s, s:o, s:s}", "kind", finding->kind, "camera",
                                   finding->camera, "recording", id, "at",
                                   finding->at_ms >= 0 ? json_integer(finding->at_ms) : json_null(),
                                   "message", finding->detail));
}

static void on_seen_posted(void *arg)
{
    struct seen *seen = arg;
    struct storage_evidence *e = seen->evidence;
    struct nvr_storage *storage = e->storage;

    e->writes--;
    if (seen->is_new)
        raise_alarm(e, &seen->finding);
    if (!seen->is_gone && e->findings != seen->findings) {
        e->findings = seen->findings;
        show_warning(e);
    }
    next_later(e, seen->put_off ? AWAY_PAUSE_MS : 0);
    free(seen);
    storage_check_stopped(storage);
}

/* Writer's thread. */
static void on_seen_written(int result, void *arg)
{
    struct seen *seen = arg;

    if (result < 0) {
        (void)log_err(result, "note the check of %s", seen->camera);
        seen->is_gone = true;
    }
    if (nvr_post_send(seen->evidence->storage->post, on_seen_posted, seen) < 0)
        free(seen);
}

static void write_down_take(struct storage_evidence *e, struct seen *seen)
{
    const int r =
        seen ? nvr_store_write(e->storage->store, write_seen, on_seen_written, seen) : -ENOMEM;

    if (r < 0) {
        free(seen);
        (void)log_err(r, "note the check of %s", e->row.file_path);
        next_later(e, TROUBLE_MS);
        return;
    }
    e->writes++;
}

static struct seen *new_seen(struct storage_evidence *e)
{
    struct seen *seen = calloc(1, sizeof(*seen));

    if (!seen)
        return NULL;
    seen->evidence = e;
    memcpy(seen->camera, e->row.camera_id, sizeof(seen->camera));
    seen->start_ms = e->row.start_ms;
    seen->location = e->row.location;
    memcpy(seen->checksum, e->row.checksum, sizeof(seen->checksum));
    seen->checked_ms = nvr_clock_wall_ms();
    return seen;
}

/* Its place does not answer: a delay, not a loss. The others go on meanwhile. */
static void put_off(struct storage_evidence *e)
{
    struct seen *seen = new_seen(e);

    if (seen) {
        seen->put_off = true;
        seen->checked_ms = e->before_ms + AWAY_MS; /* it is the turn of those that were not read */
    }
    write_down_take(e, seen);
}

/* kind NULL: all is well. */
static void file_is(struct storage_evidence *e, const char *kind, int64_t at_ms, const char *detail)
{
    struct seen *seen = new_seen(e);

    if (seen && kind) {
        struct nvr_finding *finding = &seen->finding;

        seen->wrong = true;
        memcpy(finding->camera, e->row.camera_id, sizeof(finding->camera));
        finding->start_ms = e->row.start_ms;
        finding->at_ms = at_ms;
        finding->found_ms = nvr_clock_wall_ms();
        (void)snprintf(finding->kind, sizeof(finding->kind), "%s", kind);
        (void)snprintf(finding->detail, sizeof(finding->detail), "%s", detail);
    }
    write_down_take(e, seen);
}

/* ---- one file ---- */

static void tell_changed(struct storage_evidence *e, int64_t changed_ms)
{
    const int64_t at_ms = changed_ms < 0 ? -1 : e->row.start_ms + changed_ms;
    char when[NVR_RFC3339_SIZE];
    char detail[NVR_FINDING_DETAIL_SIZE];

    nvr_rfc3339_format(at_ms < 0 ? e->row.start_ms : at_ms, when);
    (void)snprintf(detail, sizeof(detail), "The file %s was changed%s %s", e->row.file_path,
                   at_ms < 0 ? ", somewhere after" : " from about", when);
    file_is(e, "changed", at_ms, detail);
}

static void on_checked(const struct nvr_job_result *result, void *arg)
{
    struct storage_evidence *e = arg;
    const int64_t elapsed_ms = NVR_MAX(nvr_clock_mono_ms() - e->started_ms, (int64_t)1);
    const char *code = result->error_code ? result->error_code : "";
    int64_t bytes = 0;
    int64_t changed_ms = -1;
    bool same = false;

    e->job = NULL;
    if (e->stopping) {
        storage_check_stopped(e->storage);
        return;
    }
    if (result->error && strcmp(code, "unreadable") == 0) {
        char detail[NVR_FINDING_DETAIL_SIZE];

        (void)snprintf(detail, sizeof(detail), "The file %s cannot be read: %s", e->row.file_path,
                       result->message ? result->message : nvr_strerror(result->error));
        file_is(e, "unreadable", -1, detail);
        return;
    }
    if (result->error || nvr_json_get_int(result->result, "bytes", 0, INT64_MAX, &bytes) != 1 ||
        nvr_json_get_bool(result->result, "same", &same) != 1 ||
        nvr_json_get_int(result->result, "changed_ms", -1, NVR_RECORDING_SPAN_MAX_MS,
                         &changed_ms) != 1) {
        log_warn("'%s' was not checked: %s", e->row.file_path,
                 result->message ? result->message : "no answer");
        next_later(e, TROUBLE_MS);
        return;
    }
    e->pass_bytes += bytes;
    nvr_metric_add(&metric_bytes, "", (double)bytes);
    e->bytes_per_second = (double)bytes * 1000 / (double)elapsed_ms;
    if (same)
        file_is(e, NULL, -1, "");
    else
        tell_changed(e, changed_ms);
}

static json_t *digests_json(const struct nvr_recording *row)
{
    json_t *list = json_array();

    for (uint32_t i = 0; list && i < row->digests_count; i++) {
        const struct nvr_prefix_digest *digest = &row->digests[i];
        char hex[2 * NVR_PREFIX_DIGEST_SIZE + 1];

        nvr_hex_encode(digest->sha256, sizeof(digest->sha256), hex);
        (void)json_array_append_new(
            list, json_pack("[I, I, s]", (json_int_t)digest->ms, (json_int_t)digest->offset, hex));
    }
    return list;
}

/* Where a file that ends early ends. */
static int64_t end_of(const struct nvr_recording *row, int64_t size)
{
    int64_t ms = row->digests_count ? 0 : -1;

    for (uint32_t i = 0; i < row->digests_count && row->digests[i].offset <= (uint64_t)size; i++)
        ms = row->digests[i].ms;
    return ms < 0 ? -1 : row->start_ms + ms;
}

static void check_bytes(struct storage_evidence *e, int fd_take)
{
    const double rate = nvr_config_get_storage(nvr_supervisor_get_config(e->storage->supervisor))
                            ->scrub_mb_per_second *
                        MB;
    const double expected_ms = rate > 0 ? (double)e->size * 1000 / rate : 0;
    int r;

    e->started_ms = nvr_clock_mono_ms();
    r = nvr_supervisor_job(e->storage->supervisor, "check",
                           json_pack("{s:s, s:I, s:o}", "sha256", e->row.checksum, "rate",
                                     (json_int_t)rate, "digests", digests_json(&e->row)),
                           fd_take, (unsigned)NVR_MIN(expected_ms * 2 + JOB_EXTRA_MS, 86400000.0),
                           on_checked, e, &e->job);
    if (r < 0)
        next_later(e, TROUBLE_MS);
}

/* The whole place is away: its files are neither missing nor unreadable. */
static bool place_is_there(const struct storage_evidence *e)
{
    struct nvr_supervisor_storage state;

    if (e->row.location != 0)
        return true;
    nvr_supervisor_get_storage(e->storage->supervisor, &state);
    return state.known && state.error == 0 && !state.hangs &&
           access(nvr_supervisor_get_recordings_dir(e->storage->supervisor), R_OK | X_OK) == 0;
}

static void file_is_away(struct storage_evidence *e, int r)
{
    char detail[NVR_FINDING_DETAIL_SIZE];

    if (e->row.location != 0 && r != -ENOENT && r != -EIO) {
        put_off(e);
        return;
    }
    if (!place_is_there(e)) {
        next_later(e, TROUBLE_MS);
        return;
    }
    (void)snprintf(
        detail, sizeof(detail), "The file %s %s%s", e->row.file_path,
        r == -ENOENT ? "is missing" : "cannot be opened: ", r == -ENOENT ? "" : nvr_strerror(r));
    file_is(e, r == -ENOENT ? "missing" : "unreadable",
            r == -ENOENT ? e->row.start_ms : (int64_t)-1, detail);
}

static void on_opened(int fd, int64_t size, void *arg)
{
    struct storage_evidence *e = arg;
    char detail[NVR_FINDING_DETAIL_SIZE];

    e->opening = false;
    e->size = size;
    if (e->stopping) {
        if (fd >= 0)
            (void)close(fd);
        storage_check_stopped(e->storage);
    } else if (fd < 0) {
        file_is_away(e, fd);
    } else if (size < e->row.file_size) {
        (void)close(fd);
        (void)snprintf(detail, sizeof(detail), "The file %s has %lld of %lld bytes",
                       e->row.file_path, (long long)size, (long long)e->row.file_size);
        file_is(e, "truncated", end_of(&e->row, size), detail);
    } else if (size > e->row.file_size) {
        (void)close(fd);
        (void)snprintf(detail, sizeof(detail), "The file %s has %lld bytes, recorded were %lld",
                       e->row.file_path, (long long)size, (long long)e->row.file_size);
        file_is(e, "changed", e->row.end_ms, detail);
    } else {
        check_bytes(e, fd);
    }
}

/* ---- which one ---- */

/* Pool thread. */
static void find_next(uv_work_t *work)
{
    struct storage_evidence *e = work->data;
    struct nvr_db *db;

    e->result = nvr_store_read_begin(e->storage->store, &db);
    if (e->result < 0)
        return;
    e->result = nvr_evidence_total_bytes(db, &e->total_bytes);
    if (e->result == 0 && !e->pass_started_ms)
        e->result = nvr_findings_count(db, &e->findings);
    if (e->result == 0)
        e->result = nvr_evidence_next_to_check(db, e->before_ms, &e->row);
    nvr_store_read_end(e->storage->store, db);
}

static void on_found(uv_work_t *work, int status)
{
    struct storage_evidence *e = work->data;
    const bool first = !e->pass_started_ms;

    e->working = false;
    if (e->stopping || status < 0) {
        storage_check_stopped(e->storage);
        return;
    }
    if (first) {
        e->pass_started_ms = nvr_clock_wall_ms();
        show_warning(e);
    }
    if (e->result == -ENOENT) {
        e->state = SCRUB_IDLE;
        e->pass_started_ms = nvr_clock_wall_ms();
        e->pass_bytes = 0;
        next_later(e, IDLE_MS);
    } else if (e->result < 0) {
        (void)log_err(e->result, "look for the next recording to check");
        next_later(e, TROUBLE_MS);
    } else if (!e->row.checksum[0]) {
        e->state = SCRUB_RUNNING;
        file_is(e, NULL, -1, ""); /* from before there were checksums: nothing to compare with */
    } else {
        e->state = SCRUB_RUNNING;
        e->opening = true;
        nvr_storage_open(e->storage, &e->row, on_opened, e);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct storage_evidence *e = timer->data;
    const struct nvr_storage_config *config =
        nvr_config_get_storage(nvr_supervisor_get_config(e->storage->supervisor));
    const int64_t again_ms =
        NVR_MAX((int64_t)(config->scrub_after_hours * HOUR_MS), (int64_t)AGAIN_MIN_MS);

    if (config->scrub_mb_per_second <= 0) {
        e->state = SCRUB_OFF;
        next_later(e, IDLE_MS);
        return;
    }
    e->before_ms = nvr_clock_wall_ms() - again_ms;
    e->work.data = e;
    e->working = uv_queue_work(e->storage->loop, &e->work, find_next, on_found) == 0;
    if (!e->working)
        next_later(e, TROUBLE_MS);
}

static void next_later(struct storage_evidence *e, uint64_t ms)
{
    const struct nvr_storage_config *config =
        nvr_config_get_storage(nvr_supervisor_get_config(e->storage->supervisor));

    if (e->stopping)
        return;
    if (ms == IDLE_MS && config->scrub_after_hours < 1)
        ms = QUICK_IDLE_MS;
    (void)uv_timer_start(e->timer, on_timer, ms, 0);
}

/* ---- checkpoints ---- */

static int write_checkpoints(struct nvr_db *db, void *arg)
{
    const int r = nvr_evidence_checkpoint_all(db, nvr_clock_wall_ms());

    (void)arg;
    return r < 0 ? r : 0;
}

static void on_checkpoints(int result, void *arg)
{
    (void)arg;
    if (result < 0)
        (void)log_err(result, "sign the chains");
}

static void on_checkpoint_timer(uv_timer_t *timer)
{
    const struct storage_evidence *e = timer->data;
    const int r = nvr_store_write(e->storage->store, write_checkpoints, on_checkpoints, NULL);

    if (r < 0)
        (void)log_err(r, "sign the chains");
}

/* ---- acknowledging ---- */

struct acknowledge {
    struct nvr_storage *storage;
    int64_t id, findings;
    int result;
    void (*done)(int result, void *arg);
    void *arg;
};

static int delete_finding(struct nvr_db *db, void *arg)
{
    struct acknowledge *task = arg;
    const int r = nvr_findings_delete(db, task->id);

    return r < 0 ? r : nvr_findings_count(db, &task->findings);
}

static void on_acknowledged(void *arg)
{
    struct acknowledge *task = arg;
    struct nvr_storage *storage = task->storage;
    struct storage_evidence *e = storage->evidence;

    e->writes--;
    if (task->result == 0) {
        e->findings = task->findings;
        show_warning(e);
    }
    task->done(task->result, task->arg);
    free(task);
    storage_check_stopped(storage);
}

/* Writer's thread. */
static void on_deleted(int result, void *arg)
{
    struct acknowledge *task = arg;

    task->result = result;
    if (nvr_post_send(task->storage->post, on_acknowledged, task) < 0)
        free(task);
}

int nvr_storage_acknowledge(struct nvr_storage *storage, int64_t finding_id,
                            void (*done)(int result, void *arg), void *arg)
{
    struct acknowledge *task = calloc(1, sizeof(*task));
    int r = -ENOMEM;

    if (task) {
        *task =
            (struct acknowledge){.storage = storage, .id = finding_id, .done = done, .arg = arg};
        r = storage->stopping ? -ESHUTDOWN
                              : nvr_store_write(storage->store, delete_finding, on_deleted, task);
    }
    if (r < 0) {
        free(task);
        return r;
    }
    storage->evidence->writes++;
    return 0;
}

/* ---- the part ---- */

int storage_evidence_start(struct nvr_storage *storage)
{
    struct storage_evidence *e = calloc(1, sizeof(*e));
    const struct nvr_storage_config *config =
        nvr_config_get_storage(nvr_supervisor_get_config(storage->supervisor));

    if (!e)
        return -ENOMEM;
    nvr_metric_add(&metric_findings, "", 0); /* they are there from the start */
    nvr_metric_add(&metric_bytes, "", 0);
    storage->evidence = e;
    e->storage = storage;
    e->timer = nvr_timer_new(e->storage->loop, e);
    e->checkpoint_timer = nvr_timer_new(e->storage->loop, e);
    if (!e->timer || !e->checkpoint_timer)
        return -ENOMEM;
    (void)uv_timer_start(e->timer, on_timer,
                         config->scrub_after_hours < 1 ? FIRST_SCRUB_QUICK_MS : FIRST_SCRUB_MS, 0);
    return uv_timer_start(e->checkpoint_timer, on_checkpoint_timer, FIRST_CHECKPOINT_MS,
                          CHECKPOINT_MS);
}

void storage_evidence_stop(struct nvr_storage *storage)
{
    struct storage_evidence *e = storage->evidence;

    if (!e || e->stopping)
        return;
    e->stopping = true;
    nvr_timer_free(NVR_TAKE(e->timer));
    nvr_timer_free(NVR_TAKE(e->checkpoint_timer));
    nvr_supervisor_job_cancel(NVR_TAKE(e->job));
}

bool storage_evidence_is_idle(const struct nvr_storage *storage)
{
    const struct storage_evidence *e = storage->evidence;

    return !e || (!e->working && !e->opening && !e->job && !e->writes);
}

void storage_evidence_free(struct nvr_storage *storage)
{
    free(NVR_TAKE(storage->evidence));
}

void storage_evidence_to_json(struct nvr_storage *storage, json_t *object)
{
    static const char *const names[] = {"off", "idle", "running"};
    const struct storage_evidence *e = storage->evidence;

    (void)json_object_set_new(
        object, "scrub",
        json_pack("{s:s, s:I, s:I, s:I, s:o, s:I}", "state", names[e->state], "checked_bytes",
                  (json_int_t)e->pass_bytes, "total_bytes", (json_int_t)e->total_bytes,
                  "bytes_per_second",
                  e->state == SCRUB_RUNNING ? (json_int_t)e->bytes_per_second : (json_int_t)0,
                  "pass_started",
                  e->state == SCRUB_RUNNING ? json_integer(e->pass_started_ms) : json_null(),
                  "findings", (json_int_t)e->findings));
}
