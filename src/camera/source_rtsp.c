/* RTSP by lib/rtsp: everything on the loop's thread, frames handed on without a copy. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/rtsp/rtsp.h"
#include "src/camera/source.h"

NVR_LOG_TOPIC("source");

struct rtsp_source {
    struct nvr_source base;
    struct nvr_rtsp *client;
    const struct nvr_source_handlers *handlers;
    void *arg;
    int video, audio; /* track indexes, -1: none */
    uint32_t video_rate;
};

static struct rtsp_source *from_base(struct nvr_source *source)
{
    return (struct rtsp_source *)source;
}

static void on_tracks(struct nvr_rtsp *client, const struct nvr_rtsp_track *tracks, size_t count,
                      void *arg)
{
    struct rtsp_source *s = arg;
    struct nvr_source_tracks out = {.video = NVR_CODEC_NONE, .audio = NVR_CODEC_NONE};

    for (size_t i = 0; i < count; i++) {
        const struct nvr_rtsp_track *t = &tracks[i];

        if (t->video && s->video < 0 && t->clock_rate > 0) {
            s->video = (int)i;
            s->video_rate = t->clock_rate;
            out.video = t->codec;
            out.fps = t->fps;
            out.video_config = t->config;
            out.video_config_size = t->config_size;
        } else if (!t->video && s->audio < 0 && t->clock_rate > 0) {
            s->audio = (int)i;
            out.audio = t->codec;
            out.audio_rate = t->clock_rate;
            out.audio_channels = t->channels;
            out.audio_config = t->config;
            out.audio_config_size = t->config_size;
        }
    }
    if (out.video == NVR_CODEC_NONE) {
        struct nvr_trouble trouble;

        nvr_trouble_set(&trouble, NVR_TROUBLE_NO_VIDEO, NULL);
        s->handlers->on_end(&trouble, s->arg);
        return;
    }
    log_debug("RTSP server '%s', %zu tracks", nvr_rtsp_get_server(client), count);
    s->handlers->on_tracks(&out, s->arg);
}

static void on_frame(struct nvr_rtsp *client, const struct nvr_rtsp_frame *frame, void *arg)
{
    struct rtsp_source *s = arg;
    struct nvr_source_frame out = {
        .video = (int)frame->track == s->video,
        .key = frame->key,
        .damaged = frame->damaged,
        .data = frame->data,
        .size = frame->size,
        .pts = frame->pts,
        .wall_us = frame->wall_us,
        .arrival_us = frame->arrival_us,
    };

    (void)client;
    if (!out.video && (int)frame->track != s->audio)
        return;
    if (out.video && s->video_rate != NVR_VIDEO_TIMESCALE)
        out.pts = (int64_t)((__int128)frame->pts * NVR_VIDEO_TIMESCALE / s->video_rate);
    s->handlers->on_frame(&out, s->arg);
}

static void on_close(struct nvr_rtsp *client, const struct nvr_rtsp_reason *reason, void *arg)
{
    struct rtsp_source *s = arg;
    struct nvr_trouble trouble;

    (void)client;
    nvr_trouble_set(&trouble, nvr_trouble_from_name(reason->code), reason->message);
    trouble.other_transport = reason->other_transport;
    trouble.is_final = reason->error == -ELOOP;
    s->handlers->on_end(&trouble, s->arg);
}

static void rtsp_close(struct nvr_source *source)
{
    struct rtsp_source *s = from_base(source);

    nvr_rtsp_close(s->client);
    free(s);
}

static uint64_t rtsp_get_dropped(const struct nvr_source *source)
{
    const struct rtsp_source *s = (const struct rtsp_source *)source;
    struct nvr_rtsp_stats stats;

    nvr_rtsp_get_stats(s->client, &stats);
    return stats.lost + stats.dropped;
}

int nvr_source_rtsp_open(uv_loop_t *loop, const struct nvr_source_address *address,
                         const struct nvr_source_handlers *handlers, void *arg,
                         struct nvr_source **ret_source)
{
    static const struct nvr_source_ops ops = {.close = rtsp_close, .get_dropped = rtsp_get_dropped};
    static const struct nvr_rtsp_handlers rtsp_handlers = {
        .on_tracks = on_tracks, .on_frame = on_frame, .on_close = on_close};
    const struct nvr_rtsp_options options = {
        .url = address->url,
        .username = address->username,
        .password = address->password,
        .auth_type = address->auth_type,
        .transport = address->transport == NVR_SOURCE_UDP ? NVR_RTSP_UDP : NVR_RTSP_TCP,
        .timeout_ms = address->timeout_ms,
        .want_audio = address->want_audio,
    };
    struct rtsp_source *s = malloc(sizeof(*s));
    int r;

    assert(handlers && ret_source);
    if (!s)
        return -ENOMEM;
    *s = (struct rtsp_source){
        .base.ops = &ops, .handlers = handlers, .arg = arg, .video = -1, .audio = -1};
    r = nvr_rtsp_open(loop, &options, &rtsp_handlers, s, &s->client);
    if (r < 0) {
        free(s);
        return r;
    }
    *ret_source = &s->base;
    return 0;
}
