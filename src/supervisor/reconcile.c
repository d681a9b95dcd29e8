#include "src/supervisor/reconcile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/io.h"
#include "lib/base/log.h"
#include "src/supervisor/indexer.h"
#include "src/supervisor/location.h"
#include "src/supervisor/private.h"
#include "src/supervisor/reconcile-scan.h"

NVR_LOG_TOPIC("reconcile");

#define ROWS_WAITING_MAX 1024 /* results that the database has not taken yet */
#define YOUNG_MS 1000 /* a file named in the second in which its worker started may be its own */
/* A worker that records would have named its file in a heartbeat by then. */
#define CLOSED_MS 12000
#define NAMED_MAX 3 /* dropped files that a warning names */

struct turn {
    char id[NVR_SLUG_SIZE];
    bool drop; /* rows without file too */
};

struct reconcile {
    struct nvr_supervisor *supervisor;
    uv_timer_t *timer;
    uv_work_t work;
    bool working; /* work is in the pool */
    bool stopping;
    bool want_all, list_next;
    char (*found)[NVR_SLUG_SIZE]; /* the pool's answer to "which cameras" */
    size_t found_count;

    struct turn *turns; /* waiting, first to last */
    size_t turns_count;
    struct turn turn; /* the one under way */
    bool busy;
    struct reconcile_set set;
    struct reconcile_cutoff cutoff;
    int64_t before_s;
    char marker[NVR_UUID_SIZE]; /* of the disk that we know */
    bool rows_safe;             /* there are older files: the disk is mounted */
    int result;
    struct indexer *indexer;
    size_t files_done;
    unsigned rows_waiting;
    bool ending;     /* all is read; the last rows are being written */
    bool look_again; /* some files were too young */
    unsigned holds;  /* somebody removes or moves files: no turn begins */
    bool deferred;   /* one would have */
    bool force;      /* rows are not believed: every file is indexed */
    struct nvr_reindex_result counts;
    const struct nvr_reindex_hooks *hooks; /* NULL: nobody asked */
    void *hooks_arg;
};

static void next_turn(struct reconcile *rc);
static void end_files(struct reconcile *rc);

/* ---- the queue ---- */

static void add_turn(struct reconcile *rc, const char *id, bool drop)
{
    for (size_t i = 0; i < rc->turns_count; i++) {
        if (strcmp(rc->turns[i].id, id) == 0) {
            rc->turns[i].drop = rc->turns[i].drop || drop;
            return;
        }
    }
    struct turn *moved = reallocarray(rc->turns, rc->turns_count + 1, sizeof(*moved));

    if (!moved)
        return;
    rc->turns = moved;
    rc->turns[rc->turns_count] = (struct turn){.drop = drop};
    (void)snprintf(rc->turns[rc->turns_count++].id, NVR_SLUG_SIZE, "%s", id);
}

static void list_cameras(uv_work_t *work)
{
    struct reconcile *rc = work->data;

    rc->result =
        reconcile_list_cameras(rc->supervisor->recordings_dir, &rc->found, &rc->found_count);
}

static void on_listed(uv_work_t *work, int status)
{
    struct reconcile *rc = work->data;
    struct nvr_supervisor *sv = rc->supervisor;

    (void)status;
    rc->working = false;
    if (rc->result < 0)
        (void)log_err(rc->result, "read '%s'", sv->recordings_dir);
    for (const struct camera *camera = sv->cameras; camera; camera = camera->next)
        add_turn(rc, camera->config.id, true);
    for (size_t i = 0; i < rc->found_count; i++)
        add_turn(rc, rc->found[i], true);
    free(NVR_TAKE(rc->found));
    rc->found_count = 0;
    next_turn(rc);
    sv_check_stopped(sv);
}

/* ---- one camera: read ---- */

static bool is_recording(const struct camera *camera)
{
    return camera && camera->recording_file[0] && reconcile_name_time(camera->recording_file) >= 0;
}

