/* Reading the packs of small pictures. Any thread: only the folder's path is used. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/media/preview_pack.h"
#include "src/storage/private.h"

struct pack {
    int fd;
    int64_t hour_ms, size;
    uint8_t head[NVR_PREVIEW_DATA_START];
};

static int open_pack(const struct nvr_storage *storage, const char *camera, int64_t hour_ms,
                     struct pack **ret_pack)
{
    char folder[PATH_MAX];
    char path[PATH_MAX];
    char name[NVR_PREVIEW_NAME_SIZE];
    struct pack *pack;
    struct stat st;
    int r = nvr_path_join(folder, sizeof(folder), previews_root(storage), camera);

    if (r == 0)
        r = nvr_preview_name(hour_ms, name, sizeof(name));
    if (r == 0)
        r = nvr_path_join(path, sizeof(path), folder, name);
    if (r < 0)
        return r;
    NVR_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0)
        return -errno;
    pack = malloc(sizeof(*pack));
    if (!pack)
        return -ENOMEM;
    if (!S_ISREG(st.st_mode) ||
        nvr_fd_pread_all(fd, pack->head, sizeof(pack->head), 0) != (ssize_t)sizeof(pack->head) ||
        nvr_preview_read_header(pack->head) != hour_ms) {
        free(pack);
        return -EPROTO;
    }
    pack->fd = NVR_TAKE_FD(fd);
    pack->hour_ms = hour_ms;
    pack->size = st.st_size;
    *ret_pack = pack;
    return 0;
}

static void close_pack(struct pack *pack)
{
    (void)close(pack->fd);
    free(pack);
}

/* 1: found, 0: none in this hour. */
static int find_in_hour(const struct nvr_storage *storage, const char *camera, int64_t hour_ms,
                        int64_t at_ms, struct nvr_buf *jpeg, int64_t *ret_time_ms)
{
    const uint32_t ms = (uint32_t)NVR_MIN(at_ms - hour_ms, (int64_t)NVR_PREVIEW_HOUR_MS);
    struct nvr_preview_slot slot;
    struct pack *pack;
    uint8_t *room;
    int r = open_pack(storage, camera, hour_ms, &pack);

    if (r < 0)
        return r == -ENOENT || r == -EPROTO ? 0 : r;
    if (nvr_preview_find(pack->head + NVR_PREVIEW_HEADER_SIZE, ms, pack->size, &slot)) {
        room = nvr_buf_reserve(jpeg, slot.size);
        if (!room) {
            r = nvr_buf_status(jpeg);
        } else if (nvr_fd_pread_all(pack->fd, room, slot.size, slot.offset) == (ssize_t)slot.size) {
            jpeg->len += slot.size;
            *ret_time_ms = hour_ms + slot.ms;
            r = 1;
        }
    }
    close_pack(pack);
    return r;
}

int nvr_storage_preview(const struct nvr_storage *storage, const char *camera, int64_t at_ms,
                        struct nvr_buf *jpeg, int64_t *ret_time_ms)
{
    const int64_t hour_ms = nvr_preview_hour(at_ms);
    int r = find_in_hour(storage, camera, hour_ms, at_ms, jpeg, ret_time_ms);

    if (r == 0 && at_ms - hour_ms < NVR_STORAGE_PREVIEW_REACH_MS && hour_ms > 0)
        r = find_in_hour(storage, camera, hour_ms - NVR_PREVIEW_HOUR_MS, at_ms, jpeg, ret_time_ms);
    if (r < 0)
        return r;
    return r == 1 && at_ms - *ret_time_ms <= NVR_STORAGE_PREVIEW_REACH_MS ? 0 : -ENOENT;
}

int nvr_storage_preview_times(const struct nvr_storage *storage, const char *camera,
                              int64_t start_ms, int64_t end_ms, nvr_storage_preview_visit visit,
                              void *arg)
{
    int r = 0;

    for (int64_t hour_ms = nvr_preview_hour(start_ms); r == 0 && hour_ms < end_ms;
         hour_ms += NVR_PREVIEW_HOUR_MS) {
        struct nvr_preview_slot slot = {0};
        struct pack *pack = NULL;

        if (open_pack(storage, camera, hour_ms, &pack) < 0 || !pack)
            continue;
        for (uint32_t second = 0; r == 0 && second < NVR_PREVIEW_SLOTS; second++) {
            if (!nvr_preview_read_slot(pack->head + NVR_PREVIEW_HEADER_SIZE, second, pack->size,
                                       &slot))
                continue;
            if (hour_ms + slot.ms >= start_ms && hour_ms + slot.ms < end_ms)
                r = visit(hour_ms + slot.ms, arg);
        }
        close_pack(pack);
    }
    return r;
}
