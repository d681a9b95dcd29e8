/* The core's side of zygote.h. */
#include "lib/ipc/zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/ipc/packet.h"

NVR_LOG_TOPIC("zygote");

#define LINE_MAX_BYTES 8192 /* longer lines are cut into several */
#define LOG_PIPE_SIZE (256 * 1024)
#define ENV_MAX 16

struct fork_call {
    struct fork_call *next;
    int64_t id;
    int64_t deadline_ms;
    nvr_zygote_on_fork on_fork;
    void *arg;
};

struct nvr_zygote {
    uv_process_t process;
    uv_poll_t control;
    uv_pipe_t log;
    uv_timer_t timer;
    int handles; /* open uv handles; the memory goes with the last */
    int control_fd;
    pid_t pid;
    const struct nvr_zygote_handlers *handlers;
    void *arg;
    struct fork_call *calls;
    int64_t next_id;
    struct nvr_buf line;
    char read_block[4096];
    bool closed; /* on_close ran */
    bool freed;
};

static void on_timer(uv_timer_t *timer);

/* ---- life ---- */

static void on_handle_closed(uv_handle_t *handle)
{
    struct nvr_zygote *zygote = handle->data;

    if (--zygote->handles > 0)
        return;
    nvr_buf_done(&zygote->line);
    free(zygote);
}

static void fail_calls(struct nvr_zygote *zygote, int error)
{
    while (zygote->calls) {
        struct fork_call *call = zygote->calls;

        zygote->calls = call->next;
        call->on_fork(zygote, error, 0, -1, call->arg);
        free(call);
    }
}

static void end(struct nvr_zygote *zygote, int reason)
{
    if (zygote->closed || zygote->freed)
        return;
    zygote->closed = true;
    (void)uv_poll_stop(&zygote->control);
    (void)uv_timer_stop(&zygote->timer);
    fail_calls(zygote, -ECONNRESET);
    if (!zygote->freed && zygote->handlers->on_close)
        zygote->handlers->on_close(zygote, reason, zygote->arg);
}

static void on_process_exit(uv_process_t *process, int64_t status, int signal_number)
{
    struct nvr_zygote *zygote = process->data;

    (void)status;
    (void)signal_number;
    zygote->pid = 0;
    /* The socket may still hold reports: its end, not this, ends the zygote. */
    uv_close((uv_handle_t *)process, on_handle_closed);
}

void nvr_zygote_free(struct nvr_zygote *zygote)
{
    if (!zygote || zygote->freed)
        return;
    zygote->freed = true;
    fail_calls(zygote, -ECONNRESET);
    if (zygote->control.loop) /* else it was never opened */
        uv_close((uv_handle_t *)&zygote->control, on_handle_closed);
    uv_close((uv_handle_t *)&zygote->timer, on_handle_closed);
    uv_close((uv_handle_t *)&zygote->log, on_handle_closed);
    (void)close(zygote->control_fd);
    /* It has no state: workers live on and end by their own sockets. The process handle stays until
     * the kernel tells, so that no zombie is left. */
    if (zygote->pid > 0)
        (void)uv_process_kill(&zygote->process, SIGKILL);
}

pid_t nvr_zygote_get_pid(const struct nvr_zygote *zygote)
{
    return zygote->pid;
}

/* ---- log lines ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct nvr_zygote *zygote = handle->data;

    (void)suggested;
    *buf = uv_buf_init(zygote->read_block, sizeof(zygote->read_block));
}

static void emit_line(struct nvr_zygote *zygote)
{
    const char *text = nvr_buf_cstr(&zygote->line);

    if (text && *text && zygote->handlers->on_line)
        zygote->handlers->on_line(zygote, text, zygote->arg);
    nvr_buf_reset(&zygote->line);
}

static void on_log(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct nvr_zygote *zygote = stream->data;

    if (n < 0) {
        (void)uv_read_stop(stream);
        if (zygote->line.len)
            emit_line(zygote);
        return;
    }
    for (ssize_t i = 0; i < n && !zygote->freed; i++) {
        const char c = buf->base[i];

        if (c == '\n' || zygote->line.len >= LINE_MAX_BYTES)
            emit_line(zygote);
        if (c != '\n' && c != 0)
            (void)nvr_buf_append_char(&zygote->line, c);
    }
}

/* ---- control packets ---- */

static struct fork_call *take_call(struct nvr_zygote *zygote, int64_t id)
{
    for (struct fork_call **at = &zygote->calls; *at; at = &(*at)->next) {
        struct fork_call *call = *at;

        if (call->id == id) {
            *at = call->next;
            return call;
        }
    }
    return NULL;
}

