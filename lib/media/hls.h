/* hls.h — VOD playlists over the segment files' own bytes (RFC 8216). Pure.
 *
 * Version 7, EXT-X-MAP with BYTERANGE for each init, EXT-X-PROGRAM-DATE-TIME for each file and
 * behind each EXT-X-DISCONTINUITY, which stands at gaps and where the init changes; entries are
 * groups of pictures or whole files (without their init), always with EXT-X-BYTERANGE. */
#ifndef NVR_MEDIA_HLS_H
#define NVR_MEDIA_HLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/macros.h"

#define NVR_HLS_GAP_MS 1500

struct nvr_hls_key {
    uint32_t ms;     /* after the segment's start */
    uint32_t offset; /* byte in the file */
};

struct nvr_hls_segment {
    const char *uri; /* relative or absolute path of the raw file */
    int64_t start_ms, end_ms;
    uint64_t file_size;
    uint32_t init_size;
    const char *init_id;            /* same id: same init bytes */
    const struct nvr_hls_key *keys; /* in order; the first is the first fragment. May be empty.
                                       Unsound ones are not used: then the file is one entry */
    size_t keys_count;
};

struct nvr_hls_options {
    int64_t start_ms, end_ms; /* entries that do not touch [start, end) are left out */
    bool per_gop;             /* entry per group of pictures, else per file */
};

/* begin, any number of segments in order of time, end. Results: 0 or the buffer's error; add also
 * -EINVAL (a URI that cannot stand in a playlist). Only one playlist per buffer; the buffer's
 * content must stay in place until end (the longest entry stands near its start). */
struct nvr_hls_writer {
    struct nvr_buf *buf;
    struct nvr_hls_options options;
    int64_t last_end_ms;
    char last_init_id[72];
    int64_t longest_ms;
    size_t target_pos; /* where EXT-X-TARGETDURATION's number stands */
    size_t entries;
};

NVR_CHECK int nvr_hls_begin(struct nvr_hls_writer *writer, struct nvr_buf *buf,
                            const struct nvr_hls_options *options);
NVR_CHECK int nvr_hls_add(struct nvr_hls_writer *writer, const struct nvr_hls_segment *segment);
NVR_CHECK int nvr_hls_end(struct nvr_hls_writer *writer);

#endif
