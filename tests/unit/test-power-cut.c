/* A thousand cuts: 500 simulated power cuts and 500 SIGKILLs at random moments of a recording.
 * Afterwards the index is made from what is left: each file plays or holds no picture, and all that
 * was acknowledged (synced, or for SIGKILL written) is there. The seed is printed; give it back by
 * NVR_TEST_SEED. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <fcntl.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/base/log.h"
#include "tests/unit/faulty-io.h"
#include "tests/unit/recording-run.h"

#define CUTS 500
#define RING_SIZE (1024 * 1024)
#define FRAMES 120 /* four files and a bit */
#define CALLS_MAX 110
#define KILL_US_MAX 25000
#define WRITES_MAX 1024

static const struct nvr_recorder_options options = {
    .camera = RUN_CAMERA, .segment_seconds = 2, .flush_ms = 2, .retry_ms = 5};
static uint64_t seed;

static int choose_seed(void **state)
{
    const char *text = getenv("NVR_TEST_SEED"); // NOLINT(concurrency-mt-unsafe): one thread yet

    (void)state;
    seed = (uint64_t)nvr_clock_wall_us();
    if (text && nvr_str_to_u64(nvr_str_from(text), UINT64_MAX, &seed) < 0)
        return -1;
    print_message("NVR_TEST_SEED=%llu\n", (unsigned long long)seed);
    return 0;
}

/* ---- power ---- */

struct durable {
    char path[NVR_SEGMENT_PATH_SIZE];
    uint64_t bytes;
};

struct cut {
    struct run run;
    struct run_files before, after;
    struct durable durable[RUN_FILES_MAX];
    size_t durable_count;
};

/* What the disk has promised to keep. Names only: nothing is repaired before the power goes. */
static void note_durable(struct cut *cut)
{
    char line[NVR_SEGMENT_PATH_SIZE];

    run_list(&cut->run, &cut->before);
    for (size_t i = 0; i < cut->before.count; i++) {
        const uint64_t bytes = faulty_get_durable(cut->run.root_fd, cut->before.items[i].path);

        if (!bytes)
            continue;
        (void)snprintf(line, sizeof(line), "%s", cut->before.items[i].path);
        memcpy(cut->durable[cut->durable_count].path, line, sizeof(line));
        cut->durable[cut->durable_count++].bytes = bytes;
    }
}

static void check_durable(const struct cut *cut)
{
    for (size_t i = 0; i < cut->durable_count; i++) {
        const struct durable *durable = &cut->durable[i];
        bool found = false;

        for (size_t k = 0; k < cut->after.count; k++) {
            const struct run_file *file = &cut->after.items[k];

            if (strcmp(file->path, durable->path) != 0)
                continue;
            found = true;
            assert_int_equal(file->result, 0);
            assert_true(file->segment.file_size >= durable->bytes);
        }
        if (!found)
            fail_msg("'%s' was synced and is gone", durable->path);
    }
}

static bool is_durable(const struct cut *cut, const struct nvr_segment *segment)
{
    for (size_t i = 0; i < cut->durable_count; i++)
        if (strcmp(cut->durable[i].path, segment->path + strlen(RUN_CAMERA "/")) == 0)
            return cut->durable[i].bytes == segment->file_size;
    return false;
}

/* A recorder whose machine has no power reports nothing; ours still tells of the file whose name
 * was being made durable. */
static void drop_posthumous(struct cut *cut)
{
    struct run *run = &cut->run;
    size_t kept = 0;

    for (size_t i = 0; i < run->reported_count; i++) {
        if (is_durable(cut, &run->reported[i]))
            run->reported[kept++] = run->reported[i];
        else
            nvr_segment_done(&run->reported[i]);
    }
    assert_true(run->reported_count - kept <= 1);
    run->reported_count = kept;
}

static size_t cut_once(struct cut *cut)
{
    const struct faulty_plan plan = {.kind = FAULTY_ANY,
                                     .at = 1 + (unsigned)(faulty_random(&seed) % CALLS_MAX),
                                     .what = FAULTY_CUT};
    size_t count;

    memset(cut, 0, sizeof(*cut));
    run_begin(&cut->run, faulty_random(&seed), RING_SIZE);
    faulty_begin(&plan);
    run_start_recorder(&cut->run, &options);
    while (cut->run.frames < FRAMES && !faulty_has_fired())
        run_feed_many(&cut->run, 4);
    run_end_recorder(&cut->run);
    faulty_end();
    note_durable(cut);
    drop_posthumous(cut);
    faulty_power_off(cut->run.root_fd, &seed);
    run_scan(&cut->run, &cut->after);
    check_durable(cut);
    /* What was reported was durable: it is not only there, it is the same. */
    run_check_reported(&cut->run, &cut->after);
    count = cut->durable_count;
    run_files_done(&cut->after);
    run_remove(&cut->run);
    return count;
}

