#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/ring/layout.h"
#include "lib/ring/ring.h"

#define SIZE NVR_RING_MIN_SIZE

/* Fragments whose every byte follows from their number, so that a torn one is seen. */
static void publish(struct nvr_ring *ring, uint32_t number, uint32_t size, uint32_t flags)
{
    const struct nvr_ring_entry entry = {
        .dts_us = 1000000LL * number,
        .duration_us = 66667,
        .arrival_us = 5,
        .flags = flags,
        .size = size,
    };
    uint8_t *room = nvr_ring_reserve(ring, size);

    assert_non_null(room);
    memset(room, (int)(number * 7 + 1) & 0xff, size);
    nvr_ring_commit(ring, &entry);
}

static void assert_content(const uint8_t *data, size_t size, uint32_t number)
{
    for (size_t i = 0; i < size; i++)
        if (data[i] != ((number * 7 + 1) & 0xff))
            fail_msg("fragment %u: byte %zu of %zu is %u", number, i, size, data[i]);
}

static struct nvr_ring *new_ring(size_t size)
{
    struct nvr_ring *ring = NULL;

    assert_int_equal(nvr_ring_new("test", size, &ring), 0);
    return ring;
}

static struct nvr_ring_reader *new_reader(const struct nvr_ring *ring)
{
    struct nvr_ring_reader *reader = NULL;
    const int fd = fcntl(nvr_ring_get_fd(ring), F_DUPFD_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(nvr_ring_reader_open_take(fd, &reader), 0);
    return reader;
}

static void sizes_are_checked(void **state)
{
    struct nvr_ring *ring = NULL;

    (void)state;
    assert_int_equal(nvr_ring_new("test", SIZE - 1, &ring), -EINVAL);
    assert_int_equal(nvr_ring_new("test", (size_t)NVR_RING_MAX_SIZE + 1, &ring), -EINVAL);
    assert_null(ring);
    ring = new_ring(SIZE + 1);
    assert_int_equal(nvr_ring_get_size(ring), SIZE + sysconf(_SC_PAGESIZE));
    assert_null(nvr_ring_reserve(ring, 0));
    assert_null(nvr_ring_reserve(ring, nvr_ring_get_size(ring) / 2 + 1));
    assert_non_null(nvr_ring_reserve(ring, nvr_ring_get_size(ring) / 2));
    nvr_ring_free(ring);
    assert_int_equal(ring_slots_for(SIZE), RING_SLOTS_MIN);
    assert_int_equal(ring_slots_for(4 << 20), 2048);
    assert_int_equal(ring_slots_for(NVR_RING_MAX_SIZE), RING_SLOTS_MAX);
}

static void entries_come_in_order_with_their_bytes(void **state)
{
    struct nvr_ring *ring = new_ring(SIZE);
    struct nvr_ring_reader *reader = new_reader(ring);
    struct nvr_ring_entry entry;
    struct nvr_buf buf;

    (void)state;
    nvr_buf_init(&buf, 100000);
    assert_int_equal(nvr_ring_reader_peek(reader, &entry), 0);
    assert_int_equal(nvr_ring_reader_next(reader, &entry, &buf), 0);
    /* Several times around the payload and the slots. */
    for (uint32_t i = 1; i <= 3000; i++) {
        const uint32_t size = 1 + i * 37 % 9000;

        publish(ring, i, size, i % 10 == 1 ? NVR_RING_KEY : 0);
        nvr_buf_reset(&buf);
        assert_int_equal(nvr_ring_reader_next(reader, &entry, &buf), 1);
        assert_int_equal(entry.sequence, i);
        assert_int_equal(entry.size, size);
        assert_int_equal(entry.dts_us, 1000000LL * i);
        assert_int_equal(entry.duration_us, 66667);
        assert_int_equal(entry.arrival_us, 5);
        assert_int_equal(entry.flags, i % 10 == 1 ? NVR_RING_KEY : 0);
        assert_true(entry.publish_us > 1000000);
        assert_int_equal(buf.len, size);
        assert_content(buf.data, buf.len, i);
        assert_int_equal(nvr_ring_reader_next(reader, &entry, &buf), 0);
    }
    assert_int_equal(nvr_ring_reader_get_lost(reader), 0);
    assert_int_equal(nvr_ring_reader_get_head(reader), 3000);
    nvr_buf_done(&buf);
    nvr_ring_reader_free(reader);
    nvr_ring_free(ring);
}

static void a_full_buffer_keeps_the_cursor(void **state)
{
    struct nvr_ring *ring = new_ring(SIZE);
    struct nvr_ring_reader *reader = new_reader(ring);
    struct nvr_ring_entry entry;
    struct nvr_buf buf;

    (void)state;
    publish(ring, 1, 2000, NVR_RING_KEY);
    nvr_buf_init(&buf, 1999);
    assert_int_equal(nvr_ring_reader_next(reader, &entry, &buf), -EMSGSIZE);
    assert_int_equal(buf.len, 0);
    nvr_buf_done(&buf);
    nvr_buf_init(&buf, 2000);
    assert_int_equal(nvr_ring_reader_next(reader, &entry, &buf), 1);
    nvr_buf_done(&buf);
    nvr_ring_reader_free(reader);
    nvr_ring_free(ring);
}

static void seeks_find_key_frames(void **state)
{
    struct nvr_ring *ring = new_ring(SIZE);
    struct nvr_ring_reader *reader = new_reader(ring);
    struct nvr_ring_reader *other;
    struct nvr_ring_entry entry;

    (void)state;
    assert_int_equal(nvr_ring_reader_seek_key(reader), -ENOENT);
    assert_int_equal(nvr_ring_reader_seek_time(reader, 0), -ENOENT);
    for (uint32_t i = 1; i <= 95; i++)
        publish(ring, i, 500, i % 10 == 0 ? NVR_RING_KEY : 0);
    assert_int_equal(nvr_ring_reader_seek_key(reader), 0);
    assert_int_equal(nvr_ring_reader_peek(reader, &entry), 1);
    assert_int_equal(entry.sequence, 90);
    assert_int_equal(nvr_ring_reader_dup(reader, &other), 0);
    assert_int_equal(nvr_ring_reader_seek_time(other, 0), 0);
    assert_int_equal(nvr_ring_reader_peek(other, &entry), 1);
    assert_int_equal(entry.sequence, 10);
    assert_int_equal(nvr_ring_reader_seek_time(other, 50000000), 0);
    assert_int_equal(nvr_ring_reader_peek(other, &entry), 1);
    assert_int_equal(entry.sequence, 50);
    assert_int_equal(nvr_ring_reader_seek_time(other, 50000001), 0);
    assert_int_equal(nvr_ring_reader_peek(other, &entry), 1);
    assert_int_equal(entry.sequence, 60);
    assert_int_equal(nvr_ring_reader_seek_time(other, 90000001), -ENOENT);
    nvr_ring_reader_seek_end(other);
    assert_int_equal(nvr_ring_reader_peek(other, &entry), 0);
    assert_int_equal(nvr_ring_reader_get_lost(other), 0);
    nvr_ring_reader_free(reader); /* the mapping lives as long as one of them */
    publish(ring, 96, 500, 0);
    assert_int_equal(nvr_ring_reader_peek(other, &entry), 1);
    assert_int_equal(entry.sequence, 96);
    nvr_ring_reader_free(other);
    nvr_ring_free(ring);
}

static void assert_before(struct nvr_ring_reader *reader, int64_t at_us, uint64_t sequence)
{
    struct nvr_ring_entry entry;

    assert_int_equal(nvr_ring_reader_seek_before(reader, at_us), 0);
    assert_int_equal(nvr_ring_reader_peek(reader, &entry), 1);
    assert_int_equal(entry.sequence, sequence);
    assert_true(entry.flags & NVR_RING_KEY);
}

/* Pre-roll: from the newest key frame that is old enough, else from the oldest there is. */
static void seek_before_reaches_back(void **state)
{
    struct nvr_ring *ring = new_ring(SIZE);
    struct nvr_ring_reader *reader = new_reader(ring);
    struct nvr_ring_entry entry;

    (void)state;
    assert_int_equal(nvr_ring_reader_seek_before(reader, INT64_MAX), -ENOENT);
    for (uint32_t i = 1; i <= 95; i++)
        publish(ring, i, 500, i % 10 == 0 ? NVR_RING_KEY : 0);
    assert_before(reader, 50000000, 50);
    assert_before(reader, 50000001, 50);
    assert_before(reader, 49999999, 40);
    assert_before(reader, INT64_MAX, 90);
    assert_before(reader, 95000000, 90);
    assert_before(reader, 10000000, 10);
    assert_before(reader, 9999999, 10);
    assert_before(reader, 0, 10);
    assert_before(reader, INT64_MIN, 10);
    /* Overrun: what was asked for is overwritten, the oldest that is whole takes its place. */
    for (uint32_t i = 96; i <= 215; i++)
        publish(ring, i, 2500, i % 10 == 0 ? NVR_RING_KEY : 0);
    assert_before(reader, 50000000, 120);
    assert_before(reader, 160000000, 160);
    assert_int_equal(nvr_ring_reader_get_lost(reader), 0);
    /* A cursor at the oldest key frame is overtaken: it may reach back again. */
    assert_before(reader, 0, 120);
    for (uint32_t i = 216; i <= 230; i++)
        publish(ring, i, 2500, i % 10 == 0 ? NVR_RING_KEY : 0);
    assert_int_equal(nvr_ring_reader_peek(reader, &entry), -ESTALE);
    assert_before(reader, 0, 130);
    assert_int_equal(nvr_ring_reader_get_lost(reader), 10);
    for (uint32_t i = 231; i <= 231 + SIZE / 2500; i++) /* no key frame is left */
        publish(ring, i, 2500, 0);
    assert_int_equal(nvr_ring_reader_seek_before(reader, 0), -ENOENT);
    nvr_ring_reader_free(reader);
    nvr_ring_free(ring);
}

static void an_overtaken_reader_is_told_what_it_lost(void **state)
{
    struct nvr_ring *ring = new_ring(SIZE);
    struct nvr_ring_reader *reader = new_reader(ring);
    struct nvr_ring_entry entry;
    struct nvr_buf buf;

    (void)state;
    nvr_buf_init(&buf, 10000);
    publish(ring, 1, 10000, NVR_RING_KEY);
    assert_int_equal(nvr_ring_reader_next(reader, &entry, &buf), 1);
    for (uint32_t i = 2; i <= 100; i++)
        publish(ring, i, 10000, i == 90 ? NVR_RING_KEY : 0);
    nvr_buf_reset(&buf);
    assert_int_equal(nvr_ring_reader_next(reader, &entry, &buf), -ESTALE);
    assert_int_equal(nvr_ring_reader_peek(reader, &entry), -ESTALE);
    assert_int_equal(buf.len, 0);
    assert_int_equal(nvr_ring_reader_seek_key(reader), 0);
    assert_int_equal(nvr_ring_reader_get_lost(reader), 88);
    /* Overtaken by the slots alone, and with the newest key frame gone too. */
    for (uint32_t i = 101; i <= 100 + RING_SLOTS_MIN; i++)
        publish(ring, i, 1, 0);
    assert_int_equal(nvr_ring_reader_next(reader, &entry, &buf), -ESTALE);
    assert_int_equal(nvr_ring_reader_seek_key(reader), -ENOENT);
    assert_int_equal(nvr_ring_reader_seek_time(reader, 0), -ENOENT);
    publish(ring, 613, 1, NVR_RING_KEY);
    assert_int_equal(nvr_ring_reader_seek_key(reader), 0);
    assert_int_equal(nvr_ring_reader_get_lost(reader), 88 + 613 - 90);
    nvr_buf_done(&buf);
    nvr_ring_reader_free(reader);
    nvr_ring_free(ring);
}

static void reserved_room_invalidates_at_once(void **state)
{
    struct nvr_ring *ring = new_ring(SIZE);
    struct nvr_ring_reader *reader = new_reader(ring);
    struct nvr_ring_entry entry;
    const uint8_t *data;

    (void)state;
    publish(ring, 1, 60000, NVR_RING_KEY);
    assert_int_equal(nvr_ring_reader_next_borrow(reader, &entry, &data), 1);
    assert_content(data, entry.size, 1);
    for (uint32_t i = 2; i <= 4; i++)
        publish(ring, i, 60000, 0);
    assert_true(nvr_ring_reader_still_valid(reader, &entry));
    assert_non_null(nvr_ring_reserve(ring, SIZE - 4 * 60000));
    assert_true(nvr_ring_reader_still_valid(reader, &entry));
    assert_non_null(nvr_ring_reserve(ring, SIZE - 4 * 60000 + 1));
    assert_false(nvr_ring_reader_still_valid(reader, &entry));
    /* The room may have been written into: a smaller one does not make it good again. */
    assert_non_null(nvr_ring_reserve(ring, 1));
    assert_false(nvr_ring_reader_still_valid(reader, &entry));
    nvr_ring_reader_free(reader);
    nvr_ring_free(ring);
}

static void inits_are_kept_by_epoch(void **state)
{
    struct nvr_ring *ring = new_ring(SIZE);
    struct nvr_ring_reader *reader = new_reader(ring);
    struct nvr_ring_init *init = calloc(1, sizeof(*init));
    struct nvr_ring_entry entry;
    uint32_t epoch;

    (void)state;
    assert_non_null(init);
    assert_int_equal(nvr_ring_reader_get_init(reader, 0, init), -ENOENT);
    assert_int_equal(nvr_ring_reader_get_init(reader, 1, init), -ENOENT);
    assert_int_equal(nvr_ring_begin_epoch(ring, init, &epoch), -EMSGSIZE); /* empty */
    for (uint32_t i = 1; i <= NVR_RING_INITS + 2; i++) {
        *init = (struct nvr_ring_init){
            .width = 640 + i, .height = 360, .codecs = "avc1.64001f", .size = 100 + i};
        memset(init->data, (int)i, init->size);
        assert_int_equal(nvr_ring_begin_epoch(ring, init, &epoch), 0);
        assert_int_equal(epoch, i);
        publish(ring, i, 100, NVR_RING_KEY);
        assert_int_equal(nvr_ring_reader_seek_key(reader), 0);
        assert_int_equal(nvr_ring_reader_peek(reader, &entry), 1);
        assert_int_equal(entry.epoch, i);
    }
    assert_int_equal(nvr_ring_reader_get_init(reader, 2, init), -ENOENT);
    for (uint32_t i = 3; i <= NVR_RING_INITS + 2; i++) {
        assert_int_equal(nvr_ring_reader_get_init(reader, i, init), 0);
        assert_int_equal(init->epoch, i);
        assert_int_equal(init->width, 640 + i);
        assert_int_equal(init->size, 100 + i);
        assert_string_equal(init->codecs, "avc1.64001f");
        for (uint32_t n = 0; n < init->size; n++)
            assert_int_equal(init->data[n], i);
    }
    init->size = NVR_RING_INIT_MAX + 1;
    assert_int_equal(nvr_ring_begin_epoch(ring, init, &epoch), -EMSGSIZE);
    free(init);
    nvr_ring_reader_free(reader);
    nvr_ring_free(ring);
}

static void watchers_are_written_after_each_commit(void **state)
{
    struct nvr_ring *ring = new_ring(SIZE);
    uint64_t count;
    int fds[NVR_RING_WATCHERS_MAX];

    (void)state;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(fds); i++) {
        const int fd = eventfd(0, EFD_CLOEXEC); /* blocking: the ring changes that */

        fds[i] = dup(fd);
        assert_int_equal(nvr_ring_watch_take(ring, fd), 0);
    }
    assert_int_equal(nvr_ring_watch_take(ring, eventfd(0, EFD_CLOEXEC)), -ENOSPC);
    assert_int_equal(nvr_ring_watch_take(ring, -1), -EBADF);
    publish(ring, 1, 10, 0);
    publish(ring, 2, 10, 0);
    count = UINT64_MAX - 1; /* full: the writer must not wait */
    assert_int_equal(read(fds[0], &(uint64_t){0}, 8), 8);
    assert_int_equal(write(fds[0], &count, sizeof(count)), 8);
    publish(ring, 3, 10, 0);
    for (size_t i = 0; i < NVR_ARRAY_SIZE(fds); i++) {
        assert_int_equal(read(fds[i], &count, sizeof(count)), 8);
        if (i)
            assert_int_equal(count, 3);
    }
    nvr_ring_unwatch_all(ring);
    publish(ring, 4, 10, 0);
    assert_int_equal(read(fds[1], &count, sizeof(count)), -1);
    for (size_t i = 0; i < NVR_ARRAY_SIZE(fds); i++)
        (void)close(fds[i]);
    nvr_ring_free(ring);
}

