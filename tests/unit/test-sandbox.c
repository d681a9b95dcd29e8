/* sandbox.h: each test forks a child that enters the box and tries to get out. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/ipc/sandbox.h"

/* A child's checks answer with the line that failed. */
#define TRY(condition)                                                                             \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return __LINE__;                                                                       \
    } while (0)

struct box {
    char dir[64];     /* may be written */
    char outside[80]; /* may not */
    int kept_fd;
    struct nvr_sandbox_options options;
    struct nvr_sandbox_report report;
};

typedef int (*check_fn)(const struct box *box);

static void run_boxed(enum nvr_sandbox_network network, check_fn check)
{
    struct box box = {.dir = "/tmp/nvr-box-XXXXXX"};
    int lines[2];
    int status, line = -1;

    assert_non_null(mkdtemp(box.dir));
    (void)snprintf(box.outside, sizeof(box.outside), "%s.outside", box.dir);
    assert_int_equal(pipe2(lines, O_CLOEXEC), 0);
    const pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        const char *const writes[] = {box.dir, NULL};
        const int keep[] = {lines[1]};

        box.kept_fd = lines[1];
        box.options = (struct nvr_sandbox_options){
            .network = network, .write_paths = writes, .keep_fds = keep, .keep_fds_count = 1};
        const int r = nvr_sandbox_enter(&box.options, &box.report);

        line = r < 0 ? -r + 10000 : check(&box);
        _exit(write(lines[1], &line, sizeof(line)) == (ssize_t)sizeof(line) ? 0 : 1);
    }
    (void)close(lines[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(read(lines[0], &line, sizeof(line)), sizeof(line));
    (void)close(lines[0]);
    (void)rmdir(box.dir);
    if (line)
        print_message("line %d failed, status %#x\n", line, (unsigned)status);
    assert_int_equal(line, 0);
}

static bool have_landlock(void)
{
    if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) > 0)
        return true;
    print_message("the kernel has no Landlock: %s\n", strerror(errno));
    return false;
}

static int check_report(const struct box *box)
{
    NVR_AUTO_JSON json = nvr_sandbox_report_to_json(&box->report);
    const char *level = "";

    TRY(box->report.no_new_privs);
    TRY(box->report.seccomp);
    TRY(json && nvr_json_get_str(json, "level", &level) == 1);
    TRY(strcmp(level, box->report.landlock_abi ? "full" : "partial") == 0);
    TRY(box->report.landlock_abi || box->report.detail[0]);
    return 0;
}

static int check_files(const struct box *box)
{
    char path[128], link_path[128];
    int fd;

    TRY(open("/etc/shadow", O_RDONLY | O_CLOEXEC) < 0);
    TRY(open("/root/.bashrc", O_RDONLY | O_CLOEXEC) < 0);
    TRY(open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC) < 0);
    TRY(open(box->outside, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0);
    TRY(mkdir("/tmp/nvr-box-outside-dir", 0700) < 0);
    TRY(open("/usr/nvr-box", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0);
    TRY((fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC)) >= 0);
    (void)close(fd);

    (void)snprintf(path, sizeof(path), "%s/file", box->dir);
    TRY((fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600)) >= 0);
    TRY(write(fd, "x", 1) == 1);
    (void)close(fd);
    TRY(rename(path, box->outside) < 0);
    (void)snprintf(link_path, sizeof(link_path), "%s/link", box->dir);
    TRY(symlink("/etc", link_path) < 0);
    TRY(truncate(path, 0) == 0);
    TRY(unlink(path) == 0);
    return 0;
}

