/* patience.c — sound comes in packets of a hundred bytes between the pictures, and waits for the
 * next picture anyway. Waking up for each of them doubles the cost of a camera, so the kernel is
 * told (SO_RCVLOWAT) to wake us when there is about as much as a picture. Never while a picture is
 * incomplete: its last bytes must not wait; and only at rates where a picture that is smaller than
 * all before would wait for a fraction of a second. */
#include "lib/rtsp/client.h"

#define WINDOW_FRAMES 32
#define WINDOW_MAX_US 4000000 /* 32 frames in 4 s: 8 frames a second */
#define BYTES_MAX 2048

void nvr_rtsp_patience_init(struct nvr_rtsp_patience *patience)
{
    *patience =
        (struct nvr_rtsp_patience){.smallest = SIZE_MAX, .earlier = SIZE_MAX, .in_force = 1};
}

static void end_window(struct nvr_rtsp_patience *patience, int64_t now_us)
{
    const bool first = patience->window_start_us == 0;

    patience->known = !first && now_us - patience->window_start_us <= WINDOW_MAX_US;
    patience->earlier = patience->smallest;
    patience->smallest = SIZE_MAX;
    patience->frames = 0;
    patience->window_start_us = now_us;
}

void nvr_rtsp_patience_video(struct nvr_rtsp_patience *patience, size_t size, bool marker,
                             int64_t now_us)
{
    patience->frame_bytes += size;
    if (!marker)
        return;
    patience->smallest = NVR_MIN(patience->smallest, patience->frame_bytes);
    patience->frame_bytes = 0;
    if (++patience->frames == WINDOW_FRAMES)
        end_window(patience, now_us);
}

int nvr_rtsp_patience_bytes(const struct nvr_rtsp_patience *patience, bool partial)
{
    const size_t smallest = NVR_MIN(patience->smallest, patience->earlier);

    if (!patience->known || partial || patience->frame_bytes > 0)
        return 1;
    return (int)NVR_MAX(NVR_MIN(smallest / 2, (size_t)BYTES_MAX), (size_t)1);
}
