/* rpc.h and post.h over a socket pair on one loop. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/log.h"
#include "lib/ipc/post.h"
#include "lib/ipc/rpc.h"

struct side {
    struct nvr_rpc *rpc;
    int requests, closes, close_reason;
    bool silent; /* take requests, answer none */
    bool free_on_request;
    int64_t last_id;
    char last_method[32];
    char last_request[64]; /* of the API, while the handler ran */
    int last_fd;
};

struct answer {
    int count, error, code;
    int64_t value;
    char message[64], data_code[32];
    int fd;
};

struct fixture {
    uv_loop_t loop;
    struct side a, b;
    int raw; /* b as plain socket, when b.rpc is NULL */
};

static void on_request(struct nvr_rpc *rpc, const struct nvr_rpc_request *request, void *arg)
{
    struct side *side = arg;
    int64_t value = 0;

    side->requests++;
    side->last_id = request->id;
    (void)snprintf(side->last_method, sizeof(side->last_method), "%s", request->method);
    (void)snprintf(side->last_request, sizeof(side->last_request), "%s", nvr_log_get_request());
    if (request->fds_count) {
        side->last_fd = request->fds[0];
        request->fds[0] = -1;
    }
    if (side->free_on_request) {
        nvr_rpc_free(rpc);
        side->rpc = NULL;
        return;
    }
    if (side->silent)
        return;
    if (strcmp(request->method, "double") == 0) {
        (void)nvr_json_get_int(request->params, "value", INT64_MIN, INT64_MAX, &value);
        assert_int_equal(
            nvr_rpc_reply_result(rpc, request->id, json_pack("{s:I}", "value", value * 2),
                                 side->last_fd >= 0 ? &side->last_fd : NULL, side->last_fd >= 0),
            0);
    } else if (request->id >= 0) {
        assert_int_equal(nvr_rpc_reply_error(rpc, request->id, NVR_RPC_FAILED, "no way",
                                             json_pack("{s:s}", "code", "refused")),
                         0);
    }
}

static void on_close(struct nvr_rpc *rpc, int reason, void *arg)
{
    struct side *side = arg;

    side->closes++;
    side->close_reason = reason;
    nvr_rpc_free(rpc);
    side->rpc = NULL;
}

static const struct nvr_rpc_handlers handlers = {.on_request = on_request, .on_close = on_close};

static void on_reply(struct nvr_rpc *rpc, const struct nvr_rpc_reply *reply, void *arg)
{
    struct answer *answer = arg;
    const char *code = "";

    (void)rpc;
    answer->count++;
    answer->error = reply->error;
    answer->code = reply->code;
    if (reply->result)
        (void)nvr_json_get_int(reply->result, "value", INT64_MIN, INT64_MAX, &answer->value);
    if (reply->message)
        (void)snprintf(answer->message, sizeof(answer->message), "%s", reply->message);
    if (reply->data && nvr_json_get_str(reply->data, "code", &code) == 1)
        (void)snprintf(answer->data_code, sizeof(answer->data_code), "%s", code);
    if (reply->fds_count) {
        answer->fd = reply->fds[0];
        reply->fds[0] = -1;
    }
}

