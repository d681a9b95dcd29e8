/* Recordings: list, one, its file for players and for people. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/hex.h"
#include "lib/base/log.h"
#include "lib/store/recordings.h"
#include "src/gateway/download.h"
#include "src/gateway/file_reply.h"
#include "src/gateway/private.h"

NVR_LOG_TOPIC("gateway");

#define JSON "application/json"

/* Its link of the camera's chain; null: it is from before there was one. */
static json_t *link_to_json(const struct nvr_recording *recording)
{
    char chain[2 * NVR_SHA256_SIZE + 1];
    char prev[2 * NVR_SHA256_SIZE + 1];
    char signature[2 * NVR_ED25519_SIGNATURE_SIZE + 1];

    if (recording->seq <= 0)
        return json_null();
    nvr_hex_encode(recording->chain, sizeof(recording->chain), chain);
    nvr_hex_encode(recording->chain_prev, sizeof(recording->chain_prev), prev);
    nvr_hex_encode(recording->signature, sizeof(recording->signature), signature);
    return json_pack("{s:I, s:s, s:s, s:o}", "seq", (json_int_t)recording->seq, "prev", prev,
                     "chain", chain, "signature",
                     recording->is_signed ? json_string(signature) : json_null());
}

static json_t *to_json(const struct nvr_recording *recording)
{
    char id[NVR_RECORDING_ID_SIZE];
    char url[NVR_RECORDING_ID_SIZE + 64];

    nvr_recording_id(recording->camera_id, recording->start_ms, id);
    if (nvr_fmt(url, sizeof(url), "/api/v1/recordings/%s/media.mp4", id) < 0)
        return NULL;
    return json_pack(
        "{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:o, s:s, s:i, s:i, s:f, s:I, s:b, s:I, s:b, "
        "s:s, s:s, s:o, s:s}",
        "id", id, "camera", recording->camera_id, "stream", recording->stream, "start",
        (json_int_t)recording->start_ms, "end", (json_int_t)recording->end_ms, "duration_ms",
        (json_int_t)(recording->end_ms - recording->start_ms), "size",
        (json_int_t)recording->file_size, "codec", recording->codec, "audio_codec",
        recording->audio_codec[0] ? json_string(recording->audio_codec) : json_null(),
        "codec_string", recording->codec_string, "width", (int)recording->width, "height",
        (int)recording->height, "fps", recording->fps, "bitrate", (json_int_t)recording->bitrate,
        "has_events", (int)recording->has_events, "event_count", (json_int_t)recording->event_count,
        "protected", (int)recording->protected_, "tier", recording->tier, "checksum",
        recording->checksum, "evidence", link_to_json(recording), "url", url);
}

/* ---- list ---- */

struct list {
    struct nvr_store *store;
    struct nvr_camera_list cameras;
    const char **ids;
    struct nvr_recordings_query query;
    json_t *items;
    int64_t last_start_ms; /* of the last item of the page */
    char last_camera[NVR_SLUG_SIZE];
    bool more;
    int result;
};

static void free_list(struct list *list)
{
    free(list->cameras.ids);
    free(list->ids);
    json_decref(list->items);
    free(list);
}

static int add_recording(const struct nvr_recording *recording, void *arg)
{
    struct list *list = arg;

    if (json_array_size(list->items) + 1 == list->query.limit) {
        list->more = true;
        return 1;
    }
    list->last_start_ms = recording->start_ms;
    memcpy(list->last_camera, recording->camera_id, NVR_SLUG_SIZE);
    return json_array_append_new(list->items, to_json(recording)) < 0 ? -ENOMEM : 0;
}

static void run_list(void *arg)
{
    struct list *list = arg;
    struct nvr_db *db;

    list->result = nvr_store_read_begin(list->store, &db);
    if (list->result < 0)
        return;
    list->result = nvr_recordings_list(db, &list->query, add_recording, list);
    nvr_store_read_end(list->store, db);
}

/* "<start_ms>.<camera>" of the last item. */
static json_t *next_cursor(const struct list *list)
{
    return list->more ? json_sprintf("%lld.%s", (long long)list->last_start_ms, list->last_camera)
                      : json_null();
}

static bool parse_cursor(struct nvr_http_request *request, struct nvr_recordings_query *query)
{
    const char *text = nvr_query_get(nvr_http_get_query(request), "cursor");
    struct nvr_str rest = nvr_str_from(text);
    struct nvr_str number;

    if (!text || !*text)
        return true;
    number = nvr_str_cut(&rest, '.');
    if (nvr_str_to_i64(number, &query->before_start_ms) == 0 && query->before_start_ms > 0 &&
        nvr_str_copy(query->before_camera, sizeof(query->before_camera), rest) == 0 &&
        nvr_slug_is_valid(query->before_camera))
        return true;
    nvr_http_reply_bad_query(request, "cursor", "is not a cursor of this list");
    return false;
}

static void on_list(struct nvr_http_request *request, void *arg)
{
    struct list *list = arg;

    if (list->result < 0)
        nvr_http_reply_errno(request, list->result, "recording");
    else
        nvr_http_reply_json_take(
            request, 200, json_pack("{s:O, s:o}", "items", list->items, "next", next_cursor(list)));
    free_list(list);
}