static int check_processes(const struct box *box)
{
    const pid_t parent = getppid();
    char *const args[] = {(char[]){"true"}, NULL};

    (void)box;
    TRY(ptrace(PTRACE_SEIZE, parent, NULL, NULL) < 0 && errno == EPERM);
    TRY(kill(parent, 0) < 0 && errno == EPERM);
    TRY(kill(getpid(), 0) == 0);
    TRY(fork() < 0);
    TRY(execv("/usr/bin/true", args) < 0);
    TRY(syscall(SYS_io_uring_setup, 1, NULL) < 0 && errno == EPERM);
    TRY(syscall(SYS_unshare, 0x10000000 /* CLONE_NEWUSER */) < 0 && errno == EPERM);
    TRY(syscall(SYS_bpf, 0, NULL, 0) < 0 && errno == EPERM);
    struct rlimit limit;

    TRY(syscall(SYS_prlimit64, parent, RLIMIT_NOFILE, NULL, &limit) < 0);
    TRY(getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max == 0);
    TRY(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == 256);
    return 0;
}

static void *thread_main(void *arg)
{
    return arg;
}

static int check_threads(const struct box *box)
{
    pthread_t thread;
    void *result = NULL;
    int value = 1;

    (void)box;
    TRY(pthread_create(&thread, NULL, thread_main, &value) == 0);
    TRY(pthread_join(thread, &result) == 0 && result == &value);
    return 0;
}

static int check_descriptors(const struct box *box)
{
    for (int fd = 3; fd < 256; fd++)
        TRY((fcntl(fd, F_GETFD) >= 0) == (fd == box->kept_fd));
    return 0;
}

static int check_no_network(const struct box *box)
{
    int pair[2];

    (void)box;
    TRY(socket(AF_INET, SOCK_STREAM, 0) < 0);
    TRY(socket(AF_INET6, SOCK_DGRAM, 0) < 0);
    TRY(socket(AF_UNIX, SOCK_STREAM, 0) < 0);
    TRY(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    return 0;
}

static int check_inet(const struct box *box)
{
    int fd;

    (void)box;
    TRY((fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) >= 0);
    TRY(listen(fd, 1) < 0);
    (void)close(fd);
    TRY((fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)) >= 0 || errno == EAFNOSUPPORT);
    if (fd >= 0)
        (void)close(fd);
    TRY(socket(AF_UNIX, SOCK_STREAM, 0) < 0);
    TRY(socket(AF_NETLINK, SOCK_RAW, 0) < 0);
    TRY(socket(AF_PACKET, SOCK_RAW, 0) < 0);
    TRY(socket(AF_INET, SOCK_RAW, 1) < 0);
    return 0;
}

static void test_report(void **state)
{
    (void)state;
    run_boxed(NVR_SANDBOX_NO_NETWORK, check_report);
    run_boxed(NVR_SANDBOX_INET, check_report);
}

static void test_files(void **state)
{
    (void)state;
    if (!have_landlock())
        skip();
    run_boxed(NVR_SANDBOX_NO_NETWORK, check_files);
    run_boxed(NVR_SANDBOX_INET, check_files);
}

static void test_processes(void **state)
{
    (void)state;
    run_boxed(NVR_SANDBOX_INET, check_processes);
}

static void test_threads(void **state)
{
    (void)state;
    run_boxed(NVR_SANDBOX_INET, check_threads);
}

static void test_descriptors(void **state)
{
    (void)state;
    run_boxed(NVR_SANDBOX_INET, check_descriptors);
}

static void test_no_network(void **state)
{
    (void)state;
    run_boxed(NVR_SANDBOX_NO_NETWORK, check_no_network);
}

static void test_inet(void **state)
{
    (void)state;
    run_boxed(NVR_SANDBOX_INET, check_inet);
}

static void test_level(void **state)
{
    (void)state;
    assert_string_equal(nvr_sandbox_level(&(struct nvr_sandbox_report){0}), "none");
    assert_string_equal(nvr_sandbox_level(&(struct nvr_sandbox_report){.no_new_privs = true}),
                        "partial");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_report),      cmocka_unit_test(test_files),
        cmocka_unit_test(test_processes),   cmocka_unit_test(test_threads),
        cmocka_unit_test(test_no_network),  cmocka_unit_test(test_inet),
        cmocka_unit_test(test_descriptors), cmocka_unit_test(test_level),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
