/* client.c — connections: accept, read requests, buffered and (on request) slow writing. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "tests/simcam/simcam.h"

#define BURST_SECONDS 0.2 /* of a rate-limited connection */

/* Bytes that may be sent now. */
static size_t allowed(struct sim_client *client)
{
    const int64_t now = nvr_clock_mono_us();

    if (client->rate <= 0)
        return client->out_len;
    client->allowance += (double)(now - client->last_flush_us) / 1e6 * client->rate;
    client->allowance = NVR_MIN(client->allowance, client->rate * BURST_SECONDS);
    client->last_flush_us = now;
    return NVR_MIN(client->out_len, (size_t)client->allowance);
}

void sim_client_flush(struct sim_client *client)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    size_t left = allowed(client);
    bool want;

    while (left && !client->dead) {
        const ssize_t n = send(client->fd, client->out, left, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0) {
            if (errno != EAGAIN && errno != EINTR)
                client->dead = true;
            break;
        }
        client->out_len -= (size_t)n;
        memmove(client->out, client->out + n, client->out_len);
        left -= (size_t)n;
        client->allowance -= (double)n;
        if (client->http && !client->out_len) {
            sim_http_fill(client);
            left = client->rate > 0
                       ? NVR_MIN(client->out_len, (size_t)NVR_MAX(client->allowance, 0))
                       : client->out_len;
        }
    }
    want = client->out_len > 0 && client->rate <= 0;
    if (want == client->want_out)
        return;
    event.events |= want ? (uint32_t)EPOLLOUT : 0U;
    (void)epoll_ctl(client->server->epoll_fd, EPOLL_CTL_MOD, client->fd, &event);
    client->want_out = want;
}

void sim_client_put(struct sim_client *client, const void *data, size_t len)
{
    if (client->out_len + len > SIM_OUT_CAP) {
        client->dead = true;
        return;
    }
    memcpy(client->out + client->out_len, data, len);
    client->out_len += len;
}

void sim_client_free(struct sim_server *server, int index)
{
    struct sim_client *client = server->clients[index];

    sim_mount_stop(client);
    for (int i = 0; i < SIM_TRACKS_MAX; i++) {
        if (client->transports[i].udp) {
            (void)close(client->transports[i].rtp_fd);
            (void)close(client->transports[i].rtcp_fd);
        }
    }
    if (client->body_fd >= 0)
        (void)close(client->body_fd);
    sim_log(2, "client %d closed (%s)", client->fd, client->mount ? client->mount->path : "-");
    (void)close(client->fd);
    free(client->out);
    free(client);
    server->clients[index] = server->clients[--server->client_count];
}

/* Closing with zero linger sends RST, as a host without a listener does. */
static void reset(int fd)
{
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};

    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    (void)close(fd);
}

void sim_client_accept(struct sim_server *server, bool http)
{
    const int listener = http ? server->http_fd : server->rtsp_fd;
    const int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    const int one = 1;
    struct epoll_event event = {.events = EPOLLIN};
    struct sim_client *client;

    if (fd < 0)
        return;
    server->connections++;
    if (server->refuse && !http) {
        reset(fd);
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    client = sim_calloc(1, sizeof(*client));
    client->server = server;
    client->fd = fd;
    client->http = http;
    client->body_fd = -1;
    client->mute = server->silent && !http;
    client->out = sim_calloc(1, SIM_OUT_CAP); /* pages that are not used are not there */
    client->session = sim_random();
    client->last_request_us = client->last_flush_us = nvr_clock_mono_us();
    (void)nvr_fmt(client->nonce, sizeof(client->nonce), "%08x%08x", sim_random(), sim_random());
    server->clients =
        sim_realloc(server->clients, sizeof(*server->clients) * (size_t)(server->client_count + 1));
    server->clients[server->client_count++] = client;
    event.data.ptr = client;
    (void)epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void drop_input(struct sim_client *client, size_t len)
{
    client->in_len -= len;
    memmove(client->in, client->in + len, client->in_len);
}

/* One request or RTCP packet from the input; its length, or 0: not complete. */
static size_t take_one(struct sim_client *client)
{
    char length[16];
    uint64_t body = 0;
    size_t used;
    char *end;

    if (client->in[0] == '$' && !client->http) { /* RTCP from the client */
        used = client->in_len < 4 ? 0 : 4U + sim_get16((const uint8_t *)client->in + 2);
        return used <= client->in_len ? used : 0;
    }
    client->in[client->in_len] = '\0';
    end = strstr(client->in, "\r\n\r\n");
    if (!end)
        return 0;
    used = (size_t)(end - client->in) + 4;
    if (sim_request_header(client->in, "Content-Length", length, sizeof(length)) &&
        nvr_str_to_u64(nvr_str_from(length), SIM_REQUEST_MAX, &body) < 0)
        client->dead = true;
    used += (size_t)body;
    if (used > client->in_len)
        return 0;
    *end = '\0';
    if (client->http)
        sim_http_handle(client, client->in);
    else
        sim_rtsp_handle(client, client->in);
    return used;
}

void sim_client_read(struct sim_client *client)
{
    const ssize_t n = recv(client->fd, client->in + client->in_len,
                           sizeof(client->in) - 1 - client->in_len, MSG_DONTWAIT);

    if (n <= 0) {
        if (n == 0 || (errno != EAGAIN && errno != EINTR))
            client->dead = true;
        return;
    }
    client->in_len += (size_t)n;
    client->last_request_us = nvr_clock_mono_us();
    if (client->mute)
        client->in_len = 0;
    while (client->in_len && !client->dead && !client->mute) {
        const size_t used = take_one(client);

        if (!used) {
            client->dead |= client->in_len >= sizeof(client->in) - 1;
            return;
        }
        drop_input(client, used);
    }
}
