#include "src/supervisor/backoff.h"

#include "lib/base/macros.h"
#include "src/supervisor/supervisor.h"

int64_t backoff_next(struct backoff *backoff, int64_t healthy_ms)
{
    int64_t delay = NVR_BACKOFF_FIRST_MS;

    if (healthy_ms >= NVR_BACKOFF_RESET_MS)
        backoff->attempt = 0;
    const unsigned attempt = backoff->attempt;

    if (backoff->attempt < 1000)
        backoff->attempt++;
    if (attempt == 0)
        return NVR_BACKOFF_AT_ONCE_MS;
    for (unsigned i = 1; i < attempt && delay < NVR_BACKOFF_MAX_MS; i++)
        delay *= 2;
    return NVR_MIN(delay, (int64_t)NVR_BACKOFF_MAX_MS);
}

void backoff_reset(struct backoff *backoff)
{
    backoff->attempt = 0;
}
