/* box.h — walking ISO base media boxes without recursion (private to lib/media). A region is a
 * slice of bytes; every read is checked against it. */
#ifndef NVR_MEDIA_BOX_H
#define NVR_MEDIA_BOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/macros.h"

#define BOX_TYPE(a, b, c, d)                                                                       \
    ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

struct box {
    uint32_t type;
    uint64_t size;      /* with header */
    size_t header_size; /* 8 or 16 */
};

struct region {
    const uint8_t *data;
    size_t size;
};

/* The header at data. 0, -EAGAIN (size is too small for it), -EPROTO (smaller than its header,
 * "until the end of the file", absurdly large). */
NVR_CHECK int box_read(const uint8_t *data, size_t size, struct box *ret_box);
/* Cut the next box with its whole payload off the region. False: end, or malformed. */
bool box_next(struct region *region, uint32_t *ret_type, struct region *ret_payload);
/* First child of that type. */
bool box_find(struct region parent, uint32_t type, struct region *ret_payload);
/* Down a path of count types. */
bool box_find_path(struct region parent, const uint32_t *path, size_t count,
                   struct region *ret_payload);

/* Cut a big-endian number off; false (and 0) when the region is too short. */
bool region_u8(struct region *region, uint8_t *ret_value);
bool region_u16(struct region *region, uint16_t *ret_value);
bool region_u32(struct region *region, uint32_t *ret_value);
bool region_u64(struct region *region, uint64_t *ret_value);
bool region_skip(struct region *region, size_t count);

#endif
