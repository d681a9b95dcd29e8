#include "src/camera/segment_writer.h"

#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/media/checksum.h"

NVR_LOG_TOPIC("recorder");

#define PENDING_MAX (40u * 1024 * 1024) /* above the largest fragment */
#define PENDING_KEEP (512 * 1024)

/* What a failed write takes back. */
struct progress {
    uint64_t size;
    uint64_t frames;
    int64_t end_us;
    size_t keys_count;
};

struct nvr_segment_writer {
    int fd;
    int folder_fd;
    char name[64];
    struct nvr_ring_init init;
    struct nvr_segment segment;
    struct sha256_ctx sha;
    struct nvr_buf pending;
    struct progress written, wanted;
    size_t added; /* bytes of pending that belong to added entries */
};

/* Open one folder level, made when missing; its parent is synced then. */
static int open_folder(int parent_fd, const char *name)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
    int fd = openat(parent_fd, name, flags);

    if (fd >= 0 || errno != ENOENT)
        return nvr_sys(fd);
    if (mkdirat(parent_fd, name, 0755) < 0 && errno != EEXIST)
        return -errno;
    if (fsync(parent_fd) < 0)
        return -errno;
    return nvr_sys(openat(parent_fd, name, flags));
}

static int open_folders(int root_fd, char *folder)
{
    char *slash = strchr(folder, '/');
    NVR_AUTO_FD int day = -1;
    int r;

    *slash = 0;
    day = open_folder(root_fd, folder);
    *slash = '/';
    if (day < 0)
        return day;
    r = open_folder(day, slash + 1);
    return r;
}

static int create_file(struct nvr_segment_writer *w, const char *camera, const char *folder)
{
    for (unsigned attempt = 1; attempt <= NVR_SEGMENT_NAMES_MAX; attempt++) {
        int r = nvr_segment_name(w->segment.start_us, attempt, w->name, sizeof(w->name));

        if (r < 0)
            return r;
        w->fd = openat(w->folder_fd, w->name,
                       O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW | O_APPEND, 0644);
        if (w->fd >= 0) {
            r = nvr_fmt(w->segment.path, sizeof(w->segment.path), "%s/%s/%s", camera, folder,
                        w->name);
            return r < 0 ? r : 0;
        }
        if (errno != EEXIST)
            return -errno;
    }
    return -EEXIST;
}

static void writer_free(struct nvr_segment_writer *w)
{
    if (!w)
        return;
    if (w->fd >= 0)
        (void)close(w->fd);
    if (w->folder_fd >= 0)
        (void)close(w->folder_fd);
    nvr_buf_done(&w->pending);
    nvr_segment_done(&w->segment);
    free(w);
}

static int begin_file(struct nvr_segment_writer *w, int root_fd, const char *camera)
{
    char folder[32];
    int r = nvr_segment_folder(w->segment.start_us, folder, sizeof(folder));

    if (r < 0)
        return r;
    w->folder_fd = open_folders(root_fd, folder);
    if (w->folder_fd < 0)
        return w->folder_fd;
    r = create_file(w, camera, folder);
    if (r < 0)
        return r;
    r = nvr_buf_append(&w->pending, w->init.data, w->init.size);
    w->added = w->init.size;
    w->wanted.size = w->init.size;
    return r;
}

int nvr_segment_writer_open(int root_fd, const char *camera, const struct nvr_ring_init *init,
                            int64_t start_us, struct nvr_segment_writer **ret_writer)
{
    struct nvr_segment_writer *w = calloc(1, sizeof(*w));
    int r;

    if (!w)
        return -ENOMEM;
    w->fd = w->folder_fd = -1;
    w->init = *init;
    w->segment.start_us = w->segment.end_us = start_us;
    w->written.end_us = w->wanted.end_us = start_us;
    w->segment.width = init->width;
    w->segment.height = init->height;
    w->segment.init_size = init->size;
    memcpy(w->segment.codecs, init->codecs, sizeof(w->segment.codecs));
    nvr_checksum_init_id(init->data, init->size, w->segment.init_id);
    sha256_init(&w->sha);
    nvr_buf_init(&w->pending, PENDING_MAX);
    r = begin_file(w, root_fd, camera);
    if (r < 0) {
        if (w->fd >= 0)
            (void)unlinkat(w->folder_fd, w->name, 0);
        writer_free(w);
        return r;
    }
    *ret_writer = w;
    return 0;
}

