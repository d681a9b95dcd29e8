/* What a peer says on an RPC connection: any bytes, in any cut. The first byte chooses the cut. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/ipc/rpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_request(struct nvr_rpc *rpc, const struct nvr_rpc_request *request, void *arg)
{
    (void)arg;
    if (nvr_rpc_reply_error(rpc, request->id, NVR_RPC_METHOD_NOT_FOUND, request->method, NULL) < 0)
        return;
}

static void on_close(struct nvr_rpc *rpc, int reason, void *arg)
{
    struct nvr_rpc **at = arg;

    (void)reason;
    nvr_rpc_free(rpc);
    *at = NULL;
}

static void on_reply(struct nvr_rpc *rpc, const struct nvr_rpc_reply *reply, void *arg)
{
    (void)rpc;
    (void)arg;
    if (!reply->error != !!reply->result)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct nvr_rpc_handlers handlers = {.on_request = on_request,
                                                     .on_close = on_close};
    struct nvr_rpc *rpc = NULL;
    uv_loop_t loop;
    int fds[2];

    if (size < 1 || uv_loop_init(&loop) < 0)
        return 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0 ||
        nvr_rpc_new_take(&loop, fds[0], &handlers, &rpc, &rpc) < 0)
        abort();
    if (nvr_rpc_call(rpc, "ask", NULL, NULL, 0, 1000, on_reply, NULL) < 0)
        abort();
    const size_t step = (size_t)data[0] + 1;

    for (size_t at = 1; at < size && rpc; at += step) {
        const size_t n = size - at < step ? size - at : step;

        if (send(fds[1], data + at, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            break;
        (void)uv_run(&loop, UV_RUN_NOWAIT);
    }
    (void)close(fds[1]);
    if (rpc)
        (void)uv_run(&loop, UV_RUN_NOWAIT);
    nvr_rpc_free(rpc);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&loop) < 0)
        abort();
    return 0;
}
