/* main.c — command line, listeners, the loop. */
#include <arpa/inet.h>
#include <errno.h>
#include <libavutil/log.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "tests/simcam/simcam.h"

#define EVENTS_MAX 64
#define IDLE_US 500000
#define SLOW_STEP_US 20000 /* how often rate-limited connections are served */

static const char usage[] =
    "usage: simcam [-v] [-p PORT] [-b ADDR] [-f FILE] [-H PORT] [-D FOLDER] [-o refuse|silent]\n"
    "              ['PATH FILE [OPTION...]' ...]\n"
    "PATH may hold {A-B}. See tests/simcam/README.md for the options.";

static int listen_on(const char *address, uint64_t port, const char *what)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((in_port_t)port)};
    socklen_t len = sizeof(addr);
    const int one = 1;
    int fd;

    if (inet_pton(AF_INET, address, &addr.sin_addr) != 1) {
        sim_log(0, "bad address %s", address);
        return -1;
    }
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 128) < 0 ||
        getsockname(fd, (struct sockaddr *)&addr, &len) < 0) {
        sim_log(0, "port %u: %s", (unsigned)port, strerror(errno));
        return -1;
    }
    (void)printf("simcam: %s on %s:%u\n", what, address, (unsigned)ntohs(addr.sin_port));
    (void)fflush(stdout);
    return fd;
}

static int read_config(struct sim_server *server, const char *name)
{
    char line[2048];
    FILE *file = fopen(name, "re");
    int r = 0;

    if (!file) {
        sim_log(0, "%s: %s", name, strerror(errno));
        return -1;
    }
    while (r == 0 && fgets(line, sizeof(line), file))
        r = sim_options_add_line(server, line);
    (void)fclose(file);
    return r;
}

struct arguments {
    uint64_t port, http_port;
    bool http;
    const char *address, *config;
};

static int parse_arguments(int argc, char **argv, struct sim_server *server, struct arguments *args)
{
    int verbose = 0;
    int option;
    int r = 0;

    while ((option = getopt(argc, argv, "p:b:f:H:D:o:v")) != -1) {
        if (option == 'p')
            r |= nvr_str_to_u64(nvr_str_from(optarg), 65535, &args->port);
        else if (option == 'H')
            r |= nvr_str_to_u64(nvr_str_from(optarg), 65535, &args->http_port);
        else if (option == 'b')
            args->address = optarg;
        else if (option == 'f')
            args->config = optarg;
        else if (option == 'D')
            server->folder = optarg;
        else if (option == 'o' && strcmp(optarg, "refuse") == 0)
            server->refuse = true;
        else if (option == 'o' && strcmp(optarg, "silent") == 0)
            server->silent = true;
        else if (option == 'v')
            sim_set_verbose(++verbose);
        else
            r = -EINVAL;
        args->http |= option == 'H';
    }
    return r;
}

/* Timed faults of a connection. */
static void check_client(struct sim_client *client, int64_t now_us)
{
    struct sim_mount *mount = client->mount;
    const struct sim_faults *faults;
    uint8_t noise[4000];

    if (!mount || !client->playing)
        return;
    faults = &mount->faults;
    if (faults->drop_after > 0 && now_us - client->play_us > sim_seconds_us(faults->drop_after)) {
        sim_log(1, "%s: dropping the connection", mount->path);
        mount->down_until_us = now_us + sim_seconds_us(faults->drop_for);
        client->dead = true;
    }
    if (faults->raw_garbage_after > 0 &&
        now_us - client->play_us > sim_seconds_us(faults->raw_garbage_after)) {
        for (size_t i = 0; i < sizeof(noise); i++)
            noise[i] = (uint8_t)random();
        sim_client_put(client, noise, sizeof(noise));
        sim_client_flush(client);
    }
    if (faults->session_timeout > 0 &&
        now_us - client->last_request_us > sim_seconds_us(faults->session_timeout)) {
        sim_log(0, "%s: session timed out", mount->path);
        client->dead = true;
    }
}

