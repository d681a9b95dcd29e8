#include "src/gateway/router.h"

#include <string.h>

static const struct {
    enum nvr_http_method method;
    const char *name;
} method_names[] = {
    {NVR_HTTP_GET, "GET"},         {NVR_HTTP_HEAD, "HEAD"},   {NVR_HTTP_POST, "POST"},
    {NVR_HTTP_PUT, "PUT"},         {NVR_HTTP_PATCH, "PATCH"}, {NVR_HTTP_DELETE, "DELETE"},
    {NVR_HTTP_OPTIONS, "OPTIONS"},
};

const char *nvr_http_method_name(enum nvr_http_method method)
{
    for (size_t i = 0; i < NVR_ARRAY_SIZE(method_names); i++)
        if (method_names[i].method == method)
            return method_names[i].name;
    return "?";
}

static bool is_param(struct nvr_str part)
{
    return part.n > 2 && part.p[0] == '{' && part.p[part.n - 1] == '}';
}

static bool is_rest(struct nvr_str part)
{
    return is_param(part) && part.n > 5 && memcmp(part.p + part.n - 4, "...}", 4) == 0;
}

static bool add_param(struct nvr_route_match *match, struct nvr_str name, struct nvr_str value)
{
    struct nvr_route_param *param;

    if (match->params_count == NVR_HTTP_PARAMS_MAX)
        return false;
    param = &match->params[match->params_count];
    param->name = name;
    if (nvr_str_copy(param->value, sizeof(param->value), value) < 0)
        return false;
    match->params_count++;
    return true;
}

/* Both begin with '/'. */
static bool fits(const char *pattern, const char *path, struct nvr_route_match *match)
{
    struct nvr_str wanted = nvr_str_from(pattern + 1);
    struct nvr_str given = nvr_str_from(path + 1);

    match->params_count = 0;
    while (wanted.p) {
        const struct nvr_str whole = given;
        const struct nvr_str part = nvr_str_cut(&wanted, '/');
        struct nvr_str have;

        if (is_rest(part))
            return add_param(match, (struct nvr_str){part.p + 1, part.n - 5}, whole);
        if (!given.p)
            return false;
        have = nvr_str_cut(&given, '/');
        if (is_param(part)) {
            if (!have.n || !add_param(match, (struct nvr_str){part.p + 1, part.n - 2}, have))
                return false;
        } else if (!nvr_str_eq(part, have)) {
            return false;
        }
    }
    return !given.p;
}

void nvr_router_match(const struct nvr_route_table *tables, size_t tables_count,
                      enum nvr_http_method method, const char *path,
                      struct nvr_route_match *ret_match)
{
    const enum nvr_http_method wanted = method == NVR_HTTP_HEAD ? NVR_HTTP_GET : method;
    const char *taken = NULL; /* pattern that owns the path */

    ret_match->route = NULL;
    ret_match->allowed = 0;
    ret_match->params_count = 0;
    if (path[0] != '/')
        return;
    for (size_t t = 0; t < tables_count; t++) {
        for (size_t i = 0; i < tables[t].count; i++) {
            const struct nvr_route *route = &tables[t].routes[i];

            if (taken ? strcmp(taken, route->path) != 0 : !fits(route->path, path, ret_match))
                continue;
            if (!route->method)
                return; /* reserved: nothing here */
            taken = route->path;
            ret_match->allowed |= (unsigned)route->method | (unsigned)NVR_HTTP_OPTIONS;
            if (route->method == NVR_HTTP_GET)
                ret_match->allowed |= NVR_HTTP_HEAD;
            if (route->method == wanted) {
                ret_match->route = route;
                ret_match->arg = tables[t].arg;
            }
        }
    }
}

int nvr_router_format_allow(unsigned methods, char *dst, size_t dst_size)
{
    size_t len = 0;

    dst[0] = '\0';
    for (size_t i = 0; i < NVR_ARRAY_SIZE(method_names); i++) {
        int r;

        if (!(methods & (unsigned)method_names[i].method))
            continue;
        r = nvr_fmt(dst + len, dst_size - len, "%s%s", len ? ", " : "", method_names[i].name);
        if (r < 0)
            return r;
        len += (size_t)r;
    }
    return 0;
}
