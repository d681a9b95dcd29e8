#include "lib/ipc/timer.h"

#include <stdlib.h>

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

uv_timer_t *nvr_timer_new(uv_loop_t *loop, void *data)
{
    uv_timer_t *timer = calloc(1, sizeof(*timer));

    if (!timer)
        return NULL;
    (void)uv_timer_init(loop, timer);
    timer->data = data;
    return timer;
}

void nvr_timer_free(uv_timer_t *timer)
{
    if (timer)
        uv_close((uv_handle_t *)timer, free_handle);
}
