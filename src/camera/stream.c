#include "src/camera/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "src/camera/backoff.h"

NVR_LOG_TOPIC("stream");

#define AT_ONCE_MS 50
#define FIRST_FRAME_MS 20000 /* cameras with long groups of pictures */

struct nvr_stream {
    struct nvr_stream_options options;
    const struct nvr_stream_handlers *handlers;
    void *arg;
    struct nvr_mux *mux;
    struct nvr_source *source;
    uv_timer_t retry;
    bool stopped;

    size_t url_index;
    bool libav[NVR_CAMERA_URLS_MAX];   /* our client did not understand this server */
    bool flipped[NVR_CAMERA_URLS_MAX]; /* it wants the other transport */
    bool proven[NVR_CAMERA_URLS_MAX];  /* pictures came from it by our client */
    struct nvr_trouble own_trouble;    /* what our client said before libavformat tried */
    struct nvr_backoff backoff;
    enum nvr_stream_status status;
    struct nvr_trouble trouble;
    int64_t next_try_ms;
    int64_t connected_since_ms; /* first good frame of this connection; 0: none yet */
    int64_t opened_ms;          /* monotonic */
    int64_t last_frame_ms;      /* monotonic, checked every few seconds */
    uint64_t last_frames;
    uint64_t connections, dropped_before;
    uint64_t rate_bytes;
    int64_t rate_ms;
    uint64_t bitrate;
};

static void end_connection(struct nvr_stream *s, const struct nvr_trouble *trouble);

static bool is_rtsp(const struct nvr_stream *s)
{
    struct nvr_source_address address = {.transport = s->options.address->transport};

    (void)snprintf(address.url, sizeof(address.url), "%s", s->options.urls[s->url_index]);
    return nvr_source_is_rtsp(&address);
}

static bool uses_libav(const struct nvr_stream *s)
{
    return s->libav[s->url_index] || !is_rtsp(s);
}

const char *nvr_stream_status_name(enum nvr_stream_status status)
{
    static const char *const names[] = {
        [NVR_STREAM_STARTING] = "starting",
        [NVR_STREAM_ONLINE] = "online",
        [NVR_STREAM_OFFLINE] = "offline",
        [NVR_STREAM_ERROR] = "error",
    };

    return names[status];
}

static void set_status(struct nvr_stream *s, enum nvr_stream_status status,
                       const struct nvr_trouble *trouble)
{
    s->status = status;
    if (trouble)
        s->trouble = *trouble;
    else
        s->trouble = (struct nvr_trouble){0};
    s->handlers->on_status(s, s->arg);
}

/* ---- from the mux ---- */

static void on_ring(int fd, void *arg)
{
    struct nvr_stream *s = arg;

    s->handlers->on_ring(s, fd, s->arg);
}

static void on_fragment(const struct nvr_ring_entry *entry, void *arg)
{
    struct nvr_stream *s = arg;

    if (s->connected_since_ms == 0 && s->source) {
        s->connected_since_ms = entry->arrival_us / 1000;
        nvr_backoff_reset(&s->backoff);
        s->next_try_ms = 0;
        if (!s->libav[s->url_index])
            s->proven[s->url_index] = true;
        log_info("%s: online%s", s->options.name, uses_libav(s) ? " (by libavformat)" : "");
        set_status(s, NVR_STREAM_ONLINE, NULL);
    }
    s->handlers->on_fragment(s, entry, s->arg);
}

/* ---- from the source ---- */

static void on_tracks(const struct nvr_source_tracks *tracks, void *arg)
{
    struct nvr_stream *s = arg;
    struct nvr_trouble trouble;
    int r = nvr_mux_begin(s->mux, tracks);

    if (r == 0)
        return;
    nvr_trouble_set(&trouble, NVR_TROUBLE_UNSUPPORTED, NULL);
    (void)snprintf(trouble.text, sizeof(trouble.text),
                   "The camera's video (%s) cannot be recorded. Choose H.264 or H.265 in the "
                   "camera's settings.",
                   nvr_codec_name(tracks->video));
    end_connection(s, &trouble);
}

static void on_frame(const struct nvr_source_frame *frame, void *arg)
{
    struct nvr_stream *s = arg;

    (void)nvr_mux_frame(s->mux, frame); /* what it refuses, it counts */
}

static void on_end(const struct nvr_trouble *trouble, void *arg)
{
    end_connection(arg, trouble);
}

/* ---- connecting ---- */

static void on_retry(uv_timer_t *timer);

static void schedule(struct nvr_stream *s, uint64_t delay_ms)
{
    if (s->stopped)
        return;
    s->next_try_ms = nvr_clock_wall_ms() + (int64_t)delay_ms;
    (void)uv_timer_start(&s->retry, on_retry, delay_ms, 0);
}

