/* scan.h — what a segment file holds, from its own bytes, for the index of recordings. A file that
 * was cut by a crash or a power cut is cut back to whole fragments. Bounded memory; nothing is
 * believed. */
#ifndef NVR_MEDIA_ROLE_SCAN_H
#define NVR_MEDIA_ROLE_SCAN_H

#include <stdbool.h>

#include "lib/base/macros.h"
#include "lib/media/segment.h"

/* path: below root_fd. 0 (*ret_segment is the caller's; *ret_repaired: its tail was cut off),
 * -ENODATA (empty), -EPROTO (does not begin with an init segment), -EBADMSG (no whole picture),
 * -EINVAL (no file, or the path leads out), openat()'s, pread()'s or ftruncate()'s error. */
NVR_CHECK int nvr_scan_file(int root_fd, const char *path, struct nvr_segment *ret_segment,
                            bool *ret_repaired);

#endif
