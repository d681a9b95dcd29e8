/* lib/base/io: repeats, whole writes, copies, and the table that tests replace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <fcntl.h>

#include "lib/base/io.h"

struct world {
    char folder[64];
    int dir_fd;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    memcpy(w->folder, "/tmp/nvr-io-XXXXXX", sizeof("/tmp/nvr-io-XXXXXX"));
    assert_non_null(mkdtemp(w->folder));
    w->dir_fd = open(w->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(w->dir_fd >= 0);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    nvr_io_replace(NULL);
    (void)unlinkat(w->dir_fd, "a", 0);
    (void)unlinkat(w->dir_fd, "b", 0);
    (void)close(w->dir_fd);
    (void)rmdir(w->folder);
    free(w);
    return 0;
}

/* ---- a system that is interrupted and takes little at a time ---- */

static unsigned calls;

static int openat_once(int dir_fd, const char *path, int flags, mode_t mode)
{
    return openat(dir_fd, path, flags, mode);
}

static ssize_t slow_write(int fd, const void *data, size_t size)
{
    if (calls++ % 2 == 0) {
        errno = EINTR;
        return -1;
    }
    return write(fd, data, NVR_MIN(size, (size_t)3));
}

static ssize_t slow_pread(int fd, void *data, size_t size, off_t offset)
{
    if (calls++ % 2 == 0) {
        errno = EINTR;
        return -1;
    }
    return pread(fd, data, NVR_MIN(size, (size_t)2), offset);
}

static ssize_t no_copy(int from_fd, off_t *from, int to_fd, off_t *to, size_t size, unsigned flags)
{
    (void)from_fd, (void)from, (void)to_fd, (void)to, (void)size, (void)flags;
    errno = EXDEV;
    return -1;
}

static ssize_t nothing(int fd, const void *data, size_t size)
{
    (void)fd, (void)data, (void)size;
    return 0;
}

static int write_file(const struct world *w, const char *name, const char *text)
{
    const int fd = nvr_io_openat(w->dir_fd, name, O_RDWR | O_CREAT | O_EXCL, 0600);

    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(nvr_io_write(fd, text, strlen(text)), 0);
    return fd;
}

static void check_content(int fd, const char *text)
{
    char buffer[100] = "";

    assert_int_equal(nvr_io_pread(fd, buffer, sizeof(buffer) - 1, 0), strlen(text));
    assert_string_equal(buffer, text);
}

static void what_is_interrupted_or_partial_is_continued(void **state)
{
    static const struct nvr_io slow = {
        .openat = openat_once, .write = slow_write, .pread = slow_pread, .close = close};
    int fd;

    calls = 0;
    nvr_io_replace(&slow);
    fd = write_file(*state, "a", "a picture and its sound");
    check_content(fd, "a picture and its sound");
    assert_true(calls > 20);
    assert_int_equal(nvr_io_close(fd), 0);
}

static void errors_are_told_as_they_are(void **state)
{
    static const struct nvr_io taker = {.openat = openat_once, .write = nothing, .close = close};
    const struct world *w = *state;
    const int fd = write_file(w, "a", "x");

    assert_int_equal(nvr_io_openat(w->dir_fd, "none", O_RDONLY, 0), -ENOENT);
    assert_int_equal(nvr_io_mkdirat(w->dir_fd, "a", 0700), -EEXIST);
    assert_int_equal(nvr_io_renameat(w->dir_fd, "none", w->dir_fd, "b"), -ENOENT);
    assert_int_equal(nvr_io_unlinkat(w->dir_fd, "none", 0), -ENOENT);
    assert_int_equal(nvr_io_fdatasync(-1), -EBADF);
    assert_int_equal(nvr_io_close(-1), 0);
    nvr_io_replace(&taker);
    assert_int_equal(nvr_io_write(fd, "y", 1), -EIO);
    nvr_io_replace(NULL);
    assert_int_equal(nvr_io_close(fd), 0);
}

static void copy_all(const struct world *w, const char *text)
{
    const int from = write_file(w, "a", text);
    const int to = nvr_io_openat(w->dir_fd, "b", O_RDWR | O_CREAT | O_EXCL, 0600);
    ssize_t n;

    assert_true(to >= 0);
    assert_int_equal(lseek(from, 0, SEEK_SET), 0);
    while ((n = nvr_io_copy(from, to, 7)) > 0)
        assert_true(n <= 7);
    assert_int_equal(n, 0);
    check_content(to, text);
    assert_int_equal(nvr_io_close(from), 0);
    assert_int_equal(nvr_io_close(to), 0);
    assert_int_equal(nvr_io_unlinkat(w->dir_fd, "a", 0), 0);
    assert_int_equal(nvr_io_unlinkat(w->dir_fd, "b", 0), 0);
}

static void a_copy_works_where_the_system_cannot(void **state)
{
    static const struct nvr_io by_hand = {.openat = openat_once,
                                          .write = write,
                                          .pread = pread,
                                          .copy_file_range = no_copy,
                                          .unlinkat = unlinkat,
                                          .close = close};

    copy_all(*state, "all of it, in small pieces");
    nvr_io_replace(&by_hand);
    copy_all(*state, "all of it, in small pieces");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_interrupted_or_partial_is_continued, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(errors_are_told_as_they_are, setup, teardown),
        cmocka_unit_test_setup_teardown(a_copy_works_where_the_system_cannot, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
