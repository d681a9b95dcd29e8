/* rtsp.c — the server side of RTSP 1.0, as far as clients of cameras use it. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "tests/simcam/simcam.h"

#define BODY_MAX 6144

bool sim_request_header(const char *request, const char *name, char *dst, size_t size)
{
    const size_t len = strlen(name);

    for (const char *p = strchr(request, '\n'); p; p = strchr(p, '\n')) {
        p++;
        if (strncasecmp(p, name, len) != 0 || p[len] != ':')
            continue;
        p += len + 1;
        return nvr_str_copy(dst, size, nvr_str_trim((struct nvr_str){p, strcspn(p, "\r\n")})) == 0;
    }
    return false;
}

static void reply(struct sim_client *client, const char *request, const char *status,
                  const char *headers, const char *body)
{
    char text[BODY_MAX + 2048];
    char cseq[32] = "0";
    int n;

    (void)sim_request_header(request, "CSeq", cseq, sizeof(cseq));
    if (body)
        n = nvr_fmt(text, sizeof(text),
                    "RTSP/1.0 %s\r\nCSeq: %s\r\nServer: simcam\r\n%s"
                    "Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
                    status, cseq, headers, strlen(body), body);
    else
        n = nvr_fmt(text, sizeof(text), "RTSP/1.0 %s\r\nCSeq: %s\r\nServer: simcam\r\n%s\r\n",
                    status, cseq, headers);
    if (n > 0)
        sim_client_put(client, text, (size_t)n);
    sim_client_flush(client);
}

struct sim_mount *sim_server_find(struct sim_server *server, const char *path, size_t len)
{
    for (int i = 0; i < server->mount_count; i++) {
        const char *name = server->mounts[i]->path;

        if (strlen(name) == len && memcmp(name, path, len) == 0)
            return server->mounts[i];
    }
    return NULL;
}

/* The mount a URL names, and its track or -1. */
static struct sim_mount *find_mount(struct sim_server *server, const char *url, int *ret_track)
{
    const char *path = strstr(url, "://");
    const char *track;
    uint64_t number = 0;
    size_t len;

    *ret_track = -1;
    path = path ? strchr(path + 3, '/') : url;
    if (!path)
        return NULL;
    path += strspn(path, "/");
    len = strcspn(path, "? ");
    track = strstr(path, "/trackID=");
    if (track) {
        const char *digits = track + 9;

        if (nvr_str_to_u64((struct nvr_str){digits, strspn(digits, "0123456789")}, 99, &number) ==
            0)
            *ret_track = (int)number;
        len = NVR_MIN(len, (size_t)(track - path));
    }
    while (len && path[len - 1] == '/')
        len--;
    return sim_server_find(server, path, len);
}

/* "A-B" behind name in the Transport header; false: not there. */
static bool parse_pair(const char *transport, const char *name, uint64_t max, uint64_t pair[2])
{
    const char *p = strstr(transport, name);
    struct nvr_str value;
    struct nvr_str first;

    if (!p)
        return false;
    p += strlen(name);
    value = (struct nvr_str){p, strcspn(p, ";,\r\n")};
    first = nvr_str_cut(&value, '-');
    if (nvr_str_to_u64(first, max, &pair[0]) < 0)
        return false;
    if (!value.n || nvr_str_to_u64(value, max, &pair[1]) < 0)
        pair[1] = pair[0] + 1;
    return true;
}

static int bind_udp(in_port_t port, in_port_t *ret_port)
{
    struct sockaddr_in self = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t len = sizeof(self);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    if (bind(fd, (struct sockaddr *)&self, sizeof(self)) < 0 ||
        getsockname(fd, (struct sockaddr *)&self, &len) < 0) {
        (void)close(fd);
        return -1;
    }
    *ret_port = ntohs(self.sin_port);
    return fd;
}

/* An even port and the one above it; the even one, or 0. */
static unsigned open_udp(struct sim_transport *transport)
{
    in_port_t port = 0;
    in_port_t above = 0;

    for (int tries = 0; tries < 100; tries++) {
        transport->rtp_fd = bind_udp(0, &port);
        if (transport->rtp_fd < 0)
            return 0;
        transport->rtcp_fd = port % 2 ? -1 : bind_udp((in_port_t)(port + 1), &above);
        if (transport->rtcp_fd >= 0) {
            transport->udp = true;
            return port;
        }
        (void)close(transport->rtp_fd);
    }
    return 0;
}

