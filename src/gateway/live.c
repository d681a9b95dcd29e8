/* WS cameras/{id}/stream/ws: live video for Media Source Extensions.
 *
 * One watch and one mapping per stream, one cursor per viewer. A viewer begins at the newest key
 * frame. Fragments go from the ring into the padded send buffer and at once to the socket, one per
 * writable event; nothing is queued here. The kernel may hold NVR_WS_UNSENT_MAX bytes unsent; a
 * viewer that is NVR_LIVE_LATE_MS late moves to the newest key frame and is told what it lost. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "src/gateway/private.h"

NVR_LOG_TOPIC("live");

struct stream {
    struct stream *next;
    struct nvr_live *live;
    char camera[NVR_SLUG_SIZE];
    char name[8];
    struct nvr_live_watch *watch;
    struct nvr_ring_reader *base; /* the mapping that the viewers' cursors share; NULL: no ring */
    struct viewer *viewers;
    unsigned generation; /* of base */
};

struct viewer {
    struct viewer *next;
    struct stream *stream;
    struct nvr_ws *ws; /* known from the first writable event on */
    struct nvr_ring_reader *reader;
    unsigned generation; /* of the stream's base that reader belongs to */
    bool started;        /* stands at a key frame or behind it */
    bool moved;          /* had another ring before; what the new one begins with may be missed */
    uint32_t epoch;      /* announced to the client; 0: none */
    bool init_due;       /* announced, its bytes not sent */
    uint64_t dropped;    /* to tell before the next fragment */
    bool status_due;
    bool ended;      /* nothing can come: close after the last text */
    char status[16]; /* last told */
};

struct nvr_live {
    struct nvr_gateway *gateway;
    struct stream *streams;
    unsigned viewers;
    struct nvr_ring_init init; /* scratch, 8 KiB */
};

/* ---- streams ---- */

static void drop_ring(struct stream *stream)
{
    nvr_ring_reader_free(stream->base);
    stream->base = NULL;
    stream->generation++;
}

static void on_live_event(enum nvr_live_event event, void *arg)
{
    struct stream *stream = arg;

    if (event == NVR_LIVE_RING || event == NVR_LIVE_GONE)
        drop_ring(stream);
    for (struct viewer *viewer = stream->viewers; viewer; viewer = viewer->next) {
        if (event == NVR_LIVE_STATUS || event == NVR_LIVE_GONE)
            viewer->status_due = true;
        nvr_ws_wake(viewer->ws);
    }
}

static int get_stream(struct nvr_live *live, const char *camera, const char *name,
                      struct stream **ret_stream)
{
    struct stream *stream;
    int r;

    for (stream = live->streams; stream; stream = stream->next)
        if (strcmp(stream->camera, camera) == 0 && strcmp(stream->name, name) == 0) {
            *ret_stream = stream;
            return 0;
        }
    stream = calloc(1, sizeof(*stream));
    if (!stream)
        return -ENOMEM;
    stream->live = live;
    memcpy(stream->camera, camera, strlen(camera) + 1);
    memcpy(stream->name, name, strlen(name) + 1);
    r = nvr_supervisor_live_watch(live->gateway->supervisor, camera, name, on_live_event, stream,
                                  &stream->watch);
    if (r < 0) {
        free(stream);
        return r;
    }
    stream->next = live->streams;
    live->streams = stream;
    *ret_stream = stream;
    return 0;
}

static void put_stream(struct stream *stream)
{
    struct stream **link = &stream->live->streams;

    if (stream->viewers)
        return;
    while (*link != stream)
        link = &(*link)->next;
    *link = stream->next;
    nvr_supervisor_live_unwatch(stream->watch);
    nvr_ring_reader_free(stream->base);
    free(stream);
}

/* ---- texts ---- */

static int add_json(struct nvr_buf *buf, json_t *value)
{
    int r = value ? nvr_json_append(buf, value) : -ENOMEM;

    json_decref(value);
    return r < 0 ? r : 1;
}

static int add_error(struct nvr_buf *buf, const char *code, const char *message)
{
    return add_json(
        buf, json_pack("{s:s, s:s, s:s}", "type", "error", "code", code, "message", message));
}

