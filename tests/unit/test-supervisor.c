/* The pure parts of src/supervisor: back-off, a worker's life, files against rows, what a worker
 * may say about a segment. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/supervisor/private.h"
#include "src/supervisor/reconcile-diff.h"

/* ---- back-off ---- */

static void test_backoff(void **state)
{
    static const int64_t expected[] = {100, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
    struct backoff backoff = {0};

    (void)state;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(expected); i++)
        assert_int_equal(backoff_next(&backoff, 0), expected[i]);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(backoff_next(&backoff, 59999), 60000);
    assert_int_equal(backoff_next(&backoff, 60000), 100);
    assert_int_equal(backoff_next(&backoff, 0), 1000);
    backoff_reset(&backoff);
    assert_int_equal(backoff_next(&backoff, 0), 100);
}

/* ---- a worker's life ---- */

static void start(struct worker_state *worker)
{
    worker_state_init(worker);
    assert_int_equal(worker_state_want(worker, true, 1000), WORKER_SPAWN);
    assert_int_equal(worker->id, WORKER_STARTING);
    worker_state_alive(worker, 1200);
    assert_int_equal(worker->id, WORKER_RUNNING);
}

static void test_healthy(void **state)
{
    struct worker_state worker;

    (void)state;
    start(&worker);
    for (int64_t now = 1200; now < 100000; now += NVR_HEARTBEAT_MS) {
        worker_state_alive(&worker, now);
        assert_int_equal(worker_state_tick(&worker, now + NVR_UNHEALTHY_MS - 1), WORKER_NOTHING);
    }
    assert_int_equal(worker_state_want(&worker, true, 100000), WORKER_NOTHING);
    assert_int_equal(worker.restarts, 0);
}

static void test_silent(void **state)
{
    struct worker_state worker;

    (void)state;
    start(&worker);
    assert_int_equal(worker_state_tick(&worker, 16199), WORKER_NOTHING);
    assert_int_equal(worker_state_tick(&worker, 16200), WORKER_SIGTERM);
    assert_int_equal(worker.id, WORKER_UNHEALTHY);
    worker_state_alive(&worker, 17000); /* too late */
    assert_int_equal(worker.id, WORKER_UNHEALTHY);
    assert_int_equal(worker_state_tick(&worker, 21199), WORKER_NOTHING);
    assert_int_equal(worker_state_tick(&worker, 21200), WORKER_SIGKILL);
    assert_int_equal(worker_state_tick(&worker, 26200), WORKER_SIGKILL);
    worker_state_exited(&worker, 26300);
    assert_int_equal(worker.id, WORKER_CRASHED);
    assert_int_equal(worker.restarts, 1);
    assert_int_equal(worker.deadline_ms, 26400);
    assert_int_equal(worker_state_tick(&worker, 26400), WORKER_SPAWN);
}

static void test_never_answers(void **state)
{
    struct worker_state worker;

    (void)state;
    worker_state_init(&worker);
    assert_int_equal(worker_state_want(&worker, true, 0), WORKER_SPAWN);
    assert_int_equal(worker_state_tick(&worker, NVR_UNHEALTHY_MS), WORKER_SIGTERM);
}

static void test_crash_loop(void **state)
{
    static const int64_t delays[] = {100, 1000, 2000, 4000};
    struct worker_state worker;
    int64_t now = 1300;

    (void)state;
    start(&worker);
    for (size_t i = 0; i < NVR_ARRAY_SIZE(delays); i++) {
        worker_state_exited(&worker, now);
        assert_int_equal(worker.deadline_ms, now + delays[i]);
        assert_int_equal(worker_state_tick(&worker, now + delays[i] - 1), WORKER_NOTHING);
        now += delays[i];
        assert_int_equal(worker_state_tick(&worker, now), WORKER_SPAWN);
    }
    /* A minute of health, and the next restart comes at once again. */
    worker_state_alive(&worker, now);
    worker_state_exited(&worker, now + 60000);
    assert_int_equal(worker.deadline_ms, now + 60100);
    assert_int_equal(worker.restarts, 5);
}

static void test_stop(void **state)
{
    struct worker_state worker;

    (void)state;
    start(&worker);
    assert_int_equal(worker_state_want(&worker, false, 2000), WORKER_ASK_STOP);
    assert_int_equal(worker.id, WORKER_STOPPING);
    assert_int_equal(worker_state_tick(&worker, 6999), WORKER_NOTHING);
    assert_int_equal(worker_state_tick(&worker, 7000), WORKER_SIGTERM);
    assert_int_equal(worker_state_tick(&worker, 10000), WORKER_SIGKILL);
    worker_state_exited(&worker, 10100);
    assert_int_equal(worker.id, WORKER_STOPPED);
    assert_int_equal(worker.deadline_ms, WORKER_NEVER);
    assert_int_equal(worker.restarts, 0);
    assert_int_equal(worker_state_tick(&worker, 999999), WORKER_NOTHING);
}

