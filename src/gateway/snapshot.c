/* GET cameras/{id}/snapshot: a picture of now (newest group of pictures of the ring) or of a
 * recorded moment (a range of a segment file), decoded by a `still` worker in the sandbox.
 *
 * Same request within NVR_SNAPSHOT_SHARE_MS: one picture for all. At most NVR_SNAPSHOT_JOBS_MAX
 * decoders, NVR_SNAPSHOT_WAITING_MAX more wait. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/memfd.h"
#include "lib/media/timeline.h"
#include "lib/store/recordings.h"
#include "src/gateway/private.h"

NVR_LOG_TOPIC("snapshot");

#define BUDGET_NOW_MS 50
#define BUDGET_AT_MS 2000

struct key {
    char camera[NVR_SLUG_SIZE];
    char stream[8];
    int64_t width, quality;
    int64_t at_ms; /* -1: now */
};

/* Encoded bytes in a file, for the worker. */
struct material {
    int fd;
    int64_t offset, length;
    int64_t init_offset, init_length;
};

enum shot_state { SHOT_LOOKING, SHOT_WAITING, SHOT_DECODING, SHOT_DONE };

/* One picture and those who wait for it. */
struct shot {
    struct shot *next;
    struct nvr_snapshots *owner;
    struct key key;
    enum shot_state state;
    struct material material;
    struct nvr_job *job;
    struct nvr_http_request **waiters; /* referenced */
    size_t waiters_count;
    struct nvr_buf jpeg;
    int64_t time_ms; /* of the picture */
    int64_t done_ms; /* monotonic */
};

struct nvr_snapshots {
    struct nvr_gateway *gateway;
    struct shot *shots;
    unsigned decoding, waiting;
    uv_timer_t *timer; /* forgets old pictures */
    bool stopping;
};

static void start_next(struct nvr_snapshots *owner);

static void free_shot(struct shot *shot)
{
    struct shot **link = &shot->owner->shots;

    while (*link != shot)
        link = &(*link)->next;
    *link = shot->next;
    assert(!shot->waiters_count);
    free(shot->waiters);
    if (shot->material.fd >= 0)
        close(shot->material.fd);
    nvr_buf_done(&shot->jpeg);
    free(shot);
}

/* ---- answers ---- */

static void reply_picture(const struct shot *shot, struct nvr_http_request *request)
{
    struct nvr_buf copy;
    char stamp[32];

    nvr_buf_init(&copy, NVR_SNAPSHOT_JPEG_MAX);
    (void)nvr_buf_append(&copy, shot->jpeg.data, shot->jpeg.len);
    (void)nvr_fmt(stamp, sizeof(stamp), "%lld", (long long)shot->time_ms);
    nvr_http_add_header(request, "X-Timestamp", stamp);
    nvr_http_reply_buf_take(request, 200, "image/jpeg", &copy);
}

static void finish_shot(struct shot *shot)
{
    for (size_t i = 0; i < shot->waiters_count; i++) {
        reply_picture(shot, shot->waiters[i]);
        nvr_http_unref(shot->waiters[i]);
        nvr_http_release(shot->owner->gateway->http);
    }
    shot->waiters_count = 0;
    shot->state = SHOT_DONE;
    shot->done_ms = nvr_clock_mono_ms();
}

static void fail_shot(struct shot *shot, unsigned status, const char *code, const char *message)
{
    for (size_t i = 0; i < shot->waiters_count; i++) {
        nvr_http_reply_error(shot->waiters[i], status, code, "%s", message);
        nvr_http_unref(shot->waiters[i]);
        nvr_http_release(shot->owner->gateway->http);
    }
    shot->waiters_count = 0;
    free_shot(shot);
}

/* ---- decoding ---- */

