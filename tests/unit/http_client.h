/* http_client.h — a small client that shares the server's loop: it runs the loop while it waits, so
 * that a test needs no thread and no clock. */
#ifndef NVR_TESTS_HTTP_CLIENT_H
#define NVR_TESTS_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "lib/base/buf.h"

struct client {
    uv_loop_t *loop;
    int fd;
    struct nvr_buf in; /* received, not yet used */
    bool closed;       /* by the server */
};

struct answer {
    unsigned status;
    char *head; /* status line and headers, NUL-terminated */
    char *body; /* NUL-terminated, chunks joined */
    size_t body_len;
};

void client_open(struct client *client, uv_loop_t *loop, int port);
void client_close(struct client *client);
/* Run the loop until nothing happens for a moment. */
void client_idle(uv_loop_t *loop);
void client_send(struct client *client, const void *data, size_t len);
void client_send_str(struct client *client, const char *text);
/* Wait for one whole answer. is_head: no body follows. Aborts after 5 s. */
void client_read_answer(struct client *client, bool is_head, struct answer *answer);
/* Wait until the server closed. */
void client_wait_closed(struct client *client);
void answer_done(struct answer *answer);
/* Value of a header ("" when missing); valid until the next call. */
const char *answer_header(const struct answer *answer, const char *name);

/* WebSocket */
struct message {
    unsigned opcode; /* 1 text, 2 binary, 8 close, 9 ping */
    struct nvr_buf data;
};
/* Handshake; the status of the answer (101: open). */
unsigned client_upgrade(struct client *client, const char *path, const char *extra_headers);
/* One message, masked as clients must. */
void client_send_message(struct client *client, unsigned opcode, const void *data, size_t len);
void client_read_message(struct client *client, struct message *message);
/* A message is there within some turns of the loop. */
bool client_has_message(struct client *client);
void message_done(struct message *message);

#endif