/* 1: added, 0: nothing new. */
static int add_status(struct viewer *viewer, struct nvr_buf *buf)
{
    NVR_AUTO_JSON camera = nvr_supervisor_camera_to_json(viewer->stream->live->gateway->supervisor,
                                                         viewer->stream->camera);
    const char *status = "offline";
    json_t *error;

    if (!camera) {
        viewer->ended = true;
        return add_error(buf, "not_found", "The camera was removed.");
    }
    (void)nvr_json_get_str(camera, "status", &status);
    if (strcmp(status, viewer->status) == 0)
        return 0;
    (void)nvr_fmt(viewer->status, sizeof(viewer->status), "%s", status);
    error = json_object_get(camera, "error");
    return add_json(buf, json_pack("{s:s, s:s, s:o}", "type", "status", "status", status, "error",
                                   error ? json_incref(error) : json_null()));
}

static const char *codec_of(const char *codecs)
{
    static const struct {
        const char *prefix, *name;
    } names[] = {
        {"avc1", "h264"}, {"avc3", "h264"}, {"hvc1", "h265"}, {"hev1", "h265"}, {"av01", "av1"},
    };

    for (size_t i = 0; i < NVR_ARRAY_SIZE(names); i++)
        if (strncmp(codecs, names[i].prefix, strlen(names[i].prefix)) == 0)
            return names[i].name;
    return NULL;
}

static double fps_of(const struct stream *stream)
{
    NVR_AUTO_JSON camera =
        nvr_supervisor_camera_to_json(stream->live->gateway->supervisor, stream->camera);

    return json_number_value(json_object_get(json_object_get(camera, stream->name), "fps"));
}

/* The init text of an epoch. */
static int announce(struct viewer *viewer, uint32_t epoch, struct nvr_buf *buf)
{
    struct nvr_ring_init *init = &viewer->stream->live->init;
    const char *codec;
    int r;

    r = nvr_ring_reader_get_init(viewer->reader, epoch, init);
    if (r < 0)
        return r;
    codec = codec_of(init->codecs);
    if (!codec) {
        viewer->ended = true;
        return add_error(buf, "unsupported",
                         "Browsers cannot play this camera's format live. Snapshots work.");
    }
    viewer->epoch = epoch;
    viewer->init_due = true;
    return add_json(buf, json_pack("{s:s, s:I, s:o, s:s, s:i, s:i, s:f}", "type", "init", "epoch",
                                   (json_int_t)epoch, "mime",
                                   json_sprintf("video/mp4; codecs=\"%s\"", init->codecs), "codec",
                                   codec, "width", (int)init->width, "height", (int)init->height,
                                   "fps", fps_of(viewer->stream)));
}

static int send_init(struct viewer *viewer, struct nvr_buf *buf, bool *ret_binary)
{
    struct nvr_ring_init *init = &viewer->stream->live->init;
    int r;

    viewer->init_due = false;
    r = nvr_ring_reader_get_init(viewer->reader, viewer->epoch, init);
    if (r < 0)
        return r;
    *ret_binary = true;
    r = nvr_buf_append(buf, init->data, init->size);
    return r < 0 ? r : 1;
}

/* ---- cursor ---- */

static bool is_late(const struct nvr_ring_entry *entry)
{
    return nvr_clock_wall_us() - entry->publish_us >= NVR_LIVE_LATE_MS * 1000LL;
}

/* The ring was replaced (it grew, or the worker is a new one). A viewer that keeps up reads the old
 * one to its end first: true; for others what was left there is lost. */
static bool finish_old_ring(struct viewer *viewer)
{
    const uint64_t lost = nvr_ring_reader_get_lost(viewer->reader);
    struct nvr_ring_entry entry;
    int r = nvr_ring_reader_peek(viewer->reader, &entry);

    if (r == 1 && !is_late(&entry))
        return true;
    if (r == -ESTALE && nvr_ring_reader_seek_key(viewer->reader) == 0) {
        viewer->dropped += nvr_ring_reader_get_lost(viewer->reader) - lost;
        r = nvr_ring_reader_peek(viewer->reader, &entry);
    }
    if (r == 1)
        viewer->dropped += nvr_ring_reader_get_head(viewer->reader) - entry.sequence + 1;
    return false;
}

