#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/media/codec.h"

struct vector {
    const char *hex;
    uint32_t width, height;
    uint8_t reorder;
    double fps;
    const char *codec;
};

/* From x264 and x265 by ffmpeg 5.1; what ffprobe says about them is what we must say. */
static const struct vector H264[] = {
    /* baseline */
    {"6742c00cda05067e7c0440000003004000000783c50aa8", 320, 180, 0, 15, "avc1.42c00c"},
    /* JVT scaling matrices */
    {"67640016acb405017fcb8088000003000800000300f078b175", 640, 360, 0, 15, "avc1.640016"},
    /* odd size: cropping */
    {"6742c016da0280bfa9b0110000030001000003001e0f162ea0", 638, 358, 0, 15, "avc1.42c016"},
    /* High 10 */
    {"676e000ca6cb40a0cfcf8088000003000800000300f078a155", 320, 180, 0, 15, "avc1.6e000c"},
    /* intra profile */
    {"677a100cb6cb82833f1b8088000003000800000300f020", 320, 180, 0, 15, "avc1.7a100c"},
    /* 4:4:4 predictive */
    {"67f4001f9196805005bb0110000003001000000301e0f1832a", 1280, 720, 0, 15, "avc1.f4001f"},
    /* zerolatency */
    {"6742c028da01e0089f97011000000300100000030328f1832a", 1920, 1080, 0, 25, "avc1.42c028"},
    /* one B-frame, no pyramid */
    {"6764000cacec1419f9f0110000030001000003001e0f142938", 320, 180, 1, 15, "avc1.64000c"},
    /* NAL HRD */
    {"6742c016da0280bfe5c04400000300040000030079808007a10001e84e4b18078b1750", 640, 360, 0, 15,
     "avc1.42c016"},
    /* field coding */
    {"674d4028f403c0227ef0110000030001000003001e1f162ea0", 1920, 1080, 0, 15, "avc1.4d4028"},
    /* two B-frames */
    {"674d400ceca0a0cfcf8088000003000800000300f078a14cb0", 320, 180, 2, 15, "avc1.4d400c"},
};

static const struct vector H265[] = {
    /* Main 10 */
    {"42010102200000030090000003000003003ca00a080c1f3b6595912930bc05a02000000300200000"
     "0301e1",
     320, 180, 2, 15, "hvc1.2.4.L60.90"},
    /* four B-frames */
    {"420101016000000300900000030000030078a003c0801107cb965664a4c2f0168080000003008000"
     "000c84",
     1920, 1080, 2, 25, "hvc1.1.6.L120.90"},
    /* 4:4:4 */
    {"4201010408000003009e0800000300003c9001410183e372caca94985e02d0100000030010000003"
     "00f080",
     320, 180, 2, 15, "hvc1.4.10.L60.9E.8"},
    /* odd size: conformance window */
    {"42010101600000030090000003000003003fa005020171d4d965654a4c2f01680800000300080000"
     "03007840",
     638, 358, 2, 15, "hvc1.1.6.L63.90"},
    /* scaling lists, HRD */
    {"420101016000000300900000030000030099a00a080c1f3e5959529385e02d010000030001000003"
     "000f600c945e001e840007a122",
     320, 180, 2, 15, "hvc1.1.6.L153.90"},
    /* no B-frames */
    {"42010101600000030090000003000003003ca00a080c1f3e5ba4a4c2f01680800000030080000007"
     "84",
     320, 180, 0, 15, "hvc1.1.6.L60.90"},
};

static size_t from_hex(const char *hex, uint8_t *dst, size_t dst_size)
{
    static const char DIGITS[] = "0123456789abcdef";
    size_t n = 0;

    for (; hex[0] && hex[1] && n < dst_size; hex += 2) {
        const char *high = strchr(DIGITS, hex[0]);
        const char *low = strchr(DIGITS, hex[1]);

        assert_true(high && low);
        dst[n++] = (uint8_t)((high - DIGITS) << 4 | (low - DIGITS));
    }
    return n;
}

typedef int (*parse_fn)(const uint8_t *nal, size_t size, struct nvr_sps *ret_sps);
typedef int (*string_fn)(const struct nvr_sps *sps, char *dst, size_t dst_size);

