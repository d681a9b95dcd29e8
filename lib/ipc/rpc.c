#include "lib/ipc/rpc.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

#define READ_STEP 16384
#define READS_PER_WAKE 8   /* then other handles of the loop get their turn */
#define FDS_PER_PACKET 16  /* room for control data; a peer that sends more is cut off */
#define FDS_WAITING_MAX 32 /* arrived, but their line is not complete yet */
#define CALLS_PENDING_MAX 4096

struct rpc_out {
    struct rpc_out *next;
    size_t len, sent;
    size_t fds_count;
    int fds[NVR_RPC_FDS_MAX]; /* duplicates, closed once sent */
    char *text;
};

struct rpc_call {
    struct rpc_call *next;
    int64_t id;
    int64_t deadline_ms; /* monotonic */
    nvr_rpc_on_reply on_reply;
    void *arg;
};

struct nvr_rpc {
    uv_poll_t poll;
    uv_timer_t timer; /* earliest deadline, or the deferred end */
    int handles;      /* uv handles that are still open */
    int fd;
    const struct nvr_rpc_handlers *handlers;
    void *arg;

    struct nvr_buf in;
    size_t scanned; /* bytes of in without a newline */
    int waiting[FDS_WAITING_MAX];
    size_t waiting_count;

    struct rpc_out *out_head, **out_tail;
    size_t out_bytes;
    bool write_broken; /* peer reads no more; what it said before is still read */

    struct rpc_call *calls;
    size_t calls_count;
    int64_t next_id;

    bool ended; /* on_close ran or must not run */
    bool freed;
    int fail_reason; /* set: end with it from the timer */
};

static void on_poll(uv_poll_t *handle, int status, int events);
static void on_timer(uv_timer_t *timer);

/* ---- life ---- */

static void close_fds(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fds[i] >= 0)
            (void)close(fds[i]);
        fds[i] = -1;
    }
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct nvr_rpc *rpc = handle->data;

    if (--rpc->handles == 0)
        free(rpc);
}

int nvr_rpc_new_take(uv_loop_t *loop, int fd, const struct nvr_rpc_handlers *handlers, void *arg,
                     struct nvr_rpc **ret_rpc)
{
    struct nvr_rpc *rpc = calloc(1, sizeof(*rpc));
    int r;

    if (!rpc) {
        (void)close(fd);
        return -ENOMEM;
    }
    rpc->fd = fd;
    rpc->handlers = handlers;
    rpc->arg = arg;
    rpc->out_tail = &rpc->out_head;
    rpc->next_id = 1;
    nvr_buf_init(&rpc->in, NVR_RPC_LINE_MAX + READ_STEP);
    r = uv_poll_init(loop, &rpc->poll, fd);
    if (r < 0) {
        (void)close(fd);
        free(rpc);
        return r;
    }
    rpc->poll.data = rpc;
    (void)uv_timer_init(loop, &rpc->timer);
    rpc->timer.data = rpc;
    rpc->handles = 2;
    r = uv_poll_start(&rpc->poll, UV_READABLE, on_poll);
    if (r < 0) {
        nvr_rpc_free(rpc);
        return r;
    }
    *ret_rpc = rpc;
    return 0;
}

static void drop_output(struct nvr_rpc *rpc)
{
    while (rpc->out_head) {
        struct rpc_out *out = rpc->out_head;

        rpc->out_head = out->next;
        close_fds(out->fds, out->fds_count);
        free(out->text);
        free(out);
    }
    rpc->out_tail = &rpc->out_head;
    rpc->out_bytes = 0;
}

static void finish_call(struct nvr_rpc *rpc, struct rpc_call *call,
                        const struct nvr_rpc_reply *reply)
{
    call->on_reply(rpc, reply, call->arg);
    free(call);
}

static void fail_calls(struct nvr_rpc *rpc)
{
    while (rpc->calls) {
        struct rpc_call *call = rpc->calls;

        rpc->calls = call->next;
        rpc->calls_count--;
        finish_call(rpc, call,
                    &(struct nvr_rpc_reply){.error = -ECONNRESET,
                                            .code = NVR_RPC_FAILED,
                                            .message = "connection ended"});
    }
}

