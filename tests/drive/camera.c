/* drive-camera — the core's side of nvr-camera in small: starts the zygote, forks one worker,
 * prints what it says and answers its calls. For trials without the whole of Heron.
 *
 *   drive-camera [-t SECONDS] [-s SUB_URL] [-u USER] [-p PASSWORD] [-g SEGMENT_SECONDS]
 *                [-T tcp|udp|http] [-w] [-n CAMERAS] [-r RECONNECT_AFTER] URL FOLDER     record
 *   drive-camera -P [-u USER] [-p PASSWORD] URL [JPEG]                       probe
 *   drive-camera -S [-W WIDTH] FILE JPEG                                      still of a segment
 *   drive-camera -I FOLDER PATH                                               index a segment
 * -w: watch the ring and print the delay of its fragments. -n: so many workers, %d in URL. */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/ipc/rpc.h"
#include "lib/ipc/zygote.h"
#include "lib/ring/ring.h"

NVR_LOG_TOPIC("drive");

#define CAMERAS_MAX 64

struct camera {
    int index;
    char id[32];
    struct nvr_rpc *rpc;
    struct nvr_ring_reader *reader;
    int eventfd;
    uv_poll_t poll;
    bool polling;
    uint64_t fragments, bytes;
    double delay_sum_ms, delay_max_ms;
    int segments;
    bool gone;
};

static uv_loop_t *loop;
static struct nvr_zygote *zygote;
static struct camera cameras[CAMERAS_MAX];
static int cameras_count = 1;
static const char *user = "", *password = "", *sub_url = "", *transport = "tcp";
static const char *url, *folder;
static int seconds = 20, segment_seconds = 4, still_width, reconnect_after;
static bool watch;
static bool quiet;
static char mode = 'R';

static void quit_when_done(void)
{
    for (int i = 0; i < cameras_count; i++)
        if (!cameras[i].gone)
            return;
    uv_stop(loop);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct camera *c = poll->data;
    struct nvr_ring_entry entry;
    const uint8_t *data;
    uint64_t count;

    (void)status;
    (void)events;
    if (read(c->eventfd, &count, sizeof(count)) < 0)
        return;
    while (c->reader && nvr_ring_reader_next_borrow(c->reader, &entry, &data) == 1) {
        const double delay = (double)(entry.publish_us - entry.arrival_us) / 1000;

        c->fragments++;
        c->bytes += entry.size;
        c->delay_sum_ms += delay;
        if (delay > c->delay_max_ms)
            c->delay_max_ms = delay;
    }
}

static void on_watch(struct nvr_rpc *rpc, const struct nvr_rpc_reply *reply, void *arg)
{
    (void)rpc;
    (void)arg;
    if (reply->error < 0)
        printf("watch: %s\n", reply->message);
}

static void take_ring(struct camera *c, const struct nvr_rpc_request *request)
{
    const char *stream = "";

    (void)nvr_json_get_str(request->params, "stream", &stream);
    if (strcmp(stream, "main") != 0 || request->fds_count < 1)
        return;
    nvr_ring_reader_free(c->reader);
    c->reader = NULL;
    if (nvr_ring_reader_open_take(NVR_TAKE_FD(request->fds[0]), &c->reader) < 0)
        printf("ring is not sound\n");
    if (!watch || c->polling)
        return;
    c->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    (void)uv_poll_init(loop, &c->poll, c->eventfd);
    c->poll.data = c;
    c->polling = true;
    (void)uv_poll_start(&c->poll, UV_READABLE, on_readable);
    (void)!nvr_rpc_call(c->rpc, "watch", json_pack("{s:s}", "stream", "main"), &c->eventfd, 1, 2000,
                        on_watch, c);
}

static void on_request(struct nvr_rpc *rpc, const struct nvr_rpc_request *request, void *arg)
{
    struct camera *c = arg;

    if (!quiet) {
        NVR_AUTO_FREE char *text = nvr_json_dump(request->params);

        printf("%s %s %s\n", c->id, request->method, text ? text : "?");
        (void)fflush(stdout);
    }
    if (strcmp(request->method, "ring") == 0)
        take_ring(c, request);
    if (strcmp(request->method, "segment") == 0)
        c->segments++;
    if (request->id >= 0)
        (void)!nvr_rpc_reply_result(rpc, request->id, json_object(), NULL, 0);
}

