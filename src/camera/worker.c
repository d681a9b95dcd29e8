/* Role camera: RPC on one side, streams and the recorder on the other. */
#include "src/camera/worker.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/ipc/child.h"
#include "src/camera/config.h"
#include "src/camera/outbox.h"
#include "src/camera/recorder.h"
#include "src/camera/report.h"
#include "src/camera/source.h"
#include "src/camera/stream.h"

NVR_LOG_TOPIC("camera");

#define HEARTBEAT_MS 5000
#define RING_EXTRA_SECONDS 5
#define RING_FPS_MAX 60
#define RING_SLOT_BYTES 2048
#define STREAM_AGE_MAX_US 60000000 /* later the wall clock is the better guess */
#define STOP_MS 4000 /* for the disk to take, the core to acknowledge, the last files */
#define STOP_POLL_MS 20

enum { MAIN, SUB, STREAMS };

struct worker {
    struct nvr_child *child;
    struct nvr_worker_config config;
    bool started;
    bool stopping;
    struct nvr_stream_breaker breaker;
    struct nvr_stream *streams[STREAMS]; /* NULL: the camera has none */
    struct nvr_recorder *recorder;       /* NULL: nothing is recorded */
    struct nvr_outbox *outbox;
    uv_timer_t heartbeat;
    int64_t kick_us;
    int64_t newest_us, newest_mono_us; /* end of the newest fragment, and when it came; 0: none */
    int64_t stop_id;                   /* of the core's "stop", -1: none waits */
    int64_t stop_deadline_ms;
};

static unsigned ring_seconds(const struct worker *w)
{
    return w->config.pre_buffer_seconds + RING_EXTRA_SECONDS;
}

/* A ring has a slot for every 2 KiB: pictures smaller than that need it larger than their bytes. */
static size_t ring_min(const struct worker *w, size_t minimum)
{
    return NVR_MAX(minimum, (size_t)ring_seconds(w) * RING_FPS_MAX * RING_SLOT_BYTES);
}

/* Where the stream is on its own clock: near the wall's, but it never jumps back. */
static int64_t stream_now_us(const struct worker *w)
{
    const int64_t age_us = nvr_clock_mono_us() - w->newest_mono_us;

    if (!w->newest_us || age_us > STREAM_AGE_MAX_US)
        return nvr_clock_wall_us();
    return w->newest_us + age_us;
}

static void set_window(struct worker *w, const struct nvr_window *window)
{
    const int64_t now_us = stream_now_us(w);
    const struct nvr_window shifted = nvr_gate_shift(window, nvr_clock_wall_us(), now_us);

    nvr_recorder_set_window(w->recorder, &shifted, now_us);
}

/* ---- to the core ---- */

static void tell_heartbeat(struct worker *w)
{
    struct nvr_stream_info infos[STREAMS];
    const struct nvr_stream_info *given[STREAMS] = {NULL};
    struct nvr_recorder_state state;

    for (int i = 0; i < STREAMS; i++)
        if (w->streams[i]) {
            nvr_stream_get_info(w->streams[i], &infos[i]);
            given[i] = &infos[i];
        }
    if (w->recorder)
        nvr_recorder_get_state(w->recorder, &state);
    nvr_child_tell(w->child, "heartbeat",
                   nvr_report_heartbeat(given[MAIN], given[SUB], w->recorder ? &state : NULL), -1);
}

static void on_heartbeat(uv_timer_t *timer)
{
    struct worker *w = timer->data;

    for (int i = 0; i < STREAMS; i++)
        if (w->streams[i])
            nvr_stream_check(w->streams[i]);
    nvr_outbox_retry(w->outbox);
    if (w->recorder) {
        nvr_recorder_check_window(w->recorder, ring_seconds(w) * INT64_C(1000));
        nvr_recorder_check(w->recorder);
    }
    tell_heartbeat(w);
}

/* ---- from the streams ---- */