/* True when the circuit breaker forbids an attempt; it is told and scheduled then. */
static bool is_locked_out(struct nvr_stream *s)
{
    const int64_t wait_ms = s->options.breaker->until_ms - nvr_clock_wall_ms();
    struct nvr_trouble trouble;

    if (wait_ms <= 0 || wait_ms > NVR_BACKOFF_LOCKOUT_MS) {
        s->options.breaker->until_ms = 0;
        return false;
    }
    nvr_trouble_set_lockout(&trouble, s->options.breaker->until_ms);
    schedule(s, (uint64_t)wait_ms);
    set_status(s, NVR_STREAM_ERROR, &trouble);
    return true;
}

static void connect_now(struct nvr_stream *s)
{
    static const struct nvr_source_handlers handlers = {
        .on_tracks = on_tracks, .on_frame = on_frame, .on_end = on_end};
    const size_t i = s->url_index;
    struct nvr_source_address address = *s->options.address;
    struct nvr_trouble trouble;
    int r;

    if (is_locked_out(s))
        return;
    s->next_try_ms = 0;
    s->opened_ms = s->last_frame_ms = nvr_clock_mono_ms();
    (void)snprintf(address.url, sizeof(address.url), "%s", s->options.urls[i]);
    if (s->flipped[i])
        address.transport = address.transport == NVR_SOURCE_UDP ? NVR_SOURCE_TCP : NVR_SOURCE_UDP;
    r = nvr_source_open(s->options.loop, &address, s->libav[i], &handlers, s, &s->source);
    explicit_bzero(address.password, sizeof(address.password));
    if (r < 0) {
        s->source = NULL;
        nvr_trouble_set(&trouble, r == -ENOTSUP ? NVR_TROUBLE_UNSUPPORTED : NVR_TROUBLE_PROTOCOL,
                        r == -ENOTSUP ? "This kind of address is not supported."
                                      : "The address cannot be used.");
        end_connection(s, &trouble);
    }
}

static void on_retry(uv_timer_t *timer)
{
    connect_now(timer->data);
}

static void drop_connection(struct nvr_stream *s)
{
    struct nvr_source *source = s->source;

    (void)uv_timer_stop(&s->retry);
    if (!source)
        return;
    s->source = NULL;
    s->dropped_before += nvr_source_get_dropped(source);
    nvr_source_close(source);
    nvr_mux_end(s->mux);
    if (s->connected_since_ms) {
        s->connections++;
        s->connected_since_ms = 0;
    }
    s->bitrate = 0;
    s->handlers->on_down(s, s->arg);
}

/* Something else to try with this address, at once? */
static bool try_differently(struct nvr_stream *s, struct nvr_trouble *trouble, bool was_online)
{
    const size_t i = s->url_index;

    if (was_online || !is_rtsp(s))
        return false;
    if (trouble->other_transport && !s->flipped[i]) {
        s->flipped[i] = true;
        log_info("%s: the camera wants the other transport", s->options.name);
        return true;
    }
    if (s->libav[i]) { /* libavformat does not manage either: begin with ours next time */
        s->libav[i] = false;
        s->flipped[i] = false;
        if (nvr_trouble_is_vague(trouble->code)) /* ours says it better */
            *trouble = s->own_trouble;
        return false;
    }
    if (trouble->code != NVR_TROUBLE_PROTOCOL || trouble->is_final)
        return false;
    if (s->proven[i]) { /* it is the camera that is not itself: restarting, say */
        trouble->code = NVR_TROUBLE_ENDED;
        return false;
    }
    log_info("%s: our RTSP client does not understand this server (%s); trying libavformat",
             s->options.name, trouble->text);
    s->own_trouble = *trouble;
    s->libav[i] = true;
    return true;
}

/* The connection failed or ended: decide what comes next. */
static void end_connection(struct nvr_stream *s, const struct nvr_trouble *trouble)
{
    const bool was_online = s->connected_since_ms != 0;
    struct nvr_trouble why = *trouble; /* may live in the source */
    int pause;

    drop_connection(s);
    if (s->stopped)
        return;
    if (try_differently(s, &why, was_online)) {
        schedule(s, AT_ONCE_MS);
        return;
    }
    log_warn("%s: %s: %s", s->options.name, nvr_trouble_name(why.code), why.text);
    if (why.code == NVR_TROUBLE_BAD_CREDENTIALS) {
        s->options.breaker->until_ms = nvr_clock_wall_ms() + NVR_BACKOFF_LOCKOUT_MS;
        s->url_index = 0;
        (void)is_locked_out(s);
        return;
    }
    if (was_online) { /* begin with the first address again, after the shortest pause */
        s->url_index = 0;
        pause = 1;
    } else {
        s->url_index = nvr_backoff_next_url(s->url_index, s->options.urls_count, &pause);
    }
    schedule(s, pause ? nvr_backoff_next_ms(&s->backoff, (uint32_t)random()) : AT_ONCE_MS);
    set_status(s, nvr_trouble_needs_person(why.code) ? NVR_STREAM_ERROR : NVR_STREAM_OFFLINE, &why);
}

