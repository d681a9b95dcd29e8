/* timer.h — a timer on the heap: it outlives its owner until libuv let go of it. */
#ifndef NVR_IPC_TIMER_H
#define NVR_IPC_TIMER_H

#include <uv.h>

/* Not started. data: its ->data. NULL: out of memory. */
uv_timer_t *nvr_timer_new(uv_loop_t *loop, void *data);
/* Closed; its memory goes when the loop turns. NULL: no-op. */
void nvr_timer_free(uv_timer_t *timer);

#endif
