/* nvr doctor — what would keep Heron from working here? */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/file.h"
#include "lib/ipc/sandbox.h"
#include "lib/store/copy.h"
#include "lib/store/store.h"
#include "src/cli/doctor.h"

#define FREE_LOW_BYTES (UINT64_C(1) << 30)

void doctor_say(struct doctor *doctor, enum verdict verdict, const char *name, const char *fmt, ...)
{
    static const char *const names[] = {"ok", "warning", "error"};
    char message[PATH_MAX + 256];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    doctor->worst = NVR_MAX(doctor->worst, verdict);
    if (doctor->json)
        (void)json_array_append_new(doctor->items,
                                    json_pack("{s:s, s:s, s:s}", "check", name, "status",
                                              names[verdict], "message", message));
    else
        (void)printf("%-8s %-10s %s\n", names[verdict], name, message);
}

static void check_programs(struct doctor *doctor, const struct cli_paths *paths)
{
    const char *const programs[] = {paths->camera_program, paths->media_program};

    for (size_t i = 0; i < NVR_ARRAY_SIZE(programs); i++) {
        if (access(programs[i], X_OK) < 0)
            doctor_say(doctor, BAD, "programs", "%s: %s", programs[i], nvr_strerror(errno));
        else
            doctor_say(doctor, GOOD, "programs", "%s", programs[i]);
    }
    if (!paths->web[0])
        doctor_say(doctor, DOUBTFUL, "web", "no web interface beside %s", paths->bin);
}

static bool check_storage(struct doctor *doctor, const struct cli_paths *paths)
{
    struct statvfs st;
    char bytes[32];

    if (access(paths->data, F_OK) < 0) {
        doctor_say(doctor, DOUBTFUL, "storage", "%s is made at the first start", paths->data);
        return false;
    }
    if (access(paths->data, W_OK | X_OK) < 0 || statvfs(paths->data, &st) < 0) {
        doctor_say(doctor, BAD, "storage", "%s: %s", paths->data, nvr_strerror(errno));
        return false;
    }
    const uint64_t left = (uint64_t)st.f_bavail * st.f_frsize;

    cli_format_bytes((double)left, bytes, sizeof(bytes));
    if (st.f_flag & ST_RDONLY)
        doctor_say(doctor, BAD, "storage", "%s is read-only", paths->data);
    else
        doctor_say(doctor, left < FREE_LOW_BYTES ? DOUBTFUL : GOOD, "storage", "%s: %s free",
                   paths->data, bytes);
    return true;
}

/* True: another Heron has it. */
static bool check_running(struct doctor *doctor, const struct cli_paths *paths)
{
    char path[PATH_MAX];
    bool running = false;

    if (nvr_path_join(path, sizeof(path), paths->data, "nvr.lock") < 0)
        return false;
    NVR_AUTO_FD int fd = open(path, O_RDWR | O_CLOEXEC);

    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
        running = true;
    doctor_say(doctor, GOOD, "server", running ? "running" : "not running");
    return running;
}

static void check_database(struct doctor *doctor, const struct cli_paths *paths, bool running)
{
    struct nvr_store *store = NULL;
    char path[PATH_MAX];

    if (nvr_path_join(path, sizeof(path), paths->data, "nvr.db") < 0)
        return;
    if (access(path, F_OK) < 0) {
        doctor_say(doctor, GOOD, "database", "made at the first start");
        return;
    }
    int r = nvr_store_check_file(path); /* every page, also while it is in use */

    if (r == 0 && !running)
        r = nvr_store_open(path, &store);
    nvr_store_close(store);
    if (r == -EUCLEAN)
        doctor_say(doctor, BAD, "database",
                   "%s is damaged: restore a backup, or move it away (recordings are found again "
                   "from disk)",
                   path);
    else if (r < 0)
        doctor_say(doctor, BAD, "database", "%s: %s", path, nvr_strerror(r));
    else
        doctor_say(doctor, GOOD, "database", "%s is whole%s", path, running ? ", in use" : "");
}

/* In a child: there is no way out of the box again. */
static void check_sandbox(struct doctor *doctor)
{
    struct nvr_sandbox_report report = {0};
    int pipe_fds[2];
    ssize_t n = -1;

    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return;
    (void)fflush(NULL);
    const pid_t pid = fork();

    if (pid == 0) {
        const struct nvr_sandbox_options options = {
            .network = NVR_SANDBOX_INET, .keep_fds = &pipe_fds[1], .keep_fds_count = 1};

        if (nvr_sandbox_enter(&options, &report) < 0)
            _exit(1);
        _exit(write(pipe_fds[1], &report, sizeof(report)) < 0);
    }
    (void)close(pipe_fds[1]);
    if (pid > 0) {
        n = read(pipe_fds[0], &report, sizeof(report));
        (void)waitpid(pid, NULL, 0);
    }
    (void)close(pipe_fds[0]);
    if (n != (ssize_t)sizeof(report))
        doctor_say(doctor, BAD, "sandbox", "workers cannot be boxed");
    else
        doctor_say(doctor, strcmp(nvr_sandbox_level(&report), "full") == 0 ? GOOD : DOUBTFUL,
                   "sandbox", "%s (Landlock %d, seccomp %s)%s%s", nvr_sandbox_level(&report),
                   report.landlock_abi, report.seccomp ? "yes" : "no", report.detail[0] ? ": " : "",
                   report.detail);
}

static void check_port(struct doctor *doctor, const char *host, int port, bool running)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((in_port_t)port)};
    const int on = 1;
    NVR_AUTO_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || inet_pton(AF_INET, host, &v4.sin_addr) != 1)
        return;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (const struct sockaddr *)&v4, sizeof(v4)) == 0)
        doctor_say(doctor, GOOD, "port", "%s:%d is free", host, port);
    else if (errno == EADDRINUSE && running)
        doctor_say(doctor, GOOD, "port", "%s:%d is in use, by Heron I think", host, port);
    else
        doctor_say(doctor, BAD, "port", "%s:%d: %s", host, port, nvr_strerror(errno));
}

int cmd_doctor(const struct cli_options *options)
{
    struct doctor doctor = {.json = options->json};
    struct cli_paths paths;
    char host[64] = CLI_HOST_DEFAULT;
    int port = CLI_PORT_DEFAULT;

    if (options->args_count)
        return cli_usage_error("unknown word '%s'", options->args[0]);
    if (options->listen && cli_parse_listen(options->listen, host, sizeof(host), &port) < 0)
        return cli_usage_error("--listen wants ADDR:PORT");
    if (cli_find_paths(options, &paths) < 0)
        return CLI_FAILED;
    doctor.items = json_array();
    if (!doctor.items)
        return CLI_FAILED;
    check_programs(&doctor, &paths);
    const bool there = check_storage(&doctor, &paths);
    const bool running = there && check_running(&doctor, &paths);

    check_database(&doctor, &paths, running);
    if (there) {
        doctor_check_recordings(&doctor, &paths);
        doctor_check_evidence_key(&doctor, &paths);
    }
    doctor_check_machine(&doctor);
    check_sandbox(&doctor);
    check_port(&doctor, host, port, running);
    if (options->json) {
        NVR_AUTO_JSON body =
            json_pack("{s:b, s:O}", "ok", doctor.worst != BAD, "items", doctor.items);

        (void)cli_print_json(body);
    }
    json_decref(doctor.items);
    return doctor.worst == BAD ? CLI_FAILED : CLI_DONE;
}