static void take_result(struct shot *shot, const struct nvr_job_result *result)
{
    int64_t time_ms = shot->key.at_ms >= 0 ? shot->key.at_ms : nvr_clock_wall_ms();

    if (result->error == -ETIMEDOUT) {
        fail_shot(shot, 504, "timeout", "The picture took too long.");
        return;
    }
    if (result->error < 0) {
        log_warn("camera %s: no picture: %s", shot->key.camera,
                 result->message ? result->message : strerrordesc_np(-result->error));
        fail_shot(shot, 503, "no_picture", "The picture could not be decoded.");
        return;
    }
    if (!result->fd || *result->fd < 0 || nvr_memfd_read(*result->fd, &shot->jpeg) < 0 ||
        !shot->jpeg.len) {
        fail_shot(shot, 503, "no_picture", "The picture could not be decoded.");
        return;
    }
    if (nvr_json_get_int(result->result, "time_ms", 0, INT64_MAX, &time_ms) > 0)
        shot->time_ms = time_ms;
    finish_shot(shot);
}

static void on_decoded(const struct nvr_job_result *result, void *arg)
{
    struct shot *shot = arg;
    struct nvr_snapshots *owner = shot->owner;

    shot->job = NULL;
    owner->decoding--;
    take_result(shot, result);
    start_next(owner);
}

static void decode(struct shot *shot)
{
    struct nvr_snapshots *owner = shot->owner;
    const bool is_now = shot->key.at_ms < 0;
    const struct material *material = &shot->material;
    json_t *params = json_pack(
        "{s:I, s:I, s:I, s:i, s:I, s:I, s:I, s:I}", "width", (json_int_t)shot->key.width, "quality",
        (json_int_t)shot->key.quality, "target_us",
        (json_int_t)(is_now ? 0 : shot->key.at_ms * 1000), "budget_ms",
        is_now ? BUDGET_NOW_MS : BUDGET_AT_MS, "offset", (json_int_t)material->offset, "length",
        (json_int_t)material->length, "init_offset", (json_int_t)material->init_offset,
        "init_length", (json_int_t)material->init_length);
    int r;

    shot->state = SHOT_DECODING;
    owner->decoding++;
    r = nvr_supervisor_job(owner->gateway->supervisor, "still", params,
                           NVR_TAKE_FD(shot->material.fd), NVR_SNAPSHOT_TIMEOUT_MS, on_decoded,
                           shot, &shot->job);
    if (r < 0) {
        owner->decoding--;
        (void)log_err(r, "start a decoder");
        fail_shot(shot, 503, "unavailable", "No decoder could be started.");
    }
}

static void start_next(struct nvr_snapshots *owner)
{
    struct shot *oldest = NULL;

    if (owner->decoding >= NVR_SNAPSHOT_JOBS_MAX)
        return;
    for (struct shot *shot = owner->shots; shot; shot = shot->next)
        if (shot->state == SHOT_WAITING)
            oldest = shot; /* new ones stand in front */
    if (!oldest)
        return;
    owner->waiting--;
    decode(oldest);
}

static void enqueue(struct shot *shot)
{
    struct nvr_snapshots *owner = shot->owner;

    if (owner->stopping) {
        fail_shot(shot, 503, "unavailable", "Heron is stopping.");
        return;
    }
    if (owner->waiting >= NVR_SNAPSHOT_WAITING_MAX) {
        fail_shot(shot, 503, "unavailable", "Too many pictures are asked for just now.");
        return;
    }
    owner->waiting++;
    shot->state = SHOT_WAITING;
    start_next(owner);
}

/* ---- now: the ring ---- */

/* The newest key frame at or before at_us becomes the next entry. -ENOENT: the ring does not hold
 * that time, or holds no key frame before it. */
static int seek_moment(struct nvr_ring_reader *reader, int64_t at_us)
{
    struct nvr_ring_entry entry;
    int64_t key_us = -1;
    int64_t end_us = 0;
    const uint8_t *data;
    int r = nvr_ring_reader_seek_time(reader, 0);

    while (r >= 0 && (r = nvr_ring_reader_next_borrow(reader, &entry, &data)) > 0) {
        end_us = entry.dts_us + entry.duration_us;
        if (entry.dts_us > at_us)
            break;
        if (entry.flags & NVR_RING_KEY)
            key_us = entry.dts_us;
    }
    if (r < 0)
        return r;
    if (key_us < 0 || end_us + NVR_TIMELINE_JOIN_MS * 1000 < at_us)
        return -ENOENT;
    return nvr_ring_reader_seek_time(reader, key_us);
}

/* Init and everything from the newest key frame on, or, with a time, from the key frame before it
 * up to it. */
