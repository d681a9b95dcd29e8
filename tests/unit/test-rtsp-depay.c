#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/rtsp/depay.h"
#include "lib/rtsp/rtsp.h"

#define FRAMES_MAX 16

struct seen {
    struct nvr_depay_frame frames[FRAMES_MAX];
    uint8_t data[FRAMES_MAX][4096];
    unsigned count;
};

static void collect(void *arg, const struct nvr_depay_frame *frame)
{
    struct seen *seen = arg;

    assert_true(seen->count < FRAMES_MAX);
    assert_true(frame->size <= sizeof(seen->data[0]));
    for (size_t i = 0; i < NVR_RTSP_PADDING; i++)
        assert_int_equal(frame->data[frame->size + i], 0);
    memcpy(seen->data[seen->count], frame->data, frame->size);
    seen->frames[seen->count++] = *frame;
}

static void push_at(struct nvr_depay *depay, uint32_t timestamp, bool marker, bool lost,
                    const void *data, size_t size)
{
    /* A block of its own size, so that the sanitizer sees a read past its end. */
    uint8_t *copy = malloc(size ? size : 1);
    const struct nvr_rtp_packet packet = {
        .timestamp = timestamp, .marker = marker, .payload = copy, .size = size};

    assert_non_null(copy);
    memcpy(copy, data, size);
    nvr_depay_push(depay, &packet, lost);
    free(copy);
}

#define PUSH(depay, timestamp, marker, ...)                                                        \
    do {                                                                                           \
        const uint8_t bytes_[] = {__VA_ARGS__};                                                    \
        push_at(depay, timestamp, marker, false, bytes_, sizeof(bytes_));                          \
    } while (0)
#define PUSH_LOST(depay, timestamp, marker, ...)                                                   \
    do {                                                                                           \
        const uint8_t bytes_[] = {__VA_ARGS__};                                                    \
        push_at(depay, timestamp, marker, true, bytes_, sizeof(bytes_));                           \
    } while (0)
#define EXPECT(seen, index, ...)                                                                   \
    do {                                                                                           \
        const uint8_t bytes_[] = {__VA_ARGS__};                                                    \
        assert_true((index) < (seen).count);                                                       \
        assert_int_equal((seen).frames[index].size, sizeof(bytes_));                               \
        assert_memory_equal((seen).data[index], bytes_, sizeof(bytes_));                           \
    } while (0)

static void start(struct nvr_depay *depay, struct seen *seen, enum nvr_codec codec)
{
    const struct nvr_depay_options options = {.codec = codec};

    memset(seen, 0, sizeof(*seen));
    nvr_depay_init(depay, &options, collect, seen);
}

/* ---- H.264 ---- */

static void h264_single_units_end_at_the_marker(void **state)
{
    struct nvr_depay depay;
    struct seen seen;

    (void)state;
    start(&depay, &seen, NVR_CODEC_H264);
    PUSH(&depay, 10, false, 0x67, 1, 2);
    PUSH(&depay, 10, true, 0x68, 3); /* a marker on parameter sets means nothing */
    assert_int_equal(seen.count, 0);
    PUSH(&depay, 10, true, 0x65, 0x88, 9);
    EXPECT(seen, 0, 0, 0, 0, 1, 0x67, 1, 2, 0, 0, 0, 1, 0x68, 3, 0, 0, 0, 1, 0x65, 0x88, 9);
    assert_true(seen.frames[0].key && seen.frames[0].marker && !seen.frames[0].damaged);
    assert_int_equal(seen.frames[0].timestamp, 10);
    PUSH(&depay, 20, true, 0x41, 0x9a);
    assert_false(seen.frames[1].key);
    assert_int_equal(depay.dropped, 0);
    nvr_depay_done(&depay);
}

