#include "src/cli/demo.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/url.h"
#include "src/cli/cli.h"

NVR_LOG_TOPIC("demo");

#define CAMERA_ID "demo"
#define LISTENING "simcam: listening on "
#define OUTPUT_MAX 4096
#define DELAY_FIRST_MS 500
#define DELAY_MAX_MS 60000

struct demo {
    uv_loop_t *loop;
    struct nvr_supervisor *supervisor;
    char nvr[PATH_MAX], simcam[PATH_MAX], main_mount[PATH_MAX + 16], sub_mount[PATH_MAX + 16];
    uv_process_t *process; /* NULL: none */
    uv_pipe_t *output;     /* of the process */
    uv_timer_t timer;
    struct nvr_buf line;
    char block[512];
    int64_t delay_ms; /* before the next start */
    int64_t started_ms;
    int port;
    bool stopping;
};

static void start_process(struct demo *demo);

static void on_timer_closed(uv_handle_t *handle)
{
    struct demo *demo = handle->data;

    nvr_buf_done(&demo->line);
    free(demo);
}

/* ---- the camera in the configuration ---- */

static bool is_ours(const struct nvr_camera_config *camera, int *ret_port)
{
    struct nvr_url url;

    if (!camera || nvr_url_parse(camera->stream.url, &url) < 0 ||
        strcmp(url.host, CLI_HOST_DEFAULT) != 0 || strcmp(url.path, "/demo/main") != 0 ||
        url.port < 1)
        return false;
    *ret_port = url.port;
    return true;
}

bool demo_is_wanted(struct nvr_supervisor *supervisor, bool asked)
{
    const struct nvr_config *config = nvr_supervisor_get_config(supervisor);
    int port;

    return is_ours(nvr_config_find_camera(config, CAMERA_ID), &port) ||
           (asked && nvr_config_get_camera_count(config) == 0);
}

static void put_camera(struct demo *demo, int port)
{
    const struct nvr_config *config = nvr_supervisor_get_config(demo->supervisor);
    const struct nvr_camera_config *camera = nvr_config_find_camera(config, CAMERA_ID);
    struct nvr_config_errors *errors = calloc(1, sizeof(*errors));
    char url[64];
    char sub_url[64];
    char id[NVR_SLUG_SIZE];
    int known_port = 0;
    int r = 0;

    (void)snprintf(url, sizeof(url), "rtsp://127.0.0.1:%d/demo/main", port);
    (void)snprintf(sub_url, sizeof(sub_url), "rtsp://127.0.0.1:%d/demo/sub", port);
    if (errors && !camera && nvr_config_get_camera_count(config) == 0) {
        NVR_AUTO_JSON body = json_pack("{s:s, s:s, s:{s:s, s:s}}", "id", CAMERA_ID, "name",
                                       "Demo camera", "stream", "url", url, "sub_url", sub_url);

        r = body ? nvr_supervisor_camera_add(demo->supervisor, body, id, errors) : -ENOMEM;
    } else if (errors && is_ours(camera, &known_port) && known_port != port) {
        NVR_AUTO_JSON body = json_pack("{s:{s:s, s:s}}", "stream", "url", url, "sub_url", sub_url);

        r = body ? nvr_supervisor_camera_put(demo->supervisor, CAMERA_ID, body, true, errors)
                 : -ENOMEM;
    }
    if (r < 0)
        (void)log_err(r, "demo camera%s%s", errors->count ? ": " : "",
                      errors->count ? errors->items[0].message : "");
    free(errors);
}

/* ---- what the simulator says ---- */

static void handle_line(struct demo *demo)
{
    const char *text = nvr_buf_cstr(&demo->line);
    const char *colon = text ? strrchr(text, ':') : NULL;
    uint64_t port = 0;

    if (colon && strncmp(text, LISTENING, sizeof(LISTENING) - 1) == 0 &&
        nvr_str_to_u64(nvr_str_from(colon + 1), 65535, &port) == 0 && port) {
        demo->port = (int)port;
        log_info("demo camera on port %d", demo->port);
        nvr_supervisor_set_demo(demo->supervisor, true);
        put_camera(demo, demo->port);
    } else if (text && text[0]) {
        log_info("%s", text);
    }
    nvr_buf_reset(&demo->line);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct demo *demo = handle->data;

    (void)suggested;
    *buf = uv_buf_init(demo->block, sizeof(demo->block));
}

static void on_output(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct demo *demo = stream->data;

    if (n < 0)
        (void)uv_read_stop(stream);
    for (ssize_t i = 0; i < n && !demo->stopping; i++) {
        if (buf->base[i] == '\n')
            handle_line(demo);
        else
            (void)nvr_buf_append_char(&demo->line, buf->base[i]);
    }
}

/* ---- the process ---- */

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

static void on_timer(uv_timer_t *timer)
{
    start_process(timer->data);
}

static void restart_later(struct demo *demo)
{
    const bool lived = nvr_clock_mono_ms() - demo->started_ms > DELAY_MAX_MS;

    demo->delay_ms = lived ? DELAY_FIRST_MS : NVR_MIN(demo->delay_ms * 2, DELAY_MAX_MS);
    demo->delay_ms = NVR_MAX(demo->delay_ms, DELAY_FIRST_MS);
    (void)uv_timer_start(&demo->timer, on_timer, (uint64_t)demo->delay_ms, 0);
}

