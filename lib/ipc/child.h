/* child.h — what every role has in common: a loop, the RPC connection to the core, SIGTERM, and the
 * way into the sandbox.
 *
 * The core's first call tells what the box must leave open (the recordings folder, a demo file), so
 * the box is entered when that call comes, before anything else is read or opened: until then only
 * the core's own bytes were seen. Then `hello` tells the level, then the call is served. */
#ifndef NVR_IPC_CHILD_H
#define NVR_IPC_CHILD_H

#include <stdbool.h>
#include <uv.h>

#include "lib/base/macros.h"
#include "lib/ipc/rpc.h"
#include "lib/ipc/sandbox.h"

struct nvr_child;

struct nvr_child_role {
    const char *name;
    /* Called for each request; the first one must lead to nvr_child_enter(). */
    void (*on_request)(struct nvr_child *child, const struct nvr_rpc_request *request, void *arg);
    /* SIGTERM, or the core is gone: finish, then call nvr_child_end(). */
    void (*on_stop)(struct nvr_child *child, void *arg);
};

/* Serve until nvr_child_end(). Takes fd. The exit status of the process. */
int nvr_child_run(int fd, const struct nvr_child_role *role, void *arg);
/* Enter the sandbox and say hello. read_paths (NULL-terminated) and write_path may be NULL. 0 or
 * -errno: do not go on. */
NVR_CHECK int nvr_child_enter(struct nvr_child *child, enum nvr_sandbox_network network,
                              const char *const *read_paths, const char *write_path);
/* The same with several folders to write in (NULL-terminated). */
NVR_CHECK int nvr_child_enter_paths(struct nvr_child *child, enum nvr_sandbox_network network,
                                    const char *const *read_paths, const char *const *write_paths);
bool nvr_child_is_inside(const struct nvr_child *child);
/* Leave the loop; what is queued for the core is flushed first. */
void nvr_child_end(struct nvr_child *child, int status);

uv_loop_t *nvr_child_get_loop(struct nvr_child *child);
struct nvr_rpc *nvr_child_get_rpc(struct nvr_child *child); /* NULL: the core is gone */
/* An error answer with data.code; failures to send are of no interest (the core is gone then). */
void nvr_child_refuse(struct nvr_child *child, int64_t id, const char *code, const char *message);
void nvr_child_answer(struct nvr_child *child, int64_t id, json_t *result, int fd);
void nvr_child_tell(struct nvr_child *child, const char *method, json_t *params, int fd);

#endif