/* False: replied. */
static bool parse_list(struct nvr_gateway *gateway, struct nvr_http_request *request,
                       struct list *list)
{
    struct nvr_span span = {0, INT64_MAX};
    int64_t limit = NVR_PAGE_DEFAULT;

    if (!nvr_span_parse(request, false, 0, &span) || !parse_cursor(request, &list->query))
        return false;
    if (nvr_query_get_int(nvr_http_get_query(request), "limit", 1, NVR_PAGE_MAX, &limit) < 0) {
        nvr_http_reply_bad_query(request, "limit", "expected a number from 1 to 1000");
        return false;
    }
    if (!nvr_camera_list_parse(gateway, request, &list->cameras))
        return false;
    list->query.start_ms = span.start_ms;
    list->query.end_ms = span.end_ms == INT64_MAX && span.start_ms == 0 ? 0 : span.end_ms;
    list->query.limit = (unsigned)limit + 1; /* one more tells whether there is a next page */
    return true;
}

static void handle_list(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    struct list *list = calloc(1, sizeof(*list));
    int r = -ENOMEM;

    if (!list) {
        nvr_http_reply_errno(request, -ENOMEM, "list");
        return;
    }
    list->store = nvr_supervisor_get_store(gateway->supervisor);
    if (!parse_list(gateway, request, list)) {
        free_list(list);
        return;
    }
    list->items = json_array();
    list->ids = calloc(list->cameras.count + 1, sizeof(*list->ids));
    if (list->items && list->ids) {
        for (size_t i = 0; i < list->cameras.count; i++)
            list->ids[i] = list->cameras.ids[i];
        /* recordings of removed cameras are listed, too, when nobody asks for one camera */
        list->query.camera_ids = list->cameras.given ? list->ids : NULL;
        list->query.camera_count = list->cameras.given ? list->cameras.count : 0;
        r = nvr_work_start(request, &(struct nvr_work){run_list, on_list, list});
    }
    if (r < 0) {
        free_list(list);
        nvr_http_reply_errno(request, r, "list");
    }
}

/* ---- one ---- */

enum form { FORM_JSON, FORM_MEDIA, FORM_DOWNLOAD };

struct one {
    struct nvr_gateway *gateway;
    struct nvr_store *store;
    struct nvr_http_request *request; /* referenced while the file is opened */
    enum form form;
    bool again; /* the row was read a second time */
    char camera[NVR_SLUG_SIZE];
    int64_t start_ms;
    struct nvr_recording recording;
    struct nvr_download *download;
    int64_t size;
    int fd;
    int result;
};

/* Pool thread. */
static void run_one(void *arg)
{
    struct one *one = arg;
    struct nvr_db *db;

    one->result = nvr_store_read_begin(one->store, &db);
    if (one->result < 0)
        return;
    one->result = nvr_recordings_get(db, one->camera, one->start_ms, &one->recording);
    nvr_store_read_end(one->store, db);
}

/* Pool thread. */
static void run_head(void *arg)
{
    struct one *one = arg;

    one->result = nvr_download_new(one->fd, one->size, &one->download);
}

static void reply_file(struct nvr_http_request *request, struct one *one)
{
    const struct nvr_recording *recording = &one->recording;
    const struct nvr_utc utc = nvr_utc_from_ms(recording->start_ms);
    const bool download = one->form == FORM_DOWNLOAD;
    struct nvr_file_filter filter = {0};
    char name[NVR_SLUG_SIZE + 80];
    char etag[96];

    (void)nvr_fmt(etag, sizeof(etag), "\"%s%.40s-%llx\"", download ? "d-" : "", recording->checksum,
                  (unsigned long long)one->size);
    if (download) {
        (void)nvr_fmt(
            name, sizeof(name), "attachment; filename=\"%s_%04d%02d%02d_%02d%02d%02d.mp4\"",
            recording->camera_id, utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second);
        nvr_http_add_header(request, "Content-Disposition", name);
        filter = (struct nvr_file_filter){nvr_download_read_at, nvr_download_free, one->download};
        one->download = NULL;
    }
    nvr_http_reply_file_take(request, NVR_TAKE_FD(one->fd), one->size,
                             &(struct nvr_file_reply){
                                 .type = "video/mp4",
                                 .etag = etag,
                                 .cache_control = "private, max-age=31536000, immutable",
                                 .filter = download ? &filter : NULL,
                             });
}

static void finish_one(struct nvr_http_request *request, void *arg)
{
    struct one *one = arg;

    if (one->result == -EPROTO)
        nvr_http_reply_error(request, 500, "damaged_file", "The recording's file is damaged.");
    else if (one->result == -ENODEV || one->result == -EACCES || one->result == -EIO)
        nvr_http_reply_error(request, 503, "storage_unavailable",
                             "The %s storage that holds this recording cannot be reached now.",
                             one->recording.tier);
    else if (one->result < 0)
        nvr_http_reply_errno(request, one->result, "recording");
    else if (one->form == FORM_JSON)
        nvr_http_reply_json_take(request, 200, to_json(&one->recording));
    else
        reply_file(request, one);
    nvr_download_free(one->download);
    if (one->fd >= 0)
        close(one->fd);
    free(one);
}

