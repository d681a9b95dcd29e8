/* Timeline, coverage and playlists: what the recordings page draws and plays. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/media/hls.h"
#include "lib/media/timeline.h"
#include "lib/store/recordings.h"
#include "src/gateway/private.h"

NVR_LOG_TOPIC("gateway");

#define DAY_MS (24LL * 3600 * 1000)

/* ---- timeline ---- */

struct timeline {
    struct nvr_store *store;
    struct nvr_camera_list cameras;
    struct nvr_span span;
    struct nvr_range *recording; /* per camera, the file being written; empty: none */
    struct nvr_buf text;         /* the answer's JSON, made in the pool */
    /* of the camera being read */
    struct nvr_ranges ranges;
    int64_t segments, bytes;
    int result;
};

static int add_span(int64_t start_ms, int64_t end_ms, int64_t size, void *arg)
{
    struct timeline *timeline = arg;

    timeline->segments++;
    timeline->bytes += size;
    return nvr_ranges_add(&timeline->ranges, start_ms, end_ms, NVR_TIMELINE_JOIN_MS);
}

/* "recording": what the file being written has of the span. */
static int write_recording(struct timeline *timeline, const struct nvr_range *recording)
{
    const int64_t start_ms = NVR_MAX(recording->start_ms, timeline->span.start_ms);
    const int64_t end_ms = NVR_MIN(recording->end_ms, timeline->span.end_ms);

    if (start_ms >= end_ms)
        return nvr_buf_append_str(&timeline->text, ",\"recording\":null}");
    return nvr_buf_printf(&timeline->text, ",\"recording\":[%lld,%lld]}", (long long)start_ms,
                          (long long)end_ms);
}

static int write_camera(struct timeline *timeline, struct nvr_db *db, const char *id, bool first)
{
    struct nvr_buf *text = &timeline->text;
    int r;

    timeline->segments = 0;
    timeline->bytes = 0;
    r = nvr_recordings_spans(db, id, timeline->span.start_ms, timeline->span.end_ms, add_span,
                             timeline);
    if (r < 0)
        return r;
    nvr_ranges_clip(&timeline->ranges, timeline->span.start_ms, timeline->span.end_ms);
    (void)nvr_buf_printf(text, "%s{\"camera\":\"%s\",\"ranges\":[", first ? "" : ",", id);
    for (size_t i = 0; i < timeline->ranges.count; i++)
        (void)nvr_buf_printf(text, "%s[%lld,%lld]", i ? "," : "",
                             (long long)timeline->ranges.items[i].start_ms,
                             (long long)timeline->ranges.items[i].end_ms);
    return nvr_buf_printf(text, "],\"segments\":%lld,\"bytes\":%lld", (long long)timeline->segments,
                          (long long)timeline->bytes);
}

static int write_timeline(struct timeline *timeline, struct nvr_db *db)
{
    (void)nvr_buf_printf(&timeline->text, "{\"start\":%lld,\"end\":%lld,\"items\":[",
                         (long long)timeline->span.start_ms, (long long)timeline->span.end_ms);
    for (size_t i = 0; i < timeline->cameras.count; i++) {
        int r = write_camera(timeline, db, timeline->cameras.ids[i], i == 0);

        if (r >= 0)
            r = write_recording(timeline, &timeline->recording[i]);
        nvr_ranges_done(&timeline->ranges);
        timeline->ranges = (struct nvr_ranges){0};
        if (r < 0)
            return r;
    }
    return nvr_buf_append_str(&timeline->text, "]}");
}

static void run_timeline(void *arg)
{
    struct timeline *timeline = arg;
    struct nvr_db *db;

    timeline->result = nvr_store_read_begin(timeline->store, &db);
    if (timeline->result < 0)
        return;
    timeline->result = write_timeline(timeline, db);
    nvr_store_read_end(timeline->store, db);
}

static void free_timeline(struct timeline *timeline)
{
    nvr_buf_done(&timeline->text);
    free(timeline->cameras.ids);
    free(timeline->recording);
    free(timeline);
}

