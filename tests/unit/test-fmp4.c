#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/media/fmp4.h"
#include "tests/unit/init-segments.h"

#define BUFFER 65536

static size_t from_hex(const char *hex, uint8_t *dst, size_t dst_size)
{
    static const char DIGITS[] = "0123456789abcdef";
    size_t n = 0;

    for (; hex[0] && hex[1] && n < dst_size; hex += 2)
        dst[n++] =
            (uint8_t)((strchr(DIGITS, hex[0]) - DIGITS) << 4 | (strchr(DIGITS, hex[1]) - DIGITS));
    return n;
}

static void parse_init(const char *hex, struct nvr_fmp4_init *init)
{
    uint8_t data[2048];
    const size_t size = from_hex(hex, data, sizeof(data));

    assert_int_equal(nvr_fmp4_parse_init(data, size, init), 0);
    assert_int_equal(init->size, size);
}

static void inits_are_understood(void **state)
{
    struct nvr_fmp4_init init;

    (void)state;
    parse_init(INIT_H264_AAC, &init);
    assert_int_equal(init.tracks_count, 2);
    assert_true(init.tracks[0].is_video);
    assert_int_equal(init.tracks[0].track_id, 1);
    assert_int_equal(init.tracks[0].timescale, 90000);
    assert_int_equal(init.tracks[0].width, 320);
    assert_int_equal(init.tracks[0].height, 180);
    assert_string_equal(init.tracks[0].codec, "avc1");
    assert_string_equal(init.tracks[0].codec_string, "avc1.4d400c");
    assert_false(init.tracks[1].is_video);
    assert_int_equal(init.tracks[1].track_id, 2);
    assert_int_equal(init.tracks[1].timescale, 16000);
    assert_string_equal(init.tracks[1].codec, "mp4a");
    assert_string_equal(init.tracks[1].codec_string, "mp4a.40.2");
    parse_init(INIT_H265, &init);
    assert_int_equal(init.tracks_count, 1);
    assert_string_equal(init.tracks[0].codec_string, "hvc1.1.6.L60.90");
    parse_init(INIT_MJPEG, &init);
    assert_string_equal(init.tracks[0].codec, "mp4v");
    assert_string_equal(init.tracks[0].codec_string, "mp4v.6C");
    parse_init(INIT_OPUS, &init);
    assert_string_equal(init.tracks[0].codec_string, "Opus");
    assert_false(init.tracks[0].is_video);
}

/* Each prefix says that more is needed, and how much once that is known. */
static void inits_may_be_cut(void **state)
{
    uint8_t data[2048];
    const size_t size = from_hex(INIT_H264_AAC, data, sizeof(data));
    struct nvr_fmp4_init init;

    (void)state;
    for (size_t n = 0; n < size; n++) {
        uint8_t *copy = malloc(n ? n : 1);

        assert_non_null(copy);
        memcpy(copy, data, n);
        assert_int_equal(nvr_fmp4_parse_init(copy, n, &init), -EAGAIN);
        assert_int_equal(init.size, n < 8 ? 0 : n < 28 ? 28 : n < 36 ? 0 : size);
        free(copy);
    }
    data[7] = 'x'; /* not ftyp */
    assert_int_equal(nvr_fmp4_parse_init(data, size, &init), -EPROTO);
}

static void nonsense_is_no_init(void **state)
{
    /* ftyp, then: a moof, an mdat, an empty moov, a moov above the limit, size 0, size 7. */
    static const char *const BAD[] = {
        "0000000866747970000000086d6f6f66",
        "0000000866747970000000086d646174",
        "0000000866747970000000086d6f6f76",
        "0000000866747970000200006d6f6f76",
        "0000000866747970000000006d6f6f76",
        "0000000866747970000000076d6f6f76",
        "00000008667479700000000866747970",
        ("00000001667479700000000000000010"
         "000000016d6f6f76ffffffffffffffff"),
    };
    struct nvr_fmp4_init init;

    (void)state;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(BAD); i++) {
        uint8_t data[64];
        const size_t size = from_hex(BAD[i], data, sizeof(data));

        assert_int_equal(nvr_fmp4_parse_init(data, size, &init), -EPROTO);
    }
}

/* A fragment as it stands in the files: a frame and the audio that came with it. */
struct made {
    uint8_t data[BUFFER];
    size_t size;
};

