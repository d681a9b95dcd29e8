/* Store: jobs and what came of them. */
#include <errno.h>

#include "lib/store/jobs.h"
#include "tests/unit/store-fixture.h"

static int job_put(struct nvr_db *db, void *arg)
{
    return nvr_jobs_put(db, arg);
}

static int job_delete(struct nvr_db *db, void *arg)
{
    return nvr_jobs_delete(db, arg);
}

static void write_now(struct fixture *f, nvr_store_job job, void *arg, int expected)
{
    assert_int_equal(nvr_store_write(f->store, job, NULL, arg), 0);
    assert_int_equal(nvr_store_flush(f->store, 5000), expected);
}

struct seen {
    unsigned count;
    struct nvr_job_row row;
    char files[64], params[64];
};

static int see(const struct nvr_job_row *row, void *arg)
{
    struct seen *seen = arg;

    seen->count++;
    seen->row = *row;
    (void)snprintf(seen->files, sizeof(seen->files), "%s", row->files ? row->files : "none");
    (void)snprintf(seen->params, sizeof(seen->params), "%s", row->params);
    return 0;
}

static struct seen look(struct fixture *f)
{
    struct seen seen = {0};
    struct nvr_db *db;

    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_int_equal(nvr_jobs_each(db, see, &seen), 0);
    nvr_store_read_end(f->store, db);
    return seen;
}

static void a_job_is_kept_and_changed(void **state)
{
    struct fixture *f = *state;
    struct nvr_job_row row = {.id = "01890000-0000-7000-8000-000000000001",
                              .type = "export",
                              .name = "Front – door",
                              .state = NVR_JOB_QUEUED,
                              .params = "{\"a\":1}",
                              .created_ms = T0};
    struct seen seen;

    write_now(f, job_put, &row, 0);
    seen = look(f);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.row.state, NVR_JOB_QUEUED);
    assert_string_equal(seen.row.name, "Front – door");
    assert_string_equal(seen.params, "{\"a\":1}");
    assert_string_equal(seen.files, "[]");
    assert_int_equal(seen.row.started_ms, 0);
    assert_int_equal(seen.row.expires_ms, 0);

    row.state = NVR_JOB_FAILED;
    row.progress = 0.5;
    row.started_ms = T0 + 1;
    row.finished_ms = T0 + 2;
    row.expires_ms = T0 + 3;
    row.size = 4711;
    row.files = "[{\"name\":\"x\"}]";
    (void)snprintf(row.error_code, sizeof(row.error_code), "disk_full");
    (void)snprintf(row.error, sizeof(row.error), "The disk is full.");
    write_now(f, job_put, &row, 0);
    seen = look(f);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.row.state, NVR_JOB_FAILED);
    assert_true(seen.row.progress > 0.49 && seen.row.progress < 0.51);
    assert_string_equal(seen.row.error_code, "disk_full");
    assert_string_equal(seen.files, "[{\"name\":\"x\"}]");
    assert_int_equal(seen.row.expires_ms, T0 + 3);
    assert_int_equal(seen.row.size, 4711);

    write_now(f, job_delete, row.id, 0);
    assert_int_equal(look(f).count, 0);
    write_now(f, job_delete, row.id, -ENOENT);
}

static void states_have_names(void **state)
{
    (void)state;
    for (int i = NVR_JOB_QUEUED; i <= NVR_JOB_CANCELLED; i++)
        assert_int_equal(nvr_job_state_parse(nvr_job_state_name((enum nvr_job_state)i)), i);
    assert_int_equal(nvr_job_state_parse("lost"), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_job_is_kept_and_changed, setup, teardown),
        cmocka_unit_test(states_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
