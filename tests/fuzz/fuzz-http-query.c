/* What a client may put into a request: lines of the input are, by their first byte, query
 * parameters, paths, Range, Accept and other headers. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "src/gateway/guard.h"
#include "src/gateway/query.h"
#include "src/gateway/range.h"
#include "src/gateway/router.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct nvr_route routes[] = {
    {NVR_HTTP_GET, 0, "/api/v1/cameras", NULL, "", "", NULL},
    {NVR_HTTP_GET, 0, "/api/v1/cameras/{id}", NULL, "", "", NULL},
    {NVR_HTTP_POST, 0, "/api/v1/cameras/{id}/{action}/{a}/{b}", NULL, "", "", NULL},
    {0, 0, "/api/{rest...}", NULL, "", "", NULL},
    {NVR_HTTP_GET, 0, "/{path...}", NULL, "", "", NULL},
};

static void try_path(const char *path)
{
    static const struct nvr_route_table table = {routes, NVR_ARRAY_SIZE(routes), NULL};
    struct nvr_route_match match;

    nvr_router_match(&table, 1, NVR_HTTP_GET, path, &match);
    for (size_t i = 0; i < match.params_count; i++)
        assert(strlen(match.params[i].value) <= strlen(path));
}

static void try_range(const char *header)
{
    static const int64_t sizes[] = {0, 1, 1000, INT64_MAX};
    int64_t first;
    int64_t last;

    for (size_t i = 0; i < NVR_ARRAY_SIZE(sizes); i++)
        if (nvr_range_parse(header, sizes[i], &first, &last) == 1)
            assert(first >= 0 && first <= last && last < sizes[i]);
}

static void try_query(struct nvr_query *query, const char *pair)
{
    int64_t value = 0;
    int r;

    if (nvr_query_add(query, pair, strlen(pair)) < 0)
        return;
    r = nvr_query_get_int(query, "limit", 1, 1000, &value);
    assert(r != 1 || (value >= 1 && value <= 1000));
    r = nvr_query_get_time(query, "start", &value);
    assert(r != 1 || value >= 0);
    (void)r; /* NDEBUG */
    assert(nvr_query_get_nth(query, query->items[0].name, 0) == query->items[0].value);
}

static void try_line(struct nvr_query *query, const char *line)
{
    switch (line[0]) {
    case '/':
        try_path(line);
        break;
    case 'b':
        try_range(line);
        break;
    case 'a':
        (void)nvr_accept_allows(line + 1, "application/json");
        (void)nvr_encoding_allows(line + 1, "gzip");
        (void)nvr_content_type_is(line + 1, "application/json");
        (void)nvr_etag_matches(line + 1, "\"a\"");
        break;
    case 'h':
        (void)nvr_guard_host(line + 1, "127.0.0.1");
        (void)nvr_guard_host(line + 1, "0.0.0.0");
        (void)nvr_guard_origin(line + 1, "localhost:5000");
        break;
    default:
        try_query(query, line);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nvr_str rest = {(const char *)data, size};
    struct nvr_query query = {0};

    while (rest.n) {
        char *line = nvr_str_dup(nvr_str_cut(&rest, '\n'));

        if (line)
            try_line(&query, line);
        free(line);
    }
    nvr_query_done(&query);
    return 0;
}
