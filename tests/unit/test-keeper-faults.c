/* Each call that role keeper makes to a disk fails once, in each way: while a file is copied to
 * another place and while it is removed. The source is never touched by a copy, a file with its
 * final name is always whole, a copy that was called good was synced, and another try succeeds. */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <nettle/sha2.h>

#include "lib/base/buf.h"
#include "lib/base/file.h"
#include "lib/base/hex.h"
#include "lib/base/log.h"
#include "src/media/keeper.h"
#include "tests/unit/faulty-io.h"

#define FILE_SIZE (3 * KEEPER_CHUNK_SIZE + 1000)
#define NAME "door/2026-01-02/03/segment_20260102_030405.mp4"

struct world {
    char folder[64];
    struct keeper_config config;
    struct keeper_worker worker;
    struct keeper_job job;
    uint8_t *data;
};

static void join(const struct world *w, const char *place, const char *suffix, char path[256])
{
    assert_true(nvr_fmt(path, 256, "%s/%s/" NAME "%s", w->folder, place, suffix) > 0);
}

static void write_file(const char *path, const void *data, size_t size)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), size);
    assert_int_equal(close(fd), 0);
}

static struct world *begin(void)
{
    struct world *w = calloc(1, sizeof(*w));
    uint8_t digest[SHA256_DIGEST_SIZE];
    struct sha256_ctx sha;
    char path[256];
    uint64_t seed = 7;

