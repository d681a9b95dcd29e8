/* patience.c — sound comes in packets of a hundred bytes between the pictures, and waits for the
 * next picture anyway. Waking up for each of them doubles the cost of a camera, so the kernel is
 * told (SO_RCVLOWAT) to wake us when there is about as much as a picture. Never while a picture is
 * incomplete: its last bytes must not wait; and only at rates where a picture that is smaller than
 * all of the last ones would wait for a fraction of a second. */
#include "lib/rtsp/client.h"

#define WINDOW_FRAMES 32
#define WINDOW_MAX_US 4000000 /* 32 frames in 4 s: 8 frames a second */
#define BYTES_MAX 2048

void nvr_rtsp_patience_init(struct nvr_rtsp_patience *patience)
{
    *patience = (struct nvr_rtsp_patience){.in_force = 1};
    for (size_t i = 0; i < NVR_RTSP_PATIENCE_WINDOWS; i++)
        patience->smallest[i] = SIZE_MAX;
}

static void end_window(struct nvr_rtsp_patience *patience, int64_t now_us)
{
    const bool good =
        patience->window_start_us && now_us - patience->window_start_us <= WINDOW_MAX_US;

    patience->good_windows = good ? patience->good_windows + 1 : 0;
    patience->window = (patience->window + 1) % NVR_RTSP_PATIENCE_WINDOWS;
    patience->smallest[patience->window] = SIZE_MAX;
    patience->frames = 0;
    patience->window_start_us = now_us;
}

void nvr_rtsp_patience_video(struct nvr_rtsp_patience *patience, size_t size, bool marker,
                             int64_t now_us)
{
    size_t *smallest = &patience->smallest[patience->window];

    patience->frame_bytes += size;
    if (!marker)
        return;
    *smallest = NVR_MIN(*smallest, patience->frame_bytes);
    patience->frame_bytes = 0;
    if (++patience->frames == WINDOW_FRAMES)
        end_window(patience, now_us);
}

int nvr_rtsp_patience_bytes(const struct nvr_rtsp_patience *patience, bool partial)
{
    size_t bytes = (size_t)BYTES_MAX * 2;

    if (patience->good_windows < NVR_RTSP_PATIENCE_WINDOWS || partial || patience->frame_bytes > 0)
        return 1;
    for (size_t i = 0; i < NVR_RTSP_PATIENCE_WINDOWS; i++)
        bytes = NVR_MIN(bytes, patience->smallest[i]);
    return (int)NVR_MAX(bytes / 2, (size_t)1);
}
