/* gate.h — which part of the ring the recorder wants: the window [from, until) that the core names
 * (pure). The recorder never knows who asked for it.
 *
 * A window begins at a key frame and ends before one: the file goes on to the end of the group of
 * pictures, at most NVR_GATE_TAIL_US longer. So what a later window still finds in the ring joins
 * without a hole and without a picture twice. */
#ifndef NVR_CAMERA_GATE_H
#define NVR_CAMERA_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/ring/ring.h"

#define NVR_GATE_TAIL_US 3000000
#define NVR_GATE_GRACE_MS 10000 /* frames this late still belong to a window that is over */

struct nvr_window {
    int64_t from_us;
    int64_t until_us; /* INT64_MAX: no end; 0: nothing */
};

struct nvr_gate {
    struct nvr_window window;
    bool is_open;
    bool has_file;     /* something of this window was written */
    uint64_t recorded; /* newest entry of the current ring that was inside a window */
};

/* Another window. now_us: where the stream is, on its own clock. False: nothing is to be begun, or
 * what is open goes on. */
bool nvr_gate_set(struct nvr_gate *gate, const struct nvr_window *window, int64_t now_us);
/* The window ends before this entry. file_open: there is a file that a group of pictures is
 * missing the end of. */
bool nvr_gate_is_over(const struct nvr_gate *gate, const struct nvr_ring_entry *entry,
                      bool file_open);
/* A window that came at now_us, shifted from wall time to the stream's clock: after a jump of the
 * wall clock that follows it slowly (lib/media/stamp.h). */
struct nvr_window nvr_gate_shift(const struct nvr_window *window, int64_t wall_us, int64_t now_us);

#endif
