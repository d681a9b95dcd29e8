/* The ring between threads and processes. Everything is bounded by counts, not by time. Writer and
 * readers of the first test use one mapping, because the race checker sees only that. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/ring/layout.h"
#include "lib/ring/ring.h"

#define FRAGMENTS 20000u
#define READERS 4
#define GOP 25u
#define EPOCH_EVERY 400u
#define SIZE_MAX_OF_FRAGMENT 6000u

static uint32_t size_of(uint64_t number)
{
    return (uint32_t)(number * 2654435761u % SIZE_MAX_OF_FRAGMENT) + 1;
}

static uint8_t byte_of(uint64_t number)
{
    return (uint8_t)(number * 7 + 1);
}

static void begin_epoch(struct nvr_ring *ring)
{
    static uint32_t next; /* one writer at a time */
    struct nvr_ring_init init = {.size = NVR_RING_INIT_MAX, .codecs = "avc1.64001f"};
    uint32_t epoch;

    next++;
    for (int tries = 0; tries < 2; tries++) {
        memset(init.data, (int)(next & 0xff), sizeof(init.data));
        assert_int_equal(nvr_ring_begin_epoch(ring, &init, &epoch), 0);
        if (epoch == next)
            return;
        next = epoch + 1; /* a new ring */
    }
    fail();
}

static void publish(struct nvr_ring *ring, uint64_t number)
{
    const struct nvr_ring_entry entry = {
        .dts_us = (int64_t)number,
        .flags = number % GOP == 0 ? NVR_RING_KEY : 0,
        .size = size_of(number),
    };
    uint8_t *room = nvr_ring_reserve(ring, entry.size);

    assert_non_null(room);
    memset(room, byte_of(number), entry.size);
    nvr_ring_commit(ring, &entry);
}

static bool is_whole(const struct nvr_ring_entry *entry, const uint8_t *data, size_t size)
{
    if (size != entry->size || size != size_of(entry->sequence) ||
        entry->dts_us != (int64_t)entry->sequence ||
        entry->flags != (entry->sequence % GOP == 0 ? NVR_RING_KEY : 0u))
        return false;
    for (size_t i = 0; i < size; i++)
        if (data[i] != byte_of(entry->sequence))
            return false;
    return true;
}

/* Reads until `last` was taken. Problems are counted, because asserts belong to the main thread. */
struct task {
    struct nvr_ring_reader *reader;
    unsigned laziness; /* yields per fragment: the slow ones are overtaken */
    uint64_t last, taken;
    uint64_t delivered, torn, overruns, errors, inits, inits_gone;
};

static void check_init(struct task *task, uint32_t epoch)
{
    struct nvr_ring_init init;
    const int r = nvr_ring_reader_get_init(task->reader, epoch, &init);

    if (r == -ENOENT) {
        task->inits_gone++;
        return;
    }
    task->inits++;
    if (r < 0 || init.epoch != epoch || init.size != NVR_RING_INIT_MAX) {
        task->errors++;
        return;
    }
    for (size_t i = 1; i < init.size; i++)
        if (init.data[i] != init.data[0])
            task->torn++;
}

static void *read_all(void *arg)
{
    struct task *task = arg;
    struct nvr_ring_entry entry = {0};
    struct nvr_buf buf;

    nvr_buf_init(&buf, SIZE_MAX_OF_FRAGMENT);
    while (entry.sequence < task->last && !task->errors) {
        nvr_buf_reset(&buf);
        const int r = nvr_ring_reader_next(task->reader, &entry, &buf);

        if (r == 1) {
            task->delivered++;
            task->taken = entry.sequence;
            if (!is_whole(&entry, buf.data, buf.len))
                task->torn++;
            if (entry.sequence % 50 == 0)
                check_init(task, entry.epoch);
        } else if (r == -ESTALE) {
            task->overruns++;
            if (nvr_ring_reader_seek_key(task->reader) < 0)
                sched_yield();
        } else if (r < 0) {
            task->errors++;
        }
        for (unsigned i = 0; i < task->laziness + (r != 1); i++)
            sched_yield();
    }
    nvr_buf_done(&buf);
    return NULL;
}

static void threads_share_one_mapping(void **state)
{
    struct task tasks[READERS] = {
        {.laziness = 0}, {.laziness = 0}, {.laziness = 2}, {.laziness = 9}};
    pthread_t threads[READERS];
    struct nvr_ring *ring;

    (void)state;
    assert_int_equal(nvr_ring_new("stress", NVR_RING_MIN_SIZE, &ring), 0);
    begin_epoch(ring);
    for (size_t i = 0; i < READERS; i++) {
        tasks[i].last = FRAGMENTS;
        assert_int_equal(ring_reader_open_same_mapping(ring, &tasks[i].reader), 0);
        assert_int_equal(pthread_create(&threads[i], NULL, read_all, &tasks[i]), 0);
    }
    /* The last one is a key frame, so that whoever was overtaken finds it. */
    for (uint64_t n = 1; n <= FRAGMENTS; n++) {
        if (n % EPOCH_EVERY == 0)
            begin_epoch(ring);
        publish(ring, n);
        if (n % 64 == 0)
            sched_yield();
    }
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(tasks[i].errors, 0);
        assert_int_equal(tasks[i].torn, 0);
        assert_int_equal(tasks[i].delivered + nvr_ring_reader_get_lost(tasks[i].reader), FRAGMENTS);
        nvr_ring_reader_free(tasks[i].reader);
    }
    nvr_ring_free(ring);
}

