/* lib/store/history: rows of files and causes put together are wall time, exactly. */
#include "lib/store/causes.h"
#include "lib/store/history.h"
#include "tests/unit/store-fixture.h"

struct cause_task {
    int64_t start_ms, end_ms;
    enum nvr_cause cause;
    bool inside;
};

static int run_cause(struct nvr_db *db, void *arg)
{
    const struct cause_task *task = arg;

    if (!task->end_ms)
        return nvr_causes_change(db, "door", (int)task->cause, "why", task->start_ms);
    if (task->inside)
        return nvr_causes_add_inside(db, "door", task->start_ms, task->end_ms, task->cause, "why");
    return nvr_causes_add(db, "door", task->start_ms, task->end_ms, task->cause, "why");
}

static void put_cause(struct fixture *f, enum nvr_cause cause, int64_t start_ms, int64_t end_ms)
{
    struct cause_task task = {start_ms, end_ms, cause, false};

    assert_int_equal(nvr_store_write(f->store, run_cause, NULL, &task), 0);
    assert_int_equal(nvr_store_flush(f->store, 5000), 0);
}

static struct nvr_history read_span(struct fixture *f, int64_t start_ms, int64_t end_ms,
                                    const struct nvr_recording_view *now)
{
    struct nvr_history history;
    struct nvr_db *db;

    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_int_equal(nvr_history_read(db, "door", start_ms, end_ms, now, &history), 0);
    nvr_store_read_end(f->store, db);
    assert_int_equal(nvr_ranges_total_ms(&history.recorded) + nvr_gaps_total_ms(&history.gaps),
                     history.end_ms - history.start_ms);
    return history;
}

static void expect_gap(const struct nvr_history *history, size_t i, int64_t start_ms,
                       int64_t end_ms, enum nvr_cause cause)
{
    assert_true(i < history->gaps.count);
    assert_int_equal(history->gaps.items[i].start_ms, start_ms);
    assert_int_equal(history->gaps.items[i].end_ms, end_ms);
    assert_int_equal(history->gaps.items[i].cause, cause);
}

static void nothing_known(void **state)
{
    struct nvr_history history = read_span(*state, T0, T0 + 1000, NULL);

    assert_int_equal(history.known_from_ms, 0);
    assert_int_equal(history.end_ms, history.start_ms);
    assert_int_equal(history.gaps.count, 0);
    nvr_history_done(&history);
}

static void known_from_the_first_to_the_last(void **state)
{
    struct fixture *f = *state;
    const struct nvr_recording_view now = {.file_start_ms = T0 + 60000,
                                           .file_end_ms = T0 + 65000,
                                           .known_until_ms = T0 + 65000,
                                           .cause = -1,
                                           .since_ms = T0 + 60000};
    struct nvr_history history;

    put_cause(f, NVR_CAUSE_SYSTEM, T0 - 500, T0);
    add(f, "door", T0, 10000);
    add(f, "door", T0 + 10400, 9600); /* a hole that is none */
    put_cause(f, NVR_CAUSE_NETWORK, T0 + 30000, 0);
    history = read_span(f, T0 - 100000, T0 + 100000, &now);
    assert_int_equal(history.known_from_ms, T0 - 500);
    assert_int_equal(history.start_ms, T0 - 500);
    assert_int_equal(history.end_ms, T0 + 65000);
    assert_int_equal(history.rows.count, 1);
    assert_int_equal(history.recorded.count, 2);
    assert_int_equal(history.segments, 2);
    assert_int_equal(history.gaps.count, 2);
    expect_gap(&history, 0, T0 - 500, T0, NVR_CAUSE_SYSTEM);
    /* the table's open period ends where recording goes on */
    expect_gap(&history, 1, T0 + 20000, T0 + 60000, NVR_CAUSE_NETWORK);
    assert_string_equal(nvr_history_detail(&history, &history.gaps.items[1]), "why");
    nvr_history_done(&history);
}

