#include "lib/base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_STEP 65536

static int system_openat(int dir_fd, const char *path, int flags, mode_t mode)
{
    return openat(dir_fd, path, flags | O_CLOEXEC, mode);
}

static const struct nvr_io system_io = {
    .openat = system_openat,
    .mkdirat = mkdirat,
    .write = write,
    .pread = pread,
    .ftruncate = ftruncate,
    .fdatasync = fdatasync,
    .fsync = fsync,
    .renameat = renameat,
    .unlinkat = unlinkat,
    .copy_file_range = copy_file_range,
    .close = close,
};

static _Atomic(const struct nvr_io *) in_force = &system_io;

/* Every call goes through here once: x86 loads an atomic pointer as any other. */
static inline const struct nvr_io *io(void)
{
    return atomic_load_explicit(&in_force, memory_order_acquire);
}

/* -1/errno → -errno, and again while a signal came in between. */
#define REPEAT(call)                                                                               \
    ({                                                                                             \
        __typeof__(call) result_;                                                                  \
        do                                                                                         \
            result_ = (call);                                                                      \
        while (result_ < 0 && errno == EINTR);                                                     \
        result_ < 0 ? (__typeof__(result_))-errno : result_;                                       \
    })

void nvr_io_replace(const struct nvr_io *table)
{
    atomic_store_explicit(&in_force, table ? table : &system_io, memory_order_release);
}

int nvr_io_openat(int dir_fd, const char *path, int flags, mode_t mode)
{
    return REPEAT(io()->openat(dir_fd, path, flags | O_CLOEXEC, mode));
}

int nvr_io_mkdirat(int dir_fd, const char *path, mode_t mode)
{
    return REPEAT(io()->mkdirat(dir_fd, path, mode));
}

int nvr_io_write(int fd, const void *data, size_t size)
{
    const char *at = data;

    while (size) {
        const ssize_t n = REPEAT(io()->write(fd, at, size));

        if (n <= 0)
            return n < 0 ? (int)n : -EIO;
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

ssize_t nvr_io_pread(int fd, void *data, size_t size, off_t offset)
{
    size_t got = 0;

    while (got < size) {
        const ssize_t n =
            REPEAT(io()->pread(fd, (char *)data + got, size - got, offset + (off_t)got));

        if (n < 0)
            return n;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

int nvr_io_ftruncate(int fd, off_t size)
{
    return REPEAT(io()->ftruncate(fd, size));
}

int nvr_io_fdatasync(int fd)
{
    return REPEAT(io()->fdatasync(fd));
}

int nvr_io_fsync(int fd)
{
    return REPEAT(io()->fsync(fd));
}

int nvr_io_renameat(int from_dir_fd, const char *from, int to_dir_fd, const char *to)
{
    return REPEAT(io()->renameat(from_dir_fd, from, to_dir_fd, to));
}

int nvr_io_unlinkat(int dir_fd, const char *path, int flags)
{
    return REPEAT(io()->unlinkat(dir_fd, path, flags));
}

/* For file systems that do not copy by themselves, or not from one to the other. */
static ssize_t copy_by_hand(int from_fd, int to_fd, size_t size)
{
    char buffer[COPY_STEP];
    const off_t at = lseek(from_fd, 0, SEEK_CUR);
    ssize_t n;
    int r;

    if (at < 0)
        return -errno;
    n = nvr_io_pread(from_fd, buffer, NVR_MIN(size, sizeof(buffer)), at);
    if (n <= 0)
        return n;
    r = nvr_io_write(to_fd, buffer, (size_t)n);
    if (r < 0)
        return r;
    return lseek(from_fd, at + n, SEEK_SET) < 0 ? -errno : n;
}

ssize_t nvr_io_copy(int from_fd, int to_fd, size_t size)
{
    const ssize_t n = REPEAT(io()->copy_file_range(from_fd, NULL, to_fd, NULL, size, 0));

    /* 0 also comes from old kernels and odd file systems that are not at the end: read to know. */
    if (n == 0 || n == -EXDEV || n == -EINVAL || n == -ENOSYS || n == -EOPNOTSUPP || n == -EBADF)
        return copy_by_hand(from_fd, to_fd, size);
    return n;
}

int nvr_io_close(int fd)
{
    if (fd < 0)
        return 0;
    return io()->close(fd) < 0 && errno != EINTR ? -errno : 0; /* after EINTR it is closed */
}
