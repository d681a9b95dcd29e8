/* src/camera: frames → mux → ring → recorder → files, with made-up frames. */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <nettle/sha2.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/media/checksum.h"
#include "lib/media/fmp4.h"
#include "lib/media/stamp.h"
#include "src/camera/mux.h"
#include "src/camera/recorder.h"
#include "src/media/scan.h"

#define FRAME 6000 /* 15 fps */

static const uint8_t sets_720[] = {0,    0,    0,    1,    0x67, 0x42, 0xc0, 0x1f, 0xda,
                                   0x01, 0x40, 0x16, 0xec, 0x04, 0x40, 0x00, 0x03, 0x00,
                                   0x40, 0x00, 0x00, 0x07, 0xa3, 0xc6, 0x0c, 0xa8, 0x01,
                                   0,    0,    0,    1,    0x68, 0xce, 0x3c, 0x80};
static const uint8_t sets_360[] = {0,    0,    0,    1,    0x67, 0x64, 0x00, 0x16, 0xac, 0xd9,
                                   0x40, 0xa0, 0x2f, 0xf9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00,
                                   0x01, 0x00, 0x00, 0x03, 0x00, 0x14, 0x0f, 0x16, 0x2d, 0x96,
                                   0,    0,    0,    1,    0x68, 0xef, 0xbc, 0xb0};
static const uint8_t asc[] = {0x14, 0x08}; /* AAC-LC, 16 kHz, mono */

struct bench {
    struct nvr_mux *mux;
    struct nvr_ring_reader *reader;
    uv_loop_t loop;
    struct nvr_recorder *recorder;
    char dir[64];
    int rings, fragments, segments;
    int64_t pts, audio_pts, wall_us;
    struct nvr_segment last;
    struct {
        int64_t from_us, to_us;
        enum nvr_recorder_cause cause;
    } gap; /* the newest */
    int gaps;
    bool told_error;
};

static void on_ring(int fd, void *arg)
{
    struct bench *b = arg;

    b->rings++;
    nvr_ring_reader_free(b->reader);
    assert_int_equal(nvr_ring_reader_open_take(dup(fd), &b->reader), 0);
    if (b->recorder)
        assert_int_equal(nvr_recorder_set_ring(b->recorder, fd), 0);
}

static void on_fragment(const struct nvr_ring_entry *entry, void *arg)
{
    struct bench *b = arg;

    (void)entry;
    b->fragments++;
}

static const struct nvr_mux_handlers mux_handlers = {.on_ring = on_ring,
                                                     .on_fragment = on_fragment};

static void begin_bench(struct bench *b, bool config, bool audio)
{
    struct nvr_source_tracks tracks = {.video = NVR_CODEC_H264};

    if (config) {
        tracks.video_config = sets_720;
        tracks.video_config_size = sizeof(sets_720);
    }
    if (audio) {
        tracks.audio = NVR_CODEC_AAC;
        tracks.audio_rate = 16000;
        tracks.audio_channels = 1;
        tracks.audio_config = asc;
        tracks.audio_config_size = sizeof(asc);
    }
    if (!b->mux) {
        b->wall_us = nvr_clock_wall_us();
        assert_int_equal(nvr_mux_new("test", NVR_MUX_SUB_MIN, 10, &mux_handlers, b, &b->mux), 0);
    }
    assert_int_equal(nvr_mux_begin(b->mux, &tracks), 0);
}

static void end_bench(struct bench *b)
{
    nvr_ring_reader_free(b->reader);
    nvr_mux_free(b->mux);
}

/* One frame of `size` bytes of slice, with parameter sets before it when given. */
static int feed(struct bench *b, bool key, const uint8_t *sets, size_t sets_size, size_t size)
{
    static uint8_t au[200000];
    struct nvr_source_frame frame = {.video = true, .key = key, .data = au, .pts = b->pts};
    size_t n = sets_size;

    if (sets_size)
        memcpy(au, sets, sets_size);
    memcpy(au + n, "\0\0\0\1", 4);
    memset(au + n + 4, 0x5a, size);
    au[n + 4] = key ? 0x65 : 0x41;
    frame.size = n + 4 + size;
    b->pts += FRAME;
    b->wall_us += 66667;
    frame.arrival_us = b->wall_us;
    return nvr_mux_frame(b->mux, &frame);
}

