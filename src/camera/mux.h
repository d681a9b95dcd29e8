/* mux.h — frames in, fragments out: each video frame becomes one moof+mdat, with the audio that
 * came since, written straight into the media ring. Encoded bytes are muxed here and nowhere else.
 *
 * A stream begins at a key frame with complete parameter sets. Another picture size, codec or audio
 * format begins a new epoch (new init segment); a new connection marks a discontinuity.
 * Threads: the loop's. Limits: ring of at most NVR_MUX_RING_MAX, grown when the bit rate needs it.
 */
#ifndef NVR_CAMERA_MUX_H
#define NVR_CAMERA_MUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/macros.h"
#include "lib/ring/ring.h"
#include "src/camera/source.h"

#define NVR_MUX_RING_MAX (64u * 1024 * 1024)
#define NVR_MUX_MAIN_MIN (4u * 1024 * 1024)
#define NVR_MUX_SUB_MIN (1u * 1024 * 1024)

struct nvr_mux;

struct nvr_mux_handlers {
    /* There is a (new) ring; it has an init segment, no fragment yet. fd is borrowed. */
    void (*on_ring)(int fd, void *arg);
    /* After a fragment became visible. */
    void (*on_fragment)(const struct nvr_ring_entry *entry, void *arg);
};

struct nvr_mux_stats {
    enum nvr_codec codec;
    char codecs[NVR_RING_CODECS_MAX];
    uint32_t width, height;
    bool audio;                 /* the current epoch has an audio track */
    enum nvr_codec audio_codec; /* as the camera sends it */
    uint64_t frames, bytes;     /* video frames and fragment bytes published */
    uint64_t refused;           /* frames that could not be used (damaged, no parameter sets …) */
    int64_t last_frame_us;      /* wall clock; 0: none yet */
    double fps;                 /* by the time stamps */
};

/* Bytes a ring needs for keep_seconds at this rate, at least minimum. Pure. */
size_t nvr_mux_ring_size(uint64_t bytes_per_second, unsigned keep_seconds, size_t minimum);

NVR_CHECK int nvr_mux_new(const char *name, size_t ring_min, unsigned keep_seconds,
                          const struct nvr_mux_handlers *handlers, void *arg,
                          struct nvr_mux **ret_mux);
void nvr_mux_free(struct nvr_mux *mux);
/* A connection begins. -ENOTSUP: this video codec cannot be stored. */
NVR_CHECK int nvr_mux_begin(struct nvr_mux *mux, const struct nvr_source_tracks *tracks);
/* 0; -EPROTO and others: the frame was not used (counted). */
int nvr_mux_frame(struct nvr_mux *mux, const struct nvr_source_frame *frame);
/* The connection is over: audio that waits is published. */
void nvr_mux_end(struct nvr_mux *mux);
/* eventfd written after every fragment, also in later rings; takes fd; -1: none any more. */
int nvr_mux_watch_take(struct nvr_mux *mux, int fd);
void nvr_mux_get_stats(const struct nvr_mux *mux, struct nvr_mux_stats *ret_stats);
int nvr_mux_get_ring_fd(const struct nvr_mux *mux); /* borrowed; -1: none yet */

#endif
