/* private.h — what the files of the gateway share. */
#ifndef NVR_GATEWAY_PRIVATE_H
#define NVR_GATEWAY_PRIVATE_H

#include "src/gateway/gateway.h"
#include "src/gateway/http.h"

struct nvr_snapshots;
struct nvr_live;
struct nvr_events;

struct nvr_gateway {
    struct nvr_supervisor *supervisor;
    struct nvr_storage *storage;
    struct nvr_http_server *http;
    char *web_dir; /* NULL: none */
    int web_fd;    /* O_PATH, or -1 */
    struct nvr_snapshots *snapshots;
    struct nvr_live *live;
    struct nvr_events *events;
    unsigned probes;
    void (*on_stopped)(void *arg);
    void *on_stopped_arg;
    bool was_started;
};

/* Every route, in the order of matching. arg: the gateway, or NULL (tests). Borrowed, static. */
const struct nvr_route_table *nvr_gateway_get_tables(struct nvr_gateway *gateway,
                                                     size_t *ret_count);

extern const struct nvr_route nvr_camera_routes[];
extern const size_t nvr_camera_routes_count;
extern const struct nvr_route nvr_record_routes[];
extern const size_t nvr_record_routes_count;
extern const struct nvr_route nvr_recording_routes[];
extern const size_t nvr_recording_routes_count;
extern const struct nvr_route nvr_storage_routes[];
extern const size_t nvr_storage_routes_count;
extern const struct nvr_route nvr_export_routes[];
extern const size_t nvr_export_routes_count;
extern const struct nvr_route nvr_system_routes[];
extern const size_t nvr_system_routes_count;
extern const struct nvr_route nvr_tier_routes[];
extern const size_t nvr_tier_routes_count;
extern const struct nvr_route nvr_config_routes[];
extern const size_t nvr_config_routes_count;
extern const struct nvr_route nvr_evidence_routes[];
extern const size_t nvr_evidence_routes_count;
extern const struct nvr_route nvr_static_routes[];
extern const size_t nvr_static_routes_count;

/* handlers in files of their own */
void nvr_handle_probe(struct nvr_http_request *request, void *arg);
void nvr_handle_snapshot(struct nvr_http_request *request, void *arg);
void nvr_handle_live(struct nvr_http_request *request, void *arg);
void nvr_handle_events(struct nvr_http_request *request, void *arg);
void nvr_handle_timeline(struct nvr_http_request *request, void *arg);
void nvr_handle_gaps(struct nvr_http_request *request, void *arg);
void nvr_handle_coverage(struct nvr_http_request *request, void *arg);
void nvr_handle_range_download(struct nvr_http_request *request, void *arg);
void nvr_handle_playlist(struct nvr_http_request *request, void *arg);
void nvr_handle_preview(struct nvr_http_request *request, void *arg);
void nvr_handle_preview_times(struct nvr_http_request *request, void *arg);
void nvr_handle_delete_recording(struct nvr_http_request *request, void *arg);
void nvr_handle_openapi(struct nvr_http_request *request, void *arg);
void nvr_handle_docs(struct nvr_http_request *request, void *arg);
void nvr_handle_docs_file(struct nvr_http_request *request, void *arg);
void nvr_web_reply_file(struct nvr_gateway *gateway, struct nvr_http_request *request,
                        const char *path);
/* A regular file below the web folder. */
bool nvr_web_has_file(struct nvr_gateway *gateway, const char *path);

NVR_CHECK int nvr_snapshots_new(struct nvr_gateway *gateway, struct nvr_snapshots **ret_snapshots);
/* Cancels what is under way. */
void nvr_snapshots_stop(struct nvr_snapshots *owner);
void nvr_snapshots_free(struct nvr_snapshots *owner);
NVR_CHECK int nvr_live_new(struct nvr_gateway *gateway, struct nvr_live **ret_live);
void nvr_live_free(struct nvr_live *live);
NVR_CHECK int nvr_events_new(struct nvr_gateway *gateway, struct nvr_events **ret_events);
void nvr_events_free(struct nvr_events *events);

/* ---- small helpers of the routes ---- */

/* False: no such camera, 404 was replied. */
bool nvr_camera_exists(struct nvr_gateway *gateway, struct nvr_http_request *request,
                       const char *id);

/* start= and end= of a query. */
struct nvr_span {
    int64_t start_ms, end_ms;
};
/* False: 400 was replied. Missing ends keep the values of *span; need_both: missing is an error. */
bool nvr_span_parse(struct nvr_http_request *request, bool need_both, int64_t longest_ms,
                    struct nvr_span *span);

/* Camera ids of a query (camera=, repeatable; none: all of the configuration). */
#define NVR_CAMERA_LIST_MAX NVR_CONFIG_CAMERAS_MAX
struct nvr_camera_list {
    char (*ids)[NVR_SLUG_SIZE];
    size_t count;
    bool given; /* by the query */
};
/* False: replied (400, 404, 500). Free ->ids. */
bool nvr_camera_list_parse(struct nvr_gateway *gateway, struct nvr_http_request *request,
                           struct nvr_camera_list *ret_list);

#endif
