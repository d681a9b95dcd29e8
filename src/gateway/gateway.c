#include "src/gateway/gateway.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "src/gateway/private.h"

NVR_LOG_TOPIC("gateway");

/* In the order of matching: what is named before what is a parameter. */
static const struct {
    const struct nvr_route *routes;
    const size_t *count;
} all_routes[] = {
    {nvr_camera_routes, &nvr_camera_routes_count},
    {nvr_record_routes, &nvr_record_routes_count},
    {nvr_storage_routes, &nvr_storage_routes_count},
    {nvr_recording_routes, &nvr_recording_routes_count},
    {nvr_export_routes, &nvr_export_routes_count},
    {nvr_system_routes, &nvr_system_routes_count},
    {nvr_config_routes, &nvr_config_routes_count},
    {nvr_tier_routes, &nvr_tier_routes_count},
    {nvr_evidence_routes, &nvr_evidence_routes_count},
    {nvr_static_routes, &nvr_static_routes_count},
};

/* One gateway per process: the tables carry its address. */
static struct nvr_route_table tables[NVR_ARRAY_SIZE(all_routes)];

const struct nvr_route_table *nvr_gateway_get_tables(struct nvr_gateway *gateway, size_t *ret_count)
{
    for (size_t i = 0; i < NVR_ARRAY_SIZE(all_routes); i++)
        tables[i] = (struct nvr_route_table){all_routes[i].routes, *all_routes[i].count, gateway};
    *ret_count = NVR_ARRAY_SIZE(tables);
    return tables;
}

static int open_web_dir(struct nvr_gateway *gateway, const char *web_dir)
{
    if (!web_dir)
        return 0;
    gateway->web_dir = strdup(web_dir);
    if (!gateway->web_dir)
        return -ENOMEM;
    gateway->web_fd = open(web_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (gateway->web_fd < 0)
        log_warn("no web interface: '%s': %s", web_dir, strerrordesc_np(errno));
    return 0;
}

int nvr_gateway_start(const struct nvr_gateway_options *options, struct nvr_gateway **ret_gateway)
{
    struct nvr_gateway *gateway = calloc(1, sizeof(*gateway));
    struct nvr_http_options http = {
        .loop = options->loop, .host = options->listen_host, .port = options->port};
    int r;

    if (!gateway)
        return -ENOMEM;
    gateway->web_fd = -1;
    gateway->supervisor = options->supervisor;
    gateway->storage = options->storage;
    http.tables = nvr_gateway_get_tables(gateway, &http.tables_count);
    r = open_web_dir(gateway, options->web_dir);
    if (r == 0)
        r = nvr_live_new(gateway, &gateway->live);
    if (r == 0)
        r = nvr_events_new(gateway, &gateway->events);
    if (r == 0)
        r = nvr_http_start(&http, &gateway->http);
    if (r == 0) {
        gateway->was_started = true;
        r = nvr_snapshots_new(gateway, &gateway->snapshots);
    }
    if (r < 0) {
        assert(!gateway->was_started || r == -ENOMEM);
        nvr_gateway_free(gateway);
        return r;
    }
    *ret_gateway = gateway;
    return 0;
}

static void on_http_stopped(void *arg)
{
    struct nvr_gateway *gateway = arg;

    gateway->was_started = false;
    if (gateway->on_stopped)
        gateway->on_stopped(gateway->on_stopped_arg);
}

void nvr_gateway_stop(struct nvr_gateway *gateway, void (*on_stopped)(void *arg), void *arg)
{
    gateway->on_stopped = on_stopped;
    gateway->on_stopped_arg = arg;
    nvr_storage_stop_opening(gateway->storage);
    nvr_snapshots_stop(gateway->snapshots);
    nvr_http_stop(gateway->http, on_http_stopped, gateway);
}

void nvr_gateway_free(struct nvr_gateway *gateway)
{
    if (!gateway)
        return;
    if (!gateway->was_started)
        nvr_http_free(gateway->http);
    nvr_snapshots_free(gateway->snapshots);
    nvr_live_free(gateway->live);
    nvr_events_free(gateway->events);
    if (gateway->web_fd >= 0)
        close(gateway->web_fd);
    free(gateway->web_dir);
    free(gateway);
}

int nvr_gateway_get_port(const struct nvr_gateway *gateway)
{
    return nvr_http_get_port(gateway->http);
}
