/* zygote.h: this program is its own zygote when descriptor 3 is a control socket. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/ipc/zygote.h"

/* ---- in the zygote's children ---- */

/* Says its name, then ends when its socket does. */
static int run_echo(const char *name, int fd)
{
    char byte;

    if (write(fd, name, strlen(name)) < 0)
        return 99;
    while (read(fd, &byte, 1) > 0)
        ;
    return 7;
}

static int run_log(const char *name, int fd)
{
    (void)fd;
    (void)dprintf(STDERR_FILENO, "line of %s\nsecond\n", name);
    return 0;
}

/* Which descriptors above stderr are open, but for its socket? */
static int run_count(const char *name, int fd)
{
    int others = 0;

    (void)name;
    for (int i = 3; i < 256; i++)
        if (i != fd && fcntl(i, F_GETFD) >= 0)
            others++;
    return others;
}

static const struct nvr_zygote_role roles[] = {
    {"echo", run_echo},
    {"log", run_log},
    {"count", run_count},
};

/* ---- the tests ---- */

struct fixture {
    uv_loop_t loop;
    struct nvr_zygote *zygote;
    int forks, exits, closes, lines;
    int fork_error, exit_code, exit_signal;
    pid_t pid, exit_pid;
    int pidfd;
    char line[64];
};

static void on_exit_report(struct nvr_zygote *zygote, pid_t pid, int code, int sig, void *arg)
{
    struct fixture *f = arg;

    (void)zygote;
    f->exits++;
    f->exit_pid = pid;
    f->exit_code = code;
    f->exit_signal = sig;
}

static void on_line(struct nvr_zygote *zygote, const char *line, void *arg)
{
    struct fixture *f = arg;

    (void)zygote;
    if (f->lines++ == 0)
        (void)snprintf(f->line, sizeof(f->line), "%s", line);
}

static void on_close(struct nvr_zygote *zygote, int reason, void *arg)
{
    struct fixture *f = arg;

    (void)zygote;
    (void)reason;
    f->closes++;
}

static void on_fork(struct nvr_zygote *zygote, int error, pid_t pid, int pidfd, void *arg)
{
    struct fixture *f = arg;

    (void)zygote;
    f->forks++;
    f->fork_error = error;
    f->pid = pid;
    if (f->pidfd >= 0)
        (void)close(f->pidfd);
    f->pidfd = pidfd;
}

static const struct nvr_zygote_handlers handlers = {
    .on_exit = on_exit_report, .on_line = on_line, .on_close = on_close};

static char self[4096];

static void start(struct fixture *f)
{
    *f = (struct fixture){.pidfd = -1};
    assert_int_equal(uv_loop_init(&f->loop), 0);
    assert_int_equal(nvr_zygote_start(&f->loop, self, &handlers, f, &f->zygote), 0);
    assert_true(nvr_zygote_get_pid(f->zygote) > 0);
}

static void finish(struct fixture *f)
{
    nvr_zygote_free(f->zygote);
    (void)uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    if (f->pidfd >= 0)
        (void)close(f->pidfd);
}

static void run_until(struct fixture *f, const int *count, int wanted)
{
    while (*count < wanted)
        (void)uv_run(&f->loop, UV_RUN_ONCE);
}

/* Our end of the worker's socket. */
static int fork_worker(struct fixture *f, const char *role, const char *name)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(nvr_zygote_fork_take(f->zygote, role, name, fds[1], 5000, on_fork, f), 0);
    run_until(f, &f->forks, f->forks + 1);
    return fds[0];
}