static void test_stop_while_waiting(void **state)
{
    struct worker_state worker;

    (void)state;
    start(&worker);
    worker_state_exited(&worker, 2000);
    assert_int_equal(worker.id, WORKER_CRASHED);
    assert_int_equal(worker_state_want(&worker, false, 2010), WORKER_NOTHING);
    assert_int_equal(worker.id, WORKER_STOPPED);
    assert_int_equal(worker_state_want(&worker, true, 2020), WORKER_SPAWN);
}

static void test_restart(void **state)
{
    struct worker_state worker;

    (void)state;
    start(&worker);
    assert_int_equal(worker_state_restart(&worker, 2000), WORKER_ASK_STOP);
    worker_state_exited(&worker, 2100);
    assert_int_equal(worker_state_tick(&worker, 2100), WORKER_SPAWN);
    assert_int_equal(worker.restarts, 0);
    /* Stopped while the restart is under way: stays stopped. */
    assert_int_equal(worker_state_restart(&worker, 3000), WORKER_ASK_STOP);
    assert_int_equal(worker_state_want(&worker, false, 3001), WORKER_NOTHING);
    worker_state_exited(&worker, 3100);
    assert_int_equal(worker.id, WORKER_STOPPED);
}

static void test_lost_socket(void **state)
{
    struct worker_state worker;

    (void)state;
    start(&worker);
    worker_state_lost(&worker, 2000);
    assert_int_equal(worker.id, WORKER_UNHEALTHY);
    assert_int_equal(worker_state_tick(&worker, 3999), WORKER_NOTHING);
    assert_int_equal(worker_state_tick(&worker, 4000), WORKER_SIGTERM);
    assert_int_equal(worker_state_tick(&worker, 9000), WORKER_SIGKILL);
    assert_string_equal(worker_state_name(worker.id), "unhealthy");
}

/* ---- files against rows ---- */

static const char dir[] = "cam/2026-01-02/03/";

static void add(struct reconcile_set *set, bool row, const char *name, int64_t size)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s%s", dir, name);
    if (row)
        assert_int_equal(reconcile_add_row(set, path, size * 10, size, false), 0);
    else
        assert_int_equal(reconcile_add_file(set, path, size), 0);
}

static void test_diff(void **state)
{
    struct reconcile_set set = {0};
    const struct reconcile_cutoff cutoff = {reconcile_name_time("segment_20260102_030400.mp4"), 0};

    (void)state;
    add(&set, false, "segment_20260102_030405.mp4", 5); /* being written */
    add(&set, false, "segment_20260102_030300.mp4", 1);
    add(&set, false, "segment_20260102_030310.mp4", 2); /* no row */
    add(&set, false, "segment_20260102_030320.mp4", 3); /* grew since */
    add(&set, false, "segment_20260102_030300_2.mp4", 4);
    add(&set, true, "segment_20260102_030320.mp4", 2);
    add(&set, true, "segment_20260102_030300.mp4", 1);
    add(&set, true, "segment_20260102_030300_2.mp4", 4);
    add(&set, true, "segment_20260102_030330.mp4", 6); /* no file */
    add(&set, true, "segment_20260101_000000.mp4", 7); /* no file */
    assert_int_equal(reconcile_diff(&set, cutoff, false), 0);
    assert_int_equal(set.files_count, 2);
    assert_non_null(strstr(set.files[0].path, "030310"));
    assert_non_null(strstr(set.files[1].path, "030320"));
    assert_false(set.files[0].known || set.files[1].known);
    assert_int_equal(set.rows_count, 2);
    assert_int_equal(set.rows[0].start_ms, 70);
    assert_int_equal(set.rows[1].start_ms, 60);
    reconcile_set_done(&set);
    assert_int_equal(reconcile_diff(&set, cutoff, false), 0);
    assert_int_equal(set.files_count + set.rows_count, 0);
    reconcile_set_done(&set);
}

