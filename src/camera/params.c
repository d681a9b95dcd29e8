#include "src/camera/params.h"

#include <string.h>

enum kind { KIND_VIDEO, KIND_VPS, KIND_SPS, KIND_PPS, KIND_DROP };

static enum kind h264_kind(const uint8_t *nal)
{
    switch (nvr_h264_nal_type(nal)) {
    case 7:
        return KIND_SPS;
    case 8:
        return KIND_PPS;
    case 9:  /* access unit delimiter */
    case 12: /* filler */
        return KIND_DROP;
    default:
        return KIND_VIDEO;
    }
}

static enum kind h265_kind(const uint8_t *nal)
{
    switch (nvr_h265_nal_type(nal)) {
    case 32:
        return KIND_VPS;
    case 33:
        return KIND_SPS;
    case 34:
        return KIND_PPS;
    case 35: /* access unit delimiter */
    case 38: /* filler */
        return KIND_DROP;
    default:
        return KIND_VIDEO;
    }
}

static bool holds(const struct nvr_params *params, const uint8_t *nal, size_t size)
{
    const uint8_t *have;
    size_t have_size;
    size_t pos = 0;

    while (nvr_annexb_next(params->data, params->size, &pos, &have, &have_size))
        if (have_size == size && memcmp(have, nal, size) == 0)
            return true;
    return false;
}

/* False when there is no room: the set then counts as incomplete. */
static bool add_set(struct nvr_params *params, const uint8_t *nal, size_t size)
{
    static const uint8_t start[4] = {0, 0, 0, 1};

    if (holds(params, nal, size))
        return true;
    if (size > NVR_PARAMS_MAX - sizeof(start) ||
        params->size > NVR_PARAMS_MAX - sizeof(start) - size)
        return false;
    memcpy(params->data + params->size, start, sizeof(start));
    memcpy(params->data + params->size + sizeof(start), nal, size);
    params->size += sizeof(start) + size;
    return true;
}

static bool parse_sps(enum nvr_codec codec, const uint8_t *nal, size_t size, struct nvr_sps *sps)
{
    return (codec == NVR_CODEC_H264 ? nvr_h264_parse_sps(nal, size, sps)
                                    : nvr_h265_parse_sps(nal, size, sps)) == 0;
}

static int split(enum nvr_codec codec, const uint8_t *data, size_t size, struct nvr_units *units,
                 struct nvr_params *found)
{
    unsigned seen = 0;
    bool sound = true;
    const uint8_t *nal;
    size_t nal_size;
    size_t pos = 0;

    found->size = 0;
    while (nvr_annexb_next(data, size, &pos, &nal, &nal_size)) {
        const enum kind kind = codec == NVR_CODEC_H264 ? h264_kind(nal) : h265_kind(nal);

        if (nal_size < (codec == NVR_CODEC_H264 ? 1u : 2u) || kind == KIND_DROP)
            continue;
        if (kind == KIND_VIDEO) {
            if (!units)
                continue;
            if (units->count == NVR_UNITS_MAX || nal_size > UINT32_MAX)
                return -EPROTO;
            units->items[units->count].data = nal;
            units->items[units->count++].size = (uint32_t)nal_size;
            units->size += nal_size + 4;
            continue;
        }
        if (kind == KIND_SPS && !(seen & (1u << KIND_SPS)))
            sound = sound && parse_sps(codec, nal, nal_size, &found->sps);
        seen |= 1u << kind;
        sound = sound && add_set(found, nal, nal_size);
    }
    if (!sound || !(seen & (1u << KIND_SPS)) || !(seen & (1u << KIND_PPS)) ||
        (codec == NVR_CODEC_H265 && !(seen & (1u << KIND_VPS))))
        found->size = 0;
    return 0;
}

int nvr_params_split(enum nvr_codec codec, const uint8_t *data, size_t size,
                     struct nvr_units *units, struct nvr_params *found)
{
    units->count = 0;
    units->size = 0;
    return split(codec, data, size, units, found);
}

int nvr_params_from_config(enum nvr_codec codec, const uint8_t *data, size_t size,
                           struct nvr_params *ret_params)
{
    struct nvr_params found;

    if (size == 0 || split(codec, data, size, NULL, &found) < 0 || found.size == 0)
        return -EPROTO;
    *ret_params = found;
    return 0;
}

bool nvr_params_are_equal(const struct nvr_params *a, const struct nvr_params *b)
{
    return a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

void nvr_units_write(const struct nvr_units *units, uint8_t *dst)
{
    for (size_t i = 0; i < units->count; i++) {
        const uint32_t size = units->items[i].size;

        dst[0] = (uint8_t)(size >> 24);
        dst[1] = (uint8_t)(size >> 16);
        dst[2] = (uint8_t)(size >> 8);
        dst[3] = (uint8_t)size;
        memcpy(dst + 4, units->items[i].data, size);
        dst += 4 + size;
    }
}

int nvr_jpeg_parse_size(const uint8_t *data, size_t size, uint32_t *ret_width, uint32_t *ret_height)
{
    size_t pos = 2;

    if (size < 4 || data[0] != 0xff || data[1] != 0xd8)
        return -EPROTO;
    while (pos + 9 <= size) {
        const uint8_t marker = data[pos + 1];

        if (data[pos] != 0xff)
            return -EPROTO;
        if (marker == 0xff) { /* fill byte */
            pos++;
            continue;
        }
        if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 &&
            marker != 0xcc) {
            *ret_height = (uint32_t)(data[pos + 5] << 8 | data[pos + 6]);
            *ret_width = (uint32_t)(data[pos + 7] << 8 | data[pos + 8]);
            return *ret_width > 0 && *ret_height > 0 ? 0 : -EPROTO;
        }
        if (marker == 0xda)
            return -EPROTO;
        pos += 2u + (size_t)(data[pos + 2] << 8 | data[pos + 3]);
    }
    return -EPROTO;
}
