/* bench-ring — what a fragment costs in the media ring, on one core: published, copied out by a
 * reader, borrowed by a reader. Beside it the floor: the same bytes by memcpy().
 *
 *   bench-ring [FRAGMENTS] */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/ring/ring.h"

#define RING_SIZE (4 * 1024 * 1024)
#define DEFAULT_FRAGMENTS 50000u
#define FRAGMENTS_MAX 100000000u
#define KEY_EVERY 30u

enum mode {
    MODE_FLOOR,
    MODE_WRITE,
    MODE_COPY,
    MODE_BORROW,
};

static const char *const MODE_NAMES[] = {
    [MODE_FLOOR] = "memcpy",
    [MODE_WRITE] = "write",
    [MODE_COPY] = "write + read (copy)",
    [MODE_BORROW] = "write + read (borrow)",
};

static uint64_t sink; /* what was read is used: the compiler must not leave it out */

static void write_one(struct nvr_ring *ring, const uint8_t *payload, uint32_t size, uint32_t number)
{
    const struct nvr_ring_entry entry = {
        .dts_us = (int64_t)number * 66667,
        .duration_us = 66667,
        .flags = number % KEY_EVERY == 0 ? NVR_RING_KEY : 0,
        .size = size,
    };
    uint8_t *room = nvr_ring_reserve(ring, size);

    memcpy(room, payload, size);
    nvr_ring_commit(ring, &entry);
}

static int read_one(struct nvr_ring_reader *reader, enum mode mode, struct nvr_buf *buf)
{
    struct nvr_ring_entry entry;
    const uint8_t *data;
    int r;

    nvr_buf_reset(buf);
    if (mode == MODE_COPY) {
        r = nvr_ring_reader_next(reader, &entry, buf);
        data = buf->data;
    } else {
        r = nvr_ring_reader_next_borrow(reader, &entry, &data);
    }
    if (r != 1)
        return -EPROTO;
    sink += data[0] + data[entry.size - 1];
    return mode == MODE_COPY || nvr_ring_reader_still_valid(reader, &entry) ? 0 : -ESTALE;
}

static int measure(struct nvr_ring *ring, struct nvr_ring_reader *reader, enum mode mode,
                   const uint8_t *payload, uint32_t size, uint32_t count)
{
    uint8_t *floor = malloc(RING_SIZE);
    struct nvr_buf buf;
    int r = floor ? 0 : -ENOMEM;

    nvr_buf_init(&buf, size);
    if (floor)
        memset(floor, 1, RING_SIZE); /* touched, like the ring */
    nvr_ring_reader_seek_end(reader);
    const int64_t start_us = nvr_clock_mono_us();

    for (uint32_t n = 0; n < count && r == 0; n++) {
        if (mode == MODE_FLOOR) {
            memcpy(floor + (size_t)n * size % (RING_SIZE - size), payload, size);
            sink += floor[n % size];
        } else {
            write_one(ring, payload, size, n);
        }
        if (mode >= MODE_COPY)
            r = read_one(reader, mode, &buf);
    }
    const int64_t took_us = nvr_clock_mono_us() - start_us + 1;

    if (r == 0)
        (void)printf("%-22s %7u bytes  %8.0f ns/fragment  %8.0f MB/s\n", MODE_NAMES[mode], size,
                     (double)took_us * 1000.0 / count, (double)size * count / (double)took_us);
    nvr_buf_done(&buf);
    free(floor);
    return r;
}

static int run(uint32_t count)
{
    static const uint32_t SIZES[] = {1500, 17000, 120000}; /* sub, main, main's key frame */
    NVR_AUTO(nvr_ring_reader) reader = NULL;
    NVR_AUTO(nvr_ring) ring = NULL;
    static uint8_t payload[120000];
    int r;

    memset(payload, 7, sizeof(payload));
    r = nvr_ring_new("bench", RING_SIZE, &ring);
    if (r < 0)
        return r;
    r = nvr_ring_reader_open_take(fcntl(nvr_ring_get_fd(ring), F_DUPFD_CLOEXEC, 0), &reader);
    if (r < 0)
        return r;
    /* Once around, so that no page is new. */
    for (uint32_t n = 0; n < 2 * RING_SIZE / sizeof(payload); n++)
        write_one(ring, payload, sizeof(payload), n);
    for (size_t i = 0; i < NVR_ARRAY_SIZE(SIZES); i++)
        for (enum mode mode = MODE_FLOOR; mode <= MODE_BORROW && r == 0; mode++)
            r = measure(ring, reader, mode, payload, SIZES[i], count);
    return r;
}

int main(int argc, char **argv)
{
    uint64_t count = DEFAULT_FRAGMENTS;
    int r;

    if (argc > 2 || (argc == 2 && (nvr_str_to_u64(nvr_str_from(argv[1]), FRAGMENTS_MAX, &count) ||
                                   count == 0))) {
        (void)fprintf(stderr, "usage: bench-ring [FRAGMENTS]\n");
        return 2;
    }
    r = run((uint32_t)count);
    if (r < 0)
        (void)fprintf(stderr, "bench-ring: %s\n", strerrordesc_np(-r));
    return r < 0 || sink == 0;
}
