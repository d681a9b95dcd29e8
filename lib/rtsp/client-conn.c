/* DNS, connection, and the byte stream: replies and interleaved frames (RFC 2326 §10.12), parsed in
 * place from large reads. */
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/rtsp/client.h"

NVR_LOG_TOPIC("rtsp");

#define READS_PER_WAKEUP 4               /* then the loop gets a turn */
#define GARBAGE_MAX ((size_t)256 * 1024) /* bytes that are neither RTSP nor media, in a row */

struct nvr_rtsp_resolve {
    uv_getaddrinfo_t request;
    struct nvr_rtsp *client; /* NULL: nobody waits any more */
};

static void on_poll(uv_poll_t *poll, int status, int events);

/* ---- names ---- */

void nvr_rtsp_cancel_resolve(struct nvr_rtsp *client)
{
    if (!client->resolve)
        return;
    client->resolve->client = NULL;
    (void)uv_cancel((uv_req_t *)&client->resolve->request); /* busy: it ends by itself */
    client->resolve = NULL;
}

static void add_address(struct nvr_rtsp *client, const struct sockaddr *address)
{
    struct sockaddr_storage *slot = &client->addresses[client->addresses_count];
    const uint16_t port = htons((uint16_t)client->url.port);

    if (client->addresses_count == NVR_RTSP_ADDRESSES_MAX)
        return;
    if (address->sa_family == AF_INET) {
        memcpy(slot, address, sizeof(struct sockaddr_in));
        ((struct sockaddr_in *)slot)->sin_port = port;
    } else if (address->sa_family == AF_INET6) {
        memcpy(slot, address, sizeof(struct sockaddr_in6));
        ((struct sockaddr_in6 *)slot)->sin6_port = port;
    } else {
        return;
    }
    client->addresses_count++;
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct nvr_rtsp_resolve *resolve = request->data;
    struct nvr_rtsp *client = resolve->client;

    if (client) {
        client->resolve = NULL;
        for (const struct addrinfo *item = list; status == 0 && item; item = item->ai_next)
            add_address(client, item->ai_addr);
        if (client->addresses_count > 0)
            nvr_rtsp_connect_next(client, 0);
        else
            nvr_rtsp_fail(client, &(struct nvr_rtsp_fault){-EHOSTUNREACH, "unreachable", 0, false},
                          "The name %s is not known", client->url.host);
    }
    uv_freeaddrinfo(list);
    free(resolve);
}

static void resolve_name(struct nvr_rtsp *client)
{
    static const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct nvr_rtsp_resolve *resolve = calloc(1, sizeof(*resolve));
    int r = -ENOMEM;

    if (resolve) {
        resolve->client = client;
        resolve->request.data = resolve;
        r = uv_getaddrinfo(client->loop, &resolve->request, on_resolved, client->url.host, NULL,
                           &hints);
    }
    if (r < 0) {
        free(resolve);
        nvr_rtsp_fail(client, &(struct nvr_rtsp_fault){r, "unreachable", 0, false},
                      "The name %s could not be looked up: %s", client->url.host, uv_strerror(r));
        return;
    }
    client->resolve = resolve;
}

void nvr_rtsp_connect(struct nvr_rtsp *client)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;

    client->state = NVR_RTSP_STATE_RESOLVE;
    client->addresses_count = client->address = 0;
    if (client->url.port < 1 || client->url.port > 65535) {
        nvr_rtsp_fail(client, &(struct nvr_rtsp_fault){-EINVAL, "protocol", 0, false},
                      "The address has no usable port");
    } else if (uv_ip4_addr(client->url.host, client->url.port, &address.v4) == 0 ||
               uv_ip6_addr(client->url.host, client->url.port, &address.v6) == 0) {
        add_address(client, &address.any);
        nvr_rtsp_connect_next(client, 0);
    } else {
        resolve_name(client);
    }
}

/* ---- connection ---- */

static void fail_connect(struct nvr_rtsp *client, int error)
{
    const char *host = client->url.host;
    const int port = client->url.port;

    if (error == -ECONNREFUSED)
        nvr_rtsp_fail(client, &(struct nvr_rtsp_fault){error, "refused", 0, false},
                      "%s refused the connection on port %d", host, port);
    else if (error == -ETIMEDOUT)
        nvr_rtsp_fail(client, &(struct nvr_rtsp_fault){error, "timeout", 0, false},
                      "No answer from %s port %d", host, port);
    else
        nvr_rtsp_fail(client, &(struct nvr_rtsp_fault){error, "unreachable", 0, false},
                      "%s port %d cannot be reached: %s", host, port, strerrordesc_np(-error));
}

static int start_connect(struct nvr_rtsp *client, const struct sockaddr_storage *address)
{
    const socklen_t size =
        address->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    const int one = 1;
    NVR_AUTO_FD int fd =
        socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);

    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(fd, (const struct sockaddr *)address, size) < 0 && errno != EINPROGRESS)
        return -errno;
    return nvr_rtsp_io_new(client, NVR_TAKE_FD(fd), UV_WRITABLE, on_poll, &client->tcp);
}

