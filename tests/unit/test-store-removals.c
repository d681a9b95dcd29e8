/* Store: files outside of the recordings folder are noted when their rows go. */
#include "lib/store/recordings.h"
#include "lib/store/removals.h"
#include "lib/store/tiers.h"
#include "tests/unit/store-fixture.h"

#define PLACE 7

static int job_sql(struct nvr_db *db, void *arg)
{
    return nvr_db_exec(db, arg);
}

static void sql(struct fixture *f, const char *text)
{
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the job only reads
    assert_int_equal(nvr_store_write(f->store, job_sql, NULL, (void *)(uintptr_t)text), 0);
    assert_int_equal(nvr_store_flush(f->store, 5000), 0);
}

static int job_done(struct nvr_db *db, void *arg)
{
    return nvr_removals_done(db, PLACE, arg);
}

static int job_delete_camera(struct nvr_db *db, void *arg)
{
    return NVR_MIN(nvr_recordings_delete_some(db, arg, INT64_MAX, 1000), 0);
}

struct list {
    unsigned count;
    char last[NVR_RECORDING_PATH_SIZE];
};

static int see(int64_t location, const char *path, void *arg)
{
    struct list *list = arg;

    assert_int_equal(location, PLACE);
    assert_true(strlen(path) < sizeof(list->last));
    memcpy(list->last, path, strlen(path) + 1);
    list->count++;
    return 0;
}

static struct list listed(struct fixture *f)
{
    struct list list = {0};
    struct nvr_db *db;

    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_int_equal(nvr_removals_each(db, see, &list), 0);
    nvr_store_read_end(f->store, db);
    return list;
}

#define ROW(start, path, place)                                                                    \
    "INSERT INTO recordings (camera_id, start_ms, end_ms, file_size, file_path, tier, location) "  \
    "VALUES ('cam'," start "," start "+1,9,'" path "','warm'," place ")"

static void rows_that_go_leave_their_file(void **state)
{
    static char first[] = "cam/a.mp4";
    static char camera[] = "cam";
    struct fixture *f = *state;

    sql(f, ROW("1", "cam/a.mp4", "7"));
    sql(f, ROW("2", "cam/b.mp4", "0"));
    sql(f, ROW("3", "cam/c.mp4", "7"));
    assert_int_equal(listed(f).count, 0);
    sql(f, "DELETE FROM recordings WHERE start_ms = 1");
    assert_int_equal(listed(f).count, 1);
    assert_string_equal(listed(f).last, "cam/a.mp4");
    /* A camera that is removed with its recordings: those of the recordings folder are not noted.
     */
    assert_int_equal(nvr_store_write(f->store, job_delete_camera, NULL, camera), 0);
    assert_int_equal(nvr_store_flush(f->store, 5000), 0);
    assert_int_equal(listed(f).count, 2);
    assert_int_equal(nvr_store_write(f->store, job_done, NULL, first), 0);
    assert_int_equal(nvr_store_flush(f->store, 5000), 0);
    assert_int_equal(listed(f).count, 1);
    assert_string_equal(listed(f).last, "cam/c.mp4");
}

static void a_file_that_has_a_row_again_stays(void **state)
{
    struct fixture *f = *state;

    sql(f, ROW("1", "cam/a.mp4", "7"));
    sql(f, "DELETE FROM recordings");
    assert_int_equal(listed(f).count, 1);
    sql(f, ROW("1", "cam/a.mp4", "7"));
    assert_int_equal(listed(f).count, 0);
    sql(f, "DELETE FROM recordings");
    sql(f, ROW("1", "cam/a.mp4", "0"));
    assert_int_equal(listed(f).count, 1);
    sql(f, "UPDATE recordings SET location = 7");
    assert_int_equal(listed(f).count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_that_go_leave_their_file, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_has_a_row_again_stays, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