static void h264_stap_and_fragments(void **state)
{
    struct nvr_depay depay;
    struct seen seen;

    (void)state;
    start(&depay, &seen, NVR_CODEC_H264);
    PUSH(&depay, 10, false, 0x18, 0, 2, 0x67, 1, 0, 2, 0x68, 2);
    PUSH(&depay, 10, false, 0x7c, 0x85, 0x88, 1);
    PUSH(&depay, 10, false, 0x7c, 0x05, 2, 3);
    PUSH(&depay, 10, true, 0x7c, 0x45, 4);
    EXPECT(seen, 0, 0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 2, 0, 0, 0, 1, 0x65, 0x88, 1, 2, 3, 4);
    assert_true(seen.frames[0].key && !seen.frames[0].damaged);
    /* STAP-B and FU-B: the same behind a decoding order number */
    PUSH(&depay, 20, false, 0x19, 9, 9, 0, 2, 0x41, 0x9a);
    PUSH(&depay, 20, true, 0x7d, 0xc1, 7, 7, 0x1a);
    EXPECT(seen, 1, 0, 0, 0, 1, 0x41, 0x9a, 0, 0, 0, 1, 0x61, 0x1a);
    nvr_depay_done(&depay);
}

static void h264_broken_packets_are_counted(void **state)
{
    struct nvr_depay depay;
    struct seen seen;

    (void)state;
    start(&depay, &seen, NVR_CODEC_H264);
    PUSH(&depay, 10, false, 0x18, 0, 9, 0x41, 1); /* a unit longer than the packet */
    PUSH(&depay, 10, false, 0x1a, 1, 2, 3);       /* MTAP */
    PUSH(&depay, 10, false, 0x00, 1);
    PUSH(&depay, 10, false, 0x7c);
    PUSH(&depay, 10, true, 0x41, 0x9a);
    assert_int_equal(depay.dropped, 4);
    EXPECT(seen, 0, 0, 0, 0, 1, 0x41, 0x9a);
    assert_true(seen.frames[0].damaged);
    nvr_depay_done(&depay);
}

static void h264_loss_marks_what_it_touched(void **state)
{
    struct nvr_depay depay;
    struct seen seen;

    (void)state;
    start(&depay, &seen, NVR_CODEC_H264);
    PUSH(&depay, 10, false, 0x7c, 0x81, 0x9a, 1);
    PUSH_LOST(&depay, 10, true, 0x7c, 0x41, 3); /* the middle is missing */
    assert_true(seen.frames[0].damaged);
    EXPECT(seen, 0, 0, 0, 0, 1, 0x61, 0x9a, 1);
    PUSH(&depay, 20, true, 0x41, 0x9a);
    assert_false(seen.frames[1].damaged);
    PUSH_LOST(&depay, 30, true, 0x41, 0x9a); /* whole, but a picture may be missing before it */
    assert_true(seen.frames[2].damaged);
    /* The end of one picture is lost: that one is damaged; the key frame behind it starts with its
     * parameter sets, so nothing of it is missing. */
    PUSH(&depay, 40, false, 0x41, 0x9a);
    PUSH_LOST(&depay, 50, false, 0x67, 1);
    PUSH(&depay, 50, true, 0x65, 0x88);
    assert_int_equal(seen.count, 5);
    assert_true(seen.frames[3].damaged && !seen.frames[3].marker);
    assert_true(seen.frames[4].key && !seen.frames[4].damaged);
    /* … but a key frame without them may have lost its first slices. */
    PUSH_LOST(&depay, 60, true, 0x65, 0x88);
    assert_true(seen.frames[5].damaged);
    /* A fragment without its beginning */
    PUSH_LOST(&depay, 70, true, 0x7c, 0x41, 3);
    assert_int_equal(seen.count, 6);
    PUSH(&depay, 80, true, 0x41, 0x9a);
    assert_int_equal(seen.count, 7);
    assert_true(seen.frames[6].damaged);
    nvr_depay_done(&depay);
}

static void h264_without_markers_time_stamps_count(void **state)
{
    struct nvr_depay depay;
    struct seen seen;

    (void)state;
    start(&depay, &seen, NVR_CODEC_H264);
    PUSH(&depay, 10, false, 0x67, 1); /* sets under a time of their own stay with the picture */
    PUSH(&depay, 11, false, 0x65, 0x88);
    PUSH(&depay, 20, false, 0x41, 0x9a);
    EXPECT(seen, 0, 0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x65, 0x88);
    assert_int_equal(seen.frames[0].timestamp, 11);
    assert_false(seen.frames[0].marker || seen.frames[0].damaged);
    nvr_depay_done(&depay);
}

