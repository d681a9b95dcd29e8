/* Role preview: small pictures for the timeline, of all cameras. The core hands over a key frame
 * every few seconds; its picture is appended to the hour's pack. Writes below one folder, has no
 * network. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/id.h"
#include "lib/base/log.h"
#include "lib/base/memfd.h"
#include "lib/ipc/child.h"
#include "lib/media/preview_pack.h"
#include "src/media/picture.h"
#include "src/media/roles.h"
#include "src/media/shot.h"

NVR_LOG_TOPIC("preview");

#define MATERIAL_MAX (32u * 1024 * 1024)
#define DECODE_MS 2000
#define HEARTBEAT_MS 5000
#define FILE_MAX (INT64_C(1) << 31) /* offsets have 32 bits; far above an hour's pictures */

struct preview {
    struct nvr_child *child;
    int root_fd;
    uv_timer_t heartbeat;
};

/* ---- the pack ---- */

/* One level below parent_fd, made when missing. */
static int open_folder(int parent_fd, const char *name)
{
    if (mkdirat(parent_fd, name, 0750) < 0 && errno != EEXIST)
        return -errno;
    return nvr_sys(openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
}

/* "<camera>/<day>/<hour>.previews" with its header; what is no pack is begun anew. */
static int open_pack(int root_fd, const char *camera, int64_t hour_ms)
{
    uint8_t header[NVR_PREVIEW_HEADER_SIZE];
    char name[NVR_PREVIEW_NAME_SIZE];
    int r = nvr_preview_name(hour_ms, name, sizeof(name));

    if (r < 0)
        return r;
    char *file = strchr(name, '/');

    *file++ = 0;
    NVR_AUTO_FD int folder = open_folder(root_fd, camera);

    if (folder < 0)
        return folder;
    NVR_AUTO_FD int day = open_folder(folder, name);

    if (day < 0)
        return day;
    NVR_AUTO_FD int fd = openat(day, file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);

    if (fd < 0)
        return -errno;
    if (nvr_fd_pread_all(fd, header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
        nvr_preview_read_header(header) != hour_ms) {
        nvr_preview_write_header(header, hour_ms);
        if (ftruncate(fd, 0) < 0 || ftruncate(fd, NVR_PREVIEW_DATA_START) < 0)
            return -errno;
        if (pwrite(fd, header, sizeof(header), 0) != (ssize_t)sizeof(header))
            return -EIO;
    }
    return NVR_TAKE_FD(fd);
}

/* The picture first, then the slot that points at it. */
static int append(int fd, uint32_t ms, const struct nvr_picture_jpeg *jpeg)
{
    uint8_t slot[NVR_PREVIEW_SLOT_SIZE];
    const off_t end = lseek(fd, 0, SEEK_END);
    int r;

    if (end < 0)
        return -errno;
    if (jpeg->size > NVR_PREVIEW_JPEG_MAX || end > FILE_MAX)
        return -EFBIG;
    r = nvr_fd_write_all(fd, jpeg->data, jpeg->size);
    if (r < 0) {
        if (ftruncate(fd, end) < 0)
            (void)log_warn_err(-errno, "cut a pack back");
        return r;
    }
    nvr_preview_write_slot(slot, &(struct nvr_preview_slot){.offset = (uint32_t)end,
                                                            .size = (uint32_t)jpeg->size,
                                                            .ms = ms});
    return pwrite(fd, slot, sizeof(slot), (off_t)nvr_preview_slot_offset(ms)) ==
                   (ssize_t)sizeof(slot)
               ? 0
               : -EIO;
}

/* ---- calls ---- */

struct request {
    const char *camera;
    int64_t width, quality;
};

static int parse(const struct nvr_rpc_request *rpc, struct request *request)
{
    request->camera = "";
    if (rpc->fds_count != 1 || nvr_json_get_str(rpc->params, "camera", &request->camera) != 1 ||
        !nvr_slug_is_valid(request->camera) ||
        nvr_json_get_int(rpc->params, "width", 16, 4096, &request->width) != 1 ||
        nvr_json_get_int(rpc->params, "quality", 1, 100, &request->quality) != 1)
        return -EINVAL;
    return 0;
}

static int make_jpeg(int fd, const struct request *request, struct nvr_picture_jpeg *ret_jpeg,
                     int64_t *ret_time_ms)
{
    struct nvr_buf bytes;
    AVFrame *frame = NULL;
    int64_t time_us = 0;
    int r;

    nvr_buf_init(&bytes, MATERIAL_MAX);
    r = nvr_memfd_read(fd, &bytes);
    if (r == 0)
        r = nvr_shot_decode(bytes.data, bytes.len, 0, nvr_clock_mono_ms() + DECODE_MS, &frame,
                            &time_us);
    if (r == 0)
        r = nvr_picture_compress(frame, (unsigned)request->width, (int)request->quality, ret_jpeg);
    *ret_time_ms = time_us / 1000;
    av_frame_free(&frame);
    nvr_buf_done(&bytes);
    return r == 0 && *ret_time_ms <= 0 ? -EPROTO : r;
}

static void serve_picture(struct preview *p, const struct nvr_rpc_request *rpc)
{
    struct nvr_picture_jpeg jpeg = {0};
    struct request request;
    int64_t time_ms = 0;
    int r = parse(rpc, &request);

    if (r == 0)
        r = make_jpeg(rpc->fds[0], &request, &jpeg, &time_ms);
    if (r == 0) {
        const int64_t hour_ms = nvr_preview_hour(time_ms);
        NVR_AUTO_FD int fd = open_pack(p->root_fd, request.camera, hour_ms);

        r = fd < 0 ? fd : append(fd, (uint32_t)(time_ms - hour_ms), &jpeg);
    }
    if (r == 0)
        nvr_child_answer(
            p->child, rpc->id,
            json_pack("{s:I, s:I}", "time_ms", (json_int_t)time_ms, "size", (json_int_t)jpeg.size),
            -1);
    else
        nvr_child_refuse(p->child, rpc->id, r == -ENOTSUP ? "unsupported" : "io", nvr_strerror(r));
    nvr_picture_jpeg_done(&jpeg);
}

static void on_heartbeat(uv_timer_t *timer)
{
    struct preview *p = timer->data;
    struct rusage usage = {0};

    (void)getrusage(RUSAGE_SELF, &usage);
    nvr_child_tell(p->child, "heartbeat",
                   json_pack("{s:I}", "cpu_ms",
                             (json_int_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
                                 (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000),
                   -1);
}

/* The folder is known by its descriptor only. */
static int start(struct preview *p, const struct nvr_rpc_request *rpc)
{
    char root[64];
    int r;

    if (rpc->fds_count != 1)
        return -EINVAL;
    p->root_fd = NVR_TAKE_FD(rpc->fds[0]);
    (void)nvr_fmt(root, sizeof(root), "/proc/self/fd/%d", p->root_fd);
    r = nvr_child_enter(p->child, NVR_SANDBOX_NO_NETWORK, NULL, root);
    if (r < 0)
        return r;
    (void)uv_timer_init(nvr_child_get_loop(p->child), &p->heartbeat);
    p->heartbeat.data = p;
    return uv_timer_start(&p->heartbeat, on_heartbeat, HEARTBEAT_MS, HEARTBEAT_MS);
}

static void on_request(struct nvr_child *child, const struct nvr_rpc_request *rpc, void *arg)
{
    struct preview *p = arg;
    int r;

    p->child = child;
    if (strcmp(rpc->method, "start") == 0 && p->root_fd < 0) {
        r = start(p, rpc);
        if (r == 0) {
            nvr_child_answer(child, rpc->id, NULL, -1);
        } else {
            nvr_child_refuse(child, rpc->id, "io", nvr_strerror(r));
            nvr_child_end(child, 1);
        }
    } else if (strcmp(rpc->method, "stop") == 0) {
        nvr_child_answer(child, rpc->id, NULL, -1);
        nvr_child_end(child, 0);
    } else if (strcmp(rpc->method, "picture") == 0 && nvr_child_is_inside(child)) {
        serve_picture(p, rpc);
    } else {
        nvr_child_refuse(child, rpc->id, "protocol", "no such method now");
    }
}

static void on_stop(struct nvr_child *child, void *arg)
{
    (void)arg;
    nvr_child_end(child, 0);
}

int nvr_preview_run(const char *name, int fd)
{
    static const struct nvr_child_role role = {
        .name = "preview", .on_request = on_request, .on_stop = on_stop};
    struct preview preview = {.root_fd = -1};

    (void)name;
    return nvr_child_run(fd, &role, &preview);
}
