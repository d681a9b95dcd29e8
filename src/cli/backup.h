/* backup.h — what a backup is made of: `nvr backup` writes it, `nvr restore` reads it. A tar file
 * (gzip): manifest.json first, then its members in order. */
#ifndef NVR_CLI_BACKUP_H
#define NVR_CLI_BACKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/json.h"
#include "lib/base/macros.h"

#define BACKUP_VERSION 1
#define BACKUP_MANIFEST "manifest.json"
#define BACKUP_DATABASE "nvr.db"
#define BACKUP_CONFIG "config.yaml"
#define BACKUP_VERSIONS "config-versions"
#define BACKUP_MEMBERS_MAX 10000
#define BACKUP_MANIFEST_MAX (4 * 1024 * 1024)
#define BACKUP_FILE_MAX (16 * 1024 * 1024) /* but the database */
#define BACKUP_DATABASE_MAX (INT64_C(1) << 40)
#define BACKUP_HEX_SIZE 65

/* The keys: only with --with-keys. NULL-terminated. */
extern const char *const backup_keys[];

/* A name that a backup may hold: one of the above, or config-versions/<name>. */
bool backup_name_is_fine(const char *name);
int64_t backup_size_max(const char *name);
/* SHA-256 of a file as hex, and its size. */
NVR_CHECK int backup_digest(const char *path, char ret_hex[BACKUP_HEX_SIZE], int64_t *ret_size);

#endif
