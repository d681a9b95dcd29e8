/* nvr serve — supervisor and gateway on one loop, until a signal. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "lib/base/log.h"
#include "src/cli/cli.h"
#include "src/cli/demo.h"
#include "src/gateway/gateway.h"
#include "src/storage/storage.h"
#include "src/supervisor/supervisor.h"

NVR_LOG_TOPIC("nvr");

#define STOP_MAX_MS 10000

struct server {
    uv_loop_t loop;
    uv_signal_t signals[2];
    uv_timer_t deadline;
    struct nvr_supervisor *supervisor;
    struct nvr_storage *storage;
    struct nvr_gateway *gateway;
    struct demo *demo;
    bool stopping;
};

static void close_handles(struct server *server)
{
    for (size_t i = 0; i < NVR_ARRAY_SIZE(server->signals); i++)
        uv_close((uv_handle_t *)&server->signals[i], NULL);
    uv_close((uv_handle_t *)&server->deadline, NULL);
}

static void on_supervisor_stopped(void *arg)
{
    struct server *server = arg;

    demo_stop(NVR_TAKE(server->demo)); /* last: its camera must not look broken in the history */
    close_handles(server);
}

static void on_storage_stopped(void *arg)
{
    struct server *server = arg;

    nvr_supervisor_stop(server->supervisor, on_supervisor_stopped, server);
}

static void on_gateway_stopped(void *arg)
{
    struct server *server = arg;

    if (server->storage)
        nvr_storage_stop(server->storage, on_storage_stopped, server);
    else
        on_storage_stopped(server);
}

/* Workers see the end of their sockets and close their files by themselves. */
static void on_deadline(uv_timer_t *timer)
{
    (void)timer;
    log_error("not stopped in %d s: leaving anyway", STOP_MAX_MS / 1000);
    _exit(CLI_FAILED);
}

static void on_signal(uv_signal_t *handle, int signal_number)
{
    struct server *server = handle->data;

    if (server->stopping) {
        log_warn("signal %d again: leaving at once", signal_number);
        _exit(CLI_FAILED);
    }
    server->stopping = true;
    (void)uv_timer_start(&server->deadline, on_deadline, STOP_MAX_MS, 0);
    if (server->gateway)
        nvr_gateway_stop(server->gateway, on_gateway_stopped, server);
    else
        on_gateway_stopped(server);
}

static int open_signals(struct server *server)
{
    static const int numbers[] = {SIGTERM, SIGINT};
    int r = 0;

    (void)uv_timer_init(&server->loop, &server->deadline);
    for (size_t i = 0; i < NVR_ARRAY_SIZE(numbers); i++) {
        (void)uv_signal_init(&server->loop, &server->signals[i]);
        server->signals[i].data = server;
        if (r == 0)
            r = uv_signal_start(&server->signals[i], on_signal, numbers[i]);
    }
    return r;
}

/* The command line may open the door to the network; the configuration alone may not, as long as
 * there are no accounts. */
static int find_listen(const struct cli_options *options, struct nvr_supervisor *supervisor,
                       char *host, size_t host_size, int *ret_port)
{
    const struct nvr_system_config *system =
        nvr_config_get_system(nvr_supervisor_get_config(supervisor));

    if (options->listen)
        return cli_parse_listen(options->listen, host, host_size, ret_port);
    (void)snprintf(host, host_size, "%s", CLI_HOST_DEFAULT);
    *ret_port = system->port > 0 ? system->port : CLI_PORT_DEFAULT;
    return 0;
}

static int start_gateway(struct server *server, const struct cli_options *options,
                         const struct cli_paths *paths)
{
    char host[64];
    int port = 0;
    int r = find_listen(options, server->supervisor, host, sizeof(host), &port);

    if (r < 0)
        return r;
    const struct nvr_gateway_options gateway = {
        .loop = &server->loop,
        .supervisor = server->supervisor,
        .storage = server->storage,
        .listen_host = host,
        .port = port,
        .web_dir = paths->web[0] ? paths->web : NULL,
    };

    r = nvr_gateway_start(&gateway, &server->gateway);
    if (r < 0)
        return log_err(r, "listen on %s port %d", host, port);
    const bool v6 = strchr(host, ':');

    log_info("http://%s%s%s:%d/", v6 ? "[" : "", host, v6 ? "]" : "",
             nvr_gateway_get_port(server->gateway));
    if (!cli_is_loopback(host))
        log_warn("There are no accounts yet: EVERYBODY who reaches %s port %d sees every camera "
                 "and may change everything",
                 host, port);
    return 0;
}

static void start_demo(struct server *server, const struct cli_paths *paths, bool asked)
{
    int r;

    if (!demo_is_wanted(server->supervisor, asked))
        return;
    r = demo_start(&server->loop, paths->bin, server->supervisor, &server->demo);
    if (r == -ENOENT)
        log_warn("the demo camera is not installed");
    else if (r < 0)
        (void)log_err(r, "demo camera");
}

static int start(struct server *server, const struct cli_options *options,
                 const struct cli_paths *paths)
{
    const bool demo = options->demo || access(paths->config, F_OK) < 0;
    const struct nvr_supervisor_options supervisor = {
        .loop = &server->loop,
        .config_path = paths->config,
        .data_dir = paths->data,
        .camera_program = paths->camera_program,
        .media_program = paths->media_program,
    };
    int r = nvr_supervisor_start(&supervisor, &server->supervisor);

    if (r < 0)
        return r;
    r = nvr_storage_start(server->supervisor, &server->storage);
    if (r == 0)
        r = start_gateway(server, options, paths);
    if (r == 0)
        start_demo(server, paths, demo);
    return r;
}

int cmd_serve(const struct cli_options *options)
{
    struct server server = {0};
    struct cli_paths paths;
    char host[64];
    int port;
    int r;

    if (options->args_count)
        return cli_usage_error("unknown word '%s'", options->args[0]);
    if (options->listen && cli_parse_listen(options->listen, host, sizeof(host), &port) < 0)
        return cli_usage_error("--listen wants ADDR:PORT with a numeric address, not '%s'",
                               options->listen);
    if (cli_find_paths(options, &paths) < 0)
        return CLI_FAILED;
    r = uv_loop_init(&server.loop);
    if (r < 0) {
        (void)log_err(r, "event loop");
        return CLI_FAILED;
    }
    r = open_signals(&server);
    if (r == 0)
        r = start(&server, options, &paths);
    if (r < 0) {
        if (server.supervisor) {
            server.stopping = true;
            on_gateway_stopped(&server);
        } else {
            close_handles(&server);
        }
    }
    (void)uv_run(&server.loop, UV_RUN_DEFAULT);
    nvr_gateway_free(server.gateway);
    nvr_storage_free(server.storage);
    nvr_supervisor_free(server.supervisor);
    if (uv_loop_close(&server.loop) < 0)
        log_debug("handles are left");
    return r < 0 ? CLI_FAILED : CLI_DONE;
}
