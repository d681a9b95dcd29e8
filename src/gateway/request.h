/* request.h — inside of a request; for http*.c only. */
#ifndef NVR_GATEWAY_REQUEST_H
#define NVR_GATEWAY_REQUEST_H

#include <libwebsockets.h>

#include "lib/base/id.h"
#include "src/gateway/http.h"

#define NVR_HTTP_ID_MAX 64
#define NVR_HTTP_SEND_SIZE ((size_t)NVR_HTTP_CHUNK + 4096)

struct nvr_http_server {
    uv_loop_t *loop;
    struct lws_context *context;
    struct lws_vhost *vhost;
    struct lws_protocols protocols[2];
    lws_retry_bo_t retry;
    const struct nvr_route_table *tables;
    size_t tables_count;
    char host[64];
    bool host_is_loopback;
    int port;
    unsigned holds; /* work under way; keeps stop from completing */
    bool stopping;
    uv_timer_t stop_timer;
    bool stop_timer_closed;
    void (*on_stopped)(void *arg);
    void *on_stopped_arg;
    struct nvr_buf ws_buf;                          /* LWS_PRE + one message */
    uint8_t send_buf[LWS_PRE + NVR_HTTP_SEND_SIZE]; /* headers or one piece of a body */
};

struct nvr_ws {
    struct lws *wsi;
    struct nvr_ws_handlers handlers;
    void *arg;
    struct nvr_buf received; /* a message whose end has not come yet */
    unsigned end_status;     /* 0: goes on */
    const char *end_reason;
};

enum nvr_http_state {
    NVR_HTTP_READING,  /* the body is arriving */
    NVR_HTTP_HANDLING, /* the route has it */
    NVR_HTTP_SENDING,
    NVR_HTTP_LINGERING, /* answered before the body was read: what comes is dropped */
};

struct nvr_http_request {
    unsigned refs;
    struct nvr_http_server *server;
    struct lws *wsi; /* NULL: the client is gone */
    enum nvr_http_state state;
    enum nvr_http_method method;
    char path[NVR_HTTP_PATH_MAX + 1];
    char id[NVR_HTTP_ID_MAX + 1];
    char *headers[NVR_HTTP_HEADERS_COUNT_];
    char host[264];
    char origin[264];
    char content_type[128];
    int64_t content_length; /* -1: none sent */
    struct nvr_query query;
    struct nvr_route_match match;
    struct nvr_buf body;
    json_t *json;
    int64_t started_us;
    int64_t progress_us;   /* last time the socket took bytes */
    bool waits_for_source; /* we are the slow one */
    void (*on_gone)(void *arg);
    void *on_gone_arg;

    /* the answer */
    bool replied;
    bool headers_sent;
    bool close_after;
    unsigned status;
    const char *type;              /* Content-Type */
    struct nvr_buf extra;          /* header lines of nvr_http_add_header() */
    struct nvr_buf data;           /* body in memory … */
    const uint8_t *fixed;          /* … or built in … */
    struct nvr_http_source source; /* … or made while sending */
    int64_t length;                /* of the body; -1: chunks */
    int64_t sent;
    bool source_ended;

    /* WebSocket */
    bool ws_accepted;
    struct nvr_ws *ws;
};

NVR_CHECK int nvr_http_request_new(struct nvr_http_server *server, struct lws *wsi,
                                   struct nvr_http_request **ret_request);
/* Copy what we need of the headers. 0, or the status to answer with; code and words are set. */
unsigned nvr_http_request_load(struct nvr_http_request *request, const char **ret_code,
                               const char **ret_message);
/* Find the route, check Host, Origin, method, type of body. False: an error was replied. */
bool nvr_http_request_route(struct nvr_http_request *request);
/* The body is complete: parse it and call the route. */
void nvr_http_request_dispatch(struct nvr_http_request *request);
/* The client is gone. */
void nvr_http_request_detach(struct nvr_http_request *request);
/* Status line and headers of the answer. */
NVR_CHECK int nvr_http_request_format(struct nvr_http_request *request, uint8_t *dst, size_t size,
                                      size_t *ret_len);
/* Next piece of the body, as it goes over the wire (chunk frames too): as nvr_http_source.read. */
ssize_t nvr_http_request_read(struct nvr_http_request *request, uint8_t *dst, size_t max);

#endif