void nvr_rtsp_connect_next(struct nvr_rtsp *client, int last_error)
{
    const uint64_t now = uv_now(client->loop);

    client->state = NVR_RTSP_STATE_CONNECT;
    nvr_rtsp_io_close(&client->tcp);
    while (client->address < client->addresses_count) {
        const unsigned left = client->addresses_count - client->address;

        /* One address that swallows everything must not use up the time of the others. */
        if (client->deadline_ms > now)
            client->attempt_deadline_ms = now + (client->deadline_ms - now) / left;
        last_error = start_connect(client, &client->addresses[client->address++]);
        if (last_error == 0) {
            nvr_rtsp_arm(client);
            return;
        }
    }
    fail_connect(client, last_error ? last_error : -EHOSTUNREACH);
}

void nvr_rtsp_disconnect(struct nvr_rtsp *client)
{
    nvr_rtsp_io_close(&client->tcp);
    nvr_buf_reset(&client->out);
    client->writing = false;
    client->in_len = 0;
    nvr_rtsp_patience_init(&client->patience);
    client->garbage = 0;
    client->got_reply = false;
    client->request.pending = false;
    client->session[0] = '\0';
}

void nvr_rtsp_reconnect(struct nvr_rtsp *client)
{
    nvr_rtsp_disconnect(client);
    if (client->address > 0)
        client->address--; /* the one that worked */
    nvr_rtsp_connect_next(client, 0);
}

int nvr_rtsp_adopt(struct nvr_rtsp *client, int fd)
{
    client->state = NVR_RTSP_STATE_CONNECT;
    client->deadline_ms = client->attempt_deadline_ms = uv_now(client->loop) + client->timeout_ms;
    nvr_rtsp_arm(client);
    return nvr_rtsp_io_new(client, fd, UV_WRITABLE, on_poll, &client->tcp);
}