static bool setup_udp(struct sim_client *client, int track, const char *wish, char *headers,
                      size_t size)
{
    struct sim_transport *transport = &client->transports[track];
    socklen_t len = sizeof(transport->rtp);
    uint64_t ports[2];
    unsigned port;

    if (client->mount->faults.no_udp || transport->udp ||
        !parse_pair(wish, "client_port=", 65535, ports) ||
        getpeername(client->fd, (struct sockaddr *)&transport->rtp, &len) < 0)
        return false;
    port = open_udp(transport);
    if (!port)
        return false;
    transport->rtcp = transport->rtp;
    transport->rtp.sin_port = htons((in_port_t)ports[0]);
    transport->rtcp.sin_port = htons((in_port_t)ports[1]);
    return nvr_fmt(headers, size,
                   "Transport: RTP/AVP;unicast;client_port=%u-%u;server_port=%u-%u;ssrc=%08X\r\n",
                   (unsigned)ports[0], (unsigned)ports[1], port, port + 1, transport->ssrc) > 0;
}

static bool setup(struct sim_client *client, const char *request, int track, char *headers,
                  size_t size)
{
    struct sim_transport *transport = &client->transports[track];
    uint64_t channels[2] = {(uint64_t)track * 2, (uint64_t)track * 2 + 1};
    char wish[256];
    char line[256];
    bool ok;

    if (!sim_request_header(request, "Transport", wish, sizeof(wish)))
        return false;
    transport->sequence = (uint16_t)sim_random();
    transport->ssrc = sim_random();
    if (strstr(wish, "RTP/AVP/TCP")) {
        (void)parse_pair(wish, "interleaved=", 255, channels);
        transport->channel = (uint8_t)channels[0];
        ok = !client->mount->faults.no_tcp &&
             nvr_fmt(line, sizeof(line),
                     "Transport: RTP/AVP/TCP;unicast;interleaved=%u-%u;ssrc=%08X\r\n",
                     (unsigned)channels[0], (unsigned)channels[1], transport->ssrc) > 0;
    } else {
        ok = setup_udp(client, track, wish, line, sizeof(line));
    }
    if (!ok)
        return false;
    transport->on = true;
    (void)nvr_fmt(
        headers, size, "Session: %08X;timeout=%d\r\n%s", client->session,
        client->mount->faults.session_timeout > 0 ? (int)client->mount->faults.session_timeout : 60,
        line);
    return true;
}

static void handle_setup(struct sim_client *client, const char *request, int track)
{
    const struct sim_faults *faults = &client->mount->faults;
    const int count = faults->no_audio ? 1 : sim_mount_file(client->mount)->track_count;
    char headers[512];

    track = NVR_MAX(track, 0);
    if (track >= count || !setup(client, request, track, headers, sizeof(headers)))
        reply(client, request, "461 Unsupported Transport", "", NULL);
    else
        reply(client, request, "200 OK", headers, NULL);
}

static void handle_describe(struct sim_client *client, const char *request, const char *url)
{
    const struct sim_faults *faults = &client->mount->faults;
    const struct sim_file *file = sim_mount_file(client->mount);
    struct nvr_buf sdp;
    char headers[600];

    client->mount->stats.describes++;
    nvr_buf_init(&sdp, BODY_MAX);
    if (faults->bad_sdp) {
        nvr_buf_append_str(&sdp, "v=0\r\nm=\r\nm=video x y z\r\na=rtpmap:\r\na=fmtp:96 "
                                 "sprop-parameter-sets=!!!!,,\r\n\xff\xfe==\r\nc=\r\no\r\n");
    } else {
        nvr_buf_append_str(&sdp, "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=simcam\r\n"
                                 "c=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\n"
                                 "a=range:npt=now-\r\n");
        for (int i = 0; i < file->track_count; i++) {
            const struct sim_track *track = &file->tracks[i];

            if (track->video ? faults->no_video : faults->no_audio)
                continue;
            nvr_buf_append_str(&sdp, faults->no_parameter_sets ? track->sdp_bare : track->sdp);
        }
    }
    (void)nvr_fmt(headers, sizeof(headers), "Content-Base: %s/\r\n", url);
    reply(client, request, "200 OK", headers, nvr_buf_cstr(&sdp));
    nvr_buf_done(&sdp);
}

