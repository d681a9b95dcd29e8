/* Role index: what a segment file holds, from its own bytes, for the index of recordings. */
#include <errno.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/ipc/child.h"
#include "src/media/roles.h"
#include "src/media/scan.h"

#define FLUSH_MS 10000 /* the core is busy for so long at most */

static json_t *describe_failure(int r)
{
    const char *code = "io";
    const char *message = nvr_strerror(r);

    if (r == -ENODATA) {
        code = "empty";
        message = "the file is empty";
    } else if (r == -EPROTO) {
        code = "not_mp4";
        message = "the file does not begin with an init segment";
    } else if (r == -EBADMSG) {
        code = "no_fragments";
        message = "the file holds no whole picture";
    }
    return json_pack("{s:s, s:s}", "code", code, "message", message);
}

static json_t *index_file(int root_fd, const char *path)
{
    struct nvr_segment segment = {0};
    bool repaired = false;
    const int r = nvr_scan_file(root_fd, path, &segment, &repaired);
    json_t *params;
    json_t *result;

    if (r < 0)
        return describe_failure(r);
    result = nvr_segment_to_json(&segment);
    (void)json_object_set_new(result, "repaired", json_boolean(repaired));
    params = json_pack("{s:o}", "result", result);
    nvr_segment_done(&segment);
    return params;
}

/* Each answer is with the core before the next file is opened: the one that costs us our life is
 * known by it. */
static int serve(struct nvr_child *child, const struct nvr_rpc_request *request)
{
    const json_t *paths = json_object_get(request->params, "paths");
    const json_t *path;
    size_t n;

    json_array_foreach(paths, n, path)
    {
        const char *name = json_string_value(path);

        nvr_child_tell(child, "indexed", index_file(request->fds[0], name ? name : ""), -1);
        if (!nvr_child_get_rpc(child) || nvr_rpc_flush(nvr_child_get_rpc(child), FLUSH_MS) < 0)
            return -ECONNRESET;
    }
    nvr_child_answer(child, request->id, json_pack("{s:I}", "count", (json_int_t)n), -1);
    return 0;
}

static void on_request(struct nvr_child *child, const struct nvr_rpc_request *request, void *arg)
{
    char root[64];

    (void)arg;
    if (strcmp(request->method, "index") != 0 || request->fds_count < 1) {
        nvr_child_refuse(child, request->id, "io", "no folder came along");
        return;
    }
    /* The folder is known by its descriptor only. */
    (void)nvr_fmt(root, sizeof(root), "/proc/self/fd/%d", request->fds[0]);
    if (nvr_child_enter(child, NVR_SANDBOX_NO_NETWORK, NULL, root) < 0) {
        nvr_child_refuse(child, request->id, "io", "the sandbox could not be entered");
        nvr_child_end(child, 1);
        return;
    }
    if (serve(child, request) < 0)
        nvr_child_end(child, 1);
}

static void on_stop(struct nvr_child *child, void *arg)
{
    (void)arg;
    nvr_child_end(child, 0);
}

int nvr_index_run(const char *name, int fd)
{
    static const struct nvr_child_role role = {
        .name = "index", .on_request = on_request, .on_stop = on_stop};

    (void)name;
    return nvr_child_run(fd, &role, NULL);
}
