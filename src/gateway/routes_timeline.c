/* Timeline, coverage and gaps: what was recorded when, and why the rest was not. The rows are
 * merged and explained in lib/store/history.c; answers are written as text in the pool. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/store/history.h"
#include "lib/store/triggers.h"
#include "src/gateway/private.h"

NVR_LOG_TOPIC("gateway");

#define DAY_MS (24LL * 3600 * 1000)

struct day {
    int64_t recorded_ms, gap_ms, bytes;
    int64_t causes_ms[NVR_CAUSES_COUNT];
};

/* One request of the three. */
struct task {
    int (*write)(struct task *task, struct nvr_db *db);
    struct nvr_store *store;
    struct nvr_camera_list cameras;
    struct nvr_span span;
    struct nvr_recording_view *now; /* per camera */
    struct nvr_buf text;            /* the answer's JSON */
    int result;
    /* coverage */
    int64_t offset_ms; /* local time minus UTC */
    int64_t first_day; /* days since 1970, local */
    size_t days_count;
    struct day *days;
    /* gaps */
    int64_t min_ms, limit;
    int64_t listed;
    bool more, marked;
};

static void task_free(struct task *task)
{
    nvr_buf_done(&task->text);
    free(task->cameras.ids);
    free(task->now);
    free(task->days);
    free(task);
}

static void run_task(void *arg)
{
    struct task *task = arg;
    struct nvr_db *db;
    int r = nvr_store_read_begin(task->store, &db);

    if (r == 0) {
        r = task->write(task, db);
        nvr_store_read_end(task->store, db);
    }
    task->result = r < 0 ? r : 0;
}

static void on_task(struct nvr_http_request *request, void *arg)
{
    struct task *task = arg;

    if (task->result < 0)
        nvr_http_reply_errno(request, task->result, "recording");
    else
        nvr_http_reply_buf_take(request, 200, "application/json", &task->text);
    task_free(task);
}

static void start_task(struct nvr_gateway *gateway, struct nvr_http_request *request,
                       bool (*parse)(struct nvr_http_request *request, struct task *task),
                       int (*write)(struct task *task, struct nvr_db *db))
{
    struct task *task = calloc(1, sizeof(*task));
    int r = -ENOMEM;

    if (!task) {
        nvr_http_reply_errno(request, r, "recording");
        return;
    }
    task->write = write;
    task->store = nvr_supervisor_get_store(gateway->supervisor);
    nvr_buf_init(&task->text, NVR_HTTP_JSON_MAX);
    if (!nvr_span_parse(request, true, NVR_SPAN_MAX_MS, &task->span) ||
        (parse && !parse(request, task)) ||
        !nvr_camera_list_parse(gateway, request, &task->cameras)) {
        task_free(task);
        return;
    }
    task->now = calloc(task->cameras.count + 1, sizeof(*task->now));
    for (size_t i = 0; task->now && i < task->cameras.count; i++)
        nvr_supervisor_recording_view(gateway->supervisor, task->cameras.ids[i], &task->now[i]);
    if (task->now && (!task->days_count || task->days))
        r = nvr_work_start(request, &(struct nvr_work){run_task, on_task, task});
    if (r < 0) {
        task_free(task);
        nvr_http_reply_errno(request, r, "recording");
    }
}

static int read_history(struct task *task, struct nvr_db *db, size_t camera,
                        struct nvr_history *ret_history)
{
    return nvr_history_read(db, task->cameras.ids[camera], task->span.start_ms, task->span.end_ms,
                            &task->now[camera], ret_history);
}

/* `,"name":"text"` with the text escaped. */
static int write_text(struct nvr_buf *text, const char *name, const char *value)
{
    NVR_AUTO_JSON string = json_string(value);

    (void)nvr_buf_printf(text, ",\"%s\":", name);
    return string ? nvr_json_append(text, string) : -ENOMEM;
}

