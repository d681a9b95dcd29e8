/* Reading every sample of a fragment, and a track's sample entry. */
#include <errno.h>

#include "lib/media/fragment.h"

#define TRAK BOX_TYPE('t', 'r', 'a', 'k')
#define TKHD BOX_TYPE('t', 'k', 'h', 'd')
#define MOOV BOX_TYPE('m', 'o', 'o', 'v')
#define MDIA BOX_TYPE('m', 'd', 'i', 'a')
#define MINF BOX_TYPE('m', 'i', 'n', 'f')
#define STBL BOX_TYPE('s', 't', 'b', 'l')
#define STSD BOX_TYPE('s', 't', 's', 'd')

struct walk {
    const struct nvr_fmp4_fragment *fragment;
    nvr_fmp4_visit visit;
    void *arg;
    bool is_video;
    struct nvr_fmp4_found sample; /* dts and offset: of the next one */
};

static bool sample_fields(struct region *box, uint32_t flags, const struct fragment_traf *traf,
                          struct nvr_fmp4_found *sample, uint32_t *sample_flags)
{
    uint32_t cts = 0;

    sample->duration = traf->duration;
    sample->size = traf->size;
    if (((flags & TRUN_DURATION) && !region_u32(box, &sample->duration)) ||
        ((flags & TRUN_SIZE) && !region_u32(box, &sample->size)) ||
        ((flags & TRUN_FLAGS) && !region_u32(box, sample_flags)) ||
        ((flags & TRUN_CTS) && !region_u32(box, &cts)))
        return false;
    sample->cts = (int32_t)cts;
    return true;
}

/* Offsets count from the moof; what has none follows the run before it. */
static bool run_head(struct walk *walk, struct region *box, uint32_t flags)
{
    uint32_t offset;

    if (!(flags & TRUN_OFFSET))
        return true;
    if (!region_u32(box, &offset) || offset > INT32_MAX)
        return false;
    walk->sample.offset = walk->fragment->moof_offset + offset;
    return true;
}

static int walk_run(struct walk *walk, struct region box, const struct fragment_traf *traf)
{
    struct nvr_fmp4_found *sample = &walk->sample;
    uint32_t first_flags = traf->flags;
    uint32_t count, flags;
    uint8_t version;

    if (!fragment_full_box(&box, &version, &flags) || !region_u32(&box, &count) ||
        !run_head(walk, &box, flags) ||
        ((flags & TRUN_FIRST_FLAGS) && !region_u32(&box, &first_flags)))
        return -EPROTO;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t sample_flags = i ? traf->flags : first_flags;
        int r;

        if (!sample_fields(&box, flags, traf, sample, &sample_flags) ||
            sample->offset > walk->fragment->size ||
            sample->size > walk->fragment->size - sample->offset)
            return -EPROTO;
        sample->key = !walk->is_video || !(sample_flags & NON_SYNC);
        r = walk->visit(sample, walk->arg);
        if (r != 0)
            return r;
        sample->dts += sample->duration;
        sample->offset += sample->size;
    }
    return 0;
}

static int walk_traf(struct walk *walk, const struct nvr_fmp4_init *init, struct region region)
{
    struct fragment_traf traf = {0};
    struct region box;
    uint32_t type;
    int track;
    int r;

    if (!box_find(region, TFHD, &box) || !fragment_parse_tfhd(box, &traf) || traf.has_base ||
        !box_find(region, TFDT, &box) || !fragment_parse_tfdt(box, &walk->sample.dts))
        return -EPROTO;
    track = fragment_find_track(init, traf.track_id);
    if (track < 0)
        return -EPROTO;
    walk->sample.track = (size_t)track;
    walk->is_video = init->tracks[track].is_video;
    while (box_next(&region, &type, &box)) {
        if (type != TRUN)
            continue;
        r = walk_run(walk, box, &traf);
        if (r != 0)
            return r;
    }
    return 0;
}

int nvr_fmp4_each_sample(const struct nvr_fmp4_init *init, const uint8_t *data, size_t size,
                         const struct nvr_fmp4_fragment *fragment, nvr_fmp4_visit visit, void *arg)
{
    struct walk walk = {.fragment = fragment, .visit = visit, .arg = arg};
    struct region region;
    struct region traf;
    uint32_t type;

    if (fragment->moof_offset > size || fragment->moof_size > size - fragment->moof_offset ||
        fragment->moof_size < 8)
        return -EPROTO;
    /* Behind the moof comes the mdat's header. */
    walk.sample.offset = fragment->moof_offset + fragment->moof_size + 8;
    region = (struct region){data + fragment->moof_offset + 8, fragment->moof_size - 8};
    while (box_next(&region, &type, &traf)) {
        const int r = type == TRAF ? walk_traf(&walk, init, traf) : 0;

        if (r != 0)
            return r;
    }
    return 0;
}

static bool track_id_is(struct region trak, uint32_t wanted)
{
    struct region box;
    uint8_t version;
    uint32_t flags, id;

    return box_find(trak, TKHD, &box) && fragment_full_box(&box, &version, &flags) &&
           region_skip(&box, version == 1 ? 16 : 8) && region_u32(&box, &id) && id == wanted;
}

int nvr_fmp4_find_entry(const uint8_t *data, size_t size, uint32_t track_id,
                        const uint8_t **ret_entry, size_t *ret_size)
{
    static const uint32_t path[] = {MDIA, MINF, STBL, STSD};
    struct region moov;
    struct region trak;
    uint32_t type;

    if (!box_find((struct region){data, size}, MOOV, &moov))
        return -EPROTO;
    while (box_next(&moov, &type, &trak)) {
        struct region stsd;
        struct region entry;

        if (type != TRAK || !track_id_is(trak, track_id))
            continue;
        if (!box_find_path(trak, path, NVR_ARRAY_SIZE(path), &stsd) || !region_skip(&stsd, 8))
            return -EPROTO;
        *ret_entry = stsd.data;
        if (!box_next(&stsd, &type, &entry))
            return -EPROTO;
        *ret_size = (size_t)(stsd.data - *ret_entry);
        return 0;
    }
    return -EPROTO;
}
