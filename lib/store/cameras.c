#include "lib/store/cameras.h"

#include <assert.h>
#include <string.h>

#include "lib/store/db.h"
#include "lib/store/queries.h"

static const char sql_upsert[] =
    "INSERT INTO cameras (id, status, last_seen, fps, bitrate, resolution, codec, stats, error, "
    "stopped, created_ms, updated_ms) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12) "
    "ON CONFLICT (id) DO UPDATE SET status=?2, last_seen=?3, fps=?4, bitrate=?5, resolution=?6, "
    "codec=?7, stats=?8, error=?9, stopped=?10, updated_ms=?12";
static const char sql_delete[] = "DELETE FROM cameras WHERE id = ?";
static const char sql_each[] = "SELECT id, status, last_seen, fps, bitrate, resolution, codec, "
                               "stats, error, stopped, created_ms, updated_ms FROM cameras "
                               "ORDER BY id";
static const char sql_log_close[] =
    "UPDATE camera_status_log SET end_ms = max(start_ms, ?2) WHERE camera_id = ?1 AND start_ms = "
    "(SELECT start_ms FROM camera_status_log WHERE camera_id = ?1 ORDER BY start_ms DESC LIMIT 1) "
    "AND end_ms IS NULL";
static const char sql_log_camera[] = "INSERT INTO cameras (id, created_ms, updated_ms) "
                                     "VALUES (?1, ?2, ?2) ON CONFLICT (id) DO NOTHING";
/* Two changes in one millisecond: the later one counts. */
static const char sql_log_open[] =
    "INSERT INTO camera_status_log (camera_id, start_ms, status, error) VALUES (?1,?2,?3,?4) "
    "ON CONFLICT (camera_id, start_ms) DO UPDATE SET end_ms=NULL, status=?3, error=?4";
static const char sql_log_each[] =
    "SELECT start_ms, end_ms, status, error FROM camera_status_log WHERE camera_id = ?1 "
    "AND start_ms < ?3 AND (end_ms IS NULL OR end_ms > ?2) ORDER BY start_ms DESC LIMIT ?4";
static const char sql_log_trim[] =
    "DELETE FROM camera_status_log WHERE camera_id = ?1 AND start_ms < ?2 "
    "AND end_ms IS NOT NULL AND end_ms < ?2";

const char *const nvr_cameras_queries[] = {
    sql_upsert,   sql_delete,   sql_log_close, sql_log_camera,
    sql_log_open, sql_log_each, sql_log_trim,  NULL,
};

int nvr_cameras_upsert(struct nvr_db *db, const struct nvr_camera_row *row)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r;

    assert(db && row);
    if (!nvr_slug_is_valid(row->id))
        return -EINVAL;
    r = nvr_db_prepare(db, sql_upsert, &s);
    if (r < 0)
        return r;
    nvr_bind_text(s, 1, row->id);
    nvr_bind_text(s, 2, row->status);
    if (row->last_seen_ms > 0)
        nvr_bind_int(s, 3, row->last_seen_ms);
    nvr_bind_double(s, 4, row->fps);
    nvr_bind_int(s, 5, row->bitrate);
    nvr_bind_text(s, 6, row->resolution);
    nvr_bind_text(s, 7, row->codec);
    nvr_bind_text(s, 8, row->stats ? row->stats : "{}");
    nvr_bind_text(s, 9, row->error);
    nvr_bind_int(s, 10, row->stopped);
    nvr_bind_int(s, 11, row->created_ms);
    nvr_bind_int(s, 12, row->updated_ms);
    return nvr_db_run(db, s);
}

int nvr_cameras_delete(struct nvr_db *db, const char *id)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_delete, &s);

    if (r < 0)
        return r;
    nvr_bind_text(s, 1, id);
    return nvr_db_run(db, s);
}

