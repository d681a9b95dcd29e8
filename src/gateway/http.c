/* The server: libwebsockets on the caller's libuv loop, HTTP/1.1 only. */
#include "src/gateway/http.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "src/gateway/guard.h"
#include "src/gateway/request.h"

NVR_LOG_TOPIC("http");

#define STOP_POLL_MS 5
#define TICK_US 100000
#define SECOND_US 1000000LL

/* Per connection, allocated by libwebsockets (zeroed). */
struct connection {
    struct nvr_http_request *request;
    struct nvr_ws *ws;
};

static struct nvr_http_server *server_of(struct lws *wsi)
{
    return lws_context_user(lws_get_context(wsi));
}

static const struct nvr_metric requests_total = {
    "heron_http_requests_total", "Answered requests by class of status.", NVR_METRIC_COUNTER};
static const struct nvr_metric request_seconds = {"heron_http_request_seconds_total",
                                                  "Time from headers to the answer's last byte.",
                                                  NVR_METRIC_COUNTER};

static void count_answer(const struct nvr_http_request *request, double ms)
{
    char labels[NVR_METRIC_LABELS_SIZE] = "";
    const char class[] = {(char)('0' + request->status / 100 % 10), 'x', 'x', '\0'};

    (void)nvr_metric_label(labels, "status", class);
    nvr_metric_add(&requests_total, labels, 1);
    nvr_metric_add(&request_seconds, labels, ms / 1000);
}

static void log_answer(const struct nvr_http_request *request)
{
    const double ms = (double)(nvr_clock_mono_us() - request->started_us) / 1000.0;
    const bool is_read = request->method == NVR_HTTP_GET || request->method == NVR_HTTP_HEAD ||
                         request->method == NVR_HTTP_OPTIONS;

    count_answer(request, ms);
    nvr_log_set_request(request->id);
    if (is_read)
        log_debug("%s %s %u, %.1f ms", nvr_http_method_name(request->method), request->path,
                  request->status, ms);
    else
        log_info("%s %s %u, %.1f ms", nvr_http_method_name(request->method), request->path,
                 request->status, ms);
    nvr_log_set_request(NULL);
}

/* ---- HTTP ---- */

/* A POST without Content-Length has no body, but libwebsockets waits for one: end such a
 * connection after the answer. */
static bool body_confuses_lws(const struct nvr_http_request *request)
{
    const bool may_have_body = request->method == NVR_HTTP_POST ||
                               request->method == NVR_HTTP_PUT || request->method == NVR_HTTP_PATCH;

    return may_have_body && request->content_length < 0;
}

static int on_request(struct lws *wsi, struct connection *connection)
{
    struct nvr_http_server *server = server_of(wsi);
    struct nvr_http_request *request;
    const char *code = NULL;
    const char *message = NULL;
    unsigned status;

    assert(!connection->request);
    lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0);
    if (server->stopping || nvr_http_request_new(server, wsi, &request) < 0)
        return -1;
    connection->request = request;
    request->state = NVR_HTTP_HANDLING;
    status = nvr_http_request_load(request, &code, &message);
    if (body_confuses_lws(request))
        request->close_after = true;
    if (status) {
        request->close_after = request->close_after || request->content_length > 0;
        nvr_http_reply_error(request, status, code, "%s", message);
    } else if (nvr_http_request_route(request)) {
        if (request->match.route->flags & NVR_ROUTE_WEBSOCKET) {
            nvr_http_add_header(request, "Upgrade", "websocket");
            nvr_http_reply_error(request, 426, "upgrade_required", "Open this as a WebSocket.");
        } else if (request->content_length > 0) {
            request->state = NVR_HTTP_READING;
        } else {
            nvr_http_request_dispatch(request);
        }
    }
    if (request->state != NVR_HTTP_READING && request->content_length > 0)
        request->close_after = true; /* answered before the body was read */
    lws_set_timer_usecs(wsi, TICK_US);
    return 0;
}

static int on_body(struct nvr_http_request *request, const void *data, size_t len)
{
    if (!request || request->state != NVR_HTTP_READING)
        return 0; /* refused already: dropped */
    return nvr_buf_append(&request->body, data, len) < 0 ? -1 : 0;
}

static int on_body_end(struct nvr_http_request *request)
{
    if (!request || request->state != NVR_HTTP_READING)
        return 0;
    nvr_http_request_dispatch(request);
    return 0;
}