static int copy_gop(struct nvr_ring_reader *reader, int64_t at_ms, struct nvr_buf *buf,
                    int64_t *ret_init_length, int64_t *ret_time_ms)
{
    struct nvr_ring_init *init;
    struct nvr_ring_entry entry;
    uint32_t epoch;
    int r;

    r = at_ms < 0 ? nvr_ring_reader_seek_key(reader) : seek_moment(reader, at_ms * 1000);
    if (r < 0)
        return r;
    r = nvr_ring_reader_peek(reader, &entry);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    epoch = entry.epoch;
    init = malloc(sizeof(*init));
    if (!init)
        return -ENOMEM;
    r = nvr_ring_reader_get_init(reader, epoch, init);
    if (r == 0)
        r = nvr_buf_append(buf, init->data, init->size);
    *ret_init_length = init->size;
    free(init);
    if (r < 0)
        return r;
    for (;;) {
        r = nvr_ring_reader_peek(reader, &entry);
        if (r <= 0 || entry.epoch != epoch ||
            (at_ms >= 0 && buf->len > (size_t)*ret_init_length && entry.dts_us > at_ms * 1000))
            break;
        r = nvr_ring_reader_next(reader, &entry, buf);
        if (r <= 0)
            break;
        if (!(entry.flags & NVR_RING_AUDIO_ONLY))
            *ret_time_ms = entry.dts_us / 1000;
    }
    /* What was copied before the writer overtook us is still good. */
    return buf->len > (size_t)*ret_init_length ? 0 : -ENOENT;
}

static int look_into_ring(struct shot *shot)
{
    NVR_AUTO(nvr_ring_reader) reader = NULL;
    struct nvr_buf buf;
    int r;

    r = nvr_supervisor_live_reader(shot->owner->gateway->supervisor, shot->key.camera,
                                   shot->key.stream, &reader);
    if (r < 0)
        return r;
    nvr_buf_init(&buf, NVR_SNAPSHOT_GOP_MAX);
    r = copy_gop(reader, shot->key.at_ms, &buf, &shot->material.init_length, &shot->time_ms);
    if (r == 0) {
        r = nvr_memfd_write("still", buf.data, buf.len);
        shot->material.fd = r;
        shot->material.offset = shot->material.init_length;
        shot->material.length = (int64_t)buf.len - shot->material.init_length;
    }
    nvr_buf_done(&buf);
    return r < 0 ? r : 0;
}

static void look_now(struct shot *shot)
{
    const int r = look_into_ring(shot);

    if (r == 0)
        enqueue(shot);
    else if (r == -EAGAIN || r == -ENOENT || r == -ESTALE || r == -EPROTO)
        fail_shot(shot, 503, "camera_offline", "There is no picture from this camera just now.");
    else if (r == -ENOTSUP)
        fail_shot(shot, 404, "not_found", "The camera has no such stream.");
    else
        fail_shot(shot, 500, "internal", strerrordesc_np(-r));
}

/* ---- a recorded moment ---- */

struct lookup {
    struct shot *shot;
    struct nvr_store *store;
    struct key key;
    struct material material;
    struct nvr_recording recording;
    int result;
};

/* The group of pictures that holds at. */
static void choose_region(const struct nvr_recording *recording, int64_t at_ms,
                          struct material *material)
{
    const int64_t ms = at_ms - recording->start_ms;
    int64_t begin = recording->init_size;
    int64_t end = recording->file_size;

    for (uint32_t i = 0; i < recording->keys_count; i++) {
        if ((int64_t)recording->keys[i].ms <= ms) {
            begin = recording->keys[i].offset;
        } else {
            end = recording->keys[i].offset;
            break;
        }
    }
    material->init_offset = 0;
    material->init_length = recording->init_size;
    material->offset = begin;
    material->length = end - begin;
}

/* Pool thread. */
static void run_lookup(void *arg)
{
    struct lookup *lookup = arg;
    struct nvr_db *db;

    lookup->result = nvr_store_read_begin(lookup->store, &db);
    if (lookup->result < 0)
        return;
    lookup->result =
        nvr_recordings_find(db, lookup->key.camera, lookup->key.at_ms, &lookup->recording);
    nvr_store_read_end(lookup->store, db);
    if (lookup->result == 0)
        choose_region(&lookup->recording, lookup->key.at_ms, &lookup->material);
}

