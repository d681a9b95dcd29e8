/* memfd.h — bytes in and out of memfds that travel to and from the workers. */
#ifndef NVR_BASE_MEMFD_H
#define NVR_BASE_MEMFD_H

#include "lib/base/buf.h"
#include "lib/base/macros.h"

/* fd, or -errno. */
NVR_CHECK int nvr_memfd_write(const char *name, const void *data, size_t len);
/* All of it, appended: copied by pread(), so that a worker that shrinks it meanwhile does no harm.
 * 0, -EMSGSIZE (above the buffer's maximum), -errno. */
NVR_CHECK int nvr_memfd_read(int fd, struct nvr_buf *buf);

#endif
