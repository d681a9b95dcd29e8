#include "lib/media/preview_pack.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"

#define VERSION 1

static const uint8_t magic[8] = {'H', 'E', 'R', 'O', 'N', 'P', 'R', 'V'};

static void put32(uint8_t *dst, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        dst[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t get32(const uint8_t *src)
{
    return (uint32_t)src[0] | (uint32_t)src[1] << 8 | (uint32_t)src[2] << 16 |
           (uint32_t)src[3] << 24;
}

int64_t nvr_preview_hour(int64_t time_ms)
{
    return time_ms / NVR_PREVIEW_HOUR_MS * NVR_PREVIEW_HOUR_MS;
}

int nvr_preview_name(int64_t time_ms, char *dst, size_t dst_size)
{
    const struct nvr_utc utc = nvr_utc_from_ms(time_ms);
    const int r = nvr_fmt(dst, dst_size, "%04d-%02d-%02d/%02d.previews", utc.year, utc.month,
                          utc.day, utc.hour);

    return r < 0 ? r : 0;
}

int64_t nvr_preview_parse_name(const char *day, const char *file)
{
    char name[NVR_PREVIEW_NAME_SIZE];
    char again[NVR_PREVIEW_NAME_SIZE];
    char text[NVR_RFC3339_SIZE];
    int64_t hour_ms;

    /* What is read must be what would be written. */
    if (nvr_fmt(name, sizeof(name), "%s/%s", day, file) < 0 ||
        nvr_fmt(text, sizeof(text), "%sT%.2s:00:00Z", day, file) < 0 ||
        nvr_rfc3339_parse(text, &hour_ms) < 0 || hour_ms < 0 ||
        nvr_preview_name(hour_ms, again, sizeof(again)) < 0 || strcmp(name, again) != 0)
        return -1;
    return hour_ms;
}

void nvr_preview_write_header(uint8_t dst[NVR_PREVIEW_HEADER_SIZE], int64_t hour_ms)
{
    memset(dst, 0, NVR_PREVIEW_HEADER_SIZE);
    memcpy(dst, magic, sizeof(magic));
    put32(dst + 8, VERSION);
    put32(dst + 12, NVR_PREVIEW_SLOTS);
    put32(dst + 16, (uint32_t)(uint64_t)hour_ms);
    put32(dst + 20, (uint32_t)((uint64_t)hour_ms >> 32));
}

int64_t nvr_preview_read_header(const uint8_t src[NVR_PREVIEW_HEADER_SIZE])
{
    const uint64_t hour_ms = (uint64_t)get32(src + 16) | (uint64_t)get32(src + 20) << 32;

    if (memcmp(src, magic, sizeof(magic)) != 0 || get32(src + 8) != VERSION ||
        get32(src + 12) != NVR_PREVIEW_SLOTS || hour_ms > INT64_MAX ||
        hour_ms % NVR_PREVIEW_HOUR_MS)
        return -1;
    return (int64_t)hour_ms;
}

size_t nvr_preview_slot_offset(uint32_t ms)
{
    return NVR_PREVIEW_HEADER_SIZE +
           (size_t)NVR_MIN(ms / 1000, NVR_PREVIEW_SLOTS - 1u) * NVR_PREVIEW_SLOT_SIZE;
}

void nvr_preview_write_slot(uint8_t dst[NVR_PREVIEW_SLOT_SIZE], const struct nvr_preview_slot *slot)
{
    put32(dst, slot->offset);
    put32(dst + 4, slot->size);
    put32(dst + 8, slot->ms);
}

bool nvr_preview_read_slot(const uint8_t *index, uint32_t second, int64_t file_size,
                           struct nvr_preview_slot *ret_slot)
{
    const uint8_t *src = index + (size_t)second * NVR_PREVIEW_SLOT_SIZE;
    const struct nvr_preview_slot slot = {get32(src), get32(src + 4), get32(src + 8)};

    if (slot.size == 0 || slot.size > NVR_PREVIEW_JPEG_MAX ||
        slot.offset < NVR_PREVIEW_DATA_START || (int64_t)slot.offset + slot.size > file_size ||
        slot.ms / 1000 != second)
        return false;
    *ret_slot = slot;
    return true;
}

bool nvr_preview_find(const uint8_t *index, uint32_t ms, int64_t file_size,
                      struct nvr_preview_slot *ret_slot)
{
    uint32_t second = NVR_MIN(ms / 1000, NVR_PREVIEW_SLOTS - 1u) + 1;

    while (second-- > 0)
        if (nvr_preview_read_slot(index, second, file_size, ret_slot) && ret_slot->ms <= ms)
            return true;
    return false;
}