static int write_gap(struct nvr_buf *text, const struct nvr_history *history,
                     const struct nvr_gap *gap)
{
    (void)nvr_buf_printf(text, "\"start\":%lld,\"end\":%lld,\"cause\":\"%s\"",
                         (long long)gap->start_ms, (long long)gap->end_ms,
                         nvr_cause_name(gap->cause));
    return write_text(text, "detail", nvr_history_detail(history, gap));
}

/* ---- timeline ---- */

/* "recording": what the file being written has of the span. */
static void write_recording(const struct task *task, const struct nvr_recording_view *now,
                            struct nvr_buf *text)
{
    const int64_t start_ms = NVR_MAX(now->file_start_ms, task->span.start_ms);
    const int64_t end_ms = NVR_MIN(now->file_end_ms, task->span.end_ms);

    if (start_ms >= end_ms)
        (void)nvr_buf_append_str(text, ",\"recording\":null");
    else
        (void)nvr_buf_printf(text, ",\"recording\":[%lld,%lld]", (long long)start_ms,
                             (long long)end_ms);
}

static int write_mark(const struct nvr_trigger *trigger, void *arg)
{
    struct task *task = arg;
    int r;

    (void)nvr_buf_printf(&task->text, "%s{\"start\":%lld,\"end\":%lld,\"kind\":\"%s\"",
                         task->marked ? "," : "", (long long)trigger->start_ms,
                         (long long)trigger->end_ms, nvr_trigger_kind_name(trigger->kind));
    (void)write_text(&task->text, "label", trigger->label);
    r = nvr_buf_append_char(&task->text, '}');
    task->marked = true;
    return r;
}

static int write_timeline_camera(struct task *task, struct nvr_db *db, size_t camera)
{
    struct nvr_buf *text = &task->text;
    struct nvr_history history;
    int r = read_history(task, db, camera, &history);

    if (r < 0)
        return r;
    (void)nvr_buf_printf(text, "%s{\"camera\":\"%s\",\"ranges\":[", camera ? "," : "",
                         task->cameras.ids[camera]);
    for (size_t i = 0; i < history.rows.count; i++)
        (void)nvr_buf_printf(text, "%s[%lld,%lld]", i ? "," : "",
                             (long long)history.rows.items[i].start_ms,
                             (long long)history.rows.items[i].end_ms);
    (void)nvr_buf_printf(text, "],\"segments\":%lld,\"bytes\":%lld", (long long)history.segments,
                         (long long)history.bytes);
    write_recording(task, &task->now[camera], text);
    if (history.known_from_ms)
        (void)nvr_buf_printf(text, ",\"known_from\":%lld", (long long)history.known_from_ms);
    else
        (void)nvr_buf_append_str(text, ",\"known_from\":null");
    (void)nvr_buf_printf(text, ",\"known\":[%lld,%lld],\"recorded_ms\":%lld,\"gap_ms\":%lld",
                         (long long)history.start_ms, (long long)history.end_ms,
                         (long long)nvr_ranges_total_ms(&history.recorded),
                         (long long)nvr_gaps_total_ms(&history.gaps));
    (void)nvr_buf_append_str(text, ",\"gaps\":[");
    for (size_t i = 0; i < history.gaps.count; i++) {
        (void)nvr_buf_append_str(text, i ? ",{" : "{");
        (void)write_gap(text, &history, &history.gaps.items[i]);
        (void)nvr_buf_append_char(text, '}');
    }
    nvr_history_done(&history);
    (void)nvr_buf_append_str(text, "],\"marks\":[");
    task->marked = false;
    r = nvr_triggers_each(db, task->cameras.ids[camera], task->span.start_ms, task->span.end_ms,
                          write_mark, task);
    return r < 0 ? r : nvr_buf_append_str(text, "]}");
}

