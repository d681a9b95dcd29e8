/* A whole session with a hostile server: the input is all that it ever says. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/rtsp/client.h"

#define INPUT_MAX 100000u /* fits into the socket's buffer */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
    struct nvr_rtsp *client;
    unsigned tracks, frames, closes;
};

static void on_tracks(struct nvr_rtsp *client, const struct nvr_rtsp_track *tracks, size_t count,
                      void *arg)
{
    struct run *run = arg;

    (void)client;
    if (run->tracks++ || count == 0 || count > NVR_RTSP_TRACKS_MAX || !tracks[0].video)
        abort();
}

static void on_frame(struct nvr_rtsp *client, const struct nvr_rtsp_frame *frame, void *arg)
{
    struct run *run = arg;

    if (run->closes || run->tracks != 1 || frame->size == 0)
        abort();
    if (++run->frames == 50) {
        run->client = NULL;
        nvr_rtsp_close(client);
    }
}

static void on_close(struct nvr_rtsp *client, const struct nvr_rtsp_reason *reason, void *arg)
{
    struct run *run = arg;

    if (run->closes++ || reason->error >= 0 || !reason->message[0])
        abort();
    run->client = NULL;
    nvr_rtsp_close(client);
}

/* Redirects would lead out of here. */
static bool has_location(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i + 8 <= size; i++) {
        if (strncasecmp((const char *)data + i, "location", 8) == 0)
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct nvr_rtsp_handlers HANDLERS = {on_tracks, on_frame, on_close};
    const struct nvr_rtsp_options options = {.url = "rtsp://127.0.0.1:9/x",
                                             .username = "user",
                                             .password = "secret",
                                             .want_audio = true};
    struct run run = {.client = NULL};
    uv_loop_t loop;
    int fds[2];

    if (size > INPUT_MAX || has_location(data, size))
        return 0;
    if (uv_loop_init(&loop) < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        abort();
    if (nvr_rtsp_open(&loop, &options, &HANDLERS, &run, &run.client) < 0 ||
        nvr_rtsp_adopt(run.client, fds[0]) < 0 || nvr_fd_write_all(fds[1], data, size) < 0 ||
        shutdown(fds[1], SHUT_WR) < 0)
        abort();
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    if (run.client || uv_loop_close(&loop) < 0)
        abort();
    (void)close(fds[1]);
    return 0;
}