static void on_ring(struct nvr_stream *stream, int fd, void *arg)
{
    struct worker *w = arg;
    const bool is_main = stream == w->streams[MAIN];
    int r;

    nvr_child_tell(w->child, "ring", json_pack("{s:s}", "stream", is_main ? "main" : "sub"), fd);
    if (!is_main || !w->recorder)
        return;
    r = nvr_recorder_set_ring(w->recorder, fd);
    if (r < 0)
        (void)log_err(r, "give the recorder its ring");
}

static void on_fragment(struct nvr_stream *stream, const struct nvr_ring_entry *entry, void *arg)
{
    struct worker *w = arg;

    if (stream != w->streams[MAIN] || !w->recorder)
        return;
    w->newest_us = entry->dts_us + entry->duration_us;
    w->newest_mono_us = nvr_clock_mono_us();
    if (entry->arrival_us - w->kick_us < NVR_RECORDER_WAKE_MS * 1000 &&
        entry->arrival_us >= w->kick_us)
        return;
    w->kick_us = entry->arrival_us;
    nvr_recorder_kick(w->recorder);
}

static void on_status(struct nvr_stream *stream, void *arg)
{
    struct worker *w = arg;
    struct nvr_stream_info info;

    nvr_stream_get_info(stream, &info);
    nvr_child_tell(w->child, "status", nvr_report_status(&info), -1);
    if (info.status == NVR_STREAM_ONLINE)
        tell_heartbeat(w);
}

static void on_down(struct nvr_stream *stream, void *arg)
{
    struct worker *w = arg;

    if (stream == w->streams[MAIN] && w->recorder)
        nvr_recorder_finish(w->recorder);
}

/* ---- from the recorder ---- */

static void on_segment(struct nvr_segment *segment, void *arg)
{
    struct worker *w = arg;

    nvr_outbox_add(w->outbox, nvr_segment_to_json(segment));
}

static void on_recording(bool recording, const char *error, void *arg)
{
    struct worker *w = arg;

    nvr_child_tell(w->child, "recording",
                   json_pack("{s:s, s:s?}", "state",
                             error       ? "error"
                             : recording ? "started"
                                         : "stopped",
                             "error", error),
                   -1);
}

static void on_gap(int64_t from_us, int64_t to_us, enum nvr_recorder_cause cause, void *arg)
{
    static const char *const names[] = {[NVR_RECORDER_OVERLOAD] = "overload",
                                        [NVR_RECORDER_DISK] = "disk",
                                        [NVR_RECORDER_SILENT] = "network",
                                        [NVR_RECORDER_FROZEN] = "network"};
    struct worker *w = arg;

    nvr_child_tell(w->child, "gap",
                   json_pack("{s:I, s:I, s:s, s:b}", "from_ms", (json_int_t)(from_us / 1000),
                             "to_ms", (json_int_t)(to_us / 1000), "cause", names[cause], "inside",
                             cause == NVR_RECORDER_FROZEN),
                   -1);
}

/* ---- start ---- */

static int start_stream(struct worker *w, int which)
{
    static const struct nvr_stream_handlers handlers = {
        .on_ring = on_ring, .on_fragment = on_fragment, .on_status = on_status, .on_down = on_down};
    const struct nvr_stream_options options = {
        .loop = nvr_child_get_loop(w->child),
        .name = which == MAIN ? "main" : "sub",
        .address = &w->config.address,
        .urls = which == MAIN ? (const char(*)[NVR_URL_MAX])w->config.urls
                              : (const char(*)[NVR_URL_MAX]) & w->config.sub_url,
        .urls_count = which == MAIN ? w->config.urls_count : 1,
        .ring_min = ring_min(w, which == MAIN ? NVR_MUX_MAIN_MIN : NVR_MUX_SUB_MIN),
        .keep_seconds = ring_seconds(w),
        .breaker = &w->breaker,
    };

    return nvr_stream_new(&options, &handlers, w, &w->streams[which]);
}

