/* backoff.h — when to try again: 1, 2, 4 … 60 s ± 20 %, reset by the first good frame (pure). */
#ifndef NVR_CAMERA_BACKOFF_H
#define NVR_CAMERA_BACKOFF_H

#include <stddef.h>
#include <stdint.h>

#define NVR_BACKOFF_MIN_MS 1000
#define NVR_BACKOFF_LIMIT_MS 60000
#define NVR_BACKOFF_JITTER_PERCENT 20
/* After refused credentials: cameras lock accounts after a few wrong attempts. */
#define NVR_BACKOFF_LOCKOUT_MS (5 * 60 * 1000)

struct nvr_backoff {
    unsigned failures; /* in a row */
};

void nvr_backoff_reset(struct nvr_backoff *backoff);
/* random: any 32 random bits. Milliseconds to wait after this failure. */
unsigned nvr_backoff_next_ms(struct nvr_backoff *backoff, uint32_t random);

/* Which address comes next: all in order without a pause in between, then the pause. Returns the
 * index to try; *ret_pause tells whether the back-off comes first. */
size_t nvr_backoff_next_url(size_t current, size_t count, int *ret_pause);

#endif