static void arm_timer(struct nvr_zygote *zygote)
{
    int64_t earliest = INT64_MAX;

    for (const struct fork_call *call = zygote->calls; call; call = call->next)
        earliest = NVR_MIN(earliest, call->deadline_ms);
    if (earliest == INT64_MAX) {
        (void)uv_timer_stop(&zygote->timer);
        return;
    }
    uv_update_time(zygote->timer.loop);
    (void)uv_timer_start(&zygote->timer, on_timer,
                         (uint64_t)NVR_MAX(earliest - nvr_clock_mono_ms(), 1), 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct nvr_zygote *zygote = timer->data;
    const int64_t now = nvr_clock_mono_ms();
    bool again = true;

    while (again && !zygote->freed) {
        struct fork_call *call = zygote->calls;

        while (call && call->deadline_ms > now)
            call = call->next;
        again = call != NULL;
        if (call) {
            (void)take_call(zygote, call->id);
            call->on_fork(zygote, -ETIMEDOUT, 0, -1, call->arg);
            free(call);
        }
    }
    if (!zygote->freed)
        arm_timer(zygote);
}

static void handle_exit(struct nvr_zygote *zygote, const json_t *report)
{
    int64_t pid = 0;
    int64_t code = -1;
    int64_t sig = 0;

    if (nvr_json_get_int(report, "pid", 1, INT32_MAX, &pid) != 1)
        return;
    /* One of both is null. */
    if (nvr_json_get_int(report, "code", 0, 255, &code) < 0)
        code = -1;
    if (nvr_json_get_int(report, "signal", 1, 127, &sig) < 0)
        sig = 0;
    if (zygote->handlers->on_exit)
        zygote->handlers->on_exit(zygote, (pid_t)pid, (int)code, (int)sig, zygote->arg);
}

// NOLINTNEXTLINE(readability-non-const-parameter): the descriptor is taken out of it
static void handle_packet(struct nvr_zygote *zygote, const char *text, size_t len, int *fd)
{
    NVR_AUTO_JSON message = NULL;
    const char *error = NULL;
    struct fork_call *call;
    int64_t id = -1;
    int64_t pid = 0;

    if (nvr_json_parse(text, len, &message, NULL, 0) < 0)
        return;
    const json_t *report = json_object_get(message, "exit");

    if (report) {
        handle_exit(zygote, report);
        return;
    }
    if (nvr_json_get_int(message, "id", 0, INT64_MAX, &id) != 1)
        return;
    call = take_call(zygote, id);
    if (!call)
        return; /* too late; the worker's socket is closed already, so it ends by itself */
    if (nvr_json_get_int(message, "pid", 1, INT32_MAX, &pid) == 1 && *fd >= 0) {
        call->on_fork(zygote, 0, (pid_t)pid, NVR_TAKE_FD(*fd), call->arg);
    } else {
        if (nvr_json_get_str(message, "error", &error) == 1)
            log_error("fork: %s", error);
        call->on_fork(zygote, -ECHILD, 0, -1, call->arg);
    }
    free(call);
    if (!zygote->freed)
        arm_timer(zygote);
}

/* 1: a packet was handled, 0: none now, -ENODATA: the zygote is gone, -errno. */
static int receive(struct nvr_zygote *zygote)
{
    char text[NVR_ZYGOTE_PACKET_MAX];
    NVR_AUTO_FD int fd = -1;
    const ssize_t n = nvr_packet_receive(zygote->control_fd, text, sizeof(text), &fd, MSG_DONTWAIT);

    if (n == -EAGAIN)
        return 0;
    if (n == 0)
        return -ENODATA;
    if (n < 0 && n != -EMSGSIZE)
        return (int)n;
    if (n > 0)
        handle_packet(zygote, text, (size_t)n, &fd);
    return 1;
}

static void on_control(uv_poll_t *poll, int status, int events)
{
    struct nvr_zygote *zygote = poll->data;
    int r = status;

    (void)events;
    if (r == 0)
        do
            r = receive(zygote);
        while (r == 1 && !zygote->freed && !zygote->closed);
    if (r < 0 && !zygote->freed)
        end(zygote, r == -ENODATA ? 0 : r);
}

int nvr_zygote_fork_take(struct nvr_zygote *zygote, const char *role, const char *name,
                         int worker_fd, unsigned timeout_ms, nvr_zygote_on_fork on_fork, void *arg)
{
    NVR_AUTO_FD int fd = worker_fd;
    NVR_AUTO_JSON message =
        json_pack("{s:I, s:s, s:s}", "id", (json_int_t)zygote->next_id, "role", role, "name", name);
    NVR_AUTO_FREE char *text = message ? nvr_json_dump(message) : NULL;
    const size_t len = text ? strlen(text) : 0;
    struct fork_call *call;
    int r;

    if (!text)
        return -ENOMEM;
    if (zygote->closed || zygote->freed)
        return -ECONNRESET;
    if (len > NVR_ZYGOTE_PACKET_MAX)
        return -EMSGSIZE;
    call = malloc(sizeof(*call));
    if (!call)
        return -ENOMEM;
    r = nvr_packet_send(zygote->control_fd, text, len, fd, MSG_DONTWAIT);
    if (r < 0) {
        free(call);
        return r;
    }
    *call = (struct fork_call){
        .next = zygote->calls,
        .id = zygote->next_id++,
        .deadline_ms = nvr_clock_mono_ms() + timeout_ms,
        .on_fork = on_fork,
        .arg = arg,
    };
    zygote->calls = call;
    arm_timer(zygote);
    return 0;
}

/* ---- start ---- */

/* Only what a worker needs; never keys or tokens of the core's environment. */
static int clean_environment(char *env[ENV_MAX + 1])
{
    static const char *const passed[] = {
        "PATH",
        "TZ",
        "LD_LIBRARY_PATH",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "ASAN_OPTIONS",
        "UBSAN_OPTIONS",
        "LSAN_OPTIONS",
        "TSAN_OPTIONS",
        "MALLOC_ARENA_MAX",
    };
    size_t count = 0;

    for (size_t i = 0; i < NVR_ARRAY_SIZE(passed); i++) {
        const char *value = getenv(passed[i]); // NOLINT(concurrency-mt-unsafe): nobody sets it

        if (!value)
            continue;
        if (asprintf(&env[count], "%s=%s", passed[i], value) < 0)
            return -ENOMEM;
        count++;
    }
    if (asprintf(&env[count++], "LANG=C.UTF-8") < 0 ||
        asprintf(&env[count++], "NVR_LOG_LEVEL=%s", nvr_log_level_name(nvr_log_get_level())) < 0)
        return -ENOMEM;
    env[count] = NULL;
    return 0;
}

static int spawn(uv_loop_t *loop, struct nvr_zygote *zygote, const char *program, int control,
                 int log)
{
    char *env[ENV_MAX + 1] = {NULL};
    char *args[] = {NULL, NULL};
    NVR_AUTO_FREE char *path = strdup(program);
    uv_stdio_container_t stdio[4] = {
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = log},
        {.flags = UV_INHERIT_FD, .data.fd = log},
        {.flags = UV_INHERIT_FD, .data.fd = control},
    };
    uv_process_options_t options = {
        .exit_cb = on_process_exit,
        .file = path,
        .args = args,
        .env = env,
        .flags = UV_PROCESS_DETACHED, /* a session of its own: Ctrl-C is for the core */
        .stdio_count = 4,
        .stdio = stdio,
    };
    int r = path ? clean_environment(env) : -ENOMEM;

    args[0] = path;
    if (r == 0)
        r = uv_spawn(loop, &zygote->process, &options);
    for (size_t i = 0; i < ENV_MAX; i++)
        free(env[i]);
    return r;
}