static int start_recorder(struct worker *w, const struct nvr_rpc_request *request)
{
    static const struct nvr_recorder_handlers handlers = {
        .on_segment = on_segment, .on_state = on_recording, .on_gap = on_gap};
    const struct nvr_recorder_options options = {.camera = w->config.id,
                                                 .segment_seconds = w->config.segment_seconds,
                                                 .flush_ms = w->config.flush_seconds * 1000};
    int fd;

    if (!w->config.record)
        return 0;
    if (request->fds_count < 1)
        return -EBADF;
    fd = NVR_TAKE_FD(request->fds[0]);
    return nvr_recorder_new_take(nvr_child_get_loop(w->child), fd, &options, &handlers, w,
                                 &w->recorder);
}

static int start_all(struct worker *w, const struct nvr_rpc_request *request)
{
    uv_loop_t *loop = nvr_child_get_loop(w->child);
    int r = nvr_outbox_new(w->child, &w->outbox);

    if (r == 0)
        r = start_recorder(w, request);
    if (r == 0 && w->recorder)
        set_window(w, &w->config.window);
    if (r == 0)
        r = start_stream(w, MAIN);
    if (r == 0 && w->config.sub_url[0])
        r = start_stream(w, SUB);
    if (r == 0)
        r = uv_timer_init(loop, &w->heartbeat);
    if (r < 0)
        return log_err(r, "start");
    w->heartbeat.data = w;
    (void)uv_timer_start(&w->heartbeat, on_heartbeat, HEARTBEAT_MS, HEARTBEAT_MS);
    w->started = true;
    return 0;
}

/* Local files (the demo's) are the only thing a camera's address can name outside the network.
 * paths: room for every address and the NULL at the end. */
struct local_files {
    char text[NVR_CAMERA_URLS_MAX + 1][NVR_URL_MAX];
    const char *paths[NVR_CAMERA_URLS_MAX + 2];
    size_t count;
};

static void add_file(struct local_files *files, const char *address)
{
    struct nvr_url url;

    if (nvr_url_parse(address, &url) < 0 || strcmp(url.scheme, "file") != 0)
        return;
    (void)memcpy(files->text[files->count], url.path, sizeof(url.path));
    files->paths[files->count] = files->text[files->count];
    files->count++;
}

static int enter(struct worker *w)
{
    struct local_files *files = calloc(1, sizeof(*files));
    int r;

    if (!files)
        return -ENOMEM;
    for (size_t i = 0; i < w->config.urls_count; i++)
        add_file(files, w->config.urls[i]);
    if (w->config.sub_url[0])
        add_file(files, w->config.sub_url);
    r = nvr_child_enter(w->child, NVR_SANDBOX_INET, files->paths,
                        w->config.record && w->config.root[0] ? w->config.root : NULL);
    free(files);
    return r;
}

static void handle_start(struct worker *w, const struct nvr_rpc_request *request)
{
    const char *reason = "the worker has started already";
    int r = -EALREADY;

    if (!w->started) {
        r = nvr_worker_config_parse(request->params, &w->config, &reason);
        if (r == 0) {
            nvr_log_set_camera(w->config.id);
            reason = "the worker could not be started";
            r = enter(w);
        }
        if (r == 0)
            r = start_all(w, request);
    }
    if (r < 0) {
        nvr_child_refuse(w->child, request->id, NULL, reason);
        return;
    }
    nvr_child_answer(w->child, request->id, json_object(), -1);
    for (int i = 0; i < STREAMS; i++)
        if (w->streams[i])
            nvr_stream_start(w->streams[i]);
}

/* ---- stop ---- */

static void end(struct worker *w)
{
    nvr_child_answer(w->child, w->stop_id, json_object(), -1);
    w->stop_id = -1;
    nvr_child_end(w->child, 0);
}

static void on_stop_timer(uv_timer_t *timer)
{
    struct worker *w = timer->data;

    if (w->recorder && nvr_recorder_is_stopped(w->recorder)) {
        nvr_recorder_free(w->recorder); /* the last file is closed and in the outbox after this */
        w->recorder = NULL;
    }
    if ((!w->recorder && (nvr_outbox_is_empty(w->outbox) || !nvr_child_get_rpc(w->child))) ||
        nvr_clock_mono_ms() >= w->stop_deadline_ms) {
        if (w->recorder)
            log_warn("the disk does not answer: the last file is left to the index");
        end(w);
    }
}

