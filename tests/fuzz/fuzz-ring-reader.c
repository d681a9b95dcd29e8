/* A reader over memory that a hostile writer filled. The input is a list of changes {offset (3
 * bytes), length (1), bytes …} to an honest, small ring; the last change may be cut. Offsets count
 * from the start for the header and slots, then in the payload. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/ring/layout.h"
#include "lib/ring/ring.h"

#define ENTRIES 20
#define ENTRY_SIZE 700
#define READS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_honestly(struct ring_map *map)
{
    struct ring_header *header = map->header;

    header->magic = RING_MAGIC;
    header->version = RING_VERSION;
    header->header_size = map->header_size;
    header->data_size = map->data_size;
    header->slots_count = map->slots_count;
    header->slot_size = sizeof(struct ring_slot);
    header->head = ENTRIES;
    header->key_head = ENTRIES;
    header->reserve = ENTRIES * ENTRY_SIZE;
    header->inits[1].epoch = 1;
    header->inits[1].init =
        (struct nvr_ring_init){.epoch = 1, .size = 100, .codecs = "avc1.64001f"};
    for (uint32_t i = 1; i <= ENTRIES; i++) {
        struct ring_slot *slot = &map->slots[i];

        slot->sequence = i;
        slot->position = (i - 1) * ENTRY_SIZE;
        slot->dts_us = i * 40000;
        slot->size = ENTRY_SIZE;
        slot->epoch = 1;
        slot->flags = i % 5 == 0 ? NVR_RING_KEY : 0;
        slot->key_back = i > 5 ? (i - 1) % 5 + 1 : 0;
    }
}

static void scribble(struct ring_map *map, const uint8_t *data, size_t size)
{
    const size_t total = map->header_size + map->data_size;

    while (size > 4) {
        const size_t at = ((size_t)data[0] << 16 | (size_t)data[1] << 8 | data[2]) % total;
        const size_t count = NVR_MIN(NVR_MIN((size_t)data[3], size - 4), total - at);

        memcpy((uint8_t *)map->header + at, data + 4, count);
        data += 4 + count;
        size -= 4 + count;
    }
}

/* Everything a reader can be asked; every byte it hands out is touched. */
static void read_everything(struct nvr_ring_reader *reader)
{
    struct nvr_ring_init init;
    struct nvr_ring_entry entry;
    const uint8_t *data;
    struct nvr_buf buf;
    unsigned sum = 0;

    nvr_buf_init(&buf, NVR_RING_MIN_SIZE);
    (void)!nvr_ring_reader_peek(reader, &entry);
    (void)!nvr_ring_reader_seek_time(reader, 0);
    for (int i = 0; i < READS; i++) {
        const int r = i % 2 ? nvr_ring_reader_next(reader, &entry, &buf)
                            : nvr_ring_reader_next_borrow(reader, &entry, &data);

        if (r != 1) {
            if (nvr_ring_reader_seek_key(reader) < 0)
                break;
            continue;
        }
        if (!entry.size || entry.size > NVR_RING_MIN_SIZE / 2 || entry.dts_us < 0)
            abort();
        for (size_t n = 0; i % 2 == 0 && n < entry.size; n++)
            sum += data[n];
        if (i % 2 == 0 && nvr_ring_reader_still_valid(reader, &entry))
            sum++;
        if (nvr_ring_reader_get_init(reader, entry.epoch, &init) == 0)
            sum += (unsigned)strlen(init.codecs) + init.data[init.size - 1];
        nvr_buf_reset(&buf);
    }
    (void)nvr_ring_reader_get_lost(reader);
    (void)sum;
    nvr_buf_done(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ring_map map = {
        .header_size = ring_header_size_for(RING_SLOTS_MIN),
        .data_size = NVR_RING_MIN_SIZE,
        .slots_count = RING_SLOTS_MIN,
    };
    struct nvr_ring_reader *reader;
    const int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0 || ftruncate(fd, (off_t)(map.header_size + map.data_size)) < 0 ||
        ring_map_fd(&map, fd, PROT_READ | PROT_WRITE) < 0 || fcntl(fd, F_ADD_SEALS, RING_SEALS) < 0)
        abort();
    write_honestly(&map);
    /* Changed before it is opened, or after. */
    if (size && data[0] & 1)
        scribble(&map, data + 1, size - 1);
    if (nvr_ring_reader_open_take(fd, &reader) == 0) {
        if (size && !(data[0] & 1))
            scribble(&map, data + 1, size - 1);
        read_everything(reader);
        nvr_ring_reader_free(reader);
    }
    ring_map_done(&map);
    return 0;
}
