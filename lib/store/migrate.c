#include "lib/store/migrate.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

NVR_LOG_TOPIC("store");

static const char sql_table[] = "CREATE TABLE schema_migrations ("
                                "version INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL,"
                                "checksum TEXT NOT NULL, applied_ms INTEGER NOT NULL) STRICT";
static const char sql_record[] =
    "INSERT INTO schema_migrations (version, name, checksum, applied_ms) VALUES (?, ?, ?, ?)";
static const char sql_list[] = "SELECT version, checksum FROM schema_migrations ORDER BY version";

/* What was applied must be the head of our list. */
static int check_applied(struct nvr_db *db, const char *path, const struct nvr_migration *list,
                         unsigned count, unsigned *ret_version)
{
    NVR_AUTO_STATEMENT statement = NULL;
    unsigned version = 0;
    int r = nvr_db_prepare(db, sql_list, &statement);

    if (r < 0)
        return r;
    while ((r = nvr_db_step(db, statement)) > 0) {
        char checksum[65];

        if (version == count) {
            log_error("the database '%s' was made by a newer version of Heron (schema %lld, this "
                      "program knows %u): update the program, or restore a copy of the database",
                      path, (long long)sqlite3_column_int64(statement, 0), count);
            return -ENOTSUP;
        }
        nvr_column_text(statement, 1, checksum, sizeof(checksum));
        if (sqlite3_column_int64(statement, 0) != list[version].version ||
            strcmp(checksum, list[version].checksum) != 0) {
            log_error("the database '%s' was made by other migrations than this program's (number "
                      "%u, %s, differs)",
                      path, list[version].version, list[version].name);
            return -ENOTSUP;
        }
        version++;
    }
    *ret_version = version;
    return r;
}

static int make_copy(struct nvr_db *db, const char *path, unsigned next_version)
{
    char copy[4096];
    char *sql;
    int r;

    r = nvr_fmt(copy, sizeof(copy), "%s.before-%04u", path, next_version);
    if (r < 0)
        return r;
    /* VACUUM INTO wants a name that is free; an older copy is of a migration that failed. */
    if (unlink(copy) < 0 && errno != ENOENT)
        return -errno;
    sql = sqlite3_mprintf("VACUUM INTO %Q", copy);
    if (!sql)
        return -ENOMEM;
    r = nvr_db_exec(db, sql);
    sqlite3_free(sql);
    if (r < 0)
        return log_err(r, "copy the database to '%s' before its migration", copy);
    log_info("the database was copied to '%s' before its migration", copy);
    return 0;
}

static int record(struct nvr_db *db, const struct nvr_migration *migration)
{
    NVR_AUTO_STATEMENT statement = NULL;
    int r = nvr_db_prepare(db, sql_record, &statement);

    if (r < 0)
        return r;
    nvr_bind_int(statement, 1, migration->version);
    nvr_bind_text(statement, 2, migration->name);
    nvr_bind_text(statement, 3, migration->checksum);
    nvr_bind_int(statement, 4, nvr_clock_wall_ms());
    return nvr_db_run(db, statement);
}

static int apply(struct nvr_db *db, const struct nvr_migration *migration)
{
    int r = nvr_db_exec(db, "BEGIN IMMEDIATE");

    if (r < 0)
        return r;
    if (migration->version == 1)
        r = nvr_db_exec(db, sql_table);
    if (r == 0)
        r = nvr_db_exec(db, migration->sql);
    if (r == 0)
        r = record(db, migration);
    if (r == 0)
        r = nvr_db_exec(db, "COMMIT");
    if (r < 0) {
        log_error("migration %04u_%s failed and was undone: %s", migration->version,
                  migration->name, nvr_db_words(db));
        if (!sqlite3_get_autocommit(db->handle))
            (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    }
    return r;
}

int nvr_db_migrate(struct nvr_db *db, const char *path, const struct nvr_migration *list,
                   unsigned count)
{
    int64_t tables = 0, ours = 0;
    unsigned version = 0;
    int r;

    assert(db && path && list && count > 0);
    r = nvr_db_query_int(db, "SELECT count(*) FROM sqlite_schema", &tables);
    if (r == 0)
        r = nvr_db_query_int(
            db, "SELECT count(*) FROM sqlite_schema WHERE name = 'schema_migrations'", &ours);
    if (r < 0)
        return r;
    if (tables > 0 && ours == 0) {
        log_error("'%s' is a database, but not one of Heron's: choose another path", path);
        return -ENOTSUP;
    }
    if (ours > 0)
        r = check_applied(db, path, list, count, &version);
    if (r < 0)
        return r;
    if (version > 0 && version < count)
        r = make_copy(db, path, version + 1);
    for (; r == 0 && version < count; version++)
        r = apply(db, &list[version]);
    return r;
}
