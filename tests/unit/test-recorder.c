/* src/camera/recorder, gate: which part of the ring becomes files. Ten pictures a second, a key
 * frame every second; picture n has time n. */
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/ring/ring.h"
#include "src/camera/gate.h"
#include "src/camera/recorder.h"

#define START_US INT64_C(1700000000000000)
#define FRAME_US 100000
#define FRAME_BYTES 1000
#define SEGMENTS_MAX 8
#define WAIT_MS 10000

struct bench {
    uv_loop_t loop;
    struct nvr_recorder *recorder;
    struct nvr_ring *ring;
    char dir[64];
    int next; /* picture */
    int segments;
    struct {
        int64_t start_us;
        uint64_t frames;
    } files[SEGMENTS_MAX];
};

static int64_t time_of(int picture)
{
    return START_US + picture * (int64_t)FRAME_US;
}

static void on_segment(struct nvr_segment *segment, void *arg)
{
    struct bench *b = arg;

    assert_in_range(b->segments, 0, SEGMENTS_MAX - 1);
    b->files[b->segments].start_us = segment->start_us;
    b->files[b->segments++].frames = segment->frames;
    nvr_segment_done(segment);
}

static void on_state(bool recording, const char *error, void *arg)
{
    (void)recording;
    (void)arg;
    assert_null(error);
}

static void on_gap(int64_t from_us, int64_t to_us, enum nvr_recorder_cause cause, void *arg)
{
    (void)cause;
    (void)arg;
    fail_msg("%lld to %lld was wanted and is lost", (long long)from_us, (long long)to_us);
}

static void new_ring(struct bench *b, size_t size)
{
    const struct nvr_ring_init init = {
        .width = 640, .height = 360, .codecs = "avc1.64001f", .size = 100};
    uint32_t epoch;

    nvr_ring_free(b->ring);
    assert_int_equal(nvr_ring_new("test", size, &b->ring), 0);
    assert_int_equal(nvr_ring_begin_epoch(b->ring, &init, &epoch), 0);
    assert_int_equal(nvr_recorder_set_ring(b->recorder, nvr_ring_get_fd(b->ring)), 0);
}