/* The connection is over; the object stays until nvr_rpc_free(). */
static void end(struct nvr_rpc *rpc, int reason)
{
    if (rpc->ended || rpc->freed)
        return;
    rpc->ended = true;
    (void)uv_poll_stop(&rpc->poll);
    (void)uv_timer_stop(&rpc->timer);
    drop_output(rpc);
    fail_calls(rpc);
    if (!rpc->freed && rpc->handlers->on_close)
        rpc->handlers->on_close(rpc, reason, rpc->arg);
}

void nvr_rpc_free(struct nvr_rpc *rpc)
{
    if (!rpc || rpc->freed)
        return;
    rpc->freed = true; /* before the callbacks: none of them frees twice */
    fail_calls(rpc);
    drop_output(rpc);
    close_fds(rpc->waiting, rpc->waiting_count);
    rpc->waiting_count = 0;
    uv_close((uv_handle_t *)&rpc->poll, on_handle_closed);
    uv_close((uv_handle_t *)&rpc->timer, on_handle_closed);
    (void)close(rpc->fd);
    rpc->fd = -1;
    nvr_buf_done(&rpc->in);
}

/* From inside a caller's call no callback may run: end at the next turn of the loop. */
static void end_later(struct nvr_rpc *rpc, int reason)
{
    if (rpc->ended || rpc->freed || rpc->fail_reason)
        return;
    rpc->fail_reason = reason;
    (void)uv_timer_start(&rpc->timer, on_timer, 0, 0);
}

/* ---- deadlines ---- */

static void arm_timer(struct nvr_rpc *rpc)
{
    int64_t earliest = INT64_MAX;

    if (rpc->fail_reason || rpc->ended || rpc->freed)
        return;
    for (const struct rpc_call *call = rpc->calls; call; call = call->next)
        earliest = NVR_MIN(earliest, call->deadline_ms);
    if (earliest == INT64_MAX) {
        (void)uv_timer_stop(&rpc->timer);
        return;
    }
    uv_update_time(rpc->timer.loop);
    (void)uv_timer_start(&rpc->timer, on_timer,
                         (uint64_t)NVR_MAX(earliest - nvr_clock_mono_ms(), 1), 0);
}

static struct rpc_call *take_overdue(struct nvr_rpc *rpc, int64_t now)
{
    for (struct rpc_call **at = &rpc->calls; *at; at = &(*at)->next) {
        struct rpc_call *call = *at;

        if (call->deadline_ms <= now) {
            *at = call->next;
            rpc->calls_count--;
            return call;
        }
    }
    return NULL;
}

static void on_timer(uv_timer_t *timer)
{
    struct nvr_rpc *rpc = timer->data;
    const int64_t now = nvr_clock_mono_ms();
    struct rpc_call *call;

    if (rpc->fail_reason) {
        end(rpc, rpc->fail_reason);
        return;
    }
    while (!rpc->freed && (call = take_overdue(rpc, now)))
        finish_call(rpc, call,
                    &(struct nvr_rpc_reply){.error = -ETIMEDOUT,
                                            .code = NVR_RPC_FAILED,
                                            .message = "no answer in time"});
    arm_timer(rpc);
}

/* ---- sending ---- */

