/* segment.h — segment files: names, where to cut, and what the index must know of one (pure). */
#ifndef NVR_MEDIA_SEGMENT_H
#define NVR_MEDIA_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/id.h"
#include "lib/base/json.h"
#include "lib/base/macros.h"
#include "lib/ring/ring.h"

#define NVR_SEGMENT_PATH_SIZE 160 /* "<camera>/2026-01-02/03/segment_20260102_030405_12.mp4" */
#define NVR_SEGMENT_NAMES_MAX 1000
/* Without a key frame a file is simply longer, but not without end. */
#define NVR_SEGMENT_MAX_US (600 * INT64_C(1000000))
#define NVR_SEGMENT_MAX_BYTES (UINT64_C(2) * 1024 * 1024 * 1024)
#define NVR_SEGMENT_KEYS_MAX 4096
/* Digests of a file's beginning, about one a second; beyond this many every second one goes. */
#define NVR_SEGMENT_DIGESTS_MAX 128
#define NVR_SEGMENT_DIGEST_MS 1000
#define NVR_SEGMENT_DIGEST_SIZE 8
#define NVR_SEGMENT_HOLES_MAX 64

struct nvr_segment_key {
    uint32_t ms; /* after the start */
    uint64_t offset;
};

/* First bytes of the SHA-256 of the file's bytes before offset, where the picture of ms begins. */
struct nvr_segment_digest {
    uint32_t ms;
    uint8_t sum[NVR_SEGMENT_DIGEST_SIZE];
    uint64_t offset;
};

/* A silence that the file spans, see lib/media/holes.h; ms after the start. */
struct nvr_segment_hole {
    uint32_t from_ms, to_ms;
};

struct nvr_segment {
    char path[NVR_SEGMENT_PATH_SIZE]; /* relative to the recordings folder */
    int64_t start_us, end_us;
    uint64_t file_size;
    uint64_t frames;
    char codecs[NVR_RING_CODECS_MAX];
    uint32_t width, height;
    uint32_t init_size;
    char init_id[33];             /* half of the SHA-256 of the init segment */
    char checksum[65];            /* SHA-256 of the file */
    struct nvr_segment_key *keys; /* owned */
    size_t keys_count, keys_cap;
    struct nvr_segment_digest digests[NVR_SEGMENT_DIGESTS_MAX];
    size_t digests_count;
    uint32_t digests_step_ms;                             /* 0: NVR_SEGMENT_DIGEST_MS */
    struct nvr_segment_hole holes[NVR_SEGMENT_HOLES_MAX]; /* when read back */
    size_t holes_count;
};

/* Frees what is inside. */
void nvr_segment_done(struct nvr_segment *segment);
/* 0, -ENOMEM; beyond NVR_SEGMENT_KEYS_MAX keys are left out. */
NVR_CHECK int nvr_segment_add_key(struct nvr_segment *segment, uint32_t ms, uint64_t offset);
/* A fragment with video begins at offset, ms after the start; called for each of them in order. The
 * digest that belongs there, its sum still to be filled in; NULL: none. Whoever reads the same file
 * gets the same ones. Valid until the next call. */
struct nvr_segment_digest *nvr_segment_add_digest(struct nvr_segment *segment, uint32_t ms,
                                                  uint64_t offset);
/* The RPC object; NULL: out of memory. */
json_t *nvr_segment_to_json(const struct nvr_segment *segment);

/* "2026-01-02/03" and "segment_20260102_030405.mp4" (attempt 1), "…_2.mp4" (attempt 2) … */
NVR_CHECK int nvr_segment_folder(int64_t start_us, char *dst, size_t dst_size);
NVR_CHECK int nvr_segment_name(int64_t start_us, unsigned attempt, char *dst, size_t dst_size);

/* "h264" for "avc1.64001f,mp4a.40.2" and so on. Constant. */
const char *nvr_segment_codec(const char *codecs);
const char *nvr_segment_audio_codec(const char *codecs); /* NULL: none */

enum nvr_segment_action {
    NVR_SEGMENT_SKIP,   /* nothing can begin with this */
    NVR_SEGMENT_APPEND, /* into the open file */
    NVR_SEGMENT_BEGIN,  /* close the open file, if any, and begin one */
};
struct nvr_segment_cut {
    bool open;
    bool pending;  /* cut at the next key frame: time did not continue */
    bool new_init; /* the entry's init segment is another one than the file's */
    int64_t start_us;
    uint64_t bytes;
    int64_t length_us; /* wanted */
};
/* What to do with the next entry. */
enum nvr_segment_action nvr_segment_decide(const struct nvr_segment_cut *cut,
                                           const struct nvr_ring_entry *entry);

#endif
