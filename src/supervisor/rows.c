/* The cameras' rows and their status log, written through the store's writer. */
#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/store/causes.h"
#include "src/supervisor/private.h"

NVR_LOG_TOPIC("store");

#define ROWS_STEP 500 /* deleted in one job */

struct row_write {
    struct nvr_camera_row row;
    bool log_status;
    char stats[512];
};

/* Rows first, a few at a time, then the files: what a crash leaves are files, which are indexed
 * again, never rows without one. A camera may get the same name again meanwhile: what it records is
 * newer than before_ms. */
struct camera_delete {
    struct nvr_supervisor *supervisor;
    char id[NVR_SLUG_SIZE];
    bool recordings;
    bool begun;
    bool more; /* rows */
    int64_t before_ms;
    int result;
};

static int write_camera(struct nvr_db *db, void *arg)
{
    struct row_write *write = arg;
    int r;

    write->row.stats = write->stats[0] ? write->stats : NULL;
    r = nvr_cameras_upsert(db, &write->row);
    if (r == 0 && write->log_status)
        r = nvr_camera_log_status(db, write->row.id, write->row.status, write->row.error,
                                  write->row.updated_ms);
    return r;
}

/* In the writer's thread. */
static void on_done(int result, void *arg)
{
    if (result < 0)
        (void)log_err(result, "write a camera's state");
    free(arg);
}

static void fill_numbers(struct nvr_camera_row *row, const json_t *stats)
{
    int64_t width = 0;
    int64_t height = 0;
    const char *codec = "";

    if (!stats)
        return;
    (void)nvr_json_get_double(stats, "fps", 0, 100000, &row->fps);
    (void)nvr_json_get_int(stats, "bitrate", 0, INT64_MAX, &row->bitrate);
    (void)nvr_json_get_int(stats, "width", 0, 65535, &width);
    (void)nvr_json_get_int(stats, "height", 0, 65535, &height);
    (void)nvr_json_get_str(stats, "codec", &codec);
    if (width && height)
        (void)snprintf(row->resolution, sizeof(row->resolution), "%dx%d", (int)width, (int)height);
    if (strlen(codec) < sizeof(row->codec))
        memcpy(row->codec, codec, strlen(codec) + 1);
}

void rows_write_camera(struct camera *camera, bool log_status)
{
    struct row_write *write = calloc(1, sizeof(*write));
    int r;

    camera->row_written_ms = nvr_clock_mono_ms();
    if (!write)
        return;
    struct nvr_camera_row *row = &write->row;

    memcpy(row->id, camera->config.id, sizeof(row->id));
    (void)snprintf(row->status, sizeof(row->status), "%s", camera_status_name(camera->status));
    row->last_seen_ms = camera->last_seen_ms;
    memcpy(row->error, camera->error, sizeof(row->error));
    row->stopped = camera->stopped;
    row->created_ms = camera->created_ms;
    row->updated_ms = camera->updated_ms;
    fill_numbers(row, camera->stats[0]);
    (void)snprintf(write->stats, sizeof(write->stats),
                   "{\"reconnects\":%lld,\"dropped_packets\":%lld,\"restarts\":%u}",
                   (long long)camera->reconnects, (long long)camera->dropped_packets,
                   camera->worker.state.restarts);
    write->log_status = log_status;
    r = nvr_store_write(camera->supervisor->store, write_camera, on_done, write);
    if (r < 0) {
        (void)log_warn_err(r, "write the state of camera %s", camera->config.id);
        free(write);
    }
}

static int close_period(struct nvr_db *db, void *arg)
{
    const struct row_write *write = arg;

    return nvr_camera_log_status(db, write->row.id, write->row.status, write->row.error,
                                 write->row.updated_ms);
}

void rows_close_period(struct camera *camera, int64_t at_ms)
{
    struct row_write *write = calloc(1, sizeof(*write));

    if (!write)
        return;
    memcpy(write->row.id, camera->config.id, sizeof(write->row.id));
    (void)snprintf(write->row.status, sizeof(write->row.status), "%s",
                   camera_status_name(CAMERA_OFFLINE));
    (void)snprintf(write->row.error, sizeof(write->row.error), "Heron was not running");
    write->row.updated_ms = at_ms;
    if (nvr_store_write(camera->supervisor->store, close_period, on_done, write) < 0)
        free(write);
}

/* ---- the end of a camera ---- */

