/* lib/store/causes: periods of not recording. */
#include "lib/store/causes.h"
#include "tests/unit/store-fixture.h"

struct task {
    int (*run)(struct nvr_db *db, const struct task *task);
    int cause;
    int64_t start_ms, end_ms;
    const char *detail;
};

static int run_task(struct nvr_db *db, void *arg)
{
    const struct task *task = arg;

    return task->run(db, task);
}

static void put(struct fixture *f, struct task task)
{
    assert_int_equal(nvr_store_write(f->store, run_task, NULL, &task), 0);
    assert_int_equal(nvr_store_flush(f->store, 5000), 0);
}

static int run_change(struct nvr_db *db, const struct task *task)
{
    return nvr_causes_change(db, "door", task->cause, task->detail, task->start_ms);
}

static int run_add(struct nvr_db *db, const struct task *task)
{
    return nvr_causes_add(db, "door", task->start_ms, task->end_ms, (enum nvr_cause)task->cause,
                          task->detail);
}

static int run_deleted(struct nvr_db *db, const struct task *task)
{
    return nvr_causes_add_deleted(db, "door", task->start_ms, task->end_ms);
}

static int run_trim(struct nvr_db *db, const struct task *task)
{
    return nvr_causes_trim_all(db, task->start_ms);
}

static int run_delete(struct nvr_db *db, const struct task *task)
{
    (void)task;
    return nvr_causes_delete_camera(db, "door");
}

static void change(struct fixture *f, int cause, const char *detail, int64_t at_ms)
{
    put(f, (struct task){.run = run_change, .cause = cause, .detail = detail, .start_ms = at_ms});
}

struct seen {
    struct nvr_cause_period items[64];
    size_t count;
};

static int see(const struct nvr_cause_period *period, void *arg)
{
    struct seen *seen = arg;

    assert_true(seen->count == 0 || seen->items[seen->count - 1].start_ms <= period->start_ms);
    seen->items[seen->count++] = *period;
    return 0;
}

static struct seen read_all(struct fixture *f, int64_t start_ms, int64_t end_ms)
{
    struct seen seen = {.count = 0};
    struct nvr_db *db;

    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_int_equal(nvr_causes_each(db, "door", start_ms, end_ms, see, &seen), 0);
    nvr_store_read_end(f->store, db);
    return seen;
}

static void expect(const struct nvr_cause_period *period, int64_t start_ms, int64_t end_ms,
                   enum nvr_cause cause)
{
    assert_int_equal(period->start_ms, start_ms);
    assert_int_equal(period->end_ms, end_ms);
    assert_int_equal(period->cause, cause);
}

static void changes_leave_no_hole(void **state)
{
    struct fixture *f = *state;
    struct nvr_cause_period open;
    struct nvr_db *db;
    struct seen seen;
    int64_t first = 0;

    change(f, NVR_CAUSE_SYSTEM, "Heron is starting.", T0);
    change(f, NVR_CAUSE_NETWORK, "The camera cannot be reached.", T0 + 500);
    change(f, NVR_CAUSE_CAMERA, "wrong password", T0 + 500); /* the one before was empty */
    change(f, -1, NULL, T0 + 2000);
    change(f, -1, NULL, T0 + 2500);
    change(f, NVR_CAUSE_OPERATOR, NULL, T0 + 3000);
    seen = read_all(f, 0, INT64_MAX);
    assert_int_equal(seen.count, 3);
    expect(&seen.items[0], T0, T0 + 500, NVR_CAUSE_SYSTEM);
    expect(&seen.items[1], T0 + 500, T0 + 2000, NVR_CAUSE_CAMERA);
    assert_string_equal(seen.items[1].detail, "wrong password");
    expect(&seen.items[2], T0 + 3000, NVR_CAUSE_OPEN, NVR_CAUSE_OPERATOR);
    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_int_equal(nvr_causes_get_open(db, "door", &open), 0);
    assert_int_equal(open.start_ms, T0 + 3000);
    assert_int_equal(nvr_causes_get_open(db, "yard", &open), -ENOENT);
    assert_int_equal(nvr_causes_first(db, "door", &first), 0);
    assert_int_equal(first, T0);
    nvr_store_read_end(f->store, db);
    /* the clock went back */
    change(f, NVR_CAUSE_DISK, "full", T0 + 1000);
    seen = read_all(f, T0 + 1000, INT64_MAX);
    expect(&seen.items[seen.count - 1], T0 + 1000, NVR_CAUSE_OPEN, NVR_CAUSE_DISK);
}

