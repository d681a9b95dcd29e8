#include "src/supervisor/reconcile-diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"

static int grow(void **items, size_t *cap, size_t count, size_t size)
{
    if (count < *cap)
        return 0;
    const size_t wanted = *cap ? *cap * 2 : 64;
    void *moved = reallocarray(*items, wanted, size);

    if (!moved)
        return -ENOMEM;
    *items = moved;
    *cap = wanted;
    return 0;
}

int reconcile_add_file(struct reconcile_set *set, const char *path, int64_t size)
{
    void *items = set->files;
    int r = grow(&items, &set->files_cap, set->files_count, sizeof(*set->files));

    set->files = items;
    if (r < 0)
        return r;
    char *copy = strdup(path);

    if (!copy)
        return -ENOMEM;
    set->files[set->files_count++] = (struct reconcile_file){.path = copy, .size = size};
    return 0;
}

int reconcile_add_row(struct reconcile_set *set, const char *path, int64_t start_ms, int64_t size)
{
    void *items = set->rows;
    int r = grow(&items, &set->rows_cap, set->rows_count, sizeof(*set->rows));

    set->rows = items;
    if (r < 0)
        return r;
    char *copy = strdup(path);

    if (!copy)
        return -ENOMEM;
    set->rows[set->rows_count++] =
        (struct reconcile_row){.path = copy, .start_ms = start_ms, .size = size};
    return 0;
}

void reconcile_set_done(struct reconcile_set *set)
{
    for (size_t i = 0; i < set->files_count; i++)
        free(set->files[i].path);
    for (size_t i = 0; i < set->rows_count; i++)
        free(set->rows[i].path);
    free(set->files);
    free(set->rows);
    *set = (struct reconcile_set){0};
}

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const struct reconcile_file *)a)->path,
                  ((const struct reconcile_file *)b)->path);
}

static int compare_rows(const void *a, const void *b)
{
    return strcmp(((const struct reconcile_row *)a)->path, ((const struct reconcile_row *)b)->path);
}

void reconcile_diff(struct reconcile_set *set, int64_t cutoff_s, bool keep_known)
{
    size_t kept_files = 0;
    size_t kept_rows = 0;
    size_t row = 0;

    if (set->files_count)
        qsort(set->files, set->files_count, sizeof(*set->files), compare_files);
    if (set->rows_count)
        qsort(set->rows, set->rows_count, sizeof(*set->rows), compare_rows);
    for (size_t i = 0; i < set->files_count; i++) {
        struct reconcile_file file = set->files[i];
        bool matched = false;

        while (row < set->rows_count && strcmp(set->rows[row].path, file.path) < 0)
            set->rows[kept_rows++] = set->rows[row++];
        while (row < set->rows_count && strcmp(set->rows[row].path, file.path) == 0) {
            matched = matched || set->rows[row].size == file.size;
            free(set->rows[row++].path);
        }
        const bool young = reconcile_name_time(file.path) >= cutoff_s;

        set->young_count += young && !matched;
        if ((matched && !keep_known) || young)
            free(file.path);
        else
            set->files[kept_files++] = file;
    }
    while (row < set->rows_count)
        set->rows[kept_rows++] = set->rows[row++];
    set->files_count = kept_files;
    set->rows_count = kept_rows;
}

static int number(const char *text, size_t digits)
{
    uint64_t value = 0;

    if (nvr_str_to_u64((struct nvr_str){text, digits}, 9999, &value) < 0)
        return -1;
    return (int)value;
}

int64_t reconcile_name_time(const char *path)
{
    static const char prefix[] = "segment_";
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    const size_t len = strlen(name);
    const char *at = name + sizeof(prefix) - 1;

    /* segment_YYYYMMDD_HHMMSS */
    if (len < sizeof(prefix) - 1 + 15 || strncmp(name, prefix, sizeof(prefix) - 1) != 0 ||
        at[8] != '_')
        return -1;
    const struct nvr_utc utc = {
        .year = number(at, 4),
        .month = number(at + 4, 2),
        .day = number(at + 6, 2),
        .hour = number(at + 9, 2),
        .minute = number(at + 11, 2),
        .second = number(at + 13, 2),
    };

    if (utc.year < 1970 || utc.month < 1 || utc.month > 12 || utc.day < 1 || utc.day > 31 ||
        utc.hour < 0 || utc.hour > 23 || utc.minute < 0 || utc.minute > 59 || utc.second < 0 ||
        utc.second > 60)
        return -1;
    return nvr_utc_to_ms(&utc) / 1000;
}
