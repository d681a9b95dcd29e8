/* A request from its headers to the call of its route. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "src/gateway/guard.h"
#include "src/gateway/range.h"
#include "src/gateway/request.h"

NVR_LOG_TOPIC("http");

static const struct {
    enum lws_token_indexes token;
    enum nvr_http_method method;
} methods[] = {
    {WSI_TOKEN_GET_URI, NVR_HTTP_GET},         {WSI_TOKEN_HEAD_URI, NVR_HTTP_HEAD},
    {WSI_TOKEN_POST_URI, NVR_HTTP_POST},       {WSI_TOKEN_PUT_URI, NVR_HTTP_PUT},
    {WSI_TOKEN_PATCH_URI, NVR_HTTP_PATCH},     {WSI_TOKEN_DELETE_URI, NVR_HTTP_DELETE},
    {WSI_TOKEN_OPTIONS_URI, NVR_HTTP_OPTIONS},
};

static const enum lws_token_indexes kept[NVR_HTTP_HEADERS_COUNT_] = {
    [NVR_HTTP_ACCEPT] = WSI_TOKEN_HTTP_ACCEPT,
    [NVR_HTTP_ACCEPT_ENCODING] = WSI_TOKEN_HTTP_ACCEPT_ENCODING,
    [NVR_HTTP_IF_NONE_MATCH] = WSI_TOKEN_HTTP_IF_NONE_MATCH,
    [NVR_HTTP_IF_RANGE] = WSI_TOKEN_HTTP_IF_RANGE,
    [NVR_HTTP_RANGE] = WSI_TOKEN_HTTP_RANGE,
};

int nvr_http_request_new(struct nvr_http_server *server, struct lws *wsi,
                         struct nvr_http_request **ret_request)
{
    struct nvr_http_request *request = calloc(1, sizeof(*request));

    if (!request)
        return -ENOMEM;
    request->refs = 1;
    request->server = server;
    request->wsi = wsi;
    request->content_length = -1;
    request->started_us = nvr_clock_mono_us();
    nvr_buf_init(&request->body, NVR_HTTP_BODY_MAX);
    nvr_buf_init(&request->extra, 8192);
    nvr_buf_init(&request->data, NVR_HTTP_JSON_MAX);
    *ret_request = request;
    return 0;
}

struct nvr_http_request *nvr_http_ref(struct nvr_http_request *request)
{
    request->refs++;
    return request;
}

void nvr_http_unref(struct nvr_http_request *request)
{
    if (!request)
        return;
    assert(request->refs > 0);
    if (--request->refs)
        return;
    if (request->source.free)
        request->source.free(request->source.arg);
    for (size_t i = 0; i < NVR_HTTP_HEADERS_COUNT_; i++)
        free(request->headers[i]);
    nvr_query_done(&request->query);
    nvr_buf_done(&request->body);
    nvr_buf_done(&request->extra);
    nvr_buf_done(&request->data);
    json_decref(request->json);
    free(request);
}

void nvr_http_request_detach(struct nvr_http_request *request)
{
    void (*const on_gone)(void *arg) = request->on_gone;

    request->wsi = NULL;
    request->on_gone = NULL;
    if (on_gone)
        on_gone(request->on_gone_arg);
    nvr_http_unref(request);
}

/* ---- loading ---- */

/* 0; -EMSGSIZE: longer than dst. A header that was not sent is "". */
static int copy_header(struct lws *wsi, enum lws_token_indexes token, char *dst, size_t dst_size)
{
    const int len = lws_hdr_total_length(wsi, token);

    dst[0] = '\0';
    if (len <= 0)
        return 0;
    if ((size_t)len >= dst_size || lws_hdr_copy(wsi, dst, (int)dst_size, token) < 0)
        return -EMSGSIZE;
    return 0;
}

