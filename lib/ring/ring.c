#include "lib/ring/ring.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/ring/layout.h"

/* The race checker does not know fences; nothing it checks depends on one alone. */
#if defined(__SANITIZE_THREAD__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wtsan"
#endif

struct nvr_ring {
    struct ring_map map;
    int fd;
    uint32_t epoch;
    uint64_t sequence; /* of the newest entry */
    uint64_t key_sequence;
    uint64_t position; /* where the next fragment goes */
    size_t reserved;   /* room handed out behind position */
    int watchers[NVR_RING_WATCHERS_MAX];
    size_t watchers_count;
};

static size_t round_to_pages(size_t size)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);

    return (size + page - 1) / page * page;
}

uint32_t ring_slots_for(size_t data_size)
{
    uint32_t count = RING_SLOTS_MIN;

    while (count < RING_SLOTS_MAX && count < data_size / RING_SLOT_BYTES)
        count *= 2;
    return count;
}

size_t ring_header_size_for(uint32_t slots_count)
{
    return round_to_pages(sizeof(struct ring_header) + slots_count * sizeof(struct ring_slot));
}

int ring_map_fd(struct ring_map *map, int fd, int protection)
{
    const size_t total = map->header_size + 2 * map->data_size;
    /* One reservation, so that the second copy of the payload follows the first. */
    uint8_t *base = mmap(NULL, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint8_t *second = base + map->header_size + map->data_size;

    if (base == MAP_FAILED)
        return -errno;
    if (mmap(base, map->header_size + map->data_size, protection, MAP_SHARED | MAP_FIXED, fd, 0) ==
            MAP_FAILED ||
        mmap(second, map->data_size, protection, MAP_SHARED | MAP_FIXED, fd,
             (off_t)map->header_size) == MAP_FAILED) {
        const int r = -errno;

        (void)munmap(base, total);
        return r;
    }
    map->header = (struct ring_header *)base;
    map->slots = (struct ring_slot *)(base + sizeof(struct ring_header));
    map->data = base + map->header_size;
    return 0;
}

void ring_map_done(struct ring_map *map)
{
    if (map->header && !map->borrowed)
        (void)munmap(map->header, map->header_size + 2 * map->data_size);
    map->header = NULL;
}

static int create_memory(struct nvr_ring *ring, const char *name)
{
    struct ring_map *map = &ring->map;
    int r;

    ring->fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (ring->fd < 0)
        return -errno;
    r = nvr_sys(ftruncate(ring->fd, (off_t)(map->header_size + map->data_size)));
    if (r < 0)
        return r;
    r = ring_map_fd(map, ring->fd, PROT_READ | PROT_WRITE);
    if (r < 0)
        return r;
    assert(map->header);
    map->header->magic = RING_MAGIC;
    map->header->version = RING_VERSION;
    map->header->header_size = map->header_size;
    map->header->data_size = map->data_size;
    map->header->slots_count = map->slots_count;
    map->header->slot_size = sizeof(struct ring_slot);
    /* After the mapping: from here on nobody else can get a writable view. */
    return nvr_sys(fcntl(ring->fd, F_ADD_SEALS, RING_SEALS));
}

int nvr_ring_new(const char *name, size_t size, struct nvr_ring **ret_ring)
{
    NVR_AUTO(nvr_ring) ring = NULL;
    int r;

    assert(name && ret_ring);
    if (size < NVR_RING_MIN_SIZE || size > NVR_RING_MAX_SIZE)
        return -EINVAL;
    ring = malloc(sizeof(*ring));
    if (!ring)
        return -ENOMEM;
    *ring = (struct nvr_ring){.fd = -1};
    ring->map.data_size = round_to_pages(size);
    ring->map.slots_count = ring_slots_for(ring->map.data_size);
    ring->map.header_size = ring_header_size_for(ring->map.slots_count);
    r = create_memory(ring, name);
    if (r < 0)
        return r;
    *ret_ring = NVR_TAKE(ring);
    return 0;
}

void nvr_ring_free(struct nvr_ring *ring)
{
    if (!ring)
        return;
    nvr_ring_unwatch_all(ring);
    ring_map_done(&ring->map);
    if (ring->fd >= 0)
        (void)close(ring->fd);
    free(ring);
}

int nvr_ring_get_fd(const struct nvr_ring *ring)
{
    return ring->fd;
}

size_t nvr_ring_get_size(const struct nvr_ring *ring)
{
    return ring->map.data_size;
}

int nvr_ring_begin_epoch(struct nvr_ring *ring, const struct nvr_ring_init *init,
                         uint32_t *ret_epoch)
{
    struct ring_init_slot *slot;

    if (!init->size || init->size > NVR_RING_INIT_MAX ||
        !memchr(init->codecs, 0, sizeof(init->codecs)))
        return -EMSGSIZE;
    ring->epoch++;
    slot = &ring->map.header->inits[ring->epoch % NVR_RING_INITS];
    atomic_store_explicit(&slot->epoch, 0, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    slot->init = *init;
    slot->init.epoch = ring->epoch;
    atomic_store_explicit(&slot->epoch, ring->epoch, memory_order_release);
    *ret_epoch = ring->epoch;
    return 0;
}

uint8_t *nvr_ring_reserve(struct nvr_ring *ring, size_t size)
{
    struct ring_header *header = ring->map.header;
    const uint64_t end = ring->position + size;

    if (!size || size > ring->map.data_size / 2)
        return NULL;
    /* A larger reserve before may already have been written into: never goes back. */
    if (end > atomic_load_explicit(&header->reserve, memory_order_relaxed))
        atomic_store_explicit(&header->reserve, end, memory_order_relaxed);
    /* Whoever reads a byte written below sees the reserve above. */
    atomic_thread_fence(memory_order_release);
    ring->reserved = size;
    return ring->map.data + ring->position % ring->map.data_size;
}

static int64_t clamp_time(int64_t time_us)
{
    return NVR_MIN(NVR_MAX(time_us, (int64_t)0), RING_TIME_MAX_US);
}

static void write_slot(struct ring_slot *slot, const struct nvr_ring *ring, uint64_t sequence,
                       const struct nvr_ring_entry *entry)
{
    const uint64_t key_back = ring->key_sequence ? sequence - ring->key_sequence : 0;

    atomic_store_explicit(&slot->sequence, 0, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&slot->position, ring->position, memory_order_relaxed);
    atomic_store_explicit(&slot->dts_us, clamp_time(entry->dts_us), memory_order_relaxed);
    atomic_store_explicit(&slot->duration_us, clamp_time(entry->duration_us), memory_order_relaxed);
    atomic_store_explicit(&slot->publish_us, clamp_time(nvr_clock_wall_us()), memory_order_relaxed);
    atomic_store_explicit(&slot->arrival_us, clamp_time(entry->arrival_us), memory_order_relaxed);
    atomic_store_explicit(&slot->epoch, ring->epoch, memory_order_relaxed);
    atomic_store_explicit(&slot->flags, entry->flags, memory_order_relaxed);
    atomic_store_explicit(&slot->size, entry->size, memory_order_relaxed);
    /* Farther than the slots reach is as good as none. */
    atomic_store_explicit(&slot->key_back,
                          key_back < ring->map.slots_count ? (uint32_t)key_back : 0,
                          memory_order_relaxed);
    atomic_store_explicit(&slot->sequence, sequence, memory_order_release);
}

static void wake_watchers(const struct nvr_ring *ring)
{
    const uint64_t one = 1;

    /* A full counter (EAGAIN) wakes as well, and a dead watcher is its owner's matter. */
    for (size_t i = 0; i < ring->watchers_count; i++)
        (void)!write(ring->watchers[i], &one, sizeof(one));
}

void nvr_ring_commit(struct nvr_ring *ring, const struct nvr_ring_entry *entry)
{
    struct ring_header *header = ring->map.header;
    const uint64_t sequence = ring->sequence + 1;

    assert(entry->size > 0 && entry->size <= ring->reserved);
    write_slot(&ring->map.slots[sequence & (ring->map.slots_count - 1)], ring, sequence, entry);
    ring->sequence = sequence;
    ring->position += entry->size;
    ring->reserved = 0;
    atomic_store_explicit(&header->head, sequence, memory_order_release);
    if (entry->flags & NVR_RING_KEY) {
        ring->key_sequence = sequence;
        atomic_store_explicit(&header->key_head, sequence, memory_order_release);
    }
    wake_watchers(ring);
}

int nvr_ring_watch_take(struct nvr_ring *ring, int eventfd)
{
    NVR_AUTO_FD int fd = eventfd;
    const int flags = fcntl(fd, F_GETFL);

    if (flags < 0)
        return -errno;
    if (ring->watchers_count == NVR_RING_WATCHERS_MAX)
        return -ENOSPC;
    /* The writer never waits, not even for a counter that nobody reads. */
    if (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    ring->watchers[ring->watchers_count++] = NVR_TAKE_FD(fd);
    return 0;
}

void nvr_ring_unwatch_all(struct nvr_ring *ring)
{
    for (size_t i = 0; i < ring->watchers_count; i++)
        (void)close(ring->watchers[i]);
    ring->watchers_count = 0;
}

const struct ring_map *ring_get_map(const struct nvr_ring *ring)
{
    return &ring->map;
}
