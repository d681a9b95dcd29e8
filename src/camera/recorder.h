/* recorder.h — a thread that copies whole fragments from the media ring into segment files.
 *
 * A slow disk stops only this thread; live goes on. It sleeps until it is kicked (the loop does
 * that at most four times a second) and writes what came since by one write().
 * Only what lies in the core's window is written (gate.h); while there is none the thread sleeps.
 * What is older than flush_seconds is durable: it outlives a power cut.
 * A full or broken disk: the file is cut back to whole fragments and closed, on_state tells it,
 * every few seconds it tries again by itself. A disk that does not answer: nvr_recorder_check()
 * tells it, and nothing here waits for it. What was not recorded is told by on_gap.
 * Threads: all functions on the loop's thread; callbacks come on it too (by nvr_post). */
#ifndef NVR_CAMERA_RECORDER_H
#define NVR_CAMERA_RECORDER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "lib/base/macros.h"
#include "lib/media/segment.h"
#include "src/camera/gate.h"

#define NVR_RECORDER_WAKE_MS 250
#define NVR_RECORDER_RETRY_MS 3000
#define NVR_RECORDER_HUNG_MS 10000 /* no call to the disk takes that long: it does not answer */
#define NVR_RECORDER_FLUSH_SECONDS 2

struct nvr_recorder;

enum nvr_recorder_cause {
    NVR_RECORDER_OVERLOAD, /* the machine was too slow */
    NVR_RECORDER_DISK,     /* the disk was full, broken, or did not answer */
    NVR_RECORDER_SILENT,   /* the camera sent nothing; another file begins behind it */
    NVR_RECORDER_FROZEN,   /* the camera sent nothing; the file goes on over it, for want of a key
                              frame to begin another one with */
};

struct nvr_recorder_handlers {
    /* A file is closed and durable. Takes what is inside of segment. */
    void (*on_segment)(struct nvr_segment *segment, void *arg);
    /* recording: a file is open. error: NULL, or why nothing can be written, in words. */
    void (*on_state)(bool recording, const char *error, void *arg);
    /* What came between these times was wanted and is in no file. It is told when it is over. */
    void (*on_gap)(int64_t from_us, int64_t to_us, enum nvr_recorder_cause cause, void *arg);
};

struct nvr_recorder_state {
    bool active;
    char file[NVR_SEGMENT_PATH_SIZE]; /* being written, "" none */
    int64_t start_ms;                 /* of that file */
    uint64_t bytes;                   /* written by this worker, all files */
    uint64_t lost;                    /* fragments that came too fast for the disk */
    char error[200];
};

struct nvr_recorder_options {
    const char *camera;
    unsigned segment_seconds;
    unsigned flush_ms; /* 0: only when a file is closed */
    unsigned retry_ms; /* 0: NVR_RECORDER_RETRY_MS */
    unsigned hung_ms;  /* 0: NVR_RECORDER_HUNG_MS */
};

/* Takes root_fd (folder of the camera), even on failure. */
NVR_CHECK int nvr_recorder_new_take(uv_loop_t *loop, int root_fd,
                                    const struct nvr_recorder_options *options,
                                    const struct nvr_recorder_handlers *handlers, void *arg,
                                    struct nvr_recorder **ret_recorder);
/* Read this ring, after what is still in the one before. fd is borrowed. When too many wait the
 * oldest of them is let go. */
NVR_CHECK int nvr_recorder_set_ring(struct nvr_recorder *recorder, int fd);
/* What is to be recorded; nothing before the first call. A window that begins reaches back into the
 * ring, one that changes while a file is open goes on in it. now_us: where the stream is. */
void nvr_recorder_set_window(struct nvr_recorder *recorder, const struct nvr_window *window,
                             int64_t now_us);
/* Now and then: ends a window whose frames fail to come, lets go of rings that are older than
 * keep_ms and not needed for pre-roll. */
void nvr_recorder_check_window(struct nvr_recorder *recorder, int64_t keep_ms);
/* There is something new; costs nothing while nothing is wanted. */
void nvr_recorder_kick(struct nvr_recorder *recorder);
/* Nothing more comes for now: write the rest and close the file. */
void nvr_recorder_finish(struct nvr_recorder *recorder);
void nvr_recorder_get_state(struct nvr_recorder *recorder, struct nvr_recorder_state *ret_state);
/* Now and then: tells by on_state when the disk does not answer, and when it does again. */
void nvr_recorder_check(struct nvr_recorder *recorder);
/* Write the rest, close, end the thread; does not wait for it. */
void nvr_recorder_stop(struct nvr_recorder *recorder);
/* After nvr_recorder_stop(): the thread is at its end, all is reported. */
bool nvr_recorder_is_stopped(struct nvr_recorder *recorder);
/* Stops and waits, as long as the disk takes; the last callbacks run before it returns. Who must
 * not wait asks nvr_recorder_is_stopped() first, and leaves a recorder whose disk does not answer
 * to the end of the process. NULL: no-op. */
void nvr_recorder_free(struct nvr_recorder *recorder);

#endif