static void only_what_touches_the_span(void **state)
{
    struct fixture *f = *state;
    struct seen seen;

    change(f, NVR_CAUSE_SCHEDULE, "", T0);
    for (int i = 1; i < 2 * NVR_CAUSES_BACK; i++)
        put(f, (struct task){run_add, NVR_CAUSE_OVERLOAD, T0 + i * 1000, T0 + i * 1000 + 10, ""});
    seen = read_all(f, T0 + 5000, T0 + 7000);
    assert_int_equal(seen.count, 3);
    expect(&seen.items[0], T0, NVR_CAUSE_OPEN, NVR_CAUSE_SCHEDULE);
    expect(&seen.items[1], T0 + 5000, T0 + 5010, NVR_CAUSE_OVERLOAD);
    /* the open one is found however many came after it */
    seen = read_all(f, T0 + 500000, T0 + 600000);
    assert_int_equal(seen.count, 1);
    expect(&seen.items[0], T0, NVR_CAUSE_OPEN, NVR_CAUSE_SCHEDULE);
    seen = read_all(f, T0 + 6005, T0 + 7000);
    assert_int_equal(seen.count, 2);
    assert_int_equal(read_all(f, 0, T0).count, 0);
}

static void deleted_segments_become_one_row(void **state)
{
    struct fixture *f = *state;
    struct seen seen;

    put(f, (struct task){run_add, NVR_CAUSE_NETWORK, T0 + 120000, T0 + 180000, ""});
    put(f, (struct task){.run = run_deleted, .start_ms = T0, .end_ms = T0 + 60000});
    put(f, (struct task){.run = run_deleted, .start_ms = T0 + 61000, .end_ms = T0 + 120000});
    put(f, (struct task){.run = run_deleted, .start_ms = T0 + 240000, .end_ms = T0 + 300000});
    seen = read_all(f, 0, INT64_MAX);
    assert_int_equal(seen.count, 3);
    expect(&seen.items[0], T0, T0 + 120000, NVR_CAUSE_RETENTION);
    expect(&seen.items[1], T0 + 120000, T0 + 180000, NVR_CAUSE_NETWORK);
    expect(&seen.items[2], T0 + 240000, T0 + 300000, NVR_CAUSE_RETENTION);
    /* the one between closes the hole, the network's period stays */
    put(f, (struct task){.run = run_deleted, .start_ms = T0 + 180000, .end_ms = T0 + 240000});
    put(f, (struct task){.run = run_deleted, .start_ms = T0, .end_ms = T0 + 60000});
    seen = read_all(f, 0, INT64_MAX);
    assert_int_equal(seen.count, 3);
    expect(&seen.items[0], T0, T0 + 120000, NVR_CAUSE_RETENTION);
    expect(&seen.items[2], T0 + 180000, T0 + 300000, NVR_CAUSE_RETENTION);
}

static void details_are_cut_between_characters(void **state)
{
    struct fixture *f = *state;
    char detail[NVR_CAUSE_DETAIL_SIZE + 8];
    struct seen seen;

    memset(detail, 'x', sizeof(detail));
    memcpy(detail + NVR_CAUSE_DETAIL_SIZE - 2, "\xc3\xa4", 3);
    change(f, NVR_CAUSE_CAMERA, detail, T0);
    seen = read_all(f, 0, INT64_MAX);
    assert_int_equal(strlen(seen.items[0].detail), NVR_CAUSE_DETAIL_SIZE - 2);
}

static void bad_ones_are_refused(void **state)
{
    struct fixture *f = *state;
    struct nvr_db *db;

    put(f, (struct task){run_add, NVR_CAUSE_DISK, T0, T0, ""});
    assert_int_equal(read_all(f, 0, INT64_MAX).count, 0);
    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_int_equal(nvr_causes_change(db, "../x", NVR_CAUSE_DISK, "", T0), -EINVAL);
    assert_int_equal(nvr_causes_add(db, "door", -5, T0, NVR_CAUSE_DISK, ""), -EINVAL);
    assert_int_equal(nvr_causes_add_deleted(db, "", T0, T0 + 1), -EINVAL);
    nvr_store_read_end(f->store, db);
}

static void old_ones_are_forgotten(void **state)
{
    struct fixture *f = *state;
    struct seen seen;

    change(f, NVR_CAUSE_DISK, "", T0);
    change(f, -1, NULL, T0 + 1000);
    change(f, NVR_CAUSE_NETWORK, "", T0 + 2000);
    put(f, (struct task){.run = run_trim, .start_ms = T0 + 500000});
    seen = read_all(f, 0, INT64_MAX);
    assert_int_equal(seen.count, 1);
    expect(&seen.items[0], T0 + 2000, NVR_CAUSE_OPEN, NVR_CAUSE_NETWORK);
    put(f, (struct task){.run = run_delete});
    assert_int_equal(read_all(f, 0, INT64_MAX).count, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(changes_leave_no_hole),
        T(only_what_touches_the_span),
        T(deleted_segments_become_one_row),
        T(details_are_cut_between_characters),
        T(bad_ones_are_refused),
        T(old_ones_are_forgotten),
    };

    return cmocka_run_group_tests_name("causes", tests, NULL, NULL);
}
