/* Store: recordings, cameras, plans of the queries. */
#include "tests/unit/store-fixture.h"

static void test_recording_round_trip(void **state)
{
    struct fixture *f = *state;
    struct nvr_recording in = make("door", T0, 10000), out;
    struct nvr_db *db;

    memset(&out, 0xff, sizeof(out));
    in.has_events = true;
    in.event_count = 7;
    in.protected_ = true;
    assert_int_equal(nvr_store_write(f->store, job_upsert, NULL, &in), 0);
    assert_int_equal(nvr_store_flush(f->store, 5000), 0);
    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_int_equal(nvr_recordings_get(db, "door", T0, &out), 0);
    assert_string_equal(out.camera_id, "door");
    assert_string_equal(out.file_path, in.file_path);
    assert_string_equal(out.checksum, in.checksum);
    assert_string_equal(out.codec_string, in.codec_string);
    assert_string_equal(out.init_id, in.init_id);
    assert_int_equal(out.end_ms, T0 + 10000);
    assert_true(out.has_events && out.protected_);
    assert_int_equal(out.event_count, 7);
    assert_int_equal(out.keys_count, 3);
    assert_memory_equal(out.keys, in.keys, 3 * sizeof(in.keys[0]));
    assert_int_equal(nvr_recordings_get(db, "door", T0 + 1, &out), -ENOENT);
    nvr_store_read_end(f->store, db);
}

static void test_recording_id(void **state)
{
    char id[NVR_RECORDING_ID_SIZE], camera[NVR_SLUG_SIZE];
    int64_t start = 0;

    (void)state;
    nvr_recording_id("front-door", T0, id);
    assert_string_equal(id, "front-door-1760000000000");
    assert_int_equal(nvr_recording_id_parse(id, camera, &start), 0);
    assert_string_equal(camera, "front-door");
    assert_int_equal(start, T0);
    assert_int_equal(nvr_recording_id_parse("front-door", camera, &start), -EINVAL);
    assert_int_equal(nvr_recording_id_parse("-12", camera, &start), -EINVAL);
    assert_int_equal(nvr_recording_id_parse("a-", camera, &start), -EINVAL);
    assert_int_equal(nvr_recording_id_parse("a-007", camera, &start), -EINVAL);
    assert_int_equal(nvr_recording_id_parse("a-99999999999999999999", camera, &start), -EINVAL);
}

static void test_find_and_ranges(void **state)
{
    struct fixture *f = *state;
    struct nvr_recording row;
    struct nvr_db *db;

    add(f, "a", T0, 10000);
    add(f, "a", T0 + 10000, 10000);
    add(f, "a", T0 + 60000, 10000);
    add(f, "a", T0 + 62000, 1000); /* inside the one before */
    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_int_equal(nvr_recordings_find(db, "a", T0, &row), 0);
    assert_int_equal(row.start_ms, T0);
    assert_int_equal(nvr_recordings_find(db, "a", T0 + 9999, &row), 0);
    assert_int_equal(row.start_ms, T0);
    assert_int_equal(nvr_recordings_find(db, "a", T0 + 10000, &row), 0);
    assert_int_equal(row.start_ms, T0 + 10000);
    assert_int_equal(nvr_recordings_find(db, "a", T0 + 20000, &row), -ENOENT);
    assert_int_equal(nvr_recordings_find(db, "a", T0 + 65000, &row), 0);
    assert_int_equal(row.start_ms, T0 + 60000);
    assert_int_equal(nvr_recordings_find(db, "a", T0 - 1, &row), -ENOENT);
    assert_int_equal(nvr_recordings_find(db, "b", T0, &row), -ENOENT);
    nvr_store_read_end(f->store, db);
}

struct seen {
    int64_t starts[64];
    char cameras[64][8];
    uint32_t keys;
    size_t count, stop_at;
};

static int see(const struct nvr_recording *row, void *arg)
{
    struct seen *seen = arg;

    seen->starts[seen->count] = row->start_ms;
    (void)snprintf(seen->cameras[seen->count], 8, "%.7s", row->camera_id);
    seen->keys += row->keys_count;
    seen->count++;
    return seen->count == seen->stop_at;
}

static int see_span(int64_t start_ms, int64_t end_ms, int64_t size, void *arg)
{
    struct seen *seen = arg;

    assert_true(end_ms > start_ms && size == 1000);
    seen->starts[seen->count++] = start_ms;
    return 0;
}

