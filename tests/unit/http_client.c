#include "tests/unit/http_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"

#define DEADLINE_MS 5000

#define MUST(ok)                                                                                   \
    do {                                                                                           \
        if (!(ok)) {                                                                               \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #ok);                         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

void client_open(struct client *client, uv_loop_t *loop, int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };

    *client = (struct client){.loop = loop};
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST(client->fd >= 0);
    MUST(connect(client->fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    MUST(fcntl(client->fd, F_SETFL, O_NONBLOCK) == 0);
    nvr_buf_init(&client->in, 64 * 1024 * 1024);
}

void client_close(struct client *client)
{
    close(client->fd);
    nvr_buf_done(&client->in);
}

/* One turn: the server works, then what it sent is taken. */
static void turn(struct client *client)
{
    struct pollfd fd = {.fd = client->fd, .events = POLLIN};

    (void)uv_run(client->loop, UV_RUN_NOWAIT);
    if (poll(&fd, 1, 1) > 0) {
        uint8_t *dst = nvr_buf_reserve(&client->in, 65536);
        const ssize_t n = recv(client->fd, dst, 65536, 0);

        if (n > 0)
            client->in.len += (size_t)n;
        else if (n == 0 || (errno != EAGAIN && errno != EINTR))
            client->closed = true;
    }
}

void client_idle(uv_loop_t *loop)
{
    for (unsigned i = 0; i < 20; i++) {
        (void)uv_run(loop, UV_RUN_NOWAIT);
        (void)poll(NULL, 0, 1);
    }
}

void client_send(struct client *client, const void *data, size_t len)
{
    const uint8_t *p = data;
    const int64_t deadline = nvr_clock_mono_ms() + DEADLINE_MS;

    while (len) {
        const ssize_t n = send(client->fd, p, len, MSG_NOSIGNAL);

        MUST(nvr_clock_mono_ms() < deadline);
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        } else if (errno != EAGAIN) {
            client->closed = true;
            return;
        }
        turn(client);
    }
}

void client_send_str(struct client *client, const char *text)
{
    client_send(client, text, strlen(text));
}

/* 0 when it is none. */
static size_t number(struct nvr_str text)
{
    uint64_t value = 0;

    return nvr_str_to_u64(text, SIZE_MAX, &value) == 0 ? (size_t)value : 0;
}

static size_t hex_number(const uint8_t *digits, size_t count)
{
    static const char all[] = "0123456789abcdef";
    size_t value = 0;

    for (size_t i = 0; i < count; i++) {
        const char *at = strchr(all, digits[i]);

        MUST(at && *at);
        value = value << 4 | (size_t)(at - all);
    }
    return value;
}

static const char *find_head_end(struct client *client)
{
    const char *text = nvr_buf_cstr(&client->in);

    return client->in.len ? strstr(text, "\r\n\r\n") : NULL;
}

const char *answer_header(const struct answer *answer, const char *name)
{
    static char value[2048];
    char key[128];
    const char *found;
    const char *end;

    value[0] = '\0';
    MUST(nvr_fmt(key, sizeof(key), "\r\n%s: ", name) > 0);
    found = strcasestr(answer->head, key);
    if (found) {
        found += strlen(key);
        end = strstr(found, "\r\n");
        MUST(end && (size_t)(end - found) < sizeof(value));
        memcpy(value, found, (size_t)(end - found));
        value[end - found] = '\0';
    }
    return value;
}

static void take(struct client *client, struct nvr_buf *body, size_t len, int64_t deadline)
{
    while (client->in.len < len && !client->closed) {
        MUST(nvr_clock_mono_ms() < deadline);
        turn(client);
    }
    MUST(client->in.len >= len);
    MUST(nvr_buf_append(body, client->in.data, len) >= 0);
    nvr_buf_consume(&client->in, len);
}

static void take_chunks(struct client *client, struct nvr_buf *body, int64_t deadline)
{
    struct nvr_buf head;

    nvr_buf_init(&head, 4096);
    for (;;) {
        size_t len;

        nvr_buf_reset(&head);
        take(client, &head, 10, deadline); /* our server writes eight digits, or "0" */
        if (memcmp(head.data, "0\r\n\r\n", 5) == 0) {
            MUST(head.len == 10 || client->closed);
            break;
        }
        len = hex_number(head.data, 8);
        if (!len)
            break;
        take(client, body, len, deadline);
        nvr_buf_reset(&head);
        take(client, &head, 2, deadline);
    }
    nvr_buf_done(&head);
}

void client_read_answer(struct client *client, bool is_head, struct answer *answer)
{
    const int64_t deadline = nvr_clock_mono_ms() + DEADLINE_MS;
    struct nvr_buf body;
    size_t head_len;
    const char *end;

    while (!(end = find_head_end(client)) && !client->closed) {
        MUST(nvr_clock_mono_ms() < deadline);
        turn(client);
    }
    *answer = (struct answer){0};
    if (!end)
        return; /* status 0: closed without an answer */
    head_len = (size_t)(end - (const char *)client->in.data) + 4;
    answer->head = strndup((const char *)client->in.data, head_len);
    nvr_buf_consume(&client->in, head_len);
    MUST(strncmp(answer->head, "HTTP/1.1 ", 9) == 0);
    answer->status = (unsigned)number((struct nvr_str){answer->head + 9, 3});
    nvr_buf_init(&body, 64 * 1024 * 1024);
    if (strcmp(answer_header(answer, "Transfer-Encoding"), "chunked") == 0)
        take_chunks(client, &body, deadline);
    else if (!is_head && answer->status != 304 && answer->status != 204 && answer->status != 101)
        take(client, &body, number(nvr_str_from(answer_header(answer, "Content-Length"))),
             deadline);
    answer->body_len = body.len;
    answer->body = nvr_buf_take_cstr(&body);
}

void client_wait_closed(struct client *client)
{
    const int64_t deadline = nvr_clock_mono_ms() + DEADLINE_MS;

    while (!client->closed) {
        MUST(nvr_clock_mono_ms() < deadline);
        turn(client);
    }
}

void answer_done(struct answer *answer)
{
    free(answer->head);
    free(answer->body);
}

/* ---- WebSocket ---- */

unsigned client_upgrade(struct client *client, const char *path, const char *extra_headers)
{
    struct answer answer;
    unsigned status;

    client_send_str(client, "GET ");
    client_send_str(client, path);
    client_send_str(client, " HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
                            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
    client_send_str(client, extra_headers);
    client_send_str(client, "\r\n");
    client_read_answer(client, false, &answer);
    status = answer.status;
    answer_done(&answer);
    return status;
}

void client_send_message(struct client *client, unsigned opcode, const void *data, size_t len)
{
    const uint8_t head[] = {(uint8_t)(0x80 | opcode),
                            (uint8_t)(0x80 | (len < 126 ? len : 126)),
                            (uint8_t)(len >> 8),
                            (uint8_t)len,
                            1,
                            2,
                            3,
                            4};
    struct nvr_buf frame;

    MUST(len <= UINT16_MAX);
    nvr_buf_init(&frame, len + sizeof(head));
    MUST(nvr_buf_append(&frame, head, len < 126 ? 2 : 4) >= 0);
    MUST(nvr_buf_append(&frame, head + 4, 4) >= 0);
    for (size_t i = 0; i < len; i++)
        MUST(nvr_buf_append_char(&frame, (char)(((const uint8_t *)data)[i] ^ head[4 + i % 4])) >=
             0);
    client_send(client, frame.data, frame.len);
    nvr_buf_done(&frame);
}

/* Length of the frame's header, 0: not there yet. */
static size_t frame_size(const struct client *client, size_t *ret_payload)
{
    const uint8_t *p = client->in.data;
    const size_t have = client->in.len;
    size_t head = 2;
    size_t payload;

    if (have < 2)
        return 0;
    payload = p[1] & 0x7f;
    if (payload == 126) {
        if (have < 4)
            return 0;
        payload = (size_t)p[2] << 8 | p[3];
        head = 4;
    } else if (payload == 127) {
        if (have < 10)
            return 0;
        payload = 0;
        for (size_t i = 2; i < 10; i++)
            payload = payload << 8 | p[i];
        head = 10;
    }
    *ret_payload = payload;
    return have >= head + payload ? head : 0;
}

void client_read_message(struct client *client, struct message *message)
{
    const int64_t deadline = nvr_clock_mono_ms() + DEADLINE_MS;
    size_t payload = 0;
    size_t head;

    while (!(head = frame_size(client, &payload))) {
        MUST(nvr_clock_mono_ms() < deadline);
        MUST(!client->closed);
        turn(client);
    }
    message->opcode = client->in.data[0] & 0xfu;
    nvr_buf_init(&message->data, 64 * 1024 * 1024);
    MUST(nvr_buf_append(&message->data, client->in.data + head, payload) >= 0);
    MUST(nvr_buf_cstr(&message->data));
    nvr_buf_consume(&client->in, head + payload);
}

bool client_has_message(struct client *client)
{
    size_t payload;

    for (unsigned i = 0; i < 20 && !frame_size(client, &payload); i++)
        turn(client);
    return frame_size(client, &payload) != 0;
}

void message_done(struct message *message)
{
    nvr_buf_done(&message->data);
}
