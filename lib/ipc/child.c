#include "lib/ipc/child.h"

#include <dirent.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"

NVR_LOG_TOPIC("child");

#define HELLO_LATE_MS 1000
#define FLUSH_MS 1000
#define KEEP_FDS_MAX 48
#define FILES_MAX 256
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEMORY_MAX 0 /* their shadow memory is larger than any sensible limit */
#else
#define MEMORY_MAX (UINT64_C(1024) * 1024 * 1024)
#endif

struct nvr_child {
    uv_loop_t loop;
    struct nvr_rpc *rpc;
    const struct nvr_child_role *role;
    void *arg;
    uv_signal_t term;
    uv_timer_t hello_late;
    bool inside;
    bool ended;
    int status;
};

uv_loop_t *nvr_child_get_loop(struct nvr_child *child)
{
    return &child->loop;
}

struct nvr_rpc *nvr_child_get_rpc(struct nvr_child *child)
{
    return child->rpc;
}

bool nvr_child_is_inside(const struct nvr_child *child)
{
    return child->inside;
}

void nvr_child_tell(struct nvr_child *child, const char *method, json_t *params, int fd)
{
    int r;

    if (!child->rpc) {
        json_decref(params);
        return;
    }
    r = nvr_rpc_notify(child->rpc, method, params, fd >= 0 ? &fd : NULL, fd >= 0);
    if (r < 0)
        (void)log_debug_err(r, "tell the core '%s'", method);
}

void nvr_child_answer(struct nvr_child *child, int64_t id, json_t *result, int fd)
{
    if (id < 0 || !child->rpc) {
        json_decref(result);
        return;
    }
    (void)!nvr_rpc_reply_result(child->rpc, id, result, fd >= 0 ? &fd : NULL, fd >= 0);
}

void nvr_child_refuse(struct nvr_child *child, int64_t id, const char *code, const char *message)
{
    if (id >= 0 && child->rpc)
        (void)!nvr_rpc_reply_error(child->rpc, id, NVR_RPC_FAILED, message,
                                   code ? json_pack("{s:s}", "code", code) : NULL);
}

/* ---- sandbox ---- */

static void say_hello(struct nvr_child *child, const struct nvr_sandbox_report *report)
{
    nvr_child_tell(child, "hello",
                   json_pack("{s:i, s:s, s:o}", "pid", (int)getpid(), "role", child->role->name,
                             "sandbox", nvr_sandbox_report_to_json(report)),
                   -1);
}

/* Everything that is open now is ours: the socket, the loop's own. */
static int list_fds(int *fds, size_t max, size_t *ret_count)
{
    DIR *dir = opendir("/proc/self/fd");
    const struct dirent *entry;
    size_t count = 0;
    int r = 0;

    if (!dir)
        return -errno;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else reads this stream
    while (r == 0 && (entry = readdir(dir)) != NULL) {
        uint64_t fd;

        if (nvr_str_to_u64(nvr_str_from(entry->d_name), INT32_MAX, &fd) < 0)
            continue;
        if (fd <= STDERR_FILENO || (int)fd == dirfd(dir))
            continue;
        if (count == max)
            r = -EMFILE;
        else
            fds[count++] = (int)fd;
    }
    (void)closedir(dir);
    *ret_count = count;
    return r;
}

int nvr_child_enter(struct nvr_child *child, enum nvr_sandbox_network network,
                    const char *const *read_paths, const char *write_path)
{
    const char *const write_paths[] = {write_path, NULL};

    return nvr_child_enter_paths(child, network, read_paths, write_paths);
}

int nvr_child_enter_paths(struct nvr_child *child, enum nvr_sandbox_network network,
                          const char *const *read_paths, const char *const *write_paths)
{
    int keep[KEEP_FDS_MAX];
    struct nvr_sandbox_options options = {
        .network = network,
        .read_paths = read_paths,
        .write_paths = write_paths,
        .keep_fds = keep,
        .memory_max_bytes = MEMORY_MAX,
        .files_max = FILES_MAX,
    };
    struct nvr_sandbox_report report;
    int r;

    if (child->inside)
        return 0;
    r = list_fds(keep, KEEP_FDS_MAX, &options.keep_fds_count);
    if (r == 0)
        r = nvr_sandbox_enter(&options, &report);
    if (r < 0)
        return log_err(r, "sandbox");
    child->inside = true;
    (void)uv_timer_stop(&child->hello_late);
    say_hello(child, &report);
    return 0;
}

static void on_hello_late(uv_timer_t *timer)
{
    const struct nvr_sandbox_report report = {.detail = "waiting for its first call"};

    say_hello(timer->data, &report);
}

/* ---- loop ---- */

static void on_request(struct nvr_rpc *rpc, const struct nvr_rpc_request *request, void *arg)
{
    struct nvr_child *child = arg;

    (void)rpc;
    child->role->on_request(child, request, child->arg);
}

static void on_close(struct nvr_rpc *rpc, int reason, void *arg)
{
    struct nvr_child *child = arg;

    if (reason < 0)
        (void)log_debug_err(reason, "connection to the core");
    child->rpc = NULL;
    nvr_rpc_free(rpc);
    child->role->on_stop(child, child->arg);
}

static void on_term(uv_signal_t *handle, int number)
{
    struct nvr_child *child = handle->data;

    (void)number;
    child->role->on_stop(child, child->arg);
}

void nvr_child_end(struct nvr_child *child, int status)
{
    if (child->ended)
        return;
    child->ended = true;
    child->status = status;
    if (child->rpc)
        (void)nvr_rpc_flush(child->rpc, FLUSH_MS);
    uv_stop(&child->loop);
}

static int start(struct nvr_child *child, int fd)
{
    static const struct nvr_rpc_handlers handlers = {.on_request = on_request,
                                                     .on_close = on_close};
    int r = uv_loop_init(&child->loop);

    if (r < 0) {
        (void)close(fd);
        return r;
    }
    r = nvr_rpc_new_take(&child->loop, fd, &handlers, child, &child->rpc);
    if (r < 0)
        return r;
    (void)uv_timer_init(&child->loop, &child->hello_late);
    child->hello_late.data = child;
    (void)uv_timer_start(&child->hello_late, on_hello_late, HELLO_LATE_MS, 0);
    r = uv_signal_init(&child->loop, &child->term);
    child->term.data = child;
    return r < 0 ? r : uv_signal_start(&child->term, on_term, SIGTERM);
}

int nvr_child_run(int fd, const struct nvr_child_role *role, void *arg)
{
    struct nvr_child child = {.role = role, .arg = arg};
    int r;

    /* One arena: threads that allocate little must not cost a heap each. One pool thread: it is
     * used for DNS only. */
    // NOLINTBEGIN(concurrency-mt-unsafe): one thread yet
    (void)mallopt(M_ARENA_MAX, 1);
    (void)setenv("UV_THREADPOOL_SIZE", "1", 1);
    // NOLINTEND(concurrency-mt-unsafe)
    nvr_log_set_process(role->name);
    r = start(&child, fd);
    if (r < 0) {
        (void)log_err(r, "start %s", role->name);
        return 1;
    }
    (void)uv_run(&child.loop, UV_RUN_DEFAULT);
    /* The process ends here: what the loop still holds goes with it. */
    return child.status;
}