/* The answer is on its way: be ready for the next request, or end. */
static int finish_request(struct lws *wsi, struct connection *connection)
{
    struct nvr_http_request *request = connection->request;
    const bool close_after = request->close_after;
    const bool unread = request->content_length > 0 && request->body.len == 0;

    log_answer(request);
    if (close_after && unread) {
        /* Closing now would make the kernel send RST and the peer lose our answer. */
        request->state = NVR_HTTP_LINGERING;
        request->on_gone = NULL;
        request->progress_us = nvr_clock_mono_us();
        (void)shutdown(lws_get_socket_fd(wsi), SHUT_WR);
        return 0;
    }
    lws_set_timer_usecs(wsi, LWS_SET_TIMER_USEC_CANCEL);
    connection->request = NULL;
    request->on_gone = NULL;
    nvr_http_request_detach(request);
    if (close_after)
        return -1;
    return lws_http_transaction_completed(wsi) ? -1 : 0;
}

/* One piece of the answer: headers with the first bytes, or further bytes. */
static int on_writable(struct lws *wsi, struct connection *connection)
{
    struct nvr_http_request *request = connection->request;
    uint8_t *const start = server_of(wsi)->send_buf + LWS_PRE;
    size_t len = 0;
    ssize_t r = 0;
    bool ended;

    if (!request || !request->replied || request->state == NVR_HTTP_LINGERING)
        return 0;
    request->state = NVR_HTTP_SENDING;
    if (!request->headers_sent) {
        if (nvr_http_request_format(request, start, NVR_HTTP_SEND_SIZE, &len) < 0)
            return -1;
        request->headers_sent = true;
    }
    const bool bodyless =
        request->method == NVR_HTTP_HEAD || request->status == 204 || request->status == 304;
    if (!bodyless) {
        r = nvr_http_request_read(request, start + len,
                                  NVR_MIN(NVR_HTTP_SEND_SIZE - len, (size_t)NVR_HTTP_CHUNK));
        if (r < 0 && r != -EAGAIN) {
            log_warn_err((int)r, "%s %s broke off", nvr_http_method_name(request->method),
                         request->path);
            return -1;
        }
    }
    if (r > 0)
        len += (size_t)r;
    ended = bodyless || r == 0 || (request->length >= 0 && request->sent == request->length) ||
            request->source_ended;
    if (len) {
        if (lws_write(wsi, start, len, ended ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < 0)
            return -1;
        request->progress_us = nvr_clock_mono_us();
    }
    if (ended)
        return finish_request(wsi, connection);
    request->waits_for_source = r == -EAGAIN;
    if (!request->waits_for_source)
        lws_callback_on_writable(wsi);
    return 0;
}

/* While a request is being served, libwebsockets reads nothing from the socket, not even its end,
 * but is woken by it again and again. So look ourselves: false when the peer is gone. Bytes of a
 * further request are dropped; the connection ends after this answer and the peer asks again. */
static bool check_peer(struct lws *wsi, struct nvr_http_request *request)
{
    uint8_t dropped[4096];
    ssize_t n;

    if (request->content_length > 0)
        return true; /* a body was read: then it does look */
    do {
        n = recv(lws_get_socket_fd(wsi), dropped, sizeof(dropped), MSG_DONTWAIT);
        if (n > 0)
            request->close_after = true;
    } while (n > 0);
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Every TICK_US while a request is open: deadlines, and whether the peer is still there. */
static int on_tick(struct lws *wsi, struct nvr_http_request *request)
{
    const int64_t now_us = nvr_clock_mono_us();

    if (!request)
        return 0;
    lws_set_timer_usecs(wsi, TICK_US);
    switch (request->state) {
    case NVR_HTTP_READING:
        if (now_us - request->started_us < NVR_HTTP_BODY_TIMEOUT_S * SECOND_US)
            return 0;
        request->state = NVR_HTTP_HANDLING;
        request->close_after = true;
        nvr_http_reply_error(request, 408, "timeout", "The body did not arrive in time.");
        return 0;
    case NVR_HTTP_HANDLING:
        return check_peer(wsi, request) ? 0 : -1;
    case NVR_HTTP_SENDING:
        if (!request->waits_for_source &&
            now_us - request->progress_us > NVR_HTTP_WRITE_TIMEOUT_S * SECOND_US)
            return -1;
        return check_peer(wsi, request) ? 0 : -1;
    case NVR_HTTP_LINGERING:
        return now_us - request->progress_us > NVR_HTTP_LINGER_S * SECOND_US ? -1 : 0;
    }
    return 0;
}

static void on_closed(struct connection *connection)
{
    struct nvr_http_request *request = connection->request;

    connection->request = NULL;
    if (request)
        nvr_http_request_detach(request);
}

/* ---- WebSocket ---- */

void nvr_ws_accept(struct nvr_http_request *request, const struct nvr_ws_handlers *handlers,
                   void *arg)
{
    assert(!request->replied && request->ws);
    nvr_buf_init(&request->ws->received, NVR_WS_RECEIVED_MAX);
    request->ws->handlers = *handlers;
    request->ws->arg = arg;
    request->ws_accepted = true;
}

void nvr_ws_wake(struct nvr_ws *ws)
{
    if (ws && ws->wsi)
        lws_callback_on_writable(ws->wsi);
}

void nvr_ws_end(struct nvr_ws *ws, unsigned status, const char *reason)
{
    if (ws->end_status)
        return;
    ws->end_status = status;
    ws->end_reason = reason;
}

/* The handshake was refused: write the whole answer at once, the connection ends. */
static void refuse_upgrade(struct lws *wsi, struct nvr_http_request *request)
{
    struct nvr_http_server *server = request->server;
    uint8_t *const start = server->send_buf + LWS_PRE;
    const size_t size = NVR_HTTP_SEND_SIZE;
    size_t len = 0;
    ssize_t r;

    request->close_after = true;
    if (nvr_http_request_format(request, start, size, &len) < 0)
        return;
    r = nvr_http_request_read(request, start + len, size - len);
    if (r > 0)
        len += (size_t)r;
    (void)lws_write(wsi, start, len, LWS_WRITE_HTTP_FINAL);
    log_answer(request);
}

/* The handshake's headers are there. 0: go on, -1: refused (and answered). */
static int on_upgrade(struct lws *wsi, struct connection *connection)
{
    struct nvr_http_server *server = server_of(wsi);
    struct nvr_http_request *request;
    const char *code = NULL;
    const char *message = NULL;
    unsigned status;
    int result = -1;

    if (server->stopping || nvr_http_request_new(server, wsi, &request) < 0)
        return -1;
    request->ws = calloc(1, sizeof(*request->ws));
    if (!request->ws) {
        nvr_http_request_detach(request);
        return -1;
    }
    status = nvr_http_request_load(request, &code, &message);
    if (status)
        nvr_http_reply_error(request, status, code, "%s", message);
    else if (nvr_http_request_route(request)) {
        if (request->match.route->flags & NVR_ROUTE_WEBSOCKET)
            nvr_http_request_dispatch(request);
        else
            nvr_http_reply_error(request, 400, "bad_request", "This is not a WebSocket.");
    }
    if (request->ws_accepted) {
        connection->ws = request->ws;
        connection->ws->wsi = wsi;
        result = 0;
    } else {
        refuse_upgrade(wsi, request);
        free(request->ws);
    }
    request->ws = NULL;
    nvr_http_request_detach(request);
    return result;
}

static void on_ws_open(struct lws *wsi)
{
    const int unsent = NVR_WS_UNSENT_MAX;

    /* Without it the kernel would take megabytes of video that the viewer is late for. */
    (void)setsockopt(lws_get_socket_fd(wsi), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent,
                     sizeof(unsent));
    lws_callback_on_writable(wsi);
}

/* Only from the callback that receives: from the one that writes, libwebsockets 4.1 closes without
 * the frame that has the reason. */
static int close_ws(struct lws *wsi, struct nvr_ws *ws)
{
    char reason[124];
    const int len = nvr_fmt(reason, sizeof(reason), "%s", ws->end_reason);

    lws_close_reason(wsi, (enum lws_close_status)ws->end_status, (unsigned char *)reason,
                     len < 0 ? 0 : (size_t)len);
    return -1;
}

static int on_ws_received(struct lws *wsi, struct nvr_ws *ws, const void *data, size_t len)
{
    if (!ws || !ws->handlers.on_message || ws->end_status)
        return 0;
    if (nvr_buf_append(&ws->received, data, len) < 0) {
        nvr_ws_end(ws, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, "the message is too long");
        return close_ws(wsi, ws);
    }
    if (!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi))
        return 0;
    ws->handlers.on_message(ws, (const char *)ws->received.data, ws->received.len,
                            lws_frame_is_binary(wsi), ws->arg);
    nvr_buf_reset(&ws->received);
    return ws->end_status ? close_ws(wsi, ws) : 0;
}

static int on_ws_writable(struct lws *wsi, struct nvr_ws *ws)
{
    struct nvr_buf *buf = &server_of(wsi)->ws_buf;
    bool binary = false;
    size_t len;
    int r;

    if (ws->end_status)
        return 0;
    nvr_buf_reset(buf);
    if (!nvr_buf_reserve(buf, LWS_PRE))
        return -1;
    buf->len = LWS_PRE;
    r = ws->handlers.on_writable(ws, buf, &binary, ws->arg);
    if (r == 0)
        return 0;
    if (r < 0) {
        lws_close_reason(
            wsi, r == -ECANCELED ? LWS_CLOSE_STATUS_NORMAL : LWS_CLOSE_STATUS_UNEXPECTED_CONDITION,
            NULL, 0);
        return -1;
    }
    if (nvr_buf_status(buf) < 0)
        return -1;
    len = buf->len - LWS_PRE;
    r = lws_write(wsi, buf->data + LWS_PRE, len, binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT);
    if (r < 0)
        return -1;
    lws_callback_on_writable(wsi);
    return 0;
}

static void on_ws_closed(struct connection *connection)
{
    struct nvr_ws *ws = connection->ws;

    connection->ws = NULL;
    if (!ws)
        return;
    ws->wsi = NULL;
    ws->handlers.on_close(ws->arg);
    nvr_buf_done(&ws->received);
    free(ws);
}

/* ---- libwebsockets ---- */

/* Its library would change to HTTP/2 by "Upgrade: h2c"; the name is spoiled in place, so that the
 * request goes on as HTTP/1.1, as RFC 9110 §7.8 allows. */
static int on_confirm_upgrade(void *in)
{
    char *protocol = in;

    if (protocol && strcasecmp(protocol, "h2c") == 0)
        memcpy(protocol, "xxx", 3);
    return 0;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    struct connection *connection = user;

    switch (reason) {
    case LWS_CALLBACK_HTTP:
        return on_request(wsi, connection);
    case LWS_CALLBACK_HTTP_BODY:
        return on_body(connection->request, in, len);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        return on_body_end(connection->request);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return on_writable(wsi, connection);
    case LWS_CALLBACK_TIMER:
        return connection ? on_tick(wsi, connection->request) : 0;
    case LWS_CALLBACK_CLOSED_HTTP:
    case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
        if (connection)
            on_closed(connection);
        return 0;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return on_confirm_upgrade(in);
    case LWS_CALLBACK_RAW_ADOPT: /* CONNECT makes a raw socket: not here */
    case LWS_CALLBACK_RAW_RX:
    case LWS_CALLBACK_RAW_WRITEABLE:
        return -1;
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        return on_upgrade(wsi, connection);
    case LWS_CALLBACK_ESTABLISHED:
        on_ws_open(wsi);
        return 0;
    case LWS_CALLBACK_RECEIVE:
        return on_ws_received(wsi, connection->ws, in, len);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return connection->ws ? on_ws_writable(wsi, connection->ws) : -1;
    case LWS_CALLBACK_CLOSED:
    case LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL:
        if (connection)
            on_ws_closed(connection);
        return 0;
    default:
        return 0;
    }
}

static void on_lws_log(int level, const char *line)
{
    (void)level;
    /* Its warnings are about what peers send: not ours to worry people with. */
    log_debug("%.*s", (int)strcspn(line, "\n"), line);
}

/* ---- start and stop ---- */

/* libwebsockets' error for a taken port is silent or fatal; ask the kernel first. */
static int check_listen(const char *host, int port)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;
    socklen_t size;
    NVR_AUTO_FD int fd = -1;
    const int on = 1;

    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        size = sizeof(*v4);
    } else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        size = sizeof(*v6);
    } else {
        return -EINVAL;
    }
    fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&storage, size) < 0 || listen(fd, 1) < 0)
        return -errno;
    return 0;
}

