/* One step of retention on a real store and a real folder: plan, erase, sweep. */
#include "tests/unit/store-fixture.h"

#include <sys/stat.h>

#include "src/storage/step.h"

#define HOUR INT64_C(3600000)
#define DAY (24 * HOUR)
#define NOW (T0 + 100 * DAY)

static void add_file(struct fixture *f, const char *camera, int64_t start_ms)
{
    struct nvr_recording r = make(camera, start_ms, 10000);
    char path[300], folder[300];

    assert_true(nvr_fmt(folder, sizeof(folder), "%s/rec/%s/day%d/%d", f->folder, camera,
                        (int)(start_ms / DAY), (int)(start_ms / HOUR)) > 0);
    assert_int_equal(nvr_mkdir_p(folder, 0700), 0);
    assert_true(nvr_fmt(path, sizeof(path), "%s/%lld.mp4", folder, (long long)start_ms) > 0);
    assert_int_equal(nvr_file_write_atomic(path, "video", 5, 0600), 0);
    (void)snprintf(r.file_path, sizeof(r.file_path), "%s", path + strlen(f->folder) + 5);
    assert_int_equal(nvr_store_write(f->store, job_upsert, NULL, &r), 0);
    assert_int_equal(nvr_store_flush(f->store, 5000), 0);
}

static struct step step_for(struct fixture *f)
{
    struct step step = {.store = f->store, .now_ms = NOW, .mono_ms = 1000};

    (void)snprintf(step.recordings_dir, sizeof(step.recordings_dir), "%s/rec", f->folder);
    step.others = (struct policy_days){.default_days = 30, .events_days = 60};
    return step;
}

static bool is_there(const struct step *step, size_t i)
{
    char path[PATH_MAX + 300];

    assert_true(nvr_fmt(path, sizeof(path), "%s/%s", step->recordings_dir,
                        step->chooser.items[i].segment.file_path) > 0);
    return access(path, F_OK) == 0;
}

static void erase(struct fixture *f, struct step *step)
{
    assert_int_equal(nvr_store_write(f->store, step_erase, NULL, step), 0);
    assert_int_equal(nvr_store_flush(f->store, 5000), 0);
}

static void test_rows_then_files(void **state)
{
    struct fixture *f = *state;
    struct step step = step_for(f);
    struct stat st;
    char path[300];

    add_file(f, "a", NOW - 40 * DAY);
    add_file(f, "a", NOW - 39 * DAY);
    add_file(f, "a", NOW - 2 * DAY); /* speaks for the clock */
    step_plan(&step.task);
    assert_int_equal(step.result, 0);
    assert_false(step.clock_held);
    assert_int_equal(step.chooser.count, 2);
    assert_int_equal(step.space.used_bytes, 3000);
    assert_true(step.space.total_bytes > 0);
    step_sweep(&step.task); /* nothing is erased yet: no file goes */
    assert_true(is_there(&step, 0));
    erase(f, &step);
    assert_int_equal(totals(f, "a").segments, 1);
    assert_true(is_there(&step, 0));
    step_sweep(&step.task);
    assert_false(is_there(&step, 0) || is_there(&step, 1));
    assert_int_equal(step.stayed, 0);
    /* folders that are empty went, the camera's stays */
    assert_true(nvr_fmt(path, sizeof(path), "%s/rec/a/day%d", f->folder,
                        (int)((NOW - 40 * DAY) / DAY)) > 0);
    assert_int_equal(stat(path, &st), -1);
    assert_true(nvr_fmt(path, sizeof(path), "%s/rec/a", f->folder) > 0);
    assert_int_equal(stat(path, &st), 0);
    step_done(&step);
}

/* The database has no room: files of this step go without their rows. */
static void test_files_first(void **state)
{
    struct fixture *f = *state;
    struct step step = step_for(f);

    add_file(f, "a", NOW - 40 * DAY);
    add_file(f, "a", NOW - 2 * DAY);
    step_plan(&step.task);
    assert_int_equal(step.chooser.count, 1);
    step.files_first = true;
    step_sweep(&step.task);
    assert_false(is_there(&step, 0));
    assert_int_equal(totals(f, "a").segments, 2);
    erase(f, &step);
    assert_int_equal(totals(f, "a").segments, 1);
    step_done(&step);
}

/* Read, written, compared, or on another disk than this one: all that stays. */
static void test_what_is_kept(void **state)
{
    struct fixture *f = *state;
    struct step step = step_for(f);
    char path[300], away[310];

    for (int i = 0; i < 3; i++)
        add_file(f, (const char *[]){"a", "b", "c"}[i], NOW - 40 * DAY);
    add_file(f, "d", NOW - 2 * DAY);
    step.cameras = calloc(2, sizeof(*step.cameras));
    assert_non_null(step.cameras);
    step.cameras_count = 2;
    step.cameras[0] = (struct step_camera){.id = "a", .comparing = true};
    step.cameras[1] = (struct step_camera){.id = "b", .writing_from_ms = NOW - 41 * DAY};
    for (int i = 0; i < 2; i++)
        step.cameras[i].days = step.others;
    assert_int_equal(leases_take(&step.leases, "c", NOW - 40 * DAY, NOW - 39 * DAY, 60, 0), 0);
    step_plan(&step.task);
    assert_int_equal(step.chooser.count, 0);
    assert_int_equal(step.chooser.kept_segments, 3);
    /* the lease is over, but the camera's folder is not there: a disk that is not mounted */
    step.mono_ms = 61000;
    assert_true(nvr_fmt(path, sizeof(path), "%s/rec/c", f->folder) > 0);
    assert_true(nvr_fmt(away, sizeof(away), "%s.away", path) > 0);
    assert_int_equal(rename(path, away), 0);
    step_plan(&step.task);
    assert_int_equal(step.chooser.count, 0);
    assert_int_equal(rename(away, path), 0);
    step_plan(&step.task);
    assert_int_equal(step.chooser.count, 1);
    assert_string_equal(step.chooser.items[0].segment.camera_id, "c");
    step_done(&step);
}

static void test_clock_and_missing_folder(void **state)
{
    struct fixture *f = *state;
    struct step step = step_for(f);

    step_plan(&step.task);
    assert_int_equal(step.result, -ENOENT); /* no recordings folder */
    add_file(f, "a", NOW - 40 * DAY);
    step_plan(&step.task);
    assert_int_equal(step.result, 0);
    assert_true(step.clock_held);
    assert_int_equal(step.chooser.count, 0);
    /* Room is made all the same: that needs no clock. */
    step.space.max_bytes = 500;
    step_plan(&step.task);
    assert_int_equal(step.chooser.count, 1);
    assert_int_equal(step.chooser.items[0].reason, POLICY_SPACE);
    step_done(&step);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_rows_then_files),
        CASE(test_files_first),
        CASE(test_what_is_kept),
        CASE(test_clock_and_missing_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