static int load_kept(struct nvr_http_request *request)
{
    for (size_t i = 0; i < NVR_HTTP_HEADERS_COUNT_; i++) {
        const int len = lws_hdr_total_length(request->wsi, kept[i]);

        if (len <= 0)
            continue;
        if (len > NVR_HTTP_HEADER_VALUE_MAX)
            return -EMSGSIZE;
        request->headers[i] = malloc((size_t)len + 1);
        if (!request->headers[i])
            return -ENOMEM;
        if (lws_hdr_copy(request->wsi, request->headers[i], len + 1, kept[i]) < 0)
            return -EMSGSIZE;
    }
    return 0;
}

static bool id_is_sane(const char *id)
{
    const size_t len = strlen(id);

    return len >= 8 && len <= NVR_HTTP_ID_MAX &&
           strspn(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.") == len;
}

static void load_id(struct nvr_http_request *request)
{
    static const char name[] = "x-request-id:";
    const int len = lws_hdr_custom_length(request->wsi, name, (int)strlen(name));

    if (len > 0 && len <= NVR_HTTP_ID_MAX &&
        lws_hdr_custom_copy(request->wsi, request->id, (int)sizeof(request->id), name,
                            (int)strlen(name)) >= 0 &&
        id_is_sane(request->id))
        return;
    nvr_uuid7(request->id);
}

/* All headers that libwebsockets knows by name, in bytes. */
static size_t headers_size(struct lws *wsi)
{
    size_t total = 0;

    for (int token = 0; token < WSI_TOKEN_COUNT; token++) {
        const int len = lws_hdr_total_length(wsi, (enum lws_token_indexes)token);

        if (len > 0)
            total += (size_t)len;
    }
    return total;
}

static int load_query(struct nvr_http_request *request)
{
    char pair[NVR_HTTP_QUERY_VALUE_MAX + 1];

    for (int i = 0; lws_hdr_fragment_length(request->wsi, WSI_TOKEN_HTTP_URI_ARGS, i) > 0; i++) {
        const int len = lws_hdr_copy_fragment(request->wsi, pair, (int)sizeof(pair),
                                              WSI_TOKEN_HTTP_URI_ARGS, i);
        int r;

        if (len < 0)
            return -E2BIG;
        r = nvr_query_add(&request->query, pair, strlen(pair));
        if (r < 0)
            return r;
    }
    return 0;
}

static unsigned fail(const char **ret_code, const char **ret_message, unsigned status,
                     const char *code, const char *message)
{
    *ret_code = code;
    *ret_message = message;
    return status;
}

static unsigned load_length(struct nvr_http_request *request, const char **ret_code,
                            const char **ret_message)
{
    char text[32];
    uint64_t length;

    if (lws_hdr_total_length(request->wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0) {
        request->close_after = true;
        return fail(ret_code, ret_message, 411, "length_required",
                    "Send the body with Content-Length.");
    }
    if (lws_hdr_total_length(request->wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) <= 0)
        return 0;
    if (copy_header(request->wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, text, sizeof(text)) < 0 ||
        nvr_str_to_u64(nvr_str_from(text), INT64_MAX, &length) < 0) {
        request->close_after = true;
        return fail(ret_code, ret_message, 400, "bad_request", "Content-Length is not a number.");
    }
    request->content_length = (int64_t)length;
    if (request->content_length > NVR_HTTP_BODY_MAX)
        return fail(ret_code, ret_message, 413, "payload_too_large", "The body is above 1 MiB.");
    return 0;
}

unsigned nvr_http_request_load(struct nvr_http_request *request, const char **ret_code,
                               const char **ret_message)
{
    struct lws *wsi = request->wsi;
    unsigned status;
    int r;

    load_id(request);
    request->method = NVR_HTTP_GET;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(methods); i++) {
        if (lws_hdr_total_length(wsi, methods[i].token) <= 0)
            continue;
        request->method = methods[i].method;
        if (copy_header(wsi, methods[i].token, request->path, sizeof(request->path)) < 0)
            return fail(ret_code, ret_message, 414, "uri_too_long", "The path is too long.");
    }
    status = load_length(request, ret_code, ret_message);
    if (status)
        return status;
    if (headers_size(wsi) > NVR_HTTP_HEADERS_MAX ||
        copy_header(wsi, WSI_TOKEN_HOST, request->host, sizeof(request->host)) < 0 ||
        copy_header(wsi, WSI_TOKEN_ORIGIN, request->origin, sizeof(request->origin)) < 0 ||
        copy_header(wsi, WSI_TOKEN_HTTP_CONTENT_TYPE, request->content_type,
                    sizeof(request->content_type)) < 0)
        return fail(ret_code, ret_message, 431, "headers_too_large", "The headers are too large.");
    r = load_kept(request);
    if (r < 0)
        return r == -ENOMEM ? fail(ret_code, ret_message, 500, "internal", "Out of memory.")
                            : fail(ret_code, ret_message, 431, "headers_too_large",
                                   "A header is too large.");
    if (!nvr_str_is_utf8(nvr_str_from(request->path)) || request->path[0] != '/')
        return fail(ret_code, ret_message, 400, "bad_request", "The path is not valid.");
    if (load_query(request) < 0)
        return fail(ret_code, ret_message, 400, "bad_request", "The query is not valid.");
    return 0;
}

/* ---- routing ---- */

static bool check_body_headers(struct nvr_http_request *request)
{
    const struct nvr_route *route = request->match.route;

    if (!(route->flags & NVR_ROUTE_BODY))
        return true;
    if (nvr_content_type_is(request->content_type, "application/json") ||
        (route->method == NVR_HTTP_PATCH &&
         nvr_content_type_is(request->content_type, "application/merge-patch+json")))
        return true;
    nvr_http_reply_error(request, 415, "unsupported_media_type",
                         "Send the body as application/json.");
    return false;
}

/* 404, 405, OPTIONS, 426, 406. */
static bool check_route(struct nvr_http_request *request)
{
    const struct nvr_route *route = request->match.route;
    char allow[80] = "";

    if (!request->match.allowed) {
        nvr_http_reply_error(request, 404, "not_found", "There is nothing at this address.");
        return false;
    }
    if (!route) {
        if (nvr_router_format_allow(request->match.allowed, allow, sizeof(allow)) == 0)
            nvr_http_add_header(request, "Allow", allow);
        if (request->method == NVR_HTTP_OPTIONS)
            nvr_http_reply_empty(request, 204);
        else
            nvr_http_reply_error(request, 405, "method_not_allowed", "%s is not possible here.",
                                 nvr_http_method_name(request->method));
        return false;
    }
    if (route->produces && !nvr_accept_allows(request->headers[NVR_HTTP_ACCEPT], route->produces)) {
        nvr_http_reply_error(request, 406, "not_acceptable", "This address answers %s.",
                             route->produces);
        return false;
    }
    return true;
}

bool nvr_http_request_route(struct nvr_http_request *request)
{
    struct nvr_http_server *server = request->server;
    const bool is_upgrade = lws_hdr_total_length(request->wsi, WSI_TOKEN_UPGRADE) > 0;
    const bool changes = request->method != NVR_HTTP_GET && request->method != NVR_HTTP_HEAD &&
                         request->method != NVR_HTTP_OPTIONS;

    if (!nvr_guard_host(request->host, server->host)) {
        nvr_http_reply_error(request, 403, "forbidden_host",
                             "Heron does not answer under this name. Use localhost or the "
                             "address it listens on.");
        return false;
    }
    nvr_router_match(server->tables, server->tables_count, request->method, request->path,
                     &request->match);
    if ((changes || (request->match.route && (request->match.route->flags & NVR_ROUTE_WEBSOCKET) &&
                     is_upgrade)) &&
        !nvr_guard_origin(request->origin, request->host)) {
        nvr_http_reply_error(request, 403, "forbidden_origin",
                             "Another site's page may not do this.");
        return false;
    }
    return check_route(request) && check_body_headers(request);
}

/* ---- dispatch ---- */

static bool parse_body(struct nvr_http_request *request)
{
    char reason[160] = "";
    int r;

    if (!request->body.len) {
        nvr_http_reply_error(request, 400, "bad_request", "The body is missing.");
        return false;
    }
    r = nvr_json_parse((const char *)request->body.data, request->body.len, &request->json, reason,
                       sizeof(reason));
    if (r < 0) {
        if (r == -ENOMEM)
            nvr_http_reply_error(request, 500, "internal", "Out of memory.");
        else
            nvr_http_reply_error(request, 400, "bad_request", "The body is not valid JSON: %s",
                                 reason);
        return false;
    }
    if (!json_is_object(request->json)) {
        nvr_http_reply_error(request, 400, "bad_request", "The body is not a JSON object.");
        return false;
    }
    return true;
}

void nvr_http_request_dispatch(struct nvr_http_request *request)
{
    request->state = NVR_HTTP_HANDLING;
    if ((request->match.route->flags & NVR_ROUTE_BODY) && !parse_body(request))
        return;
    nvr_log_set_request(request->id);
    request->match.route->handle(request, request->match.arg);
    nvr_log_set_request(NULL);
    assert(request->replied || request->ws_accepted || request->refs > 1);
}

/* ---- what routes ask ---- */

enum nvr_http_method nvr_http_get_method(const struct nvr_http_request *request)
{
    return request->method;
}

const char *nvr_http_get_path(const struct nvr_http_request *request)
{
    return request->path;
}

const char *nvr_http_get_id(const struct nvr_http_request *request)
{
    return request->id;
}

const char *nvr_http_get_param(const struct nvr_http_request *request, const char *name)
{
    for (size_t i = 0; i < request->match.params_count; i++)
        if (nvr_str_eq(request->match.params[i].name, nvr_str_from(name)))
            return request->match.params[i].value;
    return "";
}

const struct nvr_query *nvr_http_get_query(const struct nvr_http_request *request)
{
    return &request->query;
}

const char *nvr_http_get_header(const struct nvr_http_request *request, enum nvr_http_header header)
{
    return request->headers[header];
}

const json_t *nvr_http_get_body(const struct nvr_http_request *request)
{
    return request->json;
}

bool nvr_http_is_gone(const struct nvr_http_request *request)
{
    return !request->wsi;
}

struct nvr_http_server *nvr_http_get_server(const struct nvr_http_request *request)
{
    return request->server;
}

void nvr_http_on_gone(struct nvr_http_request *request, void (*fn)(void *arg), void *arg)
{
    request->on_gone = fn;
    request->on_gone_arg = arg;
}

/* ---- work ---- */

struct job {
    uv_work_t work;
    struct nvr_http_request *request;
    struct nvr_work spec;
};

static void run_job(uv_work_t *work)
{
    struct job *job = work->data;

    nvr_log_set_request(job->request->id);
    job->spec.run(job->spec.arg);
    nvr_log_set_request(NULL);
}

static void finish_job(uv_work_t *work, int status)
{
    struct job *job = work->data;
    struct nvr_http_request *request = job->request;

    (void)status; /* nobody cancels */
    nvr_log_set_request(request->id);
    job->spec.done(request, job->spec.arg);
    nvr_log_set_request(NULL);
    nvr_http_release(request->server);
    nvr_http_unref(request);
    free(job);
}

int nvr_work_start(struct nvr_http_request *request, const struct nvr_work *work)
{
    struct job *job = calloc(1, sizeof(*job));
    int r;

    if (!job)
        return -ENOMEM;
    job->work.data = job;
    job->request = request;
    job->spec = *work;
    r = uv_queue_work(request->server->loop, &job->work, run_job, finish_job);
    if (r < 0) {
        free(job);
        return log_err(r, "queue work");
    }
    nvr_http_ref(request);
    nvr_http_hold(request->server);
    return 0;
}
