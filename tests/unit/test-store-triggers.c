/* lib/store/triggers: what asks for recordings, and the marks on segments. */
#include "store-fixture.h"

#include "lib/store/triggers.h"

#define PRE_MS 5000
#define POST_MS 7000

static struct nvr_trigger trigger(int64_t id, enum nvr_trigger_kind kind, int64_t start_ms,
                                  int64_t end_ms)
{
    struct nvr_trigger t = {.id = id, .start_ms = start_ms, .end_ms = end_ms, .kind = kind};

    (void)snprintf(t.camera_id, sizeof(t.camera_id), "cam");
    (void)snprintf(t.label, sizeof(t.label), "dog");
    return t;
}

static int job_put(struct nvr_db *db, void *arg)
{
    const struct nvr_trigger *t = arg;
    const int r = nvr_triggers_put(db, t);

    return r < 0 ? r : nvr_triggers_mark(db, t->camera_id, t->start_ms, t->end_ms, PRE_MS, POST_MS);
}

static int put(struct fixture *f, int64_t id, enum nvr_trigger_kind kind, int64_t start_ms,
               int64_t end_ms)
{
    struct nvr_trigger t = trigger(id, kind, start_ms, end_ms);

    assert_int_equal(nvr_store_write(f->store, job_put, NULL, &t), 0);
    return nvr_store_flush(f->store, 5000);
}

static int job_segment(struct nvr_db *db, void *arg)
{
    const struct nvr_recording *r = arg;
    const int e = nvr_recordings_upsert(db, r);

    return e < 0 ? e : nvr_triggers_mark(db, r->camera_id, r->start_ms, r->end_ms, PRE_MS, POST_MS);
}

static void add_marked(struct fixture *f, int64_t start_ms)
{
    struct nvr_recording r = make("cam", start_ms, 10000);

    assert_int_equal(nvr_store_write(f->store, job_segment, NULL, &r), 0);
    assert_int_equal(nvr_store_flush(f->store, 5000), 0);
}

/* The rank follows. */
static void assert_marks(struct fixture *f, int64_t start_ms, bool motion, bool events, int count)
{
    NVR_AUTO_STATEMENT s = NULL;
    struct nvr_db *db;

    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_int_equal(nvr_db_prepare(db,
                                    "SELECT motion, has_events, event_count, rank FROM recordings "
                                    "WHERE camera_id = 'cam' AND start_ms = ?",
                                    &s),
                     0);
    nvr_bind_int(s, 1, start_ms);
    assert_int_equal(nvr_db_step(db, s), 1);
    assert_int_equal(sqlite3_column_int(s, 0), motion);
    assert_int_equal(sqlite3_column_int(s, 1), events);
    assert_int_equal(sqlite3_column_int(s, 2), count);
    assert_int_equal(sqlite3_column_int(s, 3), events ? 2 : motion ? 1 : 0);
    nvr_statement_release(NVR_TAKE(s));
    nvr_store_read_end(f->store, db);
}

static void a_trigger_marks_what_is_stored(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 5; i++)
        add_marked(f, T0 + i * 10000);
    assert_int_equal(put(f, 1, NVR_TRIGGER_MOTION, T0 + 16000, T0 + 16000), 0);
    assert_marks(f, T0, false, false, 0); /* ends 6 s before: 5 s are pre-roll */
    assert_marks(f, T0 + 10000, true, false, 0);
    assert_marks(f, T0 + 20000, true, false, 0); /* post-roll */
    assert_marks(f, T0 + 30000, false, false, 0);
    assert_int_equal(put(f, 2, NVR_TRIGGER_EVENT, T0 + 12000, T0 + 12000), 0);
    assert_int_equal(put(f, 3, NVR_TRIGGER_EVENT, T0 + 19000, T0 + 22000), 0);
    assert_marks(f, T0, false, true, 0); /* pre-roll is kept with the event, but is none */
    assert_marks(f, T0 + 10000, true, true, 2);
    assert_marks(f, T0 + 20000, true, true, 1);
    assert_marks(f, T0 + 30000, false, false, 0);
    /* It lasts longer than it was thought. */
    assert_int_equal(put(f, 3, NVR_TRIGGER_EVENT, T0 + 19000, T0 + 31000), 0);
    assert_marks(f, T0 + 20000, true, true, 1);
    assert_marks(f, T0 + 30000, false, true, 1);
    assert_marks(f, T0 + 40000, false, false, 0);
    assert_int_equal(put(f, 4, NVR_TRIGGER_MANUAL, T0 + 40000, T0 + 45000), 0);
    assert_marks(f, T0 + 40000, false, false, 0);
}