/* The camera was silent while its file stayed open, once in a finished one, once in the newest. */
static void a_silence_inside_of_a_file_is_a_gap(void **state)
{
    struct fixture *f = *state;
    const struct nvr_recording_view now = {.file_start_ms = T0 + 20000,
                                           .file_end_ms = T0 + 30000,
                                           .known_until_ms = T0 + 30000,
                                           .cause = -1,
                                           .since_ms = T0};
    struct cause_task first = {T0 + 4000, T0 + 7000, NVR_CAUSE_NETWORK, true};
    struct cause_task second = {T0 + 24000, T0 + 26000, NVR_CAUSE_NETWORK, true};
    struct nvr_history history;

    add(f, "door", T0, 10000);
    add(f, "door", T0 + 10000, 10000);
    put_cause(f, NVR_CAUSE_OVERLOAD, T0 + 12000, T0 + 13000); /* what is recorded wins over it */
    assert_int_equal(nvr_store_write(f->store, run_cause, NULL, &first), 0);
    assert_int_equal(nvr_store_write(f->store, run_cause, NULL, &first), 0); /* told again */
    assert_int_equal(nvr_store_write(f->store, run_cause, NULL, &second), 0);
    assert_int_equal(nvr_store_flush(f->store, 5000), 0);
    history = read_span(f, T0, T0 + 100000, &now);
    assert_int_equal(history.gaps.count, 2);
    expect_gap(&history, 0, T0 + 4000, T0 + 7000, NVR_CAUSE_NETWORK);
    expect_gap(&history, 1, T0 + 24000, T0 + 26000, NVR_CAUSE_NETWORK);
    assert_int_equal(history.rows.count, 2);
    assert_int_equal(history.rows.items[0].end_ms, T0 + 4000);
    assert_int_equal(nvr_ranges_total_ms(&history.recorded), 25000);
    nvr_history_done(&history);
}

/* What is the matter now counts before the writer has it. */
static void now_is_known_better_than_the_table(void **state)
{
    struct fixture *f = *state;
    const struct nvr_recording_view now = {.known_until_ms = T0 + 50000,
                                           .cause = NVR_CAUSE_DISK,
                                           .since_ms = T0 + 30000,
                                           .detail = "full"};
    struct nvr_history history;

    add(f, "door", T0, 10000);
    put_cause(f, NVR_CAUSE_NETWORK, T0 + 10000, 0);
    history = read_span(f, T0, T0 + 100000, &now);
    assert_int_equal(history.end_ms, T0 + 50000);
    assert_int_equal(history.gaps.count, 2);
    expect_gap(&history, 0, T0 + 10000, T0 + 30000, NVR_CAUSE_NETWORK);
    expect_gap(&history, 1, T0 + 30000, T0 + 50000, NVR_CAUSE_DISK);
    assert_string_equal(nvr_history_detail(&history, &history.gaps.items[1]), "full");
    nvr_history_done(&history);
}

static void edges_of_the_span(void **state)
{
    struct fixture *f = *state;
    const struct nvr_recording_view now = {.known_until_ms = INT64_MAX / 8, .cause = -1};
    struct nvr_history history;

    add(f, "door", T0, 10000);
    add(f, "door", T0 + 11000, 10000);
    /* inside of a hole that is closed */
    history = read_span(f, T0 + 10200, T0 + 10800, &now);
    assert_int_equal(history.gaps.count, 0);
    assert_int_equal(nvr_ranges_total_ms(&history.recorded), 600);
    assert_int_equal(history.segments, 0);
    nvr_history_done(&history);
    history = read_span(f, T0 + 500000, INT64_MAX, &now);
    assert_int_equal(history.gaps.count, 1);
    nvr_history_done(&history);
}

/* Random files and causes; cut anywhere, the parts add up to the whole. */
static void parts_add_up(void **state)
{
    struct fixture *f = *state;
    const struct nvr_recording_view now = {.known_until_ms = T0 + 1000000, .cause = -1};
    int64_t at = T0;

    srand(7);
    for (int i = 0; i < 60; i++) {
        const int64_t length = 1 + rand() % 20000;

        add(f, "door", at, length);
        at += length + (rand() % 3 ? rand() % 3000 : 0);
        if (rand() % 4 == 0)
            put_cause(f, (enum nvr_cause)(rand() % NVR_CAUSES_COUNT), at - rand() % 20000,
                      at + 1 + rand() % 5000);
    }
    for (int i = 0; i < 300; i++) {
        const int64_t a = T0 + rand() % 600000;
        const int64_t c = a + 1 + rand() % 300000;
        const int64_t b = a + rand() % (c - a);
        struct nvr_history whole = read_span(f, a, c, &now);
        struct nvr_history first = read_span(f, a, b, &now);
        struct nvr_history second = read_span(f, b, c, &now);

        assert_int_equal(nvr_ranges_total_ms(&whole.recorded),
                         nvr_ranges_total_ms(&first.recorded) +
                             nvr_ranges_total_ms(&second.recorded));
        assert_int_equal(nvr_gaps_total_ms(&whole.gaps),
                         nvr_gaps_total_ms(&first.gaps) + nvr_gaps_total_ms(&second.gaps));
        nvr_history_done(&whole);
        nvr_history_done(&first);
        nvr_history_done(&second);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(nothing_known),
        T(known_from_the_first_to_the_last),
        T(a_silence_inside_of_a_file_is_a_gap),
        T(now_is_known_better_than_the_table),
        T(edges_of_the_span),
        T(parts_add_up),
    };

    return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