static void open_pair(struct fixture *f, bool raw)
{
    int fds[2];

    *f = (struct fixture){.a.last_fd = -1, .b.last_fd = -1, .raw = -1};
    assert_int_equal(uv_loop_init(&f->loop), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(nvr_rpc_new_take(&f->loop, fds[0], &handlers, &f->a, &f->a.rpc), 0);
    if (raw)
        f->raw = fds[1];
    else
        assert_int_equal(nvr_rpc_new_take(&f->loop, fds[1], &handlers, &f->b, &f->b.rpc), 0);
}

static void close_pair(struct fixture *f)
{
    nvr_rpc_free(f->a.rpc);
    nvr_rpc_free(f->b.rpc);
    if (f->raw >= 0)
        (void)close(f->raw);
    (void)uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    if (f->a.last_fd >= 0)
        (void)close(f->a.last_fd);
    if (f->b.last_fd >= 0)
        (void)close(f->b.last_fd);
}

static void run_until(struct fixture *f, const int *count, int wanted)
{
    while (*count < wanted)
        (void)uv_run(&f->loop, UV_RUN_ONCE);
}

static void say(struct fixture *f, const char *text)
{
    assert_int_equal(write(f->raw, text, strlen(text)), strlen(text));
}

static void test_call(void **state)
{
    struct fixture f;
    struct answer answer = {.fd = -1};

    (void)state;
    open_pair(&f, false);
    assert_int_equal(nvr_rpc_call(f.a.rpc, "double", json_pack("{s:i}", "value", 21), NULL, 0, 5000,
                                  on_reply, &answer),
                     0);
    run_until(&f, &answer.count, 1);
    assert_int_equal(answer.error, 0);
    assert_int_equal(answer.value, 42);

    assert_int_equal(nvr_rpc_call(f.b.rpc, "open", NULL, NULL, 0, 5000, on_reply, &answer), 0);
    run_until(&f, &answer.count, 2);
    assert_int_equal(answer.error, -EREMOTEIO);
    assert_int_equal(answer.code, NVR_RPC_FAILED);
    assert_string_equal(answer.message, "no way");
    assert_string_equal(answer.data_code, "refused");

    assert_int_equal(nvr_rpc_notify(f.a.rpc, "hello", NULL, NULL, 0), 0);
    run_until(&f, &f.b.requests, 2);
    assert_true(f.b.last_id < 0);
    assert_string_equal(f.b.last_method, "hello");
    close_pair(&f);
}

static void test_descriptors(void **state)
{
    struct fixture f;
    struct answer answer = {.fd = -1};
    char text[8] = {0};
    const int fd = memfd_create("test", MFD_CLOEXEC);
    const int many[NVR_RPC_FDS_MAX + 1] = {fd, fd, fd, fd, fd};

    (void)state;
    open_pair(&f, false);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "heron", 5), 5);
    assert_int_equal(nvr_rpc_call(f.a.rpc, "double", NULL, &fd, 1, 5000, on_reply, &answer), 0);
    run_until(&f, &answer.count, 1);
    assert_true(f.b.last_fd >= 0 && f.b.last_fd != fd);
    assert_true(answer.fd >= 0);
    assert_int_equal(pread(answer.fd, text, 5, 0), 5);
    assert_string_equal(text, "heron");
    (void)close(answer.fd);
    assert_int_equal(nvr_rpc_notify(f.a.rpc, "x", NULL, many, NVR_RPC_FDS_MAX + 1), -EINVAL);
    (void)close(fd);
    close_pair(&f);
}

static void test_deadline(void **state)
{
    struct fixture f;
    struct answer answer = {.fd = -1};

    (void)state;
    open_pair(&f, false);
    f.b.silent = true;
    assert_int_equal(nvr_rpc_call(f.a.rpc, "double", NULL, NULL, 0, 30, on_reply, &answer), 0);
    run_until(&f, &answer.count, 1);
    assert_int_equal(answer.error, -ETIMEDOUT);
    /* A late answer is ignored, the connection lives on. */
    assert_int_equal(nvr_rpc_reply_result(f.b.rpc, f.b.last_id, NULL, NULL, 0), 0);
    f.b.silent = false;
    assert_int_equal(nvr_rpc_call(f.a.rpc, "double", NULL, NULL, 0, 5000, on_reply, &answer), 0);
    run_until(&f, &answer.count, 2);
    assert_int_equal(answer.error, 0);
    close_pair(&f);
}

static void test_peer_goes(void **state)
{
    struct fixture f;
    struct answer answer = {.fd = -1};

    (void)state;
    open_pair(&f, false);
    f.b.free_on_request = true;
    assert_int_equal(nvr_rpc_call(f.a.rpc, "double", NULL, NULL, 0, 5000, on_reply, &answer), 0);
    run_until(&f, &f.a.closes, 1);
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.error, -ECONNRESET);
    assert_int_equal(f.a.close_reason, 0);
    close_pair(&f);
}

static void test_free_fails_calls(void **state)
{
    struct fixture f;
    struct answer answer = {.fd = -1};

    (void)state;
    open_pair(&f, false);
    assert_int_equal(nvr_rpc_call(f.a.rpc, "double", NULL, NULL, 0, 5000, on_reply, &answer), 0);
    nvr_rpc_free(f.a.rpc);
    f.a.rpc = NULL;
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.error, -ECONNRESET);
    assert_int_equal(f.a.closes, 0);
    close_pair(&f);
}