static void begin(struct bench *b)
{
    static const struct nvr_recorder_handlers handlers = {
        .on_segment = on_segment, .on_state = on_state, .on_gap = on_gap};
    const struct nvr_recorder_options options = {.camera = "door", .segment_seconds = 60};
    int fd;

    *b = (struct bench){.next = 0};
    (void)snprintf(b->dir, sizeof(b->dir), "/tmp/heron-test-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    fd = open(b->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(uv_loop_init(&b->loop), 0);
    assert_int_equal(nvr_recorder_new_take(&b->loop, fd, &options, &handlers, b, &b->recorder), 0);
    new_ring(b, NVR_RING_MIN_SIZE);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void end(struct bench *b)
{
    nvr_recorder_free(b->recorder);
    (void)uv_run(&b->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&b->loop), 0);
    nvr_ring_free(b->ring);
    assert_int_equal(nftw(b->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* Pictures up to, not with, this one. */
static void publish(struct bench *b, int before)
{
    for (; b->next < before; b->next++) {
        const struct nvr_ring_entry entry = {.dts_us = time_of(b->next),
                                             .duration_us = FRAME_US,
                                             .flags = b->next % 10 == 0 ? NVR_RING_KEY : 0,
                                             .size = FRAME_BYTES};
        uint8_t *dst = nvr_ring_reserve(b->ring, FRAME_BYTES);

        assert_non_null(dst);
        memset(dst, b->next, FRAME_BYTES);
        nvr_ring_commit(b->ring, &entry);
        nvr_recorder_kick(b->recorder);
    }
}

static void set_window(struct bench *b, int64_t from_us, int64_t until_us)
{
    const struct nvr_window window = {from_us, until_us};

    nvr_recorder_set_window(b->recorder, &window, time_of(b->next));
}

static bool run_until(struct bench *b, int64_t deadline_ms)
{
    (void)uv_run(&b->loop, UV_RUN_NOWAIT);
    (void)poll(NULL, 0, 2);
    return nvr_clock_mono_ms() < deadline_ms;
}

static void wait_segments(struct bench *b, int count)
{
    const int64_t deadline_ms = nvr_clock_mono_ms() + WAIT_MS;

    while (b->segments < count && run_until(b, deadline_ms))
        continue;
    assert_int_equal(b->segments, count);
}

/* Written so far, with the file's init segment. */
static void wait_bytes(struct bench *b, uint64_t bytes)
{
    const int64_t deadline_ms = nvr_clock_mono_ms() + WAIT_MS;
    struct nvr_recorder_state state;

    do
        nvr_recorder_get_state(b->recorder, &state);
    while (state.bytes != bytes && run_until(b, deadline_ms));
    assert_int_equal(state.bytes, bytes);
}

static void assert_file(const struct bench *b, int file, int first, int end_picture)
{
    assert_int_equal(b->files[file].start_us, time_of(first));
    assert_int_equal(b->files[file].frames, end_picture - first);
}

static void a_window_reaches_back_and_ends(void **state)
{
    struct nvr_recorder_state now;
    struct bench b;

    (void)state;
    begin(&b);
    publish(&b, 60);
    nvr_recorder_get_state(b.recorder, &now);
    assert_int_equal(now.bytes, 0);
    set_window(&b, time_of(25), time_of(80));
    publish(&b, 100);
    wait_segments(&b, 1); /* closed though the recorder goes on */
    assert_file(&b, 0, 20, 80);
    nvr_recorder_get_state(b.recorder, &now);
    assert_false(now.active);
    publish(&b, 150);
    end(&b);
    assert_int_equal(b.segments, 1);
}

static void a_longer_window_goes_on_in_the_same_file(void **state)
{
    struct bench b;

    (void)state;
    begin(&b);
    publish(&b, 30);
    set_window(&b, time_of(10), time_of(45));
    publish(&b, 42);
    wait_bytes(&b, 100 + 32 * FRAME_BYTES);
    set_window(&b, time_of(10), time_of(70));
    publish(&b, 68);
    wait_bytes(&b, 100 + 58 * FRAME_BYTES);
    set_window(&b, time_of(60), INT64_MAX);
    publish(&b, 120);
    wait_bytes(&b, 100 + 110 * FRAME_BYTES);
    set_window(&b, 0, 0); /* what is there by now still belongs to it */
    publish(&b, 140);
    wait_segments(&b, 1);
    assert_file(&b, 0, 10, 120);
    end(&b);
    assert_int_equal(b.segments, 1);
}

/* The file goes on to the end of its group of pictures: the next window joins exactly. */
static void windows_join_without_a_hole(void **state)
{
    struct bench b;

    (void)state;
    begin(&b);
    publish(&b, 30);
    set_window(&b, time_of(20), time_of(33));
    publish(&b, 55);
    wait_segments(&b, 1);
    assert_file(&b, 0, 20, 40);
    set_window(&b, time_of(25), time_of(60));
    publish(&b, 61);
    wait_segments(&b, 2);
    assert_file(&b, 1, 40, 60);
    /* All of it is recorded already. */
    set_window(&b, time_of(25), time_of(50));
    publish(&b, 80);
    set_window(&b, time_of(75), time_of(90));
    publish(&b, 91);
    wait_segments(&b, 3);
    assert_file(&b, 2, 70, 90);
    end(&b);
    assert_int_equal(b.segments, 3);
}

/* Without key frames a window ends all the same. */
static void a_long_group_of_pictures_is_cut(void **state)
{
    struct bench b;

    (void)state;
    begin(&b);
    publish(&b, 11);
    set_window(&b, time_of(10), time_of(12));
    for (int i = 0; i < 60; i++) {
        const struct nvr_ring_entry entry = {
            .dts_us = time_of(b.next++), .duration_us = FRAME_US, .size = FRAME_BYTES};

        assert_non_null(nvr_ring_reserve(b.ring, FRAME_BYTES));
        nvr_ring_commit(b.ring, &entry);
    }
    nvr_recorder_kick(b.recorder);
    wait_segments(&b, 1);
    assert_file(&b, 0, 10, 12 + NVR_GATE_TAIL_US / FRAME_US + 1);
    end(&b);
}

static void preroll_goes_over_rings(void **state)
{
    struct bench b;

    (void)state;
    begin(&b);
    publish(&b, 60);
    new_ring(&b, 2 * NVR_RING_MIN_SIZE); /* it grew: the old one has the past */
    publish(&b, 80);
    set_window(&b, time_of(45), time_of(90));
    publish(&b, 91);
    wait_segments(&b, 1);
    assert_file(&b, 0, 40, 90);
    /* And when the newest ring reaches back far enough the older ones are of no use. */
    new_ring(&b, 3 * NVR_RING_MIN_SIZE);
    publish(&b, 120);
    new_ring(&b, 4 * NVR_RING_MIN_SIZE);
    publish(&b, 150);
    set_window(&b, time_of(135), time_of(150));
    publish(&b, 151);
    wait_segments(&b, 2);
    assert_file(&b, 1, 130, 150);
    end(&b);
    assert_int_equal(b.segments, 2);
}

static void another_epoch_is_another_file(void **state)
{
    const struct nvr_ring_init init = {
        .width = 1280, .height = 720, .codecs = "avc1.64001f", .size = 200};
    uint32_t epoch;
    struct bench b;

    (void)state;
    begin(&b);
    publish(&b, 30);
    assert_int_equal(nvr_ring_begin_epoch(b.ring, &init, &epoch), 0);
    publish(&b, 40);
    set_window(&b, time_of(25), time_of(50)); /* the pre-roll is of the epoch before */
    publish(&b, 51);
    wait_segments(&b, 2);
    assert_file(&b, 0, 20, 30);
    assert_file(&b, 1, 30, 50);
    end(&b);
}

/* What the ring has lost of the pre-roll is lost; the oldest it has is taken, nothing is counted.
 */
static void preroll_longer_than_the_ring(void **state)
{
    struct nvr_recorder_state now;
    struct bench b;

    (void)state;
    begin(&b);
    publish(&b, 1000); /* the ring has about 260 pictures */
    set_window(&b, time_of(100), time_of(1000));
    publish(&b, 1001);
    wait_segments(&b, 1);
    assert_in_range(b.files[0].start_us, time_of(740), time_of(760));
    assert_int_equal(b.files[0].start_us + (int64_t)b.files[0].frames * FRAME_US, time_of(1000));
    nvr_recorder_get_state(b.recorder, &now);
    assert_int_equal(now.lost, 0);
    /* A window that is over before the oldest picture: nothing. */
    publish(&b, 2000);
    set_window(&b, time_of(1001), time_of(1100));
    publish(&b, 2010);
    end(&b);
    assert_int_equal(b.segments, 1);
}

static void windows_follow_the_streams_clock(void **state)
{
    const struct nvr_window open = {5000000000, INT64_MAX};
    const struct nvr_window closed = {5000000000, 6000000000};
    const struct nvr_window none = {0, 0};
    struct nvr_window w;

    (void)state;
    w = nvr_gate_shift(&closed, 5500000000, 5500000000 - 1900000); /* the way from the camera */
    assert_memory_equal(&w, &closed, sizeof(w));
    /* The wall clock went back by an hour: the stream is ahead of it. */
    w = nvr_gate_shift(&closed, 5500000000, 5500000000 + 3600000000);
    assert_int_equal(w.from_us, 8600000000);
    assert_int_equal(w.until_us, 9600000000);
    w = nvr_gate_shift(&open, 5500000000, 5500000000 + 3600000000);
    assert_int_equal(w.from_us, 8600000000);
    assert_true(w.until_us == INT64_MAX);
    w = nvr_gate_shift(&none, 5500000000, 5500000000 + 3600000000);
    assert_memory_equal(&w, &none, sizeof(w));
    w = nvr_gate_shift(&closed, 9000000000, 1);
    assert_int_equal(w.until_us, 1); /* 0 would say: nothing */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_reaches_back_and_ends),
        cmocka_unit_test(a_longer_window_goes_on_in_the_same_file),
        cmocka_unit_test(windows_join_without_a_hole),
        cmocka_unit_test(a_long_group_of_pictures_is_cut),
        cmocka_unit_test(preroll_goes_over_rings),
        cmocka_unit_test(another_epoch_is_another_file),
        cmocka_unit_test(preroll_longer_than_the_ring),
        cmocka_unit_test(windows_follow_the_streams_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