static void handle_play(struct sim_client *client, const char *request, const char *url)
{
    struct sim_mount *mount = client->mount;
    const int64_t now = nvr_clock_mono_us();
    const char *separator = "RTP-Info: ";
    size_t url_len = strlen(url);
    struct nvr_buf headers;

    (void)sim_mount_run(mount, now); /* bring an idle mount up to date */
    while (url_len && url[url_len - 1] == '/')
        url_len--;
    nvr_buf_init(&headers, 1800);
    nvr_buf_printf(&headers, "Session: %08X\r\nRange: npt=now-\r\n", client->session);
    for (int i = 0; i < sim_mount_file(mount)->track_count; i++) {
        if (!client->transports[i].on)
            continue;
        nvr_buf_printf(&headers, "%surl=%.*s/trackID=%d;seq=%u;rtptime=%u", separator, (int)url_len,
                       url, i, (unsigned)client->transports[i].sequence,
                       sim_mount_timestamp(mount, i, now - mount->t0_us, 0));
        separator = ",";
    }
    nvr_buf_append_str(&headers, "\r\n");
    reply(client, request, "200 OK", nvr_buf_cstr(&headers), NULL);
    nvr_buf_done(&headers);
    sim_mount_play(mount, client, now);
    sim_log(2, "client %d plays %s", client->fd, mount->path);
}

/* Faults that answer in place of the camera; true: done. */
static bool handle_fault(struct sim_client *client, const struct sim_mount *mount,
                         const char *request, const char *url)
{
    const struct sim_faults *faults = &mount->faults;
    char headers[600];

    if (faults->refuse || mount->down_until_us > nvr_clock_mono_us()) {
        client->dead = true;
        return true;
    }
    if (faults->silent) {
        client->mute = true;
        return true;
    }
    if (*faults->redirect) {
        (void)nvr_fmt(headers, sizeof(headers), "Location: %s\r\n",
                      strcmp(faults->redirect, "loop") == 0 ? url : faults->redirect);
        reply(client, request, "302 Found", headers, NULL);
        return true;
    }
    return false;
}

static void handle_method(struct sim_client *client, const char *request, const char *method,
                          const char *url, int track)
{
    char headers[64];

    if (strcmp(method, "DESCRIBE") == 0) {
        handle_describe(client, request, url);
    } else if (strcmp(method, "SETUP") == 0) {
        handle_setup(client, request, track);
    } else if (strcmp(method, "PLAY") == 0) {
        handle_play(client, request, url);
    } else if (strcmp(method, "PAUSE") == 0 || strcmp(method, "TEARDOWN") == 0) {
        sim_mount_stop(client);
        reply(client, request, "200 OK", "", NULL);
        client->dead = method[0] == 'T';
    } else { /* GET_PARAMETER, SET_PARAMETER: to keep the session alive */
        (void)nvr_fmt(headers, sizeof(headers), "Session: %08X\r\n", client->session);
        reply(client, request, "200 OK", headers, NULL);
    }
}

/* First line: method and URL. */
static bool parse_line(const char *request, char *method, size_t method_size, char *url,
                       size_t url_size)
{
    struct nvr_str line = {request, strcspn(request, "\r\n")};
    const struct nvr_str word = nvr_str_cut(&line, ' ');

    return nvr_str_copy(method, method_size, word) == 0 &&
           nvr_str_copy(url, url_size, nvr_str_cut(&line, ' ')) == 0 && *url;
}

void sim_rtsp_handle(struct sim_client *client, char *request)
{
    struct sim_mount *mount;
    char method[32];
    char url[512];
    char headers[256];
    int track;

    if (!parse_line(request, method, sizeof(method), url, sizeof(url))) {
        client->dead = true;
        return;
    }
    sim_log(3, "%s %s", method, url);
    mount = find_mount(client->server, url, &track);
    if (!mount)
        mount = client->mount;
    if (mount && handle_fault(client, mount, request, url))
        return;
    if (strcmp(method, "OPTIONS") == 0) {
        reply(client, request, "200 OK",
              "Public: OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, "
              "SET_PARAMETER\r\n",
              NULL);
        return;
    }
    if (!mount) {
        reply(client, request, "404 Not Found", "", NULL);
        return;
    }
    if (!sim_auth_check(client, mount, request, method)) {
        sim_auth_challenge(client, mount, headers, sizeof(headers));
        reply(client, request, "401 Unauthorized", headers, NULL);
        return;
    }
    if (client->mount != mount)
        sim_mount_stop(client); /* it is in the other one's list */
    client->mount = mount;
    if (client->rate <= 0 && mount->faults.slow_bytes > 0) {
        client->rate = mount->faults.slow_bytes;
        client->allowance = 0;
    }
    handle_method(client, request, method, url, track);
}
