/* Store: the places of recordings; and the marker by which a folder is known. */
#include "lib/base/marker.h"
#include "lib/store/locations.h"
#include "tests/unit/store-fixture.h"

#define FIRST "01234567-89ab-7cde-8f01-23456789abcd"
#define SECOND "fedcba98-89ab-7cde-8f01-23456789abcd"

static int64_t added;

static int job_add(struct nvr_db *db, void *arg)
{
    return nvr_locations_add(db, arg, &added);
}

static int job_hot(struct nvr_db *db, void *arg)
{
    return nvr_locations_set_hot(db, "/data/recordings", arg, T0);
}

static int job_delete(struct nvr_db *db, void *arg)
{
    return nvr_locations_delete(db, *(const int64_t *)arg);
}

static void write_now(struct fixture *f, nvr_store_job job, const void *arg)
{
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the job only reads
    assert_int_equal(nvr_store_write(f->store, job, NULL, (void *)(uintptr_t)arg), 0);
    assert_int_equal(nvr_store_flush(f->store, 5000), 0);
}

static int count(const struct nvr_location *location, void *arg)
{
    int64_t *last = arg;

    assert_true(location->id > *last);
    *last = location->id;
    return 0;
}

static void a_place_is_added_once_and_found_again(void **state)
{
    struct fixture *f = *state;
    struct nvr_location warm = {
        .tier = "warm", .kind = "folder", .address = "/mnt/big", .marker = FIRST, .created_ms = T0};
    struct nvr_location row;
    struct nvr_db *db;
    int64_t id, last = -1;

    write_now(f, job_hot, FIRST);
    write_now(f, job_add, &warm);
    id = added;
    assert_true(id > NVR_LOCATION_HOT);
    memcpy(warm.marker, SECOND, sizeof(SECOND));
    write_now(f, job_add, &warm);
    assert_int_equal(added, id);
    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_int_equal(nvr_locations_find(db, "folder", "/mnt/big", &row), 0);
    assert_int_equal(row.id, id);
    assert_string_equal(row.tier, "warm");
    assert_string_equal(row.marker, SECOND);
    assert_int_equal(nvr_locations_find(db, "s3", "/mnt/big", &row), -ENOENT);
    assert_int_equal(nvr_locations_get(db, NVR_LOCATION_HOT, &row), 0);
    assert_string_equal(row.address, "/data/recordings");
    assert_string_equal(row.marker, FIRST);
    assert_int_equal(nvr_locations_each(db, count, &last), 0);
    assert_int_equal(last, id);
    nvr_store_read_end(f->store, db);
    write_now(f, job_hot, SECOND);
    write_now(f, job_delete, &id);
    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_int_equal(nvr_locations_get(db, NVR_LOCATION_HOT, &row), 0);
    assert_string_equal(row.marker, SECOND);
    assert_int_equal(nvr_locations_get(db, id, &row), -ENOENT);
    nvr_store_read_end(f->store, db);
}

static void check_text(const char *folder, const char *text, int expected)
{
    char path[200], id[NVR_UUID_SIZE];

    assert_int_equal(nvr_path_join(path, sizeof(path), folder, NVR_MARKER_NAME), 0);
    assert_int_equal(nvr_file_write_atomic(path, text, strlen(text), 0600), 0);
    assert_int_equal(nvr_marker_read(folder, id), expected);
}

static void a_folder_is_known_by_its_marker(void **state)
{
    struct fixture *f = *state;
    char id[NVR_UUID_SIZE], made[NVR_UUID_SIZE];
    char long_text[2000];

    assert_int_equal(nvr_marker_read(f->folder, id), -ENOENT);
    assert_int_equal(nvr_marker_read("/nowhere", id), -ENOENT);
    nvr_uuid7(made);
    assert_int_equal(nvr_marker_write(f->folder, made), 0);
    assert_int_equal(nvr_marker_read(f->folder, id), 0);
    assert_string_equal(id, made);
    assert_int_equal(nvr_marker_write(f->folder, "no uuid"), -EINVAL);
    check_text(f->folder, "{\"heron_location\": \"" SECOND "\", \"more\": 1}", 0);
    check_text(f->folder, "", -EPROTO);
    check_text(f->folder, "{\"heron_location\": 7}", -EPROTO);
    check_text(f->folder, "{\"heron_location\": \"../../etc\"}", -EPROTO);
    check_text(f->folder, "[]", -EPROTO);
    memset(long_text, ' ', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    check_text(f->folder, long_text, -EPROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_place_is_added_once_and_found_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_is_known_by_its_marker, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