static const struct nvr_fmp4_sample VIDEO[] = {{3, 6000, 0, true}, {2, 6001, -3000, false}};
static const struct nvr_fmp4_sample AUDIO[] = {{4, 1024, 0, false}, {1, 1024, 0, false}};
static const struct nvr_fmp4_track TRACKS[] = {
    {1, 0x123456789abULL, VIDEO, 2, (const uint8_t *)"VVVvv", 5},
    {2, 0xfedcba98ULL, AUDIO, 2, (const uint8_t *)"AAAAa", 5},
};

static void make(struct made *made, const struct nvr_fmp4_track *tracks, size_t count)
{
    made->size = nvr_fmp4_fragment_size(tracks, count);
    assert_true(made->size > 0 && made->size <= sizeof(made->data));
    nvr_fmp4_write_fragment(made->data, 7, tracks, count);
}

static void fragments_are_written_to_the_byte(void **state)
{
    static const char WANT[] = "000000d86d6f6f66"
                               "000000106d6668640000000000000007"
                               "0000006074726166"
                               "000000107466686400020000"
                               "00000001"
                               "00000014746664740100000000000123456789ab"
                               "000000347472756e01000f01"
                               "00000002"
                               "000000e0"
                               "00001770000000030200000000000000"
                               "00001771000000020101"
                               "0000fffff448"
                               "0000006074726166"
                               "000000107466686400020000"
                               "00000002"
                               "000000147466647401000000"
                               "00000000fedcba98"
                               "000000347472756e01000f01"
                               "00000002"
                               "000000e5"
                               "00000400000000040200000000000000"
                               "00000400000000010200000000000000"
                               "000000126d646174"
                               "5656567676"
                               "4141414161";
    uint8_t want[512];
    struct made *made = calloc(1, sizeof(*made));
    const size_t size = from_hex(WANT, want, sizeof(want));

    (void)state;
    assert_non_null(made);
    make(made, TRACKS, 2);
    assert_int_equal(made->size, size);
    assert_memory_equal(made->data, want, size);
    free(made);
}

static void unsound_tracks_have_no_size(void **state)
{
    struct nvr_fmp4_sample *many = calloc(NVR_FMP4_SAMPLES_MAX + 1, sizeof(*many));
    struct nvr_fmp4_track tracks[NVR_FMP4_TRACKS_MAX + 1] = {TRACKS[0], TRACKS[1]};
    const struct nvr_fmp4_sample huge = {0x7fffffff, 1, 0, true};

    (void)state;
    assert_non_null(many);
    assert_int_equal(nvr_fmp4_fragment_size(tracks, 0), 0);
    assert_int_equal(nvr_fmp4_fragment_size(tracks, NVR_FMP4_TRACKS_MAX + 1), 0);
    tracks[1].data_size = 6;
    assert_int_equal(nvr_fmp4_fragment_size(tracks, 2), 0);
    tracks[1].samples_count = 0; /* left out, whatever its data */
    assert_int_equal(nvr_fmp4_fragment_size(tracks, 2), 24 + 96 + 8 + 5);
    tracks[0].samples_count = 0;
    assert_int_equal(nvr_fmp4_fragment_size(tracks, 2), 0);
    tracks[0] = (struct nvr_fmp4_track){.id = 1, .samples = many};
    tracks[0].samples_count = NVR_FMP4_SAMPLES_MAX + 1;
    assert_int_equal(nvr_fmp4_fragment_size(tracks, 1), 0);
    tracks[0].samples_count = NVR_FMP4_SAMPLES_MAX;
    assert_int_equal(nvr_fmp4_fragment_size(tracks, 1), 24 + 64 + 16 * NVR_FMP4_SAMPLES_MAX + 8);
    tracks[0] = (struct nvr_fmp4_track){1, 0, &huge, 1, NULL, huge.size};
    assert_int_equal(nvr_fmp4_fragment_size(tracks, 1), 0);
    free(many);
}

static void assert_made(const struct nvr_fmp4_fragment *fragment)
{
    assert_true(fragment->has_video);
    assert_true(fragment->key);
    assert_int_equal(fragment->tfdt[0], 0x123456789abULL);
    assert_int_equal(fragment->tfdt[1], 0xfedcba98ULL);
    assert_int_equal(fragment->duration[0], 12001);
    assert_int_equal(fragment->duration[1], 2048);
    assert_int_equal(fragment->samples[0], 2);
    assert_int_equal(fragment->samples[1], 2);
}

