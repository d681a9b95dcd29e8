#include "lib/store/pack.h"

#include <string.h>

static size_t put_number(uint8_t *dst, uint32_t value)
{
    size_t n = 0;

    for (; value >= 0x80; value >>= 7)
        dst[n++] = (uint8_t)(value | 0x80);
    dst[n++] = (uint8_t)value;
    return n;
}

static size_t get_number(const uint8_t *data, size_t size, uint32_t *ret_value)
{
    uint64_t value = 0;

    for (size_t n = 0; n < size && n < 5; n++) {
        value |= (uint64_t)(data[n] & 0x7f) << (7 * n);
        if (data[n] & 0x80)
            continue;
        if (value > UINT32_MAX)
            return 0;
        *ret_value = (uint32_t)value;
        return n + 1;
    }
    return 0;
}

size_t nvr_pack_keys(const struct nvr_recording *recording, uint8_t dst[NVR_PACK_KEYS_MAX])
{
    uint32_t ms = 0, offset = 0;
    size_t size = 0;

    for (uint32_t i = 0; i < recording->keys_count; i++) {
        size += put_number(dst + size, recording->keys[i].ms - ms);
        size += put_number(dst + size, recording->keys[i].offset - offset);
        ms = recording->keys[i].ms;
        offset = recording->keys[i].offset;
    }
    return size;
}

void nvr_unpack_keys(const uint8_t *data, size_t size, struct nvr_recording *recording)
{
    uint32_t ms = 0, offset = 0, value = 0;
    size_t pos = 0, n;

    recording->keys_count = 0;
    while (pos < size && recording->keys_count < NVR_RECORDING_KEYS_MAX) {
        n = get_number(data + pos, size - pos, &value);
        if (n == 0)
            return;
        ms += value;
        pos += n;
        n = get_number(data + pos, size - pos, &value);
        if (n == 0)
            return;
        offset += value;
        pos += n;
        recording->keys[recording->keys_count].ms = ms;
        recording->keys[recording->keys_count].offset = offset;
        recording->keys_count++;
    }
}

size_t nvr_pack_digests(const struct nvr_recording *recording, uint8_t dst[NVR_PACK_DIGESTS_MAX])
{
    uint32_t ms = 0, offset = 0;
    size_t size = 0;

    for (uint32_t i = 0; i < recording->digests_count; i++) {
        const struct nvr_prefix_digest *digest = &recording->digests[i];

        size += put_number(dst + size, digest->ms - ms);
        size += put_number(dst + size, (uint32_t)digest->offset - offset);
        memcpy(dst + size, digest->sha256, sizeof(digest->sha256));
        size += sizeof(digest->sha256);
        ms = digest->ms;
        offset = (uint32_t)digest->offset;
    }
    return size;
}

void nvr_unpack_digests(const uint8_t *data, size_t size, struct nvr_recording *recording)
{
    uint32_t ms = 0, offset = 0, value = 0;
    size_t pos = 0, n;

    recording->digests_count = 0;
    while (pos < size && recording->digests_count < NVR_RECORDING_DIGESTS_MAX) {
        struct nvr_prefix_digest *digest = &recording->digests[recording->digests_count];

        n = get_number(data + pos, size - pos, &value);
        if (n == 0)
            return;
        ms += value;
        pos += n;
        n = get_number(data + pos, size - pos, &value);
        if (n == 0 || size - pos - n < sizeof(digest->sha256))
            return;
        offset += value;
        pos += n;
        digest->ms = ms;
        digest->offset = offset;
        memcpy(digest->sha256, data + pos, sizeof(digest->sha256));
        pos += sizeof(digest->sha256);
        recording->digests_count++;
    }
}
