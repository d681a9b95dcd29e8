#include "lib/base/memfd.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"

int nvr_memfd_write(const char *name, const void *data, size_t len)
{
    NVR_AUTO_FD int fd = memfd_create(name, MFD_CLOEXEC);
    int r;

    if (fd < 0)
        return -errno;
    r = nvr_fd_write_all(fd, data, len);
    if (r < 0)
        return r;
    return NVR_TAKE_FD(fd);
}

int nvr_memfd_read(int fd, struct nvr_buf *buf)
{
    struct stat st;
    uint8_t *dst;
    ssize_t r;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EPROTO;
    dst = nvr_buf_reserve(buf, (size_t)st.st_size);
    if (!dst)
        return nvr_buf_status(buf);
    r = nvr_fd_pread_all(fd, dst, (size_t)st.st_size, 0);
    if (r < 0)
        return (int)r;
    buf->len += (size_t)r;
    return 0;
}
