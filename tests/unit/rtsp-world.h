/* rtsp-world.h — a made-up RTSP server and a client of ours in one loop, for tests: every test
 * gives the server an answering function. */
#ifndef NVR_TEST_RTSP_WORLD_H
#define NVR_TEST_RTSP_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/buf.h"
#include "lib/rtsp/rtp.h"
#include "lib/rtsp/rtsp.h"

#define REQUESTS_MAX 64
#define FRAMES_MAX 16

struct world;
/* Appends the answer to `out`; closes the connection behind it when it returns false. */
typedef bool (*answer_fn)(struct world *world, const char *method, const char *request,
                          struct nvr_buf *out);

struct link {
    uv_tcp_t tcp;
    struct world *world;
    char in[8192];
    size_t in_len;
};

struct world {
    uv_loop_t loop;
    uv_tcp_t listener;
    uv_timer_t guard;
    int port;
    answer_fn answer;
    struct link *link; /* the latest connection */
    unsigned connections;
    bool byte_by_byte;

    char *requests[REQUESTS_MAX];
    unsigned requests_count;
    unsigned reports; /* RTCP packets of the client */
    unsigned steps;   /* for the answering functions */
    char cseq[16];

    struct nvr_rtsp *client;
    struct nvr_rtsp_track tracks[NVR_RTSP_TRACKS_MAX];
    uint8_t config[64];
    size_t tracks_count;
    unsigned tracks_calls;
    struct nvr_rtsp_frame frames[FRAMES_MAX];
    unsigned frames_count, frames_wanted;
    bool close_in_tracks, close_in_frame;
    char code[32], message[320];
    int error, status;
    bool other_transport;
    unsigned closes;
    struct nvr_rtsp_stats stats;
    char server[64];
};

/* ---- server ---- */

static inline void on_link_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static inline void hang_up(struct link *link)
{
    if (link->world->link == link)
        link->world->link = NULL;
    if (!uv_is_closing((uv_handle_t *)&link->tcp))
        uv_close((uv_handle_t *)&link->tcp, on_link_closed);
}

static inline void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct link *link = handle->data;

    (void)suggested;
    buf->base = link->in + link->in_len;
    buf->len = sizeof(link->in) - 1 - link->in_len;
}

/* What is written goes through a blocking descriptor: small, and the peer is this process. */
static inline void say(struct link *link, const void *data, size_t size)
{
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)data, (unsigned)size);

    for (size_t i = 0; i < size && link->world->byte_by_byte; i++) {
        uv_buf_t one = uv_buf_init(buf.base + i, 1);

        assert_int_equal(uv_try_write((uv_stream_t *)&link->tcp, &one, 1), 1);
    }
    if (!link->world->byte_by_byte && size > 0)
        assert_int_equal(uv_try_write((uv_stream_t *)&link->tcp, &buf, 1), (int)size);
}

static inline void answer_one(struct link *link, char *request)
{
    struct world *world = link->world;
    const char *cseq = strstr(request, "CSeq: ");
    char method[32];
    struct nvr_buf out;
    bool keep;

    assert_non_null(cseq);
    assert_int_equal(nvr_str_copy(world->cseq, sizeof(world->cseq),
                                  (struct nvr_str){cseq + 6, strcspn(cseq + 6, "\r")}),
                     0);
    assert_int_equal(
        nvr_str_copy(method, sizeof(method), (struct nvr_str){request, strcspn(request, " ")}), 0);
    assert_true(world->requests_count < REQUESTS_MAX);
    world->requests[world->requests_count++] = strdup(request);
    nvr_buf_init(&out, 65536);
    keep = world->answer(world, method, request, &out);
    say(link, out.data, out.len);
    nvr_buf_done(&out);
    if (!keep)
        hang_up(link);
}

static inline void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct link *link = stream->data;
    char *end;

    (void)buf;
    if (n < 0) {
        hang_up(link);
        return;
    }
    link->in_len += (size_t)n;
    link->in[link->in_len] = '\0';
    while (link->in_len > 0 && link->in[0] == '$') { /* a receiver report */
        const size_t size = 4u + nvr_get16((const uint8_t *)link->in + 2);

        if (link->in_len < size)
            return;
        link->world->reports += (uint8_t)link->in[5] == 201;
        link->in_len -= size;
        memmove(link->in, link->in + size, link->in_len + 1);
    }
    while (!uv_is_closing((uv_handle_t *)stream) && (end = strstr(link->in, "\r\n\r\n"))) {
        char request[8192];
        const size_t size = (size_t)(end - link->in) + 4;

        memcpy(request, link->in, size);
        request[size] = '\0';
        link->in_len -= size;
        memmove(link->in, link->in + size, link->in_len + 1);
        answer_one(link, request);
    }
}