static void on_process_exit(uv_process_t *process, int64_t status, int signal_number)
{
    struct demo *demo = process->data;

    uv_close((uv_handle_t *)process, free_handle);
    if (!demo)
        return; /* stopped; the memory is gone */
    demo->process = NULL;
    nvr_supervisor_set_demo(demo->supervisor, false);
    log_warn("demo camera ended (status %d, signal %d)", (int)status, signal_number);
    if (nvr_clock_mono_ms() - demo->started_ms < 1000)
        demo->port = 0; /* the port may be taken: any other */
    uv_close((uv_handle_t *)NVR_TAKE(demo->output), free_handle);
    restart_later(demo);
}

static void start_process(struct demo *demo)
{
    char port[16];

    if (demo->stopping)
        return;
    demo->process = calloc(1, sizeof(*demo->process));
    demo->output = calloc(1, sizeof(*demo->output));
    if (!demo->process || !demo->output) {
        free(NVR_TAKE(demo->process));
        free(NVR_TAKE(demo->output));
        return;
    }
    char *args[] = {
        demo->nvr,      (char[]){"demo-camera"}, demo->simcam,     (char[]){"-p"},  port,
        (char[]){"-b"}, (char[]){"127.0.0.1"},   demo->main_mount, demo->sub_mount, NULL};
    char *env[] = {(char[]){"PATH=/usr/bin:/bin"}, (char[]){"LANG=C.UTF-8"}, NULL};
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_IGNORE},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)demo->output},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
    };
    const uv_process_options_t options = {
        .exit_cb = on_process_exit,
        .file = demo->nvr,
        .args = args,
        .env = env,
        .flags = UV_PROCESS_DETACHED,
        .stdio_count = 3,
        .stdio = stdio,
    };
    int r;

    (void)snprintf(port, sizeof(port), "%d", demo->port);
    demo->process->data = demo;
    (void)uv_pipe_init(demo->loop, demo->output, 0);
    demo->output->data = demo;
    demo->started_ms = nvr_clock_mono_ms();
    r = uv_spawn(demo->loop, demo->process, &options);
    if (r < 0) {
        (void)log_err(r, "start '%s'", demo->simcam);
        uv_close((uv_handle_t *)NVR_TAKE(demo->process), free_handle);
        uv_close((uv_handle_t *)NVR_TAKE(demo->output), free_handle);
        restart_later(demo);
        return;
    }
    (void)uv_read_start((uv_stream_t *)demo->output, on_alloc, on_output);
}

static int find_clips(struct demo *demo, const char *bin)
{
    static const char *const folders[] = {"../demo", "../share/nvr/demo"};
    char clip[PATH_MAX];
    char sub[PATH_MAX];

    for (size_t i = 0; i < NVR_ARRAY_SIZE(folders); i++) {
        if (nvr_fmt(clip, sizeof(clip), "%s/%s/demo.mp4", bin, folders[i]) < 0 ||
            nvr_fmt(sub, sizeof(sub), "%s/%s/demo-sub.mp4", bin, folders[i]) < 0)
            return -ENAMETOOLONG;
        if (access(clip, R_OK) < 0)
            continue;
        (void)snprintf(demo->main_mount, sizeof(demo->main_mount), "demo/main %s", clip);
        (void)snprintf(demo->sub_mount, sizeof(demo->sub_mount), "demo/sub %s",
                       access(sub, R_OK) == 0 ? sub : clip);
        return 0;
    }
    return -ENOENT;
}

int demo_start(uv_loop_t *loop, const char *bin, struct nvr_supervisor *supervisor,
               struct demo **ret_demo)
{
    const struct nvr_config *config = nvr_supervisor_get_config(supervisor);
    struct demo *demo = calloc(1, sizeof(*demo));
    int r = demo ? find_clips(demo, bin) : -ENOMEM;

    if (r == 0)
        r = nvr_path_join(demo->nvr, sizeof(demo->nvr), bin, "nvr");
    if (r == 0)
        r = nvr_path_join(demo->simcam, sizeof(demo->simcam), bin, "simcam");
    if (r == 0 && access(demo->simcam, X_OK) < 0)
        r = -errno;
    if (r < 0) {
        free(demo);
        return r;
    }
    demo->loop = loop;
    demo->supervisor = supervisor;
    nvr_buf_init(&demo->line, OUTPUT_MAX);
    if (!is_ours(nvr_config_find_camera(config, CAMERA_ID), &demo->port))
        demo->port = 0;
    (void)uv_timer_init(loop, &demo->timer);
    demo->timer.data = demo;
    start_process(demo);
    *ret_demo = demo;
    return 0;
}

void demo_stop(struct demo *demo)
{
    if (!demo)
        return;
    demo->stopping = true;
    if (demo->process) {
        demo->process->data = NULL;
        (void)uv_process_kill(demo->process, SIGTERM);
    }
    if (demo->output)
        uv_close((uv_handle_t *)NVR_TAKE(demo->output), free_handle);
    uv_close((uv_handle_t *)&demo->timer, on_timer_closed);
}

int cmd_demo_camera(int argc, char **argv)
{
    if (argc < 1)
        return CLI_USAGE;
    /* Ends with nvr, even when that is killed. */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
        return CLI_FAILED;
    (void)execv(argv[0], argv);
    (void)fprintf(stderr, "nvr: %s: %s\n", argv[0], nvr_strerror(errno));
    return CLI_FAILED;
}
