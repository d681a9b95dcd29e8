#include "lib/store/locations.h"

#include <assert.h>
#include <string.h>

#include "lib/store/db.h"
#include "lib/store/queries.h"

#define SELECT "SELECT id, tier, kind, address, marker, created_ms FROM storage_locations "

static const char sql_add[] =
    "INSERT INTO storage_locations (tier, kind, address, marker, created_ms) "
    "VALUES (?1,?2,?3,?4,?5) ON CONFLICT (kind, address) DO UPDATE SET tier=?1, marker=?4 "
    "RETURNING id";
static const char sql_set_hot[] =
    "INSERT INTO storage_locations (id, tier, kind, address, marker, created_ms) "
    "VALUES (0,'hot','folder',?1,?2,?3) ON CONFLICT (id) DO UPDATE SET address=?1, marker=?2";
static const char sql_delete[] = "DELETE FROM storage_locations WHERE id = ?";
static const char sql_get[] = SELECT "WHERE id = ?";
static const char sql_find[] = SELECT "WHERE kind = ? AND address = ?";
static const char sql_each[] = SELECT "ORDER BY id";

const char *const nvr_locations_queries[] = {
    sql_add, sql_set_hot, sql_delete, sql_get, sql_find, NULL,
};

int nvr_locations_add(struct nvr_db *db, const struct nvr_location *location, int64_t *ret_id)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_add, &s);

    assert(location);
    if (r < 0)
        return r;
    nvr_bind_text(s, 1, location->tier);
    nvr_bind_text(s, 2, location->kind);
    nvr_bind_text(s, 3, location->address);
    nvr_bind_text(s, 4, location->marker);
    nvr_bind_int(s, 5, location->created_ms);
    r = nvr_db_step(db, s);
    if (r <= 0)
        return r < 0 ? r : -EIO;
    if (ret_id)
        *ret_id = sqlite3_column_int64(s, 0);
    return nvr_db_run(db, s);
}

int nvr_locations_set_hot(struct nvr_db *db, const char *address, const char *marker,
                          int64_t now_ms)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_set_hot, &s);

    if (r < 0)
        return r;
    nvr_bind_text(s, 1, address);
    nvr_bind_text(s, 2, marker);
    nvr_bind_int(s, 3, now_ms);
    return nvr_db_run(db, s);
}

int nvr_locations_delete(struct nvr_db *db, int64_t id)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_delete, &s);

    if (r < 0)
        return r;
    nvr_bind_int(s, 1, id);
    return nvr_db_run(db, s);
}

static void read_row(sqlite3_stmt *s, struct nvr_location *row)
{
    row->id = sqlite3_column_int64(s, 0);
    nvr_column_text(s, 1, row->tier, sizeof(row->tier));
    nvr_column_text(s, 2, row->kind, sizeof(row->kind));
    nvr_column_text(s, 3, row->address, sizeof(row->address));
    nvr_column_text(s, 4, row->marker, sizeof(row->marker));
    row->created_ms = sqlite3_column_int64(s, 5);
}

static int read_one(struct nvr_db *db, sqlite3_stmt *s, struct nvr_location *ret_location)
{
    const int r = nvr_db_step(db, s);

    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    read_row(s, ret_location);
    return 0;
}

int nvr_locations_get(struct nvr_db *db, int64_t id, struct nvr_location *ret_location)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_get, &s);

    if (r < 0)
        return r;
    nvr_bind_int(s, 1, id);
    return read_one(db, s, ret_location);
}

int nvr_locations_find(struct nvr_db *db, const char *kind, const char *address,
                       struct nvr_location *ret_location)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_find, &s);

    if (r < 0)
        return r;
    nvr_bind_text(s, 1, kind);
    nvr_bind_text(s, 2, address);
    return read_one(db, s, ret_location);
}

int nvr_locations_each(struct nvr_db *db, nvr_locations_visit visit, void *arg)
{
    NVR_AUTO_STATEMENT s = NULL;
    struct nvr_location row;
    int r = nvr_db_prepare(db, sql_each, &s);

    if (r < 0)
        return r;
    while ((r = nvr_db_step(db, s)) > 0) {
        read_row(s, &row);
        r = visit(&row, arg);
        if (r != 0)
            break;
    }
    return r < 0 ? r : 0;
}
