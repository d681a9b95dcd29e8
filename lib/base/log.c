#include "lib/base/log.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"

#define LOG_NAME_SIZE 80

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static _Atomic int log_level = NVR_LOG_INFO;
static _Atomic int log_format = NVR_LOG_TEXT;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER; /* everything below */
static char log_process[LOG_NAME_SIZE] = "nvr";
static char log_camera[LOG_NAME_SIZE];
static char log_process_request[LOG_NAME_SIZE];
static void (*log_sink)(const struct nvr_log_record *record, void *arg);
static void *log_sink_arg;

static _Thread_local char log_request[LOG_NAME_SIZE];

static void copy_name(char *dst, const char *src)
{
    (void)pthread_mutex_lock(&log_lock);
    (void)snprintf(dst, LOG_NAME_SIZE, "%s", src ? src : "");
    (void)pthread_mutex_unlock(&log_lock);
}

void nvr_log_set_level(enum nvr_log_level level)
{
    atomic_store(&log_level, (int)level);
}

enum nvr_log_level nvr_log_get_level(void)
{
    return (enum nvr_log_level)atomic_load_explicit(&log_level, memory_order_relaxed);
}

void nvr_log_set_format(enum nvr_log_format format)
{
    atomic_store(&log_format, (int)format);
}

void nvr_log_set_process(const char *name)
{
    copy_name(log_process, name);
}

void nvr_log_set_camera(const char *camera)
{
    copy_name(log_camera, camera);
}

void nvr_log_set_request(const char *request)
{
    (void)snprintf(log_request, sizeof(log_request), "%s", request ? request : "");
}

const char *nvr_log_get_request(void)
{
    return log_request;
}

void nvr_log_set_process_request(const char *request)
{
    copy_name(log_process_request, request);
}

void nvr_log_set_sink(void (*sink)(const struct nvr_log_record *record, void *arg), void *arg)
{
    (void)pthread_mutex_lock(&log_lock);
    log_sink = sink;
    log_sink_arg = arg;
    (void)pthread_mutex_unlock(&log_lock);
}

const char *nvr_log_level_name(enum nvr_log_level level)
{
    return (unsigned)level < NVR_ARRAY_SIZE(level_names) ? level_names[level] : "?";
}

int nvr_log_level_parse(const char *name, enum nvr_log_level *ret_level)
{
    for (size_t i = 0; i < NVR_ARRAY_SIZE(level_names); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *ret_level = (enum nvr_log_level)i;
            return 0;
        }
    }
    return -EINVAL;
}

void nvr_log_redact(char *text)
{
    char *at = text;

    while ((at = strstr(at, "://"))) {
        at += 3;
        const size_t authority = strcspn(at, "/?# \t\n\"'");
        char *sign = NULL;

        /* The last '@' of the authority ends the credentials (passwords may hold one). */
        for (size_t i = authority; i > 0 && !sign; i--)
            if (at[i - 1] == '@')
                sign = at + i - 1;
        if (!sign)
            continue;
        const size_t keep = sign - at >= 3 ? 3 : 0; /* room for the asterisks, else nothing stays */
        const char *tail = keep ? sign : sign + 1;

        memset(at, '*', keep);
        memmove(at + keep, tail, strlen(tail) + 1);
    }
}

/* One write() per record, so that lines of several processes never mix. */
static void put_line(const char *line, size_t len)
{
    const ssize_t n = write(STDERR_FILENO, line, len);

    (void)n; /* nowhere to tell */
}

static void emit_json(const struct nvr_log_record *record, const char *time)
{
    json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:i, s:s}", "time", time, "level",
                               nvr_log_level_name(record->level), "topic", record->topic, "process",
                               record->process, "pid", record->pid, "message", record->message);

    if (!object)
        return;
    if (record->camera)
        (void)json_object_set_new(object, "camera", json_string(record->camera));
    if (record->request)
        (void)json_object_set_new(object, "request_id", json_string(record->request));
    char *text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);

    json_decref(object);
    if (!text)
        return;
    const size_t len = strlen(text);

    text[len] = '\n'; /* the NUL is not needed any more */
    put_line(text, len + 1);
    free(text);
}

