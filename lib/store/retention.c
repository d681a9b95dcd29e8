#include "lib/store/retention.h"

#include <assert.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/store/db.h"
#include "lib/store/queries.h"

/* The comparison makes it a search of the whole key instead of a scan: the table is small, a few
 * rows per camera. */
static const char sql_usage[] =
    "SELECT camera_id, tier, rank, bytes, segments FROM recording_usage WHERE camera_id > '' "
    "ORDER BY camera_id";
static const char sql_between[] = "SELECT coalesce(sum(file_size), 0) FROM recordings "
                                  "WHERE camera_id = ? AND start_ms >= ? AND start_ms < ?";
static const char sql_first[] = "SELECT start_ms FROM recordings WHERE start_ms >= ? "
                                "AND start_ms < ? ORDER BY start_ms LIMIT 1";

#define STORED                                                                                     \
    "SELECT camera_id, start_ms, end_ms, file_size, rank, tier, location, file_path "              \
    "FROM recordings "
static const char sql_of_rank[] =
    STORED "WHERE camera_id = ? AND rank = ? AND start_ms < ? ORDER BY start_ms";
static const char sql_oldest[] = STORED "WHERE tier = ? AND rank = ? ORDER BY start_ms, camera_id";
static const char sql_delete[] =
    "DELETE FROM recordings WHERE camera_id = ? AND start_ms = ? AND location = ? AND tier = ?";

#define RANGE "SELECT id, camera_id, start_ms, end_ms, created_ms, reason FROM protected_ranges "
static const char sql_range_count[] = "SELECT count(*) FROM protected_ranges WHERE id > 0";
static const char sql_range_add[] =
    "INSERT INTO protected_ranges (camera_id, start_ms, end_ms, reason, created_ms) "
    "VALUES (?,?,?,?,?) RETURNING id";
static const char sql_range_remove[] = "DELETE FROM protected_ranges WHERE id = ? RETURNING id";
static const char sql_range_get[] = RANGE "WHERE id = ?";
static const char sql_ranges[] = RANGE "WHERE camera_id > '' ORDER BY camera_id, start_ms";
static const char sql_ranges_camera[] = RANGE "WHERE camera_id = ? ORDER BY start_ms";
#define COVERS                                                                                     \
    "SELECT 1 FROM protected_ranges AS p WHERE p.camera_id = ?1 "                                  \
    "AND p.start_ms > ?2 - 2678400000 "                                                            \
    "AND p.start_ms < ?3 AND p.end_ms > ?2"
static_assert(NVR_PROTECTED_SPAN_MAX_MS == 2678400000, "COVERS searches that far back");
static const char sql_covers[] = COVERS " LIMIT 1";
/* Segments that begin before the span and reach into it: none is longer than
 * NVR_RECORDING_SPAN_MAX_MS. Only rows that change are touched. */
#define MARK                                                                                       \
    "UPDATE recordings AS r SET protected = NOT r.protected WHERE r.camera_id = ?1 "               \
    "AND r.start_ms > ?2 - 3600000 AND r.start_ms < ?3 AND r.end_ms > ?2 AND r.protected "         \
    "<> EXISTS (SELECT 1 FROM protected_ranges AS p WHERE p.camera_id = ?1 "                       \
    "AND p.start_ms > r.start_ms - 2678400000 AND p.start_ms < r.end_ms "                          \
    "AND p.end_ms > r.start_ms)"
static_assert(NVR_RECORDING_SPAN_MAX_MS == 3600000, "MARK searches that far back");
static const char sql_mark[] = MARK;
static const char sql_unmark[] =
    "UPDATE recordings INDEXED BY recordings_protected SET protected = 0 WHERE protected = 1 "
    "AND NOT EXISTS (SELECT 1 FROM protected_ranges AS p WHERE p.camera_id = recordings.camera_id "
    "AND p.start_ms > recordings.start_ms - 2678400000 AND p.start_ms < recordings.end_ms "
    "AND p.end_ms > recordings.start_ms)";

/* Without sql_unmark, which reads all marked rows on purpose. */
const char *const nvr_retention_queries[] = {
    sql_usage,  sql_between,       sql_first,     sql_of_rank,      sql_oldest,
    sql_delete, sql_range_count,   sql_range_add, sql_range_remove, sql_range_get,
    sql_ranges, sql_ranges_camera, sql_covers,    sql_mark,         NULL,
};

static const char *const tier_names[NVR_TIERS] = {"hot", "warm", "cold"};

const char *nvr_tier_name(enum nvr_tier tier)
{
    return tier_names[tier];
}

static enum nvr_tier read_tier(sqlite3_stmt *s, int index)
{
    char name[8];

    nvr_column_text(s, index, name, sizeof(name));
    for (int i = 0; i < NVR_TIERS; i++)
        if (strcmp(tier_names[i], name) == 0)
            return (enum nvr_tier)i;
    return NVR_TIER_HOT; /* the table's CHECK lets nothing else in */
}