/* 1: all of it is sent, 0: the socket is full, -errno. */
static int send_one(struct nvr_rpc *rpc, struct rpc_out *out)
{
    while (out->sent < out->len) {
        struct iovec iov = {.iov_base = out->text + out->sent, .iov_len = out->len - out->sent};
        union {
            struct cmsghdr header;
            char bytes[CMSG_SPACE(sizeof(int) * NVR_RPC_FDS_MAX)];
        } control = {0};
        struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

        if (out->fds_count) {
            message.msg_control = control.bytes;
            message.msg_controllen = CMSG_SPACE(sizeof(int) * out->fds_count);
            control.header.cmsg_level = SOL_SOCKET;
            control.header.cmsg_type = SCM_RIGHTS;
            control.header.cmsg_len = CMSG_LEN(sizeof(int) * out->fds_count);
            memcpy(CMSG_DATA(&control.header), out->fds, sizeof(int) * out->fds_count);
        }
        const ssize_t n = sendmsg(rpc->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? 0 : -errno;
        close_fds(out->fds, out->fds_count); /* they went with the first byte */
        out->fds_count = 0;
        out->sent += (size_t)n;
        rpc->out_bytes -= (size_t)n;
    }
    return 1;
}

static void send_queued(struct nvr_rpc *rpc)
{
    while (rpc->out_head) {
        struct rpc_out *out = rpc->out_head;
        const int r = send_one(rpc, out);

        if (r == 0)
            return;
        if (r < 0) {
            /* Reading goes on: the peer's last words may still be in the socket. */
            rpc->write_broken = true;
            drop_output(rpc);
            return;
        }
        rpc->out_head = out->next;
        if (!rpc->out_head)
            rpc->out_tail = &rpc->out_head;
        free(out->text);
        free(out);
    }
}

static void watch_socket(struct nvr_rpc *rpc)
{
    if (!rpc->ended && !rpc->freed)
        (void)uv_poll_start(&rpc->poll, UV_READABLE | (rpc->out_head ? UV_WRITABLE : 0), on_poll);
}

static int dup_fds(struct rpc_out *out, const int *fds, size_t fds_count)
{
    for (size_t i = 0; i < fds_count; i++) {
        out->fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
        if (out->fds[i] < 0)
            return -errno;
        out->fds_count++;
    }
    return 0;
}

/* Takes message (steals the reference), even on failure. */
static int send_message(struct nvr_rpc *rpc, json_t *message, const int *fds, size_t fds_count)
{
    NVR_AUTO_JSON owned = message;
    struct nvr_buf buf;
    struct rpc_out *out;
    int r;

    if (!owned || json_object_set_new(owned, "jsonrpc", json_string("2.0")) < 0)
        return -ENOMEM;
    if (rpc->ended || rpc->freed || rpc->write_broken || rpc->fail_reason)
        return -ECONNRESET;
    if (fds_count > NVR_RPC_FDS_MAX)
        return -EINVAL;
    if (fds_count && json_object_set_new(owned, "fds", json_integer((json_int_t)fds_count)) < 0)
        return -ENOMEM;
    out = calloc(1, sizeof(*out));
    if (!out)
        return -ENOMEM;
    nvr_buf_init(&buf, NVR_RPC_LINE_MAX);
    r = nvr_json_append(&buf, owned);
    if (r == 0)
        r = nvr_buf_append_char(&buf, '\n');
    out->len = buf.len;
    if (r == 0 && rpc->out_bytes + out->len > NVR_RPC_BACKLOG_MAX) {
        end_later(rpc, -ENOBUFS);
        r = -ENOBUFS;
    }
    if (r == 0)
        r = dup_fds(out, fds, fds_count);
    if (r == 0) {
        out->text = nvr_buf_take_cstr(&buf);
        r = out->text ? 0 : -ENOMEM;
    }
    if (r < 0) {
        close_fds(out->fds, out->fds_count);
        nvr_buf_done(&buf);
        free(out);
        return r;
    }
    *rpc->out_tail = out;
    rpc->out_tail = &out->next;
    rpc->out_bytes += out->len;
    send_queued(rpc);
    watch_socket(rpc);
    return 0;
}

/* NULL: the work at hand was not asked for by a request. */
static const char *current_request(void)
{
    const char *request = nvr_log_get_request();

    return *request ? request : NULL;
}

int nvr_rpc_call(struct nvr_rpc *rpc, const char *method, json_t *params, const int *fds,
                 size_t fds_count, unsigned timeout_ms, nvr_rpc_on_reply on_reply, void *arg)
{
    struct rpc_call *call;
    const int64_t id = rpc->next_id;
    int r;

    if (!params)
        params = json_object();
    if (rpc->calls_count >= CALLS_PENDING_MAX || !(call = malloc(sizeof(*call)))) {
        json_decref(params);
        return rpc->calls_count >= CALLS_PENDING_MAX ? -ENOBUFS : -ENOMEM;
    }
    r = send_message(rpc,
                     json_pack("{s:I, s:s, s:o, s:s*}", "id", (json_int_t)id, "method", method,
                               "params", params, "request_id", current_request()),
                     fds, fds_count);
    if (r < 0) {
        free(call);
        return r;
    }
    rpc->next_id++;
    *call = (struct rpc_call){
        .next = rpc->calls,
        .id = id,
        .deadline_ms = nvr_clock_mono_ms() + timeout_ms,
        .on_reply = on_reply,
        .arg = arg,
    };
    rpc->calls = call;
    rpc->calls_count++;
    arm_timer(rpc);
    return 0;
}

int nvr_rpc_notify(struct nvr_rpc *rpc, const char *method, json_t *params, const int *fds,
                   size_t fds_count)
{
    if (!params)
        params = json_object();
    return send_message(rpc,
                        json_pack("{s:s, s:o, s:s*}", "method", method, "params", params,
                                  "request_id", current_request()),
                        fds, fds_count);
}

int nvr_rpc_reply_result(struct nvr_rpc *rpc, int64_t id, json_t *result, const int *fds,
                         size_t fds_count)
{
    if (!result)
        result = json_object();
    if (id < 0) {
        json_decref(result);
        return 0;
    }
    return send_message(rpc, json_pack("{s:I, s:o}", "id", (json_int_t)id, "result", result), fds,
                        fds_count);
}

int nvr_rpc_reply_error(struct nvr_rpc *rpc, int64_t id, int code, const char *message,
                        json_t *data)
{
    if (id < 0) {
        json_decref(data);
        return 0;
    }
    return send_message(rpc,
                        json_pack("{s:I, s:{s:i, s:s, s:o*}}", "id", (json_int_t)id, "error",
                                  "code", code, "message", message, "data", data),
                        NULL, 0);
}

int nvr_rpc_flush(struct nvr_rpc *rpc, unsigned timeout_ms)
{
    const int64_t deadline = nvr_clock_mono_ms() + timeout_ms;

    for (;;) {
        send_queued(rpc);
        if (rpc->write_broken || rpc->ended || rpc->freed)
            return -ECONNRESET;
        if (!rpc->out_head)
            return 0;
        const int64_t left = deadline - nvr_clock_mono_ms();

        if (left <= 0)
            return -ETIMEDOUT;
        (void)poll(&(struct pollfd){.fd = rpc->fd, .events = POLLOUT}, 1, (int)left);
    }
}

/* ---- receiving ---- */

static struct rpc_call *take_call(struct nvr_rpc *rpc, int64_t id)
{
    for (struct rpc_call **at = &rpc->calls; *at; at = &(*at)->next) {
        struct rpc_call *call = *at;

        if (call->id == id) {
            *at = call->next;
            rpc->calls_count--;
            return call;
        }
    }
    return NULL;
}

// NOLINTNEXTLINE(readability-non-const-parameter): the receiver takes descriptors out of it
static int handle_reply(struct nvr_rpc *rpc, const json_t *message, int64_t id, int *fds,
                        size_t fds_count)
{
    const json_t *result = json_object_get(message, "result");
    const json_t *error = json_object_get(message, "error");
    struct nvr_rpc_reply reply = {.result = result, .fds = fds, .fds_count = fds_count};
    struct rpc_call *call;

    if (!result == !error || id < 0)
        return -EPROTO;
    if (error) {
        int64_t code = NVR_RPC_FAILED;

        reply.error = -EREMOTEIO;
        reply.message = "no reason given";
        reply.data = json_object_get(error, "data");
        if (!json_is_object(error) ||
            nvr_json_get_int(error, "code", INT32_MIN, INT32_MAX, &code) < 0 ||
            nvr_json_get_str(error, "message", &reply.message) < 0)
            return -EPROTO;
        reply.code = (int)code;
    }
    call = take_call(rpc, id);
    if (!call)
        return 0; /* too late: its deadline is over */
    finish_call(rpc, call, &reply);
    arm_timer(rpc);
    return 0;
}

// NOLINTNEXTLINE(readability-non-const-parameter): the receiver takes descriptors out of it
static int handle_request(struct nvr_rpc *rpc, const json_t *message, int64_t id, int *fds,
                          size_t fds_count)
{
    const json_t *params = json_object_get(message, "params");
    NVR_AUTO_JSON empty = NULL;
    struct nvr_rpc_request request = {.id = id, .fds = fds, .fds_count = fds_count};
    const char *request_id = NULL;

    if (nvr_json_get_str(message, "method", &request.method) != 1)
        return -EPROTO;
    if (params && !json_is_object(params))
        return nvr_rpc_reply_error(rpc, id, NVR_RPC_INVALID_PARAMS, "params must be an object",
                                   NULL);
    if (!params) {
        empty = json_object();
        params = empty;
        if (!empty)
            return -ENOMEM;
    }
    request.params = params;
    if (nvr_json_get_str(message, "request_id", &request_id) < 0)
        return -EPROTO;
    if (rpc->handlers->on_request) {
        nvr_log_set_request(request_id);
        rpc->handlers->on_request(rpc, &request, rpc->arg);
        nvr_log_set_request(NULL);
    } else {
        return nvr_rpc_reply_error(rpc, id, NVR_RPC_METHOD_NOT_FOUND, "no such method", NULL);
    }
    return 0;
}

/* The descriptors that this line announces, oldest first. Count, or -EPROTO. */
static int take_fds(struct nvr_rpc *rpc, const json_t *message, int fds[NVR_RPC_FDS_MAX])
{
    int64_t count = 0;

    if (nvr_json_get_int(message, "fds", 0, NVR_RPC_FDS_MAX, &count) < 0 ||
        (size_t)count > rpc->waiting_count)
        return -EPROTO;
    for (size_t i = 0; i < (size_t)count; i++)
        fds[i] = rpc->waiting[i];
    rpc->waiting_count -= (size_t)count;
    memmove(rpc->waiting, rpc->waiting + count, rpc->waiting_count * sizeof(int));
    return (int)count;
}

static int handle_line(struct nvr_rpc *rpc, const char *line, size_t len)
{
    NVR_AUTO_JSON message = NULL;
    int fds[NVR_RPC_FDS_MAX];
    int64_t id = -1;
    int fds_count, r;

    r = nvr_json_parse(line, len, &message, NULL, 0);
    if (r < 0)
        return r;
    if (!json_is_object(message) || nvr_json_get_int(message, "id", 0, INT64_MAX, &id) < 0)
        return -EPROTO;
    fds_count = take_fds(rpc, message, fds);
    if (fds_count < 0)
        return fds_count;
    if (json_object_get(message, "method"))
        r = handle_request(rpc, message, id, fds, (size_t)fds_count);
    else
        r = handle_reply(rpc, message, id, fds, (size_t)fds_count);
    close_fds(fds, (size_t)fds_count); /* -1 where the callback kept it */
    return r;
}

static int handle_lines(struct nvr_rpc *rpc)
{
    size_t start = 0;
    int r = 0;

    while (!rpc->freed && !rpc->ended && r >= 0) {
        const size_t from = NVR_MAX(start, rpc->scanned);
        const uint8_t *base = rpc->in.data;
        const uint8_t *newline =
            from < rpc->in.len ? memchr(base + from, '\n', rpc->in.len - from) : NULL;

        if (!newline) {
            rpc->scanned = rpc->in.len;
            break;
        }
        const size_t len = (size_t)(newline - base) - start;

        if (len > NVR_RPC_LINE_MAX)
            return -EMSGSIZE;
        if (len)
            r = handle_line(rpc, (const char *)base + start, len);
        start += len + 1;
    }
    if (rpc->freed || r < 0)
        return r;
    nvr_buf_consume(&rpc->in, start);
    rpc->scanned -= NVR_MIN(start, rpc->scanned);
    return rpc->in.len > NVR_RPC_LINE_MAX ? -EMSGSIZE : 0;
}

static int keep_fds(struct nvr_rpc *rpc, struct msghdr *message)
{
    int r = message->msg_flags & MSG_CTRUNC ? -EMSGSIZE : 0;

    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
         header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        for (size_t i = 0; i < count; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(fd));
            if (rpc->waiting_count < FDS_WAITING_MAX) {
                rpc->waiting[rpc->waiting_count++] = fd;
            } else {
                (void)close(fd);
                r = -EMSGSIZE;
            }
        }
    }
    return r;
}