static void stop(struct worker *w, int64_t id)
{
    if (w->stopping) {
        nvr_child_answer(w->child, id, json_object(), -1);
        return;
    }
    w->stopping = true;
    w->stop_id = id;
    if (!w->started) {
        end(w);
        return;
    }
    for (int i = 0; i < STREAMS; i++)
        if (w->streams[i])
            nvr_stream_stop(w->streams[i]);
    if (w->recorder)
        nvr_recorder_stop(w->recorder);
    w->stop_deadline_ms = nvr_clock_mono_ms() + STOP_MS;
    (void)uv_timer_start(&w->heartbeat, on_stop_timer, 0, STOP_POLL_MS);
}

/* ---- requests ---- */

static struct nvr_stream *stream_of(struct worker *w, const json_t *params)
{
    const char *name = "main";

    (void)nvr_json_get_str(params, "stream", &name);
    return w->streams[strcmp(name, "sub") == 0 ? SUB : MAIN];
}

static void handle_watch(struct worker *w, const struct nvr_rpc_request *request, bool on)
{
    struct nvr_stream *stream = stream_of(w, request->params);
    int fd = -1;

    if (!stream || (on && request->fds_count < 1)) {
        nvr_child_refuse(w->child, request->id, NULL,
                         stream ? "no eventfd came along" : "the camera has no such stream");
        return;
    }
    if (on)
        fd = NVR_TAKE_FD(request->fds[0]);
    (void)nvr_stream_watch_take(stream, fd);
    nvr_child_answer(w->child, request->id, json_object(), -1);
}

static void handle_record(struct worker *w, const struct nvr_rpc_request *request)
{
    struct nvr_window window;

    if (nvr_window_parse(request->params, &window) < 0) {
        nvr_child_refuse(w->child, request->id, NULL, "from_us or until_us is missing");
        return;
    }
    if (w->recorder && !w->stopping)
        set_window(w, &window);
    nvr_child_answer(w->child, request->id, json_object(), -1);
}

static void handle_reconnect(struct worker *w, int64_t id)
{
    w->breaker.until_ms = 0;
    for (int i = 0; i < STREAMS && !w->stopping; i++)
        if (w->streams[i])
            nvr_stream_reconnect(w->streams[i]);
    nvr_child_answer(w->child, id, json_object(), -1);
}

static void on_request(struct nvr_child *child, const struct nvr_rpc_request *request, void *arg)
{
    struct worker *w = arg;

    w->child = child;
    if (strcmp(request->method, "start") == 0)
        handle_start(w, request);
    else if (strcmp(request->method, "stop") == 0)
        stop(w, request->id);
    else if (strcmp(request->method, "watch") == 0)
        handle_watch(w, request, true);
    else if (strcmp(request->method, "unwatch") == 0)
        handle_watch(w, request, false);
    else if (strcmp(request->method, "record") == 0)
        handle_record(w, request);
    else if (strcmp(request->method, "reconnect") == 0)
        handle_reconnect(w, request->id);
    else if (request->id >= 0)
        (void)!nvr_rpc_reply_error(nvr_child_get_rpc(child), request->id, NVR_RPC_METHOD_NOT_FOUND,
                                   "unknown method", NULL);
}

static void on_stop(struct nvr_child *child, void *arg)
{
    struct worker *w = arg;

    w->child = child;
    stop(w, -1);
}

int nvr_camera_run(const char *name, int fd)
{
    static const struct nvr_child_role role = {
        .name = "camera", .on_request = on_request, .on_stop = on_stop};
    struct worker *w = calloc(1, sizeof(*w));

    if (!w)
        return 1;
    w->stop_id = -1;
    nvr_log_set_camera(name);
    return nvr_child_run(fd, &role, w);
}