static enum nvr_rank read_rank(sqlite3_stmt *s, int index)
{
    const int rank = sqlite3_column_int(s, index);

    return (enum nvr_rank)NVR_MIN(NVR_MAX(rank, 0), NVR_RANKS - 1);
}

/* ---- usage ---- */

int nvr_usage_each(struct nvr_db *db, nvr_usage_visit visit, void *arg)
{
    NVR_AUTO_STATEMENT s = NULL;
    struct nvr_usage usage = {.camera_id = ""};
    char id[NVR_SLUG_SIZE];
    int r;

    r = nvr_db_prepare(db, sql_usage, &s);
    if (r < 0)
        return r;
    while ((r = nvr_db_step(db, s)) > 0) {
        nvr_column_text(s, 0, id, sizeof(id));
        if (strcmp(id, usage.camera_id) != 0) {
            r = usage.camera_id[0] ? visit(&usage, arg) : 0;
            if (r != 0)
                return r < 0 ? r : 0;
            usage = (struct nvr_usage){.camera_id = ""};
            memcpy(usage.camera_id, id, sizeof(id));
        }
        const enum nvr_tier tier = read_tier(s, 1);
        const enum nvr_rank rank = read_rank(s, 2);

        usage.bytes[tier][rank] = sqlite3_column_int64(s, 3);
        usage.segments[tier][rank] = sqlite3_column_int64(s, 4);
    }
    if (r == 0 && usage.camera_id[0])
        r = visit(&usage, arg);
    return r < 0 ? r : 0;
}

int nvr_usage_between(struct nvr_db *db, const char *camera_id, int64_t start_ms, int64_t end_ms,
                      int64_t *ret_bytes)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r;

    if (end_ms - start_ms > NVR_RECORDING_SPAN_MAX_MS)
        return -EINVAL;
    r = nvr_db_prepare(db, sql_between, &s);
    if (r < 0)
        return r;
    nvr_bind_text(s, 1, camera_id);
    nvr_bind_int(s, 2, start_ms);
    nvr_bind_int(s, 3, end_ms);
    r = nvr_db_step(db, s);
    if (r > 0)
        *ret_bytes = sqlite3_column_int64(s, 0);
    return r < 0 ? r : 0;
}

int nvr_usage_first(struct nvr_db *db, int64_t start_ms, int64_t end_ms, int64_t *ret_start_ms)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_first, &s);

    if (r < 0)
        return r;
    nvr_bind_int(s, 1, start_ms);
    nvr_bind_int(s, 2, end_ms);
    r = nvr_db_step(db, s);
    if (r > 0)
        *ret_start_ms = sqlite3_column_int64(s, 0);
    return r > 0 ? 0 : r < 0 ? r : -ENOENT;
}

/* ---- what may go first ---- */

static int visit_stored(struct nvr_db *db, sqlite3_stmt *s, nvr_stored_visit visit, void *arg)
{
    struct nvr_stored_segment segment;
    int r;

    while ((r = nvr_db_step(db, s)) > 0) {
        nvr_column_text(s, 0, segment.camera_id, sizeof(segment.camera_id));
        segment.start_ms = sqlite3_column_int64(s, 1);
        segment.end_ms = sqlite3_column_int64(s, 2);
        segment.size = sqlite3_column_int64(s, 3);
        segment.rank = read_rank(s, 4);
        segment.tier = read_tier(s, 5);
        segment.location = sqlite3_column_int64(s, 6);
        nvr_column_text(s, 7, segment.file_path, sizeof(segment.file_path));
        r = visit(&segment, arg);
        if (r != 0)
            break;
    }
    return r < 0 ? r : 0;
}

int nvr_stored_of_rank(struct nvr_db *db, const char *camera_id, enum nvr_rank rank,
                       int64_t before_ms, nvr_stored_visit visit, void *arg)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_of_rank, &s);

    if (r < 0)
        return r;
    nvr_bind_text(s, 1, camera_id);
    nvr_bind_int(s, 2, rank);
    nvr_bind_int(s, 3, before_ms);
    return visit_stored(db, s, visit, arg);
}

int nvr_stored_oldest(struct nvr_db *db, enum nvr_tier tier, enum nvr_rank rank,
                      nvr_stored_visit visit, void *arg)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_oldest, &s);

    if (r < 0)
        return r;
    nvr_bind_text(s, 1, nvr_tier_name(tier));
    nvr_bind_int(s, 2, rank);
    return visit_stored(db, s, visit, arg);
}

int nvr_stored_delete(struct nvr_db *db, const struct nvr_stored_segment *segment)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_protected_covers(db, segment->camera_id, segment->start_ms, segment->end_ms);

    if (r != 0)
        return r < 0 ? r : 0;
    r = nvr_db_prepare(db, sql_delete, &s);
    if (r < 0)
        return r;
    nvr_bind_text(s, 1, segment->camera_id);
    nvr_bind_int(s, 2, segment->start_ms);
    nvr_bind_int(s, 3, segment->location);
    nvr_bind_text(s, 4, nvr_tier_name(segment->tier));
    r = nvr_db_run(db, s);
    return r < 0 ? r : sqlite3_changes(db->handle) > 0;
}

