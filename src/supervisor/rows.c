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

struct row_write {
    struct nvr_camera_row row;
    bool log_status;
    char stats[512];
};

struct camera_delete {
    char id[NVR_SLUG_SIZE];
    bool recordings;
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

static int delete_rows(struct nvr_db *db, void *arg)
{
    const struct camera_delete *task = arg;
    int r = nvr_cameras_delete(db, task->id);

    if (r == 0 && task->recordings)
        r = nvr_recordings_delete_camera(db, task->id);
    if (r == 0 && task->recordings)
        r = nvr_causes_delete_camera(db, task->id);
    if (r == 0 && task->recordings)
        r = nvr_triggers_delete(db, task->id, INT64_MAX);
    return r;
}

struct tree_delete {
    uv_work_t work;
    char path[PATH_MAX];
    int result;
};

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)where;
    return type == FTW_DP ? rmdir(path) : unlink(path);
}

static void delete_tree(uv_work_t *work)
{
    struct tree_delete *task = work->data;

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
    free(task);
}

static void delete_files(struct nvr_supervisor *sv, const char *id)
{
    struct tree_delete *task = calloc(1, sizeof(*task));

    if (!task || nvr_path_join(task->path, sizeof(task->path), sv->recordings_dir, id) < 0) {
        free(task);
        return;
    }
    task->work.data = task;
    if (uv_queue_work(sv->loop, &task->work, delete_tree, on_tree_deleted) < 0)
        free(task);
}

void rows_delete_camera(struct nvr_supervisor *sv, const char *id, bool delete_recordings)
{
    struct camera_delete *task = calloc(1, sizeof(*task));

    if (!task)
        return;
    (void)snprintf(task->id, sizeof(task->id), "%s", id);
    task->recordings = delete_recordings;
    if (nvr_store_write(sv->store, delete_rows, on_done, task) < 0)
        free(task);
    if (delete_recordings)
        delete_files(sv, id);
}