static const struct camera *find_camera(const struct nvr_supervisor *sv, const char *id)
{
    const struct camera *camera = sv->cameras;

    while (camera && strcmp(camera->config.id, id) != 0)
        camera = camera->next;
    return camera;
}

/* Files that began earlier have no writer any more. */
static struct reconcile_cutoff cutoff_of(const struct nvr_supervisor *sv, const char *id)
{
    const struct camera *camera = find_camera(sv, id);

    if (!camera || worker_is_idle(&camera->worker))
        return (struct reconcile_cutoff){nvr_clock_wall_ms() / 1000 + 1, 0};
    if (is_recording(camera)) /* what began in the same second, but before it, is closed, too */
        return (struct reconcile_cutoff){reconcile_name_time(camera->recording_file),
                                         reconcile_name_attempt(camera->recording_file)};
    const int64_t closed_ms = nvr_clock_wall_ms() - CLOSED_MS;

    return (struct reconcile_cutoff){
        NVR_MAX(camera->worker.started_wall_ms - YOUNG_MS, closed_ms) / 1000, 0};
}

/* Files that were moved to another tier and are still here: the copy is known to be good. */
static void remove_leftovers(const struct reconcile *rc)
{
    for (size_t i = 0; i < rc->set.leftovers_count; i++) {
        const char *name = rc->set.leftovers[i].path;
        char path[PATH_MAX];
        int r = nvr_path_join(path, sizeof(path), rc->supervisor->recordings_dir, name);

        if (r == 0)
            r = nvr_io_unlinkat(AT_FDCWD, path, 0);
        if (r < 0)
            (void)log_err(r, "remove '%s', which was moved", name);
        else
            log_info("'%s' was moved to another tier: what was left of it here is removed", name);
    }
}

static void scan(uv_work_t *work)
{
    struct reconcile *rc = work->data;
    struct nvr_supervisor *sv = rc->supervisor;

    rc->result = reconcile_scan(sv->recordings_dir, sv->store, rc->turn.id, &rc->set);
    if (rc->result == 0)
        rc->result = reconcile_diff(&rc->set, rc->cutoff, rc->force);
    /* The disk may have gone while it was read: asked afterwards. */
    if (rc->result == 0 && rc->marker[0])
        rc->result = location_compare(sv->recordings_dir, rc->marker);
    if (rc->result < 0)
        return;
    remove_leftovers(rc);
    rc->rows_safe = !rc->turn.drop || !rc->set.rows_count ||
                    reconcile_has_old_files(sv->recordings_dir, rc->before_s);
}

static void on_scanned(uv_work_t *work, int status)
{
    struct reconcile *rc = work->data;

    (void)status;
    rc->working = false;
    if (rc->result < 0) {
        (void)log_err(rc->result, "camera %s: compare files and rows", rc->turn.id);
        rc->counts.failed++;
    }
    /* Left by the process before, likely: looked at again when that is certain. */
    rc->look_again |=
        rc->set.young_count && !is_recording(find_camera(rc->supervisor, rc->turn.id));
    rc->files_done = 0;
    if (!rc->stopping && rc->result == 0 && rc->set.files_count)
        indexer_start(rc->indexer, rc->set.files, rc->set.files_count);
    else
        end_files(rc);
    sv_check_stopped(rc->supervisor);
}

static void queue(struct reconcile *rc, uv_work_cb run, uv_after_work_cb done)
{
    rc->work.data = rc;
    rc->working = uv_queue_work(rc->supervisor->loop, &rc->work, run, done) == 0;
}

static void end_all(struct reconcile *rc)
{
    if (rc->want_all) {
        rc->want_all = false;
        log_info("recordings compared: %u indexed (%u repaired), %u damaged, %u unread, "
                 "%u rows dropped",
                 rc->counts.indexed, rc->counts.repaired, rc->counts.damaged, rc->counts.failed,
                 rc->counts.dropped);
        if (rc->hooks)
            rc->hooks->on_done(&rc->counts, rc->hooks_arg);
    }
    if (rc->look_again) {
        rc->look_again = false;
        reconcile_all(rc, RECONCILE_CRASH_MS);
    }
}