static void emit_text(const struct nvr_log_record *record, const char *time)
{
    char line[NVR_LOG_LINE_MAX + 512];
    int n = snprintf(line, sizeof(line) - 1, "%s %-5s %s[%d] %s%s%s%s: %s%s%s", time,
                     nvr_log_level_name(record->level), record->process, record->pid, record->topic,
                     record->camera ? " camera=" : "", record->camera ? record->camera : "", "",
                     record->message, record->request ? " request=" : "",
                     record->request ? record->request : "");

    if (n < 0)
        return;
    if ((size_t)n > sizeof(line) - 2)
        n = (int)sizeof(line) - 2;
    for (int i = 0; i < n; i++)
        if ((unsigned char)line[i] < ' ')
            line[i] = ' ';
    line[n] = '\n';
    put_line(line, (size_t)n + 1);
}

void nvr_log_forward(const struct nvr_log_record *record)
{
    char time[NVR_RFC3339_SIZE];

    nvr_rfc3339_format(record->time_ms, time);
    if (atomic_load(&log_format) == NVR_LOG_JSON)
        emit_json(record, time);
    else
        emit_text(record, time);
    (void)pthread_mutex_lock(&log_lock);
    if (log_sink)
        log_sink(record, log_sink_arg);
    (void)pthread_mutex_unlock(&log_lock);
}

/* True when this record may be printed; *ret_held is what was held back before it. */
static bool site_admits(struct nvr_log_site *site, uint32_t *ret_held)
{
    const int64_t now = nvr_clock_mono_ms();
    bool ok;

    (void)pthread_mutex_lock(&log_lock);
    *ret_held = 0;
    if (site->printed == 0 || now - site->window_start_ms > NVR_LOG_SITE_WINDOW_MS) {
        site->window_start_ms = now;
        site->printed = 0;
        *ret_held = site->held_back;
        site->held_back = 0;
    }
    ok = site->printed < NVR_LOG_SITE_BURST;
    if (ok)
        site->printed++;
    else
        site->held_back++;
    (void)pthread_mutex_unlock(&log_lock);
    return ok;
}

void nvr_log_write_(struct nvr_log_site *site, enum nvr_log_level level, const char *topic,
                    int error, const char *fmt, ...)
{
    char message[NVR_LOG_LINE_MAX];
    char process[LOG_NAME_SIZE];
    char camera[LOG_NAME_SIZE];
    char request[LOG_NAME_SIZE];
    uint32_t held_back = 0;
    size_t len;
    va_list ap;

    if (!site_admits(site, &held_back))
        return;
    va_start(ap, fmt);
    const int n = vsnprintf(message, sizeof(message), fmt, ap);

    va_end(ap);
    if (n < 0)
        return;
    len = NVR_MIN((size_t)n, sizeof(message) - 1);
    if (error) {
        len += (size_t)snprintf(message + len, sizeof(message) - len, ": %s", nvr_strerror(error));
        len = NVR_MIN(len, sizeof(message) - 1);
    }
    if (held_back)
        (void)snprintf(message + len, sizeof(message) - len, " (%u like this held back)",
                       held_back);
    nvr_log_redact(message);

    (void)pthread_mutex_lock(&log_lock);
    memcpy(process, log_process, sizeof(process));
    memcpy(camera, log_camera, sizeof(camera));
    memcpy(request, log_request[0] ? log_request : log_process_request, sizeof(request));
    (void)pthread_mutex_unlock(&log_lock);
    nvr_log_forward(&(struct nvr_log_record){
        .time_ms = nvr_clock_wall_ms(),
        .level = level,
        .topic = topic,
        .process = process,
        .pid = (int)getpid(),
        .camera = camera[0] ? camera : NULL,
        .request = request[0] ? request : NULL,
        .message = message,
    });
}
