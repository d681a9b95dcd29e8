/* layout.h — the ring's memory, private to lib/ring, its tests and its fuzz target.
 *
 *   [ring_header, ring_slot × slots_count, zeros up to a page] [data_size bytes of payload]
 *
 * Offsets and counters only, fixed-width, same machine (native byte order, native page size).
 * Payload positions are counters that never wrap: byte n lies at n % data_size.
 *
 * Order of the writer:   reserve ← end of the new fragment; release fence; payload;
 *                        slot.sequence ← 0; release fence; slot fields;
 *                        slot.sequence ← n (release); head ← n (release); key_head ← n (release)
 * Order of a reader:     head (acquire); slot.sequence (acquire); slot fields; acquire fence;
 *                        slot.sequence again; payload; acquire fence; reserve. */
#ifndef NVR_RING_LAYOUT_H
#define NVR_RING_LAYOUT_H

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/ring/ring.h"

#define RING_MAGIC 0x474e5248u /* "HRNG" */
#define RING_VERSION 1u
#define RING_SLOT_BYTES 2048u /* one slot per so many bytes of payload */
#define RING_SLOTS_MIN 512u
#define RING_SLOTS_MAX 65536u
#define RING_TIME_MAX_US (INT64_MAX / 4) /* times are kept in [0, max]: sums never overflow */
#define RING_SEALS (F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

struct ring_slot {
    _Atomic uint64_t sequence; /* 0: being written */
    _Atomic uint64_t position;
    _Atomic int64_t dts_us;
    _Atomic int64_t duration_us;
    _Atomic int64_t publish_us;
    _Atomic int64_t arrival_us;
    _Atomic uint32_t epoch;
    _Atomic uint32_t flags;
    _Atomic uint32_t size;
    _Atomic uint32_t key_back; /* sequence − that of the key entry before it; 0: none */
};

struct ring_init_slot {
    _Atomic uint64_t epoch; /* 0: empty or being written */
    struct nvr_ring_init init;
};

struct ring_header {
    uint32_t magic;
    uint32_t version;
    uint64_t header_size; /* up to the payload; whole pages */
    uint64_t data_size;   /* whole pages */
    uint32_t slots_count; /* power of two */
    uint32_t slot_size;
    uint64_t unused[4];
    _Atomic uint64_t head;     /* newest whole entry; 0: none */
    _Atomic uint64_t key_head; /* newest entry with NVR_RING_KEY; 0: none */
    _Atomic uint64_t reserve;  /* payload below reserve − data_size may be overwritten */
    uint64_t unused_too[5];
    struct ring_init_slot inits[NVR_RING_INITS];
    uint64_t unused_end[4];
};

static_assert(sizeof(struct ring_slot) == 64, "ring ABI: one cache line per slot");
static_assert(sizeof(struct nvr_ring_init) == 8304, "ring ABI: init");
static_assert(sizeof(struct ring_init_slot) == 8312, "ring ABI: init slot");
static_assert(offsetof(struct ring_header, head) == 64, "ring ABI: counters");
static_assert(offsetof(struct ring_header, inits) == 128, "ring ABI: inits");
static_assert(sizeof(struct ring_header) == 33408, "ring ABI: slots begin on a cache line");
/* Counters are shared between processes: they must be lock-free. */
static_assert(sizeof(_Atomic uint64_t) == 8, "ring ABI: 64-bit counters");
static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "64-bit counters are lock-free");
static_assert(ATOMIC_INT_LOCK_FREE > 1, "32-bit counters are lock-free");

/* Header (with slots) and payload twice in a row; private copies of the sizes. */
struct ring_map {
    struct ring_header *header;
    struct ring_slot *slots;
    uint8_t *data;
    size_t header_size;
    size_t data_size;
    uint32_t slots_count;
    unsigned refs;
    bool borrowed; /* somebody else's mapping (tests): not unmapped */
};

/* Sizes of a ring with data_size bytes of payload. */
uint32_t ring_slots_for(size_t data_size);
size_t ring_header_size_for(uint32_t slots_count);
/* Maps fd's header and payload. 0 or -errno. */
NVR_CHECK int ring_map_fd(struct ring_map *map, int fd, int protection);
void ring_map_done(struct ring_map *map);

const struct ring_map *ring_get_map(const struct nvr_ring *ring); /* borrowed */

/* For tests: a reader over the writer's own mapping (a data-race checker sees only one mapping's
 * accesses). It must be freed before the ring. */
NVR_CHECK int ring_reader_open_same_mapping(struct nvr_ring *ring,
                                            struct nvr_ring_reader **ret_reader);

#endif