static void h264_markers_inside_pictures_are_seen_through(void **state)
{
    struct nvr_depay depay;
    struct seen seen;

    (void)state;
    start(&depay, &seen, NVR_CODEC_H264);
    PUSH(&depay, 10, true, 0x65, 0x88);
    PUSH(&depay, 10, true, 0x65, 0x22); /* second slice: first_mb_in_slice is not 0 */
    PUSH(&depay, 20, true, 0x41, 0x9a);
    PUSH(&depay, 20, true, 0x41, 0x22);
    PUSH(&depay, 30, true, 0x41, 0x9a);
    assert_int_equal(seen.count, 3);
    assert_true(seen.frames[1].damaged); /* what was left of the first one */
    EXPECT(seen, 2, 0, 0, 0, 1, 0x41, 0x9a, 0, 0, 0, 1, 0x41, 0x22);
    assert_false(seen.frames[2].damaged);
    nvr_depay_done(&depay);
}

static void h264_i_picture_behind_its_sets_is_key(void **state)
{
    struct nvr_depay depay;
    struct seen seen;

    (void)state;
    start(&depay, &seen, NVR_CODEC_H264);
    PUSH(&depay, 10, false, 0x67, 1);
    PUSH(&depay, 10, true, 0x41, 0xb0); /* slice_type 2 */
    PUSH(&depay, 20, false, 0x67, 1);
    PUSH(&depay, 20, true, 0x41, 0x88, 0); /* slice_type 7 */
    PUSH(&depay, 30, false, 0x67, 1);
    PUSH(&depay, 30, true, 0x41, 0x9a); /* P */
    PUSH(&depay, 40, true, 0x41, 0xb0); /* I without sets */
    assert_true(seen.frames[0].key && seen.frames[1].key);
    assert_false(seen.frames[2].key || seen.frames[3].key);
    nvr_depay_done(&depay);
}

static void too_large_frames_are_dropped(void **state)
{
    static uint8_t unit[65000] = {0x7c, 0x01};
    struct nvr_depay depay;
    struct seen seen;

    (void)state;
    start(&depay, &seen, NVR_CODEC_H264);
    PUSH(&depay, 10, false, 0x7c, 0x81, 0x9a);
    for (size_t sent = 0; sent <= NVR_RTSP_FRAME_MAX; sent += sizeof(unit))
        push_at(&depay, 10, false, false, unit, sizeof(unit));
    PUSH(&depay, 10, true, 0x7c, 0x41, 1);
    assert_int_equal(seen.count, 0);
    assert_int_equal(depay.dropped, 1);
    PUSH(&depay, 20, true, 0x41, 0x9a);
    assert_true(seen.frames[0].damaged);
    PUSH(&depay, 30, true, 0x41, 0x9a);
    assert_false(seen.frames[1].damaged);
    nvr_depay_done(&depay);
}

/* ---- H.265 ---- */

static void h265_single_aggregate_fragment(void **state)
{
    struct nvr_depay depay;
    struct seen seen;

    (void)state;
    start(&depay, &seen, NVR_CODEC_H265);
    PUSH(&depay, 10, false, 0x60, 1, 0, 3, 0x40, 1, 5, 0, 3, 0x42, 1, 6);
    PUSH(&depay, 10, false, 0x62, 1, 0x93, 0xaf, 1);
    PUSH(&depay, 10, true, 0x62, 1, 0x53, 2);
    EXPECT(seen, 0, 0, 0, 0, 1, 0x40, 1, 5, 0, 0, 0, 1, 0x42, 1, 6, 0, 0, 0, 1, 0x26, 1, 0xaf, 1,
           2);
    assert_true(seen.frames[0].key && !seen.frames[0].damaged);
    PUSH(&depay, 20, true, 0x02, 1, 0xd0);
    EXPECT(seen, 1, 0, 0, 0, 1, 0x02, 1, 0xd0);
    assert_false(seen.frames[1].key);
    PUSH(&depay, 30, false, 0x64, 1, 0); /* PACI */
    PUSH(&depay, 30, false, 0x60, 1, 0, 9, 1);
    PUSH(&depay, 30, false, 0x02);
    PUSH(&depay, 30, true, 0x02, 1, 0xd0);
    assert_int_equal(depay.dropped, 3);
    assert_true(seen.frames[2].damaged);
    nvr_depay_done(&depay);
}

