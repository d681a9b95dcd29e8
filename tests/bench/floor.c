/* floor.c — the least that recording can cost: receive what cameras send, write it to files.
 *
 * floor HOST PORT FOLDER PATH...: one thread; each camera by RTSP over TCP, its bytes as they come
 * into FOLDER/<n>.raw. No depacketising, no muxing, no time stamps. Prints "floor: N playing" when
 * all of them play. The bench compares with it; not a product. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/file.h"

#define CAMERAS_MAX 128
#define READ_SIZE (256U * 1024)
#define ANSWER_MAX 16384

struct camera {
    int socket, file;
};

static int connect_to(const char *host, const char *port)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int fd = -1;

    if (getaddrinfo(host, port, &hints, &list) != 0)
        return -1;
    fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, list->ai_addr, list->ai_addrlen) < 0) {
        (void)close(fd);
        fd = -1;
    }
    freeaddrinfo(list);
    return fd;
}

/* One request; the answer's head (and body, when it came along) into answer. */
static int ask(int fd, const char *request, char *answer)
{
    size_t len = 0;

    if (nvr_fd_write_all(fd, request, strlen(request)) < 0)
        return -1;
    while (len + 1 < ANSWER_MAX) {
        const ssize_t n = recv(fd, answer + len, ANSWER_MAX - 1 - len, 0);

        if (n <= 0)
            return -1;
        len += (size_t)n;
        answer[len] = '\0';
        if (strstr(answer, "\r\n\r\n"))
            return strstr(answer, " 200 ") ? 0 : -1;
    }
    return -1;
}

static int play(struct camera *camera, const char *host, const char *port, const char *path)
{
    char answer[ANSWER_MAX];
    char request[1024];
    char session[64] = "";
    const char *p;

    camera->socket = connect_to(host, port);
    if (camera->socket < 0)
        return -1;
    for (int track = 0; track < 2; track++) {
        (void)nvr_fmt(request, sizeof(request),
                      "SETUP rtsp://%s:%s/%s/trackID=%d RTSP/1.0\r\nCSeq: %d\r\n%s%s%s"
                      "Transport: RTP/AVP/TCP;unicast;interleaved=%d-%d\r\n\r\n",
                      host, port, path, track, track + 1, *session ? "Session: " : "", session,
                      *session ? "\r\n" : "", track * 2, track * 2 + 1);
        if (ask(camera->socket, request, answer) < 0) {
            if (track)
                break; /* there is no second one */
            return -1;
        }
        p = strstr(answer, "Session: ");
        if (p && nvr_str_copy(session, sizeof(session),
                              (struct nvr_str){p + 9, strcspn(p + 9, ";\r\n")}) < 0)
            return -1;
    }
    (void)nvr_fmt(request, sizeof(request),
                  "PLAY rtsp://%s:%s/%s RTSP/1.0\r\nCSeq: 3\r\nSession: %s\r\n\r\n", host, port,
                  path, session);
    return nvr_fd_write_all(camera->socket, request, strlen(request));
}

static void copy(struct camera *camera, uint8_t *buffer)
{
    const ssize_t n = recv(camera->socket, buffer, READ_SIZE, MSG_DONTWAIT);

    if (n > 0) {
        if (nvr_fd_write_all(camera->file, buffer, (size_t)n) < 0)
            exit(1);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        exit(1);
    }
}

int main(int argc, char **argv)
{
    static struct camera cameras[CAMERAS_MAX];
    static uint8_t buffer[READ_SIZE];
    struct epoll_event events[CAMERAS_MAX];
    const int count = argc - 4;
    const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

    if (count < 1 || count > CAMERAS_MAX || epoll_fd < 0)
        return 2;
    for (int i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &cameras[i]};
        char name[1024];

        (void)nvr_fmt(name, sizeof(name), "%s/%d.raw", argv[3], i);
        cameras[i].file = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (cameras[i].file < 0 || play(&cameras[i], argv[1], argv[2], argv[4 + i]) < 0 ||
            epoll_ctl(epoll_fd, EPOLL_CTL_ADD, cameras[i].socket, &event) < 0) {
            (void)fprintf(stderr, "floor: %s: %s\n", argv[4 + i], strerror(errno));
            return 1;
        }
    }
    (void)printf("floor: %d playing\n", count);
    (void)fflush(stdout);
    for (;;) {
        const int n = epoll_wait(epoll_fd, events, CAMERAS_MAX, -1);

        for (int i = 0; i < n; i++)
            copy(events[i].data.ptr, buffer);
    }
}
