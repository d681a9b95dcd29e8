#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/codec.h"

static void names_and_kinds(void **state)
{
    (void)state;
    assert_string_equal(nvr_codec_name(NVR_CODEC_H265), "h265");
    assert_string_equal(nvr_codec_name(NVR_CODEC_OTHER), "other");
    assert_string_equal(nvr_codec_name((enum nvr_codec)99), "other");
    assert_true(nvr_codec_is_video(NVR_CODEC_MJPEG));
    assert_false(nvr_codec_is_video(NVR_CODEC_AAC));
}

static void annexb_finds_every_unit(void **state)
{
    static const uint8_t stream[] = {0xff, 0, 0, 0, 1, 0x67, 1, 0,    0, 1, 0, 0, 1, 0x68,
                                     0,    3, 0, 0, 0, 0,    1, 0x65, 0, 0, 2, 0, 0};
    const uint8_t *nal;
    size_t pos = 0, size;

    (void)state;
    assert_true(nvr_annexb_next(stream, sizeof(stream), &pos, &nal, &size));
    assert_int_equal(size, 2);
    assert_int_equal(nvr_h264_nal_type(nal), 7);
    assert_true(nvr_annexb_next(stream, sizeof(stream), &pos, &nal, &size));
    assert_int_equal(size, 3);
    assert_int_equal(nvr_h264_nal_type(nal), 8);
    assert_true(nvr_annexb_next(stream, sizeof(stream), &pos, &nal, &size));
    assert_int_equal(size, 4);
    assert_int_equal(nvr_h264_nal_type(nal), 5);
    assert_false(nvr_annexb_next(stream, sizeof(stream), &pos, &nal, &size));
    assert_false(nvr_annexb_next(stream, sizeof(stream), &pos, &nal, &size));
    pos = 0;
    assert_false(nvr_annexb_next(stream, 3, &pos, &nal, &size));
    pos = 0;
    assert_false(nvr_annexb_next(stream, 0, &pos, &nal, &size));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_kinds),
        cmocka_unit_test(annexb_finds_every_unit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
