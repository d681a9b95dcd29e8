#include "lib/store/causes.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/store/db.h"
#include "lib/store/queries.h"

/* A period that would be empty never was. */
static const char sql_drop_empty[] = "DELETE FROM recording_causes WHERE camera_id = ?1 "
                                     "AND end_ms IS NULL AND start_ms >= ?2";
static const char sql_close[] =
    "UPDATE recording_causes SET end_ms = ?2 WHERE camera_id = ?1 AND end_ms IS NULL";
static const char sql_put[] =
    "INSERT INTO recording_causes (camera_id, start_ms, end_ms, cause, detail, inside) "
    "VALUES (?1,?2,?3,?4,?5,?6) ON CONFLICT (camera_id, start_ms, cause) DO UPDATE SET "
    "end_ms = CASE WHEN ?3 IS NULL THEN NULL ELSE max(end_ms, ?3) END, detail = ?5, "
    "inside = max(inside, ?6)";
static const char sql_before[] =
    "SELECT start_ms, end_ms FROM recording_causes WHERE camera_id = ?1 AND start_ms <= ?2 "
    "AND cause = 'retention' ORDER BY start_ms DESC LIMIT 1";
static const char sql_after[] =
    "SELECT start_ms, end_ms FROM recording_causes WHERE camera_id = ?1 AND start_ms > ?2 "
    "AND start_ms <= ?3 AND cause = 'retention' ORDER BY start_ms LIMIT 1";
static const char sql_delete[] = "DELETE FROM recording_causes WHERE camera_id = ?1 "
                                 "AND start_ms = ?2 AND cause = 'retention'";
static const char sql_delete_camera[] = "DELETE FROM recording_causes WHERE camera_id = ?1";
static const char sql_trim[] = "DELETE FROM recording_causes WHERE end_ms < ?1";
#define SELECT                                                                                     \
    "SELECT start_ms, end_ms, cause, detail, inside FROM recording_causes WHERE camera_id = ?1 "
static const char sql_open[] = SELECT "AND end_ms IS NULL";
static const char sql_reaching[] = SELECT "AND start_ms < ?2 ORDER BY start_ms DESC LIMIT ?3";
static const char sql_within[] = SELECT "AND start_ms >= ?2 AND start_ms < ?3 ORDER BY start_ms";
static const char sql_first[] =
    "SELECT start_ms FROM recording_causes WHERE camera_id = ?1 ORDER BY start_ms LIMIT 1";

/* But for sql_trim, which may look at everything once a day. */
const char *const nvr_causes_queries[] = {
    sql_drop_empty, sql_close,    sql_put,    sql_before,        sql_after, sql_delete,
    sql_open,       sql_reaching, sql_within, sql_delete_camera, sql_first, NULL,
};

static int run_at(struct nvr_db *db, const char *sql, const char *camera_id, int64_t at_ms)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql, &s);

    if (r < 0)
        return r;
    nvr_bind_text(s, 1, camera_id);
    nvr_bind_int(s, 2, at_ms);
    return nvr_db_run(db, s);
}

static int put(struct nvr_db *db, const char *camera_id, const struct nvr_cause_period *period)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_put, &s);

    if (r < 0)
        return r;
    nvr_bind_text(s, 1, camera_id);
    nvr_bind_int(s, 2, period->start_ms);
    if (period->end_ms != NVR_CAUSE_OPEN)
        nvr_bind_int(s, 3, period->end_ms);
    nvr_bind_text(s, 4, nvr_cause_name(period->cause));
    nvr_bind_text(s, 5, period->detail);
    nvr_bind_int(s, 6, period->inside);
    return nvr_db_run(db, s);
}

static void set_detail(struct nvr_cause_period *period, const char *detail)
{
    size_t len = detail ? strlen(detail) : 0;

    if (len >= sizeof(period->detail)) {
        len = sizeof(period->detail) - 1;
        while (len && !nvr_str_is_utf8((struct nvr_str){detail, len}))
            len--;
    }
    memcpy(period->detail, detail ? detail : "", len);
    period->detail[len] = '\0';
}