static void finish_lookup(struct lookup *lookup)
{
    struct shot *shot = lookup->shot;

    if (lookup->result == 0) {
        shot->material = lookup->material;
        enqueue(shot);
    } else if (lookup->result == -ENOENT && look_into_ring(shot) == 0) {
        enqueue(shot); /* the file that holds it is not finished yet */
    } else if (lookup->result == -ENOENT) {
        fail_shot(shot, 404, "no_recording", "Nothing was recorded at this time.");
    } else if (lookup->result == -ETIMEDOUT) {
        fail_shot(shot, 504, "timeout", "The storage that holds this moment is too slow.");
    } else {
        (void)log_err(lookup->result, "find a recording of %s", lookup->key.camera);
        fail_shot(shot, lookup->recording.location ? 503 : 500,
                  lookup->recording.location ? "storage_unavailable" : "internal",
                  lookup->recording.location
                      ? "The storage that holds this moment cannot be reached now."
                      : strerrordesc_np(-lookup->result));
    }
    free(lookup);
}

static void on_opened(int fd, int64_t size, void *arg)
{
    struct lookup *lookup = arg;

    (void)size;
    lookup->material.fd = NVR_MAX(fd, -1);
    lookup->result = NVR_MIN(fd, 0);
    finish_lookup(lookup);
}

static void on_lookup(struct nvr_http_request *request, void *arg)
{
    struct lookup *lookup = arg;

    (void)request;
    if (lookup->result == 0)
        nvr_storage_open(lookup->shot->owner->gateway->storage, &lookup->recording, on_opened,
                         lookup);
    else
        finish_lookup(lookup);
}

static void look_recorded(struct shot *shot, struct nvr_http_request *request)
{
    struct nvr_gateway *gateway = shot->owner->gateway;
    struct lookup *lookup = calloc(1, sizeof(*lookup));
    int r = -ENOMEM;

    if (lookup) {
        *lookup = (struct lookup){
            .shot = shot,
            .store = nvr_supervisor_get_store(gateway->supervisor),
            .key = shot->key,
            .material = {.fd = -1},
        };
        nvr_storage_lease(gateway->storage, shot->key.camera, shot->key.at_ms,
                          shot->key.at_ms + NVR_LEASE_AHEAD_MS, NVR_LEASE_FILE_S);
        r = nvr_work_start(request, &(struct nvr_work){run_lookup, on_lookup, lookup});
    }
    if (r < 0) {
        free(lookup);
        fail_shot(shot, 500, "internal", strerrordesc_np(-r));
    }
}

/* ---- requests ---- */

static bool keys_equal(const struct key *a, const struct key *b)
{
    return strcmp(a->camera, b->camera) == 0 && strcmp(a->stream, b->stream) == 0 &&
           a->width == b->width && a->quality == b->quality && a->at_ms == b->at_ms;
}

static void forget_old(struct nvr_snapshots *owner)
{
    const int64_t now_ms = nvr_clock_mono_ms();

    for (struct shot *shot = owner->shots, *next; shot; shot = next) {
        next = shot->next;
        if (shot->state == SHOT_DONE && now_ms - shot->done_ms >= NVR_SNAPSHOT_SHARE_MS)
            free_shot(shot);
    }
    if (!owner->shots)
        (void)uv_timer_stop(owner->timer);
}

static bool parse_key(struct nvr_http_request *request, struct key *key)
{
    const struct nvr_query *query = nvr_http_get_query(request);
    const char *stream = nvr_query_get(query, "stream");

    *key = (struct key){.width = 0, .quality = 80, .at_ms = -1, .stream = "main"};
    if (nvr_query_get_int(query, "width", 0, 7680, &key->width) < 0)
        nvr_http_reply_bad_query(request, "width", "expected a number from 0 to 7680");
    else if (nvr_query_get_int(query, "quality", 1, 100, &key->quality) < 0)
        nvr_http_reply_bad_query(request, "quality", "expected a number from 1 to 100");
    else if (nvr_query_get_time(query, "at", &key->at_ms) < 0)
        nvr_http_reply_bad_query(request, "at", "expected milliseconds since 1970 or RFC 3339");
    else if (stream && strcmp(stream, "main") != 0 && strcmp(stream, "sub") != 0)
        nvr_http_reply_bad_query(request, "stream", "expected main or sub");
    else {
        if (stream)
            memcpy(key->stream, stream, strlen(stream) + 1);
        return true;
    }
    return false;
}