/* Asked before the rows are read: a file that is finished meanwhile is in both, never in none. */
static int note_recording(struct nvr_gateway *gateway, struct timeline *timeline)
{
    timeline->recording = calloc(timeline->cameras.count + 1, sizeof(*timeline->recording));
    if (!timeline->recording)
        return -ENOMEM;
    for (size_t i = 0; i < timeline->cameras.count; i++) {
        struct nvr_range *range = &timeline->recording[i];

        if (!nvr_supervisor_recording_now(gateway->supervisor, timeline->cameras.ids[i],
                                          &range->start_ms, &range->end_ms))
            *range = (struct nvr_range){0};
    }
    return 0;
}

static void on_timeline(struct nvr_http_request *request, void *arg)
{
    struct timeline *timeline = arg;

    if (timeline->result < 0)
        nvr_http_reply_errno(request, timeline->result, "timeline");
    else
        nvr_http_reply_buf_take(request, 200, "application/json", &timeline->text);
    free_timeline(timeline);
}

void nvr_handle_timeline(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    struct timeline *timeline = calloc(1, sizeof(*timeline));
    int r;

    if (!timeline) {
        nvr_http_reply_errno(request, -ENOMEM, "timeline");
        return;
    }
    timeline->store = nvr_supervisor_get_store(gateway->supervisor);
    nvr_buf_init(&timeline->text, NVR_HTTP_JSON_MAX);
    if (!nvr_span_parse(request, true, NVR_SPAN_MAX_MS, &timeline->span) ||
        !nvr_camera_list_parse(gateway, request, &timeline->cameras)) {
        free_timeline(timeline);
        return;
    }
    r = note_recording(gateway, timeline);
    if (r == 0)
        r = nvr_work_start(request, &(struct nvr_work){run_timeline, on_timeline, timeline});
    if (r < 0) {
        free_timeline(timeline);
        nvr_http_reply_errno(request, r, "timeline");
    }
}

/* ---- coverage ---- */

struct day {
    int64_t recorded_ms, bytes;
};

struct coverage {
    struct nvr_store *store;
    struct nvr_camera_list cameras;
    struct nvr_span span;
    int64_t offset_ms; /* local time minus UTC */
    int64_t first_day; /* days since 1970, local */
    size_t days_count;
    struct day *days;
    struct nvr_buf text;
    int result;
};

/* A segment counts for the days that it touches; its bytes for the day that it begins in. */
static int add_to_days(int64_t start_ms, int64_t end_ms, int64_t size, void *arg)
{
    struct coverage *coverage = arg;
    const int64_t zero = coverage->first_day * DAY_MS;
    int64_t from = NVR_MAX(start_ms, coverage->span.start_ms) + coverage->offset_ms - zero;
    const int64_t to = NVR_MIN(end_ms, coverage->span.end_ms) + coverage->offset_ms - zero;
    bool counted = false;

    while (from < to) {
        const size_t day = (size_t)(from / DAY_MS);
        const int64_t end = NVR_MIN(to, ((int64_t)day + 1) * DAY_MS);

        if (day >= coverage->days_count)
            break;
        coverage->days[day].recorded_ms += end - from;
        if (!counted)
            coverage->days[day].bytes += size;
        counted = true;
        from = end;
    }
    return 0;
}

