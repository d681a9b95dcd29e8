/* A finished segment: checked, written to the store, and only then acknowledged. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/hex.h"
#include "lib/base/log.h"
#include "lib/store/causes.h"
#include "lib/store/retention.h"
#include "src/supervisor/private.h"

NVR_LOG_TOPIC("segment");

#define FILE_SIZE_MAX (INT64_C(1) << 40)
#define DURATION_MAX_MS (INT64_C(3600) * 1000)
#define STARTS_MAX 100 /* files of one camera that begin in one millisecond, nearly */

struct segment_write {
    struct nvr_supervisor *supervisor;
    uint64_t generation;
    int64_t request_id;
    int result;
    int64_t pre_ms, post_ms;
    struct nvr_recording recording;
};

/* A text of at most size-1 bytes from `allowed` (NULL: any). */
static int get_text(const json_t *params, const char *key, const char *allowed, char *dst,
                    size_t size)
{
    const char *text = "";

    if (json_is_null(json_object_get(params, key)))
        return 0;
    if (nvr_json_get_str(params, key, &text) < 0 || strlen(text) >= size ||
        (allowed && text[strspn(text, allowed)]))
        return -EINVAL;
    memcpy(dst, text, strlen(text) + 1);
    return 0;
}

static int get_uint32(const json_t *params, const char *key, int64_t max, uint32_t *ret_value)
{
    int64_t value = 0;

    if (nvr_json_get_int(params, key, 0, max, &value) < 0)
        return -EINVAL;
    *ret_value = (uint32_t)value;
    return 0;
}

static int get_keys(const json_t *list, struct nvr_recording *recording)
{
    const size_t count = json_array_size(list);

    if (list && !json_is_array(list))
        return -EINVAL;
    for (size_t i = 0; i < count && recording->keys_count < NVR_RECORDING_KEYS_MAX; i++) {
        const json_t *pair = json_array_get(list, i);
        const json_int_t ms = json_integer_value(json_array_get(pair, 0));
        const json_int_t offset = json_integer_value(json_array_get(pair, 1));

        if (json_array_size(pair) != 2 || ms < 0 || ms > DURATION_MAX_MS || offset < 0 ||
            offset > recording->file_size || offset > UINT32_MAX)
            return -EINVAL;
        recording->keys[recording->keys_count].ms = (uint32_t)ms;
        recording->keys[recording->keys_count].offset = (uint32_t)offset;
        recording->keys_count++;
    }
    return 0;
}

static int get_digests(const json_t *list, struct nvr_recording *recording)
{
    const size_t count = json_array_size(list);
    uint64_t last = 0;

    if (list && (!json_is_array(list) || count > NVR_RECORDING_DIGESTS_MAX))
        return -EINVAL;
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(list, i);
        const json_int_t ms = json_integer_value(json_array_get(entry, 0));
        const json_int_t offset = json_integer_value(json_array_get(entry, 1));
        const char *hex = json_string_value(json_array_get(entry, 2));
        struct nvr_prefix_digest *digest = &recording->digests[i];

        if (ms < 0 || ms > DURATION_MAX_MS || offset <= (json_int_t)last ||
            offset > recording->file_size || offset > UINT32_MAX || !hex ||
            nvr_hex_decode(hex, digest->sha256, sizeof(digest->sha256)) < 0)
            return -EINVAL;
        digest->ms = (uint32_t)ms;
        digest->offset = last = (uint64_t)offset;
    }
    recording->digests_count = (uint32_t)count;
    return 0;
}