static void fragments_are_read_back(void **state)
{
    struct made *made = calloc(1, sizeof(*made));
    struct nvr_fmp4_fragment fragment;
    struct nvr_fmp4_init init;

    (void)state;
    assert_non_null(made);
    parse_init(INIT_H264_AAC, &init);
    make(made, TRACKS, 2);
    assert_int_equal(nvr_fmp4_parse_fragment(&init, made->data, made->size, &fragment), 0);
    assert_int_equal(fragment.size, made->size);
    assert_int_equal(fragment.moof_offset, 0);
    assert_int_equal(fragment.moof_size, 0xd8);
    assert_made(&fragment);
    /* The payload need not be there. */
    assert_int_equal(nvr_fmp4_parse_fragment(&init, made->data, 0xd8 + 8, &fragment), 0);
    assert_int_equal(fragment.size, made->size);
    for (size_t n = 0; n < 0xd8 + 8; n++) {
        uint8_t *copy = malloc(n ? n : 1);

        assert_non_null(copy);
        memcpy(copy, made->data, n);
        assert_int_equal(nvr_fmp4_parse_fragment(&init, copy, n, &fragment), -EAGAIN);
        assert_int_equal(fragment.size, n < 8 ? 0 : 0xd8 + 16);
        free(copy);
    }
    /* Audio alone; a P frame alone. */
    make(made, TRACKS + 1, 1);
    assert_int_equal(nvr_fmp4_parse_fragment(&init, made->data, made->size, &fragment), 0);
    assert_false(fragment.has_video);
    assert_int_equal(fragment.samples[0], 0);
    assert_int_equal(fragment.duration[1], 2048);
    const struct nvr_fmp4_track p_frame = {1, 5, VIDEO + 1, 1, (const uint8_t *)"vv", 2};

    make(made, &p_frame, 1);
    assert_int_equal(nvr_fmp4_parse_fragment(&init, made->data, made->size, &fragment), 0);
    assert_true(fragment.has_video);
    assert_false(fragment.key);
    free(made);
}

static void other_muxers_are_read(void **state)
{
    /* libavformat: defaults in tfhd, flags of the first sample only. */
    static const char H265[] =
        "000000e06d6f6f66000000106d6668640000000000000001000000c8747261660000001c7466686400020038"
        "0000000100013880000016be010100000000001474666474010000000000000000000000000000907472756e"
        "000003050000000f000000e80200000000013880000016be000138810000009b00013880000000ac00013881"
        "000000ab00013880000000c600013880000000bc00013881000000cc00013880000000c200013881000000c2"
        "00013880000000d800013880000000e700013881000000b900013880000000ad000138810000009900013880"
        "00000075000020bd6d646174";
    static const char MJPEG[] =
        "000000686d6f6f66000000106d666864000000000000000100000050747261660000001c7466686400020038"
        "000000010000080000001573010100000000001474666474010000000000000000000000000000187472756e"
        "000000050000000100000070020000000000157b6d646174";
    struct nvr_fmp4_fragment fragment;
    struct nvr_fmp4_init init;
    uint8_t data[512];
    size_t size;

    (void)state;
    parse_init(INIT_H265, &init);
    size = from_hex(H265, data, sizeof(data));
    assert_int_equal(nvr_fmp4_parse_fragment(&init, data, size, &fragment), 0);
    assert_true(fragment.key);
    assert_int_equal(fragment.size, 224 + 8381);
    assert_int_equal(fragment.samples[0], 15);
    parse_init(INIT_MJPEG, &init);
    size = from_hex(MJPEG, data, sizeof(data));
    assert_int_equal(nvr_fmp4_parse_fragment(&init, data, size, &fragment), 0);
    assert_true(fragment.key);
    assert_int_equal(fragment.size, 104 + 5499);
    assert_int_equal(fragment.samples[0], 1);
}

/* styp, a large-size free box, then a fragment whose mdat has a 64-bit size. */
static void co_existing_boxes_and_large_sizes(void **state)
{
    static const char BEFORE[] = "00000010737479706d73646800000000"
                                 "00000001667265650000000000000014deadbeef";
    struct made *made = calloc(1, sizeof(*made));
    uint8_t *data = calloc(1, BUFFER);
    struct nvr_fmp4_fragment fragment;
    struct nvr_fmp4_init init;
    size_t size;

    (void)state;
    assert_non_null(made);
    assert_non_null(data);
    parse_init(INIT_H264_AAC, &init);
    make(made, TRACKS, 2);
    size = from_hex(BEFORE, data, BUFFER);
    memcpy(data + size, made->data, 0xd8);
    memcpy(data + size + 0xd8, "\0\0\0\1mdat\0\0\0\1\0\0\0\20", 16); /* 4 GiB + 16 */
    assert_int_equal(nvr_fmp4_parse_fragment(&init, data, size + 0xd8 + 15, &fragment), -EAGAIN);
    assert_int_equal(nvr_fmp4_parse_fragment(&init, data, size + 0xd8 + 16, &fragment), 0);
    assert_int_equal(fragment.moof_offset, size);
    assert_int_equal(fragment.size, size + 0xd8 + 0x100000010ULL);
    assert_made(&fragment);
    free(data);
    free(made);
}

