/* router.h — table of routes: method + path pattern with {params}. Pure. */
#ifndef NVR_GATEWAY_ROUTER_H
#define NVR_GATEWAY_ROUTER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/macros.h"
#include "src/gateway/gateway_limits.h"

struct nvr_http_request;

/* Bits, so that the methods of a path make a set. */
enum nvr_http_method {
    NVR_HTTP_GET = 1,
    NVR_HTTP_HEAD = 2, /* served by GET's routes */
    NVR_HTTP_POST = 4,
    NVR_HTTP_PUT = 8,
    NVR_HTTP_PATCH = 16,
    NVR_HTTP_DELETE = 32,
    NVR_HTTP_OPTIONS = 64, /* answered for every path */
};

enum nvr_route_flags {
    NVR_ROUTE_BODY = 1,      /* needs a JSON object as body */
    NVR_ROUTE_WEBSOCKET = 2, /* only by an upgrade; 426 otherwise */
    NVR_ROUTE_HIDDEN = 4,    /* no part of the API: not in the OpenAPI document */
};

struct nvr_route {
    enum nvr_http_method method; /* 0: reserves the path, answers 404 */
    unsigned flags;
    const char *path; /* "/api/v1/cameras/{id}"; "{name...}" last: all the rest */
    void (*handle)(struct nvr_http_request *request, void *arg);
    const char *tag;
    const char *summary;
    const char *produces; /* for Accept; NULL: not checked */
};

struct nvr_route_table {
    const struct nvr_route *routes;
    size_t count;
    void *arg; /* given to handle() */
};

struct nvr_route_param {
    struct nvr_str name; /* in the route */
    char value[NVR_HTTP_PATH_MAX + 1];
};

struct nvr_route_match {
    const struct nvr_route *route; /* NULL: no such path, or not this method */
    void *arg;
    unsigned allowed; /* methods that the path has; 0: no such path */
    struct nvr_route_param params[NVR_HTTP_PARAMS_MAX];
    size_t params_count;
};

const char *nvr_http_method_name(enum nvr_http_method method);
/* The first route that fits wins: put fixed paths before {params}. */
void nvr_router_match(const struct nvr_route_table *tables, size_t tables_count,
                      enum nvr_http_method method, const char *path,
                      struct nvr_route_match *ret_match);
/* "GET, HEAD, OPTIONS" of a set of methods. */
NVR_CHECK int nvr_router_format_allow(unsigned methods, char *dst, size_t dst_size);

#endif
