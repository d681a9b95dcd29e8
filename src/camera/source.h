/* source.h — one connection to one stream: tracks once, then frames, then one end.
 *
 *   nvr_source_open() → on_tracks() once → on_frame()… → on_end() once, if it ends by itself.
 *   nvr_source_close() exactly once, from anywhere, callbacks included; no callback afterwards.
 *
 * RTSP over TCP or UDP is lib/rtsp's on the loop's thread; all else is libavformat's on a thread of
 * its own (it blocks), whose packets cross to the loop by a bounded queue. Callbacks run on the
 * loop's thread; what they get is borrowed. */
#ifndef NVR_CAMERA_SOURCE_H
#define NVR_CAMERA_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "lib/base/codec.h"
#include "lib/base/macros.h"
#include "src/camera/config.h"
#include "src/camera/trouble.h"

#define NVR_VIDEO_TIMESCALE 90000

struct nvr_source_tracks {
    enum nvr_codec video;        /* never NONE */
    double fps;                  /* 0: not told */
    uint32_t width, height;      /* 0: see the parameter sets */
    const uint8_t *video_config; /* H.264/5: parameter sets as Annex B; AV1: av1C; may be empty */
    size_t video_config_size;
    enum nvr_codec audio; /* NONE: no audio */
    uint32_t audio_rate;  /* unit of the audio's pts */
    uint32_t audio_channels;
    const uint8_t *audio_config; /* AAC: AudioSpecificConfig */
    size_t audio_config_size;
    bool one_clock; /* both count from the same moment (RTP does not, but by sender reports) */
};

struct nvr_source_frame {
    bool video;
    bool key;
    bool damaged;        /* pieces are missing */
    const uint8_t *data; /* Annex B access unit, JPEG, AV1 temporal unit; audio as in lib/rtsp */
    size_t size;
    int64_t pts;        /* video: 1/90000 s; audio: 1/audio_rate s; decode order */
    int64_t wall_us;    /* the camera's clock, only to align audio with video; 0: unknown */
    int64_t arrival_us; /* ours, when its last byte came */
};

struct nvr_source_handlers {
    void (*on_tracks)(const struct nvr_source_tracks *tracks, void *arg);
    void (*on_frame)(const struct nvr_source_frame *frame, void *arg);
    void (*on_end)(const struct nvr_trouble *trouble, void *arg);
};

struct nvr_source;
struct nvr_source_ops {
    void (*close)(struct nvr_source *source);
    uint64_t (*get_dropped)(const struct nvr_source *source);
};
/* Embedded first in each kind. */
struct nvr_source {
    const struct nvr_source_ops *ops;
};

/* True when lib/rtsp speaks this address. */
bool nvr_source_is_rtsp(const struct nvr_source_address *address);

/* Results come by callbacks, never before this returns. libav: use libavformat also for RTSP.
 * 0, -EINVAL (URL), -ENOTSUP (scheme), -ENOMEM, thread errors. */
NVR_CHECK int nvr_source_open(uv_loop_t *loop, const struct nvr_source_address *address, bool libav,
                              const struct nvr_source_handlers *handlers, void *arg,
                              struct nvr_source **ret_source);
void nvr_source_close(struct nvr_source *source); /* NULL: no-op */
/* Packets lost or dropped on this connection. */
uint64_t nvr_source_get_dropped(const struct nvr_source *source);

NVR_CHECK int nvr_source_rtsp_open(uv_loop_t *loop, const struct nvr_source_address *address,
                                   const struct nvr_source_handlers *handlers, void *arg,
                                   struct nvr_source **ret_source);
NVR_CHECK int nvr_source_av_open(uv_loop_t *loop, const struct nvr_source_address *address,
                                 const struct nvr_source_handlers *handlers, void *arg,
                                 struct nvr_source **ret_source);
/* Closed libavformat sources whose thread is still inside a call that cannot be interrupted (DNS).
 */
unsigned nvr_source_av_lingering(void);

#endif