static int write_days(struct coverage *coverage, struct nvr_db *db, const char *id, bool first)
{
    struct nvr_buf *text = &coverage->text;
    bool any = false;
    int r;

    memset(coverage->days, 0, coverage->days_count * sizeof(*coverage->days));
    r = nvr_recordings_spans(db, id, coverage->span.start_ms, coverage->span.end_ms, add_to_days,
                             coverage);
    if (r < 0)
        return r;
    (void)nvr_buf_printf(text, "%s{\"camera\":\"%s\",\"days\":[", first ? "" : ",", id);
    for (size_t i = 0; i < coverage->days_count; i++) {
        const struct day *day = &coverage->days[i];
        struct nvr_utc utc;

        if (!day->recorded_ms)
            continue;
        utc = nvr_utc_from_ms((coverage->first_day + (int64_t)i) * DAY_MS);
        (void)nvr_buf_printf(text,
                             "%s{\"date\":\"%04d-%02d-%02d\",\"recorded_ms\":%lld,\"bytes\":%lld}",
                             any ? "," : "", utc.year, utc.month, utc.day,
                             (long long)day->recorded_ms, (long long)day->bytes);
        any = true;
    }
    return nvr_buf_append_str(text, "]}");
}

static void run_coverage(void *arg)
{
    struct coverage *coverage = arg;
    struct nvr_db *db;
    int r;

    coverage->result = nvr_store_read_begin(coverage->store, &db);
    if (coverage->result < 0)
        return;
    r = nvr_buf_append_str(&coverage->text, "{\"items\":[");
    for (size_t i = 0; r >= 0 && i < coverage->cameras.count; i++)
        r = write_days(coverage, db, coverage->cameras.ids[i], i == 0);
    if (r >= 0)
        r = nvr_buf_append_str(&coverage->text, "]}");
    nvr_store_read_end(coverage->store, db);
    coverage->result = r < 0 ? r : 0;
}

static void free_coverage(struct coverage *coverage)
{
    nvr_buf_done(&coverage->text);
    free(coverage->cameras.ids);
    free(coverage->days);
    free(coverage);
}

static void on_coverage(struct nvr_http_request *request, void *arg)
{
    struct coverage *coverage = arg;

    if (coverage->result < 0)
        nvr_http_reply_errno(request, coverage->result, "coverage");
    else
        nvr_http_reply_buf_take(request, 200, "application/json", &coverage->text);
    free_coverage(coverage);
}

static int64_t floor_day(int64_t ms)
{
    return ms >= 0 ? ms / DAY_MS : -((-ms + DAY_MS - 1) / DAY_MS);
}

static bool parse_coverage(struct nvr_gateway *gateway, struct nvr_http_request *request,
                           struct coverage *coverage)
{
    int64_t minutes = 0;

    if (!nvr_span_parse(request, true, NVR_SPAN_MAX_MS, &coverage->span))
        return false;
    if (nvr_query_get_int(nvr_http_get_query(request), "tz_offset", -840, 840, &minutes) < 0) {
        nvr_http_reply_bad_query(request, "tz_offset", "expected minutes from -840 to 840");
        return false;
    }
    if (!nvr_camera_list_parse(gateway, request, &coverage->cameras))
        return false;
    coverage->offset_ms = minutes * 60 * 1000;
    coverage->first_day = floor_day(coverage->span.start_ms + coverage->offset_ms);
    coverage->days_count = (size_t)(floor_day(coverage->span.end_ms - 1 + coverage->offset_ms) -
                                    coverage->first_day + 1);
    return true;
}

void nvr_handle_coverage(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    struct coverage *coverage = calloc(1, sizeof(*coverage));
    int r = -ENOMEM;

    if (!coverage) {
        nvr_http_reply_errno(request, r, "coverage");
        return;
    }
    coverage->store = nvr_supervisor_get_store(gateway->supervisor);
    nvr_buf_init(&coverage->text, NVR_HTTP_JSON_MAX);
    if (!parse_coverage(gateway, request, coverage)) {
        free_coverage(coverage);
        return;
    }
    coverage->days = calloc(coverage->days_count, sizeof(*coverage->days));
    if (coverage->days)
        r = nvr_work_start(request, &(struct nvr_work){run_coverage, on_coverage, coverage});
    if (r < 0) {
        free_coverage(coverage);
        nvr_http_reply_errno(request, r, "coverage");
    }
}

/* ---- playlist ---- */