static void next_turn(struct reconcile *rc)
{
    reconcile_set_done(&rc->set);
    rc->busy = false;
    if (rc->stopping || rc->working)
        return;
    if (rc->list_next) {
        rc->list_next = false;
        rc->busy = true;
        queue(rc, list_cameras, on_listed);
        return;
    }
    if (!rc->turns_count) {
        rc->ending = rc->rows_waiting > 0; /* then row_done() comes here again */
        if (!rc->ending)
            end_all(rc);
        return;
    }
    if (rc->holds) {
        rc->deferred = true;
        return;
    }
    rc->turn = rc->turns[0];
    rc->turns_count--;
    memmove(rc->turns, rc->turns + 1, rc->turns_count * sizeof(*rc->turns));
    rc->busy = true;
    rc->cutoff = cutoff_of(rc->supervisor, rc->turn.id);
    memcpy(rc->marker, rc->supervisor->hot_marker, sizeof(rc->marker));
    rc->before_s = rc->supervisor->started_wall_ms / 1000;
    queue(rc, scan, on_scanned);
    if (!rc->working)
        rc->busy = false;
}

/* ---- one camera: files without a row ---- */

struct upsert {
    struct reconcile *reconcile;
    int64_t pre_ms, post_ms;
    int result;
    struct segment_holes holes;
    struct nvr_recording recording;
};

static int write_row(struct nvr_db *db, void *arg)
{
    struct upsert *upsert = arg;
    const int r = segment_write_row(db, &upsert->recording, upsert->pre_ms, upsert->post_ms);

    return r < 0 ? r : segment_write_holes(db, upsert->recording.camera_id, &upsert->holes);
}

static void row_done(void *arg)
{
    struct upsert *upsert = arg;
    struct reconcile *rc = upsert->reconcile;

    if (upsert->result < 0) {
        rc->counts.indexed--;
        rc->counts.failed++;
    }
    free(upsert);
    rc->rows_waiting--;
    if (rc->stopping)
        return;
    if (rc->rows_waiting == ROWS_WAITING_MAX / 2)
        indexer_kick(rc->indexer);
    if (rc->ending && !rc->rows_waiting && !rc->busy)
        next_turn(rc);
}

/* In the writer's thread. */
static void on_written(int result, void *arg)
{
    struct upsert *upsert = arg;

    upsert->result = result;
    if (result < 0)
        (void)log_err(result, "store %s", upsert->recording.file_path);
    if (nvr_post_send(upsert->reconcile->supervisor->post, row_done, upsert) < 0)
        free(upsert);
}

static int store_result(struct reconcile *rc, const char *path, const json_t *result)
{
    struct upsert *upsert = malloc(sizeof(*upsert));
    bool repaired = false;
    int r = upsert ? segment_parse(rc->turn.id, result, &upsert->recording) : -ENOMEM;

    if (r == 0)
        r = segment_parse_holes(result, &upsert->recording, &upsert->holes);
    if (r == 0 && strcmp(upsert->recording.file_path, path) != 0)
        r = -EPROTO;
    if (r == 0) {
        upsert->reconcile = rc;
        recording_get_rolls(rc->supervisor, rc->turn.id, &upsert->pre_ms, &upsert->post_ms);
        r = nvr_store_write(rc->supervisor->store, write_row, on_written, upsert);
    }
    if (r < 0) {
        free(upsert);
        return r;
    }
    rc->rows_waiting++;
    (void)nvr_json_get_bool(result, "repaired", &repaired);
    rc->counts.indexed++;
    rc->counts.repaired += repaired;
    if (repaired)
        log_info("indexed %s (repaired)", path);
    else
        log_debug("indexed %s", path);
    return 0;
}

