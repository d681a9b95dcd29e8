/* http.h — HTTP/1.1 and WebSocket as routes see them; libwebsockets stays behind it.
 *
 * Threads:   the loop's thread, but for nvr_work_start()'s job.
 * Ownership: a request is reference counted. The server holds one reference from the call of the
 *            route until the answer is sent or the client is gone; who answers later takes another
 *            (nvr_http_ref) and gives it back. Answering a request whose client is gone is allowed
 *            and does nothing.
 * Answers:   exactly one nvr_http_reply_*() per request. */
#ifndef NVR_GATEWAY_HTTP_H
#define NVR_GATEWAY_HTTP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "lib/base/buf.h"
#include "lib/base/json.h"
#include "lib/base/macros.h"
#include "lib/config/config.h"
#include "src/gateway/query.h"
#include "src/gateway/router.h"

struct nvr_http_server;
struct nvr_http_request;

/* ---- server ---- */

struct nvr_http_options {
    uv_loop_t *loop;
    const char *host; /* numeric; NULL: 127.0.0.1 */
    int port;
    const struct nvr_route_table *tables; /* borrowed for the server's life */
    size_t tables_count;
};

NVR_CHECK int nvr_http_start(const struct nvr_http_options *options,
                             struct nvr_http_server **ret_server);
/* on_stopped runs once from the loop. */
void nvr_http_stop(struct nvr_http_server *server, void (*on_stopped)(void *arg), void *arg);
void nvr_http_free(struct nvr_http_server *server); /* after on_stopped; NULL: no-op */
int nvr_http_get_port(const struct nvr_http_server *server);
uv_loop_t *nvr_http_get_loop(const struct nvr_http_server *server);

/* ---- request ---- */

enum nvr_http_header {
    NVR_HTTP_ACCEPT,
    NVR_HTTP_ACCEPT_ENCODING,
    NVR_HTTP_IF_NONE_MATCH,
    NVR_HTTP_IF_RANGE,
    NVR_HTTP_RANGE,
    NVR_HTTP_HEADERS_COUNT_,
};

struct nvr_http_request *nvr_http_ref(struct nvr_http_request *request);
void nvr_http_unref(struct nvr_http_request *request); /* NULL: no-op */
enum nvr_http_method nvr_http_get_method(const struct nvr_http_request *request);
const char *nvr_http_get_path(const struct nvr_http_request *request);
const char *nvr_http_get_id(const struct nvr_http_request *request); /* X-Request-Id */
/* Value of {name}; never NULL for a name of the route. */
const char *nvr_http_get_param(const struct nvr_http_request *request, const char *name);
const struct nvr_query *nvr_http_get_query(const struct nvr_http_request *request);
const char *nvr_http_get_header(const struct nvr_http_request *request,
                                enum nvr_http_header header); /* NULL: not sent */
/* The JSON body of a route with NVR_ROUTE_BODY. Borrowed. */
const json_t *nvr_http_get_body(const struct nvr_http_request *request);
bool nvr_http_is_gone(const struct nvr_http_request *request);
struct nvr_http_server *nvr_http_get_server(const struct nvr_http_request *request);
/* Called when the client goes before the answer is complete. One per request. */
void nvr_http_on_gone(struct nvr_http_request *request, void (*fn)(void *arg), void *arg);

/* ---- answers ---- */

/* Before the reply. value: no control characters (checked: the header is left out then). */
void nvr_http_add_header(struct nvr_http_request *request, const char *name, const char *value);
/* Steals value, even on failure. NULL: 500. */
void nvr_http_reply_json_take(struct nvr_http_request *request, unsigned status, json_t *value);
void nvr_http_reply_empty(struct nvr_http_request *request, unsigned status);
/* Takes the buffer's content (it is done afterwards). */
void nvr_http_reply_buf_take(struct nvr_http_request *request, unsigned status, const char *type,
                             struct nvr_buf *buf);
/* data lives for ever (built-in text). */
void nvr_http_reply_static(struct nvr_http_request *request, unsigned status, const char *type,
                           const void *data, size_t len);
void nvr_http_reply_error(struct nvr_http_request *request, unsigned status, const char *code,
                          const char *fmt, ...) NVR_PRINTF(4, 5);
/* 422 with one error per field. */
void nvr_http_reply_fields(struct nvr_http_request *request,
                           const struct nvr_config_errors *errors);
/* 400 for one query parameter. */
void nvr_http_reply_bad_query(struct nvr_http_request *request, const char *name,
                              const char *message);
/* A result of -errno as the contract's status and code. what: "the recording". */
void nvr_http_reply_errno(struct nvr_http_request *request, int r, const char *what);

/* Body made while it is sent. */
struct nvr_http_source {
    /* Bytes put into dst (≤ max, > 0), 0 at the end, -EAGAIN: nvr_http_resume() will be called,
     * else -errno: the connection is cut. */
    ssize_t (*read)(void *arg, uint8_t *dst, size_t max);
    void (*free)(void *arg); /* once, sent or not */
    void *arg;
    int64_t length; /* -1: not known (sent in chunks) */
};
void nvr_http_reply_source_take(struct nvr_http_request *request, unsigned status, const char *type,
                                const struct nvr_http_source *source);
void nvr_http_resume(struct nvr_http_request *request);

/* ---- work in libuv's pool ---- */

struct nvr_work {
    void (*run)(void *arg);                                    /* pool thread */
    void (*done)(struct nvr_http_request *request, void *arg); /* loop; arg is freed by done */
    void *arg;
};
/* Holds the request meanwhile. Always runs done, unless it fails (-errno). */
NVR_CHECK int nvr_work_start(struct nvr_http_request *request, const struct nvr_work *work);
/* The server may not be stopped while something of ours is under way. */
void nvr_http_hold(struct nvr_http_server *server);
void nvr_http_release(struct nvr_http_server *server);

/* ---- WebSocket ---- */

struct nvr_ws;

struct nvr_ws_handlers {
    /* The socket takes bytes: append one message to buf. 1: send it (call again), 0: nothing now
     * (nvr_ws_wake() later), -errno: close. */
    int (*on_writable)(struct nvr_ws *ws, struct nvr_buf *buf, bool *ret_binary, void *arg);
    void (*on_close)(void *arg); /* once; ws is invalid then */
    /* A whole message of the client, at most NVR_WS_RECEIVED_MAX bytes, valid during the call.
     * NULL: what clients say is not listened to. */
    void (*on_message)(struct nvr_ws *ws, const char *data, size_t len, bool binary, void *arg);
};
/* In a route with NVR_ROUTE_WEBSOCKET, before it returns, instead of a reply. */
void nvr_ws_accept(struct nvr_http_request *request, const struct nvr_ws_handlers *handlers,
                   void *arg);
/* The ws of an accepted request; NULL before the handshake is done or when it failed. */
void nvr_ws_wake(struct nvr_ws *ws);
/* In on_message: ends the connection with a status of RFC 6455 §7.4 and a reason (static, at most
 * 120 bytes). Nothing more is sent or received; on_close follows. */
void nvr_ws_end(struct nvr_ws *ws, unsigned status, const char *reason);

#endif
