#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/ring/layout.h"
#include "lib/ring/ring.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RACE_CHECKER 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define RACE_CHECKER 1
#pragma GCC diagnostic ignored "-Wtsan"
#endif

/* Seals that keep the memory's size, and nobody but the writer from writing. */
#define SEALS_NEEDED (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define SEALS_WRITE (F_SEAL_FUTURE_WRITE | F_SEAL_WRITE)
#define SEEK_TRIES 4

struct nvr_ring_reader {
    struct ring_map *map;
    uint64_t next;           /* the entry to be taken */
    uint64_t taken_position; /* payload of the entry last taken */
    uint64_t taken_sequence;
    uint64_t lost;
    bool is_stale; /* overtaken: the next seek counts what was lost */
};

/* A slot's content, copied. */
struct slot_copy {
    struct nvr_ring_entry entry;
    uint64_t position;
    uint32_t key_back;
};

/* The one place that reads bytes which the writer may be changing; the caller checks afterwards
 * whether it did. The race checker is kept out, by single bytes because it watches memcpy(). */
#ifdef RACE_CHECKER
__attribute__((no_sanitize("thread"), noinline)) static void copy_racy(void *dst, const void *src,
                                                                       size_t size)
{
    const uint8_t *from = src;
    uint8_t *to = dst;

    for (size_t i = 0; i < size; i++)
        to[i] = __atomic_load_n(from + i, __ATOMIC_RELAXED);
}
#else
static void copy_racy(void *dst, const void *src, size_t size)
{
    memcpy(dst, src, size);
}
#endif

static void unref_map(struct ring_map *map)
{
    if (!map || --map->refs)
        return;
    ring_map_done(map);
    free(map);
}

static int new_reader(struct ring_map *map, struct nvr_ring_reader **ret_reader)
{
    struct nvr_ring_reader *reader = malloc(sizeof(*reader));

    if (!reader)
        return -ENOMEM;
    *reader = (struct nvr_ring_reader){.map = map};
    map->refs++;
    nvr_ring_reader_seek_end(reader);
    *ret_reader = reader;
    return 0;
}

/* What the header says, checked against the file's true size. */
static int check_header(const struct ring_header *header, uint64_t file_size, struct ring_map *map)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const uint64_t data_size = header->data_size;
    const uint64_t header_size = header->header_size;
    const uint32_t slots_count = header->slots_count;

    if (header->magic != RING_MAGIC || header->version != RING_VERSION ||
        header->slot_size != sizeof(struct ring_slot))
        return -EPROTO;
    if (slots_count < RING_SLOTS_MIN || slots_count > RING_SLOTS_MAX ||
        (slots_count & (slots_count - 1)) || header_size != ring_header_size_for(slots_count))
        return -EPROTO;
    if (data_size < NVR_RING_MIN_SIZE || data_size > NVR_RING_MAX_SIZE + page || data_size % page ||
        header_size + data_size != file_size)
        return -EPROTO;
    *map = (struct ring_map){
        .header_size = (size_t)header_size,
        .data_size = (size_t)data_size,
        .slots_count = slots_count,
    };
    return 0;
}

/* The sizes are read once, from a copy: the mapping below relies on nothing that can change. */
static int read_header(int fd, struct ring_map *map)
{
    struct ring_header header;
    struct stat st;
    const int seals = fcntl(fd, F_GET_SEALS);

    if (seals < 0 || (seals & SEALS_NEEDED) != SEALS_NEEDED || !(seals & SEALS_WRITE))
        return -EPROTO;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_size < (off_t)sizeof(header) ||
        pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header))
        return -EPROTO;
    return check_header(&header, (uint64_t)st.st_size, map);
}

int nvr_ring_reader_open_take(int fd, struct nvr_ring_reader **ret_reader)
{
    NVR_AUTO_FD int own_fd = fd; /* the mapping outlives it */
    struct ring_map sizes;
    struct ring_map *map;
    int r;

    assert(ret_reader);
    r = read_header(own_fd, &sizes);
    if (r < 0)
        return r;
    map = malloc(sizeof(*map));
    if (!map)
        return -ENOMEM;
    *map = sizes;
    map->refs = 1;
    r = ring_map_fd(map, own_fd, PROT_READ);
    if (r == 0)
        r = new_reader(map, ret_reader);
    unref_map(map);
    return r;
}

int ring_reader_open_same_mapping(struct nvr_ring *ring, struct nvr_ring_reader **ret_reader)
{
    struct ring_map *map = malloc(sizeof(*map));
    int r;

    if (!map)
        return -ENOMEM;
    *map = *ring_get_map(ring);
    map->borrowed = true;
    map->refs = 1;
    r = new_reader(map, ret_reader);
    unref_map(map);
    return r;
}

void nvr_ring_reader_free(struct nvr_ring_reader *reader)
{
    if (!reader)
        return;
    unref_map(reader->map);
    free(reader);
}

int nvr_ring_reader_dup(struct nvr_ring_reader *reader, struct nvr_ring_reader **ret_reader)
{
    return new_reader(reader->map, ret_reader);
}

