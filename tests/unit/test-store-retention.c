/* Store: usage, what may go first, protected ranges. */
#include "tests/unit/store-fixture.h"

#include "lib/store/retention.h"

#define HOUR INT64_C(3600000)

static void write_job(struct fixture *f, nvr_store_job job, void *arg, int expected)
{
    assert_int_equal(nvr_store_write(f->store, job, NULL, arg), 0);
    assert_int_equal(nvr_store_flush(f->store, 5000), expected);
}

static void add_as(struct fixture *f, const char *camera, int64_t start_ms, enum nvr_rank rank,
                   const char *tier)
{
    struct nvr_recording r = make(camera, start_ms, 10000);

    r.has_events = rank == NVR_RANK_EVENTS;
    r.protected_ = rank == NVR_RANK_PROTECTED;
    (void)snprintf(r.tier, sizeof(r.tier), "%s", tier);
    write_job(f, job_upsert, &r, 0);
}

struct usages {
    struct nvr_usage items[4];
    size_t count;
};

static int see_usage(const struct nvr_usage *usage, void *arg)
{
    struct usages *seen = arg;

    seen->items[seen->count++] = *usage;
    return 0;
}

static void test_usage(void **state)
{
    struct fixture *f = *state;
    struct usages seen = {.count = 0};
    int64_t bytes = -1, first = 0;
    struct nvr_db *db;

    for (int i = 0; i < 3; i++)
        add_as(f, "a", T0 + i * 10000, NVR_RANK_NOTHING, "hot");
    add_as(f, "a", T0 + 30000, NVR_RANK_EVENTS, "hot");
    add_as(f, "a", T0 - 10000, NVR_RANK_EVENTS, "warm");
    add_as(f, "b", T0, NVR_RANK_PROTECTED, "cold");
    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_int_equal(nvr_usage_each(db, see_usage, &seen), 0);
    assert_int_equal(seen.count, 2);
    assert_string_equal(seen.items[0].camera_id, "a");
    assert_int_equal(seen.items[0].bytes[NVR_TIER_HOT][NVR_RANK_NOTHING], 3000);
    assert_int_equal(seen.items[0].segments[NVR_TIER_HOT][NVR_RANK_EVENTS], 1);
    assert_int_equal(seen.items[0].bytes[NVR_TIER_WARM][NVR_RANK_EVENTS], 1000);
    assert_int_equal(seen.items[0].bytes[NVR_TIER_COLD][NVR_RANK_PROTECTED], 0);
    assert_int_equal(seen.items[1].segments[NVR_TIER_COLD][NVR_RANK_PROTECTED], 1);
    /* [start, end) by where segments begin */
    assert_int_equal(nvr_usage_between(db, "a", T0, T0 + 20000, &bytes), 0);
    assert_int_equal(bytes, 2000);
    assert_int_equal(nvr_usage_between(db, "c", T0, T0 + 20000, &bytes), 0);
    assert_int_equal(bytes, 0);
    assert_int_equal(nvr_usage_between(db, "a", T0, T0 + HOUR + 1, &bytes), -EINVAL);
    assert_int_equal(nvr_usage_first(db, T0 - HOUR, T0 + HOUR, &first), 0);
    assert_int_equal(first, T0 - 10000);
    assert_int_equal(nvr_usage_first(db, T0 + HOUR, T0 + 2 * HOUR, &first), -ENOENT);
    nvr_store_read_end(f->store, db);
}

struct seen {
    struct nvr_stored_segment items[16];
    size_t count, stop_at;
};

static int see(const struct nvr_stored_segment *segment, void *arg)
{
    struct seen *seen = arg;

    seen->items[seen->count++] = *segment;
    return seen->count == seen->stop_at;
}

