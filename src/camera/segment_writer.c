#include "src/camera/segment_writer.h"

#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/io.h"
#include "lib/base/log.h"
#include "lib/media/checksum.h"

NVR_LOG_TOPIC("recorder");

#define PENDING_MAX (40u * 1024 * 1024) /* above the largest fragment */
#define PENDING_KEEP (512 * 1024)

/* Where a picture begins among the bytes that wait. */
struct mark {
    size_t at;
    uint32_t ms;
};

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
    size_t added;       /* bytes of pending that belong to added entries */
    struct mark *marks; /* of the added entries */
    size_t marks_count, marks_cap;
    uint64_t synced_bytes;
    bool name_synced;
    int unsure; /* the error after which the file's bytes are not known for certain */
};

/* Open one folder level, made when missing. Its name is made durable at once: a file in it that was
 * synced must not be lost with the folder. */
static int open_folder(int parent_fd, const char *name)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
    int r = nvr_io_openat(parent_fd, name, flags, 0);

    if (r != -ENOENT)
        return r;
    r = nvr_io_mkdirat(parent_fd, name, 0755);
    if (r < 0 && r != -EEXIST)
        return r;
    r = nvr_io_fsync(parent_fd);
    if (r < 0) { /* tried again with the next file, which must find it missing */
        (void)!nvr_io_unlinkat(parent_fd, name, AT_REMOVEDIR);
        return r;
    }
    return nvr_io_openat(parent_fd, name, flags, 0);
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
        w->fd = nvr_io_openat(w->folder_fd, w->name,
                              O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_APPEND, 0644);
        if (w->fd >= 0) {
            r = nvr_fmt(w->segment.path, sizeof(w->segment.path), "%s/%s/%s", camera, folder,
                        w->name);
            return r < 0 ? r : 0;
        }
        if (w->fd != -EEXIST)
            return w->fd;
    }
    return -EEXIST;
}