static void on_close(struct nvr_rpc *rpc, int reason, void *arg)
{
    struct camera *c = arg;

    if (!quiet)
        printf("%s closed (%d): %d segments", c->id, reason, c->segments);
    if (c->fragments)
        printf(", %llu fragments, %llu bytes, read to ring mean %.3f max %.3f ms",
               (unsigned long long)c->fragments, (unsigned long long)c->bytes,
               c->delay_sum_ms / (double)c->fragments, c->delay_max_ms);
    printf("\n");
    nvr_rpc_free(rpc);
    c->rpc = NULL;
    c->gone = true;
    quit_when_done();
}

static void save_fd(int fd, const char *path)
{
    struct stat st;
    NVR_AUTO_FREE char *data = NULL;

    if (fd < 0 || !path || fstat(fd, &st) < 0)
        return;
    data = malloc((size_t)st.st_size + 1);
    if (data && nvr_fd_pread_all(fd, data, (size_t)st.st_size, 0) == st.st_size &&
        nvr_file_write_atomic(path, data, (size_t)st.st_size, 0644) == 0)
        printf("%s: %lld bytes\n", path, (long long)st.st_size);
}

static void on_reply(struct nvr_rpc *rpc, const struct nvr_rpc_reply *reply, void *arg)
{
    NVR_AUTO_FREE char *text = NULL;

    (void)rpc;
    (void)arg;
    if (reply->error < 0) {
        text = reply->data ? nvr_json_dump(reply->data) : NULL;
        printf("error %d: %s %s\n", reply->error, reply->message, text ? text : "");
    } else {
        text = nvr_json_dump(reply->result);
        printf("result %.2000s\n", text ? text : "?");
        if (reply->fds_count)
            save_fd(reply->fds[0], folder);
    }
    if (mode != 'R')
        uv_stop(loop);
}

static void start_camera(struct camera *c)
{
    char dir[1024];
    char address[1024];
    int fd;

    (void)snprintf(dir, sizeof(dir), "%s/%s", folder, c->id);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(address, sizeof(address), url, c->index + 1);
#pragma GCC diagnostic pop
    if (nvr_mkdir_p(dir, 0755) < 0)
        return;
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)!nvr_rpc_call(
        c->rpc, "start",
        json_pack("{s:{s:s, s:s, s:{s:s, s:s, s:s, s:s, s:s, s:s}, s:{s:b, s:i, s:b, s:i}}, s:s}",
                  "camera", "id", c->id, "name", c->id, "stream", "url", address, "sub_url",
                  sub_url, "username", user, "password", password, "auth_type", "auto", "transport",
                  transport, "recording", "enabled", 1, "segment_seconds", segment_seconds, "audio",
                  1, "pre_buffer_seconds", 5, "root", dir),
        &fd, 1, 5000, on_reply, c);
    (void)close(fd);
}

