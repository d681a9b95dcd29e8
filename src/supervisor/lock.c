#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/file.h"
#include "src/supervisor/private.h"

#define PID_MAX_VALUE 4194304

static long read_pid(int fd)
{
    char text[32] = {0};
    uint64_t pid = 0;
    const ssize_t n = nvr_fd_pread_all(fd, text, sizeof(text) - 1, 0);

    if (n <= 0 ||
        nvr_str_to_u64(nvr_str_trim((struct nvr_str){text, (size_t)n}), PID_MAX_VALUE, &pid) < 0)
        return 0;
    return (long)pid;
}

/* flock(), not the file's existence: the kernel lets go of it however the process ends. */
int64_t lock_last_life_ms(const char *data_dir)
{
    char path[PATH_MAX];
    struct stat st;

    if (nvr_path_join(path, sizeof(path), data_dir, "nvr.lock") < 0 || lstat(path, &st) < 0)
        return 0;
    return (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
}

int lock_take(const char *data_dir, int *ret_fd, long *ret_pid)
{
    char path[PATH_MAX];
    char text[32];
    int r = nvr_path_join(path, sizeof(path), data_dir, "nvr.lock");

    if (r < 0)
        return r;
    NVR_AUTO_FD int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK)
            return -errno;
        *ret_pid = read_pid(fd);
        return -EEXIST;
    }
    r = nvr_fmt(text, sizeof(text), "%ld\n", (long)getpid());
    if (r > 0 && ftruncate(fd, 0) == 0)
        r = pwrite(fd, text, (size_t)r, 0) < 0 ? -errno : 0;
    if (r < 0)
        return r;
    *ret_fd = NVR_TAKE_FD(fd);
    return 0;
}