/* Everything due; the monotonic time of what comes next. */
static int64_t run_once(struct sim_server *server, int64_t now_us)
{
    int64_t next = now_us + IDLE_US;

    for (int i = 0; i < server->mount_count; i++)
        if (server->mounts[i]->clients)
            next = NVR_MIN(next, sim_mount_run(server->mounts[i], now_us));
    for (int i = server->client_count - 1; i >= 0; i--) {
        struct sim_client *client = server->clients[i];

        check_client(client, now_us);
        if (client->rate > 0 && !client->dead) {
            sim_client_flush(client);
            next = NVR_MIN(next, now_us + SLOW_STEP_US);
        }
        if (client->dead)
            sim_client_free(server, i);
    }
    return next;
}

static void serve(struct sim_server *server, const int *signal_fd)
{
    struct epoll_event events[EVENTS_MAX];

    for (;;) {
        const int64_t next = run_once(server, nvr_clock_mono_us());
        const int64_t wait = next - nvr_clock_mono_us();
        const int n = epoll_wait(server->epoll_fd, events, EVENTS_MAX,
                                 wait > 0 ? (int)((wait + 999) / 1000) : 0);

        for (int i = 0; i < n; i++) {
            void *source = events[i].data.ptr;
            struct sim_client *client = source;

            if (source == signal_fd)
                return;
            if (source == &server->rtsp_fd || source == &server->http_fd) {
                sim_client_accept(server, source == &server->http_fd);
                continue;
            }
            if (events[i].events & EPOLLOUT)
                sim_client_flush(client);
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                sim_client_read(client);
        }
    }
}

static void watch(struct sim_server *server, int *fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = fd};

    if (*fd >= 0)
        (void)epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, *fd, &event);
}

static void report(const struct sim_server *server)
{
    struct sim_stats sum = {0};
    struct rusage used;
    double cpu;

    for (int i = 0; i < server->mount_count; i++) {
        sum.frames += server->mounts[i]->stats.frames;
        sum.packets += server->mounts[i]->stats.packets;
        sum.bytes += server->mounts[i]->stats.bytes;
        sum.dropped += server->mounts[i]->stats.dropped;
    }
    (void)getrusage(RUSAGE_SELF, &used);
    cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
          (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    sim_log(0, "connections %lu frames %lu packets %lu bytes %lu dropped %lu cpu %.2f s",
            server->connections, sum.frames, sum.packets, sum.bytes, sum.dropped, cpu);
}

static void clean_up(struct sim_server *server)
{
    while (server->client_count)
        sim_client_free(server, server->client_count - 1);
    for (int i = 0; i < server->mount_count; i++) {
        free(server->mounts[i]->path);
        free(server->mounts[i]->auth);
        free(server->mounts[i]);
    }
    free(server->mounts);
    free(server->clients);
    sim_files_free();
}

int main(int argc, char **argv)
{
    struct sim_server server = {.epoll_fd = -1, .rtsp_fd = -1, .http_fd = -1};
    struct arguments args = {.port = 8554, .address = "127.0.0.1"};
    sigset_t signals;
    int signal_fd;

    av_log_set_level(AV_LOG_ERROR);
    if (parse_arguments(argc, argv, &server, &args) != 0) {
        sim_log(0, "%s", usage);
        return 2;
    }
    if (args.config && read_config(&server, args.config) != 0)
        return 1;
    for (int i = optind; i < argc; i++)
        if (sim_options_add_line(&server, argv[i]) != 0)
            return 1;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    server.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    server.rtsp_fd = listen_on(args.address, args.port, "listening");
    if (server.rtsp_fd < 0)
        return 1;
    if (args.http) {
        server.http_fd = listen_on(args.address, args.http_port, "http");
        if (server.http_fd < 0)
            return 1;
    }
    watch(&server, &signal_fd);
    watch(&server, &server.rtsp_fd);
    watch(&server, &server.http_fd);
    serve(&server, &signal_fd);
    report(&server);
    clean_up(&server);
    return 0;
}