    assert_non_null(w);
    (void)snprintf(w->folder, sizeof(w->folder), "/tmp/heron-keeper-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    join(w, "hot", "", path);
    *strrchr(path, '/') = '\0';
    assert_int_equal(nvr_mkdir_p(path, 0755), 0);
    w->data = malloc(FILE_SIZE);
    w->worker = (struct keeper_worker){.config = &w->config, .buffer = malloc(KEEPER_CHUNK_SIZE)};
    assert_true(w->data && w->worker.buffer);
    for (size_t i = 0; i < FILE_SIZE; i++)
        w->data[i] = (uint8_t)faulty_random(&seed);
    join(w, "hot", "", path);
    write_file(path, w->data, FILE_SIZE);
    (void)snprintf(path, sizeof(path), "%s/warm", w->folder);
    assert_int_equal(mkdir(path, 0755), 0);
    sha256_init(&sha);
    sha256_update(&sha, FILE_SIZE, w->data);
    sha256_digest(&sha, sizeof(digest), digest);
    w->job = (struct keeper_job){.op = KEEPER_COPY, .path = NAME, .size = FILE_SIZE, .fd = -1};
    nvr_hex_encode(digest, sizeof(digest), w->job.sha256);
    (void)snprintf(w->job.from.folder, sizeof(w->job.from.folder), "%s/hot", w->folder);
    (void)snprintf(w->job.to.folder, sizeof(w->job.to.folder), "%s/warm", w->folder);
    return w;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void end(struct world *w)
{
    assert_int_equal(nftw(w->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
    free(w->worker.buffer);
    free(w->data);
    free(w);
}

/* 1: it is there with all its bytes, 0: it is not there. Anything else ends the test. */
static int look(const struct world *w, const char *place, const char *suffix)
{
    uint8_t *found = malloc(FILE_SIZE + 1);
    char path[256];
    int fd;

    assert_non_null(found);
    join(w, place, suffix, path);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        assert_int_equal(read(fd, found, FILE_SIZE + 1), FILE_SIZE);
        assert_memory_equal(found, w->data, FILE_SIZE);
        (void)close(fd);
    }
    free(found);
    return fd >= 0;
}

static void expect_gone(const struct world *w, const char *place, const char *suffix)
{
    char path[256];

    join(w, place, suffix, path);
    assert_int_equal(access(path, F_OK), -1);
}

static int work(struct world *w)
{
    w->job.words[0] = '\0';
    keeper_work(&w->worker, &w->job);
    if (w->job.result < 0)
        assert_true(w->job.words[0]);
    return w->job.result;
}

static void remove_from(struct world *w, const struct keeper_place *place)
{
    w->job.op = KEEPER_REMOVE;
    w->job.from = *place;
}

/* false: the copy was over before the call came. */
static bool copy_with(const struct faulty_plan *plan)
{
    struct world *w = begin();
    bool fired;
    int r;

    faulty_begin(plan);
    r = work(w);
    fired = faulty_has_fired();
    if (r == 0) { /* good means durable: the bytes, the name, and the folders above it */
        assert_true(faulty_count(FAULTY_DATASYNC) >= 1);
        assert_true(faulty_count(FAULTY_SYNC) >= 4);
    }
    faulty_end();
    assert_int_equal(look(w, "hot", ""), 1);
    if (r == 0)
        assert_int_equal(look(w, "warm", ""), 1);
    else
        (void)look(w, "warm", ""); /* whole or not there */
    if (fired && plan->what == FAULTY_ERROR && r == 0 && plan->kind != FAULTY_UNLINK)
        fail_msg("call %u of kind %d failed and nobody was told", plan->at, (int)plan->kind);
    if (!fired || plan->kind != FAULTY_UNLINK)
        expect_gone(w, "warm", ".coming");
    assert_int_equal(work(w), 0);
    assert_int_equal(look(w, "warm", ""), 1);
    assert_int_equal(look(w, "hot", ""), 1);
    expect_gone(w, "warm", ".coming");
    end(w);
    return fired;
}

static unsigned try_all(bool (*run)(const struct faulty_plan *), enum faulty_kind kind,
                        enum faulty_what what, int error)
{
    unsigned n = 0;

    do
        n++;
    while (run(&(struct faulty_plan){.kind = kind, .at = n, .what = what, .error = error}));
    return n - 1;
}

static void every_call_of_a_copy_fails_once(void **state)
{
    (void)state;
    assert_false(copy_with(&(struct faulty_plan){0}));
    assert_true(try_all(copy_with, FAULTY_OPEN, FAULTY_ERROR, EIO) >= 2);
    assert_int_equal(try_all(copy_with, FAULTY_MKDIR, FAULTY_ERROR, ENOSPC), 3);
    assert_true(try_all(copy_with, FAULTY_WRITE, FAULTY_ERROR, ENOSPC) >= 4);
    assert_true(try_all(copy_with, FAULTY_WRITE, FAULTY_SHORT_ERROR, ENOSPC) >= 4);
    assert_true(try_all(copy_with, FAULTY_WRITE, FAULTY_SHORT, 0) >= 4);
    assert_true(try_all(copy_with, FAULTY_WRITE, FAULTY_EINTR, 0) >= 4);
    assert_true(try_all(copy_with, FAULTY_PREAD, FAULTY_ERROR, EIO) >= 8); /* written and read */
    assert_true(try_all(copy_with, FAULTY_PREAD, FAULTY_SHORT, 0) >= 8);
    assert_int_equal(try_all(copy_with, FAULTY_DATASYNC, FAULTY_ERROR, EIO), 1);
    assert_true(try_all(copy_with, FAULTY_SYNC, FAULTY_ERROR, EIO) >= 4);
    assert_int_equal(try_all(copy_with, FAULTY_RENAME, FAULTY_ERROR, EIO), 1);
    (void)try_all(copy_with, FAULTY_UNLINK, FAULTY_ERROR, EIO);
}

/* After the power went nothing more is done: whatever is there must be whole or have no name. */
static void the_power_goes_at_every_call_of_a_copy(void **state)
{
    unsigned n = 0;
    bool fired;

    (void)state;
    do {
        const struct faulty_plan plan = {.kind = FAULTY_ANY, .at = ++n, .what = FAULTY_CUT};
        struct world *w = begin();

        faulty_begin(&plan);
        if (work(w) == 0)
            assert_false(faulty_has_fired());
        fired = faulty_has_fired();
        faulty_end();
        assert_int_equal(look(w, "hot", ""), 1);
        (void)look(w, "warm", "");
        assert_int_equal(work(w), 0);
        assert_int_equal(look(w, "warm", ""), 1);
        expect_gone(w, "warm", ".coming");
        end(w);
    } while (fired);
    assert_true(n > 20);
}

static bool remove_with(const struct faulty_plan *plan)
{
    struct world *w = begin();
    const struct keeper_place hot = w->job.from;
    bool fired;
    int r;

    assert_int_equal(work(w), 0);
    remove_from(w, &hot);
    faulty_begin(plan);
    r = work(w);
    fired = faulty_has_fired();
    faulty_end();
    assert_int_equal(look(w, "hot", ""), r < 0);
    assert_int_equal(look(w, "warm", ""), 1);
    assert_int_equal(work(w), 0);
    expect_gone(w, "hot", "");
    assert_int_equal(look(w, "warm", ""), 1);
    end(w);
    return fired;
}

static void every_call_of_a_removal_fails_once(void **state)
{
    (void)state;
    assert_int_equal(try_all(remove_with, FAULTY_UNLINK, FAULTY_ERROR, EIO), 1);
    assert_int_equal(try_all(remove_with, FAULTY_UNLINK, FAULTY_ERROR, EROFS), 1);
}

/* The source holds other bytes than the row says: no copy of it gets the name. */
static void a_changed_source_is_not_copied(void **state)
{
    struct world *w = begin();
    char path[256];

    (void)state;
    join(w, "hot", "", path);
    w->data[FILE_SIZE / 2] ^= 1;
    write_file(path, w->data, FILE_SIZE);
    assert_int_equal(work(w), -EBADMSG);
    expect_gone(w, "warm", "");
    expect_gone(w, "warm", ".coming");
    assert_int_equal(look(w, "hot", ""), 1);
    end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_of_a_copy_fails_once),
        cmocka_unit_test(the_power_goes_at_every_call_of_a_copy),
        cmocka_unit_test(every_call_of_a_removal_fails_once),
        cmocka_unit_test(a_changed_source_is_not_copied),
    };

    nvr_log_set_level(NVR_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
