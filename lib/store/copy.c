#include "lib/store/copy.h"

#include <string.h>
#include <unistd.h>

#include "lib/store/db.h"

int nvr_store_copy(const char *path, const char *copy)
{
    NVR_AUTO(nvr_db) db = NULL;
    char *sql;
    int r;

    if (access(path, R_OK) < 0)
        return -errno;
    if (access(copy, F_OK) == 0)
        return -EEXIST;
    r = nvr_db_open(path, NVR_DB_READER, &db);
    if (r == 0)
        r = nvr_db_exec(db, "PRAGMA query_only=OFF"); /* the copy is written by this connection */
    if (r < 0)
        return r;
    sql = sqlite3_mprintf("VACUUM INTO %Q", copy);
    if (!sql)
        return -ENOMEM;
    r = nvr_db_exec(db, sql);
    sqlite3_free(sql);
    return r;
}

int nvr_store_check_file(const char *path)
{
    NVR_AUTO(nvr_db) db = NULL;
    NVR_AUTO_STATEMENT s = NULL;
    int r;

    if (access(path, R_OK) < 0)
        return -errno;
    r = nvr_db_open(path, NVR_DB_READER, &db);
    if (r == 0)
        r = nvr_db_prepare(db, "PRAGMA quick_check(1)", &s);
    if (r == 0)
        r = nvr_db_step(db, s);
    if (r > 0) {
        const char *words = (const char *)sqlite3_column_text(s, 0);

        r = words && strcmp(words, "ok") == 0 ? 0 : -EUCLEAN;
    }
    return r;
}

int nvr_store_peek(const char *path, struct nvr_db **ret_db)
{
    NVR_AUTO(nvr_db) db = NULL;
    int r;

    if (access(path, R_OK) < 0)
        return -errno;
    r = nvr_db_open(path, NVR_DB_READER, &db);
    if (r == 0)
        r = nvr_db_exec(db, "BEGIN");
    if (r == 0)
        *ret_db = NVR_TAKE(db);
    return r;
}

void nvr_store_peek_end(struct nvr_db *db)
{
    nvr_db_close(db);
}
