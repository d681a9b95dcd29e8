/* Each call that the recorder makes to the disk fails once, in each way. Afterwards: what was
 * reported plays and is all there, every frame is in a file or in a gap that was told, nothing is
 * left that the index cannot handle, and the recording went on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "tests/unit/faulty-io.h"
#include "tests/unit/recording-run.h"

#define RING_SIZE (1024 * 1024)
#define FRAMES 90 /* three files, short ones, with one flush and more in each */
#define MORE 50   /* after the fault: it goes on within these */
#define RETRY_MS 3
#define HUNG_MS 50
#define PATIENCE_MS 30000

static const struct nvr_recorder_options options = {
    .camera = RUN_CAMERA, .segment_seconds = 2, .flush_ms = 4, .retry_ms = RETRY_MS};

/* What comes after the fault is written. How long that takes is the machine's business. */
static void feed_until_it_goes_on(struct run *run)
{
    const int64_t end_ms = nvr_clock_mono_ms() + PATIENCE_MS;
    struct nvr_recorder_state before;
    struct nvr_recorder_state now;

    nvr_recorder_get_state(run->recorder, &before);
    do {
        assert_true(nvr_clock_mono_ms() < end_ms);
        run_feed_many(run, RUN_KEY_EVERY);
        run_pause_us(5000);
        nvr_recorder_get_state(run->recorder, &now);
    } while (!now.active || now.error[0] || now.bytes <= before.bytes);
}

/* false: the run was over before the call came. */
static bool run_with(const struct faulty_plan *plan)
{
    struct run *run = calloc(1, sizeof(*run));
    struct run_files *files = calloc(1, sizeof(*files));
    uint64_t last;
    bool fired;

    assert_true(run && files);
    run_begin(run, 1, RING_SIZE);
    faulty_begin(plan);
    run_start_recorder(run, &options);
    run_feed_many(run, FRAMES);
    fired = faulty_has_fired();
    if (fired)
        feed_until_it_goes_on(run);
    run_feed_many(run, MORE);
    last = run->frames;
    run_end_recorder(run);
    faulty_end();
    run_scan(run, files);
    run_check_reported(run, files);
    /* A fault in the very last calls has nobody to come back for. */
    run_check_complete(run, files, 0, fired ? last : FRAMES);
    if (fired)
        assert_non_null(run_find_time(files, run_now_us(run) - RUN_FRAME_US));
    if (fired && run->errors == 0 && plan->what == FAULTY_ERROR && plan->kind != FAULTY_CLOSE)
        fail_msg("call %u of kind %d failed and nobody was told", plan->at, (int)plan->kind);
    fired = faulty_has_fired();
    run_files_done(files);
    run_remove(run);
    free(files);
    free(run);
    return fired;
}

static void try_all(enum faulty_kind kind, enum faulty_what what, int error)
{
    unsigned n = 0;

    do {
        n++;
    } while (run_with(&(struct faulty_plan){.kind = kind, .at = n, .what = what, .error = error}));
    print_message("%u calls of kind %d failed with %s, each in a run of its own\n", n - 1,
                  (int)kind, what == FAULTY_SHORT ? "half" : nvr_strerror(error));
    assert_true(n > 1 || kind == FAULTY_TRUNCATE || kind == FAULTY_UNLINK);
}

static void nothing_goes_wrong_without_a_fault(void **state)
{
    (void)state;
    assert_false(run_with(&(struct faulty_plan){0}));
    assert_true(faulty_count(FAULTY_WRITE) > 10);
    assert_true(faulty_count(FAULTY_DATASYNC) >= 3);
}

static void every_open_fails_once(void **state)
{
    (void)state;
    try_all(FAULTY_OPEN, FAULTY_ERROR, EIO);
    try_all(FAULTY_OPEN, FAULTY_ERROR, EROFS);
    try_all(FAULTY_OPEN, FAULTY_EINTR, 0);
    try_all(FAULTY_MKDIR, FAULTY_ERROR, ENOSPC);
    try_all(FAULTY_MKDIR, FAULTY_ERROR, EDQUOT);
}