static void check_vector(const struct vector *vector, parse_fn parse, string_fn string)
{
    char codec[NVR_CODEC_STRING_SIZE];
    struct nvr_sps sps = {0};
    uint8_t nal[256];
    const size_t size = from_hex(vector->hex, nal, sizeof(nal));

    assert_int_equal(parse(nal, size, &sps), 0);
    assert_int_equal(string(&sps, codec, sizeof(codec)), 0);
    assert_string_equal(codec, vector->codec);
    assert_int_equal(sps.width, vector->width);
    assert_int_equal(sps.height, vector->height);
    assert_int_equal(sps.reorder_frames, vector->reorder);
    assert_true(sps.fps > vector->fps - 0.001 && sps.fps < vector->fps + 0.001);
    assert_int_equal(string(&sps, codec, 8), -EMSGSIZE);
}

/* Every prefix, in a block of its own size: no read past the end, and no wrong answer. */
static void check_prefixes(const struct vector *vector, parse_fn parse)
{
    uint8_t nal[256];
    const size_t size = from_hex(vector->hex, nal, sizeof(nal));

    for (size_t n = 0; n < size; n++) {
        uint8_t *copy = malloc(n ? n : 1);
        struct nvr_sps sps = {0};

        assert_non_null(copy);
        memcpy(copy, nal, n);
        if (parse(copy, n, &sps) == 0) {
            assert_int_equal(sps.width, vector->width);
            assert_int_equal(sps.height, vector->height);
        }
        free(copy);
    }
}

static void h264_parameter_sets(void **state)
{
    (void)state;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(H264); i++) {
        check_vector(&H264[i], nvr_h264_parse_sps, nvr_h264_codec_string);
        check_prefixes(&H264[i], nvr_h264_parse_sps);
    }
}

static void h265_parameter_sets(void **state)
{
    (void)state;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(H265); i++) {
        check_vector(&H265[i], nvr_h265_parse_sps, nvr_h265_codec_string);
        check_prefixes(&H265[i], nvr_h265_parse_sps);
    }
}

/* Parameter sets that no encoder at hand writes, bit by bit. */
struct writer {
    uint8_t data[256];
    size_t bits;
};

static void put(struct writer *writer, unsigned count, uint32_t value)
{
    for (unsigned i = count; i-- > 0; writer->bits++)
        writer->data[writer->bits / 8] |= (uint8_t)((value >> i & 1) << (7 - writer->bits % 8));
}

static void put_ue(struct writer *writer, uint32_t value)
{
    unsigned length = 0;

    while ((value + 1) >> (length + 1))
        length++;
    put(writer, length, 0);
    put(writer, length + 1, value + 1);
}

static void put_se(struct writer *writer, int32_t value)
{
    put_ue(writer, value > 0 ? (uint32_t)value * 2 - 1 : (uint32_t)-value * 2);
}

/* With the emulation prevention bytes that a NAL unit needs. */
static size_t as_nal(const struct writer *writer, uint8_t *dst)
{
    const size_t size = writer->bits / 8 + 1; /* the stop bit */
    unsigned zeros = 0;
    size_t n = 0;

    for (size_t i = 0; i < size; i++) {
        uint8_t byte = writer->data[i];

        if (i == size - 1)
            byte |= (uint8_t)(0x80 >> writer->bits % 8);
        if (zeros >= 2 && byte <= 3) {
            dst[n++] = 3;
            zeros = 0;
        }
        dst[n++] = byte;
        zeros = byte ? 0 : zeros + 1;
    }
    return n;
}

struct h264_made {
    uint8_t profile, constraints;
    uint32_t poc_type, ref_frames;
    bool scaling, separate_planes;
    bool fields, truncated_vui;
};

static int parse_made_h264(const struct h264_made *made, struct nvr_sps *sps)
{
    struct writer writer = {0};
    uint8_t nal[512];

    put(&writer, 8, 0x67);
    put(&writer, 8, made->profile);
    put(&writer, 8, made->constraints);
    put(&writer, 8, 31);
    put_ue(&writer, 0);
    if (made->profile >= 100 || made->profile == 44) {
        put_ue(&writer, made->separate_planes ? 3 : 1);
        if (made->separate_planes)
            put(&writer, 1, 1);
        put_ue(&writer, 0);
        put_ue(&writer, 0);
        put(&writer, 1, 0);
        put(&writer, 1, made->scaling);
        for (int i = 0; made->scaling && i < (made->separate_planes ? 12 : 8); i++) {
            put(&writer, 1, i % 3 != 2); /* some fall back */
            if (i % 3 == 0)              /* whole list */
                for (int n = 0; n < (i < 6 ? 16 : 64); n++)
                    put_se(&writer, n % 2 ? 5 : -3);
            else if (i % 3 == 1)
                put_se(&writer, -8); /* "use the default": the next one is 0 at once */
        }
    }
    put_ue(&writer, 12);
    put_ue(&writer, made->poc_type);
    if (made->poc_type == 0)
        put_ue(&writer, 12);
    if (made->poc_type == 1) {
        put(&writer, 1, 1);
        put_se(&writer, -70000);
        put_se(&writer, 70000);
        put_ue(&writer, 3);
        for (int i = 0; i < 3; i++)
            put_se(&writer, i * 1000 - 1000);
    }
    put_ue(&writer, made->ref_frames);
    put(&writer, 1, 1);
    put_ue(&writer, 44); /* 720 */
    put_ue(&writer, made->fields ? 17 : 35);
    put(&writer, 1, !made->fields);
    if (made->fields)
        put(&writer, 1, 1);
    put(&writer, 1, 1);
    put(&writer, 1, 1); /* cropping 1, 2, 3, 4 units */
    for (uint32_t i = 1; i <= 4; i++)
        put_ue(&writer, i);
    put(&writer, 1, made->truncated_vui);
    if (made->truncated_vui) {
        put(&writer, 1, 1);
        put(&writer, 8, 255); /* and no room for what it announces */
    }
    return nvr_h264_parse_sps(nal, as_nal(&writer, nal), sps);
}

