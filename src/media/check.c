/* Role check: are a recording's bytes still the ones that were recorded? Reads one file, at a rate
 * that nobody notices, past the page cache: what the disk holds counts. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/hex.h"
#include "lib/base/log.h"
#include "lib/ipc/child.h"
#include "lib/media/byte_check.h"
#include "src/media/roles.h"

NVR_LOG_TOPIC("check");

#define CHUNK_SIZE (256 * 1024)
#define TICK_MS 50
#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_IDLE (3 << 13)

struct check {
    struct nvr_child *child;
    int64_t request_id;
    uv_timer_t timer;
    int fd;
    int64_t rate; /* bytes per second; 0: as fast as it goes */
    int64_t offset;
    int64_t budget; /* bytes that may be read in this tick */
    uint8_t sha256[NVR_SHA256_SIZE];
    struct nvr_byte_check bytes;
    struct nvr_prefix_digest digests[NVR_PROOF_DIGESTS_MAX];
    uint8_t chunk[CHUNK_SIZE];
};

static int parse_digests(const json_t *list, struct check *check, size_t *ret_count)
{
    const json_t *entry;
    size_t i;

    if (json_array_size(list) > NVR_ARRAY_SIZE(check->digests))
        return -EINVAL;
    json_array_foreach(list, i, entry)
    {
        const json_int_t ms = json_integer_value(json_array_get(entry, 0));
        const json_int_t offset = json_integer_value(json_array_get(entry, 1));
        const char *hex = json_string_value(json_array_get(entry, 2));
        struct nvr_prefix_digest *digest = &check->digests[i];

        if (ms < 0 || ms > UINT32_MAX || offset < 0 || !hex ||
            nvr_hex_decode(hex, digest->sha256, sizeof(digest->sha256)) < 0)
            return -EINVAL;
        digest->ms = (uint32_t)ms;
        digest->offset = (uint64_t)offset;
    }
    *ret_count = json_array_size(list);
    return 0;
}

static int parse(const struct nvr_rpc_request *request, struct check *check)
{
    const char *hex = "";
    size_t count = 0;

    if (nvr_json_get_str(request->params, "sha256", &hex) != 1 ||
        nvr_hex_decode(hex, check->sha256, sizeof(check->sha256)) < 0 ||
        nvr_json_get_int(request->params, "rate", 0, INT64_MAX / 1000, &check->rate) < 0 ||
        parse_digests(json_object_get(request->params, "digests"), check, &count) < 0)
        return -EINVAL;
    nvr_byte_check_init(&check->bytes, check->digests, count);
    return 0;
}

/* Timer and memory go with the process: it serves one call. */
static void finish(struct check *check, int r)
{
    (void)uv_timer_stop(&check->timer);
    (void)posix_fadvise(check->fd, 0, 0, POSIX_FADV_DONTNEED);
    if (r < 0) {
        nvr_child_refuse(check->child, check->request_id, "unreadable", nvr_strerror(r));
    } else {
        const bool same = nvr_byte_check_finish(&check->bytes, check->sha256);

        nvr_child_answer(check->child, check->request_id,
                         json_pack("{s:I, s:b, s:I}", "bytes", (json_int_t)check->offset, "same",
                                   same, "changed_ms",
                                   same ? (json_int_t)-1
                                        : (json_int_t)nvr_byte_check_get_changed_ms(&check->bytes)),
                         -1);
    }
    nvr_child_end(check->child, 0);
}

static void on_tick(uv_timer_t *timer)
{
    struct check *check = timer->data;

    /* What is left of the last tick is not carried on, what was read too much is. */
    check->budget = NVR_MIN(check->budget, (int64_t)0) + check->rate * TICK_MS / 1000;
    while (!check->rate || check->budget > 0) {
        const ssize_t n =
            nvr_fd_pread_all(check->fd, check->chunk, sizeof(check->chunk), check->offset);

        if (n <= 0) {
            finish(check, (int)n);
            return;
        }
        nvr_byte_check_update(&check->bytes, check->chunk, (size_t)n);
        check->offset += n;
        check->budget -= n;
        if (!check->rate)
            return; /* the core's words are heard between the chunks */
    }
}

static void on_request(struct nvr_child *child, const struct nvr_rpc_request *request, void *arg)
{
    struct check *check = arg;
    int r;

    if (check->child || strcmp(request->method, "check") != 0 || request->fds_count < 1) {
        nvr_child_refuse(child, request->id, "protocol", "this worker checks one file");
        return;
    }
    check->child = child;
    check->request_id = request->id;
    check->fd = fcntl(request->fds[0], F_DUPFD_CLOEXEC, 0);
    if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_IDLE) < 0)
        (void)log_debug_err(-errno, "idle I/O priority");
    if (nvr_child_enter(child, NVR_SANDBOX_NO_NETWORK, NULL, NULL) < 0 ||
        parse(request, check) < 0 || check->fd < 0) {
        nvr_child_refuse(child, request->id, "protocol", "the request is not complete");
        nvr_child_end(child, 1);
        return;
    }
    (void)posix_fadvise(check->fd, 0, 0, POSIX_FADV_DONTNEED);
    r = uv_timer_init(nvr_child_get_loop(child), &check->timer);
    check->timer.data = check;
    if (r == 0)
        r = uv_timer_start(&check->timer, on_tick, 0, check->rate ? TICK_MS : 1);
    if (r < 0)
        finish(check, r);
}

static void on_stop(struct nvr_child *child, void *arg)
{
    (void)arg;
    nvr_child_end(child, 0);
}

int nvr_check_run(const char *name, int fd)
{
    static const struct nvr_child_role role = {
        .name = "check", .on_request = on_request, .on_stop = on_stop};
    NVR_AUTO_FREE struct check *check = calloc(1, sizeof(*check));

    (void)name;
    if (!check) {
        (void)close(fd);
        return 1;
    }
    return nvr_child_run(fd, &role, check);
}
