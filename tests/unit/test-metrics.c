/* lib/base/metrics: what Prometheus reads. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/metrics.h"

static const struct nvr_metric frames = {"heron_camera_frames_total", "Pictures received.",
                                         NVR_METRIC_COUNTER};
static const struct nvr_metric uptime = {"heron_uptime_seconds", "Since\nthe \\ start.",
                                         NVR_METRIC_GAUGE};

static int forget_all(void **state)
{
    (void)state;
    nvr_metrics_done();
    return 0;
}

static void expect_text(const char *expected)
{
    struct nvr_buf text;

    nvr_buf_init(&text, NVR_METRICS_TEXT_MAX);
    assert_int_equal(nvr_metrics_write(&text), 0);
    assert_string_equal(nvr_buf_cstr(&text), expected);
    nvr_buf_done(&text);
}

static void each_name_once_and_sorted(void **state)
{
    (void)state;
    nvr_metric_set(&uptime, "", 1.5);
    nvr_metric_add(&frames, "camera=\"yard\"", 1);
    nvr_metric_add(&frames, "camera=\"front\"", 2);
    nvr_metric_add(&frames, "camera=\"front\"", 40);
    nvr_metric_set(&uptime, NULL, 2.25);
    expect_text("# HELP heron_camera_frames_total Pictures received.\n"
                "# TYPE heron_camera_frames_total counter\n"
                "heron_camera_frames_total{camera=\"front\"} 42\n"
                "heron_camera_frames_total{camera=\"yard\"} 1\n"
                "# HELP heron_uptime_seconds Since\\nthe \\\\ start.\n"
                "# TYPE heron_uptime_seconds gauge\n"
                "heron_uptime_seconds 2.25\n");
}

static void labels_are_escaped_and_bounded(void **state)
{
    char labels[NVR_METRIC_LABELS_SIZE] = "";
    char longest[NVR_METRIC_LABELS_SIZE];

    (void)state;
    assert_int_equal(nvr_metric_label(labels, "path", "C:\\\"a\"\nb"), 0);
    assert_string_equal(labels, "path=\"C:\\\\\\\"a\\\"\\nb\"");
    assert_int_equal(nvr_metric_label(labels, "camera", "front"), 0);
    assert_string_equal(labels, "path=\"C:\\\\\\\"a\\\"\\nb\",camera=\"front\"");
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(nvr_metric_label(labels, "more", longest), -EMSGSIZE);
    assert_string_equal(labels, "path=\"C:\\\\\\\"a\\\"\\nb\",camera=\"front\"");
}

static void numbers_stay_exact(void **state)
{
    static const struct nvr_metric bytes = {"heron_bytes", "B", NVR_METRIC_GAUGE};

    (void)state;
    nvr_metric_set(&bytes, "n=\"1\"", 123456789012345.0);
    nvr_metric_set(&bytes, "n=\"2\"", INFINITY);
    nvr_metric_set(&bytes, "n=\"3\"", -INFINITY);
    nvr_metric_set(&bytes, "n=\"4\"", NAN);
    nvr_metric_set(&bytes, "n=\"5\"", 0.1);
    nvr_metric_set(&bytes, "n=\"6\"", 1e300);
    expect_text("# HELP heron_bytes B\n# TYPE heron_bytes gauge\n"
                "heron_bytes{n=\"1\"} 123456789012345\n"
                "heron_bytes{n=\"2\"} +Inf\n"
                "heron_bytes{n=\"3\"} -Inf\n"
                "heron_bytes{n=\"4\"} NaN\n"
                "heron_bytes{n=\"5\"} 0.1\n"
                "heron_bytes{n=\"6\"} 1e+300\n");
}

static void what_is_gone_goes(void **state)
{
    (void)state;
    nvr_metric_set(&frames, "camera=\"a\"", 1);
    nvr_metric_set(&frames, "camera=\"ab\"", 2);
    nvr_metric_set(&frames, "xcamera=\"a\"", 3);
    nvr_metric_set(&frames, "camera=\"a\",stream=\"main\"", 4);
    nvr_metrics_forget("camera", "a");
    expect_text("# HELP heron_camera_frames_total Pictures received.\n"
                "# TYPE heron_camera_frames_total counter\n"
                "heron_camera_frames_total{camera=\"ab\"} 2\n"
                "heron_camera_frames_total{xcamera=\"a\"} 3\n");
    nvr_metric_clear(&frames);
    expect_text("");
}

static void series_are_bounded(void **state)
{
    struct nvr_buf text;
    char labels[64];

    (void)state;
    for (int i = 0; i < NVR_METRICS_SERIES_MAX + 5; i++) {
        assert_true(nvr_fmt(labels, sizeof(labels), "n=\"%d\"", i) > 0);
        nvr_metric_set(&frames, labels, i);
    }
    nvr_buf_init(&text, NVR_METRICS_TEXT_MAX);
    assert_int_equal(nvr_metrics_write(&text), 0);
    assert_null(strstr(nvr_buf_cstr(&text), "n=\"20000\""));
    nvr_metrics_forget("n", "7"); /* room for the count of what was dropped */
    nvr_buf_reset(&text);
    assert_int_equal(nvr_metrics_write(&text), 0);
    assert_non_null(strstr(nvr_buf_cstr(&text), "\nheron_metrics_dropped_total 6\n"));
    nvr_buf_done(&text);
}

static void collect(void *arg)
{
    int *value = arg;

    nvr_metric_set(&uptime, "", ++*value);
}

static void collectors_run_first(void **state)
{
    int value = 0;

    (void)state;
    for (int i = 0; i < NVR_METRICS_COLLECTORS_MAX; i++)
        assert_int_equal(nvr_metrics_add_collector(collect, &value), 0);
    assert_int_equal(nvr_metrics_add_collector(collect, &value), -ENOBUFS);
    expect_text("# HELP heron_uptime_seconds Since\\nthe \\\\ start.\n"
                "# TYPE heron_uptime_seconds gauge\nheron_uptime_seconds 16\n");
    nvr_metrics_remove_collector(collect, &value);
    nvr_metric_clear(&uptime);
    expect_text("");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(each_name_once_and_sorted, forget_all),
        cmocka_unit_test_teardown(labels_are_escaped_and_bounded, forget_all),
        cmocka_unit_test_teardown(numbers_stay_exact, forget_all),
        cmocka_unit_test_teardown(what_is_gone_goes, forget_all),
        cmocka_unit_test_teardown(series_are_bounded, forget_all),
        cmocka_unit_test_teardown(collectors_run_first, forget_all),
    };

    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