/* Whether the payload at position is still whole. Call after the bytes were read. */
static bool is_payload_valid(const struct ring_map *map, uint64_t position)
{
    atomic_thread_fence(memory_order_acquire);
    const uint64_t reserve = atomic_load_explicit(&map->header->reserve, memory_order_relaxed);

    return position <= reserve && reserve - position <= map->data_size;
}

static void load_slot(const struct ring_slot *slot, struct slot_copy *copy)
{
    *copy = (struct slot_copy){
        .entry =
            {
                .dts_us = atomic_load_explicit(&slot->dts_us, memory_order_relaxed),
                .duration_us = atomic_load_explicit(&slot->duration_us, memory_order_relaxed),
                .publish_us = atomic_load_explicit(&slot->publish_us, memory_order_relaxed),
                .arrival_us = atomic_load_explicit(&slot->arrival_us, memory_order_relaxed),
                .epoch = atomic_load_explicit(&slot->epoch, memory_order_relaxed),
                .flags = atomic_load_explicit(&slot->flags, memory_order_relaxed),
                .size = atomic_load_explicit(&slot->size, memory_order_relaxed),
            },
        .position = atomic_load_explicit(&slot->position, memory_order_relaxed),
        .key_back = atomic_load_explicit(&slot->key_back, memory_order_relaxed),
    };
}

static bool is_time(int64_t time_us)
{
    return time_us >= 0 && time_us <= RING_TIME_MAX_US;
}

static bool is_copy_sound(const struct ring_map *map, const struct slot_copy *copy)
{
    const struct nvr_ring_entry *entry = &copy->entry;

    return entry->size > 0 && entry->size <= map->data_size / 2 &&
           copy->position <= UINT64_MAX - entry->size && is_time(entry->dts_us) &&
           is_time(entry->duration_us) && is_time(entry->publish_us) && is_time(entry->arrival_us);
}

/* Entry `sequence`, which head says exists: 1, -ESTALE, -EPROTO. */
static int read_slot(const struct ring_map *map, uint64_t sequence, struct slot_copy *ret_copy)
{
    const struct ring_slot *slot = &map->slots[sequence & (map->slots_count - 1)];
    const uint64_t before = atomic_load_explicit(&slot->sequence, memory_order_acquire);

    if (before != sequence)
        return before == 0 || before > sequence ? -ESTALE : -EPROTO;
    load_slot(slot, ret_copy);
    atomic_thread_fence(memory_order_acquire);
    if (atomic_load_explicit(&slot->sequence, memory_order_relaxed) != sequence)
        return -ESTALE;
    if (!is_copy_sound(map, ret_copy))
        return -EPROTO;
    const uint64_t reserve = atomic_load_explicit(&map->header->reserve, memory_order_relaxed);

    if (ret_copy->position + ret_copy->entry.size > reserve)
        return -EPROTO;
    ret_copy->entry.sequence = sequence;
    return reserve - ret_copy->position <= map->data_size ? 1 : -ESTALE;
}

/* Like read_slot(), and 0 when the entry was not written yet. */
static int read_entry(const struct ring_map *map, uint64_t sequence, struct slot_copy *ret_copy)
{
    const uint64_t head = atomic_load_explicit(&map->header->head, memory_order_acquire);

    if (sequence > head)
        return sequence - head == 1 ? 0 : -EPROTO; /* an honest head never goes back */
    if (head - sequence >= map->slots_count)
        return -ESTALE;
    return read_slot(map, sequence, ret_copy);
}

static void set_next(struct nvr_ring_reader *reader, uint64_t next)
{
    if (reader->is_stale && next > reader->next)
        reader->lost += next - reader->next;
    reader->is_stale = false;
    reader->next = next;
}

int nvr_ring_reader_seek_key(struct nvr_ring_reader *reader)
{
    struct slot_copy copy;
    int r = -ENOENT;

    /* The key frame may be overwritten while we look: then there is a newer one, or none. */
    for (int i = 0; i < SEEK_TRIES; i++) {
        const uint64_t key =
            atomic_load_explicit(&reader->map->header->key_head, memory_order_acquire);

        if (!key)
            return -ENOENT;
        r = read_entry(reader->map, key, &copy);
        if (r == 1) {
            if (!(copy.entry.flags & NVR_RING_KEY))
                return -EPROTO;
            set_next(reader, key);
            return 0;
        }
        if (r == -EPROTO)
            return r;
    }
    return -ENOENT;
}

/* Key frames from the newest one back, as long as they are held and at least from_us; *ret_found:
 * the last of them, 0: none. With_older: the first one below from_us, too, where the walk ends. */
