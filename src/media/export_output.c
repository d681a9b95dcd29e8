#include "src/media/export_output.h"

#include <errno.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/io.h"
#include "lib/media/checksum.h"

#define FREE 0x66726565u /* "free" */
#define MDAT 0x6d646174u /* "mdat" */
#define FREE_HEAD 8u
#define MDAT_HEAD 16u
#define HASH_STEP ((size_t)256 * 1024)

static const uint8_t ftyp[] = {0,   0,   0,   32,  'f', 't', 'y', 'p', 'i', 's', 'o',
                               'm', 0,   0,   2,   0,   'i', 's', 'o', 'm', 'i', 's',
                               'o', '2', 'a', 'v', 'c', '1', 'm', 'p', '4', '1'};

static uint64_t align(uint64_t value)
{
    return (value + EXPORT_ALIGN - 1) & ~(uint64_t)(EXPORT_ALIGN - 1);
}

int export_output_begin(struct export_output *out, uint64_t reserve)
{
    if (reserve > EXPORT_RESERVE_MAX)
        return -EFBIG;
    if (ftruncate(out->fd, 0) < 0)
        return -errno;
    out->media = align(sizeof(ftyp) + reserve + FREE_HEAD + MDAT_HEAD);
    out->pos = 0;
    out->extents_count = 0;
    return 0;
}

void export_output_done(struct export_output *out)
{
    free(NVR_TAKE(out->extents));
    if (out->fd >= 0)
        (void)close(NVR_TAKE_FD(out->fd));
}

uint64_t export_output_align(struct export_output *out)
{
    out->pos = align(out->media + out->pos) - out->media;
    return out->pos;
}

static int remember(struct export_output *out, uint64_t size)
{
    if (out->extents_count == out->extents_cap) {
        const size_t cap = NVR_MAX(2 * out->extents_cap, (size_t)256);
        struct export_extent *grown = realloc(out->extents, cap * sizeof(*grown));

        if (!grown)
            return -ENOMEM;
        out->extents = grown;
        out->extents_cap = cap;
    }
    out->extents[out->extents_count++] = (struct export_extent){out->pos, size};
    return 0;
}

int export_output_copy(struct export_output *out, int fd, uint64_t offset, uint64_t size,
                       bool is_segment)
{
    int r = is_segment ? remember(out, size) : 0;

    if (r < 0)
        return r;
    if (lseek(fd, (off_t)offset, SEEK_SET) < 0 ||
        lseek(out->fd, (off_t)(out->media + out->pos), SEEK_SET) < 0)
        return -errno;
    while (size) {
        const ssize_t n =
            nvr_io_copy(fd, out->fd, (size_t)NVR_MIN(size, (uint64_t)EXPORT_COPY_STEP));

        if (n <= 0)
            return n < 0 ? (int)n : -EIO; /* shorter than it was */
        out->pos += (uint64_t)n;
        size -= (uint64_t)n;
        if (out->on_copied)
            out->on_copied((size_t)n, out->arg);
    }
    return 0;
}

int export_output_write(struct export_output *out, const void *data, size_t size)
{
    int r;

    if (lseek(out->fd, (off_t)(out->media + out->pos), SEEK_SET) < 0)
        return -errno;
    r = nvr_fd_write_all(out->fd, data, size);
    if (r < 0)
        return r;
    out->pos += size;
    if (out->on_copied)
        out->on_copied(size, out->arg);
    return 0;
}

static void put_be(uint8_t *dst, size_t count, uint64_t value)
{
    while (count--) {
        dst[count] = (uint8_t)value;
        value >>= 8;
    }
}

static int write_piece(const void *data, size_t size, void *arg)
{
    const struct export_output *out = arg;

    return nvr_fd_write_all(out->fd, data, size);
}

/* The box that fills the room, and the head of the box that holds everything. */
static int write_heads(struct export_output *out, uint64_t moov)
{
    const uint64_t room = out->media - MDAT_HEAD - sizeof(ftyp) - moov;
    uint8_t head[MDAT_HEAD] = {0};
    int r = 0;

    if (room) {
        put_be(head, 4, room);
        put_be(head + 4, 4, FREE);
        r = nvr_fd_write_all(out->fd, head, FREE_HEAD);
    }
    if (r < 0)
        return r;
    put_be(head, 4, 1); /* the size has 64 bits */
    put_be(head + 4, 4, MDAT);
    put_be(head + 8, 8, MDAT_HEAD + out->pos);
    if (lseek(out->fd, (off_t)(out->media - MDAT_HEAD), SEEK_SET) < 0)
        return -errno;
    return nvr_fd_write_all(out->fd, head, MDAT_HEAD);
}

int export_output_finish(struct export_output *out, const struct nvr_movie *movie,
                         uint64_t *ret_size, uint64_t *ret_needed)
{
    const bool wide = out->media + out->pos > UINT32_MAX;
    const uint64_t moov = nvr_movie_get_size(movie, wide);
    int r;

    if (moov > UINT32_MAX)
        return -EFBIG;
    if (sizeof(ftyp) + moov + FREE_HEAD + MDAT_HEAD > out->media) {
        *ret_needed = moov;
        return -E2BIG;
    }
    if (lseek(out->fd, 0, SEEK_SET) < 0)
        return -errno;
    r = nvr_fd_write_all(out->fd, ftyp, sizeof(ftyp));
    if (r == 0)
        r = nvr_movie_write(movie, wide, out->media, write_piece, out);
    if (r == 0)
        r = write_heads(out, moov);
    if (r == 0 && ftruncate(out->fd, (off_t)(out->media + out->pos)) < 0)
        r = -errno;
    *ret_size = out->media + out->pos;
    return r;
}

static int hash_range(const struct export_output *out, struct sha256_ctx *sha, uint8_t *buffer,
                      uint64_t from, uint64_t to)
{
    while (from < to) {
        const ssize_t n = nvr_fd_pread_all(
            out->fd, buffer, (size_t)NVR_MIN(to - from, (uint64_t)HASH_STEP), (off_t)from);

        if (n <= 0)
            return n < 0 ? (int)n : -EIO;
        sha256_update(sha, (size_t)n, buffer);
        from += (uint64_t)n;
        if (out->on_copied)
            out->on_copied(0, out->arg);
    }
    return 0;
}

int export_output_digest(const struct export_output *out, bool all, char *dst)
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    uint8_t *buffer = malloc(HASH_STEP);
    struct sha256_ctx sha;
    uint64_t from = 0;
    int r = buffer ? 0 : -ENOMEM;

    sha256_init(&sha);
    for (size_t i = 0; r == 0 && !all && i < out->extents_count; i++) {
        const struct export_extent *extent = &out->extents[i];

        r = hash_range(out, &sha, buffer, from, out->media + extent->offset);
        from = out->media + extent->offset + extent->size;
    }
    if (r == 0)
        r = hash_range(out, &sha, buffer, from, out->media + out->pos);
    free(buffer);
    sha256_digest(&sha, sizeof(digest), digest);
    nvr_checksum_hex(digest, sizeof(digest), dst);
    return r;
}
