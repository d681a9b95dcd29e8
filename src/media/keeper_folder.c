/* Files in folders, for role keeper. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <nettle/sha2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/hex.h"
#include "lib/base/io.h"
#include "lib/base/marker.h"
#include "src/media/keeper.h"

#define COMING ".coming" /* a copy that is not checked yet */
#define FOLDER_MODE 0750
#define FILE_MODE 0640
/* A folder goes with its last file only when nobody can be about to write into it. */
#define FOLDER_REST_S (INT64_C(26) * 3600)

static int make_path(const struct keeper_job *job, const struct keeper_place *place,
                     const char *suffix, char path[PATH_MAX])
{
    return nvr_fmt(path, PATH_MAX, "%s/%s%s", place->folder, job->path, suffix) < 0 ? -ENAMETOOLONG
                                                                                    : 0;
}

int keeper_folder_check_marker(struct keeper_job *job, const struct keeper_place *place)
{
    char marker[NVR_UUID_SIZE];
    int r;

    if (place->marker[0] == '\0')
        return 0;
    r = nvr_marker_read(place->folder, marker);
    if (r == 0 && strcmp(marker, place->marker) == 0)
        return 0;
    if (r == -ENOENT || r == -ENOTDIR)
        return keeper_fail(job, -ENODEV,
                           "The folder '%.120s' does not hold what was stored there: is the disk "
                           "mounted?",
                           place->folder);
    if (r == 0 || r == -EPROTO)
        return keeper_fail(job, -ENODEV, "Another disk is mounted at '%.120s'.", place->folder);
    return keeper_fail(job, r, "The folder '%.120s' cannot be read: %s.", place->folder,
                       nvr_strerror(r));
}

int keeper_hash(struct keeper_worker *worker, struct keeper_job *job, int fd, int to_fd,
                char sha256[NVR_S3_SHA256_HEX_SIZE])
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    struct sha256_ctx sha;
    int64_t at = 0;

    sha256_init(&sha);
    while (at < job->size) {
        const ssize_t n =
            nvr_io_pread(fd, worker->buffer,
                         (size_t)NVR_MIN(job->size - at, (int64_t)KEEPER_CHUNK_SIZE), (off_t)at);
        int r;

        if (atomic_load(&job->cancel))
            return -ECANCELED;
        if (n <= 0)
            return n < 0 ? (int)n : -EBADMSG;
        sha256_update(&sha, (size_t)n, worker->buffer);
        if (to_fd >= 0) {
            if (worker->config->bytes_per_second > 0)
                keeper_queue_throttle(worker->queue, job, (size_t)n);
            r = nvr_io_write(to_fd, worker->buffer, (size_t)n);
            if (r < 0)
                return r;
        }
        at += n;
    }
    sha256_digest(&sha, sizeof(digest), digest);
    nvr_hex_encode(digest, sizeof(digest), sha256);
    return 0;
}