static void test_each_and_spans(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {0};
    struct nvr_db *db;

    for (int i = 0; i < 6; i++)
        add(f, "a", T0 + i * 10000, 10000);
    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    /* Half open: [10 s, 30 s) touches segments 1 and 2. */
    assert_int_equal(nvr_recordings_each(db, "a", T0 + 10000, T0 + 30000, false, see, &seen), 0);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.starts[0], T0 + 10000);
    assert_int_equal(seen.keys, 0);
    seen = (struct seen){0};
    assert_int_equal(nvr_recordings_each(db, "a", T0 + 15000, T0 + 30001, true, see, &seen), 0);
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.keys, 9);
    seen = (struct seen){.stop_at = 1};
    assert_int_equal(nvr_recordings_each(db, "a", 0, INT64_MAX, true, see, &seen), 0);
    assert_int_equal(seen.count, 1);
    seen = (struct seen){0};
    assert_int_equal(nvr_recordings_spans(db, "a", T0 + 9999, T0 + 20000, see_span, &seen), 0);
    assert_int_equal(seen.count, 2);
    nvr_store_read_end(f->store, db);
}

/* Every page of limit rows; returns how many rows in all, in order. */
static size_t list_pages(struct nvr_db *db, struct nvr_recordings_query query, struct seen *all)
{
    for (;;) {
        const size_t before = all->count;

        assert_int_equal(nvr_recordings_list(db, &query, see, all), 0);
        if (all->count == before)
            return all->count;
        query.before_start_ms = all->starts[all->count - 1];
        (void)snprintf(query.before_camera, sizeof(query.before_camera), "%s",
                       all->cameras[all->count - 1]);
    }
}

static void test_list_pages(void **state)
{
    struct fixture *f = *state;
    static const char *const cameras[] = {"a", "b", "c"}, *const two[] = {"c", "a"};
    struct nvr_db *db;

    for (int i = 0; i < 4; i++) {
        for (size_t c = 0; c < 3; c++)
            add(f, cameras[c], T0 + i * 10000, 10000);
    }
    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    for (unsigned limit = 1; limit < 6; limit++) {
        struct seen all = {0}, some = {0}, range = {0};
        struct nvr_recordings_query query = {.limit = limit};

        assert_int_equal(list_pages(db, query, &all), 12);
        for (size_t i = 0; i < 12; i++) {
            assert_int_equal(all.starts[i], T0 + (3 - (int)i / 3) * 10000);
            assert_string_equal(all.cameras[i], cameras[2 - i % 3]);
        }
        query.camera_ids = two;
        query.camera_count = 2;
        assert_int_equal(list_pages(db, query, &some), 8);
        for (size_t i = 0; i < 8; i++)
            assert_string_equal(some.cameras[i], two[i % 2]);
        query.start_ms = T0 + 5000;
        query.end_ms = T0 + 20000;
        assert_int_equal(list_pages(db, query, &range), 4);
    }
    nvr_store_read_end(f->store, db);
}

static int job_delete(struct nvr_db *db, void *arg)
{
    return nvr_recordings_delete(db, "a", *(const int64_t *)arg);
}

static int deleted;

static int job_delete_two(struct nvr_db *db, void *arg)
{
    deleted = nvr_recordings_delete_some(db, arg, T0 + 30000, 2);
    return NVR_MIN(deleted, 0);
}

static void test_a_camera_goes_in_steps(void **state)
{
    static const int expected[] = {2, 1, 0};
    struct fixture *f = *state;

    for (int i = 0; i < 4; i++)
        add(f, "a", T0 + i * 10000, 10000);
    add(f, "b", T0, 10000);
    for (size_t i = 0; i < NVR_ARRAY_SIZE(expected); i++) {
        assert_int_equal(nvr_store_write(f->store, job_delete_two, NULL, (void *)(uintptr_t) "a"),
                         0);
        assert_int_equal(nvr_store_flush(f->store, 5000), 0);
        assert_int_equal(deleted, expected[i]);
    }
    assert_int_equal(totals(f, "a").segments, 1); /* newer than what is meant */
    assert_int_equal(totals(f, "b").segments, 1);
}