static inline void on_connection(uv_stream_t *listener, int status)
{
    struct world *world = listener->data;
    struct link *link = calloc(1, sizeof(*link));

    assert_int_equal(status, 0);
    assert_non_null(link);
    link->world = world;
    assert_int_equal(uv_tcp_init(&world->loop, &link->tcp), 0);
    link->tcp.data = link;
    assert_int_equal(uv_accept(listener, (uv_stream_t *)&link->tcp), 0);
    assert_int_equal(uv_tcp_nodelay(&link->tcp, 1), 0);
    assert_int_equal(uv_read_start((uv_stream_t *)&link->tcp, on_alloc, on_read), 0);
    world->link = link;
    world->connections++;
}

/* ---- client ---- */

static inline void finish(struct world *world)
{
    nvr_rtsp_get_stats(world->client, &world->stats);
    (void)snprintf(world->server, sizeof(world->server), "%s", nvr_rtsp_get_server(world->client));
    nvr_rtsp_close(NVR_TAKE(world->client));
    uv_stop(&world->loop);
}

static inline void on_tracks(struct nvr_rtsp *client, const struct nvr_rtsp_track *tracks,
                             size_t count, void *arg)
{
    struct world *world = arg;

    assert_ptr_equal(client, world->client);
    world->tracks_calls++;
    world->tracks_count = count;
    memcpy(world->tracks, tracks, count * sizeof(*tracks));
    if (world->close_in_tracks)
        finish(world);
}

static inline void on_frame(struct nvr_rtsp *client, const struct nvr_rtsp_frame *frame, void *arg)
{
    struct world *world = arg;

    assert_ptr_equal(client, world->client);
    assert_int_equal(world->tracks_calls, 1);
    if (world->frames_count < FRAMES_MAX)
        world->frames[world->frames_count] = *frame;
    world->frames_count++;
    if (world->close_in_frame || world->frames_count == world->frames_wanted)
        finish(world);
}

static inline void on_close(struct nvr_rtsp *client, const struct nvr_rtsp_reason *reason,
                            void *arg)
{
    struct world *world = arg;

    assert_ptr_equal(client, world->client);
    assert_true(reason->error < 0);
    assert_true(reason->message[0] && !strstr(reason->message, "s3cret"));
    world->closes++;
    world->error = reason->error;
    world->status = reason->status;
    world->other_transport = reason->other_transport;
    (void)snprintf(world->code, sizeof(world->code), "%s", reason->code);
    (void)snprintf(world->message, sizeof(world->message), "%s", reason->message);
    finish(world);
}

static inline void on_guard(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("the test hangs");
}

static inline void set_up(struct world *world, answer_fn answer)
{
    struct sockaddr_in address;
    int size = sizeof(address);

    memset(world, 0, sizeof(*world));
    world->answer = answer;
    assert_int_equal(uv_loop_init(&world->loop), 0);
    assert_int_equal(uv_timer_init(&world->loop, &world->guard), 0);
    assert_int_equal(uv_timer_start(&world->guard, on_guard, 10000, 0), 0);
    assert_int_equal(uv_tcp_init(&world->loop, &world->listener), 0);
    world->listener.data = world;
    assert_int_equal(uv_ip4_addr("127.0.0.1", 0, &address), 0);
    assert_int_equal(uv_tcp_bind(&world->listener, (const struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&world->listener, 8, on_connection), 0);
    assert_int_equal(uv_tcp_getsockname(&world->listener, (struct sockaddr *)&address, &size), 0);
    world->port = ntohs(address.sin_port);
}

static inline void run_with(struct world *world, struct nvr_rtsp_options options)
{
    static const struct nvr_rtsp_handlers HANDLERS = {on_tracks, on_frame, on_close};
    char url[64];

    assert_true(nvr_fmt(url, sizeof(url), "rtsp://127.0.0.1:%d/cam", world->port) > 0);
    options.url = url;
    if (options.timeout_ms == 0)
        options.timeout_ms = 5000;
    assert_int_equal(nvr_rtsp_open(&world->loop, &options, &HANDLERS, world, &world->client), 0);
    (void)uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_null(world->client);
}

static inline void run(struct world *world)
{
    run_with(world, (struct nvr_rtsp_options){.want_audio = true});
}

static inline void tear_down(struct world *world)
{
    if (world->link)
        hang_up(world->link);
    uv_close((uv_handle_t *)&world->listener, NULL);
    uv_close((uv_handle_t *)&world->guard, NULL);
    (void)uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world->loop), 0);
    for (unsigned i = 0; i < world->requests_count; i++)
        free(world->requests[i]);
}