static void on_connected(struct nvr_rtsp *client)
{
    socklen_t size = sizeof(int);
    int error = 0;

    if (getsockopt(client->tcp->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        error = errno;
    if (error) {
        nvr_rtsp_connect_next(client, -error);
        return;
    }
    if (uv_poll_start(&client->tcp->poll, UV_READABLE, on_poll) < 0) {
        fail_connect(client, -EIO);
        return;
    }
    nvr_rtsp_begin(client);
}

/* ---- out ---- */

static void lose(struct nvr_rtsp *client, int error);

void nvr_rtsp_flush(struct nvr_rtsp *client)
{
    bool wait;

    while (client->tcp && client->out.len > 0) {
        const ssize_t n =
            send(client->tcp->fd, client->out.data, client->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0) {
            lose(client, -errno);
            return;
        }
        nvr_buf_consume(&client->out, (size_t)n);
    }
    wait = client->out.len > 0;
    if (client->tcp && wait != client->writing) {
        client->writing = wait;
        if (uv_poll_start(&client->tcp->poll, wait ? UV_READABLE | UV_WRITABLE : UV_READABLE,
                          on_poll) < 0)
            lose(client, -EIO);
    }
}

/* ---- in ---- */

/* The connection broke or was closed (error 0). */
static void lose(struct nvr_rtsp *client, int error)
{
    const int reason = error ? error : -ECONNRESET;

    if (client->state == NVR_RTSP_STATE_PLAYING) {
        nvr_rtsp_fail(client, &(struct nvr_rtsp_fault){reason, "ended", 0, false},
                      "The camera closed the connection");
        return;
    }
    /* Some servers hang up behind their 401: the answer to it goes over a new connection. */
    if (client->request.authorized && !client->authenticated && !client->reconnected) {
        client->reconnected = true;
        nvr_rtsp_reconnect(client);
        return;
    }
    nvr_rtsp_fail(client, &(struct nvr_rtsp_fault){reason, "protocol", 0, false},
                  client->got_reply
                      ? "The camera closed the connection instead of answering %s"
                      : "The device closed the connection without an answer to %s: is this RTSP?",
                  nvr_rtsp_method_name(client->request.method));
}

/* Whose channel: index into media, or -1. */
static int find_channel(const struct nvr_rtsp *client, uint8_t channel, bool *ret_rtcp)
{
    if (client->transport != NVR_RTSP_TCP)
        return -1;
    for (unsigned i = 0; i < client->media_count; i++) {
        const struct nvr_rtsp_media *media = &client->media[i];

        if (media->ready && (channel == media->rtp_channel || channel == media->rtcp_channel)) {
            *ret_rtcp = channel != media->rtp_channel;
            return (int)i;
        }
    }
    return -1;
}

static bool may_be_message(const uint8_t *data, size_t size)
{
    return size == 0 || (data[0] >= 'A' && data[0] <= 'Z') || data[0] == '\r' || data[0] == '\n';
}

/* Behind bytes that make no sense: the next place where something known may begin. */
static size_t resynchronise(const struct nvr_rtsp *client, const uint8_t *data, size_t size)
{
    bool rtcp;

    for (size_t i = 1; i < size; i++) {
        if (data[i] == '$' && (i + 1 >= size || find_channel(client, data[i + 1], &rtcp) >= 0) &&
            (i + 4 >= size || data[i + 4] >> 6 == 2))
            return i;
        if (data[i] == 'R' && memcmp(data + i, "RTSP/1.0", NVR_MIN(size - i, 8u)) == 0)
            return i;
    }
    return size;
}

static size_t skip_garbage(struct nvr_rtsp *client, const uint8_t *data, size_t size)
{
    const size_t skipped = resynchronise(client, data, size);

    client->garbage += skipped;
    if (client->garbage > GARBAGE_MAX || client->state != NVR_RTSP_STATE_PLAYING)
        nvr_rtsp_fail(client, &(struct nvr_rtsp_fault){-EPROTO, "protocol", 0, false},
                      client->got_reply ? "The camera sent data that is not RTSP"
                                        : "%s port %d does not speak RTSP",
                      client->url.host, client->url.port);
    return skipped;
}

/* One thing at the start of data: bytes eaten, 0 when more are needed. */
static size_t consume_one(struct nvr_rtsp *client, const uint8_t *data, size_t size,
                          int64_t arrival_us)
{
    struct nvr_rtsp_message message;
    int r;

    if (data[0] == '$') {
        size_t length;
        bool rtcp;
        int media;

        if (size < 4)
            return 0;
        length = nvr_get16(data + 2);
        if (size < 4 + length)
            return 0;
        media = find_channel(client, data[1], &rtcp);
        if (media >= 0) {
            client->garbage = 0;
            if (!rtcp && length > 1 && client->media[media].video)
                nvr_rtsp_patience_video(&client->patience, length, data[5] & 0x80, arrival_us);
            nvr_rtsp_on_media(client, (unsigned)media, rtcp, data + 4, length, arrival_us);
        }
        return 4 + length;
    }
    if (data[0] == '\r' || data[0] == '\n')
        return 1; /* blank lines between messages (RFC 2326 §4.1) */
    if (!may_be_message(data, size))
        return skip_garbage(client, data, size);
    r = nvr_rtsp_message_parse(data, size, &message);
    if (r == -EAGAIN)
        return 0;
    if (r < 0)
        return skip_garbage(client, data, size);
    client->garbage = 0;
    client->got_reply = true;
    nvr_rtsp_on_message(client, &message);
    return (size_t)r;
}

/* Returns false when the connection is not the one it was. */
static bool consume(struct nvr_rtsp *client, int64_t arrival_us)
{
    const struct nvr_rtsp_io *tcp = client->tcp;
    size_t pos = 0;

    while (pos < client->in_len) {
        const size_t n = consume_one(client, client->in + pos, client->in_len - pos, arrival_us);

        if (nvr_rtsp_is_over(client) || client->tcp != tcp)
            return false;
        if (n == 0)
            break;
        pos += n;
    }
    if (pos > 0) {
        client->in_len -= pos;
        memmove(client->in, client->in + pos, client->in_len);
    }
    return true;
}

/* Only with sound: without it, every wake-up is for a picture already. */
static bool has_sound(const struct nvr_rtsp *client)
{
    for (unsigned i = 0; i < client->media_count; i++)
        if (client->media[i].ready && !client->media[i].video)
            return true;
    return false;
}

static void be_patient(struct nvr_rtsp *client)
{
    const int bytes =
        has_sound(client) ? nvr_rtsp_patience_bytes(&client->patience, client->in_len > 0) : 1;

    if (bytes == client->patience.in_force ||
        setsockopt(client->tcp->fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof(bytes)) < 0)
        return;
    client->patience.in_force = bytes;
}

static void on_readable(struct nvr_rtsp *client)
{
    for (unsigned i = 0; i < READS_PER_WAKEUP; i++) {
        const size_t room = NVR_RTSP_IN_SIZE - client->in_len;
        const ssize_t n = recv(client->tcp->fd, client->in + client->in_len, room, MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            lose(client, n < 0 ? -errno : 0);
            return;
        }
        client->in_len += (size_t)n;
        if (!consume(client, nvr_clock_wall_us()))
            return;
        if ((size_t)n < room) {
            be_patient(client);
            return;
        }
        if (client->in_len == NVR_RTSP_IN_SIZE) { /* cannot be: every unit is smaller */
            (void)skip_garbage(client, client->in, client->in_len);
            client->in_len = 0;
            return;
        }
    }
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct nvr_rtsp_io *io = poll->data;
    struct nvr_rtsp *client = io->client;

    if (client->state == NVR_RTSP_STATE_CONNECT) {
        on_connected(client);
        return;
    }
    if (status < 0) {
        lose(client, status);
        return;
    }
    if (events & UV_WRITABLE)
        nvr_rtsp_flush(client);
    if ((events & UV_READABLE) && !nvr_rtsp_is_over(client) && client->tcp == io)
        on_readable(client);
}