/* Nothing can be made of it: out of the way, but not thrown away. */
static void set_aside(struct reconcile *rc, const char *path, const char *why)
{
    char from[PATH_MAX];
    char to[PATH_MAX];
    int r = nvr_path_join(from, sizeof(from), rc->supervisor->recordings_dir, path);

    if (r == 0)
        r = nvr_fmt(to, sizeof(to), "%s.damaged", from) < 0 ? -ENAMETOOLONG : 0;
    if (r == 0)
        r = nvr_sys(rename(from, to));
    if (r < 0)
        (void)log_err(r, "set '%s' aside", path);
    else
        log_warn("'%s' holds no video (%s): renamed to .damaged", path, why);
    rc->counts.damaged++;
}

static void tell_progress(struct reconcile *rc)
{
    rc->files_done++;
    if (rc->hooks && rc->hooks->on_progress)
        rc->hooks->on_progress(rc->turn.id, rc->files_done, rc->set.files_count, rc->hooks_arg);
}

static void on_failed(const struct reconcile_file *file, const char *code, const char *message,
                      void *arg)
{
    static const char *const hopeless[] = {"empty", "not_mp4", "no_fragments", "crashed"};
    struct reconcile *rc = arg;
    bool aside = false;

    for (size_t i = 0; i < NVR_ARRAY_SIZE(hopeless); i++)
        aside = aside || strcmp(code, hopeless[i]) == 0;
    /* One with a row was whole once: it stays where the row says, for the check of stored bytes. */
    if (aside && !file->known) {
        set_aside(rc, file->path, message[0] ? message : code);
    } else { /* one that hangs may lie on a disk that does: it is looked at again at the next start
              */
        rc->counts.failed++;
        log_warn("'%s' could not be indexed: %s", file->path, message[0] ? message : code);
    }
    tell_progress(rc);
}

static void on_indexed(const struct reconcile_file *file, const json_t *result, void *arg)
{
    struct reconcile *rc = arg;
    const int r = store_result(rc, file->path, result);

    if (r < 0)
        on_failed(file, "io", nvr_strerror(r), rc);
    else
        tell_progress(rc);
}

static void on_files_done(void *arg)
{
    struct reconcile *rc = arg;

    log_info("camera %s: %zu files read for the index", rc->turn.id, rc->set.files_count);
    end_files(rc);
}

static bool has_room(void *arg)
{
    const struct reconcile *rc = arg;

    return rc->rows_waiting < ROWS_WAITING_MAX;
}

/* ---- one camera: rows without a file ---- */

struct drop {
    char id[NVR_SLUG_SIZE];
    struct nvr_recording now; /* the row that is being looked at */
    size_t count;
    int64_t starts[];
};

static int delete_rows(struct nvr_db *db, void *arg)
{
    struct drop *drop = arg;
    int r = 0;

    for (size_t i = 0; r == 0 && i < drop->count; i++) {
        r = nvr_recordings_get(db, drop->id, drop->starts[i], &drop->now);
        if (r == 0 && strcmp(drop->now.tier, "hot") != 0)
            continue; /* moved since it was looked for */
        if (r == 0)
            r = nvr_recordings_delete(db, drop->id, drop->starts[i]);
        if (r == -ENOENT)
            r = 0;
    }
    return r;
}

static void on_dropped(int result, void *arg)
{
    if (result < 0)
        (void)log_err(result, "drop rows without files");
    free(arg);
}

static void warn_dropped(struct reconcile *rc)
{
    char names[400] = "";
    size_t len = 0;

    for (size_t i = 0; i < rc->set.rows_count && i < NAMED_MAX; i++) {
        const int n =
            snprintf(names + len, sizeof(names) - len, "%s%s", i ? ", " : "", rc->set.rows[i].path);

        len = NVR_MIN(len + (size_t)NVR_MAX(n, 0), sizeof(names) - 1);
    }
    nvr_supervisor_warning_clear(rc->supervisor,
                                 "recordings_dropped"); /* what is new is logged, too */
    nvr_supervisor_warning_set(rc->supervisor, "recordings_dropped",
                               "%zu recordings of %s were gone from the disk and are dropped: %s%s",
                               rc->set.rows_count, rc->turn.id, names,
                               rc->set.rows_count > NAMED_MAX ? " …" : "");
}

