/* Health, status, workers, system information, logs, documentation. */
#include <errno.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "src/gateway/private.h"

NVR_LOG_TOPIC("gateway");

#define JSON "application/json"

static void handle_health(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    bool healthy = false;
    json_t *health = nvr_supervisor_health_to_json(gateway->supervisor, &healthy);

    nvr_http_reply_json_take(request, healthy ? 200 : 503, health);
}

static void handle_status(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;

    nvr_http_reply_json_take(request, 200, nvr_supervisor_status_to_json(gateway->supervisor));
}

static void handle_workers(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    json_t *workers = nvr_supervisor_workers_to_json(gateway->supervisor);

    nvr_http_reply_json_take(request, 200, json_pack("{s:o, s:n}", "items", workers, "next"));
}

static void handle_worker(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    const char *id = nvr_http_get_param(request, "id");
    json_t *worker = nvr_supervisor_worker_to_json(gateway->supervisor, id);

    if (!worker)
        nvr_http_reply_errno(request, -ENOENT, "worker");
    else
        nvr_http_reply_json_take(request, 200, worker);
}

static void handle_info(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;

    nvr_http_reply_json_take(request, 200, nvr_supervisor_info_to_json(gateway->supervisor));
}

static void handle_adopt(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    const int r = nvr_supervisor_adopt_recordings(gateway->supervisor);

    if (r < 0)
        nvr_http_reply_errno(request, r, "recordings folder");
    else
        nvr_http_reply_json_take(
            request, 200,
            json_pack("{s:s}", "path", nvr_supervisor_get_recordings_dir(gateway->supervisor)));
}

static void handle_logs(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    const struct nvr_query *query = nvr_http_get_query(request);
    const char *level = nvr_query_get(query, "level");
    enum nvr_log_level parsed;
    int64_t after = 0;
    int64_t limit = NVR_PAGE_DEFAULT;
    json_t *logs;

    if (level && nvr_log_level_parse(level, &parsed) < 0) {
        nvr_http_reply_bad_query(request, "level", "expected debug, info, warn or error");
        return;
    }
    if (nvr_query_get_int(query, "after", 0, INT64_MAX, &after) < 0) {
        nvr_http_reply_bad_query(request, "after", "expected a number");
        return;
    }
    if (nvr_query_get_int(query, "limit", 1, NVR_PAGE_MAX, &limit) < 0) {
        nvr_http_reply_bad_query(request, "limit", "expected a number from 1 to 1000");
        return;
    }
    logs = nvr_supervisor_logs_to_json(gateway->supervisor, level, nvr_query_get(query, "camera"),
                                       after, (unsigned)limit);
    if (json_is_array(logs))
        logs = json_pack("{s:o}", "items", logs);
    nvr_http_reply_json_take(request, 200, logs);
}

static void handle_metrics(struct nvr_http_request *request, void *arg)
{
    struct nvr_buf text;

    (void)arg;
    nvr_buf_init(&text, NVR_METRICS_TEXT_MAX);
    if (nvr_metrics_write(&text) < 0)
        log_warn("the metrics do not fit");
    nvr_http_reply_buf_take(request, 200, "text/plain; version=0.0.4; charset=utf-8", &text);
}

const struct nvr_route nvr_system_routes[] = {
    {NVR_HTTP_GET, 0, "/health", handle_health, "health", "Is Heron well?", JSON},
    {NVR_HTTP_GET, 0, "/status", handle_status, "health", "Everything in numbers", JSON},
    {NVR_HTTP_GET, 0, "/metrics", handle_metrics, "health", "Numbers for Prometheus", NULL},
    {NVR_HTTP_GET, 0, "/workers", handle_workers, "health", "List workers", JSON},
    {NVR_HTTP_GET, 0, "/workers/{id}", handle_worker, "health", "Get a worker", JSON},
    {NVR_HTTP_GET, 0, "/api/v1/system/info", handle_info, "system", "Version, storage, warnings",
     JSON},
    {NVR_HTTP_GET, 0, "/api/v1/system/logs", handle_logs, "system", "Recent log records", JSON},
    {NVR_HTTP_POST, 0, "/api/v1/system/storage/locations/hot/adopt", handle_adopt, "system",
     "Take the disk that is there for recordings", JSON},
    {NVR_HTTP_GET, NVR_ROUTE_WEBSOCKET, "/ws", nvr_handle_events, "system",
     "What happens, as it happens", NULL},
    {NVR_HTTP_GET, 0, "/api/openapi.json", nvr_handle_openapi, "docs", "This document", JSON},
    {NVR_HTTP_GET, 0, "/api/docs", nvr_handle_docs, "docs", "Swagger UI", "text/html"},
    {NVR_HTTP_GET, NVR_ROUTE_HIDDEN, "/api/docs/{file}", nvr_handle_docs_file, "docs",
     "Files of Swagger UI", NULL},
};
const size_t nvr_system_routes_count = NVR_ARRAY_SIZE(nvr_system_routes);
