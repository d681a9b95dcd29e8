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

int reconcile_add_row(struct reconcile_set *set, const char *path, int64_t start_ms, int64_t size,
                      bool elsewhere)
{
    void *items = set->rows;
    int r = grow(&items, &set->rows_cap, set->rows_count, sizeof(*set->rows));

    set->rows = items;
    if (r < 0)
        return r;
    char *copy = strdup(path);

    if (!copy)
        return -ENOMEM;
    set->rows[set->rows_count++] = (struct reconcile_row){
        .path = copy, .start_ms = start_ms, .size = size, .elsewhere = elsewhere};
    return 0;
}

void reconcile_set_done(struct reconcile_set *set)
{
    for (size_t i = 0; i < set->files_count; i++)
        free(set->files[i].path);
    for (size_t i = 0; i < set->rows_count; i++)
        free(set->rows[i].path);
    for (size_t i = 0; i < set->leftovers_count; i++)
        free(set->leftovers[i].path);
    free(set->leftovers);
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

static void keep_row(struct reconcile_set *set, size_t *kept, size_t row)
{
    if (set->rows[row].elsewhere)
        free(set->rows[row].path);
    else
        set->rows[(*kept)++] = set->rows[row];
}

static bool is_young(const char *path, struct reconcile_cutoff cutoff)
{
    const int64_t second = reconcile_name_time(path);

    if (second == cutoff.second && reconcile_name_attempt(path) < cutoff.attempt)
        return false;
    return second >= cutoff.second;
}

/* What the rows of one path say about its file. */
struct match {
    bool known, elsewhere, leftover;
};

static struct match match_rows(struct reconcile_set *set, const struct reconcile_file *file,
                               size_t *row)
{
    struct match match = {0};

    for (; *row < set->rows_count && strcmp(set->rows[*row].path, file->path) == 0; (*row)++) {
        const struct reconcile_row *at = &set->rows[*row];

        match.elsewhere = match.elsewhere || at->elsewhere;
        match.leftover = match.leftover || (at->elsewhere && at->size == file->size);
        match.known = match.known || (!at->elsewhere && at->size == file->size);
        free(at->path);
    }
    return match;
}

static int add_leftover(struct reconcile_set *set, struct reconcile_file file)
{
    void *items = set->leftovers;
    const int r = grow(&items, &set->leftovers_cap, set->leftovers_count, sizeof(*set->leftovers));

    set->leftovers = items;
    if (r < 0)
        free(file.path);
    else
        set->leftovers[set->leftovers_count++] = file;
    return r;
}

int reconcile_diff(struct reconcile_set *set, struct reconcile_cutoff cutoff, bool keep_known)
{
    size_t kept_files = 0;
    size_t kept_rows = 0;
    size_t row = 0;
    int r = 0;

    if (set->files_count)
        qsort(set->files, set->files_count, sizeof(*set->files), compare_files);
    if (set->rows_count)
        qsort(set->rows, set->rows_count, sizeof(*set->rows), compare_rows);
    for (size_t i = 0; i < set->files_count; i++) {
        struct reconcile_file file = set->files[i];

        while (row < set->rows_count && strcmp(set->rows[row].path, file.path) < 0)
            keep_row(set, &kept_rows, row++);
        const struct match match = match_rows(set, &file, &row);
        const bool young = is_young(file.path, cutoff);

        set->young_count += young && !match.known && !match.elsewhere;
        if (match.leftover && !match.known)
            r = add_leftover(set, file) < 0 ? -ENOMEM : r;
        else if ((match.known && !keep_known) || young || match.elsewhere)
            free(file.path);
        else {
            file.known = match.known;
            set->files[kept_files++] = file;
        }
    }
    while (row < set->rows_count)
        keep_row(set, &kept_rows, row++);
    set->files_count = kept_files;
    set->rows_count = kept_rows;
    return r;
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

unsigned reconcile_name_attempt(const char *path)
{
    static const char plain[] = "segment_YYYYMMDD_HHMMSS";
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    struct nvr_str rest = nvr_str_from(name);
    uint64_t value = 1;

    if (rest.n <= sizeof(plain) || name[sizeof(plain) - 1] != '_')
        return 1;
    rest = (struct nvr_str){name + sizeof(plain), rest.n - sizeof(plain)};
    return nvr_str_to_u64(nvr_str_cut(&rest, '.'), UINT16_MAX, &value) < 0 ? 1 : (unsigned)value;
}