static void every_write_fails_once(void **state)
{
    (void)state;
    try_all(FAULTY_WRITE, FAULTY_ERROR, EIO);
    try_all(FAULTY_WRITE, FAULTY_SHORT_ERROR, ENOSPC);
    try_all(FAULTY_WRITE, FAULTY_SHORT, 0);
    try_all(FAULTY_WRITE, FAULTY_EINTR, 0);
}

static void every_sync_fails_once(void **state)
{
    (void)state;
    try_all(FAULTY_DATASYNC, FAULTY_ERROR, EIO);
    try_all(FAULTY_DATASYNC, FAULTY_ERROR, EDQUOT);
    try_all(FAULTY_SYNC, FAULTY_ERROR, EIO);
    try_all(FAULTY_CLOSE, FAULTY_ERROR, EIO);
}

/* Feed until the recorder has written once more: what one write holds does not hang on the
 * machine's speed. */
static void feed_one_write(struct run *run)
{
    const int64_t end_ms = nvr_clock_mono_ms() + PATIENCE_MS;
    const unsigned before = faulty_count(FAULTY_WRITE);

    run_feed_many(run, 4);
    while (faulty_count(FAULTY_WRITE) == before) {
        assert_true(nvr_clock_mono_ms() < end_ms);
        run_pause_us(300);
        run_turn(run);
    }
}

/* A write in the middle of a file fails, and then the cut back as well: the file is left to the
 * index. */
static void a_file_that_cannot_be_cut_back_is_left_to_the_index(void **state)
{
    struct run *run = calloc(1, sizeof(*run));
    struct run_files *files = calloc(1, sizeof(*files));
    size_t repaired = 0;

    (void)state;
    assert_true(run && files);
    run_begin(run, 2, RING_SIZE);
    faulty_begin(&(struct faulty_plan){
        .kind = FAULTY_WRITE, .at = 3, .what = FAULTY_SHORT_ERROR, .error = EIO, .more = 2});
    run_start_recorder(run, &options);
    for (unsigned i = 0; i < 3 && !faulty_has_fired(); i++)
        feed_one_write(run);
    assert_true(faulty_has_fired());
    run_feed_many(run, FRAMES);
    run_end_recorder(run);
    faulty_end();
    run_scan(run, files);
    run_check_reported(run, files);
    for (size_t i = 0; i < files->count; i++)
        repaired += files->items[i].result == 0 && files->items[i].repaired;
    assert_int_equal(repaired, 1);
    run_files_done(files);
    run_remove(run);
    free(files);
    free(run);
}

/* A fast recorder writes often, one that waits for the machine seldom. */
static void feed_until_it_hangs(struct run *run)
{
    const int64_t end_ms = nvr_clock_mono_ms() + PATIENCE_MS;

    while (!faulty_is_hanging()) {
        const unsigned before = faulty_count(FAULTY_WRITE);

        run_feed_many(run, 4);
        while (faulty_count(FAULTY_WRITE) == before && !faulty_is_hanging()) {
            assert_true(nvr_clock_mono_ms() < end_ms);
            run_pause_us(300);
            run_turn(run);
        }
    }
}

/* The recorder waits for work again, and nothing is the matter. */
static void wait_until_well(struct run *run)
{
    const int64_t end_ms = nvr_clock_mono_ms() + PATIENCE_MS;

    for (;;) {
        nvr_recorder_check(run->recorder);
        if (!run->error[0])
            return;
        assert_true(nvr_clock_mono_ms() < end_ms);
        run_pause_us(1000);
        run_turn(run);
    }
}

