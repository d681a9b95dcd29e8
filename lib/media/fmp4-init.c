/* Reading the init segment: ftyp, moov/trak/{tkhd, mdia/{mdhd, hdlr, minf/stbl/stsd}}. */
#include <errno.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/media/box.h"
#include "lib/media/codec.h"
#include "lib/media/fmp4.h"

#define FTYP BOX_TYPE('f', 't', 'y', 'p')
#define MOOV BOX_TYPE('m', 'o', 'o', 'v')
#define MOOF BOX_TYPE('m', 'o', 'o', 'f')
#define MDAT BOX_TYPE('m', 'd', 'a', 't')
#define TRAK BOX_TYPE('t', 'r', 'a', 'k')
#define TKHD BOX_TYPE('t', 'k', 'h', 'd')
#define MDIA BOX_TYPE('m', 'd', 'i', 'a')
#define MDHD BOX_TYPE('m', 'd', 'h', 'd')
#define HDLR BOX_TYPE('h', 'd', 'l', 'r')
#define MINF BOX_TYPE('m', 'i', 'n', 'f')
#define STBL BOX_TYPE('s', 't', 'b', 'l')
#define STSD BOX_TYPE('s', 't', 's', 'd')
#define VIDE BOX_TYPE('v', 'i', 'd', 'e')
#define SOUN BOX_TYPE('s', 'o', 'u', 'n')
#define AVCC BOX_TYPE('a', 'v', 'c', 'C')
#define HVCC BOX_TYPE('h', 'v', 'c', 'C')
#define ESDS BOX_TYPE('e', 's', 'd', 's')

#define TIMESCALE_MAX 10000000
#define VISUAL_ENTRY 78 /* bytes of a VisualSampleEntry before its boxes */
#define AUDIO_ENTRY 28  /* of an AudioSampleEntry, version 0 */
#define ES_DESCRIPTOR 3
#define DECODER_CONFIG 4
#define DECODER_SPECIFIC 5
#define OBJECT_AAC 0x40

static bool version_of(struct region *box, uint8_t *ret_version)
{
    uint32_t word;
    const bool ok = region_u32(box, &word);

    *ret_version = (uint8_t)(word >> 24);
    return ok;
}

/* tkhd and mdhd begin with two times, 32 or 64 bits wide. */
static bool skip_times(struct region *box)
{
    uint8_t version;

    return version_of(box, &version) && region_skip(box, version == 1 ? 16 : 8);
}

/* MPEG-4 descriptor: tag and a length of one to four bytes of seven bits. */
static bool next_descriptor(struct region *region, uint8_t *ret_tag, struct region *ret_payload)
{
    uint32_t length = 0;
    uint8_t byte = 0x80;

    if (!region_u8(region, ret_tag))
        return false;
    for (int i = 0; i < 4 && (byte & 0x80); i++) {
        if (!region_u8(region, &byte))
            return false;
        length = length << 7 | (byte & 0x7fu);
    }
    *ret_payload = *region;
    ret_payload->size = length;
    return region_skip(region, length);
}

/* "mp4a.40.2" for AAC, "mp4v.6C" for others. */
static void esds_string(struct region box, struct nvr_fmp4_header *header)
{
    struct nvr_aac_config config;
    struct region es;
    struct region decoder;
    struct region specific;
    uint8_t object;
    uint8_t tag;
    uint8_t flags;

    if (!region_skip(&box, 4) || !next_descriptor(&box, &tag, &es) || tag != ES_DESCRIPTOR ||
        !region_skip(&es, 2) || !region_u8(&es, &flags) || (flags & 0xe0) ||
        !next_descriptor(&es, &tag, &decoder) || tag != DECODER_CONFIG ||
        !region_u8(&decoder, &object))
        return;
    if (object != OBJECT_AAC) {
        (void)nvr_fmt(header->codec_string, sizeof(header->codec_string), "%s.%02X", header->codec,
                      object);
        return;
    }
    if (region_skip(&decoder, 12) && next_descriptor(&decoder, &tag, &specific) &&
        tag == DECODER_SPECIFIC && nvr_aac_parse_config(specific.data, specific.size, &config) == 0)
        (void)nvr_fmt(header->codec_string, sizeof(header->codec_string), "%s.40.%u", header->codec,
                      config.object_type);
}

static void avcc_string(struct region box, struct nvr_fmp4_header *header)
{
    if (box.size >= 4)
        (void)nvr_fmt(header->codec_string, sizeof(header->codec_string), "%s.%02x%02x%02x",
                      header->codec, box.data[1], box.data[2], box.data[3]);
}

static void hvcc_string(struct region box, struct nvr_fmp4_header *header)
{
    struct nvr_sps sps = {0};
    uint32_t compatibility;
    uint8_t version;
    uint8_t profile;

    if (!region_u8(&box, &version) || !region_u8(&box, &profile) ||
        !region_u32(&box, &compatibility) || box.size < 7)
        return;
    sps.profile_space = profile >> 6;
    sps.constraints = profile >> 5 & 1;
    sps.profile = profile & 31;
    sps.profile_compatibility = compatibility;
    memcpy(sps.constraint_flags, box.data, sizeof(sps.constraint_flags));
    sps.level = box.data[sizeof(sps.constraint_flags)];
    if (nvr_h265_codec_string(&sps, header->codec_string, sizeof(header->codec_string)) == 0)
        memcpy(header->codec_string, header->codec, 4); /* hvc1 or hev1 */
}

