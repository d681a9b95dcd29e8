/* io.h — the one door through which recordings are written, read back, moved and removed.
 *
 * Behind it stands a table of the system's calls that a test replaces by one that fails, is slow or
 * loses what was not synced (tests/unit/faulty-io.h). Every function repeats what a signal
 * interrupted and answers 0 (or a descriptor, or a size) or -errno.
 * Threads: any. The table is replaced only while nobody uses it. */
#ifndef NVR_BASE_IO_H
#define NVR_BASE_IO_H

#include <stddef.h>
#include <sys/types.h>

#include "lib/base/macros.h"

/* As the system's calls: -1 and errno. */
struct nvr_io {
    int (*openat)(int dir_fd, const char *path, int flags, mode_t mode);
    int (*mkdirat)(int dir_fd, const char *path, mode_t mode);
    ssize_t (*write)(int fd, const void *data, size_t size);
    ssize_t (*pread)(int fd, void *data, size_t size, off_t offset);
    int (*ftruncate)(int fd, off_t size);
    int (*fdatasync)(int fd);
    int (*fsync)(int fd);
    int (*renameat)(int from_dir_fd, const char *from, int to_dir_fd, const char *to);
    int (*unlinkat)(int dir_fd, const char *path, int flags);
    ssize_t (*copy_file_range)(int from_fd, off_t *from_offset, int to_fd, off_t *to_offset,
                               size_t size, unsigned flags);
    int (*close)(int fd);
};

/* NULL: the system's calls again. Borrowed. */
void nvr_io_replace(const struct nvr_io *table);

/* The descriptor, or -errno. O_CLOEXEC is always added. */
NVR_CHECK int nvr_io_openat(int dir_fd, const char *path, int flags, mode_t mode);
NVR_CHECK int nvr_io_mkdirat(int dir_fd, const char *path, mode_t mode);
/* All of it; -EIO when the system takes nothing. Part of it may be written on failure. */
NVR_CHECK int nvr_io_write(int fd, const void *data, size_t size);
/* Until size or the end of the file. Bytes read, or -errno. */
NVR_CHECK ssize_t nvr_io_pread(int fd, void *data, size_t size, off_t offset);
NVR_CHECK int nvr_io_ftruncate(int fd, off_t size);
NVR_CHECK int nvr_io_fdatasync(int fd);
NVR_CHECK int nvr_io_fsync(int fd);
NVR_CHECK int nvr_io_renameat(int from_dir_fd, const char *from, int to_dir_fd, const char *to);
NVR_CHECK int nvr_io_unlinkat(int dir_fd, const char *path, int flags);
/* One step, from and to the descriptors' offsets: bytes copied, 0 at the end of from_fd, or -errno.
 * Where the file systems cannot do it themselves it is read and written. */
NVR_CHECK ssize_t nvr_io_copy(int from_fd, int to_fd, size_t size);
/* Some file systems (NFS, quotas) tell only now that data was not written. fd: -1 is a no-op. */
int nvr_io_close(int fd);

#endif