static int get_place(const char *camera_id, const json_t *params, struct nvr_recording *recording)
{
    const size_t id_len = strlen(camera_id);

    memcpy(recording->camera_id, camera_id, id_len + 1);
    memcpy(recording->stream, "main", sizeof("main"));
    memcpy(recording->tier, "hot", sizeof("hot"));
    /* The file lies below its own camera's folder, whatever the worker says. */
    if (get_text(params, "path", NULL, recording->file_path, sizeof(recording->file_path)) < 0 ||
        !nvr_path_is_safe(recording->file_path) ||
        strncmp(recording->file_path, camera_id, id_len) != 0 ||
        recording->file_path[id_len] != '/' ||
        get_text(params, "stream", "abcdefghijklmnopqrstuvwxyz", recording->stream,
                 sizeof(recording->stream)) < 0)
        return -EINVAL;
    return 0;
}

int segment_parse(const char *camera_id, const json_t *params, struct nvr_recording *ret_recording)
{
    static const char hex[] = "0123456789abcdef";
    struct nvr_recording *recording = ret_recording;

    memset(recording, 0, sizeof(*recording));
    if (get_place(camera_id, params, recording) < 0)
        return -EINVAL;
    if (nvr_json_get_int(params, "start_ms", 1, INT64_MAX / 2, &recording->start_ms) != 1 ||
        nvr_json_get_int(params, "end_ms", recording->start_ms,
                         recording->start_ms + DURATION_MAX_MS, &recording->end_ms) != 1 ||
        nvr_json_get_int(params, "file_size", 1, FILE_SIZE_MAX, &recording->file_size) != 1 ||
        nvr_json_get_int(params, "bitrate", 0, INT64_MAX, &recording->bitrate) < 0 ||
        nvr_json_get_double(params, "fps", 0, 100000, &recording->fps) < 0)
        return -EINVAL;
    if (get_text(params, "codec", NULL, recording->codec, sizeof(recording->codec)) < 0 ||
        get_text(params, "audio_codec", NULL, recording->audio_codec,
                 sizeof(recording->audio_codec)) < 0 ||
        get_text(params, "codec_string", NULL, recording->codec_string,
                 sizeof(recording->codec_string)) < 0 ||
        get_text(params, "init_id", hex, recording->init_id, sizeof(recording->init_id)) < 0 ||
        get_text(params, "checksum", hex, recording->checksum, sizeof(recording->checksum)) < 0)
        return -EINVAL;
    if (get_uint32(params, "width", 65535, &recording->width) < 0 ||
        get_uint32(params, "height", 65535, &recording->height) < 0 ||
        get_uint32(params, "init_size", INT32_MAX, &recording->init_size) < 0)
        return -EINVAL;
    if (get_digests(json_object_get(params, "digests"), recording) < 0)
        return -EINVAL;
    return get_keys(json_object_get(params, "keyframes"), recording);
}

int segment_parse_holes(const json_t *params, const struct nvr_recording *recording,
                        struct segment_holes *ret_holes)
{
    const json_t *list = json_object_get(params, "holes");
    const size_t count = json_array_size(list);
    const int64_t length_ms = recording->end_ms - recording->start_ms;

    ret_holes->count = 0;
    if ((list && !json_is_array(list)) || count > SEGMENT_HOLES_MAX)
        return -EINVAL;
    for (size_t i = 0; i < count; i++) {
        const json_t *pair = json_array_get(list, i);
        const json_int_t from_ms = json_integer_value(json_array_get(pair, 0));
        const json_int_t to_ms = json_integer_value(json_array_get(pair, 1));

        if (json_array_size(pair) != 2 || from_ms < 0 || to_ms <= from_ms || to_ms > length_ms)
            return -EINVAL;
        ret_holes->items[i].start_ms = recording->start_ms + from_ms;
        ret_holes->items[i].end_ms = recording->start_ms + to_ms;
    }
    ret_holes->count = count;
    return 0;
}

int segment_write_holes(struct nvr_db *db, const char *camera_id, const struct segment_holes *holes)
{
    int r = 0;

    for (size_t i = 0; i < holes->count && r == 0; i++)
        r = nvr_causes_add_inside(db, camera_id, holes->items[i].start_ms, holes->items[i].end_ms,
                                  NVR_CAUSE_NETWORK, RECORDING_SILENT_WORDS);
    return r;
}

