/* metrics.h — numbers for Prometheus, one registry per process: text exposition 0.0.4.
 *
 * Who counts something declares a constant `struct nvr_metric` and calls nvr_metric_add(); what
 * only exists when somebody asks is set by a collector, right before the text is written.
 * Threads:   the loop's thread only. Who counts elsewhere goes through nvr_post.
 * Limits:    NVR_METRICS_SERIES_MAX; what comes above is dropped and counted. */
#ifndef NVR_BASE_METRICS_H
#define NVR_BASE_METRICS_H

#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/macros.h"

#define NVR_METRICS_SERIES_MAX 20000
#define NVR_METRICS_COLLECTORS_MAX 16
#define NVR_METRICS_TEXT_MAX ((size_t)8 * 1024 * 1024)
#define NVR_METRIC_LABELS_SIZE 512

enum nvr_metric_type { NVR_METRIC_GAUGE, NVR_METRIC_COUNTER };

/* Lives for ever; known by its name: "heron_…", the unit in it, counters end in "_total". */
struct nvr_metric {
    const char *name, *help;
    enum nvr_metric_type type;
};

/* labels: "" or what nvr_metric_label() made ("camera=\"front\""); NULL: "". */
void nvr_metric_set(const struct nvr_metric *metric, const char *labels, double value);
void nvr_metric_add(const struct nvr_metric *metric, const char *labels, double value);
/* Forget every series of it: collectors begin with this, so that what is gone goes. */
void nvr_metric_clear(const struct nvr_metric *metric);
/* Forget the series whose labels contain `name="value"`: a removed camera's. */
void nvr_metrics_forget(const char *name, const char *value);
/* Append `name="value"` (escaped, after a comma) to labels of NVR_METRIC_LABELS_SIZE bytes.
 * -EMSGSIZE: no room (unchanged). */
int nvr_metric_label(char labels[NVR_METRIC_LABELS_SIZE], const char *name, const char *value);

/* fn runs before each nvr_metrics_write(). 0, -ENOBUFS. */
typedef void (*nvr_metrics_collect)(void *arg);
NVR_CHECK int nvr_metrics_add_collector(nvr_metrics_collect fn, void *arg);
void nvr_metrics_remove_collector(nvr_metrics_collect fn, void *arg);

/* Every series, by name, then by labels. 0 or the buffer's error. */
NVR_CHECK int nvr_metrics_write(struct nvr_buf *buf);
void nvr_metrics_done(void); /* forget everything, collectors too */

#endif