static int job_delete_camera(struct nvr_db *db, void *arg)
{
    return NVR_MIN(nvr_recordings_delete_some(db, arg, INT64_MAX, 1000), 0);
}

static void test_totals(void **state)
{
    struct fixture *f = *state;
    struct nvr_recording repaired = make("a", T0 + 20000, 4000);
    struct nvr_recordings_totals t;
    int64_t start;

    for (int i = 0; i < 3; i++)
        add(f, "a", T0 + i * 10000, 10000);
    add(f, "b", T0, 10000);
    t = totals(f, "a");
    assert_int_equal(t.bytes, 3000);
    assert_int_equal(t.segments, 3);
    assert_int_equal(t.first_ms, T0);
    assert_int_equal(t.last_ms, T0 + 30000);
    repaired.file_size = 400;
    assert_int_equal(nvr_store_write(f->store, job_upsert, NULL, &repaired), 0);
    assert_int_equal(nvr_store_flush(f->store, 5000), 0);
    t = totals(f, "a");
    assert_int_equal(t.bytes, 2400);
    assert_int_equal(t.segments, 3);
    assert_int_equal(t.last_ms, T0 + 24000);
    start = T0;
    assert_int_equal(nvr_store_write(f->store, job_delete, NULL, &start), 0);
    assert_int_equal(nvr_store_flush(f->store, 5000), 0);
    t = totals(f, "a");
    assert_int_equal(t.bytes, 1400);
    assert_int_equal(t.first_ms, T0 + 10000);
    start = T0 + 20000;
    assert_int_equal(nvr_store_write(f->store, job_delete, NULL, &start), 0);
    assert_int_equal(nvr_store_flush(f->store, 5000), 0);
    assert_int_equal(totals(f, "a").last_ms, T0 + 20000);
    assert_int_equal(nvr_store_write(f->store, job_delete_camera, NULL, (void *)(uintptr_t) "a"),
                     0);
    assert_int_equal(nvr_store_flush(f->store, 5000), 0);
    assert_int_equal(totals(f, "a").segments, 0);
    assert_int_equal(totals(f, "b").segments, 1);
}

static void test_bad_recordings(void **state)
{
    struct fixture *f = *state;
    struct nvr_recording bad[4] = {make("a", T0, 10000), make("a", T0, -1), make("A b", T0, 1),
                                   make("a", T0, NVR_RECORDING_SPAN_MAX_MS + 1)};

    memcpy(bad[0].checksum, "xyz", 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(nvr_store_write(f->store, job_upsert, NULL, &bad[i]), 0);
        assert_int_equal(nvr_store_flush(f->store, 5000), -EINVAL);
    }
    assert_int_equal(totals(f, "a").segments, 0);
}

static void test_pack(void **state)
{
    struct nvr_recording in = {.keys_count = NVR_RECORDING_KEYS_MAX}, out = {0};
    uint8_t packed[NVR_PACK_KEYS_MAX];
    size_t size;

    (void)state;
    for (uint32_t i = 0; i < NVR_RECORDING_KEYS_MAX; i++) {
        in.keys[i].ms = i * 40;
        in.keys[i].offset = i * 8000000u;
    }
    size = nvr_pack_keys(&in, packed);
    nvr_unpack_keys(packed, size, &out);
    assert_int_equal(out.keys_count, in.keys_count);
    assert_memory_equal(in.keys, out.keys, sizeof(in.keys));
    nvr_unpack_keys(packed, size - 1, &out);
    assert_int_equal(out.keys_count, in.keys_count - 1);
    memset(packed, 0xff, 16);
    nvr_unpack_keys(packed, 16, &out);
    assert_int_equal(out.keys_count, 0);
}

/* Cameras */

static int job_camera(struct nvr_db *db, void *arg)
{
    return nvr_cameras_upsert(db, arg);
}

static int job_status(struct nvr_db *db, void *arg)
{
    const int64_t t = *(const int64_t *)arg;
    int r = nvr_camera_log_status(db, "a", "starting", NULL, t);

    if (r == 0)
        r = nvr_camera_log_status(db, "a", "online", NULL, t + 1000);
    return r == 0 ? nvr_camera_log_status(db, "a", "offline", "no route", t + 5000) : r;
}

static int job_trim(struct nvr_db *db, void *arg)
{
    const int r = nvr_camera_log_trim_all(db, *(const int64_t *)arg + 1001);

    return r < 0 ? r : nvr_store_optimize(db);
}

