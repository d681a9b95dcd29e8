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
    char path[PATH_MAX];
    int fd;
    int64_t size;
    nvr_storage_opened fn;
    void *arg;
};

static int open_file(struct opening *opening)
{
    struct stat st;

    opening->fd = open(opening->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
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
        r = nvr_path_is_safe(recording->file_path)
                ? nvr_path_join(opening->path, sizeof(opening->path),
                                nvr_supervisor_get_recordings_dir(storage->supervisor),
                                recording->file_path)
                : -ENOENT;
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
