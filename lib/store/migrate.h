/* migrate.h — numbered SQL files (migrations/sqlite/), built in. Inside lib/store. */
#ifndef NVR_STORE_MIGRATE_H
#define NVR_STORE_MIGRATE_H

#include "lib/base/macros.h"
#include "lib/store/db.h"

struct nvr_migration {
    unsigned version; /* 1, 2, 3 … without holes */
    const char *name;
    const char *checksum; /* hex SHA-256 of sql */
    const char *sql;
};

extern const struct nvr_migration nvr_migrations[];
extern const unsigned nvr_migrations_count;

/* Brings db to the last of list, each step in its own transaction; before the first step a copy of
 * a database that holds something goes to "<path>.before-<version>". 0, -ENOTSUP (newer than list,
 * or made by other migrations), -EUCLEAN (not ours), -errno; nothing is half done. */
NVR_CHECK int nvr_db_migrate(struct nvr_db *db, const char *path, const struct nvr_migration *list,
                             unsigned count);

#endif
