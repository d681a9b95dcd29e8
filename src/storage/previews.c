/* Small pictures for the timeline (REC-8): every few seconds the newest key frame of each camera
 * goes to the role preview of nvr-media, which appends its picture to the hour's pack. Packs go
 * when nothing that was recorded before their end is left. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/memfd.h"
#include "lib/media/preview_pack.h"
#include "src/storage/private.h"

NVR_LOG_TOPIC("preview");

#define WIDTH 240 /* about 4 kB a picture */
#define QUALITY 55
#define GOP_KEY_MAX (8u * 1024 * 1024)
#define CALL_MS 10000
#define RETRY_MS 2000 /* there was no picture: look again */
#define TIDY_FIRST_MS 5000
#define TIDY_EVERY_MS (60 * 60 * 1000)
#define KEEP_UNKNOWN_MS (INT64_C(24) * 3600 * 1000) /* of cameras that have no recording yet */

struct watched {
    struct watched *next;
    char id[NVR_SLUG_SIZE];
    int64_t due_ms; /* monotonic */
    int64_t last_key_us;
    bool asked; /* the service has one of its pictures */
    bool gone;  /* from the config */
};

struct previews {
    struct nvr_storage *storage;
    struct nvr_service *service;
    struct nvr_bus_subscription *subscription;
    uv_timer_t *timer, *tidy_timer;
    uv_work_t tidy;
    bool tidying, ready;
    unsigned calls;               /* of the service, not answered yet: the end waits for them */
    char (*known)[NVR_SLUG_SIZE]; /* for the tidying under way: cameras of the configuration */
    size_t known_count;
    char root[PATH_MAX];
    struct watched *cameras;
    int64_t interval_ms;
    int64_t tidied_bytes; /* the pool's while tidying */
    int64_t bytes;        /* of all packs, as of the last tidying */
    uint64_t made, failed;
};

static void call_is_over(struct previews *p)
{
    p->calls--;
    if (!p->timer)
        storage_check_stopped(p->storage);
}

/* ---- one picture ---- */

struct call {
    struct previews *previews;
    char id[NVR_SLUG_SIZE];
};

static struct watched *find(struct previews *p, const char *id)
{
    struct watched *camera = p->cameras;

    while (camera && strcmp(camera->id, id) != 0)
        camera = camera->next;
    return camera;
}

static void on_made(struct nvr_rpc *rpc, const struct nvr_rpc_reply *reply, void *arg)
{
    struct call *call = arg;
    struct previews *p = call->previews;
    struct watched *camera = find(p, call->id);

    (void)rpc;
    if (reply->error == 0)
        p->made++;
    else if (reply->error != -ECONNRESET && p->failed++ % 100 == 0)
        log_warn("camera %s: no preview: %s", call->id, reply->message);
    if (camera)
        camera->asked = false;
    free(call);
    call_is_over(p);
}

/* Init segment and the newest key frame. 0, -EALREADY (that was the last one, too), -errno. */
static int copy_key_frame(struct previews *p, struct watched *camera, const char *stream,
                          struct nvr_buf *buf)
{
    NVR_AUTO(nvr_ring_reader) reader = NULL;
    struct nvr_ring_init *init;
    struct nvr_ring_entry entry = {0};
    int r = nvr_supervisor_live_reader(p->storage->supervisor, camera->id, stream, &reader);

    if (r == 0)
        r = nvr_ring_reader_seek_key(reader);
    if (r == 0)
        r = nvr_ring_reader_peek(reader, &entry);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    if (entry.dts_us == camera->last_key_us)
        return -EALREADY;
    init = malloc(sizeof(*init));
    if (!init)
        return -ENOMEM;
    r = nvr_ring_reader_get_init(reader, entry.epoch, init);
    if (r == 0)
        r = nvr_buf_append(buf, init->data, init->size);
    free(init);
    if (r == 0)
        r = nvr_ring_reader_next(reader, &entry, buf);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    camera->last_key_us = entry.dts_us;
    return 0;
}

