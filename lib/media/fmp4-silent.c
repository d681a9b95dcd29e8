/* The init segment without the tracks that are not video: for downloads without sound. */
#include <errno.h>
#include <string.h>

#include "lib/media/fragment.h"

#define MOOV BOX_TYPE('m', 'o', 'o', 'v')
#define TRAK BOX_TYPE('t', 'r', 'a', 'k')
#define TKHD BOX_TYPE('t', 'k', 'h', 'd')
#define MVEX BOX_TYPE('m', 'v', 'e', 'x')
#define TREX BOX_TYPE('t', 'r', 'e', 'x')

static bool id_of(uint32_t type, struct region box, uint32_t *ret_id)
{
    uint8_t version;
    uint32_t flags;

    if (type == TRAK && !box_find(box, TKHD, &box))
        return false;
    return fragment_full_box(&box, &version, &flags) &&
           (type == TREX || region_skip(&box, version == 1 ? 16 : 8)) && region_u32(&box, ret_id);
}

static bool is_kept(const struct nvr_fmp4_init *init, uint32_t type, struct region box)
{
    uint32_t id = 0;
    int track;

    if (type != TRAK && type != TREX)
        return true;
    if (!id_of(type, box, &id))
        return false;
    track = fragment_find_track(init, id);
    return track >= 0 && init->tracks[track].is_video;
}

static void put_size(uint8_t *box, size_t size)
{
    const uint32_t big = __builtin_bswap32((uint32_t)size);

    memcpy(box, &big, sizeof(big));
}

/* The children of a box, those that are kept; inside of moov also into mvex. Their bytes.
 * NOLINTNEXTLINE(misc-no-recursion): one level */
static size_t copy_children(const struct nvr_fmp4_init *init, struct region region, uint8_t *dst,
                            bool is_moov)
{
    size_t used = 0;
    uint32_t type;
    struct region box;
    const uint8_t *start = region.data;

    while (box_next(&region, &type, &box)) {
        const size_t size = (size_t)(region.data - start);

        if (is_moov && type == MVEX) {
            memcpy(dst + used, start, 8);
            const size_t inner = copy_children(init, box, dst + used + 8, false);

            put_size(dst + used, inner + 8);
            used += inner + 8;
        } else if (is_kept(init, type, box)) {
            memcpy(dst + used, start, size);
            used += size;
        }
        start = region.data;
    }
    return used;
}

int nvr_fmp4_drop_sound(const struct nvr_fmp4_init *init, const uint8_t *data, uint8_t *dst,
                        size_t *ret_size)
{
    struct region region = {data, init->size};
    const uint8_t *start = data;
    struct region box;
    uint32_t type;
    size_t used = 0;

    while (box_next(&region, &type, &box)) {
        const size_t size = (size_t)(region.data - start);

        if (type == MOOV) {
            if (box.data != start + 8)
                return -EPROTO;
            memcpy(dst + used, start, 8);
            const size_t inner = copy_children(init, box, dst + used + 8, true);

            put_size(dst + used, inner + 8);
            used += inner + 8;
        } else {
            memcpy(dst + used, start, size);
            used += size;
        }
        start = region.data;
    }
    *ret_size = used;
    return region.size ? -EPROTO : 0;
}