int keeper_folder_open(struct keeper_job *job, const struct keeper_place *place, int *ret_fd)
{
    NVR_AUTO_FD int fd = -1;
    char path[PATH_MAX];
    struct stat st;
    int r = make_path(job, place, "", path);

    if (r == 0) {
        fd = nvr_io_openat(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
        r = fd < 0 ? fd : 0;
    }
    if (r == 0)
        r = nvr_sys(fstat(fd, &st));
    if (r == 0 && !S_ISREG(st.st_mode))
        r = -ENOENT;
    if (r == -ENOENT || r == -ENOTDIR) {
        r = keeper_folder_check_marker(job, place); /* is the disk there at all? */
        return r < 0 ? r : keeper_fail(job, -ENOENT, "The file is gone.");
    }
    if (r < 0)
        return keeper_fail(job, r, "The file cannot be opened: %s.", nvr_strerror(r));
    if (job->size >= 0 && st.st_size != job->size && job->op == KEEPER_COPY)
        return keeper_fail(job, -EBADMSG, "The file has another size than was recorded.");
    *ret_fd = NVR_TAKE_FD(fd);
    return 0;
}

/* Every folder of the path, durably. */
static int make_folders(const struct keeper_place *place, const char *path)
{
    char full[PATH_MAX];
    size_t root = strlen(place->folder) + 1;
    int r = nvr_fmt(full, sizeof(full), "%s/%s", place->folder, path);

    if (r < 0)
        return -ENAMETOOLONG;
    for (char *slash = strchr(full + root, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        r = nvr_io_mkdirat(AT_FDCWD, full, FOLDER_MODE);
        /* One that is there already may be from a try whose fsync() failed. */
        if (r == 0 || r == -EEXIST)
            r = nvr_fsync_parent(full);
        *slash = '/';
        if (r < 0)
            return r;
    }
    return 0;
}

int keeper_folder_create(struct keeper_job *job, const struct keeper_place *place, int *ret_fd)
{
    char path[PATH_MAX];
    int r = keeper_folder_check_marker(job, place);

    if (r < 0)
        return r;
    r = make_folders(place, job->path);
    if (r == 0)
        r = make_path(job, place, COMING, path);
    if (r == 0)
        r = nvr_io_openat(AT_FDCWD, path, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, FILE_MODE);
    if (r < 0)
        return keeper_fail(job, r, "A file in '%.120s' cannot be made: %s.", place->folder,
                           nvr_strerror(r));
    *ret_fd = r;
    return 0;
}

void keeper_folder_drop(struct keeper_job *job, const struct keeper_place *place)
{
    char path[PATH_MAX];

    if (make_path(job, place, COMING, path) == 0)
        (void)!nvr_io_unlinkat(AT_FDCWD, path, 0);
}

/* 1: the file is there already (a copy whose row was not written), 0: it is not; -EBADMSG: another
 * one has its name, as it happens after a clock was set back. That one is a recording, too. */
static int find_copy(struct keeper_worker *worker, struct keeper_job *job,
                     const struct keeper_place *place, const char *path)
{
    NVR_AUTO_FD int fd = nvr_io_openat(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    char sha256[NVR_S3_SHA256_HEX_SIZE] = "";
    struct stat st;
    int r = fd < 0 ? fd : nvr_sys(fstat(fd, &st));

    if (r == -ENOENT)
        return 0;
    if (r == 0 && S_ISREG(st.st_mode) && st.st_size == job->size)
        r = keeper_hash(worker, job, fd, -1, sha256);
    if (r == 0 && strcmp(sha256, job->sha256) == 0)
        return 1;
    return r < 0 ? r
                 : keeper_fail(job, -EBADMSG, "Another file has its name in '%.120s'.",
                               place->folder);
}

int keeper_folder_finish(struct keeper_worker *worker, struct keeper_job *job,
                         const struct keeper_place *place, int fd_take)
{
    char from[PATH_MAX], to[PATH_MAX], sha256[NVR_S3_SHA256_HEX_SIZE] = "";
    int r = nvr_io_fdatasync(fd_take), closed;

    /* From the disk, not from what the kernel still holds. */
    if (r == 0)
        (void)posix_fadvise(fd_take, 0, 0, POSIX_FADV_DONTNEED);
    if (r == 0)
        r = keeper_hash(worker, job, fd_take, -1, sha256);
    closed = nvr_io_close(fd_take);
    if (r == 0)
        r = closed;
    if (r == 0 && strcmp(sha256, job->sha256) != 0)
        return keeper_fail(job, -EIO, "What was written to '%.120s' reads back differently.",
                           place->folder);
    if (r == 0)
        r = make_path(job, place, COMING, from);
    if (r == 0)
        r = make_path(job, place, "", to);
    if (r == 0)
        r = find_copy(worker, job, place, to);
    if (r == -EBADMSG)
        return r;
    if (r == 1)
        r = nvr_io_unlinkat(AT_FDCWD, from, 0);
    else if (r == 0)
        r = nvr_io_renameat(AT_FDCWD, from, AT_FDCWD, to);
    if (r == 0)
        r = nvr_fsync_parent(to);
    if (r < 0)
        return keeper_fail(job, r, "A copy to '%.120s' failed: %s.", place->folder,
                           nvr_strerror(r));
    return 0;
}

/* The folders of a day and an hour go with their last file. */
static void remove_folders(const struct keeper_place *place, const char *path)
{
    char full[PATH_MAX];
    size_t camera;
    char *slash;

    if (nvr_fmt(full, sizeof(full), "%s/%s", place->folder, path) < 0)
        return;
    camera = strlen(place->folder) + 1 + strcspn(path, "/");
    while ((slash = strrchr(full, '/')) && (size_t)(slash - full) > camera) {
        *slash = '\0';
        if (nvr_io_unlinkat(AT_FDCWD, full, AT_REMOVEDIR) < 0)
            return;
    }
}

int keeper_folder_remove(struct keeper_job *job, const struct keeper_place *place)
{
    char path[PATH_MAX];
    struct stat st;
    bool is_old;
    int r = make_path(job, place, "", path);

    if (r == 0)
        r = nvr_sys(lstat(path, &st));
    /* Of the same name, but not the one that is meant: a clock that was set back made it. */
    if (r == 0 && job->size >= 0 && st.st_size != job->size)
        return 0;
    is_old = r == 0 && (int64_t)time(NULL) - st.st_mtime > FOLDER_REST_S;
    if (r == 0)
        r = nvr_io_unlinkat(AT_FDCWD, path, 0);
    if (r == -ENOENT || r == -ENOTDIR) {
        /* Gone already, or the disk is not there and the file will come back with it. */
        return keeper_folder_check_marker(job, place);
    }
    if (r < 0)
        return keeper_fail(job, r, "A file in '%.120s' cannot be removed: %s.", place->folder,
                           nvr_strerror(r));
    if (is_old)
        remove_folders(place, job->path);
    return 0;
}

/* Something small written, read back and removed. */
static int try_folder(const struct keeper_place *place)
{
    char path[PATH_MAX], id[NVR_UUID_SIZE], back[NVR_UUID_SIZE];
    int fd, r;

    nvr_uuid7(id);
    r = nvr_fmt(path, sizeof(path), "%s/.heron-test-%s", place->folder, id);
    if (r < 0)
        return -ENAMETOOLONG;
    fd = nvr_io_openat(AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, FILE_MODE);
    if (fd < 0)
        return fd;
    r = nvr_io_write(fd, id, sizeof(id));
    if (r == 0)
        r = nvr_io_fsync(fd);
    if (r == 0 && (nvr_io_pread(fd, back, sizeof(back), 0) != (ssize_t)sizeof(back) ||
                   memcmp(id, back, sizeof(id)) != 0))
        r = -EIO;
    (void)nvr_io_close(fd);
    if (nvr_io_unlinkat(AT_FDCWD, path, 0) < 0 && r == 0)
        r = -EIO;
    return r;
}

int keeper_folder_check(struct keeper_worker *worker, struct keeper_job *job)
{
    const struct keeper_place *place = &job->from;
    struct statvfs fs = {0};
    struct stat st, recordings;
    int r = nvr_sys(stat(place->folder, &st));

    if (r == 0 && !S_ISDIR(st.st_mode))
        r = -ENOTDIR;
    if (r == -ENOENT || r == -ENOTDIR)
        return keeper_fail(job, -ENODEV, "There is no folder '%.160s'.", place->folder);
    if (r == 0)
        r = nvr_sys(statvfs(place->folder, &fs));
    if (r == 0 && (job->test || job->adopt[0] != '\0'))
        r = try_folder(place);
    if (r == 0 && job->adopt[0] != '\0')
        r = nvr_marker_write(place->folder, job->adopt);
    if (r < 0)
        return keeper_fail(job, r, "The folder '%.120s' cannot be used: %s.", place->folder,
                           nvr_strerror(r));
    job->total_bytes = (int64_t)(fs.f_blocks * fs.f_frsize);
    job->free_bytes = (int64_t)(fs.f_bavail * fs.f_frsize);
    job->same_disk =
        stat(worker->config->recordings, &recordings) == 0 && recordings.st_dev == st.st_dev;
    r = nvr_marker_read(place->folder, job->marker);
    if (r == -ENOENT || r == -EPROTO)
        job->marker[0] = '\0';
    else if (r < 0)
        return keeper_fail(job, r, "The folder '%.120s' cannot be read: %s.", place->folder,
                           nvr_strerror(r));
    return keeper_folder_check_marker(job, place);
}