static void test_life(void **state)
{
    struct fixture f;
    char text[32] = {0};

    (void)state;
    start(&f);
    const int fd = fork_worker(&f, "echo", "front-door");

    assert_int_equal(f.fork_error, 0);
    assert_true(f.pid > 0 && f.pid != nvr_zygote_get_pid(f.zygote));
    assert_true(f.pidfd >= 0);
    assert_int_equal(read(fd, text, sizeof(text) - 1), 10);
    assert_string_equal(text, "front-door");
    (void)close(fd);
    run_until(&f, &f.exits, 1);
    assert_int_equal(f.exit_pid, f.pid);
    assert_int_equal(f.exit_code, 7);
    assert_int_equal(f.exit_signal, 0);
    finish(&f);
}

static void test_killed_worker(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    const int fd = fork_worker(&f, "echo", "x");

    assert_int_equal(syscall(SYS_pidfd_send_signal, f.pidfd, SIGKILL, NULL, 0), 0);
    run_until(&f, &f.exits, 1);
    assert_int_equal(f.exit_code, -1);
    assert_int_equal(f.exit_signal, SIGKILL);
    (void)close(fd);
    finish(&f);
}

static void test_unknown_role(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    const int fd = fork_worker(&f, "nonsense", "x");

    assert_int_equal(f.fork_error, -ECHILD);
    assert_int_equal(f.pidfd, -1);
    (void)close(fd);
    finish(&f);
}

static void test_log_lines(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    const int fd = fork_worker(&f, "log", "cam");

    run_until(&f, &f.lines, 2);
    assert_string_equal(f.line, "line of cam");
    run_until(&f, &f.exits, 1);
    (void)close(fd);
    finish(&f);
}

static void test_no_leaked_descriptors(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    const int fd = fork_worker(&f, "count", "x");

    run_until(&f, &f.exits, 1);
    assert_int_equal(f.exit_code, 0);
    (void)close(fd);
    finish(&f);
}

static void test_zygote_dies(void **state)
{
    struct fixture f;
    char text[32] = {0};

    (void)state;
    start(&f);
    const int fd = fork_worker(&f, "echo", "stays");

    assert_int_equal(read(fd, text, sizeof(text) - 1), 5);
    assert_int_equal(kill(nvr_zygote_get_pid(f.zygote), SIGKILL), 0);
    run_until(&f, &f.closes, 1);
    assert_int_equal(nvr_zygote_fork_take(f.zygote, "echo", "x", dup(fd), 100, on_fork, &f),
                     -ECONNRESET);
    /* The worker lives on, until its own socket ends. */
    assert_int_equal(syscall(SYS_pidfd_send_signal, f.pidfd, 0, NULL, 0), 0);
    (void)close(fd);
    finish(&f);
}

static void test_fork_deadline(void **state)
{
    struct fixture f;
    int fds[2];

    (void)state;
    start(&f);
    assert_int_equal(kill(nvr_zygote_get_pid(f.zygote), SIGSTOP), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(nvr_zygote_fork_take(f.zygote, "echo", "x", fds[1], 30, on_fork, &f), 0);
    run_until(&f, &f.forks, 1);
    assert_int_equal(f.fork_error, -ETIMEDOUT);
    (void)close(fds[0]);
    finish(&f);
}

static void test_missing_program(void **state)
{
    struct fixture f = {.pidfd = -1};
    int r;

    (void)state;
    assert_int_equal(uv_loop_init(&f.loop), 0);
    r = nvr_zygote_start(&f.loop, "/nonexistent/nvr-camera", &handlers, &f, &f.zygote);
    assert_int_equal(r, -ENOENT);
    (void)uv_run(&f.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f.loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),          cmocka_unit_test(test_killed_worker),
        cmocka_unit_test(test_unknown_role),  cmocka_unit_test(test_log_lines),
        cmocka_unit_test(test_zygote_dies),   cmocka_unit_test(test_no_leaked_descriptors),
        cmocka_unit_test(test_fork_deadline), cmocka_unit_test(test_missing_program),
    };
    int type = 0;
    socklen_t size = sizeof(type);

    if (getsockopt(3, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET)
        return nvr_zygote_serve(3, roles, NVR_ARRAY_SIZE(roles)) < 0;
    if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