static void drop_rows(struct reconcile *rc)
{
    struct drop *drop;

    if (!rc->turn.drop || !rc->set.rows_count)
        return;
    if (!rc->rows_safe) {
        nvr_supervisor_warning_set(
            rc->supervisor, "recordings_missing",
            "No older recording is in %s, but the database knows some. Is the disk "
            "mounted? Nothing was dropped",
            rc->supervisor->recordings_dir);
        return;
    }
    drop = malloc(sizeof(*drop) + rc->set.rows_count * sizeof(drop->starts[0]));
    if (!drop)
        return;
    memcpy(drop->id, rc->turn.id, sizeof(drop->id));
    drop->count = rc->set.rows_count;
    for (size_t i = 0; i < drop->count; i++)
        drop->starts[i] = rc->set.rows[i].start_ms;
    warn_dropped(rc);
    rc->counts.dropped += (unsigned)drop->count;
    if (nvr_store_write(rc->supervisor->store, delete_rows, on_dropped, drop) < 0)
        free(drop);
}

static void end_files(struct reconcile *rc)
{
    if (!rc->stopping && rc->result == 0)
        drop_rows(rc);
    next_turn(rc);
}

/* ---- public ---- */

static void on_timer(uv_timer_t *timer)
{
    struct reconcile *rc = timer->data;

    if (!rc->busy)
        next_turn(rc);
}

int reconcile_new(struct nvr_supervisor *sv, struct reconcile **ret_reconcile)
{
    static const struct indexer_hooks hooks = {.on_indexed = on_indexed,
                                               .on_failed = on_failed,
                                               .on_done = on_files_done,
                                               .has_room = has_room};
    struct reconcile *rc = calloc(1, sizeof(*rc));
    int r;

    if (!rc)
        return -ENOMEM;
    rc->supervisor = sv;
    rc->timer = nvr_timer_new(sv->loop, rc);
    r = rc->timer ? indexer_new(sv, &hooks, rc, &rc->indexer) : -ENOMEM;
    if (r < 0) {
        nvr_timer_free(rc->timer);
        free(rc);
        return r;
    }
    *ret_reconcile = rc;
    return 0;
}

void reconcile_all(struct reconcile *rc, unsigned delay_ms)
{
    rc->want_all = true;
    rc->list_next = true;
    (void)uv_timer_start(rc->timer, on_timer, delay_ms, 0);
}

void reconcile_soon(struct reconcile *rc, const char *camera_id)
{
    if (!rc || rc->stopping)
        return;
    add_turn(rc, camera_id, false);
    if (!uv_is_active((const uv_handle_t *)rc->timer))
        (void)uv_timer_start(rc->timer, on_timer, RECONCILE_CRASH_MS, 0);
}

bool reconcile_stop(struct reconcile *rc)
{
    if (!rc)
        return true;
    rc->stopping = true;
    indexer_stop(rc->indexer);
    nvr_timer_free(NVR_TAKE(rc->timer));
    return !rc->working;
}

void reconcile_free(struct reconcile *rc)
{
    if (!rc)
        return;
    indexer_free(rc->indexer);
    reconcile_set_done(&rc->set);
    free(rc->found);
    free(rc->turns);
    free(rc);
}

bool nvr_supervisor_is_comparing(const struct nvr_supervisor *sv, const char *id)
{
    return sv->reconcile->busy && strcmp(sv->reconcile->turn.id, id) == 0;
}

void nvr_supervisor_hold_compare(struct nvr_supervisor *sv, bool held)
{
    struct reconcile *rc = sv->reconcile;

    rc->holds += held ? 1 : -1U;
    if (rc->holds || !rc->deferred)
        return;
    rc->deferred = false;
    if (!rc->busy)
        next_turn(rc);
}

void nvr_supervisor_reindex(struct nvr_supervisor *sv, const struct nvr_reindex_hooks *hooks,
                            void *arg)
{
    sv->reconcile->force = true;
    sv->reconcile->hooks = hooks;
    sv->reconcile->hooks_arg = arg;
    reconcile_all(sv->reconcile, 0);
}
