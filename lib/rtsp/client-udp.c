/* RTP over UDP: a port pair per medium, read in batches, put in order before it is unpacked. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/rtsp/client.h"

NVR_LOG_TOPIC("rtsp");

#define PAIR_TRIES 32
#define BATCH 16
#define READS_PER_WAKEUP 4
#define RECEIVE_BUFFER (1024 * 1024) /* a key frame comes in one burst */

struct delivery {
    struct nvr_rtsp *client;
    unsigned media;
};

static uint16_t *port_of(struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET6 ? &((struct sockaddr_in6 *)address)->sin6_port
                                          : &((struct sockaddr_in *)address)->sin_port;
}

static socklen_t size_of(const struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                          : sizeof(struct sockaddr_in);
}

static bool is_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    if (a->ss_family != b->ss_family)
        return false;
    if (a->ss_family == AF_INET6)
        return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
                      &((const struct sockaddr_in6 *)b)->sin6_addr, sizeof(struct in6_addr)) == 0;
    return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
           ((const struct sockaddr_in *)b)->sin_addr.s_addr;
}

/* The camera's address; the one that the connection went to. */
static const struct sockaddr_storage *peer_of(const struct nvr_rtsp *client)
{
    return &client->addresses[client->address > 0 ? client->address - 1 : 0];
}

/* ---- in ---- */

static void deliver(void *arg, const uint8_t *data, size_t size, int64_t arrival_us)
{
    const struct delivery *delivery = arg;

    if (!nvr_rtsp_is_over(delivery->client))
        nvr_rtsp_on_media(delivery->client, delivery->media, false, data, size, arrival_us);
}

static void on_datagram(struct nvr_rtsp_io *io, const uint8_t *data, size_t size, int64_t now_us)
{
    struct nvr_rtsp *client = io->client;
    struct nvr_rtsp_media *media = &client->media[io->media];
    struct delivery delivery = {client, io->media};

    if (!media->ready)
        return;
    if (io->rtcp)
        nvr_rtsp_on_media(client, io->media, true, data, size, now_us);
    else
        nvr_rtp_reorder_push(&media->reorder, data, size, now_us, deliver, &delivery);
}

/* Datagrams read; < 0: nothing more. */
static int read_batch(struct nvr_rtsp_io *io)
{
    struct nvr_rtsp *client = io->client;
    struct sockaddr_storage from[BATCH];
    struct mmsghdr messages[BATCH];
    struct iovec vectors[BATCH];
    int64_t now_us;
    int n;

    memset(messages, 0, sizeof(messages));
    memset(from, 0, sizeof(from));
    for (unsigned i = 0; i < BATCH; i++) {
        vectors[i] = (struct iovec){client->datagrams + (size_t)i * NVR_RTP_DATAGRAM_MAX,
                                    NVR_RTP_DATAGRAM_MAX};
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        messages[i].msg_hdr.msg_name = &from[i];
        messages[i].msg_hdr.msg_namelen = sizeof(from[i]);
    }
    n = recvmmsg(io->fd, messages, BATCH, MSG_DONTWAIT, NULL);
    if (n <= 0)
        return -1;
    now_us = nvr_clock_wall_us();
    for (int i = 0; i < n; i++) {
        if (messages[i].msg_hdr.msg_flags & MSG_TRUNC) {
            client->media[io->media].receiver.dropped++;
            continue;
        }
        if (!is_same_host(&from[i], peer_of(client)))
            continue; /* not from our camera */
        on_datagram(io, client->datagrams + (size_t)i * NVR_RTP_DATAGRAM_MAX, messages[i].msg_len,
                    now_us);
        if (nvr_rtsp_is_over(client))
            return -1;
    }
    return n;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct nvr_rtsp_io *io = poll->data;

    (void)events;
    /* Errors are answers to what we sent (a port unreachable); the read takes them away. */
    if (status < 0)
        log_debug_err(status, "UDP");
    for (unsigned i = 0; i < READS_PER_WAKEUP; i++) {
        if (read_batch(io) < BATCH)
            return;
    }
}

/* ---- ports ---- */