static int add_waiter(struct shot *shot, struct nvr_http_request *request)
{
    struct nvr_http_request **grown;

    grown = realloc(shot->waiters, (shot->waiters_count + 1) * sizeof(struct nvr_http_request *));
    if (!grown)
        return -ENOMEM;
    shot->waiters = grown;
    shot->waiters[shot->waiters_count++] = nvr_http_ref(request);
    nvr_http_hold(shot->owner->gateway->http);
    return 0;
}

static struct shot *new_shot(struct nvr_snapshots *owner, const struct key *key)
{
    struct shot *shot = calloc(1, sizeof(*shot));

    if (!shot)
        return NULL;
    shot->owner = owner;
    shot->key = *key;
    shot->material.fd = -1;
    shot->time_ms = key->at_ms;
    nvr_buf_init(&shot->jpeg, NVR_SNAPSHOT_JPEG_MAX);
    shot->next = owner->shots;
    owner->shots = shot;
    (void)uv_timer_again(owner->timer);
    return shot;
}

void nvr_handle_snapshot(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    struct nvr_snapshots *owner = gateway->snapshots;
    const char *id = nvr_http_get_param(request, "id");
    struct shot *shot;
    struct key key;

    if (!nvr_camera_exists(gateway, request, id) || !parse_key(request, &key))
        return;
    memcpy(key.camera, id, strlen(id) + 1);
    forget_old(owner);
    for (shot = owner->shots; shot; shot = shot->next)
        if (keys_equal(&shot->key, &key))
            break;
    if (shot && shot->state == SHOT_DONE) {
        reply_picture(shot, request);
        return;
    }
    if (shot) {
        if (add_waiter(shot, request) < 0)
            nvr_http_reply_errno(request, -ENOMEM, "picture");
        return;
    }
    shot = owner->stopping ? NULL : new_shot(owner, &key);
    if (!shot || add_waiter(shot, request) < 0) {
        if (shot)
            free_shot(shot);
        nvr_http_reply_errno(request, owner->stopping ? -ECANCELED : -ENOMEM, "picture");
        return;
    }
    if (key.at_ms < 0)
        look_now(shot);
    else
        look_recorded(shot, request);
}

/* ---- life ---- */

static void on_timer(uv_timer_t *timer)
{
    forget_old(timer->data);
}

int nvr_snapshots_new(struct nvr_gateway *gateway, struct nvr_snapshots **ret_snapshots)
{
    struct nvr_snapshots *owner = calloc(1, sizeof(*owner));

    if (!owner)
        return -ENOMEM;
    owner->timer = calloc(1, sizeof(*owner->timer));
    if (!owner->timer) {
        free(owner);
        return -ENOMEM;
    }
    owner->gateway = gateway;
    (void)uv_timer_init(nvr_http_get_loop(gateway->http), owner->timer);
    owner->timer->data = owner;
    (void)uv_timer_start(owner->timer, on_timer, NVR_SNAPSHOT_SHARE_MS, NVR_SNAPSHOT_SHARE_MS);
    (void)uv_timer_stop(owner->timer);
    *ret_snapshots = owner;
    return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle);
}

void nvr_snapshots_stop(struct nvr_snapshots *owner)
{
    owner->stopping = true;
    for (struct shot *shot = owner->shots, *next; shot; shot = next) {
        next = shot->next;
        if (shot->state == SHOT_LOOKING)
            continue; /* ends by itself: its work is running */
        if (shot->job)
            nvr_supervisor_job_cancel(shot->job);
        fail_shot(shot, 503, "unavailable", "Heron is stopping.");
    }
    uv_close((uv_handle_t *)owner->timer, on_timer_closed);
}

void nvr_snapshots_free(struct nvr_snapshots *owner)
{
    if (!owner)
        return;
    assert(!owner->shots);
    free(owner);
}
