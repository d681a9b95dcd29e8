/* Store: group commit, failures, opening, migrations, a killed writer. */
#include "tests/unit/store-fixture.h"

struct counted {
    int runs, result, last;
};

static int job_count(struct nvr_db *db, void *arg)
{
    struct counted *c = arg;

    (void)db;
    c->runs++;
    return c->result;
}

static void done_count(int result, void *arg)
{
    ((struct counted *)arg)->last = result;
}

/* Adds a row, then fails: the row must not be there. */
static int job_half(struct nvr_db *db, void *arg)
{
    const int r = nvr_recordings_upsert(db, arg);

    return r < 0 ? r : -ECANCELED;
}

static void test_job_that_fails_is_undone_alone(void **state)
{
    struct fixture *f = *state;
    struct nvr_recording good = make("a", T0, 1000), bad = make("a", T0 + 1000, 1000);
    struct counted c = {.last = 1};
    struct nvr_store_stats stats;

    assert_int_equal(nvr_store_write(f->store, job_upsert, NULL, &good), 0);
    assert_int_equal(nvr_store_write(f->store, job_half, NULL, &bad), 0);
    assert_int_equal(nvr_store_write(f->store, job_count, done_count, &c), 0);
    assert_int_equal(nvr_store_flush(f->store, 5000), -ECANCELED);
    assert_int_equal(c.runs, 1);
    assert_int_equal(c.last, 0);
    assert_int_equal(totals(f, "a").segments, 1);
    nvr_store_get_stats(f->store, &stats);
    assert_int_equal(stats.jobs, 3);
    assert_int_equal(stats.failed, 1);
    assert_int_equal(stats.queue_depth, 0);
}

static void test_alone_waits_not_long(void **state)
{
    struct fixture *f = *state;
    struct nvr_store_stats stats = {0};
    struct counted c = {0};
    const int64_t start = nvr_clock_mono_ms();

    assert_int_equal(nvr_store_write(f->store, job_count, done_count, &c), 0);
    while (stats.jobs == 0 && nvr_clock_mono_ms() < start + 5000) {
        const struct timespec pause = {.tv_nsec = 5000000};

        nanosleep(&pause, NULL);
        nvr_store_get_stats(f->store, &stats);
    }
    assert_int_equal(stats.jobs, 1);
    assert_true(nvr_clock_mono_ms() - start >= NVR_STORE_COMMIT_MS - 10);
}

static void test_close_commits_the_queue(void **state)
{
    struct fixture *f = *state;
    static struct nvr_recording rows[50];

    for (int i = 0; i < 50; i++) {
        rows[i] = make("a", T0 + i * 1000, 1000);
        assert_int_equal(nvr_store_write(f->store, job_upsert, NULL, &rows[i]), 0);
    }
    nvr_store_close(f->store);
    assert_int_equal(nvr_store_open(f->path, &f->store), 0);
    assert_int_equal(totals(f, "a").segments, 50);
}

static int job_wait(struct nvr_db *db, void *arg)
{
    char c;

    (void)db;
    return read(*(const int *)arg, &c, 1) == 1 ? 0 : -EIO;
}

static void test_queue_is_bounded(void **state)
{
    struct fixture *f = *state;
    struct counted c = {0};
    int gate[2], r = 0, queued = 0;

    assert_int_equal(pipe(gate), 0);
    assert_int_equal(nvr_store_write(f->store, job_wait, NULL, &gate[0]), 0);
    while (r == 0 && queued <= NVR_STORE_QUEUE_MAX) {
        r = nvr_store_write(f->store, job_count, NULL, &c);
        queued += r == 0;
    }
    assert_int_equal(r, -ENOBUFS);
    assert_int_equal(queued, NVR_STORE_QUEUE_MAX - 1);
    assert_int_equal(nvr_store_flush(f->store, 1), -ETIMEDOUT);
    assert_int_equal(write(gate[1], "x", 1), 1);
    assert_int_equal(nvr_store_flush(f->store, 30000), 0);
    assert_int_equal(c.runs, queued);
    close(gate[0]);
    close(gate[1]);
}

static int job_limit(struct nvr_db *db, void *arg)
{
    int64_t pages = 0;
    char sql[64];
    int r = nvr_db_query_int(db, "PRAGMA page_count", &pages);

    pages += *(const int *)arg;
    (void)snprintf(sql, sizeof(sql), "PRAGMA max_page_count=%lld", (long long)pages);
    return r < 0 ? r : nvr_db_query_int(db, sql, &pages);
}

