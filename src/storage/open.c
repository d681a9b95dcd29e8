/* The one door to a recording's file. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "src/storage/private.h"
#include "src/storage/tiers.h"

struct opening {
    uv_work_t work;
    struct nvr_storage *storage;
    char root[PATH_MAX];
    char path[NVR_RECORDING_PATH_SIZE]; /* below root */
    int fd;
    int64_t size;
    nvr_storage_opened fn;
    void *arg;
};

static int open_file(struct opening *opening)
{
    const char *name = NULL;
    NVR_AUTO_FD int folder = nvr_open_parent(opening->root, opening->path, &name);
    struct stat st;

    if (folder < 0)
        return folder == -ENOTDIR ? -ENOENT : folder; /* a link in its way is not followed */
    opening->fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (opening->fd < 0)
        return -errno;
    if (fstat(opening->fd, &st) == 0 && S_ISREG(st.st_mode)) {
        opening->size = st.st_size;
        return 0;
    }
    (void)close(NVR_TAKE_FD(opening->fd));
    return -ENOENT;
}

/* Pool thread. */
static void run(uv_work_t *work)
{
    struct opening *opening = work->data;
    const int r = open_file(opening);

    if (r < 0)
        opening->fd = r;
}

static void on_done(uv_work_t *work, int status)
{
    struct opening *opening = work->data;
    struct nvr_storage *storage = opening->storage;

    storage->opens--;
    opening->fn(status < 0 ? status : opening->fd, opening->size, opening->arg);
    free(opening);
    storage_check_stopped(storage);
}

void nvr_storage_open(struct nvr_storage *storage, const struct nvr_recording *recording,
                      nvr_storage_opened fn, void *arg)
{
    struct opening *opening;
    int r = -ENOMEM;

    if (recording->location != NVR_LOCATION_HOT) {
        tiers_open(storage, recording, fn, arg);
        return;
    }
    opening = calloc(1, sizeof(*opening));
    if (opening) {
        *opening = (struct opening){.storage = storage, .fd = -1, .fn = fn, .arg = arg};
        opening->work.data = opening;
        memcpy(opening->path, recording->file_path, sizeof(opening->path));
        r = nvr_fmt(opening->root, sizeof(opening->root), "%s",
                    nvr_supervisor_get_recordings_dir(storage->supervisor));
        if (r >= 0)
            r = nvr_path_is_safe(opening->path) ? 0 : -ENOENT;
        if (r == 0)
            r = uv_queue_work(storage->loop, &opening->work, run, on_done);
    }
    if (r < 0) {
        free(opening);
        fn(r, 0, arg);
        return;
    }
    storage->opens++;
}

bool storage_open_is_idle(const struct nvr_storage *storage)
{
    return storage->opens == 0;
}
