/* gateway.h — the HTTP door of Heron: REST API, live view, playback, web UI. No decoder, no libav.
 *
 * Threads:   everything on the loop's thread; SQL and blocking file work in libuv's pool.
 * Ownership: options are copied; loop, supervisor and storage are borrowed and must live until
 *            nvr_gateway_free() returned.
 * Limits:    src/gateway/gateway_limits.h. */
#ifndef NVR_GATEWAY_GATEWAY_H
#define NVR_GATEWAY_GATEWAY_H

#include <uv.h>

#include "lib/base/macros.h"
#include "src/storage/storage.h"
#include "src/supervisor/supervisor.h"

struct nvr_gateway;

struct nvr_gateway_options {
    uv_loop_t *loop;
    struct nvr_supervisor *supervisor;
    struct nvr_storage *storage;
    const char *listen_host; /* numeric address; NULL: "127.0.0.1"; "0.0.0.0"/"::": all */
    int port;                /* 0: any free one, see nvr_gateway_get_port() */
    const char *web_dir;     /* built UI (index.html, docs/); NULL or missing: API only */
};

/* 0, -EADDRINUSE, -EACCES (port below 1024), -EINVAL (not a numeric address), -ENOMEM. */
NVR_CHECK int nvr_gateway_start(const struct nvr_gateway_options *options,
                                struct nvr_gateway **ret_gateway);
/* Closes the listener and every connection; on_stopped (may be NULL) runs once from the loop when
 * no request, worker-pool job or handle is left. Stop the gateway before the supervisor. */
void nvr_gateway_stop(struct nvr_gateway *gateway, void (*on_stopped)(void *arg), void *arg);
/* Only after on_stopped (or after a start that was never run). NULL: no-op. */
void nvr_gateway_free(struct nvr_gateway *gateway);
int nvr_gateway_get_port(const struct nvr_gateway *gateway);

#endif