/* ---- public ---- */

int nvr_stream_new(const struct nvr_stream_options *options,
                   const struct nvr_stream_handlers *handlers, void *arg,
                   struct nvr_stream **ret_stream)
{
    static const struct nvr_mux_handlers mux_handlers = {.on_ring = on_ring,
                                                         .on_fragment = on_fragment};
    struct nvr_stream *s = calloc(1, sizeof(*s));
    int r;

    if (!s)
        return -ENOMEM;
    s->options = *options;
    s->handlers = handlers;
    s->arg = arg;
    r = nvr_mux_new(options->name, options->ring_min, options->keep_seconds, &mux_handlers, s,
                    &s->mux);
    if (r == 0) {
        r = uv_timer_init(options->loop, &s->retry);
        if (r < 0)
            nvr_mux_free(s->mux);
    }
    if (r < 0) {
        free(s);
        return r;
    }
    s->retry.data = s;
    *ret_stream = s;
    return 0;
}

void nvr_stream_start(struct nvr_stream *s)
{
    set_status(s, NVR_STREAM_STARTING, NULL);
    connect_now(s);
}

void nvr_stream_reconnect(struct nvr_stream *s)
{
    if (s->stopped)
        return;
    s->options.breaker->until_ms = 0;
    drop_connection(s);
    nvr_backoff_reset(&s->backoff);
    s->url_index = 0;
    nvr_stream_start(s);
}

void nvr_stream_check(struct nvr_stream *s)
{
    const int64_t now = nvr_clock_mono_ms();
    struct nvr_mux_stats stats;
    struct nvr_trouble trouble;
    int64_t silence;

    nvr_mux_get_stats(s->mux, &stats);
    if (stats.frames != s->last_frames) {
        s->last_frames = stats.frames;
        s->last_frame_ms = now;
    }
    if (s->rate_ms && now > s->rate_ms)
        s->bitrate = (stats.bytes - s->rate_bytes) * 8000 / (uint64_t)(now - s->rate_ms);
    s->rate_ms = now;
    s->rate_bytes = stats.bytes;
    if (!s->source)
        return;
    silence = now - s->last_frame_ms;
    if (s->connected_since_ms
            ? silence > (int64_t)s->options.address->timeout_ms + 2000
            : silence > NVR_MAX(FIRST_FRAME_MS, (int64_t)s->options.address->timeout_ms + 2000)) {
        nvr_trouble_set(&trouble,
                        s->connected_since_ms ? NVR_TROUBLE_TIMEOUT : NVR_TROUBLE_NO_VIDEO,
                        s->connected_since_ms
                            ? "The camera stopped sending pictures."
                            : "The camera accepts the connection but sends no usable picture.");
        end_connection(s, &trouble);
    }
}

int nvr_stream_watch_take(struct nvr_stream *s, int fd)
{
    return nvr_mux_watch_take(s->mux, fd);
}

void nvr_stream_get_info(const struct nvr_stream *s, struct nvr_stream_info *ret_info)
{
    *ret_info = (struct nvr_stream_info){
        .name = s->options.name,
        .status = s->status,
        .trouble = s->trouble,
        .url_index = s->url_index,
        .next_try_ms = s->next_try_ms,
        .connected_since_ms = s->connected_since_ms,
        .reconnects = s->connections,
        .libav = uses_libav(s),
        .bitrate = s->bitrate,
    };
    nvr_mux_get_stats(s->mux, &ret_info->mux);
    if (!s->connected_since_ms)
        ret_info->mux.fps = 0;
    ret_info->dropped_packets =
        s->dropped_before + nvr_source_get_dropped(s->source) + ret_info->mux.refused;
}

void nvr_stream_stop(struct nvr_stream *s)
{
    s->stopped = true;
    drop_connection(s);
}

static void on_closed(uv_handle_t *handle)
{
    struct nvr_stream *s = handle->data;

    nvr_mux_free(s->mux);
    free(s);
}

void nvr_stream_free(struct nvr_stream *s)
{
    if (s)
        uv_close((uv_handle_t *)&s->retry, on_closed);
}