static int feed_audio(struct bench *b)
{
    static const uint8_t unit[40] = {0x21};
    const struct nvr_source_frame frame = {.key = true,
                                           .data = unit,
                                           .size = sizeof(unit),
                                           .pts = b->audio_pts,
                                           .arrival_us = b->wall_us};

    b->audio_pts += 1024;
    return nvr_mux_frame(b->mux, &frame);
}

static void frames_come_out_as_fragments(void **state)
{
    struct bench b = {0};
    struct nvr_ring_init init;
    struct nvr_fmp4_init parsed;
    struct nvr_fmp4_fragment fragment;
    struct nvr_ring_entry entry;
    const uint8_t *data;
    int64_t before_us = 0;

    (void)state;
    begin_bench(&b, true, false);
    assert_int_equal(feed(&b, false, NULL, 0, 50), -ENODATA); /* nothing begins with this */
    assert_int_equal(feed(&b, true, NULL, 0, 1000), 0);
    assert_int_equal(b.rings, 1);
    assert_int_equal(nvr_ring_reader_seek_time(b.reader, 0), 0);
    for (int i = 1; i < 40; i++)
        assert_int_equal(feed(&b, i % 30 == 0, NULL, 0, 100), 0);
    assert_int_equal(nvr_ring_reader_get_init(b.reader, 1, &init), 0);
    assert_string_equal(init.codecs, "avc1.42c01f");
    assert_int_equal(nvr_fmp4_parse_init(init.data, init.size, &parsed), 0);
    assert_int_equal(parsed.tracks[0].width, 1280);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(nvr_ring_reader_next_borrow(b.reader, &entry, &data), 1);
        assert_int_equal(nvr_fmp4_parse_fragment(&parsed, data, entry.size, &fragment), 0);
        assert_int_equal(fragment.size, entry.size);
        assert_int_equal(fragment.key, i % 30 == 0);
        assert_int_equal(!!(entry.flags & NVR_RING_KEY), i % 30 == 0);
        assert_int_equal(!!(entry.flags & NVR_RING_DISCONTINUITY), i == 0);
        assert_int_equal(entry.dts_us, nvr_stamp_to_us((int64_t)fragment.tfdt[0], 90000));
        assert_true(entry.dts_us > before_us);
        before_us = entry.dts_us;
        /* length and slice, nothing of the parameter sets */
        assert_int_equal(data[fragment.moof_size + 8 + 4], i % 30 == 0 ? 0x65 : 0x41);
    }
    end_bench(&b);
}

static void audio_travels_with_the_next_picture(void **state)
{
    struct bench b = {0};
    struct nvr_ring_init init;
    struct nvr_fmp4_init parsed;
    struct nvr_fmp4_fragment fragment;
    struct nvr_ring_entry entry;
    const uint8_t *data;

    (void)state;
    begin_bench(&b, true, true);
    assert_int_equal(feed_audio(&b), -ENODATA); /* none before the first picture */
    assert_int_equal(feed(&b, true, NULL, 0, 500), 0);
    assert_int_equal(nvr_ring_reader_seek_time(b.reader, 0), 0);
    assert_int_equal(feed_audio(&b), 0);
    assert_int_equal(feed_audio(&b), 0);
    assert_int_equal(feed(&b, false, NULL, 0, 100), 0);
    assert_int_equal(nvr_ring_reader_get_init(b.reader, 1, &init), 0);
    assert_string_equal(init.codecs, "avc1.42c01f,mp4a.40.2");
    assert_int_equal(nvr_fmp4_parse_init(init.data, init.size, &parsed), 0);
    assert_int_equal(parsed.tracks_count, 2);
    assert_int_equal(nvr_ring_reader_next_borrow(b.reader, &entry, &data), 1);
    assert_int_equal(nvr_ring_reader_next_borrow(b.reader, &entry, &data), 1);
    assert_int_equal(nvr_fmp4_parse_fragment(&parsed, data, entry.size, &fragment), 0);
    assert_int_equal(fragment.samples[0], 1);
    assert_int_equal(fragment.samples[1], 2);
    b.wall_us += 500000; /* the picture stalls: sound goes alone */
    assert_int_equal(feed_audio(&b), 0);
    assert_int_equal(nvr_ring_reader_next_borrow(b.reader, &entry, &data), 1);
    assert_true(entry.flags & NVR_RING_AUDIO_ONLY);
    end_bench(&b);
}

