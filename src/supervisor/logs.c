/* The last log records of the core and of every worker, for GET system/logs. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "src/supervisor/private.h"

NVR_LOG_TOPIC("worker");

#define RECORDS_MAX 2000
#define LINES_PER_WINDOW 2000 /* of all workers together; a worker gone mad is cut off */
#define WINDOW_MS 10000

struct record {
    int64_t seq; /* from 1; 0: empty slot */
    int64_t time_ms;
    enum nvr_log_level level;
    int pid;
    char topic[24], process[24];
    char camera[NVR_SLUG_SIZE], request[40];
    char *message;
};

/* Written by the sink from any thread, under the log's own lock and this one. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct record *records; /* ring of RECORDS_MAX */
static int64_t last_seq;

static void copy_text(char *dst, size_t size, const char *src)
{
    const size_t len = src ? strnlen(src, size - 1) : 0;

    if (len)
        memcpy(dst, src, len);
    dst[len] = 0;
}

static void sink(const struct nvr_log_record *from, void *arg)
{
    char *message = strdup(from->message);

    (void)arg;
    if (!message)
        return;
    (void)pthread_mutex_lock(&lock);
    if (records) {
        struct record *record = &records[last_seq % RECORDS_MAX];

        free(record->message);
        *record = (struct record){.seq = ++last_seq,
                                  .time_ms = from->time_ms,
                                  .level = from->level,
                                  .pid = from->pid,
                                  .message = NVR_TAKE(message)};
        copy_text(record->topic, sizeof(record->topic), from->topic);
        copy_text(record->process, sizeof(record->process), from->process);
        copy_text(record->camera, sizeof(record->camera), from->camera);
        copy_text(record->request, sizeof(record->request), from->request);
    }
    (void)pthread_mutex_unlock(&lock);
    free(message);
}

int logs_open(void)
{
    struct record *memory = calloc(RECORDS_MAX, sizeof(*memory));

    if (!memory)
        return -ENOMEM;
    (void)pthread_mutex_lock(&lock);
    records = memory;
    last_seq = 0;
    (void)pthread_mutex_unlock(&lock);
    nvr_log_set_sink(sink, NULL);
    return 0;
}

void logs_close(void)
{
    nvr_log_set_sink(NULL, NULL);
    (void)pthread_mutex_lock(&lock);
    for (size_t i = 0; records && i < RECORDS_MAX; i++)
        free(records[i].message);
    free(NVR_TAKE(records));
    (void)pthread_mutex_unlock(&lock);
}

/* Words that a program without our log wrote (a sanitizer, a library): shown as they are. */
static void forward_raw(const char *line)
{
    char text[NVR_LOG_LINE_MAX];

    copy_text(text, sizeof(text), line);
    nvr_log_redact(text);
    nvr_log_forward(&(struct nvr_log_record){.time_ms = nvr_clock_wall_ms(),
                                             .level = NVR_LOG_WARN,
                                             .topic = "stderr",
                                             .process = "nvr-camera",
                                             .message = text});
}

static bool within_budget(void)
{
    static int64_t window_start_ms;
    static unsigned lines, dropped;
    const int64_t now = nvr_clock_mono_ms();

    if (now - window_start_ms > WINDOW_MS) {
        if (dropped)
            log_warn("%u log lines of workers were dropped", dropped);
        window_start_ms = now;
        lines = 0;
        dropped = 0;
    }
    if (lines >= LINES_PER_WINDOW) {
        dropped++;
        return false;
    }
    lines++;
    return true;
}

void logs_forward_line(const char *line)
{
    NVR_AUTO_JSON object = NULL;
    struct nvr_log_record record = {.topic = "worker", .process = "nvr-camera"};
    char text[NVR_LOG_LINE_MAX];
    const char *level = "info";
    const char *message = "";
    const char *time = "";
    int64_t pid = 0;

    if (!within_budget())
        return;
    if (nvr_json_parse(line, strlen(line), &object, NULL, 0) < 0 || !json_is_object(object) ||
        nvr_json_get_str(object, "message", &message) != 1) {
        forward_raw(line);
        return;
    }
    (void)nvr_json_get_str(object, "level", &level);
    (void)nvr_json_get_str(object, "time", &time);
    (void)nvr_json_get_str(object, "topic", &record.topic);
    (void)nvr_json_get_str(object, "process", &record.process);
    (void)nvr_json_get_str(object, "camera", &record.camera);
    (void)nvr_json_get_str(object, "request_id", &record.request);
    (void)nvr_json_get_int(object, "pid", 0, INT32_MAX, &pid);
    if (nvr_log_level_parse(level, &record.level) < 0)
        record.level = NVR_LOG_INFO;
    if (nvr_rfc3339_parse(time, &record.time_ms) < 0)
        record.time_ms = nvr_clock_wall_ms();
    if (record.level < nvr_log_get_level())
        return;
    record.pid = (int)pid;
    copy_text(text, sizeof(text), message);
    nvr_log_redact(text);
    record.message = text;
    nvr_log_forward(&record);
}

static json_t *record_to_json(const struct record *record)
{
    return json_pack("{s:I, s:I, s:s, s:s, s:s, s:i, s:s?, s:s?, s:s}", "seq",
                     (json_int_t)record->seq, "time", (json_int_t)record->time_ms, "level",
                     nvr_log_level_name(record->level), "topic", record->topic, "process",
                     record->process, "pid", record->pid, "camera",
                     record->camera[0] ? record->camera : NULL, "request_id",
                     record->request[0] ? record->request : NULL, "message", record->message);
}

static bool record_matches(const struct record *record, enum nvr_log_level level,
                           const char *camera, int64_t after_seq)
{
    return record->seq > after_seq && record->level >= level &&
           (!camera || strcmp(camera, record->camera) == 0);
}

json_t *logs_to_json(const char *level_name, const char *camera, int64_t after_seq, unsigned limit)
{
    json_t *items = json_array();
    enum nvr_log_level level = NVR_LOG_DEBUG;
    size_t matching = 0;

    if (level_name && nvr_log_level_parse(level_name, &level) < 0)
        level = NVR_LOG_DEBUG;
    (void)pthread_mutex_lock(&lock);
    const int64_t first = NVR_MAX(last_seq - RECORDS_MAX, (int64_t)0);

    for (int64_t i = first; records && i < last_seq; i++)
        matching += record_matches(&records[i % RECORDS_MAX], level, camera, after_seq);
    /* The newest `limit` of them, oldest first. */
    size_t skip = limit && matching > limit ? matching - limit : 0;

    for (int64_t i = first; items && records && i < last_seq; i++) {
        const struct record *record = &records[i % RECORDS_MAX];

        if (!record_matches(record, level, camera, after_seq))
            continue;
        if (skip) {
            skip--;
            continue;
        }
        /* A record that is not UTF-8 makes no JSON and is left out. */
        json_t *item = record_to_json(record);

        if (item)
            (void)json_array_append_new(items, item);
    }
    (void)pthread_mutex_unlock(&lock);
    return items;
}
