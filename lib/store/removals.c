#include "lib/store/removals.h"

#include "lib/store/db.h"
#include "lib/store/queries.h"

static const char sql_each[] =
    "SELECT location, path FROM storage_removals ORDER BY location, path";
static const char sql_done[] = "DELETE FROM storage_removals WHERE location = ? AND path = ?";

const char *const nvr_removals_queries[] = {sql_done, NULL};

int nvr_removals_each(struct nvr_db *db, nvr_removals_visit visit, void *arg)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_each, &s);

    while (r == 0 && (r = nvr_db_step(db, s)) == 1) {
        r = visit(sqlite3_column_int64(s, 0), (const char *)sqlite3_column_text(s, 1), arg);
        if (r != 0)
            break;
    }
    return r < 0 ? r : 0;
}

int nvr_removals_done(struct nvr_db *db, int64_t location, const char *path)
{
    NVR_AUTO_STATEMENT s = NULL;
    const int r = nvr_db_prepare(db, sql_done, &s);

    if (r < 0)
        return r;
    nvr_bind_int(s, 1, location);
    nvr_bind_text(s, 2, path);
    return nvr_db_run(db, s);
}