static void announced_audio_that_never_comes_is_taken_out(void **state)
{
    struct bench b = {0};
    struct nvr_ring_init init;

    (void)state;
    begin_bench(&b, true, true);
    for (int i = 0; i < 120; i++)
        assert_int_equal(feed(&b, i % 30 == 0, NULL, 0, 100), 0);
    assert_int_equal(nvr_ring_reader_get_init(b.reader, 2, &init), 0);
    assert_string_equal(init.codecs, "avc1.42c01f");
    end_bench(&b);
}

static void new_parameter_sets_begin_a_new_epoch(void **state)
{
    struct bench b = {0};
    struct nvr_ring_init init;
    struct nvr_mux_stats stats;

    (void)state;
    begin_bench(&b, false, false);
    assert_int_equal(feed(&b, true, NULL, 0, 100), -EPROTO); /* no sets yet */
    assert_int_equal(feed(&b, true, sets_720, sizeof(sets_720), 100), 0);
    assert_int_equal(feed(&b, true, sets_720, sizeof(sets_720), 100), 0);
    assert_int_equal(nvr_ring_reader_get_init(b.reader, 2, &init), -ENOENT);
    assert_int_equal(feed(&b, true, sets_360, sizeof(sets_360), 100), 0);
    assert_int_equal(nvr_ring_reader_get_init(b.reader, 2, &init), 0);
    assert_int_equal(init.width, 640);
    nvr_mux_get_stats(b.mux, &stats);
    assert_int_equal(stats.width, 640);
    assert_int_equal(stats.refused, 1);
    end_bench(&b);
}

static void a_new_connection_is_a_discontinuity_without_a_new_epoch(void **state)
{
    struct bench b = {0};
    struct nvr_ring_init init;
    struct nvr_ring_entry entry;

    (void)state;
    begin_bench(&b, true, false);
    assert_int_equal(feed(&b, true, NULL, 0, 100), 0);
    nvr_mux_end(b.mux);
    nvr_ring_reader_seek_end(b.reader);
    b.pts = 123456789;
    b.wall_us += 5000000;
    begin_bench(&b, true, false);
    assert_int_equal(feed(&b, false, NULL, 0, 100), -ENODATA);
    assert_int_equal(feed(&b, true, NULL, 0, 100), 0);
    assert_int_equal(nvr_ring_reader_peek(b.reader, &entry), 1);
    assert_true(entry.flags & NVR_RING_DISCONTINUITY);
    assert_int_equal(nvr_ring_reader_get_init(b.reader, 2, &init), -ENOENT);
    end_bench(&b);
}

static void the_ring_grows_with_the_bit_rate(void **state)
{
    struct bench b = {0};

    (void)state;
    begin_bench(&b, true, false);
    for (int i = 0; i < 200; i++) /* 15 × 30 kB/s × 10 s = 4.5 MB */
        assert_int_equal(feed(&b, i % 15 == 0, NULL, 0, 30000), 0);
    assert_int_equal(b.rings, 2);
    end_bench(&b);
}

/* ---- recorder ---- */

static void on_segment(struct nvr_segment *segment, void *arg)
{
    struct bench *b = arg;

    b->segments++;
    nvr_segment_done(&b->last);
    b->last = *segment;
    *segment = (struct nvr_segment){0};
}

static void on_state(bool recording, const char *error, void *arg)
{
    struct bench *b = arg;

    (void)recording;
    if (error)
        b->told_error = true;
}

static void on_gap(int64_t from_us, int64_t to_us, enum nvr_recorder_cause cause, void *arg)
{
    struct bench *b = arg;

    assert_true(from_us < to_us);
    b->gap.from_us = from_us;
    b->gap.to_us = to_us;
    b->gap.cause = cause;
    b->gaps++;
}

