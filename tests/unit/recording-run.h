/* recording-run.h — a recorder's thread with a ring and made-up video, for the tests of what faults
 * leave. Also: everything that is in the folder afterwards, as role index sees it. */
#ifndef RECORDING_RUN_H
#define RECORDING_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "lib/media/segment.h"
#include "lib/ring/ring.h"
#include "src/camera/recorder.h"

#define RUN_CAMERA "door"
#define RUN_FRAME_US 66666
#define RUN_KEY_EVERY 10
#define RUN_FILES_MAX 256
#define RUN_GAPS_MAX 64

struct run_gap {
    int64_t from_us, to_us;
    enum nvr_recorder_cause cause;
};

struct run {
    char folder[64]; /* of the camera */
    int root_fd;
    uint64_t seed;
    uv_loop_t loop;
    struct nvr_ring *ring;
    struct nvr_recorder *recorder;
    uint64_t frames; /* fed so far */
    int64_t start_us;
    size_t largest;  /* bytes of a frame, at most */
    bool broken_off; /* the next frame's time does not continue */

    struct nvr_segment reported[RUN_FILES_MAX];
    size_t reported_count;
    struct run_gap gaps[RUN_GAPS_MAX];
    size_t gaps_count;
    char error[200]; /* the newest that was told, "" when all is well */
    unsigned errors;
};

/* What is in the folder. */
struct run_file {
    char path[NVR_SEGMENT_PATH_SIZE]; /* below the camera's folder */
    int result;                       /* of nvr_scan_file() */
    bool repaired;
    struct nvr_segment segment;
};
struct run_files {
    struct run_file items[RUN_FILES_MAX];
    size_t count;
};

/* A folder of its own below /tmp. Assertion failures end the test. */
void run_begin(struct run *run, uint64_t seed, size_t ring_size);
void run_start_recorder(struct run *run, const struct nvr_recorder_options *options);
/* Feed one frame; every few of them the recorder is kicked and the loop runs once. */
void run_feed(struct run *run);
void run_feed_many(struct run *run, unsigned frames);
int64_t run_now_us(const struct run *run); /* decode time of the next frame */
void run_turn(struct run *run);            /* the loop, once */
void run_pause_us(unsigned us);
void run_end_recorder(struct run *run);
void run_remove(struct run *run); /* frees everything, the folder too */

/* Every file's path only. */
void run_list(const struct run *run, struct run_files *files);
/* Every file, indexed (and repaired) as role index does it. */
void run_scan(const struct run *run, struct run_files *files);
void run_files_done(struct run_files *files);
/* Index it again: nothing more to repair, the same result. */
void run_check_plays(const struct run *run, const struct run_file *file);
/* What was reported is in the folder, byte for byte. */
void run_check_reported(const struct run *run, const struct run_files *files);
/* Each frame from first to last is in an indexed file or in a gap that was told. */
void run_check_complete(const struct run *run, const struct run_files *files, uint64_t first,
                        uint64_t last);
const struct run_file *run_find_time(const struct run_files *files, int64_t at_us);

#endif