static void readers_cannot_write(void **state)
{
    struct nvr_ring *ring = new_ring(SIZE);
    const int fd = nvr_ring_get_fd(ring);
    char path[64];

    (void)state;
    assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    assert_int_equal(write(fd, "x", 1), -1);
    assert_int_equal(pwrite(fd, "x", 1, 100), -1);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    void *view = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

    assert_ptr_not_equal(view, MAP_FAILED);
    assert_int_equal(mprotect(view, 4096, PROT_READ | PROT_WRITE), -1);
    (void)munmap(view, 4096);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    const int again = open(path, O_RDWR | O_CLOEXEC);

    if (again >= 0) { /* may be opened, not written */
        assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0),
                         MAP_FAILED);
        assert_int_equal(write(again, "x", 1), -1);
        (void)close(again);
    }
    nvr_ring_free(ring);
}

/* The memory of a real ring, to be changed and given to a reader. */
struct forgery {
    uint8_t *bytes;
    size_t size;
    struct ring_header *header;
    struct ring_slot *slots;
};

static void forge(struct forgery *forgery)
{
    struct nvr_ring *ring = new_ring(SIZE);
    const struct ring_map *map = ring_get_map(ring);
    struct nvr_ring_init init = {.size = 10, .codecs = "avc1"};
    uint32_t epoch;

    assert_int_equal(nvr_ring_begin_epoch(ring, &init, &epoch), 0);
    for (uint32_t i = 1; i <= 30; i++)
        publish(ring, i, 1000, i % 10 == 0 ? NVR_RING_KEY : 0);
    forgery->size = map->header_size + map->data_size;
    forgery->bytes = malloc(forgery->size);
    assert_non_null(forgery->bytes);
    assert_int_equal(pread(nvr_ring_get_fd(ring), forgery->bytes, forgery->size, 0), forgery->size);
    forgery->header = (struct ring_header *)forgery->bytes;
    forgery->slots = (struct ring_slot *)(forgery->bytes + sizeof(*forgery->header));
    nvr_ring_free(ring);
}