/* A socket bound to the address of the connection and port (0: any). fd or -errno. */
static int bind_port(const struct sockaddr_storage *local, uint16_t port, uint16_t *ret_port)
{
    struct sockaddr_storage address = *local;
    socklen_t size = sizeof(address);
    const int buffer = RECEIVE_BUFFER;
    NVR_AUTO_FD int fd = socket(local->ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    *port_of(&address) = htons(port);
    if (bind(fd, (const struct sockaddr *)&address, size_of(&address)) < 0)
        return -errno;
    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
    *ret_port = ntohs(*port_of(&address));
    return NVR_TAKE_FD(fd);
}

/* RTP on an even port, RTCP on the next one (RFC 3550 §11). */
static int bind_pair(const struct sockaddr_storage *local, int fds[2], uint16_t *ret_port)
{
    int r = -EADDRINUSE;

    for (unsigned i = 0; i < PAIR_TRIES; i++) {
        uint16_t port = 0, next = 0;
        NVR_AUTO_FD int first = bind_port(local, 0, &port);

        if (first < 0)
            return first;
        if (port % 2) { /* the even one below is as good a guess as any */
            (void)close(first);
            first = bind_port(local, (uint16_t)(port - 1), &port);
            if (first < 0)
                continue;
        }
        r = bind_port(local, (uint16_t)(port + 1), &next);
        if (r < 0)
            continue;
        fds[0] = NVR_TAKE_FD(first);
        fds[1] = r;
        *ret_port = port;
        return 0;
    }
    return r;
}

int nvr_rtsp_udp_open(struct nvr_rtsp *client, unsigned index)
{
    struct nvr_rtsp_media *media = &client->media[index];
    struct sockaddr_storage local = {.ss_family = AF_UNSPEC};
    socklen_t size = sizeof(local);
    int fds[2] = {-1, -1};
    int r;

    if (media->rtp)
        return 0;
    if (!client->datagrams) {
        client->datagrams = malloc((size_t)BATCH * NVR_RTP_DATAGRAM_MAX);
        if (!client->datagrams)
            return -ENOMEM;
    }
    if (!client->tcp || getsockname(client->tcp->fd, (struct sockaddr *)&local, &size) < 0)
        return -ENOTCONN;
    if (local.ss_family != AF_INET && local.ss_family != AF_INET6)
        return -EAFNOSUPPORT;
    r = bind_pair(&local, fds, &media->client_port);
    if (r < 0)
        return r;
    r = nvr_rtsp_io_new(client, fds[0], UV_READABLE, on_poll, &media->rtp);
    if (r < 0) {
        (void)close(fds[1]);
        return r;
    }
    r = nvr_rtsp_io_new(client, fds[1], UV_READABLE, on_poll, &media->rtcp);
    if (r < 0) {
        nvr_rtsp_io_close(&media->rtp);
        return r;
    }
    media->rtp->media = media->rtcp->media = index;
    media->rtcp->rtcp = true;
    return 0;
}

/* ---- out ---- */

static void send_to(const struct nvr_rtsp *client, const struct nvr_rtsp_io *io, uint16_t port,
                    const uint8_t *data, size_t size)
{
    struct sockaddr_storage address = *peer_of(client);

    if (!io || port == 0)
        return;
    *port_of(&address) = htons(port);
    if (sendto(io->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&address,
               size_of(&address)) < 0)
        log_debug_err(-errno, "send UDP");
}

/* Lets answers through a NAT or firewall between us and the camera. */
void nvr_rtsp_udp_punch(struct nvr_rtsp *client, unsigned index)
{
    const struct nvr_rtsp_media *media = &client->media[index];
    const struct nvr_rtcp_report report = {.own_ssrc = client->own_ssrc + index};
    uint8_t rtp[12] = {0x80}, rtcp[NVR_RTCP_REPORT_MAX];

    nvr_put32(rtp + 8, client->own_ssrc + index);
    send_to(client, media->rtp, media->server_rtp_port, rtp, sizeof(rtp));
    send_to(client, media->rtcp, media->server_rtcp_port, rtcp,
            nvr_rtcp_build_report(&report, rtcp));
}

void nvr_rtsp_udp_send_report(struct nvr_rtsp *client, unsigned index, const uint8_t *data,
                              size_t size)
{
    const struct nvr_rtsp_media *media = &client->media[index];

    send_to(client, media->rtcp, media->server_rtcp_port, data, size);
}
