/* file.h — files: whole reads with a limit, atomic durable writes, folders. */
#ifndef NVR_BASE_FILE_H
#define NVR_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/base/buf.h"
#include "lib/base/macros.h"

/* Append the file's content to buf. 0, -EFBIG (above buf's maximum), or open()/read()'s error. */
NVR_CHECK int nvr_file_read(const char *path, struct nvr_buf *buf);
/* Temp file in the same folder + fsync + rename + fsync of the folder. mode: of a new file. */
NVR_CHECK int nvr_file_write_atomic(const char *path, const void *data, size_t len, mode_t mode);
/* Like write(), all of it, EINTR repeated. 0 or -errno. */
NVR_CHECK int nvr_fd_write_all(int fd, const void *data, size_t len);
/* Like pread(), until len or end of file. Bytes read, or -errno. */
NVR_CHECK ssize_t nvr_fd_pread_all(int fd, void *data, size_t len, off_t offset);
/* Folder and its parents; 0 also when it exists already. */
NVR_CHECK int nvr_mkdir_p(const char *path, mode_t mode);
/* fsync() of the folder that holds path. */
NVR_CHECK int nvr_fsync_parent(const char *path);
/* a + "/" + b into dst. 0, or -ENAMETOOLONG. */
NVR_CHECK int nvr_path_join(char *dst, size_t dst_size, const char *a, const char *b);
/* True for a relative path without "..", empty, "." parts, NUL or backslash. */
bool nvr_path_is_safe(const char *path);
/* The folder below root that holds path, to open or unlink *ret_name in it (O_PATH). Links below
 * root are not followed: -ENOTDIR. path: a safe one. */
NVR_CHECK int nvr_open_parent(const char *root, const char *path, const char **ret_name);

#endif