/* The loop goes on, the state says why nothing is written, what the ring lost is told as a gap. */
static void check_hang(enum faulty_kind kind, unsigned at)
{
    const struct nvr_recorder_options hung = {.camera = RUN_CAMERA,
                                              .segment_seconds = 2,
                                              .flush_ms = 4,
                                              .retry_ms = RETRY_MS,
                                              .hung_ms = HUNG_MS};
    struct run *run = calloc(1, sizeof(*run));
    struct run_files *files = calloc(1, sizeof(*files));
    struct nvr_recorder_state state;

    assert_true(run && files);
    run_begin(run, 3, NVR_RING_MIN_SIZE);
    run->largest = 3000;
    faulty_begin(&(struct faulty_plan){.kind = kind, .at = at, .what = FAULTY_HANG});
    run_start_recorder(run, &hung);
    feed_until_it_hangs(run);
    run_pause_us(2 * HUNG_MS * 1000);
    nvr_recorder_check(run->recorder);
    assert_non_null(strstr(run->error, "does not answer"));
    nvr_recorder_get_state(run->recorder, &state);
    assert_non_null(strstr(state.error, "does not answer"));
    run->largest = 20000;
    for (int i = 0; i < 300; i++) /* more than the ring holds: the loop never waits */
        run_feed(run);
    run_pause_us(900 * 1000); /* as long as makes the disk the cause */
    run_pause_us(900 * 1000);
    faulty_release();
    wait_until_well(run);
    run->largest = 3000;
    run_feed_many(run, MORE);
    wait_until_well(run);
    run_end_recorder(run);
    faulty_end();
    run_scan(run, files);
    run_check_reported(run, files);
    assert_int_equal(run->gaps_count, 1);
    assert_int_equal(run->gaps[0].cause, NVR_RECORDER_DISK);
    run_check_complete(run, files, 0, run->frames);
    run_files_done(files);
    run_remove(run);
    free(files);
    free(run);
}

static void a_disk_that_hangs_is_told_and_the_loss_is_a_gap(void **state)
{
    (void)state;
    check_hang(FAULTY_WRITE, 4);
    check_hang(FAULTY_DATASYNC, 1);
}

/* The stop is asked for and not waited for; when the disk answers the thread ends by itself. */
static void a_hanging_disk_holds_up_no_stop(void **state)
{
    struct run *run = calloc(1, sizeof(*run));
    const int64_t begin_ms = nvr_clock_mono_ms();

    (void)state;
    assert_non_null(run);
    run_begin(run, 4, RING_SIZE);
    faulty_begin(&(struct faulty_plan){.kind = FAULTY_WRITE, .at = 3, .what = FAULTY_HANG});
    run_start_recorder(run, &options);
    feed_until_it_hangs(run);
    nvr_recorder_stop(run->recorder);
    run_pause_us(10000);
    assert_false(nvr_recorder_is_stopped(run->recorder));
    assert_true(nvr_clock_mono_ms() - begin_ms < PATIENCE_MS);
    faulty_release();
    while (!nvr_recorder_is_stopped(run->recorder)) {
        assert_true(nvr_clock_mono_ms() - begin_ms < PATIENCE_MS);
        run_pause_us(1000);
    }
    run_end_recorder(run);
    faulty_end();
    run_remove(run);
    free(run);
}

/* The same four seconds come twice: each file has its name, none is overwritten. */
static void a_clock_that_goes_back_overwrites_nothing(void **state)
{
    struct run *run = calloc(1, sizeof(*run));
    struct run_files *files = calloc(1, sizeof(*files));

    (void)state;
    assert_true(run && files);
    run_begin(run, 5, RING_SIZE);
    run_start_recorder(run, &options);
    run_feed_many(run, 60);
    run->start_us -= 4 * INT64_C(1000000);
    run->broken_off = true;
    run_feed_many(run, 90);
    run->start_us -= 3600 * INT64_C(1000000);
    run->broken_off = true;
    run_feed_many(run, 60);
    run_end_recorder(run);
    assert_int_equal(run->errors, 0);
    assert_int_equal(run->gaps_count, 0);
    run_scan(run, files);
    run_check_reported(run, files);
    assert_int_equal(files->count, run->reported_count);
    uint64_t frames = 0;

    for (size_t i = 0; i < files->count; i++) {
        assert_int_equal(files->items[i].result, 0);
        frames += files->items[i].segment.frames;
    }
    assert_int_equal(frames, run->frames);
    run_files_done(files);
    run_remove(run);
    free(files);
    free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_goes_wrong_without_a_fault),
        cmocka_unit_test(every_open_fails_once),
        cmocka_unit_test(every_write_fails_once),
        cmocka_unit_test(every_sync_fails_once),
        cmocka_unit_test(a_file_that_cannot_be_cut_back_is_left_to_the_index),
        cmocka_unit_test(a_disk_that_hangs_is_told_and_the_loss_is_a_gap),
        cmocka_unit_test(a_hanging_disk_holds_up_no_stop),
        cmocka_unit_test(a_clock_that_goes_back_overwrites_nothing),
    };

    nvr_log_set_level(NVR_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