static void test_oldest(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {.count = 0};
    struct nvr_db *db;

    add_as(f, "b", T0 + 20000, NVR_RANK_NOTHING, "hot");
    add_as(f, "a", T0 + 10000, NVR_RANK_NOTHING, "hot");
    add_as(f, "a", T0, NVR_RANK_EVENTS, "hot");
    add_as(f, "a", T0 - 10000, NVR_RANK_NOTHING, "warm");
    add_as(f, "b", T0 - 20000, NVR_RANK_PROTECTED, "hot");
    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    /* across cameras, one tier, one rank */
    assert_int_equal(nvr_stored_oldest(db, NVR_TIER_HOT, NVR_RANK_NOTHING, see, &seen), 0);
    assert_int_equal(seen.count, 2);
    assert_string_equal(seen.items[0].camera_id, "a");
    assert_int_equal(seen.items[0].start_ms, T0 + 10000);
    assert_int_equal(seen.items[0].size, 1000);
    assert_int_equal(seen.items[0].location, 0);
    assert_true(strstr(seen.items[0].file_path, "a/x/segment_") == seen.items[0].file_path);
    assert_int_equal(seen.items[1].start_ms, T0 + 20000);
    seen = (struct seen){.stop_at = 1};
    assert_int_equal(nvr_stored_oldest(db, NVR_TIER_HOT, NVR_RANK_NOTHING, see, &seen), 0);
    assert_int_equal(seen.count, 1);
    /* one camera, every tier, before a moment */
    seen = (struct seen){.count = 0};
    assert_int_equal(nvr_stored_of_rank(db, "a", NVR_RANK_NOTHING, T0 + 10000, see, &seen), 0);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.items[0].tier, NVR_TIER_WARM);
    seen = (struct seen){.count = 0};
    assert_int_equal(nvr_stored_of_rank(db, "a", NVR_RANK_NOTHING, T0 + 10001, see, &seen), 0);
    assert_int_equal(seen.count, 2);
    nvr_store_read_end(f->store, db);
}

static int deleted;

static int job_delete(struct nvr_db *db, void *arg)
{
    deleted = nvr_stored_delete(db, arg);
    return deleted < 0 ? deleted : 0;
}

struct range_job {
    struct nvr_protected_range range;
    int64_t id, from_ms, to_ms;
};

static int job_protect(struct nvr_db *db, void *arg)
{
    struct range_job *job = arg;

    return nvr_protected_add(db, &job->range, &job->id);
}

static int job_unprotect(struct nvr_db *db, void *arg)
{
    const struct range_job *job = arg;

    return nvr_protected_remove(db, job->id);
}

static int job_mark(struct nvr_db *db, void *arg)
{
    const struct range_job *job = arg;

    return nvr_protected_mark(db, job->range.camera_id, job->from_ms, job->to_ms);
}

static int job_tidy(struct nvr_db *db, void *arg)
{
    (void)arg;
    return nvr_protected_tidy(db);
}

static struct range_job range_of(const char *camera, int64_t start_ms, int64_t end_ms)
{
    struct range_job job = {.range = {.start_ms = start_ms, .end_ms = end_ms, .created_ms = T0},
                            .from_ms = start_ms,
                            .to_ms = end_ms};

    (void)snprintf(job.range.camera_id, sizeof(job.range.camera_id), "%s", camera);
    (void)snprintf(job.range.reason, sizeof(job.range.reason), "accident");
    return job;
}

/* Which of the camera's first ten segments are marked, as "1001…". */
static void marks(struct fixture *f, const char *camera, char dst[11])
{
    static struct nvr_recording row;
    struct nvr_db *db;

    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    for (int i = 0; i < 10; i++) {
        const int r = nvr_recordings_get(db, camera, T0 + i * 10000, &row);

        dst[i] = (char)(r < 0 ? '-' : row.protected_ ? '1' : '0');
    }
    dst[10] = '\0';
    nvr_store_read_end(f->store, db);
}