/* The viewer gets a cursor over the current ring. 1, 0: there is none now, -errno. */
static int open_reader(struct viewer *viewer)
{
    struct stream *stream = viewer->stream;
    int r;

    if (viewer->reader && viewer->generation == stream->generation)
        return 1;
    if (viewer->reader && viewer->started) {
        if (finish_old_ring(viewer))
            return 1;
        viewer->moved = true;
    }
    nvr_ring_reader_free(viewer->reader);
    viewer->reader = NULL;
    viewer->started = false;
    viewer->epoch = 0;
    viewer->init_due = false;
    if (!stream->base) {
        r = nvr_supervisor_live_reader(stream->live->gateway->supervisor, stream->camera,
                                       stream->name, &stream->base);
        if (r == -EAGAIN || r == -ENOENT || r == -ENOTSUP)
            return 0;
        if (r < 0)
            return r;
    }
    r = nvr_ring_reader_dup(stream->base, &viewer->reader);
    if (r < 0)
        return r;
    viewer->generation = stream->generation;
    return 1;
}

/* To the newest key frame. 1, 0: there is none yet. */
static int jump(struct viewer *viewer)
{
    const int r = nvr_ring_reader_seek_key(viewer->reader);

    viewer->started = r == 0;
    return r == 0 ? 1 : r == -ENOENT ? 0 : r;
}

/* A viewer that is late moves on, but never back and never without need. */
static int skip_if_late(struct viewer *viewer, struct nvr_ring_entry *entry)
{
    NVR_AUTO(nvr_ring_reader) ahead = NULL;
    struct nvr_ring_entry newest;
    uint64_t from = entry->sequence;
    int r;

    if (!is_late(entry))
        return 1;
    r = nvr_ring_reader_dup(viewer->reader, &ahead);
    if (r < 0)
        return r;
    if (nvr_ring_reader_seek_key(ahead) < 0 || nvr_ring_reader_peek(ahead, &newest) != 1 ||
        newest.sequence <= from)
        return 1;
    r = jump(viewer);
    if (r <= 0)
        return r;
    r = nvr_ring_reader_peek(viewer->reader, entry);
    if (r == 1 && entry->sequence > from)
        viewer->dropped += entry->sequence - from;
    return r;
}

/* The writer overtook us. */
static int recover(struct viewer *viewer, struct nvr_ring_entry *entry)
{
    const uint64_t lost = nvr_ring_reader_get_lost(viewer->reader);
    int r = jump(viewer);

    if (r <= 0)
        return r;
    viewer->dropped += NVR_MAX(nvr_ring_reader_get_lost(viewer->reader) - lost, 1u);
    r = nvr_ring_reader_peek(viewer->reader, entry);
    return r == -ESTALE ? 0 : r;
}

/* The entry to send next: 1, 0: none now, -errno. */
static int find_next(struct viewer *viewer, struct nvr_ring_entry *entry)
{
    int r = open_reader(viewer);

    if (r <= 0)
        return r;
    if (!viewer->started) {
        r = jump(viewer);
        if (r <= 0)
            return r;
    }
    r = nvr_ring_reader_peek(viewer->reader, entry);
    if (r == -ESTALE)
        return recover(viewer, entry);
    if (r == 1 && viewer->moved) {
        viewer->moved = false;
        viewer->dropped += entry->sequence - 1;
    }
    return r == 1 ? skip_if_late(viewer, entry) : r;
}

static int send_fragment(struct viewer *viewer, struct nvr_buf *buf, bool *ret_binary)
{
    struct nvr_ring_entry entry;
    const size_t empty = buf->len;
    int r;

    r = find_next(viewer, &entry);
    if (r <= 0)
        return r;
    if (entry.epoch != viewer->epoch) {
        r = announce(viewer, entry.epoch, buf);
        if (r != -ENOENT)
            return r;
        viewer->started = false; /* its init is gone: begin again at the newest key frame */
        nvr_ws_wake(viewer->ws);
        return 0;
    }
    if (viewer->dropped) {
        r = add_json(
            buf, json_pack("{s:s, s:I}", "type", "gap", "dropped", (json_int_t)viewer->dropped));
        viewer->dropped = 0;
        return r;
    }
    r = nvr_ring_reader_next(viewer->reader, &entry, buf);
    if (r == -ESTALE) { /* overtaken between the look and the copy */
        buf->len = empty;
        nvr_ws_wake(viewer->ws);
        return 0;
    }
    *ret_binary = true;
    return r;
}

