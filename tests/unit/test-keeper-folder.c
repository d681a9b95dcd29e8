/* Role keeper: copies in folders never take the place of another recording. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/file.h"
#include "src/media/keeper.h"

#define NAME "cam/2026-01-01/12/segment_20260101_120000.mp4"
/* Of "recorded" */
#define DIGEST "3d96a458120e68868ccca6bad66be3fc8df4627a6b7372d69b98d3ba7688774d"

struct fixture {
    char root[64], from[80], to[80];
    uint8_t buffer[KEEPER_CHUNK_SIZE];
    struct keeper_config config;
    struct keeper_worker worker;
};

static void write_file(const char *folder, const char *text)
{
    char path[256], parent[256];

    (void)snprintf(parent, sizeof(parent), "%s/cam/2026-01-01/12", folder);
    assert_int_equal(nvr_mkdir_p(parent, 0700), 0);
    (void)snprintf(path, sizeof(path), "%s/" NAME, folder);
    assert_int_equal(nvr_file_write_atomic(path, text, strlen(text), 0600), 0);
}

static void assert_file(const char *folder, const char *text)
{
    char path[256];
    struct nvr_buf buf;

    (void)snprintf(path, sizeof(path), "%s/" NAME, folder);
    if (!text) {
        assert_int_equal(access(path, F_OK), -1);
        return;
    }
    nvr_buf_init(&buf, 4096);
    assert_int_equal(nvr_file_read(path, &buf), 0);
    assert_int_equal(buf.len, strlen(text));
    assert_memory_equal(buf.data, text, buf.len);
    nvr_buf_done(&buf);
}

static int copy(struct fixture *f)
{
    struct keeper_job job = {
        .op = KEEPER_COPY, .path = NAME, .size = (int64_t)strlen("recorded"), .sha256 = DIGEST};
    char coming[256];

    (void)snprintf(job.from.folder, sizeof(job.from.folder), "%s", f->from);
    (void)snprintf(job.to.folder, sizeof(job.to.folder), "%s", f->to);
    keeper_work(&f->worker, &job);
    (void)snprintf(coming, sizeof(coming), "%s/" NAME ".coming", f->to);
    assert_int_equal(access(coming, F_OK), -1);
    return job.result;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    memcpy(f->root, "/tmp/nvr-keeper-XXXXXX", sizeof("/tmp/nvr-keeper-XXXXXX"));
    assert_non_null(mkdtemp(f->root));
    (void)snprintf(f->from, sizeof(f->from), "%s/from", f->root);
    (void)snprintf(f->to, sizeof(f->to), "%s/to", f->root);
    assert_int_equal(mkdir(f->from, 0700), 0);
    assert_int_equal(mkdir(f->to, 0700), 0);
    f->worker.config = &f->config;
    f->worker.buffer = f->buffer;
    f->worker.queue = NULL;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    const pid_t pid = fork();

    if (pid == 0)
        execlp("rm", "rm", "-rf", f->root, (char *)NULL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    free(f);
    return 0;
}

static void a_copy_that_is_there_already_is_fine(void **state)
{
    struct fixture *f = *state;

    write_file(f->from, "recorded");
    write_file(f->to, "recorded");
    assert_int_equal(copy(f), 0);
    assert_file(f->to, "recorded");
}

static void another_recording_of_that_name_stays(void **state)
{
    struct fixture *f = *state;

    write_file(f->from, "recorded");
    write_file(f->to, "foreign!");
    assert_int_equal(copy(f), -EBADMSG);
    assert_file(f->to, "foreign!");
    write_file(f->to, "of another length");
    assert_int_equal(copy(f), -EBADMSG);
    assert_file(f->to, "of another length");
    assert_file(f->from, "recorded");
}

static void only_what_is_meant_is_removed(void **state)
{
    struct fixture *f = *state;
    struct keeper_job job = {.op = KEEPER_REMOVE, .path = NAME, .size = 3};

    (void)snprintf(job.from.folder, sizeof(job.from.folder), "%s", f->from);
    write_file(f->from, "recorded");
    keeper_work(&f->worker, &job);
    assert_int_equal(job.result, 0);
    assert_file(f->from, "recorded");
    job.size = (int64_t)strlen("recorded");
    keeper_work(&f->worker, &job);
    assert_int_equal(job.result, 0);
    assert_file(f->from, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_copy_that_is_there_already_is_fine, setup, teardown),
        cmocka_unit_test_setup_teardown(another_recording_of_that_name_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(only_what_is_meant_is_removed, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
