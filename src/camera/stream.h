/* stream.h — one stream of a camera (main or sub), kept connected: source → mux → ring.
 *
 *   starting → online ⇄ offline | error
 * Back-off, fall-back addresses, libavformat when our RTSP client does not understand a server,
 * and the circuit breaker for refused credentials live here. Threads: the loop's. */
#ifndef NVR_CAMERA_STREAM_H
#define NVR_CAMERA_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "lib/base/macros.h"
#include "lib/ring/ring.h"
#include "src/camera/config.h"
#include "src/camera/mux.h"
#include "src/camera/trouble.h"

enum nvr_stream_status {
    NVR_STREAM_STARTING,
    NVR_STREAM_ONLINE,
    NVR_STREAM_OFFLINE, /* may pass by itself */
    NVR_STREAM_ERROR,   /* a person has to change something */
};
const char *nvr_stream_status_name(enum nvr_stream_status status);

/* Shared by a camera's streams: they log in as the same user. */
struct nvr_stream_breaker {
    int64_t until_ms; /* wall clock; no attempt before */
};

struct nvr_stream_options {
    uv_loop_t *loop;
    const char *name;                         /* "main", "sub"; constant */
    const struct nvr_source_address *address; /* all but the URL; borrowed */
    const char (*urls)[NVR_URL_MAX];          /* in the order to try; borrowed */
    size_t urls_count;
    size_t ring_min;
    unsigned keep_seconds;
    struct nvr_stream_breaker *breaker;
};

struct nvr_stream;
struct nvr_stream_handlers {
    void (*on_ring)(struct nvr_stream *stream, int fd, void *arg);
    void (*on_fragment)(struct nvr_stream *stream, const struct nvr_ring_entry *entry, void *arg);
    /* Status or error changed. */
    void (*on_status)(struct nvr_stream *stream, void *arg);
    /* The connection is over; nothing comes until the next one. */
    void (*on_down)(struct nvr_stream *stream, void *arg);
};

struct nvr_stream_info {
    const char *name;
    enum nvr_stream_status status;
    struct nvr_trouble trouble; /* code NONE: none */
    size_t url_index;
    int64_t next_try_ms;        /* wall clock; 0: none waits */
    int64_t connected_since_ms; /* 0: not online */
    uint64_t reconnects, dropped_packets;
    bool libav; /* the connection is libavformat's */
    uint64_t bitrate;
    struct nvr_mux_stats mux;
};

NVR_CHECK int nvr_stream_new(const struct nvr_stream_options *options,
                             const struct nvr_stream_handlers *handlers, void *arg,
                             struct nvr_stream **ret_stream);
void nvr_stream_start(struct nvr_stream *stream);
/* Drop the connection, forget every pause, connect again. */
void nvr_stream_reconnect(struct nvr_stream *stream);
/* Called every few seconds: finds a stream that fell silent, measures the bit rate. */
void nvr_stream_check(struct nvr_stream *stream);
int nvr_stream_watch_take(struct nvr_stream *stream, int fd); /* see nvr_mux_watch_take() */
void nvr_stream_get_info(const struct nvr_stream *stream, struct nvr_stream_info *ret_info);
/* Drop the connection; no callback but on_down, on_fragment comes any more. */
void nvr_stream_stop(struct nvr_stream *stream);
/* After nvr_stream_stop(); the memory goes when the loop has run. NULL: no-op. */
void nvr_stream_free(struct nvr_stream *stream);

#endif
