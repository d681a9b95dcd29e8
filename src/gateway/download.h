/* download.h — a segment file as people get it: the same bytes, but its time starts at zero. Only
 * the decode times (tfdt) in the moof boxes differ, so length and offsets stay. */
#ifndef NVR_GATEWAY_DOWNLOAD_H
#define NVR_GATEWAY_DOWNLOAD_H

#include <stdint.h>
#include <sys/types.h>

#include "lib/base/macros.h"

#define NVR_DOWNLOAD_INIT_MAX (64L * 1024)
#define NVR_DOWNLOAD_MOOF_MAX (256L * 1024)

struct nvr_download;

/* Reads the head of fd (borrowed for this call). 0, -EPROTO (not one of our files), -errno. */
NVR_CHECK int nvr_download_new(int fd, int64_t size, struct nvr_download **ret_download);
void nvr_download_free(void *arg); /* NULL: no-op */
/* arg: the download. As nvr_file_filter.read_at. Offsets must not fall from call to call. */
ssize_t nvr_download_read_at(void *arg, int fd, uint8_t *dst, size_t max, int64_t offset);

#endif