struct playlist {
    struct nvr_store *store;
    char camera[NVR_SLUG_SIZE];
    struct nvr_hls_options options;
    struct nvr_hls_writer writer;
    struct nvr_hls_key keys[NVR_RECORDING_KEYS_MAX];
    struct nvr_buf text;
    int result;
};

static int add_segment(const struct nvr_recording *recording, void *arg)
{
    struct playlist *playlist = arg;
    char id[NVR_RECORDING_ID_SIZE];
    char uri[NVR_RECORDING_ID_SIZE + 64];
    const struct nvr_hls_segment segment = {
        .uri = uri,
        .start_ms = recording->start_ms,
        .end_ms = recording->end_ms,
        .file_size = (uint64_t)recording->file_size,
        .init_size = recording->init_size,
        .init_id = recording->init_id,
        .keys = playlist->keys,
        .keys_count = NVR_MIN(recording->keys_count, (uint32_t)NVR_RECORDING_KEYS_MAX),
    };

    nvr_recording_id(recording->camera_id, recording->start_ms, id);
    if (nvr_fmt(uri, sizeof(uri), "/api/v1/recordings/%s/media.mp4", id) < 0)
        return -EMSGSIZE;
    for (size_t i = 0; i < segment.keys_count; i++)
        playlist->keys[i] = (struct nvr_hls_key){recording->keys[i].ms, recording->keys[i].offset};
    return nvr_hls_add(&playlist->writer, &segment);
}

static void run_playlist(void *arg)
{
    struct playlist *playlist = arg;
    struct nvr_db *db;
    int r;

    playlist->result = nvr_store_read_begin(playlist->store, &db);
    if (playlist->result < 0)
        return;
    r = nvr_hls_begin(&playlist->writer, &playlist->text, &playlist->options);
    if (r >= 0)
        r = nvr_recordings_each(db, playlist->camera, playlist->options.start_ms,
                                playlist->options.end_ms, playlist->options.per_gop, add_segment,
                                playlist);
    nvr_store_read_end(playlist->store, db);
    if (r >= 0)
        r = nvr_hls_end(&playlist->writer);
    playlist->result = r < 0 ? r : 0;
}

static void on_playlist(struct nvr_http_request *request, void *arg)
{
    struct playlist *playlist = arg;

    if (playlist->result < 0)
        nvr_http_reply_errno(request, playlist->result, "playlist");
    else if (!playlist->writer.entries)
        nvr_http_reply_error(request, 404, "no_recording", "Nothing was recorded in this span.");
    else
        nvr_http_reply_buf_take(request, 200, "application/vnd.apple.mpegurl", &playlist->text);
    nvr_buf_done(&playlist->text);
    free(playlist);
}

void nvr_handle_playlist(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    const char *camera = nvr_http_get_param(request, "camera");
    struct nvr_span span = {0};
    struct playlist *playlist;
    int r;

    /* A removed camera's recordings may be played, too. */
    if (!nvr_slug_is_valid(camera)) {
        nvr_http_reply_errno(request, -ENOENT, "camera");
        return;
    }
    if (!nvr_span_parse(request, true, NVR_PLAYLIST_MAX_MS, &span))
        return;
    playlist = calloc(1, sizeof(*playlist));
    if (!playlist) {
        nvr_http_reply_errno(request, -ENOMEM, "playlist");
        return;
    }
    playlist->store = nvr_supervisor_get_store(gateway->supervisor);
    memcpy(playlist->camera, camera, strlen(camera) + 1);
    playlist->options = (struct nvr_hls_options){
        .start_ms = span.start_ms,
        .end_ms = span.end_ms,
        .per_gop = span.end_ms - span.start_ms <= NVR_PLAYLIST_GOP_MAX_MS,
    };
    nvr_buf_init(&playlist->text, NVR_HTTP_JSON_MAX);
    r = nvr_work_start(request, &(struct nvr_work){run_playlist, on_playlist, playlist});
    if (r < 0) {
        free(playlist);
        nvr_http_reply_errno(request, r, "playlist");
    }
}