struct nvr_buf *nvr_segment_writer_get_buf(struct nvr_segment_writer *w)
{
    return &w->pending;
}

int nvr_segment_writer_add(struct nvr_segment_writer *w, const struct nvr_ring_entry *entry)
{
    int r = 0;

    if (w->pending.len != w->added + entry->size)
        return -EPROTO;
    if (entry->flags & NVR_RING_KEY)
        r = nvr_segment_add_key(
            &w->segment,
            (uint32_t)NVR_MAX((entry->dts_us - w->segment.start_us) / 1000, (int64_t)0),
            w->wanted.size);
    if (r < 0) {
        w->pending.len = w->added;
        return r;
    }
    w->added += entry->size;
    w->wanted.size += entry->size;
    w->wanted.keys_count = w->segment.keys_count;
    if (!(entry->flags & NVR_RING_AUDIO_ONLY))
        w->wanted.frames++;
    w->wanted.end_us = NVR_MAX(w->wanted.end_us, entry->dts_us + entry->duration_us);
    return 0;
}

static void take_back(struct nvr_segment_writer *w)
{
    w->wanted = w->written;
    w->segment.keys_count = w->written.keys_count;
    if (ftruncate(w->fd, (off_t)w->written.size) < 0)
        (void)log_warn_err(-errno, "cut '%s' back", w->segment.path);
}

int nvr_segment_writer_flush(struct nvr_segment_writer *w)
{
    int r;

    if (w->added == 0)
        return 0;
    r = nvr_fd_write_all(w->fd, w->pending.data, w->added);
    if (r < 0) {
        take_back(w);
    } else {
        sha256_update(&w->sha, w->added, w->pending.data);
        w->written = w->wanted;
    }
    w->added = 0;
    if (w->pending.cap > PENDING_KEEP) { /* one large key frame must not cost memory for ever */
        nvr_buf_done(&w->pending);
        nvr_buf_init(&w->pending, PENDING_MAX);
    } else {
        nvr_buf_reset(&w->pending);
    }
    return r;
}

uint64_t nvr_segment_writer_get_size(const struct nvr_segment_writer *w)
{
    return w->wanted.size;
}

const struct nvr_segment *nvr_segment_writer_get(const struct nvr_segment_writer *w)
{
    return &w->segment;
}

const struct nvr_ring_init *nvr_segment_writer_get_init(const struct nvr_segment_writer *w)
{
    return &w->init;
}

int nvr_segment_writer_close(struct nvr_segment_writer *w, struct nvr_segment *ret_segment,
                             int *ret_error)
{
    uint8_t digest[SHA256_DIGEST_SIZE];

    *ret_error = nvr_segment_writer_flush(w);
    if (w->written.frames == 0) {
        if (unlinkat(w->folder_fd, w->name, 0) < 0 && *ret_error == 0)
            *ret_error = -errno;
        writer_free(w);
        return 0;
    }
    if (fdatasync(w->fd) < 0 && *ret_error == 0)
        *ret_error = -errno;
    if (fsync(w->folder_fd) < 0 && *ret_error == 0)
        *ret_error = -errno;
    sha256_digest(&w->sha, sizeof(digest), digest);
    nvr_checksum_hex(digest, sizeof(digest), w->segment.checksum);
    w->segment.file_size = w->written.size;
    w->segment.frames = w->written.frames;
    w->segment.end_us = w->written.end_us;
    *ret_segment = w->segment;
    w->segment = (struct nvr_segment){0};
    writer_free(w);
    return 1;
}
