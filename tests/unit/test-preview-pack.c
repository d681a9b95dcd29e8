/* lib/media/preview_pack: names, slots, and files that nobody should believe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/media/preview_pack.h"

#define HOUR INT64_C(1767322800000) /* 2026-01-02T03:00:00Z */
#define FILE_SIZE (NVR_PREVIEW_DATA_START + 5000)

static uint8_t index_bytes[NVR_PREVIEW_INDEX_SIZE];

static void put(uint32_t ms, uint32_t offset, uint32_t size)
{
    nvr_preview_write_slot(index_bytes + nvr_preview_slot_offset(ms) - NVR_PREVIEW_HEADER_SIZE,
                           &(struct nvr_preview_slot){.offset = offset, .size = size, .ms = ms});
}

static void test_names(void **state)
{
    static const char *const bad[][2] = {
        {"2026-01-02", "3.previews"},   {"2026-01-02", "24.previews"},
        {"2026-02-30", "03.previews"},  {"2026-01-02", "03.preview"},
        {"2026-1-2", "03.previews"},    {"..", "03.previews"},
        {"2026-01-02", "03.previews~"}, {"", ""},
    };
    char name[NVR_PREVIEW_NAME_SIZE];

    (void)state;
    assert_int_equal(nvr_preview_name(HOUR + 1, name, sizeof(name)), 0);
    assert_string_equal(name, "2026-01-02/03.previews");
    assert_int_equal(nvr_preview_parse_name("2026-01-02", "03.previews"), HOUR);
    for (size_t i = 0; i < NVR_ARRAY_SIZE(bad); i++)
        assert_int_equal(nvr_preview_parse_name(bad[i][0], bad[i][1]), -1);
    assert_int_equal(nvr_preview_hour(HOUR + 3599999), HOUR);
}

static void test_header(void **state)
{
    uint8_t header[NVR_PREVIEW_HEADER_SIZE];

    (void)state;
    nvr_preview_write_header(header, HOUR);
    assert_true(nvr_preview_read_header(header) == HOUR);
    for (size_t i = 0; i < 24; i++) { /* every byte that means something */
        header[i] ^= 0x40;
        assert_true(nvr_preview_read_header(header) != HOUR);
        header[i] ^= 0x40;
    }
}

static void test_find(void **state)
{
    struct nvr_preview_slot slot;

    (void)state;
    memset(index_bytes, 0, sizeof(index_bytes));
    assert_false(nvr_preview_find(index_bytes, NVR_PREVIEW_HOUR_MS, FILE_SIZE, &slot));
    put(500, NVR_PREVIEW_DATA_START, 1000);
    put(10700, NVR_PREVIEW_DATA_START + 1000, 2000);
    put(3599900, NVR_PREVIEW_DATA_START + 3000, 2000);
    assert_false(nvr_preview_find(index_bytes, 499, FILE_SIZE, &slot));
    assert_true(nvr_preview_find(index_bytes, 500, FILE_SIZE, &slot));
    assert_int_equal(slot.ms, 500);
    assert_true(nvr_preview_find(index_bytes, 10699, FILE_SIZE, &slot));
    assert_int_equal(slot.ms, 500);
    assert_true(nvr_preview_find(index_bytes, 11000, FILE_SIZE, &slot));
    assert_int_equal(slot.offset, NVR_PREVIEW_DATA_START + 1000);
    assert_int_equal(slot.size, 2000);
    assert_true(nvr_preview_find(index_bytes, NVR_PREVIEW_HOUR_MS, FILE_SIZE, &slot));
    assert_int_equal(slot.ms, 3599900);
    /* The file was cut: what lies behind its end is not there. */
    assert_true(nvr_preview_find(index_bytes, NVR_PREVIEW_HOUR_MS, FILE_SIZE - 1, &slot));
    assert_int_equal(slot.ms, 10700);
}

static void test_unsound_slots(void **state)
{
    struct nvr_preview_slot slot;

    (void)state;
    memset(index_bytes, 0, sizeof(index_bytes));
    put(1000, 0, 100); /* into the index itself */
    put(2000, NVR_PREVIEW_DATA_START, NVR_PREVIEW_JPEG_MAX + 1);
    put(3000, UINT32_MAX, UINT32_MAX);
    put(4000, NVR_PREVIEW_DATA_START, 0);
    for (uint32_t second = 0; second < 6; second++)
        assert_false(nvr_preview_read_slot(index_bytes, second, INT64_MAX, &slot));
    put(5000, NVR_PREVIEW_DATA_START, 100);
    /* A slot that says another second than its place. */
    memmove(index_bytes + 6 * NVR_PREVIEW_SLOT_SIZE, index_bytes + 5 * NVR_PREVIEW_SLOT_SIZE,
            NVR_PREVIEW_SLOT_SIZE);
    assert_true(nvr_preview_read_slot(index_bytes, 5, FILE_SIZE, &slot));
    assert_false(nvr_preview_read_slot(index_bytes, 6, FILE_SIZE, &slot));
}

static void test_noise(void **state)
{
    struct nvr_preview_slot slot;
    unsigned seed = 7;

    (void)state;
    for (int round = 0; round < 200; round++) {
        for (size_t i = 0; i < sizeof(index_bytes); i++)
            index_bytes[i] = (uint8_t)((seed = seed * 1103515245u + 12345u) >> 16);
        if (nvr_preview_find(index_bytes, NVR_PREVIEW_HOUR_MS, FILE_SIZE, &slot)) {
            assert_true(slot.offset >= NVR_PREVIEW_DATA_START);
            assert_true((uint64_t)slot.offset + slot.size <= FILE_SIZE);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names), cmocka_unit_test(test_header),
        cmocka_unit_test(test_find),  cmocka_unit_test(test_unsound_slots),
        cmocka_unit_test(test_noise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
