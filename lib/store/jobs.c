#include "lib/store/jobs.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "lib/store/db.h"
#include "lib/store/queries.h"

static const char sql_put[] =
    "INSERT INTO jobs (id, type, name, state, progress, params, result, error_code, error, "
    "created_ms, started_ms, finished_ms) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12) "
    "ON CONFLICT (id) DO UPDATE SET name=?3, state=?4, progress=?5, params=?6, result=?7, "
    "error_code=?8, error=?9, started_ms=?11, finished_ms=?12";
static const char sql_put_export[] =
    "INSERT INTO exports (job_id, size, files, expires_ms) VALUES (?1,?2,?3,?4) "
    "ON CONFLICT (job_id) DO UPDATE SET size=?2, files=?3, expires_ms=?4";
static const char sql_delete[] = "DELETE FROM jobs WHERE id = ? RETURNING id";
static const char sql_each[] =
    "SELECT j.id, j.type, j.name, j.state, j.progress, j.params, j.result, j.error_code, j.error, "
    "j.created_ms, j.started_ms, j.finished_ms, e.size, e.expires_ms, e.files "
    "FROM jobs j LEFT JOIN exports e ON e.job_id = j.id ORDER BY j.created_ms, j.id";

const char *const nvr_jobs_queries[] = {sql_put, sql_put_export, sql_delete, NULL};

static const char *const state_names[] = {
    [NVR_JOB_QUEUED] = "queued", [NVR_JOB_RUNNING] = "running",     [NVR_JOB_DONE] = "done",
    [NVR_JOB_FAILED] = "failed", [NVR_JOB_CANCELLED] = "cancelled",
};

const char *nvr_job_state_name(enum nvr_job_state state)
{
    return state_names[state];
}

int nvr_job_state_parse(const char *name)
{
    for (size_t i = 0; i < NVR_ARRAY_SIZE(state_names); i++)
        if (strcmp(name, state_names[i]) == 0)
            return (int)i;
    return -EINVAL;
}

static void bind_time(sqlite3_stmt *s, int index, int64_t time_ms)
{
    if (time_ms)
        nvr_bind_int(s, index, time_ms);
    else
        nvr_bind_text(s, index, NULL);
}

static int put_export(struct nvr_db *db, const struct nvr_job_row *row)
{
    NVR_AUTO_STATEMENT s = NULL;
    const int r = nvr_db_prepare(db, sql_put_export, &s);

    if (r < 0)
        return r;
    nvr_bind_text(s, 1, row->id);
    nvr_bind_int(s, 2, row->size);
    nvr_bind_text(s, 3, row->files ? row->files : "[]");
    bind_time(s, 4, row->expires_ms);
    return nvr_db_run(db, s);
}

int nvr_jobs_put(struct nvr_db *db, const struct nvr_job_row *row)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_put, &s);

    assert(row->id[0]);
    if (r < 0)
        return r;
    nvr_bind_text(s, 1, row->id);
    nvr_bind_text(s, 2, row->type);
    nvr_bind_text(s, 3, row->name);
    nvr_bind_text(s, 4, nvr_job_state_name(row->state));
    nvr_bind_double(s, 5, row->progress);
    nvr_bind_text(s, 6, row->params ? row->params : "{}");
    nvr_bind_text(s, 7, row->result ? row->result : "{}");
    nvr_bind_text(s, 8, row->error_code);
    nvr_bind_text(s, 9, row->error);
    nvr_bind_int(s, 10, row->created_ms);
    bind_time(s, 11, row->started_ms);
    bind_time(s, 12, row->finished_ms);
    r = nvr_db_run(db, s);
    if (r == 0 && strcmp(row->type, "export") == 0)
        r = put_export(db, row);
    return r;
}

int nvr_jobs_delete(struct nvr_db *db, const char *id)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_delete, &s);

    if (r < 0)
        return r;
    nvr_bind_text(s, 1, id);
    r = nvr_db_step(db, s);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    return nvr_db_run(db, s);
}

static int read_row(sqlite3_stmt *s, struct nvr_job_row *row)
{
    char state[16];
    int r;

    nvr_column_text(s, 0, row->id, sizeof(row->id));
    nvr_column_text(s, 1, row->type, sizeof(row->type));
    nvr_column_text(s, 2, row->name, sizeof(row->name));
    nvr_column_text(s, 3, state, sizeof(state));
    r = nvr_job_state_parse(state);
    if (r < 0)
        return r;
    row->state = (enum nvr_job_state)r;
    row->progress = sqlite3_column_double(s, 4);
    row->params = (const char *)sqlite3_column_text(s, 5);
    row->result = (const char *)sqlite3_column_text(s, 6);
    nvr_column_text(s, 7, row->error_code, sizeof(row->error_code));
    nvr_column_text(s, 8, row->error, sizeof(row->error));
    row->created_ms = sqlite3_column_int64(s, 9);
    row->started_ms = sqlite3_column_int64(s, 10);
    row->finished_ms = sqlite3_column_int64(s, 11);
    row->size = sqlite3_column_int64(s, 12);
    row->expires_ms = sqlite3_column_int64(s, 13);
    row->files = (const char *)sqlite3_column_text(s, 14);
    return 0;
}

int nvr_jobs_each(struct nvr_db *db, nvr_jobs_visit visit, void *arg)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_each, &s);

    while (r >= 0 && (r = nvr_db_step(db, s)) == 1) {
        struct nvr_job_row row = {0};

        r = read_row(s, &row);
        if (r == 0)
            r = visit(&row, arg);
        if (r == 1)
            return 0;
    }
    return r;
}