static void put32(uint8_t *dst, uint32_t value)
{
    const uint32_t big = __builtin_bswap32(value);

    memcpy(dst, &big, sizeof(big));
}

static void nonsense_is_no_fragment(void **state)
{
    /* Where in the fragment above, and what is put there. */
    static const struct {
        size_t at;
        uint32_t value;
    } BAD[] = {
        {0, 0},               /* moof until the end of the file */
        {0, 7},               /* smaller than its header */
        {0, 0x200000},        /* too large */
        {0, 0xd7},            /* cuts its last child */
        {4, 0x6d646174},      /* an mdat first */
        {4, 0x6d6f6f76},      /* a moov */
        {24, 0x61},           /* traf that cuts into the next one */
        {24, 0xffffffff},     /* traf beyond everything */
        {32, 0x0b},           /* tfhd too short */
        {44, 9},              /* no such track */
        {44, 2},              /* the same track twice */
        {60, 0x80000000},     /* a time that is no int64 */
        {76, 0x01000f01 | 4}, /* one more field than there are bytes */
        {80, 3},              /* more samples than bytes */
        {80, 0xffffffff},
        {92, 0x7fffffff}, /* samples larger than the mdat */
        {0xd8, 0},        /* mdat until the end of the file */
        {0xd8, 7},
        {0xd8, 0x11},       /* mdat smaller than its samples */
        {0xdc, 0x6d6f6f66}, /* no mdat */
    };
    struct made *made = calloc(1, sizeof(*made));
    struct nvr_fmp4_fragment fragment;
    struct nvr_fmp4_init init;

    (void)state;
    assert_non_null(made);
    parse_init(INIT_H264_AAC, &init);
    for (size_t i = 0; i < NVR_ARRAY_SIZE(BAD); i++) {
        make(made, TRACKS, 2);
        put32(made->data + BAD[i].at, BAD[i].value);
        const int r = nvr_fmp4_parse_fragment(&init, made->data, made->size, &fragment);

        if (r != -EPROTO)
            fail_msg("%zu: %u at %zu: %d", i, BAD[i].value, BAD[i].at, r);
    }
    free(made);
}

static void rebasing_starts_a_file_at_zero(void **state)
{
    const uint64_t base[NVR_FMP4_TRACKS_MAX] = {0x12345000000ULL, 0xffffffffULL};
    struct made *made = calloc(1, sizeof(*made));
    struct made *before = calloc(1, sizeof(*before));
    struct nvr_fmp4_fragment fragment;
    struct nvr_fmp4_init init;

    (void)state;
    assert_non_null(made);
    assert_non_null(before);
    parse_init(INIT_H264_AAC, &init);
    make(made, TRACKS, 2);
    make(before, TRACKS, 2);
    assert_int_equal(nvr_fmp4_rebase_moof(&init, made->data, 0xd8, base), 0);
    assert_int_equal(nvr_fmp4_parse_fragment(&init, made->data, made->size, &fragment), 0);
    assert_int_equal(fragment.tfdt[0], 0x6789ab);
    assert_int_equal(fragment.tfdt[1], 0); /* never below zero */
    /* Nothing else changed. */
    memset(made->data + 60, 0, 8);
    memset(before->data + 60, 0, 8);
    memset(made->data + 156, 0, 8);
    memset(before->data + 156, 0, 8);
    assert_memory_equal(made->data, before->data, made->size);
    assert_int_equal(nvr_fmp4_rebase_moof(&init, made->data, 0xd7, base), -EPROTO);
    put32(made->data + 44, 9);
    assert_int_equal(nvr_fmp4_rebase_moof(&init, made->data, 0xd8, base), -EPROTO);
    free(before);
    free(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inits_are_understood),
        cmocka_unit_test(inits_may_be_cut),
        cmocka_unit_test(nonsense_is_no_init),
        cmocka_unit_test(fragments_are_written_to_the_byte),
        cmocka_unit_test(unsound_tracks_have_no_size),
        cmocka_unit_test(fragments_are_read_back),
        cmocka_unit_test(other_muxers_are_read),
        cmocka_unit_test(co_existing_boxes_and_large_sizes),
        cmocka_unit_test(nonsense_is_no_fragment),
        cmocka_unit_test(rebasing_starts_a_file_at_zero),
    };

    return cmocka_run_group_tests_name("fmp4", tests, NULL, NULL);
}