static inline unsigned count_requests(const struct world *world, const char *with)
{
    unsigned count = 0;

    for (unsigned i = 0; i < world->requests_count; i++)
        count += strstr(world->requests[i], with) != NULL;
    return count;
}

/* ---- a well-behaved camera ---- */

static const char SDP[] = "v=0\r\ns=x\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\n"
                          "a=rtpmap:96 H264/90000\r\n"
                          "a=fmtp:96 sprop-parameter-sets=Z00AHpWoKAv+VA==,aO48gA==\r\n"
                          "a=control:v\r\nm=audio 0 RTP/AVP 0\r\na=control:a\r\n";

static inline void reply(struct world *world, struct nvr_buf *out, const char *status,
                         const char *headers, const char *body)
{
    assert_int_equal(
        nvr_buf_printf(out, "RTSP/1.0 %s\r\nCSeq: %s\r\n%s", status, world->cseq, headers), 0);
    if (body[0])
        assert_int_equal(nvr_buf_printf(out, "Content-Length: %zu\r\n", strlen(body)), 0);
    assert_int_equal(nvr_buf_printf(out, "\r\n%s", body), 0);
}

static inline void add_packet(struct nvr_buf *out, uint8_t channel, uint8_t type, uint16_t sequence,
                              uint32_t timestamp, const char *payload, size_t size)
{
    uint8_t head[16] = {'$', channel, [4] = 0x80, [5] = 0x80 | type};

    nvr_put16(head + 2, (uint32_t)(12 + size));
    nvr_put16(head + 6, sequence);
    nvr_put32(head + 8, timestamp);
    nvr_put32(head + 12, 1u + channel);
    assert_int_equal(nvr_buf_append(out, head, sizeof(head)), 0);
    assert_int_equal(nvr_buf_append(out, payload, size), 0);
}

static inline bool answer_setup(struct world *world, const char *request, struct nvr_buf *out)
{
    const char *channels = strstr(request, "interleaved=");
    char headers[128];

    assert_non_null(channels);
    assert_true(nvr_fmt(headers, sizeof(headers),
                        "Session: 42;timeout=60\r\nTransport: RTP/AVP/TCP;unicast;%.15s\r\n",
                        channels) > 0);
    reply(world, out, "200 OK", headers, "");
    return true;
}

static inline bool well_behaved(struct world *world, const char *method, const char *request,
                                struct nvr_buf *out)
{
    if (strcmp(method, "OPTIONS") == 0)
        reply(world, out, "200 OK", "Public: DESCRIBE, SETUP, PLAY, GET_PARAMETER\r\n", "");
    else if (strcmp(method, "DESCRIBE") == 0)
        reply(world, out, "200 OK", "Server: Test Cam\r\n", SDP);
    else if (strcmp(method, "SETUP") == 0)
        return answer_setup(world, request, out);
    else if (strcmp(method, "PLAY") == 0) {
        reply(world, out, "200 OK", "Session: 42\r\n", "");
        add_packet(out, 0, 96, 1, 1000, "\x65\x88", 2);
        add_packet(out, 2, 0, 1, 50, "\xff\x7f", 2);
        add_packet(out, 0, 96, 2, 4000, "\x41\x9a", 2);
    } else {
        reply(world, out, "200 OK", "", "");
    }
    return true;
}

static inline void check_session(const struct world *world)
{
    assert_int_equal(world->tracks_count, 2);
    assert_int_equal(world->tracks[0].codec, NVR_CODEC_H264);
    assert_true(world->tracks[0].video);
    assert_int_equal(world->tracks[1].codec, NVR_CODEC_PCMU);
    assert_int_equal(world->frames_count, 3);
    assert_true(world->frames[0].key && world->frames[0].discontinuity);
    assert_int_equal(world->frames[0].size, 6);
    assert_int_equal(world->frames[1].track, 1);
    assert_int_equal(world->frames[2].pts - world->frames[0].pts, 3000);
}

#endif
