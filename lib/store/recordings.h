/* recordings.h — table `recordings`: PRIMARY KEY(camera_id, start_ms), WITHOUT ROWID. */
#ifndef NVR_STORE_RECORDINGS_H
#define NVR_STORE_RECORDINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/id.h"
#include "lib/base/macros.h"
#include "lib/media/evidence.h"
#include "lib/store/store.h"

#define NVR_RECORDING_ID_SIZE (NVR_SLUG_SIZE + 24) /* "<camera_id>-<start_ms>" */
#define NVR_RECORDING_PATH_SIZE 256
#define NVR_RECORDING_KEYS_MAX 512
#define NVR_RECORDING_DIGESTS_MAX 128
#define NVR_RECORDING_SPAN_MAX_MS                                                                  \
    INT64_C(3600000) /* no segment is longer; bounds overlap searches */
#define NVR_RECORDINGS_LIMIT_MAX 10000
#define NVR_RECORDINGS_CAMERAS_MAX 512

struct nvr_recording {
    char camera_id[NVR_SLUG_SIZE];
    char stream[8]; /* "main" */
    int64_t start_ms, end_ms;
    char file_path[NVR_RECORDING_PATH_SIZE]; /* below the recordings folder */
    int64_t file_size;
    char tier[8];     /* hot|warm|cold */
    int64_t location; /* storage_locations; 0: the recordings folder */
    bool motion, has_events, protected_;
    int64_t event_count;
    char codec[16], audio_codec[16], codec_string[96];
    uint32_t width, height;
    double fps;
    int64_t bitrate; /* bit/s */
    char init_id[40];
    uint32_t init_size;
    char checksum[65]; /* hex SHA-256 of the file */
    /* Its link of the camera's chain, made by the upsert; seq 0: none (from before there was one).
     */
    int64_t seq;
    bool is_signed;
    uint8_t chain_prev[NVR_SHA256_SIZE], chain[NVR_SHA256_SIZE];
    uint8_t signature[NVR_ED25519_SIGNATURE_SIZE];
    /* key frames: ms after start, byte offset; stored packed (varint deltas) */
    uint32_t keys_count;
    struct {
        uint32_t ms, offset;
    } keys[NVR_RECORDING_KEYS_MAX];
    /* With the key frames: prefix digests about every second. */
    uint32_t digests_count;
    struct nvr_prefix_digest digests[NVR_RECORDING_DIGESTS_MAX];
};

void nvr_recording_id(const char *camera_id, int64_t start_ms, char dst[NVR_RECORDING_ID_SIZE]);
/* 0 or -EINVAL. */
NVR_CHECK int nvr_recording_id_parse(const char *id, char camera_id[NVR_SLUG_SIZE],
                                     int64_t *ret_start_ms);

/* In a write job. Same camera and start again: replaced (a repaired file); what is known of its
 * motion, events and protection stays. The row becomes the next link of its camera's evidence
 * chain, signed with the store's key; the same bytes again keep their link. -EINVAL: a field is out
 * of range (longer than NVR_RECORDING_SPAN_MAX_MS, checksum no hex …). */
NVR_CHECK int nvr_recordings_upsert(struct nvr_db *db, const struct nvr_recording *recording);
NVR_CHECK int nvr_recordings_delete(struct nvr_db *db, const char *camera_id, int64_t start_ms);
/* At most limit of a camera's rows that begin before before_ms. How many went: limit means that
 * there may be more. In steps, because one job for a month of rows would make others wait. */
NVR_CHECK int nvr_recordings_delete_some(struct nvr_db *db, const char *camera_id,
                                         int64_t before_ms, unsigned limit);

/* The row's link; false: it has none. */
bool nvr_recording_get_link(const struct nvr_recording *recording,
                            struct nvr_evidence_link *ret_link);

/* 0 or -ENOENT. */
NVR_CHECK int nvr_recordings_get(struct nvr_db *db, const char *camera_id, int64_t start_ms,
                                 struct nvr_recording *ret_recording);
/* The segment that covers at_ms. 0 or -ENOENT. */
NVR_CHECK int nvr_recordings_find(struct nvr_db *db, const char *camera_id, int64_t at_ms,
                                  struct nvr_recording *ret_recording);
/* Every segment that overlaps [start, end), oldest first; visit returns 0 to go on, 1 to stop,
 * -errno. recording is borrowed. with_keys: unpack key frames too. 0, or visit's error. */
typedef int (*nvr_recordings_visit)(const struct nvr_recording *recording, void *arg);
NVR_CHECK int nvr_recordings_each(struct nvr_db *db, const char *camera_id, int64_t start_ms,
                                  int64_t end_ms, bool with_keys, nvr_recordings_visit visit,
                                  void *arg);
/* Pages of several cameras, newest first. camera_ids NULL: all. before_*: cursor (exclusive), ms 0:
 * none. */
struct nvr_recordings_query {
    const char *const *camera_ids;
    size_t camera_count;
    int64_t start_ms, end_ms; /* overlap; 0, 0: all */
    int64_t before_start_ms;
    char before_camera[NVR_SLUG_SIZE];
    unsigned limit;
};
NVR_CHECK int nvr_recordings_list(struct nvr_db *db, const struct nvr_recordings_query *query,
                                  nvr_recordings_visit visit, void *arg);
/* Only what a timeline needs, straight off the primary key: start, end, size. */
typedef int (*nvr_recordings_span)(int64_t start_ms, int64_t end_ms, int64_t size, void *arg);
NVR_CHECK int nvr_recordings_spans(struct nvr_db *db, const char *camera_id, int64_t start_ms,
                                   int64_t end_ms, nvr_recordings_span visit, void *arg);
/* Kept per camera in a table by triggers: bytes, segments, first and last ms. 0 or -ENOENT. */
struct nvr_recordings_totals {
    int64_t bytes, segments, first_ms, last_ms;
};
NVR_CHECK int nvr_recordings_totals(struct nvr_db *db, const char *camera_id,
                                    struct nvr_recordings_totals *ret_totals);
/* Of every camera that has recordings. visit: 0 go on, 1 stop, -errno. */
typedef int (*nvr_recordings_totals_visit)(const char *camera_id,
                                           const struct nvr_recordings_totals *totals, void *arg);
NVR_CHECK int nvr_recordings_totals_each(struct nvr_db *db, nvr_recordings_totals_visit visit,
                                         void *arg);

#endif
