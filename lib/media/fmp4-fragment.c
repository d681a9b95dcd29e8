/* Reading fragments: [styp, sidx …] moof/traf/{tfhd, tfdt, trun} mdat. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "lib/media/box.h"
#include "lib/media/fmp4.h"
#include "lib/media/fragment.h"

#define MOOV BOX_TYPE('m', 'o', 'o', 'v')

bool fragment_full_box(struct region *box, uint8_t *ret_version, uint32_t *ret_flags)
{
    uint32_t word;
    const bool ok = region_u32(box, &word);

    *ret_version = (uint8_t)(word >> 24);
    *ret_flags = word & 0xffffff;
    return ok;
}

bool fragment_parse_tfhd(struct region box, struct fragment_traf *traf)
{
    uint8_t version;
    uint32_t flags;

    if (!fragment_full_box(&box, &version, &flags) || !region_u32(&box, &traf->track_id))
        return false;
    traf->has_base = flags & TFHD_BASE_OFFSET;
    return (!(flags & TFHD_BASE_OFFSET) || region_skip(&box, 8)) &&
           (!(flags & TFHD_DESCRIPTION) || region_skip(&box, 4)) &&
           (!(flags & TFHD_DURATION) || region_u32(&box, &traf->duration)) &&
           (!(flags & TFHD_SIZE) || region_u32(&box, &traf->size)) &&
           (!(flags & TFHD_FLAGS) || region_u32(&box, &traf->flags));
}

bool fragment_parse_tfdt(struct region box, uint64_t *ret_time)
{
    uint8_t version;
    uint32_t flags;
    uint32_t time;

    if (!fragment_full_box(&box, &version, &flags))
        return false;
    if (version == 1)
        return region_u64(&box, ret_time) && *ret_time <= INT64_MAX;
    if (!region_u32(&box, &time))
        return false;
    *ret_time = time;
    return true;
}

static bool parse_sample(struct region *box, uint32_t flags, struct fragment_traf *traf,
                         uint32_t *sample)
{
    uint32_t duration = traf->duration;
    uint32_t size = traf->size;

    if (((flags & TRUN_DURATION) && !region_u32(box, &duration)) ||
        ((flags & TRUN_SIZE) && !region_u32(box, &size)) ||
        ((flags & TRUN_FLAGS) && !region_u32(box, sample)) ||
        ((flags & TRUN_CTS) && !region_skip(box, 4)))
        return false;
    traf->total_duration += duration;
    traf->total_size += size;
    return true;
}

static bool parse_trun(struct region box, struct fragment_traf *traf)
{
    uint32_t first_flags;
    uint32_t count;
    uint32_t flags;
    uint8_t version;

    if (!fragment_full_box(&box, &version, &flags) || !region_u32(&box, &count) ||
        count > NVR_FMP4_READ_SAMPLES_MAX || traf->samples + count > NVR_FMP4_READ_SAMPLES_MAX ||
        ((flags & TRUN_OFFSET) && !region_skip(&box, 4)))
        return false;
    first_flags = traf->flags;
    if ((flags & TRUN_FIRST_FLAGS) && !region_u32(&box, &first_flags))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t sample = i ? traf->flags : first_flags;

        if (!parse_sample(&box, flags, traf, &sample))
            return false;
        if (!traf->has_first) {
            traf->has_first = true;
            traf->first_is_sync = !(sample & NON_SYNC);
        }
    }
    traf->samples += count;
    return true;
}

int fragment_find_track(const struct nvr_fmp4_init *init, uint32_t track_id)
{
    for (size_t i = 0; i < init->tracks_count; i++)
        if (init->tracks[i].track_id == track_id)
            return (int)i;
    return -1;
}

static bool parse_traf(const struct nvr_fmp4_init *init, struct region region,
                       struct nvr_fmp4_fragment *fragment, uint64_t *payload)
{
    struct fragment_traf traf = {0};
    struct region box;
    uint64_t time;
    uint32_t type;
    int track;

    if (!box_find(region, TFHD, &box) || !fragment_parse_tfhd(box, &traf) ||
        !box_find(region, TFDT, &box) || !fragment_parse_tfdt(box, &time))
        return false;
    track = fragment_find_track(init, traf.track_id);
    if (track < 0 || fragment->samples[track])
        return false;
    while (box_next(&region, &type, &box))
        if (type == TRUN && !parse_trun(box, &traf))
            return false;
    if (region.size)
        return false;
    fragment->tfdt[track] = time;
    fragment->duration[track] = traf.total_duration;
    fragment->samples[track] = (uint32_t)traf.samples;
    if (init->tracks[track].is_video && traf.has_first && !fragment->has_video) {
        fragment->has_video = true;
        fragment->key = traf.first_is_sync;
    }
    *payload += traf.total_size;
    return true;
}

int fragment_find_moof(const uint8_t *data, size_t size, size_t *pos, struct box *ret_box,
                       size_t *ret_needed)
{
    for (unsigned i = 0; i <= BEFORE_MAX; i++) {
        const int r = box_read(data + *pos, size - *pos, ret_box);

        if (r < 0)
            return r;
        if (ret_box->type == MDAT || ret_box->type == MOOV || ret_box->size > MOOF_MAX)
            return -EPROTO;
        if (ret_box->size > size - *pos) {
            *ret_needed = *pos + (size_t)ret_box->size + (ret_box->type == MOOF ? 16 : 0);
            return -EAGAIN;
        }
        if (ret_box->type == MOOF)
            return 0;
        *pos += (size_t)ret_box->size;
    }
    return -EPROTO;
}

int nvr_fmp4_parse_fragment(const struct nvr_fmp4_init *init, const uint8_t *data, size_t size,
                            struct nvr_fmp4_fragment *ret_fragment)
{
    struct nvr_fmp4_fragment fragment = {0};
    struct region region;
    struct region traf;
    struct box moof;
    struct box mdat;
    uint64_t payload = 0;
    uint32_t type;
    size_t pos = 0;
    int r;

    *ret_fragment = fragment;
    r = fragment_find_moof(data, size, &pos, &moof, &ret_fragment->size);
    if (r < 0)
        return r;
    fragment.moof_offset = pos;
    fragment.moof_size = (size_t)moof.size;
    region = (struct region){data + pos + moof.header_size, (size_t)moof.size - moof.header_size};
    while (box_next(&region, &type, &traf))
        if (type == TRAF && !parse_traf(init, traf, &fragment, &payload))
            return -EPROTO;
    pos += (size_t)moof.size;
    if (region.size)
        return -EPROTO;
    r = box_read(data + pos, size - pos, &mdat);
    if (r == -EAGAIN)
        ret_fragment->size = pos + 16;
    if (r < 0)
        return r;
    if (mdat.type != MDAT || payload > mdat.size - mdat.header_size)
        return -EPROTO;
    fragment.size = pos + (size_t)mdat.size;
    *ret_fragment = fragment;
    return 0;
}

static void put_be(uint8_t *dst, size_t count, uint64_t value)
{
    while (count--) {
        dst[count] = (uint8_t)value;
        value >>= 8;
    }
}

static int rebase_traf(const struct nvr_fmp4_init *init, uint8_t *data, struct region region,
                       const uint64_t *base)
{
    struct fragment_traf traf = {0};
    struct region box;
    uint64_t time;
    int track;

    if (!box_find(region, TFHD, &box) || !fragment_parse_tfhd(box, &traf) ||
        !box_find(region, TFDT, &box) || !fragment_parse_tfdt(box, &time))
        return -EPROTO;
    track = fragment_find_track(init, traf.track_id);
    if (track < 0)
        return -EPROTO;
    time = time > base[track] ? time - base[track] : 0;
    put_be(data + (box.data - data) + 4, box.data[0] == 1 ? 8 : 4, time);
    return 0;
}

int nvr_fmp4_rebase_moof(const struct nvr_fmp4_init *init, uint8_t *data, size_t size,
                         const uint64_t *base)
{
    struct region region;
    struct region traf;
    struct box moof;
    size_t needed;
    uint32_t type;
    size_t pos = 0;
    int r;

    r = fragment_find_moof(data, size, &pos, &moof, &needed);
    if (r < 0)
        return -EPROTO;
    region = (struct region){data + pos + moof.header_size, (size_t)moof.size - moof.header_size};
    while (box_next(&region, &type, &traf)) {
        if (type != TRAF)
            continue;
        r = rebase_traf(init, data, traf, base);
        if (r < 0)
            return r;
    }
    return region.size ? -EPROTO : 0;
}