int nvr_cameras_each(struct nvr_db *db, nvr_cameras_visit visit, void *arg)
{
    NVR_AUTO_STATEMENT s = NULL;
    struct nvr_camera_row row;
    int r = nvr_db_prepare(db, sql_each, &s);

    if (r < 0)
        return r;
    while ((r = nvr_db_step(db, s)) > 0) {
        memset(&row, 0, sizeof(row));
        nvr_column_text(s, 0, row.id, sizeof(row.id));
        nvr_column_text(s, 1, row.status, sizeof(row.status));
        row.last_seen_ms = sqlite3_column_int64(s, 2);
        row.fps = sqlite3_column_double(s, 3);
        row.bitrate = sqlite3_column_int64(s, 4);
        nvr_column_text(s, 5, row.resolution, sizeof(row.resolution));
        nvr_column_text(s, 6, row.codec, sizeof(row.codec));
        row.stats = (const char *)sqlite3_column_text(s, 7);
        nvr_column_text(s, 8, row.error, sizeof(row.error));
        row.stopped = sqlite3_column_int(s, 9) != 0;
        row.created_ms = sqlite3_column_int64(s, 10);
        row.updated_ms = sqlite3_column_int64(s, 11);
        r = visit(&row, arg);
        if (r != 0)
            break;
    }
    return r < 0 ? r : 0;
}

static int run_log(struct nvr_db *db, const char *sql, const char *id, int64_t at_ms,
                   const char *status, const char *error)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql, &s);

    if (r < 0)
        return r;
    nvr_bind_text(s, 1, id);
    nvr_bind_int(s, 2, at_ms);
    if (status) {
        nvr_bind_text(s, 3, status);
        nvr_bind_text(s, 4, error ? error : "");
    }
    return nvr_db_run(db, s);
}

int nvr_camera_log_status(struct nvr_db *db, const char *id, const char *status, const char *error,
                          int64_t at_ms)
{
    int r;

    assert(db && id && status);
    if (!nvr_slug_is_valid(id))
        return -EINVAL;
    r = run_log(db, sql_log_camera, id, at_ms, NULL, NULL);
    if (r == 0)
        r = run_log(db, sql_log_close, id, at_ms, NULL, NULL);
    if (r == 0)
        r = run_log(db, sql_log_open, id, at_ms, status, error);
    return r;
}

int nvr_camera_log_trim(struct nvr_db *db, const char *id, int64_t before_ms)
{
    return run_log(db, sql_log_trim, id, before_ms, NULL, NULL);
}

struct trim {
    struct nvr_db *db;
    int64_t before_ms;
};

static int trim_one(const struct nvr_camera_row *row, void *arg)
{
    const struct trim *trim = arg;

    return nvr_camera_log_trim(trim->db, row->id, trim->before_ms);
}

int nvr_camera_log_trim_all(struct nvr_db *db, int64_t before_ms)
{
    struct trim trim = {.db = db, .before_ms = before_ms};

    return nvr_cameras_each(db, trim_one, &trim);
}

int nvr_camera_log_each(struct nvr_db *db, const char *id, int64_t start_ms, int64_t end_ms,
                        unsigned limit, nvr_camera_period_visit visit, void *arg)
{
    NVR_AUTO_STATEMENT s = NULL;
    struct nvr_camera_period period;
    int r = nvr_db_prepare(db, sql_log_each, &s);

    if (r < 0)
        return r;
    nvr_bind_text(s, 1, id);
    nvr_bind_int(s, 2, start_ms);
    nvr_bind_int(s, 3, end_ms);
    nvr_bind_int(s, 4, limit);
    while ((r = nvr_db_step(db, s)) > 0) {
        memset(&period, 0, sizeof(period));
        period.start_ms = sqlite3_column_int64(s, 0);
        period.end_ms = sqlite3_column_int64(s, 1);
        nvr_column_text(s, 2, period.status, sizeof(period.status));
        nvr_column_text(s, 3, period.error, sizeof(period.error));
        r = visit(&period, arg);
        if (r != 0)
            break;
    }
    return r < 0 ? r : 0;
}