static void test_last_words(void **state)
{
    struct fixture f;

    (void)state;
    open_pair(&f, true);
    say(&f, "{\"jsonrpc\":\"2.0\",\"method\":\"bye\"}\n");
    (void)close(f.raw);
    f.raw = -1;
    /* Writing fails, what the peer said is still heard. */
    assert_int_equal(nvr_rpc_notify(f.a.rpc, "x", NULL, NULL, 0), 0);
    run_until(&f, &f.a.closes, 1);
    assert_int_equal(f.a.requests, 1);
    assert_int_equal(f.a.close_reason, 0);
    close_pair(&f);
}

static void test_garbage(void **state)
{
    static const char *const lines[] = {
        "nonsense\n",
        "[]\n",
        "{\"id\":\"text\",\"method\":\"x\"}\n",
        "{\"id\":-4,\"method\":\"x\"}\n",
        "{\"method\":7}\n",
        "{\"id\":1}\n",
        "{\"id\":1,\"result\":{},\"error\":{}}\n",
        "{\"id\":1,\"error\":\"text\"}\n",
        "{\"method\":\"x\",\"fds\":1}\n",
        "{\"method\":\"x\",\"fds\":-1}\n",
        "{\"method\":\"x\",\"fds\":5}\n",
    };

    (void)state;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(lines); i++) {
        struct fixture f;

        open_pair(&f, true);
        say(&f, lines[i]);
        run_until(&f, &f.a.closes, 1);
        assert_int_equal(f.a.requests, 0);
        assert_true(f.a.close_reason < 0);
        close_pair(&f);
    }
}