static void h265_decoding_order_numbers_are_skipped(void **state)
{
    const struct nvr_depay_options options = {.codec = NVR_CODEC_H265, .donl = true};
    struct seen seen = {.count = 0};
    struct nvr_depay depay;

    (void)state;
    nvr_depay_init(&depay, &options, collect, &seen);
    PUSH(&depay, 10, true, 0x02, 1, 8, 8, 0xd0);
    EXPECT(seen, 0, 0, 0, 0, 1, 0x02, 1, 0xd0);
    PUSH(&depay, 20, true, 0x60, 1, 8, 8, 0, 3, 0x02, 1, 0xd0, 7, 0, 3, 0x02, 1, 0x10);
    EXPECT(seen, 1, 0, 0, 0, 1, 0x02, 1, 0xd0, 0, 0, 0, 1, 0x02, 1, 0x10);
    PUSH(&depay, 30, false, 0x62, 1, 0x81, 8, 8, 0xd0);
    PUSH(&depay, 30, true, 0x62, 1, 0x41, 1);
    EXPECT(seen, 2, 0, 0, 0, 1, 0x02, 1, 0xd0, 1);
    nvr_depay_done(&depay);
}

/* ---- audio ---- */

static void start_aac(struct nvr_depay *depay, struct seen *seen)
{
    const struct nvr_depay_options options = {.codec = NVR_CODEC_AAC,
                                              .size_length = 13,
                                              .index_length = 3,
                                              .index_delta_length = 3,
                                              .au_duration = 1024};

    memset(seen, 0, sizeof(*seen));
    nvr_depay_init(depay, &options, collect, seen);
}

static void aac_units_and_pieces(void **state)
{
    struct nvr_depay depay;
    struct seen seen;

    (void)state;
    start_aac(&depay, &seen);
    PUSH(&depay, 100, true, 0, 16, 0, 3 << 3, 1, 2, 3);
    EXPECT(seen, 0, 1, 2, 3);
    PUSH(&depay, 2000, true, 0, 32, 0, 2 << 3, 0, 1 << 3, 4, 5, 6);
    EXPECT(seen, 1, 4, 5);
    EXPECT(seen, 2, 6);
    assert_int_equal(seen.frames[2].timestamp, 2000 + 1024);
    PUSH(&depay, 5000, false, 0, 16, 0, 5 << 3, 1, 2);
    PUSH(&depay, 5000, false, 0, 16, 0, 5 << 3, 3, 4);
    PUSH(&depay, 5000, true, 0, 16, 0, 5 << 3, 5);
    EXPECT(seen, 3, 1, 2, 3, 4, 5);
    assert_int_equal(seen.count, 4);
    assert_int_equal(depay.dropped, 0);
    nvr_depay_done(&depay);
}

static void aac_nonsense_is_dropped(void **state)
{
    struct nvr_depay depay;
    struct seen seen;

    (void)state;
    start_aac(&depay, &seen);
    PUSH(&depay, 1, true, 0);
    PUSH(&depay, 2, true, 0, 0, 1);
    PUSH(&depay, 3, true, 0xff, 0xff, 1);
    PUSH(&depay, 4, true, 0, 16, 0, 0, 1);           /* size 0 */
    PUSH(&depay, 5, true, 0, 16, 0, 5 << 3, 1);      /* an end without the rest */
    PUSH(&depay, 6, false, 0, 16, 0, 5 << 3, 1, 2);  /* a piece … */
    PUSH_LOST(&depay, 6, true, 0, 16, 0, 5 << 3, 5); /* … whose middle is lost */
    assert_int_equal(seen.count, 0);
    assert_int_equal(depay.dropped, 6);
    PUSH(&depay, 7, true, 0, 16, 0, 1 << 3, 9);
    EXPECT(seen, 0, 9);
    nvr_depay_done(&depay);
}