static void test_protected_ranges(void **state)
{
    struct fixture *f = *state;
    struct range_job one = range_of("a", T0 + 15000, T0 + 50000);
    struct range_job two = range_of("a", T0 + 40000, T0 + 70000);
    struct nvr_protected_range got;
    char text[11];
    struct nvr_db *db;

    for (int i = 0; i < 10; i++) {
        add(f, "a", T0 + i * 10000, 10000);
        add(f, "b", T0 + i * 10000, 10000);
    }
    write_job(f, job_protect, &one, 0);
    write_job(f, job_mark, &one, 0);
    marks(f, "a", text);
    assert_string_equal(text, "0111100000");
    marks(f, "b", text);
    assert_string_equal(text, "0000000000");
    write_job(f, job_protect, &two, 0);
    write_job(f, job_mark, &two, 0);
    marks(f, "a", text);
    assert_string_equal(text, "0111111000");
    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_int_equal(nvr_protected_get(db, two.id, &got), 0);
    assert_string_equal(got.camera_id, "a");
    assert_string_equal(got.reason, "accident");
    assert_int_equal(got.end_ms, T0 + 70000);
    assert_int_equal(nvr_protected_covers(db, "a", T0, T0 + 15000), 0);
    assert_int_equal(nvr_protected_covers(db, "a", T0, T0 + 15001), 1);
    assert_int_equal(nvr_protected_covers(db, "a", T0 + 70000, T0 + 80000), 0);
    assert_int_equal(nvr_protected_covers(db, "b", T0, T0 + HOUR), 0);
    nvr_store_read_end(f->store, db);
    /* What the other range covers stays. */
    write_job(f, job_unprotect, &one, 0);
    write_job(f, job_mark, &one, 0);
    marks(f, "a", text);
    assert_string_equal(text, "0000111000");
    write_job(f, job_unprotect, &one, -ENOENT);
    write_job(f, job_tidy, NULL, 0);
    marks(f, "a", text);
    assert_string_equal(text, "0000111000");
    /* A removal that was cut short leaves marks, which go later. */
    write_job(f, job_unprotect, &two, 0);
    write_job(f, job_tidy, NULL, 0);
    marks(f, "a", text);
    assert_string_equal(text, "0000000000");
}

static int count_range(const struct nvr_protected_range *range, void *arg)
{
    assert_string_equal(range->reason, "accident");
    return ++*(int *)arg == 100;
}

static void test_bad_ranges(void **state)
{
    struct fixture *f = *state;
    struct range_job bad[] = {
        range_of("a", T0, T0),
        range_of("a", T0 + 1, T0),
        range_of("a", -1, T0),
        range_of("A b", T0, T0 + 1),
        range_of("a", T0, T0 + NVR_PROTECTED_SPAN_MAX_MS + 1),
    };
    struct range_job fine = range_of("a", T0, T0 + NVR_PROTECTED_SPAN_MAX_MS);
    struct nvr_db *db;
    int count = 0;

    for (size_t i = 0; i < NVR_ARRAY_SIZE(bad); i++)
        write_job(f, job_protect, &bad[i], -EINVAL);
    write_job(f, job_protect, &fine, 0);
    fine.range.camera_id[0] = 'b';
    write_job(f, job_protect, &fine, 0);
    write_job(f, job_mark, &fine, -EINVAL); /* longer than a step */
    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_int_equal(nvr_protected_each(db, "a", count_range, &count), 0);
    assert_int_equal(count, 1);
    assert_int_equal(nvr_protected_each(db, NULL, count_range, &count), 0);
    assert_int_equal(count, 3);
    /* The whole length of the longest range is found from its end. */
    assert_int_equal(nvr_protected_covers(db, "a", T0 + NVR_PROTECTED_SPAN_MAX_MS - 1,
                                          T0 + NVR_PROTECTED_SPAN_MAX_MS + 9),
                     1);
    nvr_store_read_end(f->store, db);
}

/* A range counts from its row on, before anything is marked; a row that moved is another one. */
static void test_delete(void **state)
{
    struct fixture *f = *state;
    struct range_job range = range_of("a", T0, T0 + 5000);
    struct nvr_stored_segment segment = {.camera_id = "a", .start_ms = T0, .end_ms = T0 + 10000};
    struct usages seen = {.count = 0};
    struct nvr_db *db;

    add(f, "a", T0, 10000);
    write_job(f, job_protect, &range, 0);
    write_job(f, job_delete, &segment, 0);
    assert_int_equal(totals(f, "a").segments, 1);
    write_job(f, job_unprotect, &range, 0);
    segment.location = 2;
    write_job(f, job_delete, &segment, 0);
    segment.location = 0;
    segment.tier = NVR_TIER_WARM;
    write_job(f, job_delete, &segment, 0);
    assert_int_equal(totals(f, "a").segments, 1);
    assert_int_equal(deleted, 0);
    segment.tier = NVR_TIER_HOT;
    write_job(f, job_delete, &segment, 0);
    assert_int_equal(deleted, 1);
    assert_int_equal(totals(f, "a").segments, 0);
    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_int_equal(nvr_usage_each(db, see_usage, &seen), 0);
    assert_int_equal(seen.count, 0);
    nvr_store_read_end(f->store, db);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_usage),      CASE(test_oldest), CASE(test_protected_ranges),
        CASE(test_bad_ranges), CASE(test_delete),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