static void parse_entry(struct region entry, struct nvr_fmp4_header *header)
{
    struct region config;

    (void)nvr_fmt(header->codec_string, sizeof(header->codec_string), "%s", header->codec);
    if (!region_skip(&entry, header->is_video ? VISUAL_ENTRY : AUDIO_ENTRY))
        return;
    if (box_find(entry, AVCC, &config))
        avcc_string(config, header);
    else if (box_find(entry, HVCC, &config))
        hvcc_string(config, header);
    else if (box_find(entry, ESDS, &config))
        esds_string(config, header);
}

/* Entries are named by four printable characters; anything else would end up in texts. */
static bool copy_codec(uint32_t type, struct nvr_fmp4_header *header)
{
    for (int i = 0; i < 4; i++) {
        const char c = (char)(type >> (24 - 8 * i) & 0xff);

        if (c < ' ' || c > '~' || c == '"' || c == '\\')
            return false;
        header->codec[i] = c;
    }
    header->codec[4] = 0;
    return true;
}

static bool parse_description(struct region stsd, struct nvr_fmp4_header *header)
{
    struct region entry;
    uint16_t width;
    uint16_t height;
    uint32_t count;
    uint32_t type;

    if (!region_skip(&stsd, 4) || !region_u32(&stsd, &count) || !count ||
        !box_next(&stsd, &type, &entry) || !copy_codec(type, header))
        return false;
    if (header->is_video) {
        struct region size = entry;

        if (!region_skip(&size, 24) || !region_u16(&size, &width) || !region_u16(&size, &height))
            return false;
        header->width = width;
        header->height = height;
    }
    parse_entry(entry, header);
    return true;
}

/* 1: a video or audio track, 0: of another kind, -EPROTO. */
static int parse_track(struct region trak, struct nvr_fmp4_header *ret_header)
{
    static const uint32_t stsd_path[] = {MINF, STBL, STSD};
    struct nvr_fmp4_header header = {0};
    struct region mdia;
    struct region box;
    uint32_t handler;

    if (!box_find(trak, TKHD, &box) || !skip_times(&box) || !region_u32(&box, &header.track_id) ||
        !header.track_id)
        return -EPROTO;
    if (!box_find(trak, MDIA, &mdia) || !box_find(mdia, MDHD, &box) || !skip_times(&box) ||
        !region_u32(&box, &header.timescale) || !header.timescale ||
        header.timescale > TIMESCALE_MAX)
        return -EPROTO;
    if (!box_find(mdia, HDLR, &box) || !region_skip(&box, 8) || !region_u32(&box, &handler))
        return -EPROTO;
    if (handler != VIDE && handler != SOUN)
        return 0;
    header.is_video = handler == VIDE;
    if (!box_find_path(mdia, stsd_path, NVR_ARRAY_SIZE(stsd_path), &box) ||
        !parse_description(box, &header))
        return -EPROTO;
    *ret_header = header;
    return 1;
}

static int parse_moov(struct region moov, struct nvr_fmp4_init *init)
{
    struct region trak;
    uint32_t type;

    while (box_next(&moov, &type, &trak)) {
        struct nvr_fmp4_header header;

        if (type != TRAK)
            continue;
        const int r = parse_track(trak, &header);

        if (r < 0)
            return r;
        if (r == 0)
            continue;
        if (init->tracks_count == NVR_FMP4_TRACKS_MAX)
            return -EPROTO;
        for (size_t i = 0; i < init->tracks_count; i++)
            if (init->tracks[i].track_id == header.track_id)
                return -EPROTO;
        init->tracks[init->tracks_count++] = header;
    }
    return moov.size == 0 && init->tracks_count ? 0 : -EPROTO;
}

int nvr_fmp4_parse_init(const uint8_t *data, size_t size, struct nvr_fmp4_init *ret_init)
{
    struct nvr_fmp4_init init = {0};
    size_t pos = 0;

    *ret_init = init;
    for (;;) {
        struct box box;
        const int r = box_read(data + pos, size - pos, &box);

        if (r < 0)
            return r;
        if ((pos == 0) != (box.type == FTYP) || box.type == MOOF || box.type == MDAT ||
            box.size > NVR_FMP4_INIT_MAX - pos)
            return -EPROTO;
        if (box.size > size - pos) {
            ret_init->size = pos + (size_t)box.size;
            return -EAGAIN;
        }
        if (box.type == MOOV) {
            const struct region moov = {data + pos + box.header_size,
                                        (size_t)box.size - box.header_size};
            const int parsed = parse_moov(moov, &init);

            if (parsed < 0)
                return parsed;
            init.size = pos + (size_t)box.size;
            *ret_init = init;
            return 0;
        }
        pos += (size_t)box.size;
    }
}