static int create_context(struct nvr_http_server *server)
{
    void *loops[] = {server->loop};
    struct lws_context_creation_info info = {0};

    server->protocols[0] = (struct lws_protocols){
        .name = "heron",
        .callback = on_event,
        .per_session_data_size = sizeof(struct connection),
        .rx_buffer_size = 4096,
    };
    server->retry = (lws_retry_bo_t){
        .secs_since_valid_ping = NVR_WS_PING_S,
        .secs_since_valid_hangup = NVR_WS_DEAD_S,
    };
    info.port = server->port;
    info.iface = strcmp(server->host, "0.0.0.0") == 0 || strcmp(server->host, "::") == 0
                     ? NULL
                     : server->host;
    info.protocols = server->protocols;
    info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND;
    if (!strchr(server->host, ':'))
        info.options |= LWS_SERVER_OPTION_DISABLE_IPV6;
    info.foreign_loops = loops;
    info.gid = -1;
    info.uid = -1;
    info.user = server;
    info.pcontext = &server->context;
    info.fd_limit_per_thread = NVR_HTTP_CONNECTIONS_MAX;
    info.max_http_header_data = NVR_HTTP_HEADERS_HARD_MAX;
    info.pt_serv_buf_size = 16 * 1024;
    info.timeout_secs = NVR_HTTP_BODY_TIMEOUT_S;
    info.timeout_secs_ah_idle = NVR_HTTP_HEADERS_TIMEOUT_S;
    info.keepalive_timeout = NVR_HTTP_KEEPALIVE_TIMEOUT_S;
    info.retry_and_idle_policy = &server->retry;
    info.alpn = "http/1.1";
    info.server_string = "Heron";
    server->context = lws_create_context(&info);
    if (!server->context)
        return -ENOMEM;
    server->vhost = lws_get_vhost_by_name(server->context, "default");
    return 0;
}

