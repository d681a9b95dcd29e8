/* export_scan.h — the samples of a segment file, one after the other (role export). Bounded reads;
 * the bytes came from a camera. */
#ifndef NVR_MEDIA_ROLE_EXPORT_SCAN_H
#define NVR_MEDIA_ROLE_EXPORT_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/macros.h"
#include "lib/media/fmp4.h"
#include "lib/media/movie.h"

struct export_scan {
    int fd; /* borrowed */
    uint64_t size;
    uint8_t *buffer; /* owned */
    struct nvr_fmp4_init init;
    size_t init_bytes; /* of the buffer, while it still holds the init segment */
    int video, audio;  /* track index, -1: none */
};

/* 0, -EPROTO (not a segment), -errno. */
NVR_CHECK int export_scan_open(struct export_scan *scan, int fd);
void export_scan_close(struct export_scan *scan);
/* Right after open: the track's sample entry goes into the movie. */
NVR_CHECK int export_scan_add_entry(const struct export_scan *scan, struct nvr_movie *movie,
                                    enum nvr_movie_track track, unsigned *ret_entry);

/* The fragment at offset: 1, 0 (end of the whole ones), -errno. */
NVR_CHECK int export_scan_fragment(struct export_scan *scan, uint64_t offset,
                                   struct nvr_fmp4_fragment *ret_fragment);
/* Its samples (right after export_scan_fragment()). */
NVR_CHECK int export_scan_samples(struct export_scan *scan,
                                  const struct nvr_fmp4_fragment *fragment, nvr_fmp4_visit visit,
                                  void *arg);
/* Where the newest fragment begins that starts with a key frame at or before at_us; the first one
 * when there is none. */
NVR_CHECK int export_scan_find_key(struct export_scan *scan, int64_t at_us, uint64_t *ret_offset);

#endif
