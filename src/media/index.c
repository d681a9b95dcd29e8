/* Role index: what a segment file holds, from its own bytes, for the index of recordings. */
#include <string.h>

#include "lib/base/buf.h"
#include "lib/ipc/child.h"
#include "src/media/roles.h"
#include "src/media/scan.h"

static void answer(struct nvr_child *child, int64_t id, int r, const struct nvr_segment *segment,
                   bool repaired)
{
    json_t *result;

    if (r == 0) {
        result = nvr_segment_to_json(segment);
        (void)json_object_set_new(result, "repaired", json_boolean(repaired));
        nvr_child_answer(child, id, result, -1);
    } else if (r == -ENODATA) {
        nvr_child_refuse(child, id, "empty", "the file is empty");
    } else if (r == -EPROTO) {
        nvr_child_refuse(child, id, "not_mp4", "the file does not begin with an init segment");
    } else if (r == -EBADMSG) {
        nvr_child_refuse(child, id, "no_fragments", "the file holds no whole picture");
    } else {
        nvr_child_refuse(child, id, "io", nvr_strerror(r));
    }
}

static void serve(struct nvr_child *child, const struct nvr_rpc_request *request)
{
    struct nvr_segment segment = {0};
    const char *path = "";
    bool repaired = false;
    int r;

    (void)nvr_json_get_str(request->params, "path", &path);
    r = nvr_scan_file(request->fds[0], path, &segment, &repaired);
    answer(child, request->id, r, &segment, repaired);
    nvr_segment_done(&segment);
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
    serve(child, request);
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
