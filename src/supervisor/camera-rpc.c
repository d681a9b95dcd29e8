/* The messages between the core and a camera's worker. What comes from the worker is checked: it
 * parses foreign bytes and may be somebody else's by now. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "src/supervisor/private.h"

NVR_LOG_TOPIC("camera");

#define START_TIMEOUT_MS 10000
#define ROW_EVERY_MS 60000 /* last_seen and the numbers, while nothing changes */

/* ---- start ---- */

static const char *transport_name(enum nvr_transport transport)
{
    static const char *const names[] = {"tcp", "udp", "http"};

    return (unsigned)transport < NVR_ARRAY_SIZE(names) ? names[transport] : "tcp";
}

static const char *auth_name(enum nvr_auth_type type)
{
    static const char *const names[] = {"auto", "basic", "digest", "none"};

    return (unsigned)type < NVR_ARRAY_SIZE(names) ? names[type] : "auto";
}

static json_t *stream_to_json(const struct nvr_camera_config *config)
{
    json_t *fallbacks = json_array();

    for (size_t i = 0; fallbacks && i < config->stream.fallback_count; i++)
        (void)json_array_append_new(fallbacks, json_string(config->stream.fallback_urls[i]));
    return json_pack("{s:s, s:s, s:o, s:s, s:s, s:s, s:s, s:i}", "url", config->stream.url,
                     "sub_url", config->stream.sub_url, "fallback_urls", fallbacks, "username",
                     config->stream.username, "password", config->stream.password, "auth_type",
                     auth_name(config->stream.auth_type), "transport",
                     transport_name(config->stream.transport), "timeout_seconds",
                     (int)config->timeout_seconds);
}

static json_t *start_params(struct camera *camera, const char *root, bool record)
{
    const struct nvr_camera_config *config = &camera->config;
    NVR_AUTO_JSON whole = nvr_config_camera_to_json(camera->supervisor->file.config, config->id);
    json_t *advanced = json_incref(json_object_get(whole, "advanced"));

    if (!advanced)
        advanced = json_object();
    return json_pack("{s:{s:s, s:s, s:o, s:{s:b, s:i, s:b, s:i, s:i}, s:o}, s:s, s:o}", "camera",
                     "id", config->id, "name", config->name, "stream", stream_to_json(config),
                     "recording", "enabled", config->recording.enabled && record, "segment_seconds",
                     (int)config->recording.segment_seconds, "audio", config->recording.audio,
                     "pre_buffer_seconds", (int)config->recording.pre_buffer_seconds,
                     "flush_seconds", (int)config->recording.flush_seconds, "advanced", advanced,
                     "root", root, "record", recording_window_to_json(camera));
}

