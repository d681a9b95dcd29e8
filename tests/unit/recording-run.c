#include "tests/unit/recording-run.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/media/codec.h"
#include "lib/media/fmp4.h"
#include "lib/media/stamp.h"
#include "src/camera/init_segment.h"
#include "src/media/scan.h"
#include "tests/unit/faulty-io.h"

#define START_US INT64_C(1767323045000000) /* 2026-01-02 03:04:05 */
#define TIMESCALE 90000
#define FRAME_TICKS 6000 /* 15 a second */
#define KICK_EVERY 4

static const uint8_t sets[] = {0,    0,    0,    1,    0x67, 0x42, 0xc0, 0x1f, 0xda,
                               0x01, 0x40, 0x16, 0xec, 0x04, 0x40, 0x00, 0x03, 0x00,
                               0x40, 0x00, 0x00, 0x07, 0xa3, 0xc6, 0x0c, 0xa8, 0x01,
                               0,    0,    0,    1,    0x68, 0xce, 0x3c, 0x80};

/* ---- what the recorder says ---- */

static void on_segment(struct nvr_segment *segment, void *arg)
{
    struct run *run = arg;

    assert_true(run->reported_count < RUN_FILES_MAX);
    run->reported[run->reported_count++] = *segment;
    *segment = (struct nvr_segment){0};
}

static void on_state(bool recording, const char *error, void *arg)
{
    struct run *run = arg;

    (void)recording;
    run->errors += error != NULL;
    (void)snprintf(run->error, sizeof(run->error), "%s", error ? error : "");
}

static void on_gap(int64_t from_us, int64_t to_us, enum nvr_recorder_cause cause, void *arg)
{
    struct run *run = arg;

    assert_true(from_us < to_us);
    assert_true(run->gaps_count < RUN_GAPS_MAX);
    run->gaps[run->gaps_count++] = (struct run_gap){from_us, to_us, cause};
}

/* ---- feeding ---- */

static const struct nvr_ring_init *make_init(void)
{
    static struct nvr_ring_init init;
    struct nvr_init_spec spec = {.video = NVR_CODEC_H264,
                                 .width = 1280,
                                 .height = 720,
                                 .video_config = sets,
                                 .video_config_size = sizeof(sets)};

    if (init.size)
        return &init;
    assert_int_equal(nvr_h264_parse_sps(sets + 4, 23, &spec.sps), 0);
    assert_int_equal(nvr_init_segment_build(&spec, &init), 0);
    return &init;
}

/* As the mux does it: ticks since 1970, rounded to µs. */
static int64_t time_us(const struct run *run, uint64_t frame)
{
    return nvr_stamp_to_us(run->start_us / 1000000 * TIMESCALE + (int64_t)frame * FRAME_TICKS,
                           TIMESCALE);
}