static void test_split_lines(void **state)
{
    static const char text[] = "{\"method\":\"one\"}\n\n{\"method\":\"two\",\"params\":{}}\n"
                               "{\"id\":3,\"method\":\"three\",\"params\":[]}\n";
    struct fixture f;
    char back[256] = {0};

    (void)state;
    open_pair(&f, true);
    for (const char *p = text; *p; p++) {
        assert_int_equal(write(f.raw, p, 1), 1);
        (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    }
    run_until(&f, &f.a.requests, 2);
    assert_string_equal(f.a.last_method, "two");
    assert_true(read(f.raw, back, sizeof(back) - 1) > 0);
    assert_non_null(strstr(back, "-32602"));
    assert_int_equal(f.a.closes, 0);
    close_pair(&f);
}

static void test_oversize(void **state)
{
    struct fixture f;
    char block[32768];

    (void)state;
    open_pair(&f, true);
    memset(block, 'x', sizeof(block));
    while (!f.a.closes) {
        const ssize_t n = send(f.raw, block, sizeof(block), MSG_DONTWAIT | MSG_NOSIGNAL);

        assert_true(n > 0 || errno == EAGAIN || errno == EPIPE || errno == ECONNRESET);
        (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(f.a.close_reason, -EMSGSIZE);
    close_pair(&f);
}

static void test_backlog(void **state)
{
    struct fixture f;
    struct answer answer = {.fd = -1};
    char *text = malloc(500001);
    int r;

    (void)state;
    assert_non_null(text);
    memset(text, 'x', 500000);
    text[500000] = 0;
    open_pair(&f, true);
    assert_int_equal(nvr_rpc_call(f.a.rpc, "wait", NULL, NULL, 0, 60000, on_reply, &answer), 0);
    do
        r = nvr_rpc_notify(f.a.rpc, "big", json_pack("{s:s}", "text", text), NULL, 0);
    while (r == 0);
    assert_int_equal(r, -ENOBUFS);
    assert_int_equal(f.a.closes, 0); /* never from inside the call */
    assert_int_equal(nvr_rpc_notify(f.a.rpc, "x", NULL, NULL, 0), -ECONNRESET);
    run_until(&f, &f.a.closes, 1);
    assert_int_equal(f.a.close_reason, -ENOBUFS);
    assert_int_equal(answer.error, -ECONNRESET);
    free(text);
    close_pair(&f);
}

static void test_too_big_to_send(void **state)
{
    struct fixture f;
    char *text = malloc(NVR_RPC_LINE_MAX + 1);

    (void)state;
    assert_non_null(text);
    memset(text, 'x', NVR_RPC_LINE_MAX);
    text[NVR_RPC_LINE_MAX] = 0;
    open_pair(&f, false);
    assert_int_equal(nvr_rpc_notify(f.a.rpc, "big", json_pack("{s:s}", "t", text), NULL, 0),
                     -EMSGSIZE);
    assert_int_equal(nvr_rpc_notify(f.a.rpc, "small", NULL, NULL, 0), 0);
    run_until(&f, &f.b.requests, 1);
    assert_string_equal(f.b.last_method, "small");
    free(text);
    close_pair(&f);
}

static void test_flush(void **state)
{
    struct fixture f;
    char *text = malloc(900001);

    (void)state;
    assert_non_null(text);
    memset(text, 'x', 900000);
    text[900000] = 0;
    open_pair(&f, true);
    assert_int_equal(nvr_rpc_flush(f.a.rpc, 10), 0);
    assert_int_equal(nvr_rpc_notify(f.a.rpc, "big", json_pack("{s:s}", "t", text), NULL, 0), 0);
    assert_int_equal(nvr_rpc_flush(f.a.rpc, 10), -ETIMEDOUT);
    (void)shutdown(f.raw, SHUT_RDWR);
    assert_int_equal(nvr_rpc_flush(f.a.rpc, 10), -ECONNRESET);
    free(text);
    close_pair(&f);
}

/* ---- post ---- */

struct posts {
    struct nvr_post *post;
    int order[4];
    int count;
};
static struct posts posts;

static void add_one(void *arg)
{
    posts.order[posts.count++] = (int)(intptr_t)arg;
}

static void thread_main(void *arg)
{
    (void)arg;
    for (intptr_t i = 1; i <= 3; i++)
        assert_int_equal(nvr_post_send(posts.post, add_one, (void *)i), 0);
}

static void test_correlation(void **state)
{
    struct answer answer = {.fd = -1};
    struct fixture f;

    (void)state;
    open_pair(&f, false);
    nvr_log_set_request("request-1");
    assert_int_equal(nvr_rpc_notify(f.a.rpc, "one", NULL, NULL, 0), 0);
    nvr_log_set_request(NULL);
    while (f.b.requests == 0)
        (void)uv_run(&f.loop, UV_RUN_ONCE);
    assert_string_equal(f.b.last_request, "request-1");
    assert_int_equal(nvr_rpc_call(f.a.rpc, "double", json_pack("{s:i}", "value", 1), NULL, 0, 5000,
                                  on_reply, &answer),
                     0);
    while (answer.count == 0)
        (void)uv_run(&f.loop, UV_RUN_ONCE);
    assert_string_equal(f.b.last_request, "");
    assert_string_equal(nvr_log_get_request(), "");
    close_pair(&f);
}

static void test_post(void **state)
{
    uv_loop_t loop;
    uv_thread_t thread;

    (void)state;
    posts = (struct posts){0};
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(nvr_post_new(&loop, &posts.post), 0);
    assert_int_equal(uv_thread_create(&thread, thread_main, NULL), 0);
    while (posts.count < 3)
        (void)uv_run(&loop, UV_RUN_ONCE);
    (void)uv_thread_join(&thread);
    for (int i = 0; i < 3; i++)
        assert_int_equal(posts.order[i], i + 1);
    assert_int_equal(nvr_post_send(posts.post, add_one, (void *)(intptr_t)9), 0);
    nvr_post_free(posts.post);
    assert_int_equal(posts.order[3], 9);
    assert_int_equal(nvr_post_send(posts.post, add_one, NULL), -ECANCELED);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    nvr_post_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_call),       cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_deadline),   cmocka_unit_test(test_peer_goes),
        cmocka_unit_test(test_last_words), cmocka_unit_test(test_free_fails_calls),
        cmocka_unit_test(test_garbage),    cmocka_unit_test(test_split_lines),
        cmocka_unit_test(test_oversize),   cmocka_unit_test(test_backlog),
        cmocka_unit_test(test_flush),      cmocka_unit_test(test_too_big_to_send),
        cmocka_unit_test(test_post),       cmocka_unit_test(test_correlation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