static int forged_fd(const struct forgery *forgery, size_t size, int seals)
{
    const int fd = memfd_create("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, forgery->bytes, size), size);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

static int open_forged(const struct forgery *forgery, struct nvr_ring_reader **ret_reader)
{
    return nvr_ring_reader_open_take(forged_fd(forgery, forgery->size, RING_SEALS), ret_reader);
}

static void only_sealed_rings_are_opened(void **state)
{
    struct nvr_ring_reader *reader = NULL;
    struct forgery forgery;
    int fds[2];

    (void)state;
    forge(&forgery);
    assert_int_equal(open_forged(&forgery, &reader), 0);
    nvr_ring_reader_free(reader);
    const int unsealed[] = {0, F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW,
                            F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL,
                            F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_SEAL};

    for (size_t i = 0; i < NVR_ARRAY_SIZE(unsealed); i++)
        assert_int_equal(
            nvr_ring_reader_open_take(forged_fd(&forgery, forgery.size, unsealed[i]), &reader),
            -EPROTO);
    const size_t sizes[] = {0, 8, sizeof(struct ring_header), forgery.size - 1};

    for (size_t i = 0; i < NVR_ARRAY_SIZE(sizes); i++)
        assert_int_equal(
            nvr_ring_reader_open_take(forged_fd(&forgery, sizes[i], RING_SEALS), &reader), -EPROTO);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(nvr_ring_reader_open_take(fds[0], &reader), -EPROTO);
    assert_int_equal(fcntl(fds[0], F_GETFD), -1); /* taken all the same */
    (void)close(fds[1]);
    assert_int_equal(nvr_ring_reader_open_take(-1, &reader), -EPROTO);
    free(forgery.bytes);
}

static void headers_are_checked(void **state)
{
    struct nvr_ring_reader *reader = NULL;
    struct forgery forgery;

    (void)state;
    forge(&forgery);
    const struct ring_header good = *forgery.header;
#define BAD(field, value)                                                                          \
    do {                                                                                           \
        forgery.header->field = (value);                                                           \
        assert_int_equal(open_forged(&forgery, &reader), -EPROTO);                                 \
        forgery.header->field = good.field;                                                        \
    } while (0)
    BAD(magic, 0);
    BAD(version, RING_VERSION + 1);
    BAD(slot_size, 128);
    BAD(slots_count, 0);
    BAD(slots_count, RING_SLOTS_MIN / 2);
    BAD(slots_count, RING_SLOTS_MIN + 1);
    BAD(slots_count, RING_SLOTS_MIN * 2);
    BAD(slots_count, UINT32_MAX);
    BAD(data_size, 0);
    BAD(data_size, good.data_size - 1);
    BAD(data_size, good.data_size + 4096);
    BAD(data_size, UINT64_MAX);
    BAD(data_size, UINT64_MAX - good.header_size + 1);
    BAD(header_size, 0);
    BAD(header_size, good.header_size + 4096);
    BAD(header_size, UINT64_MAX);
#undef BAD
    assert_int_equal(open_forged(&forgery, &reader), 0);
    nvr_ring_reader_free(reader);
    free(forgery.bytes);
}

/* What peek, borrow and next say about entry 30 after a change. */
static void assert_entry(const struct forgery *forgery, int want)
{
    struct nvr_ring_reader *reader;
    struct nvr_ring_entry entry;
    const uint8_t *data;
    struct nvr_buf buf;

    nvr_buf_init(&buf, SIZE);
    assert_int_equal(open_forged(forgery, &reader), 0);
    if (want == 1) {
        assert_int_equal(nvr_ring_reader_seek_key(reader), 0);
        assert_int_equal(nvr_ring_reader_next(reader, &entry, &buf), 1);
    } else {
        assert_int_equal(nvr_ring_reader_seek_key(reader), want);
        if (want == -EPROTO)
            assert_int_equal(nvr_ring_reader_seek_time(reader, 0), want);
        assert_int_equal(nvr_ring_reader_seek_before(reader, 0), want);
    }
    (void)!nvr_ring_reader_peek(reader, &entry);
    (void)!nvr_ring_reader_next_borrow(reader, &entry, &data);
    (void)!nvr_ring_reader_next(reader, &entry, &buf);
    nvr_buf_done(&buf);
    nvr_ring_reader_free(reader);
}

static void entries_are_checked(void **state)
{
    struct forgery forgery;

    (void)state;
    forge(&forgery);
    const struct ring_slot good = forgery.slots[30];
    const struct ring_header *header = forgery.header;
    const uint64_t reserve = header->reserve;

    assert_entry(&forgery, 1);
#define WITH(field, value, want)                                                                   \
    do {                                                                                           \
        forgery.slots[30].field = (value);                                                         \
        assert_entry(&forgery, want);                                                              \
        forgery.slots[30].field = good.field;                                                      \
    } while (0)
    WITH(size, 0, -EPROTO);
    WITH(size, SIZE / 2 + 1, -EPROTO);
    WITH(size, UINT32_MAX, -EPROTO);
    WITH(size, 1001, -EPROTO); /* beyond what was written */
    WITH(position, UINT64_MAX, -EPROTO);
    WITH(position, UINT64_MAX - 1000, -EPROTO);
    WITH(position, 29001, -EPROTO);
    WITH(sequence, 29, -EPROTO);
    WITH(sequence, 0, -ENOENT);
    WITH(sequence, 30 + RING_SLOTS_MIN, -ENOENT);
    WITH(dts_us, -1, -EPROTO);
    WITH(dts_us, INT64_MAX, -EPROTO);
    WITH(duration_us, INT64_MIN, -EPROTO);
    WITH(publish_us, INT64_MIN, -EPROTO);
    WITH(arrival_us, INT64_MAX, -EPROTO);
    WITH(flags, 0, -EPROTO);
    WITH(key_back, 0, 1);
    WITH(key_back, UINT32_MAX, 1);
    WITH(key_back, 1, 1);
#undef WITH
    forgery.header->reserve = 0;
    assert_entry(&forgery, -EPROTO);
    forgery.header->reserve = UINT64_MAX;
    assert_entry(&forgery, -ENOENT);
    forgery.header->reserve = reserve;
    forgery.header->key_head = UINT64_MAX;
    assert_entry(&forgery, -EPROTO);
    forgery.header->key_head = 29;
    assert_entry(&forgery, -EPROTO);
    forgery.header->key_head = 30;
    forgery.header->head = UINT64_MAX;
    assert_entry(&forgery, -ENOENT);
    forgery.header->head = 0;
    assert_entry(&forgery, -EPROTO);
    free(forgery.bytes);
}

static void forged_inits_are_refused(void **state)
{
    struct nvr_ring_init *init = calloc(1, sizeof(*init));
    struct nvr_ring_reader *reader;
    struct forgery forgery;

    (void)state;
    assert_non_null(init);
    forge(&forgery);
    struct ring_init_slot *slot = &forgery.header->inits[1];

    slot->init.size = NVR_RING_INIT_MAX + 1;
    assert_int_equal(open_forged(&forgery, &reader), 0);
    assert_int_equal(nvr_ring_reader_get_init(reader, 1, init), -EPROTO);
    nvr_ring_reader_free(reader);
    slot->init.size = 10;
    memset(slot->init.codecs, 'x', sizeof(slot->init.codecs));
    assert_int_equal(open_forged(&forgery, &reader), 0);
    assert_int_equal(nvr_ring_reader_get_init(reader, 1, init), -EPROTO);
    assert_int_equal(nvr_ring_reader_get_init(reader, 5, init), -ENOENT);
    nvr_ring_reader_free(reader);
    free(forgery.bytes);
    free(init);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_checked),
        cmocka_unit_test(entries_come_in_order_with_their_bytes),
        cmocka_unit_test(a_full_buffer_keeps_the_cursor),
        cmocka_unit_test(seeks_find_key_frames),
        cmocka_unit_test(seek_before_reaches_back),
        cmocka_unit_test(an_overtaken_reader_is_told_what_it_lost),
        cmocka_unit_test(reserved_room_invalidates_at_once),
        cmocka_unit_test(inits_are_kept_by_epoch),
        cmocka_unit_test(watchers_are_written_after_each_commit),
        cmocka_unit_test(readers_cannot_write),
        cmocka_unit_test(only_sealed_rings_are_opened),
        cmocka_unit_test(headers_are_checked),
        cmocka_unit_test(entries_are_checked),
        cmocka_unit_test(forged_inits_are_refused),
    };

    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
