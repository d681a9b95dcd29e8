/* preview_pack.h — the file that holds an hour's small pictures of one camera. Pure.
 *
 *   header (32 bytes) | 3600 slots of 12 bytes, one per second | JPEGs, appended
 *
 * All numbers little-endian. A slot is written after its picture: an empty one is zero, and a file
 * that was cut by a crash has every picture whose slot is there. Who reads trusts nothing. */
#ifndef NVR_MEDIA_PREVIEW_PACK_H
#define NVR_MEDIA_PREVIEW_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/macros.h"

#define NVR_PREVIEW_HOUR_MS 3600000
#define NVR_PREVIEW_HEADER_SIZE 32
#define NVR_PREVIEW_SLOTS 3600
#define NVR_PREVIEW_SLOT_SIZE 12
#define NVR_PREVIEW_INDEX_SIZE (NVR_PREVIEW_SLOTS * NVR_PREVIEW_SLOT_SIZE)
#define NVR_PREVIEW_DATA_START (NVR_PREVIEW_HEADER_SIZE + NVR_PREVIEW_INDEX_SIZE)
#define NVR_PREVIEW_JPEG_MAX (256 * 1024)
#define NVR_PREVIEW_NAME_SIZE 32

struct nvr_preview_slot {
    uint32_t offset, size; /* of the JPEG in the file */
    uint32_t ms;           /* after the hour's begin */
};

/* Begin of the hour (UTC) that holds time_ms. */
int64_t nvr_preview_hour(int64_t time_ms);
/* "2026-01-02/03.previews". 0 or -EMSGSIZE. */
NVR_CHECK int nvr_preview_name(int64_t time_ms, char *dst, size_t dst_size);
/* Hour of such a name; -1: it is none. */
int64_t nvr_preview_parse_name(const char *day, const char *file);

void nvr_preview_write_header(uint8_t dst[NVR_PREVIEW_HEADER_SIZE], int64_t hour_ms);
/* The hour, or -1 (not such a file). */
int64_t nvr_preview_read_header(const uint8_t src[NVR_PREVIEW_HEADER_SIZE]);
/* Slot of a moment in the hour: its byte in the file. */
size_t nvr_preview_slot_offset(uint32_t ms);
void nvr_preview_write_slot(uint8_t dst[NVR_PREVIEW_SLOT_SIZE],
                            const struct nvr_preview_slot *slot);
/* Slot `second` of the index. False: empty or not sound for a file of file_size bytes. */
bool nvr_preview_read_slot(const uint8_t *index, uint32_t second, int64_t file_size,
                           struct nvr_preview_slot *ret_slot);
/* The newest picture at or before ms (an hour's end: NVR_PREVIEW_HOUR_MS). False: none. */
bool nvr_preview_find(const uint8_t *index, uint32_t ms, int64_t file_size,
                      struct nvr_preview_slot *ret_slot);

#endif