static void latm_frames(void **state)
{
    const struct nvr_depay_options options = {
        .codec = NVR_CODEC_AAC, .latm = true, .latm_subframes = 1, .au_duration = 1024};
    struct seen seen = {.count = 0};
    uint8_t large[303] = {255, 45};
    struct nvr_depay depay;

    (void)state;
    nvr_depay_init(&depay, &options, collect, &seen);
    PUSH(&depay, 1, true, 3, 7, 8, 9);
    EXPECT(seen, 0, 7, 8, 9);
    PUSH(&depay, 2, false, 4, 1, 2);
    PUSH(&depay, 2, true, 3, 4);
    EXPECT(seen, 1, 1, 2, 3, 4);
    push_at(&depay, 3, true, false, large, sizeof(large) - 1);
    assert_int_equal(seen.frames[2].size, 300);
    PUSH(&depay, 4, true, 9, 1);
    assert_int_equal(seen.count, 3);
    assert_int_equal(depay.dropped, 1);
    depay.options.latm_subframes = 2;
    PUSH(&depay, 5, true, 1, 0xaa, 2, 0xbb, 0xcc);
    EXPECT(seen, 3, 0xaa);
    EXPECT(seen, 4, 0xbb, 0xcc);
    assert_int_equal(seen.frames[4].timestamp, 5 + 1024);
    nvr_depay_done(&depay);
}

static void plain_audio_packets_are_frames(void **state)
{
    struct nvr_depay depay;
    struct seen seen;

    (void)state;
    start(&depay, &seen, NVR_CODEC_PCMU);
    PUSH(&depay, 160, false, 0xff, 0x7f);
    PUSH_LOST(&depay, 320, false, 0x01);
    EXPECT(seen, 0, 0xff, 0x7f);
    EXPECT(seen, 1, 0x01);
    assert_true(seen.frames[0].key && !seen.frames[1].damaged);
    nvr_depay_done(&depay);
}

/* ---- JPEG ---- */

static size_t find_marker(const uint8_t *data, size_t size, uint8_t marker)
{
    for (size_t i = 0; i + 1 < size; i++) {
        if (data[i] == 0xff && data[i + 1] == marker)
            return i;
    }
    return size;
}

static void jpeg_headers_are_rebuilt(void **state)
{
    struct nvr_depay depay;
    struct seen seen;
    const uint8_t *jpeg;
    size_t at, size;

    (void)state;
    start(&depay, &seen, NVR_CODEC_MJPEG);
    PUSH(&depay, 10, false, 0, 0, 0, 0, 1, 50, 80, 45, 0xaa, 0xbb);
    PUSH(&depay, 10, true, 0, 0, 0, 2, 1, 50, 80, 45, 0xcc);
    assert_int_equal(seen.count, 1);
    jpeg = seen.data[0];
    size = seen.frames[0].size;
    assert_memory_equal(jpeg, "\xff\xd8\xff\xe0", 4);
    at = find_marker(jpeg, size, 0xdb); /* Q 50: the standard tables as they are */
    assert_memory_equal(jpeg + at, "\xff\xdb\x00\x43\x00\x10\x0b\x0c", 8);
    at = find_marker(jpeg, size, 0xc0);
    assert_memory_equal(jpeg + at, "\xff\xc0\x00\x11\x08\x01\x68\x02\x80\x03\x01\x22\x00", 13);
    assert_int_equal(find_marker(jpeg, size, 0xdd), size);
    at = find_marker(jpeg, size, 0xda);
    assert_memory_equal(jpeg + at + 14, "\xaa\xbb\xcc\xff\xd9", 5);
    assert_int_equal(at + 19, size);
    assert_true(seen.frames[0].key && seen.frames[0].marker);
    nvr_depay_done(&depay);
}

