/* Rings of the cameras and who watches them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "src/supervisor/private.h"

NVR_LOG_TOPIC("live");

#define WATCH_TIMEOUT_MS 5000

struct nvr_live_watch {
    struct camera *camera; /* NULL: the camera is gone */
    int stream;
    nvr_live_fn fn;
    void *arg;
    struct nvr_live_watch *next;
};

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

/* A walk over the watchers; a callback may remove any of them, its own too. */
struct live_cursor {
    struct nvr_live_watch *next;
    struct live_cursor *outer;
};

static void tell(struct live_stream *live, enum nvr_live_event event)
{
    struct live_cursor cursor = {.next = live->watchers, .outer = live->cursors};

    live->cursors = &cursor;
    while (cursor.next) {
        struct nvr_live_watch *watch = cursor.next;

        cursor.next = watch->next;
        watch->fn(event, watch->arg);
    }
    live->cursors = cursor.outer;
}

/* ---- the worker's signal ---- */

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct live_stream *live = poll->data;
    uint64_t count;

    (void)status;
    (void)events;
    if (read(live->eventfd, &count, sizeof(count)) != (ssize_t)sizeof(count))
        return;
    tell(live, NVR_LIVE_DATA);
}

static int open_event(struct nvr_supervisor *sv, struct live_stream *live)
{
    int r;

    if (live->poll)
        return 0;
    live->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (live->eventfd < 0)
        return -errno;
    live->poll = calloc(1, sizeof(*live->poll));
    r = live->poll ? uv_poll_init(sv->loop, live->poll, live->eventfd) : -ENOMEM;
    if (r < 0) {
        free(NVR_TAKE(live->poll));
        (void)close(NVR_TAKE_FD(live->eventfd));
        return r;
    }
    live->poll->data = live;
    return uv_poll_start(live->poll, UV_READABLE, on_event);
}

static void close_event(struct live_stream *live)
{
    if (live->poll)
        uv_close((uv_handle_t *)NVR_TAKE(live->poll), free_handle);
    if (live->eventfd >= 0)
        (void)close(NVR_TAKE_FD(live->eventfd));
}

static void on_watch_reply(struct nvr_rpc *rpc, const struct nvr_rpc_reply *reply, void *arg)
{
    (void)rpc;
    (void)arg;
    if (reply->error && reply->error != -ECONNRESET)
        log_warn("watch: %s", reply->message);
}

/* Tell the worker to signal. Without a worker or a ring it is done when the ring comes. */
static void ask_signal(struct camera *camera, int stream)
{
    struct live_stream *live = &camera->live[stream];
    int r;

    if (!camera->worker.rpc || !live->base || !live->watchers)
        return;
    r = open_event(camera->supervisor, live);
    if (r == 0)
        r = nvr_rpc_call(camera->worker.rpc, "watch",
                         json_pack("{s:s}", "stream", stream_name(stream)), &live->eventfd, 1,
                         WATCH_TIMEOUT_MS, on_watch_reply, NULL);
    if (r < 0)
        (void)log_err(r, "camera %s: watch", camera->config.id);
    live->watching = r == 0;
}

static void end_signal(struct camera *camera, int stream)
{
    struct live_stream *live = &camera->live[stream];

    if (live->watching && camera->worker.rpc &&
        nvr_rpc_call(camera->worker.rpc, "unwatch",
                     json_pack("{s:s}", "stream", stream_name(stream)), NULL, 0, WATCH_TIMEOUT_MS,
                     on_watch_reply, NULL) < 0)
        log_debug("camera %s: unwatch", camera->config.id);
    live->watching = false;
    close_event(live);
}

/* ---- from the camera ---- */

void live_set_ring_take(struct camera *camera, int stream, int fd)
{
    struct live_stream *live = &camera->live[stream];
    struct nvr_ring_reader *reader = NULL;
    const int r = nvr_ring_reader_open_take(fd, &reader);

    if (r < 0) {
        (void)log_err(r, "camera %s: ring of %s refused", camera->config.id, stream_name(stream));
        return;
    }
    nvr_ring_reader_free(live->base);
    live->base = reader;
    ask_signal(camera, stream);
    tell(live, NVR_LIVE_RING);
}

void live_worker_gone(struct camera *camera)
{
    for (int i = 0; i < STREAMS; i++) {
        struct live_stream *live = &camera->live[i];
        const bool had_ring = live->base;

        nvr_ring_reader_free(NVR_TAKE(live->base));
        live->watching = false;
        close_event(live);
        if (had_ring)
            tell(live, NVR_LIVE_GONE);
    }
}

void live_status_changed(struct camera *camera, int stream)
{
    tell(&camera->live[stream], NVR_LIVE_STATUS);
}

void live_camera_removed(struct camera *camera)
{
    for (int i = 0; i < STREAMS; i++) {
        struct live_stream *live = &camera->live[i];

        end_signal(camera, i);
        nvr_ring_reader_free(NVR_TAKE(live->base));
        tell(live, NVR_LIVE_GONE);
        while (live->watchers) {
            struct nvr_live_watch *watch = live->watchers;

            live->watchers = watch->next;
            watch->camera = NULL; /* its owner still has to let go of it */
        }
    }
}

/* ---- public ---- */

static int find_stream(struct nvr_supervisor *sv, const char *id, const char *stream,
                       struct camera **ret_camera)
{
    struct camera *camera = cameras_find(sv, id);
    const int index = stream_index(stream);

    if (!camera)
        return -ENOENT;
    if (index < 0 || (index == 1 && !camera->config.stream.sub_url[0]))
        return -ENOTSUP;
    *ret_camera = camera;
    return index;
}

int nvr_supervisor_live_watch(struct nvr_supervisor *sv, const char *id, const char *stream,
                              nvr_live_fn fn, void *arg, struct nvr_live_watch **ret_watch)
{
    struct camera *camera = NULL;
    const int index = find_stream(sv, id, stream, &camera);
    struct nvr_live_watch *watch;

    if (index < 0)
        return index;
    watch = malloc(sizeof(*watch));
    if (!watch)
        return -ENOMEM;
    struct live_stream *live = &camera->live[index];

    *watch = (struct nvr_live_watch){
        .camera = camera, .stream = index, .fn = fn, .arg = arg, .next = live->watchers};
    live->watchers = watch;
    if (!live->watching)
        ask_signal(camera, index);
    *ret_watch = watch;
    return 0;
}

void nvr_supervisor_live_unwatch(struct nvr_live_watch *watch)
{
    if (!watch)
        return;
    if (watch->camera) {
        struct live_stream *live = &watch->camera->live[watch->stream];

        for (struct nvr_live_watch **at = &live->watchers; *at; at = &(*at)->next) {
            if (*at == watch) {
                *at = watch->next;
                break;
            }
        }
        for (struct live_cursor *cursor = live->cursors; cursor; cursor = cursor->outer)
            if (cursor->next == watch)
                cursor->next = watch->next;
        if (!live->watchers)
            end_signal(watch->camera, watch->stream);
    }
    free(watch);
}

int nvr_supervisor_live_reader(struct nvr_supervisor *sv, const char *id, const char *stream,
                               struct nvr_ring_reader **ret_reader)
{
    struct camera *camera = NULL;
    const int index = find_stream(sv, id, stream, &camera);

    if (index < 0)
        return index;
    if (!camera->live[index].base)
        return -EAGAIN;
    return nvr_ring_reader_dup(camera->live[index].base, ret_reader);
}
