#include "src/camera/backoff.h"

void nvr_backoff_reset(struct nvr_backoff *backoff)
{
    backoff->failures = 0;
}

unsigned nvr_backoff_next_ms(struct nvr_backoff *backoff, uint32_t random)
{
    unsigned base = NVR_BACKOFF_LIMIT_MS;
    unsigned spread;

    if (backoff->failures < 6) /* 2^6 s is above the limit */
        base = (unsigned)NVR_BACKOFF_MIN_MS << backoff->failures;
    if (base > NVR_BACKOFF_LIMIT_MS)
        base = NVR_BACKOFF_LIMIT_MS;
    if (backoff->failures < 1000)
        backoff->failures++;
    spread = base * NVR_BACKOFF_JITTER_PERCENT / 100;
    return base - spread + random % (2 * spread + 1);
}

size_t nvr_backoff_next_url(size_t current, size_t count, int *ret_pause)
{
    *ret_pause = current + 1 >= count;
    return *ret_pause ? 0 : current + 1;
}
