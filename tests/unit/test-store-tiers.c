/* Store: what moves on to another place, and the rows that did. */
#include "lib/store/tiers.h"
#include "tests/unit/store-fixture.h"

#define WARM 5

struct seen {
    struct nvr_tier_segment items[16];
    size_t count;
};

static int see(const struct nvr_tier_segment *segment, void *arg)
{
    struct seen *seen = arg;

    assert_true(seen->count < NVR_ARRAY_SIZE(seen->items));
    seen->items[seen->count++] = *segment;
    return 0;
}

static struct seen due(struct fixture *f, enum nvr_tier tier, int64_t before_ms, unsigned limit)
{
    struct seen seen = {.count = 0};
    struct nvr_db *db;

    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_int_equal(nvr_tiers_due(db, tier, NVR_RANK_NOTHING, before_ms, limit, see, &seen), 0);
    nvr_store_read_end(f->store, db);
    return seen;
}

struct moving {
    const struct nvr_tier_segment *segment;
    int64_t to;
    int result;
};

static int job_move(struct nvr_db *db, void *arg)
{
    struct moving *moving = arg;

    moving->result = nvr_tiers_move(db, moving->segment, NVR_TIER_WARM, moving->to);
    return 0;
}

static int move(struct fixture *f, const struct nvr_tier_segment *segment)
{
    struct moving moving = {.segment = segment, .to = WARM};

    assert_int_equal(nvr_store_write(f->store, job_move, NULL, &moving), 0);
    assert_int_equal(nvr_store_flush(f->store, 5000), 0);
    return moving.result;
}

static void the_oldest_are_due_first(void **state)
{
    struct fixture *f = *state;
    struct nvr_db *db;
    struct seen seen;
    int64_t count;

    for (int i = 0; i < 4; i++)
        add(f, i % 2 ? "front" : "back", T0 + (3 - i) * 10000, 10000);
    seen = due(f, NVR_TIER_HOT, T0 + 30000, 10);
    assert_int_equal(seen.count, 3);
    for (size_t i = 0; i < seen.count; i++)
        assert_true(seen.items[i].start_ms == T0 + (int64_t)i * 10000);
    assert_int_equal(strlen(seen.items[0].checksum), 64);
    assert_int_equal(due(f, NVR_TIER_HOT, T0 + 30000, 2).count, 2);
    assert_int_equal(due(f, NVR_TIER_WARM, INT64_MAX, 10).count, 0);
    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_int_equal(nvr_tiers_count(db, NVR_TIER_HOT, T0 + 30000, &count), 0);
    assert_int_equal(count, 3);
    seen.count = 0;
    assert_int_equal(nvr_tiers_newest(db, NVR_TIER_HOT, NVR_RANK_NOTHING, 1, see, &seen), 0);
    nvr_store_read_end(f->store, db);
    assert_true(seen.count == 1 && seen.items[0].start_ms == T0 + 30000);
}

static void a_row_moves_once(void **state)
{
    struct fixture *f = *state;
    struct nvr_recording *row = malloc(sizeof(*row));
    struct nvr_tier_segment segment;
    struct nvr_db *db;

    add(f, "front", T0, 10000);
    segment = due(f, NVR_TIER_HOT, INT64_MAX, 1).items[0];
    assert_int_equal(move(f, &segment), 1);
    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_int_equal(nvr_recordings_get(db, "front", T0, row), 0);
    nvr_store_read_end(f->store, db);
    assert_string_equal(row->tier, "warm");
    assert_int_equal(row->location, WARM);
    free(row);
    /* The copy of an old plan is the row's own file: whoever asks must not remove it. */
    assert_int_equal(move(f, &segment), -EEXIST);
    segment = due(f, NVR_TIER_WARM, INT64_MAX, 1).items[0];
    assert_int_equal(segment.location, WARM);
}

static int job_delete(struct nvr_db *db, void *arg)
{
    (void)arg;
    return nvr_recordings_delete(db, "front", T0);
}

static void other_bytes_do_not_move(void **state)
{
    struct fixture *f = *state;
    struct nvr_tier_segment segment, changed;

    add(f, "front", T0, 10000);
    segment = changed = due(f, NVR_TIER_HOT, INT64_MAX, 1).items[0];
    changed.checksum[0] = 'b';
    assert_int_equal(move(f, &changed), 0);
    assert_int_equal(nvr_store_write(f->store, job_delete, NULL, NULL), 0);
    assert_int_equal(nvr_store_flush(f->store, 5000), 0);
    assert_int_equal(move(f, &segment), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_oldest_are_due_first, setup, teardown),
        cmocka_unit_test_setup_teardown(a_row_moves_once, setup, teardown),
        cmocka_unit_test_setup_teardown(other_bytes_do_not_move, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
