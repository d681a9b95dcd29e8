/* The zygote's side of zygote.h: one thread, poll() on the control socket and SIGCHLD. */
#include "lib/ipc/zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/ipc/packet.h"

NVR_LOG_TOPIC("zygote");

#define WORKER_FD 3
#define EXIT_NO_DESCRIPTOR 120

#ifdef NVR_COVERAGE /* `make coverage` only: _exit() does not write gcov's counters */
void __gcov_dump(void);
#define COVERAGE_DUMP() __gcov_dump()
#else
#define COVERAGE_DUMP() ((void)0)
#endif

struct server {
    int control;
    int signals;
    const struct nvr_zygote_role *roles;
    size_t roles_count;
};

struct fork_request {
    int64_t id;
    const struct nvr_zygote_role *role;
    const char *name; /* borrowed from the message */
    int fd;
};

static int send_packet(struct server *server, json_t *message, int fd)
{
    NVR_AUTO_JSON owned = message;
    NVR_AUTO_FREE char *text = owned ? nvr_json_dump(owned) : NULL;

    return text ? nvr_packet_send(server->control, text, strlen(text), fd, 0) : -ENOMEM;
}

/* Never returns. What the zygote had is closed; signals are as in a fresh program. */
static void run_child(const struct fork_request *request)
{
    sigset_t none;

    for (int i = 1; i < NSIG; i++)
        (void)signal(i, SIG_DFL);
    (void)signal(SIGPIPE, SIG_IGN); /* the core may die while a worker logs */
    (void)signal(SIGINT, SIG_IGN);  /* the terminal's Ctrl-C is for the core */
    (void)sigemptyset(&none);
    (void)pthread_sigmask(SIG_SETMASK, &none, NULL);
    if (request->fd != WORKER_FD && dup3(request->fd, WORKER_FD, O_CLOEXEC) < 0)
        _exit(EXIT_NO_DESCRIPTOR);
    (void)syscall(SYS_close_range, WORKER_FD + 1, ~0U, 0);

    char title[16]; /* the kernel's limit */

    (void)snprintf(title, sizeof(title), "%s", request->name[0] ? request->name : "worker");
    (void)prctl(PR_SET_NAME, title);
    const int status = request->role->run(request->name, WORKER_FD);

    (void)fflush(NULL);
    COVERAGE_DUMP();
    _exit(status);
}

static int do_fork(struct server *server, const struct fork_request *request)
{
    const pid_t pid = fork();

    if (pid == 0)
        run_child(request);
    if (pid < 0)
        return send_packet(
            server,
            json_pack("{s:I, s:s}", "id", (json_int_t)request->id, "error", nvr_strerror(errno)),
            -1);
    /* The child is not reaped before we return to poll(): its pid cannot be taken by another. */
    NVR_AUTO_FD int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

    if (pidfd < 0) {
        const int error = errno;

        (void)kill(pid, SIGKILL);
        return send_packet(
            server,
            json_pack("{s:I, s:s}", "id", (json_int_t)request->id, "error", nvr_strerror(error)),
            -1);
    }
    return send_packet(
        server, json_pack("{s:I, s:i}", "id", (json_int_t)request->id, "pid", (int)pid), pidfd);
}

static int handle_packet(struct server *server, const char *text, size_t len, int fd)
{
    NVR_AUTO_JSON message = NULL;
    struct fork_request request = {.id = -1, .fd = fd, .name = ""};
    const char *role = "";

    if (nvr_json_parse(text, len, &message, NULL, 0) < 0 ||
        nvr_json_get_int(message, "id", 0, INT64_MAX, &request.id) != 1 ||
        nvr_json_get_str(message, "role", &role) != 1 ||
        nvr_json_get_str(message, "name", &request.name) < 0)
        return log_err(-EBADMSG, "control packet");
    for (size_t i = 0; i < server->roles_count && !request.role; i++)
        if (strcmp(server->roles[i].role, role) == 0)
            request.role = &server->roles[i];
    if (!request.role || fd < 0)
        return send_packet(server,
                           json_pack("{s:I, s:s}", "id", (json_int_t)request.id, "error",
                                     request.role ? "no socket came along" : "unknown role"),
                           -1);
    return do_fork(server, &request);
}

/* 1: go on, 0: the core is gone, -errno. */
static int receive(struct server *server)
{
    char text[NVR_ZYGOTE_PACKET_MAX];
    NVR_AUTO_FD int fd = -1;
    const ssize_t n = nvr_packet_receive(server->control, text, sizeof(text), &fd, 0);

    if (n <= 0)
        return n == -EMSGSIZE ? 1 : (int)n;
    const int r = handle_packet(server, text, (size_t)n, fd);

    return r == -EPIPE || r == -ECONNRESET ? 0 : 1;
}

static void reap(struct server *server)
{
    struct signalfd_siginfo info;
    int status;
    pid_t pid;

    while (read(server->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
        ;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        json_t *code = WIFEXITED(status) ? json_integer(WEXITSTATUS(status)) : json_null();
        json_t *sig = WIFSIGNALED(status) ? json_integer(WTERMSIG(status)) : json_null();
        const int r = send_packet(
            server,
            json_pack("{s:{s:i, s:o, s:o}}", "exit", "pid", (int)pid, "code", code, "signal", sig),
            -1);

        if (r < 0)
            (void)log_warn_err(r, "report the end of process %d", (int)pid);
    }
}

/* A worker never waits for a core that is too busy to read the log: lines are lost then. */
static void unblock_log(void)
{
    struct stat st;
    const int flags = fcntl(STDERR_FILENO, F_GETFL);

    if (flags >= 0 && fstat(STDERR_FILENO, &st) == 0 && S_ISFIFO(st.st_mode))
        (void)fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
}

int nvr_zygote_serve(int control_fd, const struct nvr_zygote_role *roles, size_t roles_count)
{
    struct server server = {.control = control_fd, .roles = roles, .roles_count = roles_count};
    sigset_t mask;
    int r = 1;

    unblock_log();
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, SIGCHLD);
    const int error = pthread_sigmask(SIG_BLOCK, &mask, NULL);

    if (error)
        return -error;
    NVR_AUTO_FD int signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);

    if (signals < 0)
        return -errno;
    server.signals = signals;
    while (r == 1) {
        struct pollfd fds[] = {{.fd = control_fd, .events = POLLIN},
                               {.fd = signals, .events = POLLIN}};

        if (poll(fds, NVR_ARRAY_SIZE(fds), -1) < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        if (fds[1].revents)
            reap(&server);
        if (fds[0].revents)
            r = receive(&server);
    }
    return r;
}