static void writer_free(struct nvr_segment_writer *w)
{
    if (!w)
        return;
    (void)nvr_io_close(w->fd);
    (void)nvr_io_close(w->folder_fd);
    free(w->marks);
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
            (void)!nvr_io_unlinkat(w->folder_fd, w->name, 0);
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

static uint32_t ms_of(const struct nvr_segment_writer *w, const struct nvr_ring_entry *entry)
{
    return (uint32_t)NVR_MAX((entry->dts_us - w->segment.start_us) / 1000, (int64_t)0);
}

static int add_mark(struct nvr_segment_writer *w, const struct nvr_ring_entry *entry)
{
    if (entry->flags & NVR_RING_AUDIO_ONLY)
        return 0;
    if (w->marks_count == w->marks_cap) {
        const size_t cap = w->marks_cap ? w->marks_cap * 2 : 64;
        struct mark *marks = reallocarray(w->marks, cap, sizeof(*marks));

        if (!marks)
            return -ENOMEM;
        w->marks = marks;
        w->marks_cap = cap;
    }
    w->marks[w->marks_count++] = (struct mark){.at = w->added, .ms = ms_of(w, entry)};
    return 0;
}

int nvr_segment_writer_add(struct nvr_segment_writer *w, const struct nvr_ring_entry *entry)
{
    int r = 0;

    if (w->pending.len != w->added + entry->size)
        return -EPROTO;
    if (entry->flags & NVR_RING_KEY)
        r = nvr_segment_add_key(&w->segment, ms_of(w, entry), w->wanted.size);
    if (r == 0)
        r = add_mark(w, entry);
    if (r < 0) {
        w->pending.len = w->added;
        w->segment.keys_count = w->wanted.keys_count;
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
    const int r = nvr_io_ftruncate(w->fd, (off_t)w->written.size);

    w->wanted = w->written;
    w->segment.keys_count = w->written.keys_count;
    if (r < 0) {
        w->unsure = r;
        (void)log_warn_err(r, "cut '%s' back", w->segment.path);
    }
}

/* The bytes that are in the file now, and the digests that lie among them. */
static void digest_pending(struct nvr_segment_writer *w)
{
    uint8_t sum[SHA256_DIGEST_SIZE];
    size_t done = 0;

    for (size_t i = 0; i < w->marks_count; i++) {
        const struct mark *mark = &w->marks[i];
        struct nvr_segment_digest *digest =
            nvr_segment_add_digest(&w->segment, mark->ms, w->written.size + mark->at);
        struct sha256_ctx copy;

        if (!digest)
            continue;
        sha256_update(&w->sha, mark->at - done, w->pending.data + done);
        done = mark->at;
        copy = w->sha;
        sha256_digest(&copy, sizeof(sum), sum);
        memcpy(digest->sum, sum, sizeof(digest->sum));
    }
    sha256_update(&w->sha, w->added - done, w->pending.data + done);
}

int nvr_segment_writer_flush(struct nvr_segment_writer *w)
{
    int r;

    if (w->added == 0)
        return 0;
    r = nvr_io_write(w->fd, w->pending.data, w->added);
    if (r < 0) {
        take_back(w);
    } else {
        digest_pending(w);
        w->written = w->wanted;
    }
    w->added = 0;
    w->marks_count = 0;
    if (w->pending.cap > PENDING_KEEP) { /* one large key frame must not cost memory for ever */
        nvr_buf_done(&w->pending);
        nvr_buf_init(&w->pending, PENDING_MAX);
    } else {
        nvr_buf_reset(&w->pending);
    }
    return r;
}

int nvr_segment_writer_sync(struct nvr_segment_writer *w)
{
    int r = nvr_segment_writer_flush(w);

    if (r == 0 && w->written.size != w->synced_bytes) {
        r = nvr_io_fdatasync(w->fd);
        if (r < 0)
            w->unsure = r; /* a second one would say that all is well */
        else
            w->synced_bytes = w->written.size;
    }
    if (r == 0 && !w->name_synced) {
        r = nvr_io_fsync(w->folder_fd);
        w->name_synced = r == 0;
    }
    return r;
}

bool nvr_segment_writer_is_dirty(const struct nvr_segment_writer *w)
{
    return w->wanted.size != w->synced_bytes || !w->name_synced;
}

uint64_t nvr_segment_writer_get_size(const struct nvr_segment_writer *w)
{
    return w->wanted.size;
}

int64_t nvr_segment_writer_get_end_us(const struct nvr_segment_writer *w)
{
    return w->written.end_us;
}

const struct nvr_segment *nvr_segment_writer_get(const struct nvr_segment_writer *w)
{
    return &w->segment;
}

const struct nvr_ring_init *nvr_segment_writer_get_init(const struct nvr_segment_writer *w)
{
    return &w->init;
}

/* Nothing in it can be seen: it goes. */
static void remove_empty(struct nvr_segment_writer *w, int *ret_error)
{
    const int r = nvr_io_unlinkat(w->folder_fd, w->name, 0);

    if (r < 0 && *ret_error == 0)
        *ret_error = r;
    writer_free(w);
}

int nvr_segment_writer_close(struct nvr_segment_writer *w, struct nvr_segment *ret_segment,
                             int *ret_error)
{
    uint8_t digest[SHA256_DIGEST_SIZE];

    *ret_error = nvr_segment_writer_flush(w);
    if (w->written.frames == 0) {
        remove_empty(w, ret_error);
        return 0;
    }
    if (!w->unsure) {
        const int r = nvr_segment_writer_sync(w);

        if (r < 0 && *ret_error == 0)
            *ret_error = r;
    }
    if (w->unsure) {
        if (*ret_error == 0)
            *ret_error = w->unsure;
        log_warn("'%s' is left to the index: it may not be whole", w->segment.path);
        writer_free(w);
        return 0;
    }
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