/* A clock that was set back lets a second file begin in the same millisecond: it goes in behind the
 * first one, whose row it must not take. */
static int free_start(struct nvr_db *db, struct nvr_recording *recording)
{
    NVR_AUTO_FREE struct nvr_recording *other = malloc(sizeof(*other));

    if (!other)
        return -ENOMEM;
    for (int i = 0; i < STARTS_MAX; i++) {
        const int r = nvr_recordings_get(db, recording->camera_id, recording->start_ms, other);

        if (r == -ENOENT || (r == 0 && strcmp(other->file_path, recording->file_path) == 0))
            return 0;
        if (r < 0)
            return r;
        recording->start_ms++;
        recording->end_ms = NVR_MAX(recording->end_ms, recording->start_ms);
    }
    return -EEXIST;
}

int segment_write_row(struct nvr_db *db, struct nvr_recording *recording, int64_t pre_ms,
                      int64_t post_ms)
{
    int r = free_start(db, recording);

    if (r == 0)
        r = nvr_recordings_upsert(db, recording);

    if (r == 0)
        r = nvr_triggers_mark(db, recording->camera_id, recording->start_ms, recording->end_ms,
                              pre_ms, post_ms);
    if (r == 0)
        r = nvr_protected_mark(db, recording->camera_id, recording->start_ms, recording->end_ms);
    return r;
}

static int write_row(struct nvr_db *db, void *arg)
{
    struct segment_write *write = arg;

    return segment_write_row(db, &write->recording, write->pre_ms, write->post_ms);
}

static void acknowledge(void *arg)
{
    struct segment_write *write = arg;
    const char *id = write->recording.camera_id;
    struct camera *camera = write->supervisor->cameras;
    int r = 0;

    while (camera && strcmp(camera->config.id, id) != 0)
        camera = camera->next;
    if (camera && write->result == 0)
        recording_gaps_stored(camera, write->recording.start_ms, write->recording.end_ms);
    /* Its worker may be another by now: that one is not asked. */
    if (camera && camera->worker.rpc && camera->worker.generation == write->generation) {
        if (write->result == 0)
            r = nvr_rpc_reply_result(camera->worker.rpc, write->request_id, NULL, NULL, 0);
        else
            r = nvr_rpc_reply_error(camera->worker.rpc, write->request_id, NVR_RPC_FAILED,
                                    nvr_strerror(write->result), NULL);
    }
    if (r < 0)
        (void)log_debug_err(r, "acknowledge a segment of %s", id);
    free(write);
}

/* In the writer's thread. */
static void on_written(int result, void *arg)
{
    struct segment_write *write = arg;

    write->result = result;
    if (result < 0)
        (void)log_err(result, "store %s", write->recording.file_path);
    if (nvr_post_send(write->supervisor->post, acknowledge, write) < 0)
        free(write);
}

void segment_store(struct camera *camera, const struct nvr_rpc_request *request)
{
    struct nvr_supervisor *sv = camera->supervisor;
    struct segment_write *write = malloc(sizeof(*write));
    int r = write ? segment_parse(camera->config.id, request->params, &write->recording) : -ENOMEM;

    if (r == 0) {
        write->supervisor = sv;
        recording_get_rolls(sv, camera->config.id, &write->pre_ms, &write->post_ms);
        write->generation = camera->worker.generation;
        write->request_id = request->id;
        r = nvr_store_write(sv->store, write_row, on_written, write);
        if (r == 0)
            return;
    }
    free(write);
    (void)log_err(r, "camera %s: segment refused", camera->config.id);
    if (nvr_rpc_reply_error(camera->worker.rpc, request->id,
                            r == -EINVAL ? NVR_RPC_INVALID_PARAMS : NVR_RPC_FAILED, nvr_strerror(r),
                            NULL) < 0)
        log_debug("camera %s: nobody to answer", camera->config.id);
}
