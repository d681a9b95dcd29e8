#include "lib/store/db.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"

NVR_LOG_TOPIC("store");

/* What every connection needs. The page cache is small: the kernel's is warm anyway, and memory
 * mapping would turn an unreadable sector into a signal. */
static const char common_pragmas[] = "PRAGMA foreign_keys=ON;"
                                     "PRAGMA temp_store=MEMORY;"
                                     "PRAGMA cache_size=-8000;";
/* auto_vacuum only takes in a database without tables. secure_delete would write every freed page
 * once more; what was on them was a list of files. */
static const char writer_pragmas[] = "PRAGMA auto_vacuum=INCREMENTAL;"
                                     "PRAGMA journal_mode=WAL;"
                                     "PRAGMA synchronous=NORMAL;"
                                     "PRAGMA secure_delete=OFF;"
                                     "PRAGMA wal_autocheckpoint=4000;"
                                     "PRAGMA journal_size_limit=67108864;";
static const char reader_pragmas[] = "PRAGMA query_only=ON;";

static int error_of_io(const struct nvr_db *db, int rc)
{
    int system = 0;

    if (rc == SQLITE_IOERR_NOMEM)
        return -ENOMEM;
    if (db && db->handle)
        system = sqlite3_system_errno(db->handle);
    return system == ENOSPC || system == EDQUOT ? -ENOSPC : -EIO;
}

int nvr_db_error(const struct nvr_db *db, int rc)
{
    int system;

    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_IOERR:
        return error_of_io(db, rc);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EUCLEAN;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
        return -EINVAL;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_INTERRUPT:
        return -ECANCELED;
    case SQLITE_TOOBIG:
        return -EMSGSIZE;
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return -EACCES;
    case SQLITE_CANTOPEN:
        system = db && db->handle ? sqlite3_system_errno(db->handle) : 0;
        return system > 0 ? -system : -EACCES;
    default:
        return -EIO;
    }
}

const char *nvr_db_words(const struct nvr_db *db)
{
    return sqlite3_errmsg(db->handle);
}

int nvr_db_exec(struct nvr_db *db, const char *sql)
{
    const int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

    if (rc != SQLITE_OK)
        log_debug("%s: %s", sql, nvr_db_words(db));
    return nvr_db_error(db, rc);
}

int nvr_db_query_int(struct nvr_db *db, const char *sql, int64_t *ret_value)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db->handle, sql, -1, &statement, NULL);
    int r = nvr_db_error(db, rc);

    if (r == 0) {
        rc = sqlite3_step(statement);
        if (rc == SQLITE_ROW)
            *ret_value = sqlite3_column_int64(statement, 0);
        r = rc == SQLITE_DONE ? -ENOENT : nvr_db_error(db, rc);
    }
    sqlite3_finalize(statement);
    return r;
}

int nvr_db_open(const char *path, enum nvr_db_mode mode, struct nvr_db **ret_db)
{
    NVR_AUTO(nvr_db) db = calloc(1, sizeof(*db));
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
                      (mode == NVR_DB_WRITER ? SQLITE_OPEN_CREATE : 0);
    int r;

    assert(path && ret_db);
    if (!db)
        return -ENOMEM;
    r = nvr_db_error(db, sqlite3_open_v2(path, &db->handle, flags, NULL));
    if (r < 0)
        return r;
    sqlite3_extended_result_codes(db->handle, 1);
    sqlite3_busy_timeout(db->handle, NVR_DB_BUSY_MS);
    r = nvr_db_exec(db, common_pragmas);
    if (r == 0)
        r = nvr_db_exec(db, mode == NVR_DB_WRITER ? writer_pragmas : reader_pragmas);
    if (r < 0)
        return log_debug_err(r, "open '%s': %s", path, nvr_db_words(db));
    *ret_db = NVR_TAKE(db);
    return 0;
}

void nvr_db_close(struct nvr_db *db)
{
    if (!db)
        return;
    for (size_t i = 0; i < db->cached; i++)
        sqlite3_finalize(db->cache[i].statement);
    sqlite3_close(db->handle);
    free(db);
}

int nvr_db_prepare(struct nvr_db *db, const char *sql, sqlite3_stmt **ret_statement)
{
    sqlite3_stmt *statement = NULL;
    int rc;

    for (size_t i = 0; i < db->cached; i++) {
        if (db->cache[i].sql != sql)
            continue;
        if (sqlite3_stmt_busy(db->cache[i].statement))
            return -EBUSY;
        *ret_statement = db->cache[i].statement;
        return 0;
    }
    if (db->cached == NVR_DB_STATEMENTS_MAX)
        return -ENOBUFS;
    rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
    if (rc != SQLITE_OK) {
        log_debug("prepare '%s': %s", sql, nvr_db_words(db));
        return nvr_db_error(db, rc);
    }
    db->cache[db->cached].sql = sql;
    db->cache[db->cached].statement = statement;
    db->cached++;
    *ret_statement = statement;
    return 0;
}

int nvr_db_step(struct nvr_db *db, sqlite3_stmt *statement)
{
    const int rc = sqlite3_step(statement);

    if (rc == SQLITE_ROW)
        return 1;
    if (rc != SQLITE_DONE)
        log_debug("%s: %s", sqlite3_sql(statement), nvr_db_words(db));
    return nvr_db_error(db, rc);
}

int nvr_db_run(struct nvr_db *db, sqlite3_stmt *statement)
{
    const int r = nvr_db_step(db, statement);

    return r > 0 ? 0 : r;
}

void nvr_statement_release(sqlite3_stmt *statement)
{
    if (!statement)
        return;
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
}

void nvr_bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    (void)sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

void nvr_bind_int(sqlite3_stmt *statement, int index, int64_t value)
{
    (void)sqlite3_bind_int64(statement, index, value);
}

void nvr_bind_double(sqlite3_stmt *statement, int index, double value)
{
    (void)sqlite3_bind_double(statement, index, value);
}

void nvr_bind_blob(sqlite3_stmt *statement, int index, const void *data, size_t size)
{
    if (size > 0)
        (void)sqlite3_bind_blob64(statement, index, data, size, SQLITE_STATIC);
}

void nvr_column_text(sqlite3_stmt *statement, int index, char *dst, size_t dst_size)
{
    const unsigned char *text = sqlite3_column_text(statement, index);
    size_t len = text ? (size_t)sqlite3_column_bytes(statement, index) : 0;

    len = NVR_MIN(len, dst_size - 1);
    if (len > 0)
        memcpy(dst, text, len);
    dst[len] = '\0';
}

bool nvr_column_bytes(sqlite3_stmt *statement, int index, uint8_t *dst, size_t size)
{
    const void *data = sqlite3_column_blob(statement, index);
    const bool fits = data && sqlite3_column_bytes(statement, index) == (int)size;

    if (fits)
        memcpy(dst, data, size);
    else
        memset(dst, 0, size);
    return fits;
}