static int walk_keys(const struct ring_map *map, int64_t from_us, bool with_older,
                     uint64_t *ret_found)
{
    uint64_t key = atomic_load_explicit(&map->header->key_head, memory_order_acquire);
    struct slot_copy copy;

    *ret_found = 0;
    for (uint32_t i = 0; key && i < map->slots_count; i++) {
        const int r = read_entry(map, key, &copy);

        if (r == -EPROTO || (r == 1 && !(copy.entry.flags & NVR_RING_KEY)))
            return -EPROTO;
        if (r != 1 || (copy.entry.dts_us < from_us && !with_older))
            break;
        *ret_found = key;
        if (copy.entry.dts_us < from_us || !copy.key_back || copy.key_back >= key)
            break;
        key -= copy.key_back;
    }
    return 0;
}

int nvr_ring_reader_seek_time(struct nvr_ring_reader *reader, int64_t from_us)
{
    uint64_t found;
    const int r = walk_keys(reader->map, from_us, false, &found);

    if (r < 0)
        return r;
    if (!found)
        return -ENOENT;
    set_next(reader, found);
    return 0;
}

int nvr_ring_reader_seek_before(struct nvr_ring_reader *reader, int64_t at_us)
{
    uint64_t found = 0;
    int r = 0;

    /* The newest one may be overwritten while we look: then there is a newer one, or none. */
    for (int i = 0; i < SEEK_TRIES && r == 0 && !found; i++)
        r = walk_keys(reader->map, at_us < INT64_MAX ? at_us + 1 : at_us, true, &found);
    if (r < 0)
        return r;
    if (!found)
        return -ENOENT;
    set_next(reader, found);
    return 0;
}

void nvr_ring_reader_seek_end(struct nvr_ring_reader *reader)
{
    const uint64_t head = nvr_ring_reader_get_head(reader);

    set_next(reader, head == UINT64_MAX ? head : head + 1);
}

static int peek_copy(struct nvr_ring_reader *reader, struct slot_copy *ret_copy)
{
    const int r = read_entry(reader->map, reader->next, ret_copy);

    if (r == -ESTALE)
        reader->is_stale = true;
    return r;
}

int nvr_ring_reader_peek(struct nvr_ring_reader *reader, struct nvr_ring_entry *ret_entry)
{
    struct slot_copy copy;
    const int r = peek_copy(reader, &copy);

    if (r == 1)
        *ret_entry = copy.entry;
    return r;
}

static void take(struct nvr_ring_reader *reader, const struct slot_copy *copy)
{
    reader->taken_position = copy->position;
    reader->taken_sequence = copy->entry.sequence;
    reader->next++;
}

int nvr_ring_reader_next(struct nvr_ring_reader *reader, struct nvr_ring_entry *ret_entry,
                         struct nvr_buf *buf)
{
    const struct ring_map *map = reader->map;
    struct slot_copy copy;
    uint8_t *room;
    const int r = peek_copy(reader, &copy);

    if (r != 1)
        return r;
    room = nvr_buf_reserve(buf, copy.entry.size);
    if (!room)
        return nvr_buf_status(buf);
    copy_racy(room, map->data + copy.position % map->data_size, copy.entry.size);
    if (!is_payload_valid(map, copy.position)) {
        reader->is_stale = true;
        return -ESTALE;
    }
    buf->len += copy.entry.size;
    take(reader, &copy);
    *ret_entry = copy.entry;
    return 1;
}

int nvr_ring_reader_next_borrow(struct nvr_ring_reader *reader, struct nvr_ring_entry *ret_entry,
                                const uint8_t **ret_data)
{
    struct slot_copy copy;
    const int r = peek_copy(reader, &copy);

    if (r != 1)
        return r;
    take(reader, &copy);
    *ret_entry = copy.entry;
    *ret_data = reader->map->data + copy.position % reader->map->data_size;
    return 1;
}

bool nvr_ring_reader_still_valid(const struct nvr_ring_reader *reader,
                                 const struct nvr_ring_entry *entry)
{
    assert(entry->sequence == reader->taken_sequence);
    (void)entry; /* NDEBUG */
    return is_payload_valid(reader->map, reader->taken_position);
}

int nvr_ring_reader_get_init(struct nvr_ring_reader *reader, uint32_t epoch,
                             struct nvr_ring_init *ret_init)
{
    const struct ring_init_slot *slot = &reader->map->header->inits[epoch % NVR_RING_INITS];
    struct nvr_ring_init copy;

    if (!epoch || atomic_load_explicit(&slot->epoch, memory_order_acquire) != epoch)
        return -ENOENT;
    copy_racy(&copy, &slot->init, sizeof(copy));
    atomic_thread_fence(memory_order_acquire);
    if (atomic_load_explicit(&slot->epoch, memory_order_relaxed) != epoch)
        return -ENOENT;
    if (copy.epoch != epoch || !copy.size || copy.size > NVR_RING_INIT_MAX ||
        !memchr(copy.codecs, 0, sizeof(copy.codecs)))
        return -EPROTO;
    *ret_init = copy;
    return 0;
}

uint64_t nvr_ring_reader_get_lost(const struct nvr_ring_reader *reader)
{
    return reader->lost;
}

uint64_t nvr_ring_reader_get_head(const struct nvr_ring_reader *reader)
{
    return atomic_load_explicit(&reader->map->header->head, memory_order_acquire);
}
