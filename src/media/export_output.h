/* export_output.h — the file of an export: ftyp, moov, free, and one mdat into which recorded bytes
 * are copied as they are. Room for the moov is left free at the beginning; it is written last.
 *
 * Offsets are counted from where the media begins. Threads: one. */
#ifndef NVR_MEDIA_ROLE_EXPORT_OUTPUT_H
#define NVR_MEDIA_ROLE_EXPORT_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/macros.h"
#include "lib/media/movie.h"

#define EXPORT_ALIGN 4096u /* segments begin here: file systems can share blocks */
#define EXPORT_RESERVE_MAX (UINT64_C(2) << 30)     /* moov of the longest movie */
#define EXPORT_COPY_STEP ((size_t)8 * 1024 * 1024) /* between two signs of life */

struct export_extent { /* recorded bytes, as they were */
    uint64_t offset, size;
};

struct export_output {
    int fd; /* owned */
    uint64_t media;
    uint64_t pos;
    struct export_extent *extents; /* owned, in order */
    size_t extents_count, extents_cap;
    void (*on_copied)(size_t bytes, void *arg); /* a sign of life; may be NULL */
    void *arg;
};

/* Leave room for a moov of so many bytes. 0, -EFBIG, ftruncate()'s error. */
NVR_CHECK int export_output_begin(struct export_output *out, uint64_t reserve);
void export_output_done(struct export_output *out);
/* Where the next segment will begin: aligned. */
uint64_t export_output_align(struct export_output *out);
/* size bytes of fd from offset on, as a whole that is remembered when is_segment. */
NVR_CHECK int export_output_copy(struct export_output *out, int fd, uint64_t offset, uint64_t size,
                                 bool is_segment);
NVR_CHECK int export_output_write(struct export_output *out, const void *data, size_t size);
/* moov, free, mdat's head. -E2BIG: the room is too small, *ret_needed would do. */
NVR_CHECK int export_output_finish(struct export_output *out, const struct nvr_movie *movie,
                                   uint64_t *ret_size, uint64_t *ret_needed);
/* SHA-256 of all bytes that are in no segment, as hex (65 bytes); all: of every byte. */
NVR_CHECK int export_output_digest(const struct export_output *out, bool all, char *dst);

#endif