static void test_full_disk(void **state)
{
    struct fixture *f = *state;
    static struct nvr_recording rows[2000];
    int none = 0, many = 1000000, r;
    struct nvr_store_stats stats;

    assert_int_equal(nvr_store_write(f->store, job_limit, NULL, &none), 0);
    assert_int_equal(nvr_store_flush(f->store, 5000), 0);
    for (int i = 0; i < 2000; i++) {
        rows[i] = make("a", T0 + i * 1000, 1000);
        assert_int_equal(nvr_store_write(f->store, job_upsert, NULL, &rows[i]), 0);
    }
    r = nvr_store_flush(f->store, 10000);
    assert_int_equal(r, -ENOSPC);
    nvr_store_get_stats(f->store, &stats);
    assert_true(stats.failed > 0);
    /* There is room again: the writer goes on. */
    assert_int_equal(nvr_store_write(f->store, job_limit, NULL, &many), 0);
    assert_int_equal(nvr_store_flush(f->store, 5000), 0);
    for (int i = 0; i < 2000; i++)
        assert_int_equal(nvr_store_write(f->store, job_upsert, NULL, &rows[i]), 0);
    assert_int_equal(nvr_store_flush(f->store, 10000), 0);
    assert_int_equal(totals(f, "a").segments, 2000);
}

static void test_readers_are_bounded_and_reused(void **state)
{
    struct fixture *f = *state;
    struct nvr_db *db[NVR_STORE_READERS_MAX], *again;

    for (size_t i = 0; i < NVR_STORE_READERS_MAX; i++)
        assert_int_equal(nvr_store_read_begin(f->store, &db[i]), 0);
    nvr_store_read_end(f->store, db[3]);
    assert_int_equal(nvr_store_read_begin(f->store, &again), 0);
    assert_ptr_equal(again, db[3]);
    for (size_t i = 0; i < NVR_STORE_READERS_MAX; i++)
        nvr_store_read_end(f->store, db[i]);
}

static int see_nothing(const struct nvr_recording *row, void *arg)
{
    (void)row;
    (void)arg;
    return 0;
}

static void test_reader_sees_one_moment(void **state)
{
    struct fixture *f = *state;
    struct nvr_recordings_totals t;
    struct nvr_db *db;

    add(f, "a", T0, 1000);
    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_int_equal(nvr_recordings_each(db, "a", 0, INT64_MAX, false, see_nothing, NULL), 0);
    add(f, "a", T0 + 1000, 1000);
    assert_int_equal(nvr_recordings_totals(db, "a", &t), 0);
    assert_int_equal(t.segments, 1);
    nvr_store_read_end(f->store, db);
    assert_int_equal(totals(f, "a").segments, 2);
}

/* Opening */

static void test_second_program_is_refused(void **state)
{
    struct fixture *f = *state;
    struct nvr_store *second = NULL;

    assert_int_equal(nvr_store_open(f->path, &second), -EBUSY);
    assert_null(second);
}