static void on_row(struct nvr_http_request *request, void *arg);

static void on_opened(int fd, int64_t size, void *arg)
{
    struct one *one = arg;
    struct nvr_http_request *request = one->request;
    struct nvr_http_server *server = one->gateway->http;
    int r = 0;

    one->request = NULL;
    one->result = NVR_MIN(fd, 0);
    one->fd = NVR_MAX(fd, -1);
    one->size = size;
    if (fd == -ENOENT && !one->again) {
        /* It moved to another place between row and file? */
        one->again = true;
        r = nvr_work_start(request, &(struct nvr_work){run_one, on_row, one});
    } else if (fd >= 0 && one->form == FORM_DOWNLOAD) {
        r = nvr_work_start(request, &(struct nvr_work){run_head, finish_one, one});
    } else {
        finish_one(request, one);
    }
    if (r < 0) {
        one->result = r;
        finish_one(request, one);
    }
    nvr_http_unref(request);
    nvr_http_release(server);
}

static void on_row(struct nvr_http_request *request, void *arg)
{
    struct one *one = arg;

    if (one->result < 0 || one->form == FORM_JSON) {
        finish_one(request, one);
        return;
    }
    one->request = nvr_http_ref(request);
    nvr_http_hold(one->gateway->http);
    nvr_storage_open(one->gateway->storage, &one->recording, on_opened, one);
}

static void start_one(struct nvr_http_request *request, struct nvr_gateway *gateway, enum form form)
{
    struct one *one = calloc(1, sizeof(*one));
    int r;

    if (!one) {
        nvr_http_reply_errno(request, -ENOMEM, "recording");
        return;
    }
    one->store = nvr_supervisor_get_store(gateway->supervisor);
    one->gateway = gateway;
    one->form = form;
    one->fd = -1;
    r = nvr_recording_id_parse(nvr_http_get_param(request, "id"), one->camera, &one->start_ms);
    if (r == -EINVAL)
        r = -ENOENT;
    if (r == 0 && form != FORM_JSON)
        nvr_storage_lease(gateway->storage, one->camera, one->start_ms,
                          one->start_ms + NVR_LEASE_AHEAD_MS, NVR_LEASE_FILE_S);
    if (r == 0)
        r = nvr_work_start(request, &(struct nvr_work){run_one, on_row, one});
    if (r < 0) {
        free(one);
        nvr_http_reply_errno(request, r, "recording");
    }
}

static void handle_get(struct nvr_http_request *request, void *arg)
{
    start_one(request, arg, FORM_JSON);
}

static void handle_media(struct nvr_http_request *request, void *arg)
{
    start_one(request, arg, FORM_MEDIA);
}

static void handle_download(struct nvr_http_request *request, void *arg)
{
    start_one(request, arg, FORM_DOWNLOAD);
}

const struct nvr_route nvr_recording_routes[] = {
    {NVR_HTTP_GET, 0, "/api/v1/recordings", handle_list, "recordings", "List recordings", JSON},
    {NVR_HTTP_GET, 0, "/api/v1/recordings/timeline", nvr_handle_timeline, "recordings",
     "What is recorded in a span of time", JSON},
    {NVR_HTTP_GET, 0, "/api/v1/recordings/coverage", nvr_handle_coverage, "recordings",
     "Recorded time per day", JSON},
    {NVR_HTTP_GET, 0, "/api/v1/recordings/gaps", nvr_handle_gaps, "recordings",
     "What was not recorded, and why", JSON},
    {NVR_HTTP_GET, 0, "/api/v1/recordings/playback/{camera}/index.m3u8", nvr_handle_playlist,
     "recordings", "HLS playlist of any span of time", NULL},
    {NVR_HTTP_GET, 0, "/api/v1/recordings/preview/{camera}", nvr_handle_preview, "recordings",
     "Small picture of a moment", "image/jpeg"},
    {NVR_HTTP_GET, 0, "/api/v1/recordings/preview/{camera}/index", nvr_handle_preview_times,
     "recordings", "Times of the small pictures", JSON},
    {NVR_HTTP_GET, 0, "/api/v1/recordings/download", nvr_handle_range_download, "recordings",
     "Any range of a camera as one MP4, streamed", NULL},
    {NVR_HTTP_GET, 0, "/api/v1/recordings/{id}", handle_get, "recordings", "Get a recording", JSON},
    {NVR_HTTP_DELETE, 0, "/api/v1/recordings/{id}", nvr_handle_delete_recording, "recordings",
     "Delete a recording", NULL},
    {NVR_HTTP_GET, 0, "/api/v1/recordings/{id}/download", handle_download, "recordings",
     "A file to keep, its time starting at zero", NULL},
    {NVR_HTTP_GET, 0, "/api/v1/recordings/{id}/media.mp4", handle_media, "recordings",
     "The file's own bytes, for players", NULL},
};
const size_t nvr_recording_routes_count = NVR_ARRAY_SIZE(nvr_recording_routes);
