#include "lib/rtsp/client.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"

NVR_LOG_TOPIC("rtsp");

#define REPORT_MS 5000u /* RFC 3550 §6.2 */

/* ---- sockets ---- */

int nvr_rtsp_io_new(struct nvr_rtsp *client, int fd, int events, uv_poll_cb callback,
                    struct nvr_rtsp_io **ret_io)
{
    struct nvr_rtsp_io *io = calloc(1, sizeof(*io));
    int r;

    if (!io) {
        (void)close(fd);
        return -ENOMEM;
    }
    io->fd = fd;
    io->client = client;
    r = uv_poll_init_socket(client->loop, &io->poll, fd);
    if (r < 0) {
        (void)close(fd);
        free(io);
        return r;
    }
    io->poll.data = io;
    r = uv_poll_start(&io->poll, events, callback);
    if (r < 0) {
        nvr_rtsp_io_close(&io);
        return r;
    }
    *ret_io = io;
    return 0;
}

static void on_io_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void nvr_rtsp_io_close(struct nvr_rtsp_io **io)
{
    struct nvr_rtsp_io *old = NVR_TAKE(*io);

    if (!old)
        return;
    uv_close((uv_handle_t *)&old->poll, on_io_closed);
    (void)close(old->fd); /* uv_close() has taken it out of the loop */
    old->fd = -1;
}

/* ---- the end ---- */

static void stop(struct nvr_rtsp *client)
{
    client->state = NVR_RTSP_STATE_OVER;
    (void)uv_timer_stop(&client->timer);
    nvr_rtsp_cancel_resolve(client);
    nvr_rtsp_disconnect(client);
    for (unsigned i = 0; i < client->media_count; i++) {
        nvr_rtsp_io_close(&client->media[i].rtp);
        nvr_rtsp_io_close(&client->media[i].rtcp);
    }
}

void nvr_rtsp_fail(struct nvr_rtsp *client, const struct nvr_rtsp_fault *fault, const char *fmt,
                   ...)
{
    const struct nvr_rtsp_reason reason = {
        .error = fault->error,
        .code = fault->code,
        .message = client->text,
        .status = fault->status,
        .other_transport = fault->other_transport,
    };
    va_list args;

    if (nvr_rtsp_is_over(client))
        return;
    va_start(args, fmt);
    /* Only read by people: cut is better than nothing. */
    if (vsnprintf(client->text, sizeof(client->text), fmt, args) < 0)
        client->text[0] = '\0';
    va_end(args);
    log_debug("%s: %s", fault->code, client->text);
    stop(client);
    client->handlers.on_close(client, &reason, client->arg);
}

/* ---- media ---- */

void nvr_rtsp_announce(struct nvr_rtsp *client)
{
    struct nvr_rtsp_track tracks[NVR_RTSP_TRACKS_MAX];
    size_t count = 0;

    if (client->announced || nvr_rtsp_is_over(client))
        return;
    client->announced = true;
    for (unsigned i = 0; i < client->media_count; i++) {
        struct nvr_rtsp_media *media = &client->media[i];

        if (!media->ready)
            continue;
        media->receiver.track = (unsigned)count;
        tracks[count++] = (struct nvr_rtsp_track){
            .codec = media->sdp.codec,
            .video = media->video,
            .payload_type = media->sdp.payload_type,
            .clock_rate = media->sdp.clock_rate,
            .channels = media->sdp.channels,
            .fps = media->sdp.fps,
            .config = media->sdp.config,
            .config_size = media->sdp.config_size,
        };
    }
    client->handlers.on_tracks(client, tracks, count, client->arg);
}

void nvr_rtsp_on_media(struct nvr_rtsp *client, unsigned index, bool rtcp, const uint8_t *data,
                       size_t size, int64_t arrival_us)
{
    struct nvr_rtsp_media *media = &client->media[index];

    if (rtcp) {
        if (nvr_rtp_receiver_push_rtcp(&media->receiver, data, size, arrival_us) &&
            (media->video || client->media_count == 1))
            nvr_rtsp_fail(client, &(struct nvr_rtsp_fault){-EPIPE, "ended", 0, false},
                          "The camera ended the stream");
        return;
    }
    nvr_rtsp_announce(client);
    if (nvr_rtsp_is_over(client))
        return;
    /* Sound alone does not keep a camera alive. */
    if (nvr_rtp_receiver_push(&media->receiver, data, size, arrival_us) && media->video)
        client->last_media_ms = uv_now(client->loop);
}