/* 1: got bytes, 0: nothing more now, -ENODATA: the peer closed, -errno. */
static int receive(struct nvr_rpc *rpc)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * FDS_PER_PACKET)];
    } control;
    uint8_t *room = nvr_buf_reserve(&rpc->in, READ_STEP);
    struct iovec iov = {.iov_base = room, .iov_len = READ_STEP};
    struct msghdr message = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof(control.bytes),
    };

    if (!room)
        return nvr_buf_status(&rpc->in);
    const ssize_t n = recvmsg(rpc->fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : errno == ECONNRESET ? -ENODATA : -errno;
    const int r = keep_fds(rpc, &message);

    if (r < 0)
        return r;
    if (n == 0)
        return -ENODATA;
    rpc->in.len += (size_t)n;
    return 1;
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct nvr_rpc *rpc = handle->data;
    int r = status;

    if (status == 0 && (events & UV_WRITABLE)) {
        send_queued(rpc);
        watch_socket(rpc);
    }
    for (int i = 0; i < READS_PER_WAKE && r >= 0; i++) {
        r = receive(rpc);
        if (r <= 0)
            break;
        r = handle_lines(rpc);
        if (rpc->freed || rpc->ended)
            return;
    }
    if (r < 0)
        end(rpc, r == -ENODATA ? 0 : r);
}
