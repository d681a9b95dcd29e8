/* rtsp.h — RTSP 1.0 client (RFC 2326) with RTP over TCP or UDP: from a URL to whole frames.
 *
 *   nvr_rtsp_open() → on_tracks() once → on_frame()… → on_close() once, if it ends by itself.
 *   nvr_rtsp_close() exactly once for each opened client, from anywhere, callbacks included.
 *
 * Threads:   all calls and callbacks on the loop's thread; no threads but libuv's for DNS (none for
 *            a numeric address).
 * Ownership: the client belongs to the caller until nvr_rtsp_close(); everything given to a
 *            callback is borrowed for its duration. Options and URL are copied.
 * Deadlines: timeout_ms for DNS + connect, for each response, and for silence between packets.
 * Limits:    below; whatever the camera sends beyond them ends the connection ("protocol") or costs
 *            the frame, never memory. No allocation per packet or frame once buffers have grown.
 * Attempts:  one connection (redirects apart) and one retry with credentials; nothing is tried
 *            again by itself, so a camera is never hammered. */
#ifndef NVR_RTSP_RTSP_H
#define NVR_RTSP_RTSP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "lib/base/codec.h"
#include "lib/base/macros.h"

#define NVR_RTSP_TRACKS_MAX 2    /* the first usable video, the first usable audio */
#define NVR_RTSP_CONFIG_MAX 4096 /* parameter sets / AAC config of a track */
#define NVR_RTSP_FRAME_MAX ((size_t)8 * 1024 * 1024) /* larger frames are dropped and counted */
#define NVR_RTSP_PADDING 64                          /* zero bytes readable behind every frame */
#define NVR_RTSP_REDIRECTS_MAX 5
#define NVR_RTSP_TIMEOUT_MS 8000 /* when timeout_ms is 0 */

enum nvr_rtsp_auth {
    NVR_RTSP_AUTH_AUTO, /* the strongest the server offers */
    NVR_RTSP_AUTH_BASIC,
    NVR_RTSP_AUTH_DIGEST,
    NVR_RTSP_AUTH_NONE,
};

enum nvr_rtsp_transport {
    NVR_RTSP_TCP,
    NVR_RTSP_UDP,
};

struct nvr_rtsp_options {
    const char *url;                 /* rtsp:// without credentials (they are ignored in it) */
    const char *username, *password; /* NULL or "": none */
    enum nvr_rtsp_auth auth_type;
    enum nvr_rtsp_transport transport;
    uint32_t timeout_ms;
    bool want_audio;
};

struct nvr_rtsp_track {
    enum nvr_codec codec; /* H264, H265, MJPEG; AAC, PCMU, PCMA, OPUS */
    bool video;
    uint8_t payload_type;
    uint32_t clock_rate;   /* unit of pts */
    uint32_t channels;     /* audio */
    double fps;            /* a=framerate; 0: not told */
    const uint8_t *config; /* H.264/5: parameter sets of the SDP as Annex B; AAC:
                              AudioSpecificConfig; else empty */
    size_t config_size;    /* 0 is normal for video: the sets then come in band */
};

struct nvr_rtsp_frame {
    unsigned track; /* index into on_tracks' array */
    /* Video: a whole access unit (Annex B with 4-byte start codes; MJPEG: a JPEG file). Audio: one
     * AAC access unit without ADTS, one packet of the others. */
    const uint8_t *data;
    size_t size;
    int64_t pts;     /* RTP time unwrapped to 64 bits, clock_rate units; any origin */
    int64_t wall_us; /* the camera's wall clock by its sender reports, µs since 1970; 0: unknown.
                        Only good for aligning audio with video */
    int64_t arrival_us; /* our wall clock when the frame's last packet was read */
    uint32_t lost;      /* packets that were lost before or inside this frame */
    bool key;           /* video: IDR / IRAP / any JPEG; audio: true */
    bool damaged;       /* pieces of it are missing; deliver or wait for a key frame as you like */
    bool marker;        /* ended by the RTP marker (else by the next frame's time stamp) */
    bool discontinuity; /* new RTP source (SSRC) or the first frame: pts starts anew */
};

struct nvr_rtsp_reason {
    int error;            /* -errno */
    const char *code;     /* unreachable|refused|timeout|bad_credentials|not_found|unsupported|
                             no_video|protocol|ended */
    const char *message;  /* plain words for users, no secrets */
    int status;           /* RTSP status that caused it, or 0 */
    bool other_transport; /* the server wants the other transport (461): try that one */
};

struct nvr_rtsp_stats {
    uint64_t packets, bytes; /* RTP received */
    uint64_t lost;           /* sequence numbers never seen */
    uint64_t late;           /* came too late or twice, dropped */
    uint64_t frames, damaged;
    uint64_t dropped; /* malformed packets, frames above NVR_RTSP_FRAME_MAX */
    uint32_t keepalives;
    uint32_t jitter_us; /* RFC 3550 interarrival jitter of the video */
};

struct nvr_rtsp;

/* All are required. on_tracks comes after PLAY was accepted (or, when the server sends media
 * first, before the first frame). */
struct nvr_rtsp_handlers {
    void (*on_tracks)(struct nvr_rtsp *client, const struct nvr_rtsp_track *tracks, size_t count,
                      void *arg);
    void (*on_frame)(struct nvr_rtsp *client, const struct nvr_rtsp_frame *frame, void *arg);
    void (*on_close)(struct nvr_rtsp *client, const struct nvr_rtsp_reason *reason, void *arg);
};

/* Starts; results come by callbacks, never before this returns. 0, -EINVAL (URL), -ENOTSUP (scheme
 * other than rtsp), -EMSGSIZE (a part is too long), -ENOMEM. */
NVR_CHECK int nvr_rtsp_open(uv_loop_t *loop, const struct nvr_rtsp_options *options,
                            const struct nvr_rtsp_handlers *handlers, void *arg,
                            struct nvr_rtsp **ret_client);
/* Sends TEARDOWN without waiting for it; no callback comes any more. The memory goes when the loop
 * has run the closing of its handles. NULL: no-op. */
void nvr_rtsp_close(struct nvr_rtsp *client);
void nvr_rtsp_get_stats(const struct nvr_rtsp *client, struct nvr_rtsp_stats *ret_stats);
/* The server's own name of itself ("Server:"), "" when it told none. Borrowed. */
const char *nvr_rtsp_get_server(const struct nvr_rtsp *client);

#endif