/* The file that is being written is the third of its second. */
static void test_diff_within_a_second(void **state)
{
    struct reconcile_set set = {0};
    const struct reconcile_cutoff cutoff = {reconcile_name_time("segment_20260102_030400.mp4"), 3};

    (void)state;
    add(&set, false, "segment_20260102_030400.mp4", 1);
    add(&set, false, "segment_20260102_030400_2.mp4", 2);
    add(&set, false, "segment_20260102_030400_3.mp4", 3);
    add(&set, false, "segment_20260102_030400_4.mp4", 4);
    add(&set, false, "segment_20260102_030401.mp4", 5);
    assert_int_equal(reconcile_diff(&set, cutoff, false), 0);
    assert_int_equal(set.files_count, 2);
    assert_int_equal(set.files[0].size + set.files[1].size, 3);
    assert_int_equal(set.young_count, 3);
    reconcile_set_done(&set);
    assert_int_equal(reconcile_name_attempt("a/segment_20260102_030400.mp4"), 1);
    assert_int_equal(reconcile_name_attempt("a/segment_20260102_030400_12.mp4"), 12);
    assert_int_equal(reconcile_name_attempt("segment_20260102_030400_x.mp4"), 1);
    assert_int_equal(reconcile_name_attempt(""), 1);
}

/* Indexed again without being believed: the row is remembered, for a file that cannot be read now.
 */
static void test_diff_of_all(void **state)
{
    struct reconcile_set set = {0};
    const struct reconcile_cutoff cutoff = {reconcile_name_time("segment_20260102_030400.mp4"), 0};

    (void)state;
    add(&set, false, "segment_20260102_030300.mp4", 1);
    add(&set, true, "segment_20260102_030300.mp4", 1);
    add(&set, false, "segment_20260102_030310.mp4", 2);
    assert_int_equal(reconcile_diff(&set, cutoff, true), 0);
    assert_int_equal(set.files_count, 2);
    assert_true(set.files[0].known);
    assert_false(set.files[1].known);
    reconcile_set_done(&set);
}

static void add_moved(struct reconcile_set *set, const char *name, int64_t size)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s%s", dir, name);
    assert_int_equal(reconcile_add_row(set, path, size * 10, size, true), 0);
}

static void test_diff_with_moved_files(void **state)
{
    struct reconcile_set set = {0};
    const struct reconcile_cutoff cutoff = {reconcile_name_time("segment_20260102_030400.mp4"), 0};

    (void)state;
    add_moved(&set, "segment_20260102_030300.mp4", 1); /* not here any more, as it should be */
    add_moved(&set, "segment_20260102_030310.mp4", 2);
    add(&set, false, "segment_20260102_030310.mp4", 2); /* still here */
    add_moved(&set, "segment_20260102_030320.mp4", 3);
    add(&set, false, "segment_20260102_030320.mp4", 4); /* what is this? */
    add(&set, false, "segment_20260102_030330.mp4", 5); /* no row */
    assert_int_equal(reconcile_diff(&set, cutoff, false), 0);
    assert_int_equal(set.rows_count, 0);
    assert_int_equal(set.files_count, 1);
    assert_int_equal(set.files[0].size, 5);
    assert_int_equal(set.leftovers_count, 1);
    assert_non_null(strstr(set.leftovers[0].path, "030310"));
    reconcile_set_done(&set);
}

static void test_name_time(void **state)
{
    (void)state;
    assert_int_equal(reconcile_name_time("a/b/segment_19700101_000001.mp4"), 1);
    assert_int_equal(reconcile_name_time("segment_19700102_000000_12.mp4"), 86400);
    assert_int_equal(reconcile_name_time("segment_19701302_000000.mp4"), -1);
    assert_int_equal(reconcile_name_time("segment_1970010a_000000.mp4"), -1);
    assert_int_equal(reconcile_name_time("segment_.mp4"), -1);
    assert_int_equal(reconcile_name_time("other.mp4"), -1);
    assert_int_equal(reconcile_name_time(""), -1);
}

/* ---- what a worker says about a segment ---- */

static int parse(const char *text)
{
    NVR_AUTO_JSON params = json_loads(text, 0, NULL);
    struct nvr_recording recording;

    assert_non_null(params);
    return segment_parse("cam", params, &recording);
}

static int job_segment(struct nvr_db *db, void *arg)
{
    return segment_write_row(db, arg, 0, 0);
}

static int count_row(const struct nvr_recording *recording, void *arg)
{
    unsigned *count = arg;

    (void)recording;
    (*count)++;
    return 0;
}