static void what_was_flushed_outlives_a_power_cut(void **state)
{
    struct cut *cut = malloc(sizeof(*cut));
    size_t durable = 0;

    (void)state;
    assert_non_null(cut);
    for (int i = 0; i < CUTS; i++)
        durable += cut_once(cut);
    print_message("%d power cuts: %zu files had promised bytes, all are there\n", CUTS, durable);
    assert_true(durable > CUTS / 2);
    free(cut);
}

/* ---- SIGKILL ---- */

/* Shared with the process that is killed: what its write() calls had put into files by then. */
struct written {
    _Atomic uint32_t count;
    struct {
        uint64_t inode;
        uint64_t bytes;
    } items[WRITES_MAX];
};
static struct written *written;

static ssize_t noting_write(int fd, const void *data, size_t size)
{
    const ssize_t n = write(fd, data, size);
    const uint32_t at = atomic_load(&written->count);
    struct stat st;

    if (n == (ssize_t)size && at < WRITES_MAX && fstat(fd, &st) == 0) {
        written->items[at].inode = st.st_ino;
        written->items[at].bytes = (uint64_t)st.st_size;
        atomic_store(&written->count, at + 1);
    }
    return n;
}

static int plain_openat(int dir_fd, const char *path, int flags, mode_t mode)
{
    return openat(dir_fd, path, flags, mode);
}

static int no_sync(int fd)
{
    return fcntl(fd, F_GETFD) < 0 ? -1 : 0;
}

static void record_until_killed(struct run *run)
{
    static const struct nvr_io table = {
        .openat = plain_openat,
        .mkdirat = mkdirat,
        .write = noting_write,
        .pread = pread,
        .ftruncate = ftruncate,
        .fdatasync = no_sync, /* a killed process loses nothing that the kernel has */
        .fsync = no_sync,
        .renameat = renameat,
        .unlinkat = unlinkat,
        .copy_file_range = copy_file_range,
        .close = close,
    };

    nvr_io_replace(&table);
    run_start_recorder(run, &options);
    for (;;) {
        run_feed_many(run, 4);
        if (run->frames >= FRAMES)
            (void)pause();
    }
}

static void check_written(const struct run *run, const struct run_files *files)
{
    const uint32_t count = atomic_load(&written->count);

    for (size_t i = 0; i < files->count; i++) {
        const struct run_file *file = &files->items[i];
        uint64_t bytes = 0;
        struct stat st;

        assert_int_equal(fstatat(run->root_fd, file->path, &st, 0), 0);
        for (uint32_t k = 0; k < count; k++)
            if (written->items[k].inode == st.st_ino)
                bytes = NVR_MAX(bytes, written->items[k].bytes);
        if (!bytes)
            continue;
        assert_int_equal(file->result, 0);
        assert_true(file->segment.file_size >= bytes);
    }
}

static size_t kill_once(struct run *run, struct run_files *files)
{
    const unsigned after_us = (unsigned)(faulty_random(&seed) % KILL_US_MAX);
    size_t count;
    pid_t pid;

    run_begin(run, faulty_random(&seed), RING_SIZE);
    atomic_store(&written->count, 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        record_until_killed(run);
    run_pause_us(after_us);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    run_scan(run, files);
    check_written(run, files);
    count = files->count;
    run_files_done(files);
    run_remove(run);
    return count;
}

static void what_was_written_outlives_a_kill(void **state)
{
    struct run *run = malloc(sizeof(*run));
    struct run_files *files = malloc(sizeof(*files));
    size_t count = 0;

    (void)state;
    assert_true(run && files);
    written =
        mmap(NULL, sizeof(*written), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(written != MAP_FAILED);
    for (int i = 0; i < CUTS; i++)
        count += kill_once(run, files);
    print_message("%d times killed: %zu files are left, all that was written is in them\n", CUTS,
                  count);
    assert_true(count > CUTS / 2);
    (void)munmap(written, sizeof(*written));
    free(files);
    free(run);
}

int main(void)
{
    const struct CMUnitTest cuts[] = {
        cmocka_unit_test(what_was_written_outlives_a_kill),
        cmocka_unit_test(what_was_flushed_outlives_a_power_cut),
    };

    nvr_log_set_level(NVR_LOG_ERROR);
    return cmocka_run_group_tests(cuts, choose_seed, NULL);
}