static void begin_recorder(struct bench *b)
{
    static const struct nvr_recorder_handlers handlers = {
        .on_segment = on_segment, .on_state = on_state, .on_gap = on_gap};
    const struct nvr_recorder_options options = {
        .camera = "door", .segment_seconds = 4, .flush_ms = 2000};
    const struct nvr_window always = {0, INT64_MAX};
    int fd;

    (void)snprintf(b->dir, sizeof(b->dir), "/tmp/heron-test-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    fd = open(b->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(uv_loop_init(&b->loop), 0);
    assert_int_equal(nvr_recorder_new_take(&b->loop, fd, &options, &handlers, b, &b->recorder), 0);
    nvr_recorder_set_window(b->recorder, &always, nvr_clock_wall_us());
}

static void end_recorder(struct bench *b)
{
    nvr_recorder_free(b->recorder);
    b->recorder = NULL;
    (void)uv_run(&b->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&b->loop), 0);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void remove_files(const struct bench *b)
{
    assert_int_equal(nftw(b->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* Each is the beginning of the hash over the bytes before the picture that it names. */
static void check_digests(const struct nvr_segment *segment, const struct nvr_buf *file)
{
    const int64_t seconds = (segment->end_us - segment->start_us) / 1000000;

    assert_in_range(segment->digests_count, NVR_MAX(seconds - 1, INT64_C(0)), seconds);
    for (size_t i = 0; i < segment->digests_count; i++) {
        const struct nvr_segment_digest *digest = &segment->digests[i];
        struct sha256_ctx sha;
        uint8_t sum[SHA256_DIGEST_SIZE];

        assert_in_range(digest->ms, 1000 * (i + 1), 1000 * (i + 1) + 10);
        assert_true(digest->offset < file->len);
        assert_memory_equal(file->data + digest->offset + 4, "moof", 4);
        sha256_init(&sha);
        sha256_update(&sha, digest->offset, file->data);
        sha256_digest(&sha, sizeof(sum), sum);
        assert_memory_equal(sum, digest->sum, sizeof(digest->sum));
    }
}

static void check_file(struct bench *b)
{
    struct nvr_buf buf;
    struct sha256_ctx sha;
    uint8_t digest[SHA256_DIGEST_SIZE];
    char hex[65];
    char path[256];
    struct nvr_fmp4_init init;
    struct nvr_fmp4_fragment fragment;
    uint64_t frames = 0;

    (void)snprintf(path, sizeof(path), "%s/%s", b->dir, b->last.path + strlen("door/"));
    nvr_buf_init(&buf, 64 * 1024 * 1024);
    assert_int_equal(nvr_file_read(path, &buf), 0);
    assert_int_equal(buf.len, b->last.file_size);
    sha256_init(&sha);
    sha256_update(&sha, buf.len, buf.data);
    sha256_digest(&sha, sizeof(digest), digest);
    nvr_checksum_hex(digest, sizeof(digest), hex);
    assert_string_equal(hex, b->last.checksum);
    assert_int_equal(nvr_fmp4_parse_init(buf.data, buf.len, &init), 0);
    assert_int_equal(init.size, b->last.init_size);
    for (size_t at = init.size; at < buf.len; at += fragment.size) {
        assert_int_equal(nvr_fmp4_parse_fragment(&init, buf.data + at, buf.len - at, &fragment), 0);
        assert_true(fragment.size <= buf.len - at);
        if (fragment.key)
            assert_int_equal(b->last.keys[frames / 30].offset, at);
        frames++;
    }
    assert_int_equal(frames, b->last.frames);
    check_digests(&b->last, &buf);
    nvr_buf_done(&buf);
}

static void fragments_become_files_with_true_checksums(void **state)
{
    struct bench b = {0};

    (void)state;
    begin_recorder(&b);
    begin_bench(&b, true, false);
    for (int i = 0; i < 90; i++) { /* 6 s: one whole file of 4 s, one that is closed at the end */
        assert_int_equal(feed(&b, i % 30 == 0, NULL, 0, 1000), 0);
        nvr_recorder_kick(b.recorder);
    }
    end_recorder(&b);
    assert_int_equal(b.segments, 2);
    assert_int_equal(b.last.frames, 30);
    check_file(&b);
    remove_files(&b);
    nvr_segment_done(&b.last);
    end_bench(&b);
}

/* Pictures with nothing for 4 s before one of them. */
static void record_a_silence(struct bench *b, int at, int pictures)
{
    begin_recorder(b);
    begin_bench(b, true, false);
    for (int i = 0; i < pictures; i++) {
        if (i == at) {
            b->pts += 4 * 90000;
            b->wall_us += 4000000;
        }
        assert_int_equal(feed(b, i % 30 == 0, NULL, 0, 1000), 0);
        nvr_recorder_kick(b->recorder);
    }
    end_recorder(b);
    assert_int_equal(b->gaps, 1);
    assert_in_range(b->gap.to_us - b->gap.from_us, 3990000, 4010000);
}

static void behind_a_silence_another_file_begins(void **state)
{
    struct bench b = {0};

    (void)state;
    record_a_silence(&b, 30, 60);
    assert_int_equal(b.gap.cause, NVR_RECORDER_SILENT);
    assert_int_equal(b.segments, 2);
    assert_int_equal(b.last.frames, 30);
    assert_int_equal(b.last.start_us, b.gap.to_us);
    remove_files(&b);
    nvr_segment_done(&b.last);
    end_bench(&b);
}

/* No picture is lost, and whoever reads the file back comes to the same hole. */
static void check_spanned(int at, int pictures, int segments, int frames)
{
    struct bench b = {0};
    struct nvr_segment again;
    bool repaired;
    int fd;

    record_a_silence(&b, at, pictures);
    assert_int_equal(b.gap.cause, NVR_RECORDER_FROZEN);
    assert_int_equal(b.segments, segments);
    assert_int_equal(b.last.frames, frames);
    fd = open(b.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(nvr_scan_file(fd, b.last.path + sizeof("door/") - 1, &again, &repaired), 0);
    (void)close(fd);
    assert_int_equal(again.holes_count, 1);
    assert_in_range(again.start_us + again.holes[0].from_ms * INT64_C(1000), b.gap.from_us - 20000,
                    b.gap.from_us + 20000);
    assert_in_range(again.start_us + again.holes[0].to_ms * INT64_C(1000), b.gap.to_us - 1000,
                    b.gap.to_us);
    nvr_segment_done(&again);
    remove_files(&b);
    nvr_segment_done(&b.last);
    end_bench(&b);
}

static void without_a_key_frame_the_file_goes_on_over_a_silence(void **state)
{
    (void)state;
    check_spanned(45, 60, 1, 60);
    check_spanned(62, 90, 2, 30); /* among the first pictures of a file */
}

/* A picture every three seconds: that is what it sends. */
static void slow_cameras_have_no_holes(void **state)
{
    struct bench b = {0};
    struct nvr_ring_entry entry;

    (void)state;
    begin_recorder(&b);
    begin_bench(&b, true, false);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(feed(&b, true, NULL, 0, 1000), 0);
        b.pts += 3 * 90000 - FRAME;
        b.wall_us += 3000000 - 66667;
        nvr_recorder_kick(b.recorder);
    }
    assert_int_equal(nvr_ring_reader_seek_time(b.reader, 0), 0);
    while (nvr_ring_reader_peek(b.reader, &entry) == 1) {
        const uint8_t *data;

        assert_false(entry.flags & NVR_RING_HOLE);
        assert_int_equal(!!(entry.flags & NVR_RING_DISCONTINUITY), entry.sequence == 1);
        assert_int_equal(nvr_ring_reader_next_borrow(b.reader, &entry, &data), 1);
    }
    end_recorder(&b);
    assert_int_equal(b.gaps, 0);
    remove_files(&b);
    nvr_segment_done(&b.last);
    end_bench(&b);
}

/* A disk that is full is played by a limit on the size of files. */
static void a_full_disk_leaves_whole_fragments_and_is_told(void **state)
{
    struct bench b = {0};
    struct rlimit before;
    struct rlimit small;

    (void)state;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    begin_recorder(&b);
    begin_bench(&b, true, false);
    for (int i = 0; i < 20; i++)
        assert_int_equal(feed(&b, i == 0, NULL, 0, 30000), 0);
    small = before;
    small.rlim_cur = 560000; /* behind the first flush, inside the second */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    end_recorder(&b);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(b.told_error);
    assert_int_equal(b.segments, 1);
    assert_in_range(b.last.frames, 1, 19);
    check_file(&b);
    remove_files(&b);
    nvr_segment_done(&b.last);
    end_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_out_as_fragments),
        cmocka_unit_test(audio_travels_with_the_next_picture),
        cmocka_unit_test(announced_audio_that_never_comes_is_taken_out),
        cmocka_unit_test(new_parameter_sets_begin_a_new_epoch),
        cmocka_unit_test(a_new_connection_is_a_discontinuity_without_a_new_epoch),
        cmocka_unit_test(the_ring_grows_with_the_bit_rate),
        cmocka_unit_test(fragments_become_files_with_true_checksums),
        cmocka_unit_test(behind_a_silence_another_file_begins),
        cmocka_unit_test(without_a_key_frame_the_file_goes_on_over_a_silence),
        cmocka_unit_test(slow_cameras_have_no_holes),
        cmocka_unit_test(a_full_disk_leaves_whole_fragments_and_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
