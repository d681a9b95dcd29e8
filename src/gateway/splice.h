/* splice.h — recorded segments as one stream of fragments: one init segment, then fragment after
 * fragment, their times from zero on and without holes. Pool thread; one call at a time. */
#ifndef NVR_GATEWAY_SPLICE_H
#define NVR_GATEWAY_SPLICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/macros.h"

struct nvr_splice;

/* From the newest key frame at or before start_us to the first fragment that begins at or behind
 * end_us. sound false: the picture only. */
NVR_CHECK int nvr_splice_new(int64_t start_us, int64_t end_us, bool sound,
                             struct nvr_splice **ret_splice);
void nvr_splice_free(struct nvr_splice *splice); /* NULL: no-op */
/* The next segment; takes fd, even on failure. 0; 1: its init segment is another one, the stream
 * ends before it; -EPROTO (not one of our files), -errno. */
NVR_CHECK int nvr_splice_add_take(struct nvr_splice *splice, int fd, int64_t size);
/* ≤ max bytes: > 0; 0: this segment is over, add the next one (or the end is reached); -errno. */
ssize_t nvr_splice_read(struct nvr_splice *splice, uint8_t *dst, size_t max);
bool nvr_splice_is_over(const struct nvr_splice *splice); /* end_us was reached */

#endif
