/* rpc.h — JSON-RPC 2.0, one message a line, over a Unix stream socket, with file descriptors.
 *
 * Descriptors travel by SCM_RIGHTS with the line whose "fds" member counts them.
 * Correlation: a call or notification made while serving a request of the API carries its id
 *            ("request_id"), and the peer's log records carry it while its handler runs.
 * Threads:   all calls on the loop's thread.
 * Deadlines: every call has one; its reply callback runs exactly once (reply, error,
 *            -ETIMEDOUT, or -ECONNRESET when the connection ends).
 * Hostile peers: lines above NVR_RPC_LINE_MAX, more than NVR_RPC_FDS_MAX descriptors, bad JSON or
 *            an unread backlog above NVR_RPC_BACKLOG_MAX close the connection. */
#ifndef NVR_IPC_RPC_H
#define NVR_IPC_RPC_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "lib/base/json.h"
#include "lib/base/macros.h"

#define NVR_RPC_LINE_MAX (1024 * 1024)
#define NVR_RPC_BACKLOG_MAX (4 * 1024 * 1024)
#define NVR_RPC_FDS_MAX 4

enum nvr_rpc_error {
    NVR_RPC_PARSE_ERROR = -32700,
    NVR_RPC_INVALID_REQUEST = -32600,
    NVR_RPC_METHOD_NOT_FOUND = -32601,
    NVR_RPC_INVALID_PARAMS = -32602,
    NVR_RPC_INTERNAL_ERROR = -32603,
    NVR_RPC_FAILED = -32000, /* data.code says why */
};

struct nvr_rpc;

/* A request (id >= 0: answer it, now or later) or a notification (id < 0). Everything is borrowed
 * for the duration of the callback; set fds[i] to -1 to keep a descriptor, the rest is closed. */
struct nvr_rpc_request {
    const char *method;
    const json_t *params; /* object; empty when absent */
    int64_t id;
    int *fds;
    size_t fds_count;
};

/* error: 0 and result set; or -errno with result NULL, code and message set (never NULL).
 * data: the error's "data" or NULL. Descriptors as above. */
struct nvr_rpc_reply {
    int error; /* 0, -EREMOTEIO (peer answered with an error), -ETIMEDOUT, -ECONNRESET, -EPROTO */
    const json_t *result;
    int code;
    const char *message;
    const json_t *data;
    int *fds;
    size_t fds_count;
};

struct nvr_rpc_handlers {
    void (*on_request)(struct nvr_rpc *rpc, const struct nvr_rpc_request *request, void *arg);
    /* The connection is over (peer closed: 0; else -errno). Called once, after all pending replies;
     * nvr_rpc_free() may be called from it. */
    void (*on_close)(struct nvr_rpc *rpc, int reason, void *arg);
};

typedef void (*nvr_rpc_on_reply)(struct nvr_rpc *rpc, const struct nvr_rpc_reply *reply, void *arg);

/* Takes fd, even on failure. */
NVR_CHECK int nvr_rpc_new_take(uv_loop_t *loop, int fd, const struct nvr_rpc_handlers *handlers,
                               void *arg, struct nvr_rpc **ret_rpc);
/* Pending calls get -ECONNRESET; no callback runs afterwards. NULL: no-op. */
void nvr_rpc_free(struct nvr_rpc *rpc);
NVR_DEFINE_AUTO(nvr_rpc, nvr_rpc_free);

/* params: stolen reference, even on failure (NULL: {}). fds are duplicated by the kernel: the
 * caller keeps its own. 0 or -errno (then on_reply does not run). */
NVR_CHECK int nvr_rpc_call(struct nvr_rpc *rpc, const char *method, json_t *params, const int *fds,
                           size_t fds_count, unsigned timeout_ms, nvr_rpc_on_reply on_reply,
                           void *arg);
NVR_CHECK int nvr_rpc_notify(struct nvr_rpc *rpc, const char *method, json_t *params,
                             const int *fds, size_t fds_count);
NVR_CHECK int nvr_rpc_reply_result(struct nvr_rpc *rpc, int64_t id, json_t *result, const int *fds,
                                   size_t fds_count);
NVR_CHECK int nvr_rpc_reply_error(struct nvr_rpc *rpc, int64_t id, int code, const char *message,
                                  json_t *data);
/* Send what is queued with blocking writes until done or timeout_ms is over (before exit). */
int nvr_rpc_flush(struct nvr_rpc *rpc, unsigned timeout_ms);

#endif
