/* ring.h — media ring: one writer, any number of readers, one memfd. The writer never waits.
 *
 * An entry is one fragment (moof+mdat) of fragmented MP4. Every change of the codec configuration
 * begins a new epoch with an init segment (ftyp+moov) of its own; the last NVR_RING_INITS are kept.
 * The memfd is sealed FUTURE_WRITE|SHRINK|GROW|SEAL once the writer mapped it: readers cannot
 * write. The data area is mapped twice in a row, so every fragment is contiguous for writer and
 * reader.
 *
 * Threads:   writer handle: one thread. Each reader handle: one thread (any process).
 * Overrun:   a reader that was overtaken gets -ESTALE and the count of what it lost; it goes on at
 *            the newest key frame. Nothing is lost silently.
 * Hostile:   readers trust nothing in the memory: seals, magic, version, sizes are checked at open,
 * each entry is copied, then checked, then re-checked after its payload was read. */
#ifndef NVR_RING_RING_H
#define NVR_RING_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/macros.h"

#define NVR_RING_MIN_SIZE 262144u    /* 256 KiB */
#define NVR_RING_MAX_SIZE 268435456u /* 256 MiB */
#define NVR_RING_INITS 4
#define NVR_RING_INIT_MAX 8192
#define NVR_RING_CODECS_MAX 96
#define NVR_RING_WATCHERS_MAX 8

enum nvr_ring_flags {
    NVR_RING_KEY = 1,           /* begins with a key frame */
    NVR_RING_DISCONTINUITY = 2, /* time or epoch does not continue the entry before */
    NVR_RING_AUDIO_ONLY = 4,
    NVR_RING_HOLE = 8, /* the camera was silent before it, for longer than is usual for it */
};

struct nvr_ring_entry {
    uint64_t sequence; /* 1, 2, 3 … */
    int64_t dts_us;    /* first sample's decode time: wall clock, µs since 1970 (= tfdt) */
    int64_t duration_us;
    int64_t publish_us; /* wall clock when it became visible */
    int64_t arrival_us; /* wall clock when its last byte came from the camera */
    uint32_t epoch;
    uint32_t flags;
    uint32_t size; /* bytes */
};

struct nvr_ring_init {
    uint32_t epoch;
    uint32_t width, height;
    char codecs[NVR_RING_CODECS_MAX]; /* RFC 6381: "avc1.64001f,mp4a.40.2" */
    uint32_t size;
    uint8_t data[NVR_RING_INIT_MAX];
};

/* ---- writer ---- */

struct nvr_ring;

/* size: bytes of payload kept, rounded up to pages. 0, -EINVAL, -ENOMEM, memfd_create()/mmap()'s
 * error. */
NVR_CHECK int nvr_ring_new(const char *name, size_t size, struct nvr_ring **ret_ring);
void nvr_ring_free(struct nvr_ring *ring);
NVR_DEFINE_AUTO(nvr_ring, nvr_ring_free);
int nvr_ring_get_fd(const struct nvr_ring *ring); /* borrowed */
size_t nvr_ring_get_size(const struct nvr_ring *ring);
/* Begin an epoch (init->epoch is ignored and assigned: last + 1). 0, -EMSGSIZE (size 0 or above
 * NVR_RING_INIT_MAX, codecs without end). */
NVR_CHECK int nvr_ring_begin_epoch(struct nvr_ring *ring, const struct nvr_ring_init *init,
                                   uint32_t *ret_epoch);
/* Room for the next fragment, contiguous; valid until commit or the next reserve. NULL: size is
 * above half of the ring. Readers of the bytes below are invalidated now. */
uint8_t *nvr_ring_reserve(struct nvr_ring *ring, size_t size);
/* Publish entry->size bytes of the reserved room. sequence, publish_us and epoch are assigned;
 * negative times become 0. */