static void jpeg_own_tables_and_restarts(void **state)
{
    uint8_t packet[8 + 4 + 4 + 128 + 2] = {0, 0, 0,    0,    64, 255, 2, 2,
                                           0, 7, 0xff, 0xff, 0,  0,   0, 128};
    struct nvr_depay depay;
    struct seen seen;
    size_t at;

    (void)state;
    memset(packet + 16, 3, 64);
    memset(packet + 16 + 64, 5, 64);
    packet[sizeof(packet) - 2] = 0xff;
    packet[sizeof(packet) - 1] = 0xd9; /* the camera's own end is not doubled */
    start(&depay, &seen, NVR_CODEC_MJPEG);
    push_at(&depay, 10, true, false, packet, sizeof(packet));
    assert_int_equal(seen.count, 1);
    at = find_marker(seen.data[0], seen.frames[0].size, 0xdd);
    assert_memory_equal(seen.data[0] + at, "\xff\xdd\x00\x04\x00\x07", 6);
    at = find_marker(seen.data[0], seen.frames[0].size, 0xdb);
    assert_memory_equal(seen.data[0] + at, "\xff\xdb\x00\x43\x00\x03\x03", 7);
    at = find_marker(seen.data[0], seen.frames[0].size, 0xc0);
    assert_int_equal(seen.data[0][at + 11], 0x21); /* type 0: 4:2:2 */
    assert_memory_equal(seen.data[0] + seen.frames[0].size - 4, "\x3f\x00\xff\xd9", 4);
    /* Q 255 must bring its tables every time; Q 200 may leave them out once they are known */
    packet[15] = 0;
    push_at(&depay, 20, true, false, packet, 16);
    assert_int_equal(seen.count, 1);
    packet[15] = 128;
    packet[5] = 200;
    push_at(&depay, 30, true, false, packet, sizeof(packet));
    packet[15] = 0;
    push_at(&depay, 40, true, false, packet, 16);
    assert_int_equal(seen.count, 3);
    nvr_depay_done(&depay);
}

static void jpeg_with_holes_is_dropped(void **state)
{
    struct nvr_depay depay;
    struct seen seen;

    (void)state;
    start(&depay, &seen, NVR_CODEC_MJPEG);
    PUSH(&depay, 10, false, 0, 0, 0, 0, 1, 50, 2, 2, 1, 2);
    PUSH_LOST(&depay, 10, true, 0, 0, 0, 4, 1, 50, 2, 2, 5);
    PUSH(&depay, 20, true, 0, 0, 0, 0, 9, 50, 2, 2, 1); /* undefined type */
    PUSH(&depay, 20, true, 0, 0, 0, 0, 1, 50, 0, 2, 1); /* no width */
    PUSH(&depay, 20, true, 0, 0, 0, 0, 1);
    assert_int_equal(seen.count, 0);
    PUSH(&depay, 30, false, 0, 0, 0, 0, 1, 50, 2, 2, 1);
    PUSH(&depay, 40, true, 0, 0, 0, 0, 1, 50, 2, 2, 1); /* no marker before: the first is whole */
    assert_int_equal(seen.count, 2);
    assert_false(seen.frames[0].marker);
    assert_int_equal(seen.frames[0].timestamp, 30);
    nvr_depay_done(&depay);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(h264_single_units_end_at_the_marker),
        cmocka_unit_test(h264_stap_and_fragments),
        cmocka_unit_test(h264_broken_packets_are_counted),
        cmocka_unit_test(h264_loss_marks_what_it_touched),
        cmocka_unit_test(h264_without_markers_time_stamps_count),
        cmocka_unit_test(h264_markers_inside_pictures_are_seen_through),
        cmocka_unit_test(h264_i_picture_behind_its_sets_is_key),
        cmocka_unit_test(too_large_frames_are_dropped),
        cmocka_unit_test(h265_single_aggregate_fragment),
        cmocka_unit_test(h265_decoding_order_numbers_are_skipped),
        cmocka_unit_test(aac_units_and_pieces),
        cmocka_unit_test(aac_nonsense_is_dropped),
        cmocka_unit_test(latm_frames),
        cmocka_unit_test(plain_audio_packets_are_frames),
        cmocka_unit_test(jpeg_headers_are_rebuilt),
        cmocka_unit_test(jpeg_own_tables_and_restarts),
        cmocka_unit_test(jpeg_with_holes_is_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