static void rare_h264_fields(void **state)
{
    static const struct {
        struct h264_made made;
        uint32_t width, height;
        uint8_t reorder;
    } CASES[] = {
        {{.profile = 66, .ref_frames = 4}, 714, 562, 0},
        {{.profile = 77, .ref_frames = 1}, 714, 562, 0},
        {{.profile = 77, .ref_frames = 2}, 714, 562, 1},
        {{.profile = 77, .ref_frames = 16}, 714, 562, 2},
        {{.profile = 77, .ref_frames = 4, .poc_type = 2}, 714, 562, 0},
        {{.profile = 77, .ref_frames = 4, .poc_type = 1}, 714, 562, 2},
        {{.profile = 77, .ref_frames = 4, .fields = true}, 714, 548, 2},
        {{.profile = 88, .ref_frames = 4, .truncated_vui = true}, 714, 562, 2},
        {{.profile = 100, .ref_frames = 4, .scaling = true}, 714, 562, 2},
        {{.profile = 100, .ref_frames = 4, .constraints = 0x10}, 714, 562, 0},
        {{.profile = 44, .ref_frames = 4}, 714, 562, 0},
        {{.profile = 244, .ref_frames = 3, .scaling = true, .separate_planes = true}, 717, 569, 2},
    };

    (void)state;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(CASES); i++) {
        struct nvr_sps sps = {0};

        assert_int_equal(parse_made_h264(&CASES[i].made, &sps), 0);
        assert_int_equal(sps.width, CASES[i].width);
        assert_int_equal(sps.height, CASES[i].height);
        assert_int_equal(sps.reorder_frames, CASES[i].reorder);
        assert_true(sps.fps >= 0 && sps.fps <= 0);
    }
}

static void put_h265_scaling_lists(struct writer *writer)
{
    put(writer, 2, 3); /* scaling lists, written here */
    for (int size = 0; size < 4; size++) {
        for (int matrix = 0; matrix < 6; matrix += size == 3 ? 3 : 1) {
            put(writer, 1, matrix == 0);
            if (matrix) {
                put_ue(writer, 1);
                continue;
            }
            if (size > 1)
                put_se(writer, -4);
            for (int n = 0; n < (size ? 64 : 16); n++)
                put_se(writer, 0);
        }
    }
}

static void put_h265_tools(struct writer *writer)
{
    put(writer, 3, 1); /* pcm */
    put(writer, 8, 0x77);
    put_ue(writer, 0);
    put_ue(writer, 1);
    put(writer, 1, 0);
    put_ue(writer, 2); /* sets: two pictures, then predicted from it */
    put_ue(writer, 1);
    put_ue(writer, 1);
    put_ue(writer, 0);
    put(writer, 1, 1);
    put_ue(writer, 0);
    put(writer, 1, 1);
    put(writer, 2, 3);
    put_ue(writer, 0);
    put(writer, 4, 0x9); /* used; not used, not kept; used: three pictures asked */
    put(writer, 1, 1);   /* long-term */
    put_ue(writer, 2);
    put(writer, 9, 0x155);
    put(writer, 9, 0x0aa);
    put(writer, 2, 3);
}