int nvr_http_start(const struct nvr_http_options *options, struct nvr_http_server **ret_server)
{
    const char *host = options->host ? options->host : "127.0.0.1";
    struct nvr_http_server *server;
    int r;

    r = check_listen(host, options->port);
    if (r < 0)
        return r;
    server = calloc(1, sizeof(*server));
    if (!server)
        return -ENOMEM;
    server->loop = options->loop;
    server->tables = options->tables;
    server->tables_count = options->tables_count;
    server->port = options->port;
    nvr_buf_init(&server->ws_buf, LWS_PRE + NVR_WS_MESSAGE_MAX);
    r = nvr_str_copy(server->host, sizeof(server->host), nvr_str_from(host));
    if (r == 0) {
        lws_set_log_level(LLL_ERR | LLL_WARN, on_lws_log);
        r = create_context(server);
    }
    if (r < 0) {
        free(server);
        return r;
    }
    if (server->vhost && lws_get_vhost_listen_port(server->vhost) > 0)
        server->port = lws_get_vhost_listen_port(server->vhost);
    *ret_server = server;
    return 0;
}

static void on_stop_timer_closed(uv_handle_t *handle)
{
    struct nvr_http_server *server = handle->data;

    server->stop_timer_closed = true;
    if (server->on_stopped)
        server->on_stopped(server->on_stopped_arg);
}

