/* backoff.h — how long to wait before a worker is started again. Pure.
 *
 * The first restart comes at once (NVR_BACKOFF_AT_ONCE_MS), so that a single crash costs next to
 * nothing; then 1, 2, 4 … 60 s. A run that was healthy for NVR_BACKOFF_RESET_MS begins anew. */
#ifndef NVR_SUPERVISOR_BACKOFF_H
#define NVR_SUPERVISOR_BACKOFF_H

#include <stdint.h>

#define NVR_BACKOFF_AT_ONCE_MS 100
#define NVR_BACKOFF_RESET_MS 60000

struct backoff {
    unsigned attempt;
};

/* Delay before the next start. healthy_ms: how long the run that just ended was healthy. */
int64_t backoff_next(struct backoff *backoff, int64_t healthy_ms);
void backoff_reset(struct backoff *backoff);

#endif