static int write_timeline(struct task *task, struct nvr_db *db)
{
    int r = nvr_buf_printf(&task->text, "{\"start\":%lld,\"end\":%lld,\"items\":[",
                           (long long)task->span.start_ms, (long long)task->span.end_ms);

    for (size_t i = 0; i < task->cameras.count && r >= 0; i++)
        r = write_timeline_camera(task, db, i);
    return r < 0 ? r : nvr_buf_append_str(&task->text, "]}");
}

void nvr_handle_timeline(struct nvr_http_request *request, void *arg)
{
    start_task(arg, request, NULL, write_timeline);
}

/* ---- coverage ---- */

/* What of [start, end) falls into which day: added to the member of struct day at offset. */
static void add_to_days(struct task *task, int64_t start_ms, int64_t end_ms, size_t offset)
{
    const int64_t zero = task->first_day * DAY_MS;
    int64_t from = start_ms + task->offset_ms - zero;
    const int64_t to = end_ms + task->offset_ms - zero;

    while (from < to) {
        const size_t day = (size_t)(from / DAY_MS);
        const int64_t end = NVR_MIN(to, ((int64_t)day + 1) * DAY_MS);

        if (day >= task->days_count)
            return;
        *(int64_t *)(void *)((char *)&task->days[day] + offset) += end - from;
        from = end;
    }
}

/* A file's bytes count for the day that it begins in. */
static int add_bytes(int64_t start_ms, int64_t end_ms, int64_t size, void *arg)
{
    struct task *task = arg;
    const int64_t at_ms = NVR_MAX(start_ms, task->span.start_ms);
    const int64_t day = (at_ms + task->offset_ms) / DAY_MS - task->first_day;

    (void)end_ms;
    if (day >= 0 && (size_t)day < task->days_count)
        task->days[day].bytes += size;
    return 0;
}

static void write_day(struct task *task, size_t index, bool first)
{
    const struct day *day = &task->days[index];
    const struct nvr_utc utc = nvr_utc_from_ms((task->first_day + (int64_t)index) * DAY_MS);
    struct nvr_buf *text = &task->text;
    bool any = false;

    (void)nvr_buf_printf(text,
                         "%s{\"date\":\"%04d-%02d-%02d\",\"recorded_ms\":%lld,\"bytes\":%lld,"
                         "\"gap_ms\":%lld,\"causes\":{",
                         first ? "" : ",", utc.year, utc.month, utc.day,
                         (long long)day->recorded_ms, (long long)day->bytes,
                         (long long)day->gap_ms);
    for (int i = 0; i < NVR_CAUSES_COUNT; i++) {
        if (!day->causes_ms[i])
            continue;
        (void)nvr_buf_printf(text, "%s\"%s\":%lld", any ? "," : "",
                             nvr_cause_name((enum nvr_cause)i), (long long)day->causes_ms[i]);
        any = true;
    }
    (void)nvr_buf_append_str(text, "}}");
}

static int write_days(struct task *task, struct nvr_db *db, size_t camera)
{
    struct nvr_history history;
    bool first = true;
    int r = read_history(task, db, camera, &history);

    if (r < 0)
        return r;
    memset(task->days, 0, task->days_count * sizeof(*task->days));
    for (size_t i = 0; i < history.recorded.count; i++)
        add_to_days(task, history.recorded.items[i].start_ms, history.recorded.items[i].end_ms,
                    offsetof(struct day, recorded_ms));
    for (size_t i = 0; i < history.gaps.count; i++) {
        const struct nvr_gap *gap = &history.gaps.items[i];

        add_to_days(task, gap->start_ms, gap->end_ms, offsetof(struct day, gap_ms));
        add_to_days(task, gap->start_ms, gap->end_ms,
                    offsetof(struct day, causes_ms) + (size_t)gap->cause * sizeof(int64_t));
    }
    nvr_history_done(&history);
    r = nvr_recordings_spans(db, task->cameras.ids[camera], task->span.start_ms, task->span.end_ms,
                             add_bytes, task);
    if (r < 0)
        return r;
    (void)nvr_buf_printf(&task->text, "%s{\"camera\":\"%s\",\"days\":[", camera ? "," : "",
                         task->cameras.ids[camera]);
    for (size_t i = 0; i < task->days_count; i++) {
        if (!task->days[i].recorded_ms && !task->days[i].gap_ms)
            continue;
        write_day(task, i, first);
        first = false;
    }
    return nvr_buf_append_str(&task->text, "]}");
}