/* The clock was set back: another file begins in the same millisecond. */
static void test_two_files_of_one_start(void **state)
{
    char folder[] = "/tmp/heron-test-XXXXXX";
    char path[64];
    struct nvr_recording first = {.camera_id = "cam",
                                  .stream = "main",
                                  .tier = "hot",
                                  .file_path = "cam/a.mp4",
                                  .start_ms = 5000,
                                  .end_ms = 6000,
                                  .file_size = 10};
    struct nvr_recording second = first;
    struct nvr_store *store;
    struct nvr_db *db;
    unsigned count = 0;

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/nvr.db", folder);
    assert_int_equal(nvr_store_open(path, &store), 0);
    (void)snprintf(second.file_path, sizeof(second.file_path), "cam/b.mp4");
    for (int i = 0; i < 2; i++) { /* reported again: the same rows */
        first.start_ms = second.start_ms = 5000;
        assert_int_equal(nvr_store_write(store, job_segment, NULL, &first), 0);
        assert_int_equal(nvr_store_write(store, job_segment, NULL, &second), 0);
        assert_int_equal(nvr_store_flush(store, 5000), 0);
        assert_int_equal(first.start_ms, 5000);
        assert_int_equal(second.start_ms, 5001);
    }
    assert_int_equal(nvr_store_read_begin(store, &db), 0);
    assert_int_equal(nvr_recordings_each(db, "cam", 0, INT64_MAX, false, count_row, &count), 0);
    assert_int_equal(count, 2);
    nvr_store_read_end(store, db);
    nvr_store_close(store);
    for (const char *const *tail = (const char *const[]){"", "-wal", "-shm", ".lock", NULL}; *tail;
         tail++) {
        (void)snprintf(path, sizeof(path), "%s/nvr.db%s", folder, *tail);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

static void test_segment(void **state)
{
    static const char good[] =
        "{\"path\":\"cam/2026-01-02/03/segment_20260102_030405.mp4\",\"stream\":\"main\","
        "\"start_ms\":1000,\"end_ms\":11000,\"duration_ms\":10000,\"file_size\":5000,"
        "\"codec\":\"h264\",\"codec_string\":\"avc1.64001f\",\"audio_codec\":null,\"width\":640,"
        "\"height\":360,\"fps\":15.0,\"bitrate\":4000,\"init_size\":700,"
        "\"init_id\":\"00112233445566778899aabbccddeeff\",\"checksum\":\"ab\","
        "\"keyframes\":[[0,700],[2000,1700]]}";
    NVR_AUTO_JSON params = json_loads(good, 0, NULL);
    struct nvr_recording recording;

    (void)state;
    assert_non_null(params);
    assert_int_equal(segment_parse("cam", params, &recording), 0);
    assert_string_equal(recording.camera_id, "cam");
    assert_string_equal(recording.tier, "hot");
    assert_int_equal(recording.keys_count, 2);
    assert_int_equal(recording.keys[1].offset, 1700);
    assert_int_equal(segment_parse("other", params, &recording), -EINVAL);
    assert_int_equal(parse("{}"), -EINVAL);
    assert_int_equal(parse("{\"path\":\"cam/../x.mp4\",\"start_ms\":1,\"end_ms\":2,"
                           "\"file_size\":1}"),
                     -EINVAL);
    assert_int_equal(parse("{\"path\":\"camera2/x.mp4\",\"start_ms\":1,\"end_ms\":2,"
                           "\"file_size\":1}"),
                     -EINVAL);
    assert_int_equal(parse("{\"path\":\"cam/x.mp4\",\"start_ms\":2,\"end_ms\":1,"
                           "\"file_size\":1}"),
                     -EINVAL);
    assert_int_equal(parse("{\"path\":\"cam/x.mp4\",\"start_ms\":1,\"end_ms\":2,\"file_size\":1,"
                           "\"checksum\":\"'; drop\"}"),
                     -EINVAL);
    assert_int_equal(parse("{\"path\":\"cam/x.mp4\",\"start_ms\":1,\"end_ms\":2,\"file_size\":1,"
                           "\"keyframes\":[[0,2]]}"),
                     -EINVAL);
    assert_int_equal(parse("{\"path\":\"cam/x.mp4\",\"start_ms\":1,\"end_ms\":2,"
                           "\"file_size\":1}"),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backoff),
        cmocka_unit_test(test_healthy),
        cmocka_unit_test(test_silent),
        cmocka_unit_test(test_crash_loop),
        cmocka_unit_test(test_never_answers),
        cmocka_unit_test(test_stop_while_waiting),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_lost_socket),
        cmocka_unit_test(test_diff),
        cmocka_unit_test(test_diff_within_a_second),
        cmocka_unit_test(test_diff_of_all),
        cmocka_unit_test(test_diff_with_moved_files),
        cmocka_unit_test(test_name_time),
        cmocka_unit_test(test_segment),
        cmocka_unit_test(test_two_files_of_one_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