static int send_picture(struct previews *p, struct watched *camera, const struct nvr_buf *buf)
{
    struct nvr_rpc *rpc = nvr_service_get_rpc(p->service);
    NVR_AUTO_FD int fd = nvr_memfd_write("preview", buf->data, buf->len);
    struct call *call;
    int r;

    if (fd < 0 || !rpc)
        return fd < 0 ? fd : -EAGAIN;
    call = calloc(1, sizeof(*call));
    if (!call)
        return -ENOMEM;
    call->previews = p;
    memcpy(call->id, camera->id, sizeof(call->id));
    r = nvr_rpc_call(
        rpc, "picture",
        json_pack("{s:s, s:i, s:i}", "camera", camera->id, "width", WIDTH, "quality", QUALITY), &fd,
        1, CALL_MS, on_made, call);
    if (r < 0) {
        free(call);
        return r;
    }
    camera->asked = true;
    p->calls++;
    return 0;
}

/* The small stream when there is one: decoding it costs a tenth. */
static void take_picture(struct previews *p, struct watched *camera)
{
    struct nvr_buf buf;
    int r;

    nvr_buf_init(&buf, GOP_KEY_MAX);
    r = copy_key_frame(p, camera, "sub", &buf);
    if (r < 0 && r != -EALREADY) {
        nvr_buf_reset(&buf);
        r = copy_key_frame(p, camera, "main", &buf);
    }
    if (r == 0)
        r = send_picture(p, camera, &buf);
    nvr_buf_done(&buf);
    camera->due_ms =
        nvr_clock_mono_ms() + (r == 0 ? p->interval_ms : NVR_MIN(p->interval_ms, RETRY_MS));
}

/* ---- the clock ---- */

static void on_timer(uv_timer_t *timer);

