/* reconcile-diff.h — files on disk against rows in the database, for one camera. Pure. */
#ifndef NVR_SUPERVISOR_RECONCILE_DIFF_H
#define NVR_SUPERVISOR_RECONCILE_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/macros.h"

struct reconcile_file {
    char *path; /* below the recordings folder */
    int64_t size;
};

struct reconcile_row {
    char *path;
    int64_t start_ms, size;
};

struct reconcile_set {
    struct reconcile_file *files;
    size_t files_count, files_cap;
    struct reconcile_row *rows;
    size_t rows_count, rows_cap;
    size_t young_count; /* files without a row that reconcile_diff() dropped as too young */
};

NVR_CHECK int reconcile_add_file(struct reconcile_set *set, const char *path, int64_t size);
NVR_CHECK int reconcile_add_row(struct reconcile_set *set, const char *path, int64_t start_ms,
                                int64_t size);
void reconcile_set_done(struct reconcile_set *set);

/* Keeps in files those without a row (or with a row of another size), and in rows those without a
 * file. Files whose name says that they began at cutoff_s or later are dropped: somebody may be
 * writing them. A row's file is looked for among all files, the young ones too. keep_known: files
 * that have a fitting row are kept as well. */
void reconcile_diff(struct reconcile_set *set, int64_t cutoff_s, bool keep_known);

/* Seconds since 1970 in "…/segment_YYYYMMDD_HHMMSS[_n].mp4"; -1: not such a name. */
int64_t reconcile_name_time(const char *path);

#endif