void run_begin(struct run *run, uint64_t seed, size_t ring_size)
{
    uint32_t epoch;

    memset(run, 0, sizeof(*run));
    run->seed = seed;
    run->largest = 3000;
    run->start_us = START_US;
    (void)snprintf(run->folder, sizeof(run->folder), "/tmp/heron-faults-XXXXXX");
    assert_non_null(mkdtemp(run->folder));
    run->root_fd = open(run->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(run->root_fd >= 0);
    assert_int_equal(nvr_ring_new("test", ring_size, &run->ring), 0);
    assert_int_equal(nvr_ring_begin_epoch(run->ring, make_init(), &epoch), 0);
}

void run_start_recorder(struct run *run, const struct nvr_recorder_options *options)
{
    static const struct nvr_recorder_handlers handlers = {
        .on_segment = on_segment, .on_state = on_state, .on_gap = on_gap};

    const struct nvr_window always = {0, INT64_MAX};

    assert_int_equal(uv_loop_init(&run->loop), 0);
    assert_int_equal(nvr_recorder_new_take(&run->loop, dup(run->root_fd), options, &handlers, run,
                                           &run->recorder),
                     0);
    assert_int_equal(nvr_recorder_set_ring(run->recorder, nvr_ring_get_fd(run->ring)), 0);
    nvr_recorder_set_window(run->recorder, &always, run_now_us(run));
}

int64_t run_now_us(const struct run *run)
{
    return time_us(run, run->frames);
}

void run_turn(struct run *run)
{
    (void)uv_run(&run->loop, UV_RUN_NOWAIT);
}

void run_pause_us(unsigned us)
{
    const struct timespec pause = {.tv_nsec = (long)us * 1000};

    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
}

void run_feed(struct run *run)
{
    static uint8_t data[65536];
    const bool key = run->frames % RUN_KEY_EVERY == 0;
    const size_t size = 100 + faulty_random(&run->seed) % (run->largest - 100);
    const struct nvr_fmp4_sample sample = {
        .size = (uint32_t)size, .duration = FRAME_TICKS, .key = key};
    const struct nvr_fmp4_track track = {.id = 1,
                                         .tfdt = (uint64_t)run->start_us / 1000000 * TIMESCALE +
                                                 run->frames * FRAME_TICKS,
                                         .samples = &sample,
                                         .samples_count = 1,
                                         .data = data,
                                         .data_size = size};
    struct nvr_ring_entry entry = {.dts_us = run_now_us(run),
                                   .duration_us = RUN_FRAME_US,
                                   .flags = (key ? NVR_RING_KEY : 0u) |
                                            (run->broken_off ? NVR_RING_DISCONTINUITY : 0u)};
    uint8_t *dst;

    run->broken_off = false;
    assert_true(size <= sizeof(data));
    for (size_t i = 0; i < size; i += 8) {
        const uint64_t word = faulty_random(&run->seed);

        memcpy(data + i, &word, NVR_MIN(size - i, sizeof(word)));
    }
    entry.size = (uint32_t)nvr_fmp4_fragment_size(&track, 1);
    dst = nvr_ring_reserve(run->ring, entry.size);
    assert_non_null(dst);
    nvr_fmp4_write_fragment(dst, (uint32_t)run->frames + 1, &track, 1);
    nvr_ring_commit(run->ring, &entry);
    run->frames++;
    if (run->recorder && run->frames % KICK_EVERY == 0) {
        nvr_recorder_kick(run->recorder);
        run_turn(run);
    }
}

void run_feed_many(struct run *run, unsigned frames)
{
    for (unsigned i = 0; i < frames; i++) {
        run_feed(run);
        if (i % KICK_EVERY == 0)
            run_pause_us(300);
    }
}

void run_end_recorder(struct run *run)
{
    nvr_recorder_free(run->recorder);
    run->recorder = NULL;
    (void)uv_run(&run->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&run->loop), 0);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void run_remove(struct run *run)
{
    for (size_t i = 0; i < run->reported_count; i++)
        nvr_segment_done(&run->reported[i]);
    nvr_ring_free(run->ring);
    (void)close(run->root_fd);
    assert_int_equal(nftw(run->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* ---- what is left ---- */

static const struct run *scanned;
static struct run_files *scan_into;

static int scan_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    struct run_file *file = &scan_into->items[scan_into->count];

    (void)st;
    (void)ftw;
    if (type != FTW_F)
        return 0;
    assert_true(scan_into->count < RUN_FILES_MAX);
    (void)snprintf(file->path, sizeof(file->path), "%s", path + strlen(scanned->folder) + 1);
    scan_into->count++;
    return 0;
}

void run_list(const struct run *run, struct run_files *files)
{
    memset(files, 0, sizeof(*files));
    scanned = run;
    scan_into = files;
    assert_int_equal(nftw(run->folder, scan_entry, 8, FTW_PHYS), 0);
}

void run_scan(const struct run *run, struct run_files *files)
{
    run_list(run, files);
    for (size_t i = 0; i < files->count; i++) {
        struct run_file *file = &files->items[i];
        const int r = file->result =
            nvr_scan_file(run->root_fd, file->path, &file->segment, &file->repaired);

        /* Indexed, or nothing is in it: set aside. Anything else nobody can handle. */
        if (r != 0 && r != -ENODATA && r != -EPROTO && r != -EBADMSG)
            fail_msg("'%s': %s", files->items[i].path, nvr_strerror(r));
        if (r == 0)
            run_check_plays(run, &files->items[i]);
    }
}

void run_files_done(struct run_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        nvr_segment_done(&files->items[i].segment);
    files->count = 0;
}

static void check_same(const struct nvr_segment *a, const struct nvr_segment *b)
{
    assert_int_equal(a->file_size, b->file_size);
    assert_string_equal(a->checksum, b->checksum);
    assert_string_equal(a->init_id, b->init_id);
    assert_int_equal(a->start_us, b->start_us);
    assert_true(llabs(a->end_us - b->end_us) <= 1); /* µs of ticks: rounded apart or together */
    assert_int_equal(a->frames, b->frames);
    assert_int_equal(a->keys_count, b->keys_count);
    for (size_t i = 0; i < a->keys_count; i++) {
        assert_int_equal(a->keys[i].ms, b->keys[i].ms);
        assert_int_equal(a->keys[i].offset, b->keys[i].offset);
    }
    assert_int_equal(a->digests_count, b->digests_count);
    for (size_t i = 0; i < a->digests_count; i++) {
        assert_int_equal(a->digests[i].ms, b->digests[i].ms);
        assert_int_equal(a->digests[i].offset, b->digests[i].offset);
        assert_memory_equal(a->digests[i].sum, b->digests[i].sum, sizeof(a->digests[i].sum));
    }
}

void run_check_plays(const struct run *run, const struct run_file *file)
{
    struct nvr_segment again = {0};
    bool repaired = true;

    assert_int_equal(nvr_scan_file(run->root_fd, file->path, &again, &repaired), 0);
    assert_false(repaired);
    check_same(&again, &file->segment);
    nvr_segment_done(&again);
}

void run_check_reported(const struct run *run, const struct run_files *files)
{
    for (size_t i = 0; i < run->reported_count; i++) {
        const struct nvr_segment *segment = &run->reported[i];
        bool found = false;

        for (size_t k = 0; k < files->count && !found; k++) {
            const struct run_file *file = &files->items[k];

            if (strcmp(file->path, segment->path + strlen(RUN_CAMERA "/")) != 0)
                continue;
            found = true;
            assert_int_equal(file->result, 0);
            assert_false(file->repaired);
            check_same(&file->segment, segment);
        }
        if (!found)
            fail_msg("'%s' was reported and is gone", segment->path);
    }
}

const struct run_file *run_find_time(const struct run_files *files, int64_t at_us)
{
    for (size_t i = 0; i < files->count; i++) {
        const struct run_file *file = &files->items[i];

        if (file->result == 0 && at_us >= file->segment.start_us - 1 &&
            at_us < file->segment.end_us - 1)
            return file;
    }
    return NULL;
}

static bool is_in_gap(const struct run *run, int64_t at_us)
{
    for (size_t i = 0; i < run->gaps_count; i++)
        if (at_us >= run->gaps[i].from_us - 1 && at_us < run->gaps[i].to_us)
            return true;
    return false;
}

void run_check_complete(const struct run *run, const struct run_files *files, uint64_t first,
                        uint64_t last)
{
    for (uint64_t i = first; i < last; i++) {
        const int64_t at_us = time_us(run, i);

        if (!run_find_time(files, at_us) && !is_in_gap(run, at_us))
            fail_msg("frame %llu is in no file and no gap", (unsigned long long)i);
    }
}