static void overwrite(const char *path, long offset, const char *text)
{
    FILE *file = fopen(path, "r+b");

    assert_non_null(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void test_damaged_is_refused(void **state)
{
    struct fixture *f = *state;

    nvr_store_close(f->store);
    f->store = NULL;
    overwrite(f->path, 0, "this is not a database, it is a text");
    assert_int_equal(nvr_store_open(f->path, &f->store), -EUCLEAN);
    assert_int_equal(truncate(f->path, 0), 0);
    assert_int_equal(nvr_store_open(f->path, &f->store), 0);
    nvr_store_close(f->store);
    f->store = NULL;
    overwrite(f->path, 100, "rubbish in the head of the table of tables");
    assert_int_equal(nvr_store_open(f->path, &f->store), -EUCLEAN);
    f->store = NULL;
}

static void test_foreign_database_is_refused(void **state)
{
    struct fixture *f = *state;
    struct nvr_db *db;

    nvr_store_close(f->store);
    f->store = NULL;
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(nvr_db_open(f->path, NVR_DB_WRITER, &db), 0);
    assert_int_equal(nvr_db_exec(db, "CREATE TABLE x (a)"), 0);
    nvr_db_close(db);
    assert_int_equal(nvr_store_open(f->path, &f->store), -ENOTSUP);
    f->store = NULL;
}

/* Migrations */

static const struct nvr_migration steps[] = {
    {1, "one", "c1", "CREATE TABLE one (a INTEGER) STRICT; INSERT INTO one VALUES (1);"},
    {2, "two", "c2", "CREATE TABLE two (a INTEGER) STRICT;"},
    {3, "bad", "c3", "CREATE TABLE three (a INTEGER) STRICT; INSERT INTO nowhere VALUES (1);"},
};

static void test_migrations(void **state)
{
    struct fixture *f = *state;
    const struct nvr_migration other[] = {{1, "one", "changed", ""}};
    char path[128], copy[160];
    struct nvr_db *db;
    int64_t n = 0;

    (void)snprintf(path, sizeof(path), "%s/m.db", f->folder);
    assert_int_equal(nvr_db_open(path, NVR_DB_WRITER, &db), 0);
    assert_int_equal(nvr_db_migrate(db, path, steps, 1), 0);
    (void)snprintf(copy, sizeof(copy), "%s.before-0001", path);
    assert_int_equal(access(copy, F_OK), -1); /* there was nothing to copy */
    assert_int_equal(nvr_db_migrate(db, path, steps, 2), 0);
    (void)snprintf(copy, sizeof(copy), "%s.before-0002", path);
    assert_int_equal(access(copy, F_OK), 0);
    assert_int_equal(nvr_db_migrate(db, path, steps, 2), 0);
    assert_int_equal(nvr_db_query_int(db, "SELECT count(*) FROM schema_migrations", &n), 0);
    assert_int_equal(n, 2);
    assert_true(nvr_db_migrate(db, path, steps, 3) < 0);
    assert_int_equal(nvr_db_query_int(db, "SELECT count(*) FROM schema_migrations", &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(
        nvr_db_query_int(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'three'", &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(nvr_db_migrate(db, path, steps, 1), -ENOTSUP); /* newer than the program */
    assert_int_equal(nvr_db_migrate(db, path, other, 1), -ENOTSUP);
    nvr_db_close(db);
    assert_int_equal(nvr_db_open(copy, NVR_DB_WRITER, &db), 0);
    assert_int_equal(nvr_db_query_int(db, "SELECT a FROM one", &n), 0);
    assert_int_equal(nvr_db_query_int(db, "SELECT count(*) FROM schema_migrations", &n), 0);
    assert_int_equal(n, 1);
    nvr_db_close(db);
}

/* A killed writer: the parent reads from the pipe which jobs were acknowledged. */

static int ack_fd;
static struct nvr_recording kill_rows[4000];

static void done_ack(int result, void *arg)
{
    const struct nvr_recording *row = arg;
    const int64_t start = result == 0 ? row->start_ms : -1;

    (void)!write(ack_fd, &start, sizeof(start));
}

static void write_until_killed(const char *path, int fd)
{
    struct nvr_store *store = NULL;

    ack_fd = fd;
    if (nvr_store_open(path, &store) < 0)
        _exit(1);
    for (int i = 0;; i = (i + 1) % 4000) {
        kill_rows[i].start_ms += 4000000;
        kill_rows[i].end_ms += 4000000;
        if (nvr_store_write(store, job_upsert, done_ack, &kill_rows[i]) < 0)
            _exit(1);
        if (i % 40 == 0 && nvr_store_flush(store, 5000) < 0)
            _exit(1);
    }
}

static void test_kill(void **state)
{
    struct fixture *f = *state;
    int64_t acked[1000], n = 0;
    struct nvr_recording row;
    struct nvr_db *db;
    size_t count = 0;
    int fds[2];
    pid_t pid;

    nvr_store_close(f->store);
    f->store = NULL;
    for (int i = 0; i < 4000; i++)
        kill_rows[i] = make("a", T0 + i * 1000, 1000);
    assert_int_equal(pipe(fds), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        write_until_killed(f->path, fds[1]);
    close(fds[1]);
    while (count < 1000 && read(fds[0], &acked[count], 8) == 8)
        count++;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_int_equal(count, 1000);
    close(fds[0]);
    assert_int_equal(nvr_store_open(f->path, &f->store), 0);
    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(nvr_recordings_get(db, "a", acked[i], &row), 0);
    assert_int_equal(
        nvr_db_query_int(db, "SELECT 'ok' = integrity_check FROM pragma_integrity_check", &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(nvr_db_query_int(db,
                                      "SELECT (SELECT count(*) FROM recordings) = segments "
                                      "FROM recording_totals",
                                      &n),
                     0);
    assert_int_equal(n, 1);
    nvr_store_read_end(f->store, db);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_job_that_fails_is_undone_alone),
        CASE(test_alone_waits_not_long),
        CASE(test_close_commits_the_queue),
        CASE(test_queue_is_bounded),
        CASE(test_full_disk),
        CASE(test_readers_are_bounded_and_reused),
        CASE(test_reader_sees_one_moment),
        CASE(test_second_program_is_refused),
        CASE(test_damaged_is_refused),
        CASE(test_foreign_database_is_refused),
        CASE(test_migrations),
        CASE(test_kill),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
