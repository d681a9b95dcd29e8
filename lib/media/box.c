#include "lib/media/box.h"

#include <errno.h>

#define LARGE_SIZE 1
#define BOX_SIZE_MAX (1ull << 40) /* no sum of two overflows anything */

static uint64_t read_be(const uint8_t *data, size_t count)
{
    uint64_t value = 0;

    for (size_t i = 0; i < count; i++)
        value = value << 8 | data[i];
    return value;
}

int box_read(const uint8_t *data, size_t size, struct box *ret_box)
{
    struct box box = {.header_size = 8};

    if (size < 8)
        return -EAGAIN;
    box.size = read_be(data, 4);
    box.type = (uint32_t)read_be(data + 4, 4);
    if (box.size == LARGE_SIZE) {
        if (size < 16)
            return -EAGAIN;
        box.size = read_be(data + 8, 8);
        box.header_size = 16;
    }
    if (box.size < box.header_size || box.size > BOX_SIZE_MAX)
        return -EPROTO;
    *ret_box = box;
    return 0;
}

bool box_next(struct region *region, uint32_t *ret_type, struct region *ret_payload)
{
    struct box box;

    if (box_read(region->data, region->size, &box) < 0 || box.size > region->size)
        return false;
    *ret_type = box.type;
    *ret_payload =
        (struct region){region->data + box.header_size, (size_t)box.size - box.header_size};
    region->data += box.size;
    region->size -= (size_t)box.size;
    return true;
}

bool box_find(struct region parent, uint32_t type, struct region *ret_payload)
{
    uint32_t found;

    while (box_next(&parent, &found, ret_payload))
        if (found == type)
            return true;
    return false;
}

bool box_find_path(struct region parent, const uint32_t *path, size_t count,
                   struct region *ret_payload)
{
    for (size_t i = 0; i < count; i++) {
        if (!box_find(parent, path[i], ret_payload))
            return false;
        parent = *ret_payload;
    }
    return true;
}

static bool region_read(struct region *region, size_t count, uint64_t *ret_value)
{
    if (region->size < count) {
        *ret_value = 0;
        return false;
    }
    *ret_value = read_be(region->data, count);
    region->data += count;
    region->size -= count;
    return true;
}

bool region_u8(struct region *region, uint8_t *ret_value)
{
    uint64_t value;
    const bool ok = region_read(region, 1, &value);

    *ret_value = (uint8_t)value;
    return ok;
}

bool region_u16(struct region *region, uint16_t *ret_value)
{
    uint64_t value;
    const bool ok = region_read(region, 2, &value);

    *ret_value = (uint16_t)value;
    return ok;
}

bool region_u32(struct region *region, uint32_t *ret_value)
{
    uint64_t value;
    const bool ok = region_read(region, 4, &value);

    *ret_value = (uint32_t)value;
    return ok;
}

bool region_u64(struct region *region, uint64_t *ret_value)
{
    return region_read(region, 8, ret_value);
}

bool region_skip(struct region *region, size_t count)
{
    if (region->size < count)
        return false;
    region->data += count;
    region->size -= count;
    return true;
}
