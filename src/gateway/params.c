/* What several routes read from a query. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/gateway/private.h"

bool nvr_camera_exists(struct nvr_gateway *gateway, struct nvr_http_request *request,
                       const char *id)
{
    if (nvr_config_find_camera(nvr_supervisor_get_config(gateway->supervisor), id))
        return true;
    nvr_http_reply_error(request, 404, "not_found", "There is no camera \"%.64s\".", id);
    return false;
}

static bool parse_time(struct nvr_http_request *request, const char *name, bool needed,
                       int64_t *ret_ms)
{
    const int r = nvr_query_get_time(nvr_http_get_query(request), name, ret_ms);

    if (r < 0)
        nvr_http_reply_bad_query(request, name, "expected milliseconds since 1970 or RFC 3339");
    else if (r == 0 && needed)
        nvr_http_reply_bad_query(request, name, "is missing");
    return r > 0 || (r == 0 && !needed);
}

bool nvr_span_parse(struct nvr_http_request *request, bool need_both, int64_t longest_ms,
                    struct nvr_span *span)
{
    if (!parse_time(request, "start", need_both, &span->start_ms) ||
        !parse_time(request, "end", need_both, &span->end_ms))
        return false;
    if (span->end_ms <= span->start_ms) {
        nvr_http_reply_bad_query(request, "end", "must be later than start");
        return false;
    }
    if (longest_ms && span->end_ms - span->start_ms > longest_ms) {
        nvr_http_reply_bad_query(request, "end", "the span is too long");
        return false;
    }
    return true;
}

static bool fill_given(struct nvr_gateway *gateway, struct nvr_http_request *request,
                       struct nvr_camera_list *list)
{
    const struct nvr_query *query = nvr_http_get_query(request);
    const char *id;

    for (size_t i = 0; (id = nvr_query_get_nth(query, "camera", i)); i++) {
        if (!nvr_slug_is_valid(id)) {
            nvr_http_reply_bad_query(request, "camera", "is not a camera id");
            return false;
        }
        if (!nvr_camera_exists(gateway, request, id))
            return false;
        memcpy(list->ids[list->count++], id, strlen(id) + 1);
    }
    list->given = list->count > 0;
    return true;
}

bool nvr_camera_list_parse(struct nvr_gateway *gateway, struct nvr_http_request *request,
                           struct nvr_camera_list *ret_list)
{
    const struct nvr_config *config = nvr_supervisor_get_config(gateway->supervisor);
    const size_t all = nvr_config_get_camera_count(config);
    struct nvr_camera_list list = {0};

    list.ids = calloc(NVR_MAX(all, (size_t)NVR_HTTP_QUERY_MAX), sizeof(*list.ids));
    if (!list.ids) {
        nvr_http_reply_errno(request, -ENOMEM, "the list");
        return false;
    }
    if (!fill_given(gateway, request, &list)) {
        free(list.ids);
        return false;
    }
    if (!list.given)
        for (size_t i = 0; i < all; i++)
            memcpy(list.ids[list.count++], nvr_config_get_camera(config, i)->id, NVR_SLUG_SIZE);
    *ret_list = list;
    return true;
}