static void arm(struct previews *p)
{
    int64_t due_ms = INT64_MAX;

    if (!p->timer) /* at its end */
        return;
    for (const struct watched *camera = p->cameras; camera; camera = camera->next)
        due_ms = NVR_MIN(due_ms, camera->due_ms);
    if (!p->ready || due_ms == INT64_MAX || p->storage->stopping) {
        (void)uv_timer_stop(p->timer);
        return;
    }
    uv_update_time(p->storage->loop);
    (void)uv_timer_start(p->timer, on_timer,
                         (uint64_t)NVR_MAX(due_ms - nvr_clock_mono_ms(), INT64_C(1)), 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct previews *p = timer->data;
    const int64_t now_ms = nvr_clock_mono_ms();

    for (struct watched *camera = p->cameras; camera; camera = camera->next) {
        if (camera->due_ms > now_ms)
            continue;
        if (camera->asked) /* the one before is not done: this one is left out */
            camera->due_ms = now_ms + p->interval_ms;
        else
            take_picture(p, camera);
    }
    arm(p);
}

/* ---- which cameras ---- */

static void add_camera(struct previews *p, const char *id, size_t place, size_t count)
{
    struct watched *camera = calloc(1, sizeof(*camera));

    if (!camera)
        return;
    memcpy(camera->id, id, strlen(id) + 1);
    /* Spread over the interval. */
    camera->due_ms =
        nvr_clock_mono_ms() + p->interval_ms * (int64_t)(place + 1) / (int64_t)(count + 1);
    camera->next = p->cameras;
    p->cameras = camera;
}

static void forget_gone(struct previews *p)
{
    struct watched **at = &p->cameras;

    while (*at) {
        struct watched *camera = *at;

        if (!camera->gone) {
            at = &camera->next;
            continue;
        }
        *at = camera->next;
        free(camera);
    }
}

static void follow_config(struct previews *p)
{
    const struct nvr_config *config = nvr_supervisor_get_config(p->storage->supervisor);
    const size_t count = nvr_config_get_camera_count(config);

    p->interval_ms = (int64_t)nvr_config_get_system(config)->thumbnail_interval_seconds * 1000;
    for (struct watched *camera = p->cameras; camera; camera = camera->next)
        camera->gone = true;
    for (size_t i = 0; i < count; i++) {
        const struct nvr_camera_config *wanted = nvr_config_get_camera(config, i);
        struct watched *camera = find(p, wanted->id);

        if (!wanted->enabled || !wanted->recording.enabled)
            continue;
        if (camera)
            camera->gone = false;
        else
            add_camera(p, wanted->id, i, count);
    }
    forget_gone(p);
    arm(p);
}

static void on_config(const struct nvr_bus_message *message, void *arg)
{
    (void)message;
    follow_config(arg);
}

/* ---- the service ---- */

static void on_ready(struct nvr_rpc *rpc, const struct nvr_rpc_reply *reply, void *arg)
{
    struct previews *p = arg;

    (void)rpc;
    p->ready = reply->error == 0;
    if (reply->error && reply->error != -ECONNRESET)
        log_warn("previews: %s", reply->message);
    arm(p);
    call_is_over(p);
}

static void on_started(struct nvr_service *service, void *arg)
{
    struct previews *p = arg;
    NVR_AUTO_FD int fd = open(p->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    int r = fd < 0 ? -errno : 0;

    if (r == 0)
        r = nvr_rpc_call(nvr_service_get_rpc(service), "start", NULL, &fd, 1, CALL_MS, on_ready, p);
    if (r < 0)
        (void)log_err(r, "previews in '%s'", p->root);
    else
        p->calls++;
}

static void on_exited(struct nvr_service *service, void *arg)
{
    struct previews *p = arg;

    (void)service;
    p->ready = false;
    arm(p);
}

/* ---- old packs ---- */

/* Walk over one day's folder; true when nothing is left in it. */
static bool tidy_day(const char *path, const char *day, int64_t before_ms, int64_t *bytes)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    bool empty = true;

    if (!dir)
        return false;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else reads this stream
    while ((entry = readdir(dir)) != NULL) {
        const int64_t hour_ms = nvr_preview_parse_name(day, entry->d_name);
        struct stat st;

        if (entry->d_name[0] == '.')
            continue;
        if (hour_ms >= 0 && hour_ms + NVR_PREVIEW_HOUR_MS <= before_ms &&
            unlinkat(dirfd(dir), entry->d_name, 0) == 0)
            continue;
        empty = false;
        if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            *bytes += st.st_blocks * INT64_C(512);
    }
    (void)closedir(dir);
    return empty;
}

static void tidy_camera(const char *root, const char *id, int64_t before_ms, int64_t *bytes)
{
    char path[PATH_MAX];
    const struct dirent *entry;
    DIR *dir;

    if (nvr_path_join(path, sizeof(path), root, id) < 0 || !(dir = opendir(path)))
        return;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else reads this stream
    while ((entry = readdir(dir)) != NULL) {
        char day[PATH_MAX];

        if (entry->d_name[0] == '.' || nvr_path_join(day, sizeof(day), path, entry->d_name) < 0)
            continue;
        if (tidy_day(day, entry->d_name, before_ms, bytes))
            (void)rmdir(day);
    }
    (void)closedir(dir);
    (void)rmdir(path); /* succeeds only when it is empty */
}

static bool is_known(const struct previews *p, const char *id)
{
    for (size_t i = 0; i < p->known_count; i++)
        if (strcmp(p->known[i], id) == 0)
            return true;
    return false;
}

/* Pictures are kept as long as there is something older to play; those of a camera that was removed
 * with its recordings go at once. */
static int64_t keep_from(struct previews *p, struct nvr_db *db, const char *id)
{
    struct nvr_recordings_totals totals = {0};
    const int r = nvr_recordings_totals(db, id, &totals);

    if (r == 0)
        return totals.first_ms;
    if (r != -ENOENT)
        return 0;
    return is_known(p, id) ? nvr_clock_wall_ms() - KEEP_UNKNOWN_MS : INT64_MAX;
}

/* Pool thread. */
static void run_tidy(uv_work_t *work)
{
    struct previews *p = work->data;
    const struct dirent *entry;
    struct nvr_db *db;
    int64_t bytes = 0;
    DIR *dir;

    if (nvr_store_read_begin(p->storage->store, &db) < 0)
        return;
    dir = opendir(p->root);
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else reads this stream
    while (dir && (entry = readdir(dir)) != NULL)
        if (nvr_slug_is_valid(entry->d_name))
            tidy_camera(p->root, entry->d_name, keep_from(p, db, entry->d_name), &bytes);
    if (dir)
        (void)closedir(dir);
    nvr_store_read_end(p->storage->store, db);
    p->tidied_bytes = bytes;
}

static void on_tidied(uv_work_t *work, int status)
{
    struct previews *p = work->data;

    (void)status;
    p->tidying = false;
    p->bytes = p->tidied_bytes;
    free(NVR_TAKE(p->known));
    storage_check_stopped(p->storage);
}

static void on_tidy_timer(uv_timer_t *timer)
{
    struct previews *p = timer->data;

    const struct nvr_config *config = nvr_supervisor_get_config(p->storage->supervisor);

    if (p->tidying)
        return;
    p->known_count = nvr_config_get_camera_count(config);
    p->known = calloc(p->known_count + 1, sizeof(*p->known));
    if (!p->known)
        return;
    for (size_t i = 0; i < p->known_count; i++)
        memcpy(p->known[i], nvr_config_get_camera(config, i)->id, NVR_SLUG_SIZE);
    p->tidy.data = p;
    p->tidying = uv_queue_work(p->storage->loop, &p->tidy, run_tidy, on_tidied) == 0;
}

/* ---- the part ---- */

static int start_parts(struct previews *p)
{
    static const struct nvr_service_hooks hooks = {.on_started = on_started,
                                                   .on_exited = on_exited};
    int r = nvr_path_join(p->root, sizeof(p->root),
                          nvr_supervisor_get_data_dir(p->storage->supervisor), "previews");

    if (r == 0)
        r = nvr_mkdir_p(p->root, 0750);
    if (r < 0)
        return r;
    p->timer = nvr_timer_new(p->storage->loop, p);
    p->tidy_timer = nvr_timer_new(p->storage->loop, p);
    if (!p->timer || !p->tidy_timer)
        return -ENOMEM;
    r = nvr_bus_subscribe(p->storage->bus, "config.changed", on_config, p, &p->subscription);
    if (r < 0)
        return r;
    follow_config(p);
    r = uv_timer_start(p->tidy_timer, on_tidy_timer, TIDY_FIRST_MS, TIDY_EVERY_MS);
    if (r == 0)
        r = nvr_supervisor_service_new(p->storage->supervisor, "preview", &hooks, p, &p->service);
    return r;
}

int previews_start(struct nvr_storage *storage)
{
    storage->previews = calloc(1, sizeof(*storage->previews));
    if (!storage->previews)
        return -ENOMEM;
    storage->previews->storage = storage;
    return start_parts(storage->previews);
}

void previews_stop(struct nvr_storage *storage)
{
    struct previews *p = storage->previews;

    if (!p)
        return;
    nvr_timer_free(NVR_TAKE(p->timer));
    nvr_timer_free(NVR_TAKE(p->tidy_timer));
    nvr_bus_unsubscribe(NVR_TAKE(p->subscription));
    nvr_service_stop(NVR_TAKE(p->service));
}

bool previews_is_idle(const struct nvr_storage *storage)
{
    const struct previews *p = storage->previews;

    return !p || (!p->tidying && !p->calls);
}

void previews_free(struct nvr_storage *storage)
{
    struct previews *p = storage->previews;

    if (!p)
        return;
    for (struct watched *camera = p->cameras; camera; camera = camera->next)
        camera->gone = true;
    forget_gone(p);
    free(p->known);
    free(NVR_TAKE(storage->previews));
}

void previews_to_json(struct nvr_storage *storage, json_t *object)
{
    const struct previews *p = storage->previews;

    if (p)
        (void)json_object_set_new(object, "previews",
                                  json_pack("{s:I, s:I, s:I}", "bytes", (json_int_t)p->bytes,
                                            "made", (json_int_t)p->made, "failed",
                                            (json_int_t)p->failed));
}

const char *previews_root(const struct nvr_storage *storage)
{
    return storage->previews->root;
}