void nvr_ring_commit(struct nvr_ring *ring, const struct nvr_ring_entry *entry);
/* Written (value 1) after every commit. The ring takes eventfd, even on failure, and makes it
 * non-blocking. -ENOSPC when there are too many. */
NVR_CHECK int nvr_ring_watch_take(struct nvr_ring *ring, int eventfd);
void nvr_ring_unwatch_all(struct nvr_ring *ring);

/* ---- reader ---- */

struct nvr_ring_reader;

/* Takes fd, even on failure. 0, -EPROTO (not a sound ring or not sealed), -ENOMEM, mmap()'s error.
 */
NVR_CHECK int nvr_ring_reader_open_take(int fd, struct nvr_ring_reader **ret_reader);
void nvr_ring_reader_free(struct nvr_ring_reader *reader);
NVR_DEFINE_AUTO(nvr_ring_reader, nvr_ring_reader_free);
/* A second cursor over the same mapping (reference counted, same thread). */
NVR_CHECK int nvr_ring_reader_dup(struct nvr_ring_reader *reader,
                                  struct nvr_ring_reader **ret_reader);
/* Newest key frame's entry becomes the next one. 0, -ENOENT when the ring holds none (try again
 * after the next commit), -EPROTO. After -ESTALE, what lies between counts as lost. */
NVR_CHECK int nvr_ring_reader_seek_key(struct nvr_ring_reader *reader);
/* The oldest key frame still held whose dts_us is >= from_us, for pre-roll. 0, -ENOENT,
 * -EPROTO. */
NVR_CHECK int nvr_ring_reader_seek_time(struct nvr_ring_reader *reader, int64_t from_us);
/* The newest key frame whose dts_us is <= at_us, for pre-roll; when none is held any more (or none
 * is that old) the oldest key frame held. 0, -ENOENT (the ring holds no key frame), -EPROTO.
 * Nothing counts as lost but what lies between after -ESTALE. */
NVR_CHECK int nvr_ring_reader_seek_before(struct nvr_ring_reader *reader, int64_t at_us);
/* Everything from the next written entry on. */
void nvr_ring_reader_seek_end(struct nvr_ring_reader *reader);
/* Look at the next entry without taking it. 1: there is one, 0: none yet, -ESTALE: overtaken (the
 * cursor stays; call seek_key). -EPROTO: the ring's content is not sound. */
NVR_CHECK int nvr_ring_reader_peek(struct nvr_ring_reader *reader,
                                   struct nvr_ring_entry *ret_entry);
/* Take the next entry and append its bytes to buf. Same results; buf unchanged unless 1. When buf
 * has no room for them: its error (-EMSGSIZE, -ENOMEM), and the entry is not taken. */
NVR_CHECK int nvr_ring_reader_next(struct nvr_ring_reader *reader, struct nvr_ring_entry *ret_entry,
                                   struct nvr_buf *buf);
/* Take the next entry without copying: *ret_data points into the ring. After use, ask
 * nvr_ring_reader_still_valid() with the entry last taken: false means that the bytes were
 * overwritten meanwhile (not counted in get_lost). */
NVR_CHECK int nvr_ring_reader_next_borrow(struct nvr_ring_reader *reader,
                                          struct nvr_ring_entry *ret_entry,
                                          const uint8_t **ret_data);
bool nvr_ring_reader_still_valid(const struct nvr_ring_reader *reader,
                                 const struct nvr_ring_entry *entry);
/* Init segment of an epoch. 0, -ENOENT (never was, or too old), -EPROTO. */
NVR_CHECK int nvr_ring_reader_get_init(struct nvr_ring_reader *reader, uint32_t epoch,
                                       struct nvr_ring_init *ret_init);
/* Entries lost to overruns by this cursor, and the number of the newest entry (0: none). */
uint64_t nvr_ring_reader_get_lost(const struct nvr_ring_reader *reader);
uint64_t nvr_ring_reader_get_head(const struct nvr_ring_reader *reader);

#endif
