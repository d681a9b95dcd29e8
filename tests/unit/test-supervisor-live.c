/* Watchers of a camera's ring: what they are told, and what the worker (a socket here) is asked. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/supervisor/private.h"

struct fixture {
    uv_loop_t loop;
    struct nvr_supervisor *supervisor;
    struct camera *camera;
    struct nvr_ring *ring;
    int worker_fd; /* the worker's end of its socket */
};

static void on_request(struct nvr_rpc *rpc, const struct nvr_rpc_request *request, void *arg)
{
    (void)rpc;
    (void)request;
    (void)arg;
}

static void on_close(struct nvr_rpc *rpc, int reason, void *arg)
{
    (void)rpc;
    (void)reason;
    (void)arg;
}

static int set_up(void **state)
{
    static const struct nvr_rpc_handlers handlers = {.on_request = on_request,
                                                     .on_close = on_close};
    struct fixture *f = calloc(1, sizeof(*f));
    int fds[2];

    assert_non_null(f);
    assert_int_equal(uv_loop_init(&f->loop), 0);
    f->supervisor = calloc(1, sizeof(*f->supervisor));
    f->camera = calloc(1, sizeof(*f->camera));
    assert_true(f->supervisor && f->camera);
    f->supervisor->loop = &f->loop;
    f->supervisor->cameras = f->camera;
    f->camera->supervisor = f->supervisor;
    (void)snprintf(f->camera->config.id, sizeof(f->camera->config.id), "cam");
    for (int i = 0; i < STREAMS; i++)
        f->camera->live[i].eventfd = -1;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    f->worker_fd = fds[1];
    assert_int_equal(nvr_rpc_new_take(&f->loop, fds[0], &handlers, NULL, &f->camera->worker.rpc),
                     0);
    assert_int_equal(nvr_ring_new("cam", NVR_RING_MIN_SIZE, &f->ring), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    live_camera_removed(f->camera);
    nvr_rpc_free(f->camera->worker.rpc);
    (void)close(f->worker_fd);
    (void)uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    nvr_ring_free(f->ring);
    free(f->camera);
    free(f->supervisor);
    free(f);
    return 0;
}

struct viewer {
    unsigned events[NVR_LIVE_GONE + 1];
    struct nvr_live_watch *watch;
    struct viewer *leaves; /* who is unwatched when this one hears of data */
};

static void on_event(enum nvr_live_event event, void *arg)
{
    struct viewer *viewer = arg;

    viewer->events[event]++;
    if (event == NVR_LIVE_STATUS && viewer->leaves && viewer->leaves->watch)
        nvr_supervisor_live_unwatch(NVR_TAKE(viewer->leaves->watch));
}

static void watch(struct fixture *f, struct viewer *viewer)
{
    assert_int_equal(
        nvr_supervisor_live_watch(f->supervisor, "cam", "main", on_event, viewer, &viewer->watch),
        0);
}

/* What the worker was asked since the last time. */
static void assert_asked(struct fixture *f, const char *method)
{
    char text[4096];
    ssize_t n;

    for (int i = 0; i < 5; i++)
        (void)uv_run(&f->loop, UV_RUN_NOWAIT);
    n = recv(f->worker_fd, text, sizeof(text) - 1, MSG_DONTWAIT);
    if (!method) {
        assert_int_equal(n, -1);
        return;
    }
    assert_true(n > 0);
    text[n] = 0;
    assert_non_null(strstr(text, method));
}

static void give_ring(struct fixture *f)
{
    live_set_ring_take(f->camera, 0, dup(nvr_ring_get_fd(f->ring)));
}

static void test_worker_is_asked_while_watched(void **state)
{
    struct fixture *f = *state;
    struct viewer a = {0};
    struct viewer b = {0};
    struct nvr_ring_reader *reader = NULL;

    assert_int_equal(nvr_supervisor_live_reader(f->supervisor, "cam", "main", &reader), -EAGAIN);
    give_ring(f);
    assert_asked(f, NULL); /* nobody watches: it costs nothing */
    watch(f, &a);
    assert_asked(f, "\"watch\"");
    watch(f, &b);
    assert_asked(f, NULL);
    give_ring(f); /* a new ring: the worker must signal on that */
    assert_asked(f, "\"watch\"");
    assert_int_equal(a.events[NVR_LIVE_RING], 1);
    nvr_supervisor_live_unwatch(a.watch);
    assert_asked(f, NULL);
    nvr_supervisor_live_unwatch(b.watch);
    assert_asked(f, "\"unwatch\"");
    assert_int_equal(nvr_supervisor_live_reader(f->supervisor, "cam", "main", &reader), 0);
    nvr_ring_reader_free(reader);
}

static void test_signal(void **state)
{
    struct fixture *f = *state;
    struct viewer a = {0};
    const uint64_t one = 1;

    give_ring(f);
    watch(f, &a);
    assert_int_equal(write(f->camera->live[0].eventfd, &one, sizeof(one)), sizeof(one));
    (void)uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_int_equal(a.events[NVR_LIVE_DATA], 1);
    nvr_supervisor_live_unwatch(a.watch);
}

static void test_leaving_while_being_told(void **state)
{
    struct fixture *f = *state;
    struct viewer viewers[3] = {0};

    give_ring(f);
    for (size_t i = 0; i < 3; i++)
        watch(f, &viewers[i]); /* told in reverse: 2, 1, 0 */
    viewers[2].leaves = &viewers[1];
    viewers[0].leaves = &viewers[0];
    live_status_changed(f->camera, 0);
    assert_int_equal(viewers[2].events[NVR_LIVE_STATUS], 1);
    assert_int_equal(viewers[1].events[NVR_LIVE_STATUS], 0);
    assert_int_equal(viewers[0].events[NVR_LIVE_STATUS], 1);
    live_status_changed(f->camera, 0);
    assert_int_equal(viewers[2].events[NVR_LIVE_STATUS], 2);
    nvr_supervisor_live_unwatch(viewers[2].watch);
}

static void test_worker_and_camera_go(void **state)
{
    struct fixture *f = *state;
    struct viewer a = {0};

    assert_int_equal(
        nvr_supervisor_live_watch(f->supervisor, "none", "main", on_event, &a, &a.watch), -ENOENT);
    assert_int_equal(nvr_supervisor_live_watch(f->supervisor, "cam", "sub", on_event, &a, &a.watch),
                     -ENOTSUP);
    give_ring(f);
    watch(f, &a);
    live_worker_gone(f->camera);
    assert_int_equal(a.events[NVR_LIVE_GONE], 1);
    live_worker_gone(f->camera); /* there was no ring any more */
    assert_int_equal(a.events[NVR_LIVE_GONE], 1);
    give_ring(f); /* the next worker's */
    assert_int_equal(a.events[NVR_LIVE_RING], 1);
    live_camera_removed(f->camera);
    assert_int_equal(a.events[NVR_LIVE_GONE], 2);
    nvr_supervisor_live_unwatch(a.watch); /* its owner lets go later */
}

static void test_bad_ring_is_refused(void **state)
{
    struct fixture *f = *state;
    struct nvr_ring_reader *reader = NULL;
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    live_set_ring_take(f->camera, 0, fds[0]);
    (void)close(fds[1]);
    assert_int_equal(nvr_supervisor_live_reader(f->supervisor, "cam", "main", &reader), -EAGAIN);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_worker_is_asked_while_watched), T(test_signal),
        T(test_leaving_while_being_told),      T(test_worker_and_camera_go),
        T(test_bad_ring_is_refused),
    };

    return cmocka_run_group_tests_name("supervisor-live", tests, NULL, NULL);
}