static struct nvr_ring_reader *open_reader(const struct nvr_ring *ring)
{
    struct nvr_ring_reader *reader;

    assert_int_equal(
        nvr_ring_reader_open_take(fcntl(nvr_ring_get_fd(ring), F_DUPFD_CLOEXEC, 0), &reader), 0);
    return reader;
}

static void overruns_are_counted_exactly(void **state)
{
    struct task task = {.last = 10000};
    struct nvr_ring *ring;
    uint64_t published = 0;

    (void)state;
    assert_int_equal(nvr_ring_new("slow", NVR_RING_MIN_SIZE, &ring), 0);
    begin_epoch(ring);
    task.reader = open_reader(ring);
    /* The reader takes part of what it finds, after ever longer naps. */
    for (unsigned nap = 1; published < 10000; nap = nap * 3 % 611) {
        for (unsigned i = 0; i <= nap && published < 10000; i++)
            publish(ring, ++published);
        struct nvr_ring_entry entry;
        struct nvr_buf buf;

        nvr_buf_init(&buf, SIZE_MAX_OF_FRAGMENT);
        for (unsigned i = 0; i < nap / 2; i++) {
            nvr_buf_reset(&buf);
            const int r = nvr_ring_reader_next(task.reader, &entry, &buf);

            if (r == -ESTALE) {
                task.overruns++;
                (void)!nvr_ring_reader_seek_key(task.reader);
            } else if (r == 1) {
                task.delivered++;
                assert_true(is_whole(&entry, buf.data, buf.len));
            } else {
                assert_int_equal(r, 0);
                break;
            }
        }
        nvr_buf_done(&buf);
    }
    assert_true(task.overruns > 10);
    if (task.delivered + nvr_ring_reader_get_lost(task.reader) < 10000)
        (void)read_all(&task); /* the last one is a key frame */
    assert_int_equal(task.torn + task.errors, 0);
    assert_int_equal(task.delivered + nvr_ring_reader_get_lost(task.reader), 10000);
    nvr_ring_reader_free(task.reader);
    nvr_ring_free(ring);
}

static void a_dying_reader_harms_nobody(void **state)
{
    struct task task = {.last = 5000};
    struct nvr_ring *ring;
    int ready[2];
    char byte;

    (void)state;
    assert_int_equal(nvr_ring_new("reader", NVR_RING_MIN_SIZE, &ring), 0);
    begin_epoch(ring);
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    struct task doomed = {.reader = open_reader(ring), .last = 100};
    const pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        (void)read_all(&doomed);
        (void)!write(ready[1], doomed.torn || doomed.errors ? "x" : ".", 1);
        doomed.last = UINT64_MAX; /* goes on until it is killed */
        (void)read_all(&doomed);
        _exit(1);
    }
    task.reader = open_reader(ring);
    for (uint64_t n = 1; n <= 2000; n++)
        publish(ring, n); /* 2000 % GOP == 0: also a late child finds a key frame */
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, '.');
    for (uint64_t n = 2001; n <= 5000; n++) {
        publish(ring, n);
        if (n == 3000)
            assert_int_equal(kill(child, SIGKILL), 0);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    (void)read_all(&task);
    assert_int_equal(task.torn + task.errors, 0);
    assert_int_equal(task.delivered + nvr_ring_reader_get_lost(task.reader), 5000);
    nvr_ring_reader_free(doomed.reader);
    (void)close(ready[0]);
    (void)close(ready[1]);
    nvr_ring_reader_free(task.reader);
    nvr_ring_free(ring);
}

/* Killed anywhere, also between reserve and commit: what was published is whole, and there is
 * nothing behind it. */
static void a_dying_writer_leaves_only_whole_fragments(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 8; round++) {
        struct task task = {.last = 300 + round * 37};
        struct nvr_ring_entry entry;
        struct nvr_ring *ring;
        struct nvr_buf buf;
        int r;

        assert_int_equal(nvr_ring_new("writer", NVR_RING_MIN_SIZE, &ring), 0);
        begin_epoch(ring);
        const pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0)
            for (uint64_t n = 1;; n++)
                publish(ring, n);
        task.reader = open_reader(ring);
        (void)read_all(&task);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        const uint64_t head = nvr_ring_reader_get_head(task.reader);
        nvr_buf_init(&buf, SIZE_MAX_OF_FRAGMENT);
        while ((r = nvr_ring_reader_next(task.reader, &entry, &buf)) != 0) {
            assert_true(r == 1 || r == -ESTALE);
            if (r == -ESTALE) {
                assert_int_equal(nvr_ring_reader_seek_key(task.reader), 0);
            } else {
                assert_true(is_whole(&entry, buf.data, buf.len));
                task.taken = entry.sequence;
            }
            nvr_buf_reset(&buf);
        }
        assert_int_equal(task.taken, head);
        assert_int_equal(nvr_ring_reader_peek(task.reader, &entry), 0);
        assert_int_equal(task.torn + task.errors, 0);
        nvr_buf_done(&buf);
        nvr_ring_reader_free(task.reader);
        nvr_ring_free(ring);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_share_one_mapping),
        cmocka_unit_test(overruns_are_counted_exactly),
        cmocka_unit_test(a_dying_reader_harms_nobody),
        cmocka_unit_test(a_dying_writer_leaves_only_whole_fragments),
    };

    return cmocka_run_group_tests_name("ring-stress", tests, NULL, NULL);
}