struct search {
    const void *data;
    bool found;
};

static void look_at_handle(uv_handle_t *handle, void *arg)
{
    struct search *search = arg;

    if (handle->data == search->data)
        search->found = true;
}

/* With a foreign loop libwebsockets closes its connections and then its two own handles (their data
 * is the context), tells nobody, and wants a second call to free the rest. */
static void check_stopped(uv_timer_t *timer)
{
    struct nvr_http_server *server = timer->data;
    struct search search = {.data = server->context};

    if (server->context) {
        uv_walk(server->loop, look_at_handle, &search);
        if (!search.found)
            lws_context_destroy(server->context);
    }
    if (server->context || server->holds)
        return;
    uv_close((uv_handle_t *)timer, on_stop_timer_closed);
}

void nvr_http_stop(struct nvr_http_server *server, void (*on_stopped)(void *arg), void *arg)
{
    assert(!server->stopping);
    server->stopping = true;
    server->on_stopped = on_stopped;
    server->on_stopped_arg = arg;
    (void)uv_timer_init(server->loop, &server->stop_timer);
    server->stop_timer.data = server;
    (void)uv_timer_start(&server->stop_timer, check_stopped, STOP_POLL_MS, STOP_POLL_MS);
    lws_context_destroy(server->context);
}

void nvr_http_free(struct nvr_http_server *server)
{
    if (!server)
        return;
    assert(server->stop_timer_closed && !server->context && !server->holds);
    nvr_buf_done(&server->ws_buf);
    free(server);
}

int nvr_http_get_port(const struct nvr_http_server *server)
{
    return server->port;
}

uv_loop_t *nvr_http_get_loop(const struct nvr_http_server *server)
{
    return server->loop;
}

void nvr_http_hold(struct nvr_http_server *server)
{
    server->holds++;
}

void nvr_http_release(struct nvr_http_server *server)
{
    assert(server->holds > 0);
    server->holds--;
}