static int on_writable(struct nvr_ws *ws, struct nvr_buf *buf, bool *ret_binary, void *arg)
{
    struct viewer *viewer = arg;
    int r;

    viewer->ws = ws;
    if (viewer->ended)
        return -ECANCELED;
    if (viewer->status_due) {
        viewer->status_due = false;
        r = add_status(viewer, buf);
        if (r)
            return r;
    }
    if (viewer->init_due) {
        r = send_init(viewer, buf, ret_binary);
        if (r > 0)
            return r;
        viewer->epoch = 0;
        viewer->started = false;
    }
    r = send_fragment(viewer, buf, ret_binary);
    if (r == -EPROTO) { /* not a sound ring any more: its worker is replaced */
        log_debug("camera %s: ring of %s is not sound", viewer->stream->camera,
                  viewer->stream->name);
        drop_ring(viewer->stream);
        return 0;
    }
    if (r == -ESTALE) { /* overtaken once more while moving */
        nvr_ws_wake(ws);
        return 0;
    }
    return r;
}

static void on_close(void *arg)
{
    struct viewer *viewer = arg;
    struct stream *stream = viewer->stream;
    struct viewer **link = &stream->viewers;

    while (*link != viewer)
        link = &(*link)->next;
    *link = viewer->next;
    stream->live->viewers--;
    log_debug("camera %s: viewer of %s left", stream->camera, stream->name);
    nvr_ring_reader_free(viewer->reader);
    free(viewer);
    put_stream(stream);
}

/* ---- requests ---- */

static unsigned count_viewers(const struct nvr_live *live, const char *camera)
{
    unsigned count = 0;

    for (const struct stream *stream = live->streams; stream; stream = stream->next)
        if (strcmp(stream->camera, camera) == 0)
            for (const struct viewer *viewer = stream->viewers; viewer; viewer = viewer->next)
                count++;
    return count;
}

static void add_viewer(struct nvr_live *live, struct nvr_http_request *request, const char *camera,
                       const char *name)
{
    static const struct nvr_ws_handlers handlers = {.on_writable = on_writable,
                                                    .on_close = on_close};
    struct viewer *viewer = calloc(1, sizeof(*viewer));
    struct stream *stream;
    int r;

    r = viewer ? get_stream(live, camera, name, &stream) : -ENOMEM;
    if (r < 0) {
        free(viewer);
        if (r == -ENOTSUP)
            nvr_http_reply_error(request, 404, "not_found", "The camera has no such stream.");
        else
            nvr_http_reply_errno(request, r, "camera");
        return;
    }
    viewer->stream = stream;
    viewer->status_due = true; /* told only when there is something to tell */
    (void)nvr_fmt(viewer->status, sizeof(viewer->status), "online");
    viewer->next = stream->viewers;
    stream->viewers = viewer;
    live->viewers++;
    log_debug("camera %s: viewer of %s came", camera, name);
    nvr_ws_accept(request, &handlers, viewer);
}

void nvr_handle_live(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    struct nvr_live *live = gateway->live;
    const char *camera = nvr_http_get_param(request, "id");
    const char *name = nvr_query_get(nvr_http_get_query(request), "stream");

    if (!name)
        name = "main";
    if (strcmp(name, "main") != 0 && strcmp(name, "sub") != 0) {
        nvr_http_reply_bad_query(request, "stream", "expected main or sub");
        return;
    }
    if (!nvr_camera_exists(gateway, request, camera))
        return;
    if (live->viewers >= NVR_LIVE_VIEWERS_MAX ||
        count_viewers(live, camera) >= NVR_LIVE_VIEWERS_PER_CAMERA_MAX) {
        nvr_http_reply_error(request, 503, "too_many_viewers", "Too many people are watching.");
        return;
    }
    add_viewer(live, request, camera, name);
}

int nvr_live_new(struct nvr_gateway *gateway, struct nvr_live **ret_live)
{
    struct nvr_live *live = calloc(1, sizeof(*live));

    if (!live)
        return -ENOMEM;
    live->gateway = gateway;
    *ret_live = live;
    return 0;
}

void nvr_live_free(struct nvr_live *live)
{
    if (!live)
        return;
    assert(!live->viewers && !live->streams);
    free(live);
}
