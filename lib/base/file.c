#include "lib/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/io.h"

#define READ_STEP 65536

int nvr_file_read(const char *path, struct nvr_buf *buf)
{
    NVR_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    for (;;) {
        /* Never more than one byte above the maximum, to learn that there is more. */
        const size_t step = NVR_MIN((size_t)READ_STEP, buf->max - buf->len);
        char probe;

        if (step == 0) {
            const ssize_t n = read(fd, &probe, 1);

            return n < 0 ? -errno : n > 0 ? -EFBIG : 0;
        }
        uint8_t *room = nvr_buf_reserve(buf, step);

        if (!room)
            return buf->error;
        const ssize_t n = read(fd, room, step);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        buf->len += (size_t)n;
    }
}

int nvr_fd_write_all(int fd, const void *data, size_t len)
{
    const char *p = data;

    while (len) {
        const ssize_t n = write(fd, p, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

ssize_t nvr_fd_pread_all(int fd, void *data, size_t len, off_t offset)
{
    size_t got = 0;

    while (got < len) {
        const ssize_t n = pread(fd, (char *)data + got, len - got, offset + (off_t)got);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

static int parent_of(const char *path, char *dst)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return nvr_fmt(dst, PATH_MAX, ".");
    return nvr_fmt(dst, PATH_MAX, "%.*s", (int)NVR_MAX(slash - path, 1), path);
}

int nvr_fsync_parent(const char *path)
{
    char parent[PATH_MAX];

    if (parent_of(path, parent) < 0)
        return -ENAMETOOLONG;
    NVR_AUTO_FD int fd = nvr_io_openat(AT_FDCWD, parent, O_RDONLY | O_DIRECTORY, 0);

    return fd < 0 ? fd : nvr_io_fsync(fd);
}

int nvr_file_write_atomic(const char *path, const void *data, size_t len, mode_t mode)
{
    char temp[PATH_MAX];
    int r;

    if (nvr_fmt(temp, sizeof(temp), "%s.tmp.%d", path, (int)getpid()) < 0)
        return -ENAMETOOLONG;
    NVR_AUTO_FD int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);

    if (fd < 0)
        return -errno;
    r = nvr_fd_write_all(fd, data, len);
    if (r == 0)
        r = nvr_sys(fsync(fd));
    if (r == 0)
        r = nvr_sys(rename(temp, path));
    if (r < 0) {
        (void)unlink(temp);
        return r;
    }
    return nvr_fsync_parent(path);
}

int nvr_mkdir_p(const char *path, mode_t mode)
{
    char part[PATH_MAX];
    struct stat st;

    if (nvr_fmt(part, sizeof(part), "%s", path) < 0)
        return -ENAMETOOLONG;
    for (char *p = part + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = 0;
        if (mkdir(part, mode) < 0 && errno != EEXIST)
            return -errno;
        *p = '/';
    }
    if (mkdir(part, mode) < 0 && errno != EEXIST)
        return -errno;
    if (stat(part, &st) < 0)
        return -errno;
    return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int nvr_path_join(char *dst, size_t dst_size, const char *a, const char *b)
{
    return nvr_fmt(dst, dst_size, "%s/%s", a, b) < 0 ? -ENAMETOOLONG : 0;
}

int nvr_open_parent(const char *root, const char *path, const char **ret_name)
{
    const int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
    NVR_AUTO_FD int fd = open(root, flags);
    const char *slash;

    if (fd < 0)
        return -errno;
    for (; (slash = strchr(path, '/')); path = slash + 1) {
        char name[NAME_MAX + 1];
        int next;

        if (slash - path > NAME_MAX)
            return -ENAMETOOLONG;
        memcpy(name, path, (size_t)(slash - path));
        name[slash - path] = '\0';
        next = openat(fd, name, flags | O_NOFOLLOW);
        if (next < 0)
            return -errno;
        (void)close(fd);
        fd = next;
    }
    *ret_name = path;
    return NVR_TAKE_FD(fd);
}

bool nvr_path_is_safe(const char *path)
{
    struct nvr_str rest = nvr_str_from(path);

    if (!rest.n || path[0] == '/' || strchr(path, '\\'))
        return false;
    while (rest.p) {
        const struct nvr_str part = nvr_str_cut(&rest, '/');

        if (!part.n || nvr_str_eq(part, NVR_STR(".")) || nvr_str_eq(part, NVR_STR("..")))
            return false;
    }
    return true;
}
