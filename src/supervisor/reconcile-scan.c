#include "src/supervisor/reconcile-scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/store/recordings.h"

/* visit: 0 go on, 1 stop, -errno. */
typedef int (*visit_name)(const char *name, int dir_fd, void *arg);

/* flags: O_NOFOLLOW, or 0 for the recordings folder itself. A link in place of a camera's folder
 * leads to files that are somebody else's. */
static int each_name(const char *path, int flags, visit_name visit, void *arg)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    int r = 0;

    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : -errno;
    if (!dir) {
        r = -errno;
        (void)close(fd);
        return r;
    }
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else reads this stream
    while (r == 0 && (entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            r = visit(entry->d_name, dirfd(dir), arg);
    (void)closedir(dir);
    return r;
}

struct scan {
    const char *root;
    const char *id;
    const char *date, *hour; /* where the walk is */
    struct reconcile_set *set;
    int64_t before_s; /* only looking for one older file; set is NULL then */
    bool found;
};

static bool is_digits(const char *name, const char *pattern)
{
    for (; *pattern; name++, pattern++)
        if (*pattern == '9' ? *name < '0' || *name > '9' : *name != *pattern)
            return false;
    return !*name;
}

static int visit_file(const char *name, int dir_fd, void *arg)
{
    struct scan *scan = arg;
    const size_t len = strlen(name);
    char path[PATH_MAX];
    struct stat st;

    if (len < 4 || strcmp(name + len - 4, ".mp4") != 0)
        return 0;
    const int64_t time_s = reconcile_name_time(name);

    if (time_s < 0)
        return 0;
    if (!scan->set) {
        scan->found = time_s < scan->before_s;
        return scan->found;
    }
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
        return 0;
    if (nvr_fmt(path, sizeof(path), "%s/%s/%s/%s", scan->id, scan->date, scan->hour, name) < 0)
        return 0;
    return reconcile_add_file(scan->set, path, st.st_size);
}

static int visit_hour(const char *name, int dir_fd, void *arg)
{
    struct scan *scan = arg;
    char path[PATH_MAX];

    (void)dir_fd;
    if (!is_digits(name, "99") ||
        nvr_fmt(path, sizeof(path), "%s/%s/%s/%s", scan->root, scan->id, scan->date, name) < 0)
        return 0;
    scan->hour = name;
    return each_name(path, O_NOFOLLOW, visit_file, scan);
}

static int visit_date(const char *name, int dir_fd, void *arg)
{
    struct scan *scan = arg;
    char path[PATH_MAX];

    (void)dir_fd;
    if (!is_digits(name, "9999-99-99") ||
        nvr_fmt(path, sizeof(path), "%s/%s/%s", scan->root, scan->id, name) < 0)
        return 0;
    scan->date = name;
    return each_name(path, O_NOFOLLOW, visit_hour, scan);
}

static int visit_camera(const char *name, int dir_fd, void *arg)
{
    struct scan *scan = arg;
    char path[PATH_MAX];

    (void)dir_fd;
    if (!nvr_slug_is_valid(name) || nvr_path_join(path, sizeof(path), scan->root, name) < 0)
        return 0;
    scan->id = name;
    return each_name(path, O_NOFOLLOW, visit_date, scan);
}

static int visit_row(const struct nvr_recording *recording, void *arg)
{
    /* A row says that its file was moved only after the copy was checked. */
    return reconcile_add_row(arg, recording->file_path, recording->start_ms, recording->file_size,
                             strcmp(recording->tier, "hot") != 0);
}

int reconcile_scan(const char *recordings_dir, struct nvr_store *store, const char *id,
                   struct reconcile_set *set)
{
    struct scan scan = {.root = recordings_dir, .id = id, .set = set};
    struct nvr_db *db = NULL;
    char path[PATH_MAX];
    int r = nvr_store_read_begin(store, &db);

    if (r < 0)
        return r;
    r = nvr_recordings_each(db, id, 0, INT64_MAX, false, visit_row, set);
    nvr_store_read_end(store, db);
    if (r == 0)
        r = nvr_path_join(path, sizeof(path), recordings_dir, id);
    return r < 0 ? r : each_name(path, O_NOFOLLOW, visit_date, &scan);
}

bool reconcile_has_old_files(const char *recordings_dir, int64_t before_s)
{
    struct scan scan = {.root = recordings_dir, .before_s = before_s};

    return each_name(recordings_dir, 0, visit_camera, &scan) == 1 && scan.found;
}

struct id_list {
    char (*ids)[NVR_SLUG_SIZE];
    size_t count;
};

static int add_camera(const char *name, int dir_fd, void *arg)
{
    struct id_list *list = arg;

    (void)dir_fd;
    if (!nvr_slug_is_valid(name))
        return 0;
    char(*moved)[NVR_SLUG_SIZE] = reallocarray(list->ids, list->count + 1, sizeof(*moved));

    if (!moved)
        return -ENOMEM;
    list->ids = moved;
    memcpy(list->ids[list->count++], name, strlen(name) + 1);
    return 0;
}

int reconcile_list_cameras(const char *recordings_dir, char (**ret_ids)[NVR_SLUG_SIZE],
                           size_t *ret_count)
{
    struct id_list list = {0};
    const int r = each_name(recordings_dir, 0, add_camera, &list);

    if (r < 0) {
        free(list.ids);
        return r;
    }
    *ret_ids = list.ids;
    *ret_count = list.count;
    return 0;
}