/* Three sub-layers, scaling lists, predicted reference picture sets, long-term pictures. */
static void rare_h265_fields(void **state)
{
    char codec[NVR_CODEC_STRING_SIZE];
    struct writer writer = {0};
    struct nvr_sps sps = {0};
    uint8_t nal[512];

    (void)state;
    put(&writer, 16, 0x4201);
    put(&writer, 8, 2 << 1 | 1);      /* VPS 0, three sub-layers, nesting */
    put(&writer, 8, 0x40 | 0x20 | 2); /* space A, high tier, Main 10 */
    put(&writer, 32, 0x20000000);
    put(&writer, 32, 0xb0000012);
    put(&writer, 16, 0);
    put(&writer, 8, 153);
    put(&writer, 4, 0xd); /* layer 0: profile and level, layer 1: level */
    put(&writer, 12, 0);
    for (int i = 0; i < 11; i++)
        put(&writer, 8, 0x55);
    put(&writer, 16, 0x7777);
    put_ue(&writer, 0);
    put_ue(&writer, 2); /* 4:2:2 */
    put_ue(&writer, 1920);
    put_ue(&writer, 1088);
    put(&writer, 1, 1);
    put_ue(&writer, 0);
    put_ue(&writer, 1);
    put_ue(&writer, 0);
    put_ue(&writer, 8);
    put_ue(&writer, 2);
    put_ue(&writer, 2);
    put_ue(&writer, 4);
    put(&writer, 1, 1);
    for (uint32_t i = 0; i < 3; i++) {
        put_ue(&writer, 4);
        put_ue(&writer, i + 1); /* reorder: the last one counts */
        put_ue(&writer, 0);
    }
    for (int i = 0; i < 6; i++)
        put_ue(&writer, 1);
    put_h265_scaling_lists(&writer);
    put_h265_tools(&writer);
    put(&writer, 1, 1); /* VUI */
    put(&writer, 4, 0);
    put(&writer, 3, 0);
    put(&writer, 1, 0);
    put(&writer, 1, 1);
    put(&writer, 32, 1001);
    put(&writer, 32, 30000);
    assert_int_equal(nvr_h265_parse_sps(nal, as_nal(&writer, nal), &sps), 0);
    assert_int_equal(sps.width, 1918);
    assert_int_equal(sps.height, 1080);
    assert_int_equal(sps.reorder_frames, 3);
    assert_true(sps.fps > 29.969 && sps.fps < 29.971);
    assert_int_equal(nvr_h265_codec_string(&sps, codec, sizeof(codec)), 0);
    assert_string_equal(codec, "hvc1.A2.4.H153.B0.0.0.12");
}

static void aac_configs(void **state)
{
    static const struct {
        const char *hex;
        struct nvr_aac_config config;
    } GOOD[] = {
        {"1190", {2, 48000, 2}}, /* LC 48 kHz stereo */
        {"1408", {2, 16000, 1}}, /* LC 16 kHz mono */
        {"1588", {2, 8000, 1}},  /* LC 8 kHz mono */
    };
    struct nvr_aac_config config;
    uint8_t data[16];

    (void)state;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(GOOD); i++) {
        const size_t size = from_hex(GOOD[i].hex, data, sizeof(data));

        assert_int_equal(nvr_aac_parse_config(data, size, &config), 0);
        assert_int_equal(config.object_type, GOOD[i].config.object_type);
        assert_int_equal(config.sample_rate, GOOD[i].config.sample_rate);
        assert_int_equal(config.channels, GOOD[i].config.channels);
        assert_int_equal(nvr_aac_parse_config(data, 1, &config), -EPROTO);
    }
    assert_int_equal(nvr_aac_parse_config(data, 0, &config), -EPROTO);
    assert_int_equal(nvr_aac_parse_config((const uint8_t *)"\x16\xf0", 2, &config), -EPROTO);
}

static void foreign_units_are_refused(void **state)
{
    const uint8_t pps[] = {0x68, 0xce, 0x3c, 0x80, 0x11};
    const uint8_t zeros[64] = {0x67};
    struct nvr_sps sps;

    (void)state;
    assert_int_equal(nvr_h264_parse_sps(pps, sizeof(pps), &sps), -EPROTO);
    assert_int_equal(nvr_h265_parse_sps(pps, sizeof(pps), &sps), -EPROTO);
    assert_int_equal(nvr_h264_parse_sps(zeros, sizeof(zeros), &sps), -EPROTO);
    assert_int_equal(nvr_h264_parse_sps(zeros, 0, &sps), -EPROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(h264_parameter_sets), cmocka_unit_test(h265_parameter_sets),
        cmocka_unit_test(rare_h264_fields),    cmocka_unit_test(rare_h265_fields),
        cmocka_unit_test(aac_configs),         cmocka_unit_test(foreign_units_are_refused),
    };

    return cmocka_run_group_tests_name("sps", tests, NULL, NULL);
}
