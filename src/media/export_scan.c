#include "src/media/export_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/media/stamp.h"

#define LOOK_FIRST 1024 /* a moof of one frame fits */
#define LOOK_MAX (1024 * 1024)

int export_scan_open(struct export_scan *scan, int fd)
{
    struct stat st;
    ssize_t n;
    int r;

    *scan = (struct export_scan){.fd = fd, .video = -1, .audio = -1};
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    scan->size = (uint64_t)st.st_size;
    scan->buffer = malloc(LOOK_MAX);
    if (!scan->buffer)
        return -ENOMEM;
    n = nvr_fd_pread_all(fd, scan->buffer, NVR_FMP4_INIT_MAX, 0);
    if (n < 0)
        return (int)n;
    r = nvr_fmp4_parse_init(scan->buffer, (size_t)n, &scan->init);
    if (r < 0)
        return -EPROTO;
    scan->init_bytes = (size_t)n;
    for (size_t i = 0; i < scan->init.tracks_count; i++) {
        int *track = scan->init.tracks[i].is_video ? &scan->video : &scan->audio;

        if (*track < 0)
            *track = (int)i;
    }
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return scan->video < 0 ? -EPROTO : 0;
}

void export_scan_close(struct export_scan *scan)
{
    free(NVR_TAKE(scan->buffer));
}

int export_scan_add_entry(const struct export_scan *scan, struct nvr_movie *movie,
                          enum nvr_movie_track track, unsigned *ret_entry)
{
    const int index = track == NVR_MOVIE_VIDEO ? scan->video : scan->audio;
    const struct nvr_fmp4_header *header = &scan->init.tracks[index];
    const uint8_t *entry;
    size_t size;
    int r = nvr_fmp4_find_entry(scan->buffer, scan->init_bytes, header->track_id, &entry, &size);

    if (r == 0)
        r = nvr_movie_set_timescale(movie, track, header->timescale);
    if (r == 0)
        r = nvr_movie_add_entry(movie, track, entry, size, header->width, header->height,
                                ret_entry);
    return r;
}

int export_scan_fragment(struct export_scan *scan, uint64_t offset,
                         struct nvr_fmp4_fragment *ret_fragment)
{
    size_t size = LOOK_FIRST;

    if (offset >= scan->size)
        return 0;
    for (;;) {
        const ssize_t n = nvr_fd_pread_all(scan->fd, scan->buffer, size, (off_t)offset);
        int r;

        scan->init_bytes = 0;
        if (n <= 0)
            return (int)n;
        r = nvr_fmp4_parse_fragment(&scan->init, scan->buffer, (size_t)n, ret_fragment);
        if (r == 0)
            return ret_fragment->size <= scan->size - offset;
        if (r != -EAGAIN || (size_t)n < size || size == LOOK_MAX)
            return 0; /* what follows is no fragment of ours */
        size = NVR_MIN(size * 4, (size_t)LOOK_MAX);
    }
}

int export_scan_samples(struct export_scan *scan, const struct nvr_fmp4_fragment *fragment,
                        nvr_fmp4_visit visit, void *arg)
{
    return nvr_fmp4_each_sample(&scan->init, scan->buffer, LOOK_MAX, fragment, visit, arg);
}

int export_scan_find_key(struct export_scan *scan, int64_t at_us, uint64_t *ret_offset)
{
    struct nvr_fmp4_fragment fragment;
    uint64_t offset = scan->init.size;
    int r;

    *ret_offset = offset;
    while ((r = export_scan_fragment(scan, offset, &fragment)) == 1) {
        if (fragment.has_video) {
            const uint32_t scale = scan->init.tracks[scan->video].timescale;
            const uint64_t time = fragment.tfdt[scan->video];

            if (time > INT64_MAX / 4 || nvr_stamp_to_us((int64_t)time, scale) > at_us)
                return 0;
            if (fragment.key)
                *ret_offset = offset;
        }
        offset += fragment.size;
    }
    return r;
}
