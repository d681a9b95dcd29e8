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
    bool known; /* it has a row, and is indexed again all the same */
};

struct reconcile_row {
    char *path;
    int64_t start_ms, size;
    bool elsewhere; /* its file was moved to another tier, and the copy is known to be good */
};

struct reconcile_set {
    struct reconcile_file *files;
    size_t files_count, files_cap;
    struct reconcile_row *rows;
    size_t rows_count, rows_cap;
    struct reconcile_file *leftovers; /* files whose row says that they were moved */
    size_t leftovers_count, leftovers_cap;
    size_t young_count; /* files without a row that reconcile_diff() dropped as too young */
};

NVR_CHECK int reconcile_add_file(struct reconcile_set *set, const char *path, int64_t size);
NVR_CHECK int reconcile_add_row(struct reconcile_set *set, const char *path, int64_t start_ms,
                                int64_t size, bool elsewhere);
void reconcile_set_done(struct reconcile_set *set);

/* Which files somebody may be writing: those whose name says that they began in this second or
 * later, but for the ones of this second with a lower attempt. */
struct reconcile_cutoff {
    int64_t second;
    unsigned attempt; /* 0: none of them */
};

/* Keeps in files those without a row (or with a row of another size), and in rows those without a
 * file. Files that may be being written are dropped. A row's file is looked for among all files,
 * the young ones too. keep_known: files that have a fitting row are kept as well. Rows of files
 * that were moved are dropped; a file of the same size that is still here goes to leftovers, one of
 * another size is left alone. 0, or -ENOMEM. */
NVR_CHECK int reconcile_diff(struct reconcile_set *set, struct reconcile_cutoff cutoff,
                             bool keep_known);

/* Seconds since 1970 in "…/segment_YYYYMMDD_HHMMSS[_n].mp4"; -1: not such a name. */
int64_t reconcile_name_time(const char *path);
/* n, 1 without one. */
unsigned reconcile_name_attempt(const char *path);

#endif
