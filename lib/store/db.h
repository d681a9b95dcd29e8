/* db.h — one SQLite connection with its prepared statements. Inside lib/store only.
 *
 * A connection belongs to one thread at a time. Statements are prepared once per connection and
 * found again by the address of their text, which must be a constant. */
#ifndef NVR_STORE_DB_H
#define NVR_STORE_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/macros.h"

#define NVR_DB_STATEMENTS_MAX 128
#define NVR_DB_BUSY_MS 5000

struct nvr_signing_key;

struct nvr_db {
    sqlite3 *handle;
    struct {
        const char *sql;
        sqlite3_stmt *statement;
    } cache[NVR_DB_STATEMENTS_MAX];
    size_t cached;
    const struct nvr_signing_key *key; /* the writer's: signs the links; NULL: they stay unsigned */
    struct nvr_db *next;               /* the pool's list of idle connections */
};

enum nvr_db_mode { NVR_DB_WRITER, NVR_DB_READER };

NVR_CHECK int nvr_db_open(const char *path, enum nvr_db_mode mode, struct nvr_db **ret_db);
void nvr_db_close(struct nvr_db *db); /* NULL: no-op */
NVR_DEFINE_AUTO(nvr_db, nvr_db_close);

/* SQLite's result → 0 or -errno: -ENOSPC (full), -EIO, -EUCLEAN (damaged or no database), -EBUSY,
 * -EINVAL (constraint), -EROFS, -ENOMEM … */
int nvr_db_error(const struct nvr_db *db, int rc);
const char *nvr_db_words(const struct nvr_db *db); /* SQLite's last message, borrowed */
/* Statements without parameters and rows. */
NVR_CHECK int nvr_db_exec(struct nvr_db *db, const char *sql);
/* The first column of the first row of a query without parameters. -ENOENT: no row. */
NVR_CHECK int nvr_db_query_int(struct nvr_db *db, const char *sql, int64_t *ret_value);

/* A cached statement, ready for parameters; -EBUSY when it is being stepped already. Give it back
 * by nvr_statement_release() (NVR_AUTO_STATEMENT does). */
NVR_CHECK int nvr_db_prepare(struct nvr_db *db, const char *sql, sqlite3_stmt **ret_statement);
/* 1: a row, 0: done, -errno. */
NVR_CHECK int nvr_db_step(struct nvr_db *db, sqlite3_stmt *statement);
/* Step that must not give rows. */
NVR_CHECK int nvr_db_run(struct nvr_db *db, sqlite3_stmt *statement);
void nvr_statement_release(sqlite3_stmt *statement);

static inline void nvr_statement_auto_(sqlite3_stmt **p)
{
    nvr_statement_release(*p);
}
#define NVR_AUTO_STATEMENT __attribute__((cleanup(nvr_statement_auto_))) sqlite3_stmt *

/* Parameters; the bytes must live until the statement is released. Failures (only out of memory
 * or a wrong index) surface as a NULL parameter or an error of the step. */
void nvr_bind_text(sqlite3_stmt *statement, int index, const char *text); /* NULL: SQL NULL */
void nvr_bind_int(sqlite3_stmt *statement, int index, int64_t value);
void nvr_bind_double(sqlite3_stmt *statement, int index, double value);
void nvr_bind_blob(sqlite3_stmt *statement, int index, const void *data, size_t size); /* 0: NULL */
/* Text column into a fixed array; too long or NULL: cut, empty. */
void nvr_column_text(sqlite3_stmt *statement, int index, char *dst, size_t dst_size);
/* A blob of exactly size bytes; false: it is something else, dst is zeroed. */
bool nvr_column_bytes(sqlite3_stmt *statement, int index, uint8_t *dst, size_t size);

#endif
