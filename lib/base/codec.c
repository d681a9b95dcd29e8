#include "lib/base/codec.h"

#include <string.h>

#include "lib/base/macros.h"

static const char *const codec_names[] = {
    [NVR_CODEC_NONE] = "none",   [NVR_CODEC_H264] = "h264", [NVR_CODEC_H265] = "h265",
    [NVR_CODEC_MJPEG] = "mjpeg", [NVR_CODEC_AV1] = "av1",   [NVR_CODEC_AAC] = "aac",
    [NVR_CODEC_PCMU] = "pcmu",   [NVR_CODEC_PCMA] = "pcma", [NVR_CODEC_OPUS] = "opus",
    [NVR_CODEC_OTHER] = "other",
};

const char *nvr_codec_name(enum nvr_codec codec)
{
    return (size_t)codec < NVR_ARRAY_SIZE(codec_names) ? codec_names[codec] : "other";
}

bool nvr_codec_is_video(enum nvr_codec codec)
{
    return codec == NVR_CODEC_H264 || codec == NVR_CODEC_H265 || codec == NVR_CODEC_MJPEG ||
           codec == NVR_CODEC_AV1;
}

/* Offset of the next 00 00 01 at or behind pos; size when there is none. */
static size_t find_start_code(const uint8_t *data, size_t size, size_t pos)
{
    while (pos + 3 <= size) {
        const uint8_t *one = memchr(data + pos + 2, 1, size - pos - 2);

        if (!one)
            return size;
        if (one[-1] == 0 && one[-2] == 0)
            return (size_t)(one - data) - 2;
        pos = (size_t)(one - data) - 1;
    }
    return size;
}

bool nvr_annexb_next(const uint8_t *data, size_t size, size_t *pos, const uint8_t **ret_nal,
                     size_t *ret_size)
{
    size_t start = find_start_code(data, size, *pos);

    while (start < size) {
        const size_t begin = start + 3;
        const size_t next = find_start_code(data, size, begin);
        size_t end = next;

        while (end > begin && data[end - 1] == 0)
            end--;
        if (end > begin) {
            *ret_nal = data + begin;
            *ret_size = end - begin;
            *pos = next;
            return true;
        }
        start = next;
    }
    *pos = size;
    return false;
}