static int job_camera_delete(struct nvr_db *db, void *arg)
{
    return nvr_cameras_delete(db, arg);
}

struct periods {
    struct nvr_camera_period items[8];
    size_t count;
};

static int see_period(const struct nvr_camera_period *period, void *arg)
{
    struct periods *periods = arg;

    periods->items[periods->count++] = *period;
    return 0;
}

static int see_camera(const struct nvr_camera_row *row, void *arg)
{
    assert_string_equal(row->id, "a");
    assert_string_equal(row->status, "online");
    assert_string_equal(row->stats, "{\"x\":1}");
    assert_int_equal(row->created_ms, T0);
    assert_true(row->stopped);
    (*(int *)arg)++;
    return 0;
}

static void test_cameras(void **state)
{
    struct fixture *f = *state;
    struct nvr_camera_row row = {.id = "a",
                                 .status = "online",
                                 .stats = "{\"x\":1}",
                                 .stopped = true,
                                 .created_ms = T0,
                                 .updated_ms = T0};
    struct periods periods = {0};
    struct nvr_db *db;
    int64_t t = T0;
    int count = 0;

    assert_int_equal(nvr_store_write(f->store, job_camera, NULL, &row), 0);
    assert_int_equal(nvr_store_flush(f->store, 5000), 0);
    row.created_ms = T0 + 1; /* kept from the first time */
    assert_int_equal(nvr_store_write(f->store, job_camera, NULL, &row), 0);
    assert_int_equal(nvr_store_write(f->store, job_status, NULL, &t), 0);
    assert_int_equal(nvr_store_flush(f->store, 5000), 0);
    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_int_equal(nvr_cameras_each(db, see_camera, &count), 0);
    assert_int_equal(count, 1);
    assert_int_equal(nvr_camera_log_each(db, "a", 0, INT64_MAX, 10, see_period, &periods), 0);
    assert_int_equal(periods.count, 3);
    assert_string_equal(periods.items[0].status, "offline");
    assert_string_equal(periods.items[0].error, "no route");
    assert_int_equal(periods.items[0].end_ms, 0);
    assert_int_equal(periods.items[1].start_ms, T0 + 1000);
    assert_int_equal(periods.items[1].end_ms, T0 + 5000);
    periods.count = 0;
    assert_int_equal(nvr_camera_log_each(db, "a", T0, T0 + 500, 10, see_period, &periods), 0);
    assert_int_equal(periods.count, 1);
    nvr_store_read_end(f->store, db);
    /* what ended before T0 + 1000 is forgotten, what still goes on is not */
    assert_int_equal(nvr_store_write(f->store, job_trim, NULL, &t), 0);
    assert_int_equal(nvr_store_flush(f->store, 5000), 0);
    periods.count = 0;
    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_int_equal(nvr_camera_log_each(db, "a", 0, INT64_MAX, 10, see_period, &periods), 0);
    nvr_store_read_end(f->store, db);
    assert_int_equal(periods.count, 2);
    assert_int_equal(periods.items[1].start_ms, T0 + 1000);
    assert_int_equal(nvr_store_write(f->store, job_camera_delete, NULL, row.id), 0);
    assert_int_equal(nvr_store_flush(f->store, 5000), 0);
    periods.count = 0;
    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_int_equal(nvr_camera_log_each(db, "a", 0, INT64_MAX, 10, see_period, &periods), 0);
    nvr_store_read_end(f->store, db);
    assert_int_equal(periods.count, 0);
}

/* Plans: each step of a query must use an index; a camera list is the only whole read. */
static void check_plan(struct nvr_db *db, const char *sql)
{
    char *explain = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sql);
    sqlite3_stmt *s = NULL;

    assert_int_equal(sqlite3_prepare_v2(db->handle, explain, -1, &s, NULL), SQLITE_OK);
    while (sqlite3_step(s) == SQLITE_ROW) {
        const char *detail = (const char *)sqlite3_column_text(s, 3);

        if (strstr(detail, "SCAN") || strstr(detail, "TEMP B-TREE"))
            fail_msg("%s: %s", sql, detail);
    }
    sqlite3_finalize(s);
    sqlite3_free(explain);
}