static int write_coverage(struct task *task, struct nvr_db *db)
{
    int r = nvr_buf_append_str(&task->text, "{\"items\":[");

    for (size_t i = 0; i < task->cameras.count && r >= 0; i++)
        r = write_days(task, db, i);
    return r < 0 ? r : nvr_buf_append_str(&task->text, "]}");
}

static int64_t floor_day(int64_t ms)
{
    return ms >= 0 ? ms / DAY_MS : -((-ms + DAY_MS - 1) / DAY_MS);
}

static bool parse_coverage(struct nvr_http_request *request, struct task *task)
{
    int64_t minutes = 0;

    if (nvr_query_get_int(nvr_http_get_query(request), "tz_offset", -840, 840, &minutes) < 0) {
        nvr_http_reply_bad_query(request, "tz_offset", "expected minutes from -840 to 840");
        return false;
    }
    task->offset_ms = minutes * 60 * 1000;
    task->first_day = floor_day(task->span.start_ms + task->offset_ms);
    task->days_count =
        (size_t)(floor_day(task->span.end_ms - 1 + task->offset_ms) - task->first_day + 1);
    task->days = calloc(task->days_count, sizeof(*task->days));
    return true;
}

void nvr_handle_coverage(struct nvr_http_request *request, void *arg)
{
    start_task(arg, request, parse_coverage, write_coverage);
}

/* ---- gaps ---- */

static int list_gaps(struct task *task, struct nvr_db *db, size_t camera)
{
    struct nvr_buf *text = &task->text;
    struct nvr_history history;
    int r = read_history(task, db, camera, &history);

    for (size_t i = 0; r >= 0 && i < history.gaps.count; i++) {
        const struct nvr_gap *gap = &history.gaps.items[i];

        if (gap->end_ms - gap->start_ms < task->min_ms)
            continue;
        task->more = task->listed == task->limit;
        if (task->more)
            break;
        (void)nvr_buf_printf(text, "%s{\"camera\":\"%s\",", task->listed++ ? "," : "",
                             task->cameras.ids[camera]);
        (void)write_gap(text, &history, gap);
        r = nvr_buf_append_char(text, '}');
    }
    nvr_history_done(&history);
    return r;
}

static int write_gaps(struct task *task, struct nvr_db *db)
{
    int r = nvr_buf_append_str(&task->text, "{\"items\":[");

    for (size_t i = 0; i < task->cameras.count && r >= 0 && !task->more; i++)
        r = list_gaps(task, db, i);
    return r < 0 ? r : nvr_buf_printf(&task->text, "],\"more\":%s}", task->more ? "true" : "false");
}

static bool parse_gaps(struct nvr_http_request *request, struct task *task)
{
    const struct nvr_query *query = nvr_http_get_query(request);

    task->limit = NVR_PAGE_DEFAULT;
    if (nvr_query_get_int(query, "min_ms", 0, NVR_SPAN_MAX_MS, &task->min_ms) < 0) {
        nvr_http_reply_bad_query(request, "min_ms", "expected milliseconds");
        return false;
    }
    if (nvr_query_get_int(query, "limit", 1, NVR_PAGE_MAX, &task->limit) < 0) {
        nvr_http_reply_bad_query(request, "limit", "expected a number from 1 to 1000");
        return false;
    }
    return true;
}

void nvr_handle_gaps(struct nvr_http_request *request, void *arg)
{
    start_task(arg, request, parse_gaps, write_gaps);
}
