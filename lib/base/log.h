/* log.h — one line per record on stderr (JSON or text), levels, redaction.
 *
 *   NVR_LOG_TOPIC("ring");                          once per file
 *   log_info("epoch %u", epoch);
 *   return log_err(r, "open '%s'", path);           logs "…: strerror", returns r
 *
 * Threads:  every function may be called from any thread.
 * Secrets:  user:password@ in URLs is blanked in every record.
 * Flood:    a call site prints at most NVR_LOG_SITE_BURST records in
 *           NVR_LOG_SITE_WINDOW_MS; the next record says how many were held back. */
#ifndef NVR_BASE_LOG_H
#define NVR_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/macros.h"

#define NVR_LOG_LINE_MAX 2048
#define NVR_LOG_SITE_BURST 20
#define NVR_LOG_SITE_WINDOW_MS 10000

enum nvr_log_level {
    NVR_LOG_DEBUG,
    NVR_LOG_INFO,
    NVR_LOG_WARN,
    NVR_LOG_ERROR,
};

enum nvr_log_format {
    NVR_LOG_TEXT,
    NVR_LOG_JSON,
};

/* Borrowed for the duration of the sink call. camera/request may be NULL. */
struct nvr_log_record {
    int64_t time_ms; /* wall clock, UTC */
    enum nvr_log_level level;
    const char *topic;
    const char *process;
    int pid;
    const char *camera;
    const char *request;
    const char *message;
};

struct nvr_log_site {
    int64_t window_start_ms;
    uint32_t printed;
    uint32_t held_back;
};

void nvr_log_set_level(enum nvr_log_level level);
enum nvr_log_level nvr_log_get_level(void);
void nvr_log_set_format(enum nvr_log_format format);
/* Shown as "process" in each record; copied. Default "nvr". */
void nvr_log_set_process(const char *name);
/* Id of the camera this process serves, or NULL; copied. */
void nvr_log_set_camera(const char *camera);
/* Correlation id of the request being served by this thread, or NULL; copied. */
void nvr_log_set_request(const char *request);
/* The calling thread's, "" when there is none; valid until this thread sets another. */
const char *nvr_log_get_request(void);
/* For threads that have none of their own: a process that serves one request only. Copied. */
void nvr_log_set_process_request(const char *request);
/* Called with every record that passes the level, under the log's lock: do not
 * log from it. NULL removes it. */
void nvr_log_set_sink(void (*sink)(const struct nvr_log_record *record, void *arg), void *arg);
/* Emit a record made elsewhere (a worker's line, already redacted there). */
void nvr_log_forward(const struct nvr_log_record *record);

const char *nvr_log_level_name(enum nvr_log_level level);
/* 0, or -EINVAL for an unknown name. */
NVR_CHECK int nvr_log_level_parse(const char *name, enum nvr_log_level *ret_level);

/* Blank "user:password@" of every URL inside text, in place. */
void nvr_log_redact(char *text);

void nvr_log_write_(struct nvr_log_site *site, enum nvr_log_level level, const char *topic,
                    int error, const char *fmt, ...) NVR_PRINTF(5, 6);

#define NVR_LOG_TOPIC(name) static const char *const nvr_log_topic_ NVR_UNUSED = name

#define nvr_log_at_(level_, error_, ...)                                                           \
    do {                                                                                           \
        static struct nvr_log_site site_;                                                          \
        if ((level_) >= nvr_log_get_level())                                                       \
            nvr_log_write_(&site_, level_, nvr_log_topic_, error_, __VA_ARGS__);                   \
    } while (0)

#define log_debug(...) nvr_log_at_(NVR_LOG_DEBUG, 0, __VA_ARGS__)
#define log_info(...) nvr_log_at_(NVR_LOG_INFO, 0, __VA_ARGS__)
#define log_warn(...) nvr_log_at_(NVR_LOG_WARN, 0, __VA_ARGS__)
#define log_error(...) nvr_log_at_(NVR_LOG_ERROR, 0, __VA_ARGS__)

/* Like log_error/warn/debug with ": nvr_strerror(r)" behind it; the value is r. */
#define log_err(r, ...)                                                                            \
    ({                                                                                             \
        const int err_ = (r);                                                                      \
        nvr_log_at_(NVR_LOG_ERROR, err_, __VA_ARGS__);                                             \
        err_;                                                                                      \
    })
#define log_warn_err(r, ...)                                                                       \
    ({                                                                                             \
        const int err_ = (r);                                                                      \
        nvr_log_at_(NVR_LOG_WARN, err_, __VA_ARGS__);                                              \
        err_;                                                                                      \
    })
#define log_debug_err(r, ...)                                                                      \
    ({                                                                                             \
        const int err_ = (r);                                                                      \
        nvr_log_at_(NVR_LOG_DEBUG, err_, __VA_ARGS__);                                             \
        err_;                                                                                      \
    })

#endif