static void start_job(struct camera *c)
{
    int fd = -1;
    json_t *params;
    const char *method = mode == 'P' ? "probe" : mode == 'S' ? "still" : "index";

    if (mode == 'P') {
        params =
            json_pack("{s:s, s:s, s:s, s:s, s:s, s:i}", "url", url, "username", user, "password",
                      password, "auth_type", "auto", "transport", transport, "timeout_ms", 9000);
    } else if (mode == 'S') {
        struct stat st;

        fd = open(url, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
            return;
        params = json_pack("{s:i, s:i, s:i, s:i, s:i, s:I}", "width", still_width, "quality", 80,
                           "target_us", 0, "budget_ms", 2000, "offset", 0, "length",
                           (json_int_t)st.st_size);
    } else {
        fd = open(url, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        params = json_pack("{s:s}", "path", folder);
    }
    (void)!nvr_rpc_call(c->rpc, method, params, &fd, fd >= 0, 10000, on_reply, c);
    if (fd >= 0)
        (void)close(fd);
}

static void on_fork(struct nvr_zygote *z, int error, pid_t pid, int pidfd, void *arg)
{
    (void)z;
    (void)arg;
    if (error < 0)
        printf("fork failed: %d\n", error);
    else if (!quiet)
        printf("pid %d\n", (int)pid);
    if (pidfd >= 0)
        (void)close(pidfd);
}

static void on_exit_of(struct nvr_zygote *z, pid_t pid, int code, int signal, void *arg)
{
    (void)z;
    (void)arg;
    if (!quiet || code != 0)
        printf("exit of %d: code %d signal %d\n", (int)pid, code, signal);
}

static void on_line(struct nvr_zygote *z, const char *line, void *arg)
{
    (void)z;
    (void)arg;
    if (!quiet)
        printf("log %s\n", line);
}

static void on_zygote_close(struct nvr_zygote *z, int reason, void *arg)
{
    (void)z;
    (void)arg;
    printf("zygote gone (%d)\n", reason);
    uv_stop(loop);
}

static void on_time(uv_timer_t *timer)
{
    (void)timer;
    for (int i = 0; i < cameras_count; i++)
        if (cameras[i].rpc)
            (void)!nvr_rpc_call(cameras[i].rpc, "stop", NULL, NULL, 0, 8000, on_reply, &cameras[i]);
}

static void on_reconnect(uv_timer_t *timer)
{
    (void)timer;
    for (int i = 0; i < cameras_count; i++)
        if (cameras[i].rpc)
            (void)!nvr_rpc_call(cameras[i].rpc, "reconnect", NULL, NULL, 0, 8000, on_reply,
                                &cameras[i]);
}

static int begin(struct camera *c)
{
    static const struct nvr_rpc_handlers handlers = {.on_request = on_request,
                                                     .on_close = on_close};
    static const char *const roles[] = {
        ['R'] = "camera", ['P'] = "probe", ['S'] = "still", ['I'] = "index"};
    int fds[2];

    (void)snprintf(c->id, sizeof(c->id), "cam%d", c->index + 1);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0 ||
        nvr_zygote_fork_take(zygote, roles[(int)mode], c->id, fds[1], 5000, on_fork, c) < 0 ||
        nvr_rpc_new_take(loop, fds[0], &handlers, c, &c->rpc) < 0)
        return -1;
    if (mode == 'R')
        start_camera(c);
    else
        start_job(c);
    return 0;
}

static int number(const char *text)
{
    uint64_t value = 0;

    if (nvr_str_to_u64(nvr_str_from(text), 100000, &value) < 0)
        printf("not a number: %s\n", text);
    return (int)value;
}

static int parse(int argc, char **argv)
{
    int opt;

    while ((opt = getopt(argc, argv, "t:s:u:p:g:T:wn:r:PSIW:q")) != -1) {
        switch (opt) {
        case 't':
            seconds = number(optarg);
            break;
        case 's':
            sub_url = optarg;
            break;
        case 'u':
            user = optarg;
            break;
        case 'p':
            password = optarg;
            break;
        case 'g':
            segment_seconds = number(optarg);
            break;
        case 'T':
            transport = optarg;
            break;
        case 'w':
            watch = true;
            break;
        case 'q':
            quiet = true;
            break;
        case 'n':
            cameras_count = NVR_MIN(number(optarg), CAMERAS_MAX);
            break;
        case 'r':
            reconnect_after = number(optarg);
            break;
        case 'W':
            still_width = number(optarg);
            break;
        case 'P':
        case 'S':
        case 'I':
            mode = (char)opt;
            break;
        default:
            return -1;
        }
    }
    if (optind >= argc)
        return -1;
    url = argv[optind];
    folder = optind + 1 < argc ? argv[optind + 1] : NULL;
    return folder || mode == 'P' ? 0 : -1;
}

int main(int argc, char **argv)
{
    static const struct nvr_zygote_handlers handlers = {
        .on_exit = on_exit_of, .on_line = on_line, .on_close = on_zygote_close};
    uv_timer_t timer;
    uv_timer_t reconnect;
    char program[1024];
    char self[1000];
    ssize_t n;

    if (parse(argc, argv) < 0) {
        printf("usage: see the head of tests/drive/camera.c\n");
        return 2;
    }
    n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n < 0)
        return 1;
    self[n] = 0;
    *strrchr(self, '/') = 0;
    (void)snprintf(program, sizeof(program), "%s/%s", self,
                   mode == 'R' || mode == 'P' ? "nvr-camera" : "nvr-media");
    loop = uv_default_loop();
    if (nvr_zygote_start(loop, program, &handlers, NULL, &zygote) < 0)
        return 1;
    for (int i = 0; i < cameras_count; i++) {
        cameras[i].index = i;
        if (begin(&cameras[i]) < 0)
            return 1;
    }
    (void)uv_timer_init(loop, &timer);
    (void)uv_timer_init(loop, &reconnect);
    if (mode == 'R')
        (void)uv_timer_start(&timer, on_time, (uint64_t)seconds * 1000, 0);
    if (reconnect_after)
        (void)uv_timer_start(&reconnect, on_reconnect, (uint64_t)reconnect_after * 1000, 0);
    (void)uv_run(loop, UV_RUN_DEFAULT);
    return 0;
}