/* Looked at each time: between two checks of the storage a disk may have gone. */
static int open_root(const struct nvr_supervisor *sv, const char *id, char root[PATH_MAX])
{
    int r = nvr_path_join(root, PATH_MAX, sv->recordings_dir, id);

    if (r == 0 && !storage_is_ours(sv))
        r = -ENODEV;
    if (r == 0 && access(root, F_OK) < 0) {
        r = nvr_mkdir_p(root, 0750);
        if (r == 0)
            r = nvr_fsync_parent(root); /* what is recorded must not be lost with its folder */
    }
    if (r < 0)
        return r;
    return nvr_sys(open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
}

static void on_started(struct nvr_rpc *rpc, const struct nvr_rpc_reply *reply, void *arg)
{
    struct camera *camera = arg;

    (void)rpc;
    if (reply->error == 0 || reply->error == -ECONNRESET)
        return;
    log_error("worker %s: start: %s", camera->config.id, reply->message);
    camera_set_status(camera, CAMERA_ERROR, "protocol", reply->message);
}

void camera_rpc_start(struct camera *camera)
{
    char root[PATH_MAX] = "";
    NVR_AUTO_FD int fd = open_root(camera->supervisor, camera->config.id, root);
    int r;

    camera->recording_error[0] = 0;
    camera->without_folder = fd < 0 && camera->config.recording.enabled;
    if (camera->without_folder) {
        (void)snprintf(camera->recording_error, sizeof(camera->recording_error),
                       "The recordings folder cannot be used: %s",
                       fd == -ENODEV ? "the disk is missing" : nvr_strerror(fd));
        (void)log_err(fd, "camera %s: recordings folder '%s'", camera->config.id, root);
    }
    r = nvr_rpc_call(camera->worker.rpc, "start", start_params(camera, root, fd >= 0), &fd, fd >= 0,
                     START_TIMEOUT_MS, on_started, camera);
    if (r < 0)
        (void)log_err(r, "worker %s: start", camera->config.id);
    for (int i = 0; i < STREAMS; i++)
        camera->streams_state[i] = (struct stream_state){.status = CAMERA_STARTING};
}

/* ---- what the worker says ---- */

static enum camera_status parse_status(const char *name)
{
    for (int i = CAMERA_STARTING; i <= CAMERA_ERROR; i++)
        if (strcmp(camera_status_name((enum camera_status)i), name) == 0)
            return (enum camera_status)i;
    return CAMERA_ERROR;
}

static void copy_str(const json_t *object, const char *key, char *dst, size_t size)
{
    const char *text = "";

    (void)nvr_json_get_str(object, key, &text);
    (void)snprintf(dst, size, "%s", text);
    /* A cut inside a character would spoil every JSON that holds it. */
    while (dst[0] && !nvr_str_is_utf8(nvr_str_from(dst)))
        dst[strlen(dst) - 1] = 0;
}

static void handle_status(struct camera *camera, const json_t *params)
{
    const char *stream = "main";
    const char *status = "";

    if (nvr_json_get_str(params, "stream", &stream) < 0 ||
        nvr_json_get_str(params, "status", &status) != 1)
        return;
    const int index = stream_index(stream);

    if (index < 0)
        return;
    struct stream_state *state = &camera->streams_state[index];

    state->status = parse_status(status);
    copy_str(params, "error", state->error, sizeof(state->error));
    copy_str(params, "error_code", state->error_code, sizeof(state->error_code));
    nvr_log_redact(state->error);
    (void)nvr_json_get_int(params, "url_index", 0, NVR_CONFIG_FALLBACKS_MAX, &state->url_index);
    state->next_try_ms = 0;
    (void)nvr_json_get_int(params, "next_try_ms", 0, INT64_MAX, &state->next_try_ms);
    if (state->status == CAMERA_ONLINE)
        camera->last_seen_ms = nvr_clock_wall_ms();
    if (index == 0)
        camera_set_status(camera, state->status, state->error_code, state->error);
    else
        live_status_changed(camera, index);
}

/* Numbers of one stream; anything but an object of flat values is refused. */
static void take_stats(struct camera *camera, int index, const json_t *stats)
{
    json_decref(NVR_TAKE(camera->stats[index]));
    if (!json_is_object(stats) || json_object_size(stats) > 32)
        return;
    camera->stats[index] = json_deep_copy(stats);
    int64_t last_frame_ms = 0;

    (void)nvr_json_get_int(stats, "last_frame_ms", 0, INT64_MAX, &last_frame_ms);
    camera->last_seen_ms =
        NVR_MAX(camera->last_seen_ms, NVR_MIN(last_frame_ms, nvr_clock_wall_ms()));
}

static int64_t sum_stats(const struct camera *camera, const char *key)
{
    int64_t sum = 0;

    for (int i = 0; i < STREAMS; i++) {
        int64_t value = 0;

        if (camera->stats[i])
            (void)nvr_json_get_int(camera->stats[i], key, 0, INT32_MAX, &value);
        sum += value;
    }
    return sum;
}

static void handle_heartbeat(struct camera *camera, const json_t *params)
{
    const json_t *streams = json_object_get(params, "streams");
    const json_t *recording = json_object_get(params, "recording");

    worker_take_heartbeat(&camera->worker, params);
    for (int i = 0; i < STREAMS; i++)
        take_stats(camera, i, json_object_get(streams, stream_name(i)));
    camera->reconnects = sum_stats(camera, "reconnects");
    camera->dropped_packets = sum_stats(camera, "dropped_packets");
    camera->recording_active = false;
    (void)nvr_json_get_bool(recording, "active", &camera->recording_active);
    camera->recording_start_ms = 0;
    (void)nvr_json_get_int(recording, "start_ms", 0, INT64_MAX, &camera->recording_start_ms);
    copy_str(recording, "file", camera->recording_file, sizeof(camera->recording_file));
    if (recording && !camera->without_folder)
        copy_str(recording, "error", camera->recording_error, sizeof(camera->recording_error));
    recording_tell(camera);
    recording_gaps_heartbeat(camera, recording);
    recording_gaps_update(camera);
    if (nvr_clock_mono_ms() - camera->row_written_ms >= ROW_EVERY_MS)
        rows_write_camera(camera, false);
}

/* Somebody removed the camera's folder. The worker holds, and may write to, the removed one only:
 * a new worker gets a new folder. */
static void replace_lost_root(struct camera *camera)
{
    char root[PATH_MAX];
    struct stat st;

    if (nvr_path_join(root, sizeof(root), camera->supervisor->recordings_dir, camera->config.id) <
            0 ||
        lstat(root, &st) == 0 || errno != ENOENT)
        return;
    log_warn("camera %s: '%s' is gone: it is made anew", camera->config.id, root);
    worker_restart(&camera->worker);
}

/* "full": who deletes old recordings hurries then. */
static void tell_error(const struct camera *camera)
{
    const char *error = camera->recording_error;
    /* The recorder's words (src/camera/recorder.c), and those of errno. */
    const bool full = strstr(error, "disk is full") || strstr(error, nvr_strerror(ENOSPC)) ||
                      strstr(error, nvr_strerror(EDQUOT));

    nvr_bus_publish_take(
        camera->supervisor->bus, "recording.error",
        json_pack("{s:s, s:s, s:b}", "camera", camera->config.id, "error", error, "full", full));
}

static void handle_recording(struct camera *camera, const json_t *params)
{
    char state[16];

    copy_str(params, "state", state, sizeof(state));
    copy_str(params, "error", camera->recording_error, sizeof(camera->recording_error));
    camera->recording_active = strcmp(state, "started") == 0;
    recording_tell(camera);
    if (camera->recording_error[0])
        log_error("camera %s: recording: %s", camera->config.id, camera->recording_error);
    recording_gaps_update(camera);
    if (strcmp(state, "error") == 0) {
        tell_error(camera);
        replace_lost_root(camera);
        reconcile_soon(camera->supervisor->reconcile, camera->config.id); /* a file may be left */
    }
}

static void handle_ring(struct camera *camera, const struct nvr_rpc_request *request)
{
    const char *stream = "";

    if (request->fds_count != 1 || nvr_json_get_str(request->params, "stream", &stream) != 1 ||
        stream_index(stream) < 0) {
        log_warn("worker %s: bad ring message", camera->config.id);
        return;
    }
    live_set_ring_take(camera, stream_index(stream), NVR_TAKE_FD(request->fds[0]));
}

void camera_rpc_request(struct camera *camera, const struct nvr_rpc_request *request)
{
    if (strcmp(request->method, "heartbeat") == 0)
        handle_heartbeat(camera, request->params);
    else if (strcmp(request->method, "status") == 0)
        handle_status(camera, request->params);
    else if (strcmp(request->method, "ring") == 0)
        handle_ring(camera, request);
    else if (strcmp(request->method, "segment") == 0)
        segment_store(camera, request);
    else if (strcmp(request->method, "recording") == 0)
        handle_recording(camera, request->params);
    else if (strcmp(request->method, "gap") == 0)
        recording_gaps_report(camera, request->params);
    else if (strcmp(request->method, "hello") != 0 &&
             nvr_rpc_reply_error(camera->worker.rpc, request->id, NVR_RPC_METHOD_NOT_FOUND,
                                 "no such method", NULL) < 0)
        log_warn("worker %s: unknown method", camera->config.id);
}

void camera_rpc_gone(struct camera *camera)
{
    for (int i = 0; i < STREAMS; i++) {
        json_decref(NVR_TAKE(camera->stats[i]));
        camera->streams_state[i] = (struct stream_state){.status = CAMERA_OFFLINE};
    }
    camera->recording_active = false;
    recording_tell(camera);
    camera->recording_file[0] = 0;
    camera->recording_start_ms = 0;
    live_worker_gone(camera);
}