static void send_reports(struct nvr_rtsp *client)
{
    uint8_t report[4 + NVR_RTCP_REPORT_MAX];

    for (unsigned i = 0; i < client->media_count; i++) {
        struct nvr_rtsp_media *media = &client->media[i];
        size_t size;

        if (!media->ready)
            continue;
        size = nvr_rtp_receiver_report(&media->receiver, client->own_ssrc + i, nvr_clock_wall_us(),
                                       report + 4);
        if (client->transport == NVR_RTSP_UDP) {
            nvr_rtsp_udp_send_report(client, i, report + 4, size);
            continue;
        }
        report[0] = '$';
        report[1] = media->rtcp_channel;
        nvr_put16(report + 2, (uint32_t)size);
        if (nvr_buf_append(&client->out, report, 4 + size) < 0)
            log_debug("no room for a report");
    }
    nvr_rtsp_flush(client);
}

/* ---- time ---- */

static uint64_t next_deadline(const struct nvr_rtsp *client)
{
    uint64_t next;

    if (client->state == NVR_RTSP_STATE_CONNECT)
        return NVR_MIN(client->deadline_ms, client->attempt_deadline_ms);
    if (client->state != NVR_RTSP_STATE_PLAYING)
        return client->deadline_ms;
    next = NVR_MIN(client->last_media_ms + client->timeout_ms, client->next_report_ms);
    if (client->keepalive_ms)
        next = NVR_MIN(next, client->next_keepalive_ms);
    return next;
}

static void on_timer(uv_timer_t *timer);

/* The timer is not touched per packet: it looks at last_media_ms when it runs. */
void nvr_rtsp_arm(struct nvr_rtsp *client)
{
    const uint64_t now = uv_now(client->loop), next = next_deadline(client);

    if (!nvr_rtsp_is_over(client))
        (void)uv_timer_start(&client->timer, on_timer, next > now ? next - now : 0, 0);
}

static void on_silence(struct nvr_rtsp *client)
{
    const struct nvr_rtsp_fault fault = {-ETIMEDOUT, "timeout", 0, false};
    const uint32_t seconds = (client->timeout_ms + 999) / 1000;
    bool any = false;

    for (unsigned i = 0; i < client->media_count; i++)
        any |= client->media[i].video && client->media[i].receiver.packets > 0;
    if (any)
        nvr_rtsp_fail(client, &fault, "The camera has sent no video for %u s", seconds);
    else if (client->transport == NVR_RTSP_UDP)
        nvr_rtsp_fail(client, &(struct nvr_rtsp_fault){-ETIMEDOUT, "timeout", 0, true},
                      "No video came over UDP within %u s; a firewall may block it: try TCP",
                      seconds);
    else
        nvr_rtsp_fail(client, &fault, "The camera accepted the request but sent no video for %u s",
                      seconds);
}

static void on_handshake_timeout(struct nvr_rtsp *client)
{
    const struct nvr_rtsp_fault fault = {-ETIMEDOUT, "timeout", 0, false};
    const uint32_t seconds = (client->timeout_ms + 999) / 1000;

    if (client->state == NVR_RTSP_STATE_RESOLVE)
        nvr_rtsp_fail(client, &fault, "The name %s could not be looked up within %u s",
                      client->url.host, seconds);
    else if (client->state == NVR_RTSP_STATE_CONNECT)
        nvr_rtsp_fail(client, &fault, "No answer from %s port %d within %u s", client->url.host,
                      client->url.port, seconds);
    else
        nvr_rtsp_fail(client, &fault, "The camera did not answer %s within %u s",
                      nvr_rtsp_method_name(client->request.method), seconds);
}

static void on_timer(uv_timer_t *timer)
{
    struct nvr_rtsp *client = timer->data;
    const uint64_t now = uv_now(client->loop);

    if (nvr_rtsp_is_over(client))
        return;
    if (client->state != NVR_RTSP_STATE_PLAYING) {
        if (now >= client->deadline_ms) {
            on_handshake_timeout(client);
            return;
        }
        if (client->state == NVR_RTSP_STATE_CONNECT && now >= client->attempt_deadline_ms)
            nvr_rtsp_connect_next(client, -ETIMEDOUT);
        nvr_rtsp_arm(client);
        return;
    }
    if (now >= client->last_media_ms + client->timeout_ms) {
        on_silence(client);
        return;
    }
    if (now >= client->next_report_ms) {
        client->next_report_ms = now + REPORT_MS;
        send_reports(client);
    }
    if (!nvr_rtsp_is_over(client) && client->keepalive_ms && now >= client->next_keepalive_ms) {
        client->next_keepalive_ms = now + client->keepalive_ms;
        nvr_rtsp_keepalive(client);
    }
    nvr_rtsp_arm(client);
}

static void on_start(uv_timer_t *timer)
{
    struct nvr_rtsp *client = timer->data;

    client->deadline_ms = uv_now(client->loop) + client->timeout_ms;
    nvr_rtsp_connect(client);
    nvr_rtsp_arm(client);
}

