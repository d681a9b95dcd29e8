/* A request to the running server. HTTP/1.0: one answer, then the end of the connection. */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/file.h"
#include "lib/base/url.h"
#include "src/cli/cli.h"

#define SERVER_DEFAULT "http://127.0.0.1:5000"
#define ANSWER_MAX (64 * 1024 * 1024)
#define TIMEOUT_S 15
#define HEAD_MAX ((size_t)32 * 1024)
#define FETCH_STEP ((size_t)256 * 1024)

static int connect_to(const struct nvr_url *url)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    const struct timeval timeout = {.tv_sec = TIMEOUT_S};
    struct addrinfo *list = NULL;
    char port[16];
    int fd = -1;
    int r = -ECONNREFUSED;

    (void)snprintf(port, sizeof(port), "%d", url->port > 0 ? url->port : 80);
    if (getaddrinfo(url->host, port, &hints, &list) != 0)
        return -EHOSTUNREACH;
    for (const struct addrinfo *at = list; at && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, 0);
        if (fd < 0)
            continue;
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
        if (connect(fd, at->ai_addr, at->ai_addrlen) < 0) {
            r = -errno;
            (void)close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    return fd >= 0 ? fd : r;
}

static int send_all(int fd, const char *data, size_t len)
{
    while (len) {
        const ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

        if (n < 0 && errno != EINTR)
            return errno == EAGAIN ? -ETIMEDOUT : -errno;
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

/* The request's head and body. */
static int send_request(int fd, const struct nvr_url *url, const char *method, const char *path,
                        const char *body)
{
    const bool v6 = strchr(url->host, ':');
    const size_t len = body ? strlen(body) : 0;
    char head[4096];
    int r = nvr_fmt(head, sizeof(head),
                    "%s %s HTTP/1.0\r\nHost: %s%s%s:%d\r\nAccept: application/json\r\n"
                    "%sContent-Length: %zu\r\nConnection: close\r\n\r\n",
                    method, path, v6 ? "[" : "", url->host, v6 ? "]" : "",
                    url->port > 0 ? url->port : 80,
                    body ? "Content-Type: application/json\r\n" : "", len);

    if (r < 0)
        return r;
    r = send_all(fd, head, (size_t)r);
    if (r == 0 && body)
        r = send_all(fd, body, len);
    return r;
}

static int exchange(int fd, const struct nvr_url *url, const char *method, const char *path,
                    const char *body, struct nvr_buf *answer)
{
    const int r = send_request(fd, url, method, path, body);

    if (r < 0)
        return r;
    for (;;) {
        uint8_t *room = nvr_buf_reserve(answer, 65536);

        if (!room)
            return nvr_buf_status(answer);
        const ssize_t got = recv(fd, room, 65536, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno == EAGAIN ? -ETIMEDOUT : -errno;
        if (got == 0)
            return 0;
        answer->len += (size_t)got;
    }
}

/* The body as JSON; *ret_status is the HTTP status. */
static int parse_answer(struct nvr_buf *answer, int *ret_status, json_t **ret_body)
{
    const char *text = nvr_buf_cstr(answer);
    const char *body = text ? strstr(text, "\r\n\r\n") : NULL;
    uint64_t status = 0;

    if (!body || strncmp(text, "HTTP/1.", 7) != 0 ||
        nvr_str_to_u64((struct nvr_str){text + 9, 3}, 999, &status) < 0)
        return -EPROTO;
    *ret_status = (int)status;
    body += 4;
    if (status == 204) {
        *ret_body = json_object();
        return *ret_body ? 0 : -ENOMEM;
    }
    return nvr_json_parse(body, answer->len - (size_t)(body - text), ret_body, NULL, 0);
}

/* What the server found wrong, field by field. */
static void tell_refusal(const struct cli_options *options, const json_t *body, int status)
{
    const json_t *error = json_object_get(body, "error");
    const char *message = "the request was refused";
    const json_t *item;
    size_t i;

    (void)nvr_json_get_str(error, "message", &message);
    (void)fprintf(stderr, "nvr: %s (%d)\n", message, status);
    json_array_foreach(json_object_get(error, "fields"), i, item)
    {
        const char *field = "";
        const char *words = "";

        (void)nvr_json_get_str(item, "field", &field);
        (void)nvr_json_get_str(item, "message", &words);
        (void)fprintf(stderr, "  %s: %s\n", field, words);
    }
    if (options->json && json_is_object(body))
        (void)cli_print_json(body);
}

/* A connection to the server, or -errno: told on stderr. */
static int open_server(const struct cli_options *options, const char **ret_server,
                       struct nvr_url *ret_url)
{
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody sets it
    const char *server = options->server ? options->server : getenv("NVR_URL");
    int fd;
    int r;

    if (!server || !server[0])
        server = SERVER_DEFAULT;
    *ret_server = server;
    r = nvr_url_parse(server, ret_url);
    if (r < 0 || strcmp(ret_url->scheme, "http") != 0) {
        (void)fprintf(stderr, "nvr: '%s' is not an http:// address\n", server);
        return -EINVAL;
    }
    fd = connect_to(ret_url);
    if (fd < 0)
        (void)fprintf(stderr, "nvr: %s: %s. Is Heron running there?\n", server, nvr_strerror(fd));
    return fd;
}

json_t *cli_call(const struct cli_options *options, const char *method, const char *path,
                 const json_t *request)
{
    char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    const char *server;
    struct nvr_url url;
    struct nvr_buf answer;
    json_t *body = NULL;
    int status = 0;
    int r;
    NVR_AUTO_FD int fd = open_server(options, &server, &url);

    if (fd < 0) {
        free(text);
        return NULL;
    }
    nvr_buf_init(&answer, ANSWER_MAX);
    r = request && !text ? -ENOMEM : exchange(fd, &url, method, path, text, &answer);
    if (r == 0)
        r = parse_answer(&answer, &status, &body);
    nvr_buf_done(&answer);
    free(text);
    if (r < 0) {
        (void)fprintf(stderr, "nvr: %s: %s\n", server, nvr_strerror(r));
        return NULL;
    }
    if (status < 200 || status > 299) {
        tell_refusal(options, body, status);
        json_decref(NVR_TAKE(body));
    }
    return body;
}

/* Head of an answer: bytes of it, 0: not whole yet, -EPROTO. */
static ssize_t parse_head(struct nvr_buf *answer, int *ret_status, int64_t *ret_length)
{
    static const char name[] = "\r\ncontent-length: ";
    const char *text = nvr_buf_cstr(answer);
    const char *end = text ? strstr(text, "\r\n\r\n") : NULL;
    const char *length = text ? strcasestr(text, name) : NULL;
    uint64_t number = 0;

    if (!end)
        return answer->len > HEAD_MAX ? -EPROTO : 0;
    if (strncmp(text, "HTTP/1.", 7) != 0 ||
        nvr_str_to_u64((struct nvr_str){text + 9, 3}, 999, &number) < 0)
        return -EPROTO;
    *ret_status = (int)number;
    *ret_length = -1;
    if (length && length < end) {
        length += sizeof(name) - 1;
        if (nvr_str_to_u64((struct nvr_str){length, strspn(length, "0123456789")}, INT64_MAX,
                           &number) < 0)
            return -EPROTO;
        *ret_length = (int64_t)number;
    }
    return end + 4 - text;
}

/* What is being fetched. */
struct fetch {
    int target;
    int64_t length, have; /* length -1: not told */
    bool in_body;
};

/* What came: the head, then the body into target. 1: all of it, 0: go on, -errno. */
static int take_bytes(struct fetch *fetch, struct nvr_buf *answer)
{
    ssize_t head = 0;
    int status = 0;
    size_t n;

    if (!fetch->in_body) {
        head = parse_head(answer, &status, &fetch->length);
        if (head < 0 || (head > 0 && status != 200))
            return -EPROTO;
        if (head == 0)
            return 0;
        fetch->in_body = true;
    }
    n = answer->len - (size_t)head;
    if (nvr_fd_write_all(fetch->target, answer->data + head, n) < 0)
        return -ENOSPC;
    fetch->have += (int64_t)n;
    nvr_buf_reset(answer);
    if (fetch->length < 0 || fetch->have < fetch->length)
        return 0;
    return fetch->have == fetch->length ? 1 : -EPROTO;
}

/* The answer's body into target, as it comes. */
static int receive_file(int fd, int target, struct nvr_buf *answer)
{
    struct fetch fetch = {.target = target, .length = -1};
    int r = 0;

    while (r == 0) {
        uint8_t *room = nvr_buf_reserve(answer, FETCH_STEP);
        ssize_t n;

        if (!room)
            return -ENOMEM;
        n = recv(fd, room, FETCH_STEP, 0);
        if (n < 0 && errno == EINTR)
            return -ECANCELED;
        if (n < 0)
            return errno == EAGAIN ? -ETIMEDOUT : -errno;
        if (n == 0)
            return fetch.in_body && fetch.length < 0 ? 0 : -ECONNRESET;
        answer->len += (size_t)n;
        r = take_bytes(&fetch, answer);
    }
    return NVR_MIN(r, 0);
}

int cli_fetch(const struct cli_options *options, const char *path, int target)
{
    const char *server;
    struct nvr_url url;
    struct nvr_buf answer;
    NVR_AUTO_FD int fd = open_server(options, &server, &url);
    int r;

    if (fd < 0)
        return CLI_FAILED;
    nvr_buf_init(&answer, HEAD_MAX + 2 * FETCH_STEP);
    r = send_request(fd, &url, "GET", path, NULL);
    if (r == 0)
        r = receive_file(fd, target, &answer);
    nvr_buf_done(&answer);
    if (r < 0)
        (void)fprintf(stderr, "nvr: %s: %s\n", server, nvr_strerror(r));
    return r < 0 ? CLI_FAILED : CLI_DONE;
}

json_t *cli_get(const struct cli_options *options, const char *path)
{
    return cli_call(options, "GET", path, NULL);
}

int cli_print_json(const json_t *value)
{
    char *text = json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY);
    const int r = text ? printf("%s\n", text) : -1;

    free(text);
    return r < 0 ? CLI_FAILED : CLI_DONE;
}

void cli_format_bytes(double bytes, char *dst, size_t size)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    size_t unit = 0;

    while (bytes >= 1000 && unit + 1 < NVR_ARRAY_SIZE(units)) {
        bytes /= 1000;
        unit++;
    }
    (void)snprintf(dst, size, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}
