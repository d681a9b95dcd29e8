/* Files fetched from the store, by their SHA-256: <cache>/<sha256>. The longest unused goes first.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/io.h"
#include "src/media/keeper.h"

#define FILES_MAX 100000 /* of a listing */
#define PART ".part-"

static int open_folder(const struct keeper_config *config)
{
    const int fd = open(config->cache, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

int keeper_cache_find(const struct keeper_config *config, const struct keeper_job *job, int *ret_fd)
{
    NVR_AUTO_FD int folder = open_folder(config);
    NVR_AUTO_FD int fd = -1;
    struct stat st;

    if (folder < 0)
        return folder;
    fd = nvr_io_openat(folder, job->sha256, O_RDONLY | O_NOFOLLOW, 0);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size != job->size)
        return -ENOENT;
    (void)utimensat(folder, job->sha256, NULL, AT_SYMLINK_NOFOLLOW); /* it is used */
    *ret_fd = NVR_TAKE_FD(fd);
    return 0;
}

int keeper_cache_begin(const struct keeper_config *config, unsigned worker,
                       char name[KEEPER_PATH_SIZE])
{
    NVR_AUTO_FD int folder = open_folder(config);
    int r = nvr_fmt(name, KEEPER_PATH_SIZE, PART "%u", worker);

    if (folder < 0)
        return folder;
    return r < 0 ? r : nvr_io_openat(folder, name, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
}

void keeper_cache_drop(const struct keeper_config *config, const char *name)
{
    NVR_AUTO_FD int folder = open_folder(config);

    if (folder >= 0)
        (void)!nvr_io_unlinkat(folder, name, 0);
}

struct entry {
    char name[NVR_S3_SHA256_HEX_SIZE];
    int64_t size, used_s;
};

static int compare_used(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    return (x->used_s > y->used_s) - (x->used_s < y->used_s);
}

/* All finished files. */
static size_t list(int folder, struct entry **ret_entries, int64_t *ret_bytes)
{
    const int copy = fcntl(folder, F_DUPFD_CLOEXEC, 3);
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    struct entry *entries = NULL;
    size_t count = 0, cap = 0;
    const struct dirent *item;
    struct stat st;

    *ret_bytes = 0;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else reads this stream
    while (dir && count < FILES_MAX && (item = readdir(dir))) {
        if (strlen(item->d_name) != NVR_S3_SHA256_HEX_SIZE - 1 ||
            fstatat(folder, item->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
            continue;
        if (count == cap) {
            struct entry *more = reallocarray(entries, cap ? cap * 2 : 256, sizeof(*entries));

            if (!more)
                break;
            entries = more;
            cap = cap ? cap * 2 : 256;
        }
        entries[count] = (struct entry){.size = st.st_size, .used_s = st.st_mtime};
        memcpy(entries[count].name, item->d_name, NVR_S3_SHA256_HEX_SIZE);
        *ret_bytes += st.st_size;
        count++;
    }
    if (dir)
        (void)closedir(dir);
    else if (copy >= 0)
        (void)close(copy);
    *ret_entries = entries;
    return count;
}

/* Back to nine tenths of the limit, so that not every fetch lists the folder's end. */
static void make_room(const struct keeper_config *config, int folder, const char *newest)
{
    struct entry *entries = NULL;
    int64_t bytes = 0;
    const size_t count = list(folder, &entries, &bytes);

    if (entries && bytes > config->cache_bytes) {
        qsort(entries, count, sizeof(*entries), compare_used);
        for (size_t i = 0; i < count && bytes > config->cache_bytes / 10 * 9; i++) {
            if (strcmp(entries[i].name, newest) == 0)
                continue;
            if (nvr_io_unlinkat(folder, entries[i].name, 0) == 0)
                bytes -= entries[i].size;
        }
    }
    free(entries);
}

int keeper_cache_keep(const struct keeper_config *config, const char *name,
                      const struct keeper_job *job)
{
    NVR_AUTO_FD int folder = open_folder(config);
    int r;

    if (folder < 0)
        return folder;
    r = nvr_io_renameat(folder, name, folder, job->sha256);
    if (r == 0)
        make_room(config, folder, job->sha256);
    return r;
}