static void a_segment_is_marked_when_it_is_stored(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(put(f, 1, NVR_TRIGGER_EVENT, T0 + 2000, T0 + 3000), 0);
    assert_int_equal(put(f, 2, NVR_TRIGGER_MOTION, T0 - 4000, T0 - 4000), 0);
    add_marked(f, T0);
    assert_marks(f, T0, true, true, 1);
    add_marked(f, T0); /* repaired: the row is written anew */
    assert_marks(f, T0, true, true, 1);
    add_marked(f, T0 + 20000);
    assert_marks(f, T0 + 20000, false, false, 0);
}

static int count_one(const struct nvr_trigger *t, void *arg)
{
    int *count = arg;

    assert_string_equal(t->camera_id, "cam");
    assert_string_equal(t->label, "dog");
    (*count)++;
    return 0;
}

static int job_delete(struct nvr_db *db, void *arg)
{
    (void)arg;
    return nvr_triggers_delete(db, "cam", T0 + 2000);
}

static void triggers_are_read_back(void **state)
{
    struct fixture *f = *state;
    struct nvr_db *db;
    int64_t last = -1;
    int count = 0;

    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_int_equal(nvr_triggers_last_id(db, &last), 0);
    nvr_store_read_end(f->store, db);
    assert_int_equal(last, 0);
    assert_int_equal(put(f, 7, NVR_TRIGGER_MANUAL, T0, T0 + 86400000), 0);
    assert_int_equal(put(f, 9, NVR_TRIGGER_EVENT, T0 + 5000, T0 + 5000), 0);
    assert_int_equal(put(f, 10, NVR_TRIGGER_EVENT, T0, T0 + 86400001), -EINVAL);
    assert_int_equal(put(f, 10, NVR_TRIGGER_EVENT, T0, T0 - 1), -EINVAL);
    assert_int_equal(put(f, 0, NVR_TRIGGER_EVENT, T0, T0), -EINVAL);
    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_int_equal(nvr_triggers_last_id(db, &last), 0);
    assert_int_equal(last, 9);
    assert_int_equal(nvr_triggers_each(db, "cam", T0 + 5000, T0 + 5001, count_one, &count), 0);
    assert_int_equal(count, 2);
    assert_int_equal(nvr_triggers_each(db, "cam", T0 + 5001, T0 + 6000, count_one, &count), 0);
    assert_int_equal(count, 3);
    assert_int_equal(nvr_triggers_each(db, "other", T0, T0 + 6000, count_one, &count), 0);
    assert_int_equal(count, 3);
    nvr_store_read_end(f->store, db);
    assert_int_equal(nvr_store_write(f->store, job_delete, NULL, NULL), 0);
    assert_int_equal(nvr_store_flush(f->store, 5000), 0);
    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_int_equal(nvr_triggers_each(db, "cam", T0, T0 + 6000, count_one, &count), 0);
    assert_int_equal(count, 4);
    nvr_store_read_end(f->store, db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_trigger_marks_what_is_stored, setup, teardown),
        cmocka_unit_test_setup_teardown(a_segment_is_marked_when_it_is_stored, setup, teardown),
        cmocka_unit_test_setup_teardown(triggers_are_read_back, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
