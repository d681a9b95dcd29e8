/* Answers: status, headers, body pieces. */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "src/gateway/request.h"

NVR_LOG_TOPIC("http");

/* "<hex>\r\n" before a chunk, "\r\n" behind it. */
#define CHUNK_HEAD 10
#define CHUNK_TAIL 2
static const uint8_t last_chunk[] = {'0', '\r', '\n', '\r', '\n'};

static const char security_headers[] =
    "X-Content-Type-Options: nosniff\r\n"
    "X-Frame-Options: SAMEORIGIN\r\n"
    "Referrer-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Permissions-Policy: camera=(), geolocation=()\r\n"
    "Content-Security-Policy: default-src 'self'; script-src 'self'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'self'\r\n";

static const char *reason_phrase(unsigned status)
{
    static const struct {
        unsigned status;
        const char *phrase;
    } phrases[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {302, "Found"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {422, "Unprocessable Content"},
        {426, "Upgrade Required"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {507, "Insufficient Storage"},
    };

    for (size_t i = 0; i < NVR_ARRAY_SIZE(phrases); i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "Status";
}

/* ---- replies ---- */

void nvr_http_add_header(struct nvr_http_request *request, const char *name, const char *value)
{
    for (const char *p = value; *p; p++)
        if ((unsigned char)*p < ' ' || (unsigned char)*p == 0x7f)
            return;
    (void)nvr_buf_printf(&request->extra, "%s: %s\r\n", name, value);
}

/* A second answer is our bug; a late one, to a client that is gone, is not. */
static bool begin_reply(struct nvr_http_request *request, unsigned status, const char *type)
{
    assert(!request->replied);
    if (request->replied)
        return false;
    request->replied = true;
    request->status = status;
    request->type = type;
    return true;
}

static void finish_reply(struct nvr_http_request *request)
{
    if (request->wsi)
        lws_callback_on_writable(request->wsi);
}

void nvr_http_reply_empty(struct nvr_http_request *request, unsigned status)
{
    if (!begin_reply(request, status, NULL))
        return;
    request->length = 0;
    finish_reply(request);
}

void nvr_http_reply_static(struct nvr_http_request *request, unsigned status, const char *type,
                           const void *data, size_t len)
{
    if (!begin_reply(request, status, type))
        return;
    request->fixed = data;
    request->length = (int64_t)len;
    finish_reply(request);
}

static const char too_large[] =
    "{\"error\":{\"code\":\"internal\",\"message\":\"The answer does not fit into memory.\","
    "\"fields\":[]}}";

void nvr_http_reply_buf_take(struct nvr_http_request *request, unsigned status, const char *type,
                             struct nvr_buf *buf)
{
    if (nvr_buf_status(buf) < 0) {
        (void)log_err(nvr_buf_status(buf), "%s: the answer", request->path);
        nvr_buf_done(buf);
        nvr_http_reply_static(request, 500, "application/json", too_large, sizeof(too_large) - 1);
        return;
    }
    if (!begin_reply(request, status, type)) {
        nvr_buf_done(buf);
        return;
    }
    nvr_buf_done(&request->data);
    request->data = *buf;
    *buf = (struct nvr_buf){0};
    request->length = (int64_t)request->data.len;
    finish_reply(request);
}

static const char out_of_memory[] =
    "{\"error\":{\"code\":\"internal\",\"message\":\"Out of memory.\",\"fields\":[]}}";

void nvr_http_reply_json_take(struct nvr_http_request *request, unsigned status, json_t *value)
{
    struct nvr_buf buf;

    nvr_buf_init(&buf, NVR_HTTP_JSON_MAX);
    if (!value || nvr_json_append(&buf, value) < 0) {
        json_decref(value);
        nvr_buf_done(&buf);
        log_error("no memory for an answer");
        nvr_http_reply_static(request, 500, "application/json", out_of_memory,
                              sizeof(out_of_memory) - 1);
        return;
    }
    json_decref(value);
    nvr_http_reply_buf_take(request, status, "application/json", &buf);
}

static void reply_error_json(struct nvr_http_request *request, unsigned status, const char *code,
                             const char *message, json_t *fields)
{
    nvr_http_reply_json_take(request, status,
                             json_pack("{s:{s:s, s:s, s:o}, s:s}", "error", "code", code, "message",
                                       message, "fields", fields ? fields : json_array(),
                                       "request_id", request->id));
}

void nvr_http_reply_error(struct nvr_http_request *request, unsigned status, const char *code,
                          const char *fmt, ...)
{
    char message[512];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    /* A name given by the peer may have been cut inside a character. */
    if (!nvr_str_is_utf8(nvr_str_from(message)))
        message[0] = '\0';
    reply_error_json(request, status, code, message, NULL);
}

void nvr_http_reply_fields(struct nvr_http_request *request, const struct nvr_config_errors *errors)
{
    json_t *fields = json_array();

    for (size_t i = 0; i < errors->count; i++)
        (void)json_array_append_new(fields, json_pack("{s:s, s:s}", "field", errors->items[i].field,
                                                      "message", errors->items[i].message));
    reply_error_json(request, 422, "validation_failed",
                     errors->count == 1 ? errors->items[0].message : "Some fields are not valid.",
                     fields);
}

void nvr_http_reply_bad_query(struct nvr_http_request *request, const char *name,
                              const char *message)
{
    char text[256];

    (void)snprintf(text, sizeof(text), "%s: %s", name, message);
    reply_error_json(request, 400, "bad_request", text,
                     json_pack("[{s:s, s:s}]", "field", name, "message", message));
}

void nvr_http_reply_errno(struct nvr_http_request *request, int r, const char *what)
{
    switch (-r) {
    case ENOENT:
        nvr_http_reply_error(request, 404, "not_found", "There is no such %s.", what);
        break;
    case EEXIST:
        nvr_http_reply_error(request, 409, "conflict", "There is such %s already.", what);
        break;
    case ESTALE:
        nvr_http_reply_error(request, 409, "conflict",
                             "The configuration file was edited by hand and cannot be used: "
                             "correct it first.");
        break;
    case EROFS:
        nvr_http_reply_error(request, 503, "unavailable", "The disk is read-only.");
        break;
    case ENOSPC:
        nvr_http_reply_error(request, 503, "unavailable", "The disk is full.");
        break;
    case EAGAIN:
    case EBUSY:
    case ENOBUFS:
    case ECANCELED:
        nvr_http_reply_error(request, 503, "unavailable", "Heron is busy. Try again.");
        break;
    case ETIMEDOUT:
        nvr_http_reply_error(request, 504, "timeout", "It took too long.");
        break;
    default:
        (void)log_err(r, "%s %s: %s", nvr_http_method_name(request->method), request->path, what);
        nvr_http_reply_error(request, 500, "internal", "Heron could not do this: %s.",
                             strerrordesc_np(-r));
    }
}

void nvr_http_reply_source_take(struct nvr_http_request *request, unsigned status, const char *type,
                                const struct nvr_http_source *source)
{
    if (!begin_reply(request, status, type)) {
        source->free(source->arg);
        return;
    }
    request->source = *source;
    request->length = source->length;
    finish_reply(request);
}

void nvr_http_resume(struct nvr_http_request *request)
{
    finish_reply(request);
}

/* ---- on the wire ---- */

int nvr_http_request_format(struct nvr_http_request *request, uint8_t *dst, size_t size,
                            size_t *ret_len)
{
    const bool has_body =
        request->status >= 200 && request->status != 204 && request->status != 304;
    const char *extra = nvr_buf_cstr(&request->extra);
    char length[64] = "";

    if (!extra)
        return -ENOMEM;
    if (has_body && request->length < 0)
        (void)nvr_fmt(length, sizeof(length), "Transfer-Encoding: chunked\r\n");
    else if (has_body)
        (void)nvr_fmt(length, sizeof(length), "Content-Length: %lld\r\n",
                      (long long)request->length);
    const int len = nvr_fmt(
        (char *)dst, size,
        "HTTP/1.1 %u %s\r\n%s%s%s%sX-Request-Id: %s\r\nConnection: %s\r\n%s%s%s\r\n",
        request->status, reason_phrase(request->status), request->type ? "Content-Type: " : "",
        request->type ? request->type : "", request->type ? "\r\n" : "", length, request->id,
        request->close_after ? "close" : "keep-alive", security_headers,
        strcasestr(extra, "cache-control:") ? "" : "Cache-Control: no-store\r\n", extra);

    if (len < 0)
        return len;
    *ret_len = (size_t)len;
    return 0;
}

static ssize_t read_plain(struct nvr_http_request *request, uint8_t *dst, size_t max)
{
    const uint8_t *data = request->fixed ? request->fixed : request->data.data;
    size_t len;

    if (request->length >= 0 && request->sent >= request->length)
        return 0;
    if (request->length >= 0)
        max = (size_t)NVR_MIN((int64_t)max, request->length - request->sent);
    if (request->source.read) {
        const ssize_t r = request->source.read(request->source.arg, dst, max);

        /* Fewer bytes than promised: the peer must not take it for whole. */
        return r == 0 && request->length >= 0 ? -EIO : r;
    }
    len = max;
    memcpy(dst, data + request->sent, len);
    return (ssize_t)len;
}

ssize_t nvr_http_request_read(struct nvr_http_request *request, uint8_t *dst, size_t max)
{
    char head[CHUNK_HEAD + 1];
    ssize_t r;
    int n;

    if (request->length >= 0) {
        r = read_plain(request, dst, max);
        if (r > 0)
            request->sent += r;
        return r;
    }
    if (request->source_ended)
        return 0;
    if (max < CHUNK_HEAD + CHUNK_TAIL + 1)
        return -ENOBUFS;
    r = read_plain(request, dst + CHUNK_HEAD, max - CHUNK_HEAD - CHUNK_TAIL);
    if (r < 0)
        return r;
    if (r == 0) {
        request->source_ended = true;
        memcpy(dst, last_chunk, sizeof(last_chunk));
        return sizeof(last_chunk);
    }
    n = nvr_fmt(head, sizeof(head), "%08x\r\n", (unsigned)r);
    if (n != CHUNK_HEAD)
        return -EMSGSIZE;
    memcpy(dst, head, CHUNK_HEAD);
    memcpy(dst + CHUNK_HEAD + r, last_chunk + 1, CHUNK_TAIL);
    request->sent += r;
    return r + CHUNK_HEAD + CHUNK_TAIL;
}