/* ---- public ---- */

static bool is_printable(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    }
    return true;
}

static int copy_options(struct nvr_rtsp *client, const struct nvr_rtsp_options *options)
{
    const char *username = options->username ? options->username : "";
    const char *password = options->password ? options->password : "";
    int r;

    if (!options->url || !is_printable(username) || !is_printable(password))
        return -EINVAL;
    r = nvr_url_parse(options->url, &client->url);
    if (r < 0)
        return r;
    if (strcmp(client->url.scheme, "rtsp") != 0)
        return -ENOTSUP;
    if (client->url.host[0] == '\0')
        return -EINVAL;
    r = nvr_url_format_public(&client->url, client->request_url, sizeof(client->request_url));
    if (r < 0)
        return r;
    r = nvr_str_copy(client->username, sizeof(client->username), nvr_str_from(username));
    if (r < 0)
        return r;
    r = nvr_str_copy(client->password, sizeof(client->password), nvr_str_from(password));
    if (r < 0)
        return r;
    r = nvr_str_copy(client->first_host, sizeof(client->first_host),
                     nvr_str_from(client->url.host));
    if (r < 0)
        return r;
    if (client->url.port < 0)
        client->url.port = nvr_url_default_port("rtsp");
    client->auth_type = options->auth_type;
    client->transport = options->transport;
    client->timeout_ms = options->timeout_ms ? options->timeout_ms : NVR_RTSP_TIMEOUT_MS;
    client->want_audio = options->want_audio;
    return 0;
}

static void free_client(struct nvr_rtsp *client)
{
    for (unsigned i = 0; i < NVR_RTSP_TRACKS_MAX; i++) {
        nvr_rtp_receiver_done(&client->media[i].receiver);
        nvr_rtp_reorder_done(&client->media[i].reorder);
    }
    nvr_buf_done(&client->out);
    free(client->in);
    free(client->datagrams);
    explicit_bzero(client->password, sizeof(client->password));
    free(client);
}

static void on_timer_closed(uv_handle_t *handle)
{
    free_client(handle->data);
}

int nvr_rtsp_open(uv_loop_t *loop, const struct nvr_rtsp_options *options,
                  const struct nvr_rtsp_handlers *handlers, void *arg, struct nvr_rtsp **ret_client)
{
    struct nvr_rtsp *client = calloc(1, sizeof(*client));
    uint64_t random[2];
    int r;

    if (!client)
        return -ENOMEM;
    client->loop = loop;
    client->handlers = *handlers;
    client->arg = arg;
    nvr_buf_init(&client->out, NVR_RTSP_OUT_MAX);
    r = copy_options(client, options);
    nvr_rtsp_patience_init(&client->patience);
    if (r == 0 && !(client->in = malloc(NVR_RTSP_IN_SIZE)))
        r = -ENOMEM;
    if (r == 0 && getrandom(random, sizeof(random), 0) != sizeof(random))
        r = -EIO;
    if (r == 0)
        r = nvr_fmt(client->cnonce, sizeof(client->cnonce), "%016llx",
                    (unsigned long long)random[0]);
    if (r >= 0)
        r = uv_timer_init(loop, &client->timer);
    if (r < 0) {
        free_client(client);
        return r;
    }
    client->own_ssrc = (uint32_t)random[1];
    client->timer.data = client;
    (void)uv_timer_start(&client->timer, on_start, 0, 0);
    *ret_client = client;
    return 0;
}

void nvr_rtsp_close(struct nvr_rtsp *client)
{
    if (!client)
        return;
    if (!nvr_rtsp_is_over(client)) {
        nvr_rtsp_send_teardown(client);
        stop(client);
    }
    uv_close((uv_handle_t *)&client->timer, on_timer_closed);
}

void nvr_rtsp_get_stats(const struct nvr_rtsp *client, struct nvr_rtsp_stats *ret_stats)
{
    struct nvr_rtsp_stats stats = {.keepalives = client->keepalives};

    for (unsigned i = 0; i < client->media_count; i++) {
        const struct nvr_rtp_receiver *receiver = &client->media[i].receiver;

        stats.packets += receiver->packets;
        stats.bytes += receiver->bytes;
        stats.lost += receiver->lost;
        stats.late += client->media[i].reorder.late;
        stats.frames += receiver->frames;
        stats.damaged += receiver->damaged;
        stats.dropped += receiver->dropped + receiver->depay.dropped;
        if (client->media[i].video)
            stats.jitter_us = (uint32_t)NVR_MIN(receiver->jitter * 1e6 / receiver->clock_rate, 4e9);
    }
    *ret_stats = stats;
}

const char *nvr_rtsp_get_server(const struct nvr_rtsp *client)
{
    return client->server;
}
