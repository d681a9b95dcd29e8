#include "lib/base/metrics.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct series {
    char *labels;
    double value;
};

/* All of one name, sorted by labels. */
struct family {
    const struct nvr_metric *metric;
    struct series *items;
    size_t count, cap;
};

static struct {
    struct family *families; /* sorted by name */
    size_t count, cap, series, dropped;
    struct {
        nvr_metrics_collect fn;
        void *arg;
    } collectors[NVR_METRICS_COLLECTORS_MAX];
    size_t collectors_count;
} registry;

static const struct nvr_metric metric_dropped = {"heron_metrics_dropped_total",
                                                 "Samples that did not fit into the registry.",
                                                 NVR_METRIC_COUNTER};

static bool name_is_valid(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_";

    return name[0] >= 'a' && name[0] <= 'z' && name[strspn(name, allowed)] == '\0';
}

/* Room for one more at index at; NULL: out of memory. */
static void *insert(void *items, size_t *count, size_t *cap, size_t size, size_t at)
{
    if (*count == *cap) {
        const size_t grown = *cap ? *cap * 2 : 8;
        void *moved = reallocarray(items, grown, size);

        if (!moved)
            return NULL;
        items = moved;
        *cap = grown;
    }
    memmove((char *)items + (at + 1) * size, (char *)items + at * size, (*count - at) * size);
    memset((char *)items + at * size, 0, size);
    (*count)++;
    return items;
}