int nvr_causes_change(struct nvr_db *db, const char *camera_id, int cause, const char *detail,
                      int64_t at_ms)
{
    struct nvr_cause_period period = {.start_ms = at_ms, .end_ms = NVR_CAUSE_OPEN};
    int r;

    assert(db && camera_id && cause < NVR_CAUSES_COUNT);
    if (!nvr_slug_is_valid(camera_id) || at_ms < 0)
        return -EINVAL;
    r = run_at(db, sql_drop_empty, camera_id, at_ms);
    if (r == 0)
        r = run_at(db, sql_close, camera_id, at_ms);
    if (r < 0 || cause < 0)
        return r;
    period.cause = (enum nvr_cause)cause;
    set_detail(&period, detail);
    return put(db, camera_id, &period);
}

static int add(struct nvr_db *db, const char *camera_id, struct nvr_cause_period *period,
               const char *detail)
{
    assert(db && camera_id);
    if (!nvr_slug_is_valid(camera_id) || period->start_ms < 0)
        return -EINVAL;
    if (period->end_ms <= period->start_ms)
        return 0;
    set_detail(period, detail);
    return put(db, camera_id, period);
}

int nvr_causes_add(struct nvr_db *db, const char *camera_id, int64_t start_ms, int64_t end_ms,
                   enum nvr_cause cause, const char *detail)
{
    struct nvr_cause_period period = {.start_ms = start_ms, .end_ms = end_ms, .cause = cause};

    return add(db, camera_id, &period, detail);
}

int nvr_causes_add_inside(struct nvr_db *db, const char *camera_id, int64_t start_ms,
                          int64_t end_ms, enum nvr_cause cause, const char *detail)
{
    struct nvr_cause_period period = {
        .start_ms = start_ms, .end_ms = end_ms, .cause = cause, .inside = true};

    return add(db, camera_id, &period, detail);
}

/* 1: found, 0: none, -errno. to_ms 0: not used. */
static int find_deleted(struct nvr_db *db, const char *sql, const char *camera_id, int64_t from_ms,
                        int64_t to_ms, struct nvr_range *ret_range)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql, &s);

    if (r < 0)
        return r;
    nvr_bind_text(s, 1, camera_id);
    nvr_bind_int(s, 2, from_ms);
    if (to_ms)
        nvr_bind_int(s, 3, to_ms);
    r = nvr_db_step(db, s);
    if (r > 0)
        *ret_range = (struct nvr_range){sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1)};
    return r;
}

int nvr_causes_add_deleted(struct nvr_db *db, const char *camera_id, int64_t start_ms,
                           int64_t end_ms)
{
    struct nvr_range other;
    int r;

    assert(db && camera_id);
    if (!nvr_slug_is_valid(camera_id) || start_ms < 0)
        return -EINVAL;
    if (end_ms <= start_ms)
        return 0;
    /* Holes that count as recorded count as deleted, too. */
    r = find_deleted(db, sql_before, camera_id, start_ms, 0, &other);
    if (r > 0 && other.end_ms >= start_ms - NVR_TIMELINE_JOIN_MS) {
        start_ms = other.start_ms;
        end_ms = NVR_MAX(end_ms, other.end_ms);
    }
    while (r >= 0 && (r = find_deleted(db, sql_after, camera_id, start_ms,
                                       end_ms + NVR_TIMELINE_JOIN_MS, &other)) > 0) {
        end_ms = NVR_MAX(end_ms, other.end_ms);
        r = run_at(db, sql_delete, camera_id, other.start_ms);
    }
    return r < 0 ? r
                 : nvr_causes_add(db, camera_id, start_ms, end_ms, NVR_CAUSE_RETENTION,
                                  "Deleted to keep within the limits of storage.");
}

int nvr_causes_delete_camera(struct nvr_db *db, const char *camera_id)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_delete_camera, &s);

    if (r < 0)
        return r;
    nvr_bind_text(s, 1, camera_id);
    return nvr_db_run(db, s);
}