static int begin_delete(struct nvr_db *db, struct camera_delete *task)
{
    int r = nvr_cameras_delete(db, task->id);

    if (r == 0 && task->recordings)
        r = nvr_causes_delete_camera(db, task->id);
    if (r == 0 && task->recordings)
        r = nvr_triggers_delete(db, task->id, INT64_MAX);
    return r;
}

static int delete_rows(struct nvr_db *db, void *arg)
{
    struct camera_delete *task = arg;
    int r = task->begun ? 0 : begin_delete(db, task);

    if (r == 0 && task->recordings)
        r = nvr_recordings_delete_some(db, task->id, task->before_ms, ROWS_STEP);
    task->more = r == ROWS_STEP;
    return NVR_MIN(r, 0);
}

struct tree_delete {
    uv_work_t work;
    struct nvr_supervisor *supervisor;
    char path[PATH_MAX];
    int64_t before_ms;
    int result;
};

static _Thread_local int64_t newest_s; /* nftw() knows no argument */

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *where)
{
    int r = 0;

    (void)where;
    if (type == FTW_DP)
        r = rmdir(path);
    else if (st->st_mtim.tv_sec <= newest_s)
        r = unlink(path);
    /* Folders of a new camera of that name are not empty. */
    return r < 0 && errno != ENOTEMPTY && errno != EEXIST && errno != ENOENT ? -1 : 0;
}

static void delete_tree(uv_work_t *work)
{
    struct tree_delete *task = work->data;

    newest_s = task->before_ms / 1000;
    /* FTW_PHYS: a link is removed, not followed. */
    // NOLINTNEXTLINE(concurrency-mt-unsafe): glibc's is safe without FTW_CHDIR
    if (nftw(task->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) < 0 && errno != ENOENT)
        task->result = -errno;
}

static void on_tree_deleted(uv_work_t *work, int status)
{
    struct tree_delete *task = work->data;

    (void)status;
    if (task->result < 0)
        (void)log_err(task->result, "remove '%s'", task->path);
    if (!task->supervisor->stopping)
        nvr_supervisor_hold_compare(task->supervisor, false);
    free(task);
}

/* 0: they go in the pool, and then comparing files and rows is let go on. */
static int delete_files(struct nvr_supervisor *sv, const char *id, int64_t before_ms)
{
    struct tree_delete *task = calloc(1, sizeof(*task));
    int r = task ? nvr_path_join(task->path, sizeof(task->path), sv->recordings_dir, id) : -ENOMEM;

    if (r == 0) {
        task->supervisor = sv;
        task->before_ms = before_ms;
        task->work.data = task;
        r = uv_queue_work(sv->loop, &task->work, delete_tree, on_tree_deleted);
    }
    if (r < 0)
        free(task);
    return r;
}

static void end_delete(struct camera_delete *task, int result)
{
    if (result < 0)
        (void)log_err(result, "forget camera %s", task->id);
    if (!task->supervisor->stopping)
        nvr_supervisor_hold_compare(task->supervisor, false);
    free(task);
}

static void on_rows_deleted(int result, void *arg);

static void write_delete(struct camera_delete *task)
{
    const int r = nvr_store_write(task->supervisor->store, delete_rows, on_rows_deleted, task);

    if (r < 0)
        end_delete(task, r);
}

static void go_on_deleting(void *arg)
{
    struct camera_delete *task = arg;
    struct nvr_supervisor *sv = task->supervisor;
    int r = task->result;

    task->begun = true;
    if (sv->stopping || r < 0 || !task->recordings) {
        end_delete(task, r);
    } else if (task->more) {
        write_delete(task);
    } else {
        r = delete_files(sv, task->id, task->before_ms);
        if (r < 0)
            end_delete(task, r);
        else
            free(task);
    }
}

/* In the writer's thread. */
static void on_rows_deleted(int result, void *arg)
{
    struct camera_delete *task = arg;

    task->result = result;
    if (nvr_post_send(task->supervisor->post, go_on_deleting, task) < 0)
        free(task);
}

void rows_delete_camera(struct nvr_supervisor *sv, const char *id, bool delete_recordings)
{
    struct camera_delete *task = calloc(1, sizeof(*task));

    if (!task)
        return;
    *task = (struct camera_delete){
        .supervisor = sv, .recordings = delete_recordings, .before_ms = nvr_clock_wall_ms()};
    (void)snprintf(task->id, sizeof(task->id), "%s", id);
    nvr_supervisor_hold_compare(sv, true); /* files whose rows went are not indexed again */
    write_delete(task);
}