/* ---- protected ranges ---- */

static int check_room(struct nvr_db *db)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_range_count, &s);

    if (r == 0)
        r = nvr_db_step(db, s);
    if (r < 0)
        return r;
    return r > 0 && sqlite3_column_int64(s, 0) < NVR_PROTECTED_MAX ? 0 : -ENOSPC;
}

/* A statement that gives one row: its first column. -ENOENT: it gave none. */
static int run_returning(struct nvr_db *db, sqlite3_stmt *s, int64_t *ret_value)
{
    int r = nvr_db_step(db, s);

    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    *ret_value = sqlite3_column_int64(s, 0);
    r = nvr_db_step(db, s);
    return r < 0 ? r : 0;
}

int nvr_protected_add(struct nvr_db *db, const struct nvr_protected_range *range, int64_t *ret_id)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r;

    if (!nvr_slug_is_valid(range->camera_id) || range->start_ms < 0 ||
        range->end_ms <= range->start_ms ||
        range->end_ms - range->start_ms > NVR_PROTECTED_SPAN_MAX_MS)
        return -EINVAL;
    r = check_room(db);
    if (r == 0)
        r = nvr_db_prepare(db, sql_range_add, &s);
    if (r < 0)
        return r;
    nvr_bind_text(s, 1, range->camera_id);
    nvr_bind_int(s, 2, range->start_ms);
    nvr_bind_int(s, 3, range->end_ms);
    nvr_bind_text(s, 4, range->reason);
    nvr_bind_int(s, 5, range->created_ms);
    return run_returning(db, s, ret_id);
}

int nvr_protected_remove(struct nvr_db *db, int64_t id)
{
    NVR_AUTO_STATEMENT s = NULL;
    int64_t removed;
    int r = nvr_db_prepare(db, sql_range_remove, &s);

    if (r < 0)
        return r;
    nvr_bind_int(s, 1, id);
    return run_returning(db, s, &removed);
}

static void read_range(sqlite3_stmt *s, struct nvr_protected_range *range)
{
    range->id = sqlite3_column_int64(s, 0);
    nvr_column_text(s, 1, range->camera_id, sizeof(range->camera_id));
    range->start_ms = sqlite3_column_int64(s, 2);
    range->end_ms = sqlite3_column_int64(s, 3);
    range->created_ms = sqlite3_column_int64(s, 4);
    nvr_column_text(s, 5, range->reason, sizeof(range->reason));
}

int nvr_protected_get(struct nvr_db *db, int64_t id, struct nvr_protected_range *ret_range)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_range_get, &s);

    if (r < 0)
        return r;
    nvr_bind_int(s, 1, id);
    r = nvr_db_step(db, s);
    if (r > 0)
        read_range(s, ret_range);
    return r > 0 ? 0 : r < 0 ? r : -ENOENT;
}

int nvr_protected_each(struct nvr_db *db, const char *camera_id, nvr_protected_visit visit,
                       void *arg)
{
    NVR_AUTO_STATEMENT s = NULL;
    struct nvr_protected_range range;
    int r = nvr_db_prepare(db, camera_id ? sql_ranges_camera : sql_ranges, &s);

    if (r < 0)
        return r;
    if (camera_id)
        nvr_bind_text(s, 1, camera_id);
    while ((r = nvr_db_step(db, s)) > 0) {
        read_range(s, &range);
        r = visit(&range, arg);
        if (r != 0)
            break;
    }
    return r < 0 ? r : 0;
}

int nvr_protected_covers(struct nvr_db *db, const char *camera_id, int64_t start_ms, int64_t end_ms)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_covers, &s);

    if (r < 0)
        return r;
    nvr_bind_text(s, 1, camera_id);
    nvr_bind_int(s, 2, start_ms);
    nvr_bind_int(s, 3, end_ms);
    return nvr_db_step(db, s);
}

int nvr_protected_mark(struct nvr_db *db, const char *camera_id, int64_t start_ms, int64_t end_ms)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r;

    if (end_ms - start_ms > NVR_PROTECTED_STEP_MS)
        return -EINVAL;
    r = nvr_db_prepare(db, sql_mark, &s);
    if (r < 0)
        return r;
    nvr_bind_text(s, 1, camera_id);
    nvr_bind_int(s, 2, start_ms);
    nvr_bind_int(s, 3, end_ms);
    return nvr_db_run(db, s);
}

int nvr_protected_tidy(struct nvr_db *db)
{
    NVR_AUTO_STATEMENT s = NULL;
    const int r = nvr_db_prepare(db, sql_unmark, &s);

    return r < 0 ? r : nvr_db_run(db, s);
}