static void test_plans(void **state)
{
    struct fixture *f = *state;
    struct nvr_db *db;

    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    for (size_t i = 0; nvr_recordings_queries[i]; i++)
        check_plan(db, nvr_recordings_queries[i]);
    for (size_t i = 0; nvr_cameras_queries[i]; i++)
        check_plan(db, nvr_cameras_queries[i]);
    for (size_t i = 0; nvr_retention_queries[i]; i++)
        check_plan(db, nvr_retention_queries[i]);
    for (size_t i = 0; nvr_tiers_queries[i]; i++)
        check_plan(db, nvr_tiers_queries[i]);
    for (size_t i = 0; nvr_locations_queries[i]; i++)
        check_plan(db, nvr_locations_queries[i]);
    for (size_t i = 0; nvr_removals_queries[i]; i++)
        check_plan(db, nvr_removals_queries[i]);
    for (size_t i = 0; nvr_evidence_queries[i]; i++)
        check_plan(db, nvr_evidence_queries[i]);
    for (size_t i = 0; nvr_jobs_queries[i]; i++)
        check_plan(db, nvr_jobs_queries[i]);
    for (size_t i = 0; nvr_causes_queries[i]; i++)
        check_plan(db, nvr_causes_queries[i]);
    for (size_t i = 0; nvr_triggers_queries[i]; i++)
        check_plan(db, nvr_triggers_queries[i]);
    nvr_store_read_end(f->store, db);
}

/* What a caller can act on keeps its meaning, extended codes too. */
static void test_errors_of_sqlite(void **state)
{
    static const struct {
        int rc, error;
    } table[] = {
        {SQLITE_OK, 0},
        {SQLITE_ROW, 0},
        {SQLITE_DONE, 0},
        {SQLITE_FULL, -ENOSPC},
        {SQLITE_IOERR, -EIO},
        {SQLITE_IOERR_READ, -EIO},
        {SQLITE_IOERR_NOMEM, -ENOMEM},
        {SQLITE_CORRUPT, -EUCLEAN},
        {SQLITE_CORRUPT_INDEX, -EUCLEAN},
        {SQLITE_NOTADB, -EUCLEAN},
        {SQLITE_BUSY, -EBUSY},
        {SQLITE_BUSY_SNAPSHOT, -EBUSY},
        {SQLITE_LOCKED, -EBUSY},
        {SQLITE_CONSTRAINT_UNIQUE, -EINVAL},
        {SQLITE_READONLY_DBMOVED, -EROFS},
        {SQLITE_NOMEM, -ENOMEM},
        {SQLITE_INTERRUPT, -ECANCELED},
        {SQLITE_TOOBIG, -EMSGSIZE},
        {SQLITE_PERM, -EACCES},
        {SQLITE_CANTOPEN, -EACCES},
        {SQLITE_MISUSE, -EIO},
    };

    (void)state;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(table); i++)
        assert_int_equal(nvr_db_error(NULL, table[i].rc), table[i].error);
}

static void test_open_tells_why_not(void **state)
{
    struct nvr_db *db = NULL;
    int64_t value = 0;

    (void)state;
    assert_int_equal(nvr_db_open("/nowhere/at/all.db", NVR_DB_WRITER, &db), -ENOENT);
    assert_int_equal(nvr_db_open(":memory:", NVR_DB_WRITER, &db), 0);
    assert_int_equal(nvr_db_query_int(db, "SELECT 7", &value), 0);
    assert_int_equal(value, 7);
    assert_int_equal(nvr_db_query_int(db, "SELECT 7 WHERE 0", &value), -ENOENT);
    assert_int_equal(nvr_db_query_int(db, "SELEKT", &value), -EIO);
    assert_int_equal(nvr_db_exec(db, "CREATE TABLE t (a UNIQUE); INSERT INTO t VALUES (1),(1)"),
                     -EINVAL);
    nvr_db_close(db);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_recording_round_trip),
        CASE(test_recording_id),
        CASE(test_find_and_ranges),
        CASE(test_each_and_spans),
        CASE(test_list_pages),
        CASE(test_totals),
        CASE(test_a_camera_goes_in_steps),
        CASE(test_bad_recordings),
        CASE(test_pack),
        CASE(test_cameras),
        CASE(test_plans),
        cmocka_unit_test(test_errors_of_sqlite),
        cmocka_unit_test(test_open_tells_why_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