static int open_channels(int control[2], int log[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
        return -errno;
    if (pipe2(log, O_CLOEXEC) < 0)
        return -errno;
    (void)fcntl(log[1], F_SETPIPE_SZ, LOG_PIPE_SIZE);
    return 0;
}

/* From here on the memory belongs to the handles. */
static int open_handles(uv_loop_t *loop, struct nvr_zygote *zygote, int *log_fd)
{
    int r;

    (void)uv_timer_init(loop, &zygote->timer);
    (void)uv_pipe_init(loop, &zygote->log, 0);
    zygote->handles += 2;
    zygote->timer.data = zygote;
    zygote->log.data = zygote;
    r = uv_poll_init(loop, &zygote->control, zygote->control_fd);
    if (r < 0)
        return r;
    zygote->handles++;
    zygote->control.data = zygote;
    r = uv_pipe_open(&zygote->log, *log_fd);
    if (r < 0)
        return r;
    *log_fd = -1;
    r = uv_read_start((uv_stream_t *)&zygote->log, on_alloc, on_log);
    return r < 0 ? r : uv_poll_start(&zygote->control, UV_READABLE, on_control);
}

int nvr_zygote_start(uv_loop_t *loop, const char *program,
                     const struct nvr_zygote_handlers *handlers, void *arg,
                     struct nvr_zygote **ret_zygote)
{
    struct nvr_zygote *zygote = calloc(1, sizeof(*zygote));
    int control[2] = {-1, -1};
    int log[2] = {-1, -1};
    int r;

    if (!zygote)
        return -ENOMEM;
    zygote->handlers = handlers;
    zygote->arg = arg;
    zygote->next_id = 1;
    nvr_buf_init(&zygote->line, LINE_MAX_BYTES + 2);
    r = open_channels(control, log);
    zygote->control_fd = control[0];
    zygote->process.data = zygote;
    if (r == 0)
        r = spawn(loop, zygote, program, control[1], log[1]);
    const bool spawned = r == 0;

    if (spawned) {
        zygote->handles = 1;
        zygote->pid = zygote->process.pid;
        r = open_handles(loop, zygote, &log[0]);
    } else if (zygote->process.loop) {
        zygote->handles = 1; /* uv_spawn() leaves the handle to be closed */
        uv_close((uv_handle_t *)&zygote->process, on_handle_closed);
    } else {
        free(zygote);
    }
    (void)close(control[1]);
    (void)close(log[1]);
    if (log[0] >= 0)
        (void)close(log[0]);
    if (r < 0 && !spawned && control[0] >= 0)
        (void)close(control[0]);
    if (r < 0 && spawned)
        nvr_zygote_free(zygote);
    if (r == 0)
        *ret_zygote = zygote;
    return r;
}
