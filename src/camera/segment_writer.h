/* segment_writer.h — one segment file being written: init segment, whole fragments, running
 * checksum, key frame index. The file has its final name from the first byte and is playable at any
 * moment. Used by the recorder's thread only. */
#ifndef NVR_CAMERA_SEGMENT_WRITER_H
#define NVR_CAMERA_SEGMENT_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/macros.h"
#include "lib/media/segment.h"
#include "lib/ring/ring.h"

struct nvr_segment_writer;

/* Below root_fd (the camera's folder). start_us: first video frame. 0 or
 * openat()/mkdirat()'s error; nothing is left behind then. */
NVR_CHECK int nvr_segment_writer_open(int root_fd, const char *camera,
                                      const struct nvr_ring_init *init, int64_t start_us,
                                      struct nvr_segment_writer **ret_writer);
/* Where the bytes of the next fragment are appended, before nvr_segment_writer_add(). */
struct nvr_buf *nvr_segment_writer_get_buf(struct nvr_segment_writer *writer);
/* The entry whose bytes were just appended. 0 or -ENOMEM (the fragment is dropped). */
NVR_CHECK int nvr_segment_writer_add(struct nvr_segment_writer *writer,
                                     const struct nvr_ring_entry *entry);
/* Write what was added, by one write(). On error the file is cut back to what it had before, and
 * what was added since is lost. */
NVR_CHECK int nvr_segment_writer_flush(struct nvr_segment_writer *writer);
/* Bytes so far, with what is not flushed yet. */
uint64_t nvr_segment_writer_get_size(const struct nvr_segment_writer *writer);
/* Where what was written so far ends; the start when nothing was. */
int64_t nvr_segment_writer_get_end_us(const struct nvr_segment_writer *writer);
const struct nvr_segment *nvr_segment_writer_get(const struct nvr_segment_writer *writer);
const struct nvr_ring_init *nvr_segment_writer_get_init(const struct nvr_segment_writer *writer);
/* Flush, then make it durable: what was added until now outlives a power cut. The first time the
 * file's name too. After a failure nobody knows what the disk holds: close the file. */
NVR_CHECK int nvr_segment_writer_sync(struct nvr_segment_writer *writer);
/* Something was added or written that nvr_segment_writer_sync() did not cover yet. */
bool nvr_segment_writer_is_dirty(const struct nvr_segment_writer *writer);
/* Sync, close; frees the writer whatever happens. 1: *ret_segment is the finished file (the
 * caller's). 0: there was no frame and the file is gone, or a call failed after which the file's
 * bytes are not known for certain: it is left for the index, which reads it. *ret_error: 0 or the
 * first error on the way (a file may be reported in spite of it). */
int nvr_segment_writer_close(struct nvr_segment_writer *writer, struct nvr_segment *ret_segment,
                             int *ret_error);

#endif