int nvr_causes_trim_all(struct nvr_db *db, int64_t before_ms)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_trim, &s);

    if (r < 0)
        return r;
    nvr_bind_int(s, 1, before_ms);
    return nvr_db_run(db, s);
}

static int read_row(sqlite3_stmt *s, struct nvr_cause_period *period)
{
    char name[16];
    int r;

    nvr_column_text(s, 2, name, sizeof(name));
    r = nvr_cause_parse(name);
    if (r < 0)
        return r;
    period->start_ms = sqlite3_column_int64(s, 0);
    period->end_ms =
        sqlite3_column_type(s, 1) == SQLITE_NULL ? NVR_CAUSE_OPEN : sqlite3_column_int64(s, 1);
    period->cause = (enum nvr_cause)r;
    nvr_column_text(s, 3, period->detail, sizeof(period->detail));
    period->inside = sqlite3_column_int(s, 4) != 0;
    return 0;
}

int nvr_causes_get_open(struct nvr_db *db, const char *camera_id,
                        struct nvr_cause_period *ret_period)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_open, &s);

    if (r < 0)
        return r;
    nvr_bind_text(s, 1, camera_id);
    r = nvr_db_step(db, s);
    return r > 0 ? read_row(s, ret_period) : r < 0 ? r : -ENOENT;
}

/* The periods before at_ms that reach behind it, the newest first. The number, or -errno. */
static int get_reaching(struct nvr_db *db, const char *camera_id, int64_t at_ms,
                        struct nvr_cause_period periods[NVR_CAUSES_BACK + 1])
{
    NVR_AUTO_STATEMENT s = NULL;
    bool has_open = false;
    int count = 0;
    int r = nvr_db_prepare(db, sql_reaching, &s);

    if (r < 0)
        return r;
    nvr_bind_text(s, 1, camera_id);
    nvr_bind_int(s, 2, at_ms);
    nvr_bind_int(s, 3, NVR_CAUSES_BACK);
    while ((r = nvr_db_step(db, s)) > 0) {
        r = read_row(s, &periods[count]);
        if (r < 0)
            return r;
        if (periods[count].end_ms > at_ms) {
            has_open = has_open || periods[count].end_ms == NVR_CAUSE_OPEN;
            count++;
        }
    }
    if (r == 0 && !has_open) {
        r = nvr_causes_get_open(db, camera_id, &periods[count]);
        if (r == 0 && periods[count].start_ms < at_ms)
            count++;
    }
    return r < 0 && r != -ENOENT ? r : count;
}

int nvr_causes_each(struct nvr_db *db, const char *camera_id, int64_t start_ms, int64_t end_ms,
                    nvr_causes_visit visit, void *arg)
{
    struct nvr_cause_period periods[NVR_CAUSES_BACK + 1];
    NVR_AUTO_STATEMENT s = NULL;
    int reaching = get_reaching(db, camera_id, start_ms, periods);
    int r = reaching < 0 ? reaching : nvr_db_prepare(db, sql_within, &s);

    while (r == 0 && reaching > 0)
        r = visit(&periods[--reaching], arg);
    if (r != 0)
        return r < 0 ? r : 0;
    nvr_bind_text(s, 1, camera_id);
    nvr_bind_int(s, 2, start_ms);
    nvr_bind_int(s, 3, end_ms);
    while ((r = nvr_db_step(db, s)) > 0) {
        r = read_row(s, &periods[0]);
        if (r == 0)
            r = visit(&periods[0], arg);
        if (r != 0)
            break;
    }
    return r < 0 ? r : 0;
}

int nvr_causes_first(struct nvr_db *db, const char *camera_id, int64_t *ret_ms)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_first, &s);

    if (r < 0)
        return r;
    nvr_bind_text(s, 1, camera_id);
    r = nvr_db_step(db, s);
    if (r > 0)
        *ret_ms = sqlite3_column_int64(s, 0);
    return r > 0 ? 0 : r < 0 ? r : -ENOENT;
}