static size_t find_family(const char *name, bool *ret_found)
{
    size_t low = 0;
    size_t high = registry.count;

    *ret_found = false;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(registry.families[middle].metric->name, name);

        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct family *get_family(const struct nvr_metric *metric)
{
    bool found;
    const size_t at = find_family(metric->name, &found);
    struct family *families;

    if (found)
        return &registry.families[at];
    assert(name_is_valid(metric->name));
    families =
        insert(registry.families, &registry.count, &registry.cap, sizeof(*registry.families), at);
    if (!families)
        return NULL;
    registry.families = families;
    families[at].metric = metric;
    return &families[at];
}

static size_t find_series(const struct family *family, const char *labels, bool *ret_found)
{
    size_t low = 0;
    size_t high = family->count;

    *ret_found = false;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(family->items[middle].labels, labels);

        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* NULL: no room, counted. */
static struct series *get_series(const struct nvr_metric *metric, const char *labels)
{
    struct family *family = get_family(metric);
    struct series *items;
    bool found;
    char *copy;
    size_t at;

    if (!labels)
        labels = "";
    if (family) {
        at = find_series(family, labels, &found);
        if (found)
            return &family->items[at];
        copy = registry.series < NVR_METRICS_SERIES_MAX ? strdup(labels) : NULL;
        items =
            copy ? insert(family->items, &family->count, &family->cap, sizeof(*items), at) : NULL;
        if (items) {
            family->items = items;
            items[at].labels = copy;
            registry.series++;
            return &items[at];
        }
        free(copy);
    }
    registry.dropped++;
    return NULL;
}

void nvr_metric_set(const struct nvr_metric *metric, const char *labels, double value)
{
    struct series *series = get_series(metric, labels);

    if (series)
        series->value = value;
}

void nvr_metric_add(const struct nvr_metric *metric, const char *labels, double value)
{
    struct series *series = get_series(metric, labels);

    if (series)
        series->value += value;
}

static void clear_family(struct family *family)
{
    for (size_t i = 0; i < family->count; i++)
        free(family->items[i].labels);
    registry.series -= family->count;
    family->count = 0;
}

void nvr_metric_clear(const struct nvr_metric *metric)
{
    bool found;
    const size_t at = find_family(metric->name, &found);

    if (found)
        clear_family(&registry.families[at]);
}

/* The whole pair, not the end of a longer name or a part of a value. */
static bool has_label(const char *labels, const char *pair)
{
    const size_t len = strlen(pair);
    const char *at = labels;

    while ((at = strstr(at, pair))) {
        if ((at == labels || at[-1] == ',') && (at[len] == '\0' || at[len] == ','))
            return true;
        at++;
    }
    return false;
}

void nvr_metrics_forget(const char *name, const char *value)
{
    char pair[NVR_METRIC_LABELS_SIZE] = "";

    if (nvr_metric_label(pair, name, value) < 0)
        return;
    for (size_t i = 0; i < registry.count; i++) {
        struct family *family = &registry.families[i];
        size_t kept = 0;

        for (size_t j = 0; j < family->count; j++) {
            if (has_label(family->items[j].labels, pair))
                free(family->items[j].labels);
            else
                family->items[kept++] = family->items[j];
        }
        registry.series -= family->count - kept;
        family->count = kept;
    }
}

int nvr_metric_label(char labels[NVR_METRIC_LABELS_SIZE], const char *name, const char *value)
{
    struct nvr_buf text;
    int r;

    assert(name_is_valid(name));
    nvr_buf_init(&text, NVR_METRIC_LABELS_SIZE - 1);
    (void)nvr_buf_printf(&text, "%s%s%s=\"", labels, labels[0] ? "," : "", name);
    for (const char *p = value; *p; p++) {
        if (*p == '\\' || *p == '"')
            (void)nvr_buf_append_char(&text, '\\');
        if (*p == '\n')
            (void)nvr_buf_append_str(&text, "\\n");
        else
            (void)nvr_buf_append_char(&text, *p);
    }
    r = nvr_buf_append_char(&text, '"');
    if (r == 0) {
        memcpy(labels, text.data, text.len);
        labels[text.len] = '\0';
    }
    nvr_buf_done(&text);
    return r;
}

int nvr_metrics_add_collector(nvr_metrics_collect fn, void *arg)
{
    if (registry.collectors_count == NVR_METRICS_COLLECTORS_MAX)
        return -ENOBUFS;
    registry.collectors[registry.collectors_count].fn = fn;
    registry.collectors[registry.collectors_count].arg = arg;
    registry.collectors_count++;
    return 0;
}

void nvr_metrics_remove_collector(nvr_metrics_collect fn, void *arg)
{
    size_t kept = 0;

    for (size_t i = 0; i < registry.collectors_count; i++)
        if (registry.collectors[i].fn != fn || registry.collectors[i].arg != arg)
            registry.collectors[kept++] = registry.collectors[i];
    registry.collectors_count = kept;
}

static void write_help(struct nvr_buf *buf, const struct nvr_metric *metric)
{
    (void)nvr_buf_printf(buf, "# HELP %s ", metric->name);
    for (const char *p = metric->help; *p; p++) {
        if (*p == '\\' || *p == '\n')
            (void)nvr_buf_append_str(buf, *p == '\n' ? "\\n" : "\\\\");
        else
            (void)nvr_buf_append_char(buf, *p);
    }
    (void)nvr_buf_printf(buf, "\n# TYPE %s %s\n", metric->name,
                         metric->type == NVR_METRIC_COUNTER ? "counter" : "gauge");
}

/* Whole numbers without an exponent, so that counters of bytes stay exact. */
static void write_value(struct nvr_buf *buf, double value)
{
    if (isnan(value))
        (void)nvr_buf_append_str(buf, "NaN");
    else if (isinf(value))
        (void)nvr_buf_append_str(buf, value > 0 ? "+Inf" : "-Inf");
    else if (fabs(value) < 9e15 && value == (double)(int64_t)value)
        (void)nvr_buf_printf(buf, "%lld", (long long)value);
    else
        (void)nvr_buf_printf(buf, "%.15g", value);
}

int nvr_metrics_write(struct nvr_buf *buf)
{
    for (size_t i = 0; i < registry.collectors_count; i++)
        registry.collectors[i].fn(registry.collectors[i].arg);
    if (registry.dropped)
        nvr_metric_set(&metric_dropped, "", (double)registry.dropped);
    for (size_t i = 0; i < registry.count; i++) {
        const struct family *family = &registry.families[i];

        if (family->count)
            write_help(buf, family->metric);
        for (size_t j = 0; j < family->count; j++) {
            const struct series *series = &family->items[j];

            (void)nvr_buf_append_str(buf, family->metric->name);
            if (series->labels[0])
                (void)nvr_buf_printf(buf, "{%s}", series->labels);
            (void)nvr_buf_append_char(buf, ' ');
            write_value(buf, series->value);
            (void)nvr_buf_append_char(buf, '\n');
        }
    }
    return nvr_buf_status(buf);
}

void nvr_metrics_done(void)
{
    for (size_t i = 0; i < registry.count; i++) {
        clear_family(&registry.families[i]);
        free(registry.families[i].items);
    }
    free(registry.families);
    memset(&registry, 0, sizeof(registry));
}
