/* http.c — files over HTTP (HLS, FLV, JPEG multipart), statistics, and changes at run time.
 *
 * GET /stats                   what every mount sent and refused, as JSON
 * GET /set?PATH&OPTION         like OPTION on the command line of mount PATH
 * GET /drop?PATH               ends the connections of mount PATH
 * GET /redirect  /silent  /garbage.flv  /text.flv     misbehaviour
 * GET /NAME[?rate=BYTES]       a file of the folder (-D), at most so many bytes per second */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "tests/simcam/simcam.h"

#define CHUNK 65536
#define STATS_MAX (1U << 20)

static const char *content_type(const char *path)
{
    static const char *const types[][2] = {
        {".m3u8", "application/vnd.apple.mpegurl"},
        {".ts", "video/mp2t"},
        {".mp4", "video/mp4"},
        {".m4s", "video/mp4"},
        {".flv", "video/x-flv"},
        {".mpjpeg", "multipart/x-mixed-replace;boundary=ffmpeg"},
        {".jpg", "image/jpeg"},
        {".html", "text/html"},
    };
    const char *dot = strrchr(path, '.');

    for (size_t i = 0; dot && i < NVR_ARRAY_SIZE(types); i++)
        if (strcmp(dot, types[i][0]) == 0)
            return types[i][1];
    return "application/octet-stream";
}

static void put_head(struct sim_client *client, const char *status, const char *type,
                     const char *headers, int64_t length)
{
    char text[1024];
    char size[64] = "";
    int n;

    if (length >= 0)
        (void)nvr_fmt(size, sizeof(size), "Content-Length: %lld\r\n", (long long)length);
    n = nvr_fmt(text, sizeof(text),
                "HTTP/1.1 %s\r\nContent-Type: %s\r\n%s%sConnection: close\r\n\r\n", status, type,
                size, headers);
    if (n > 0)
        sim_client_put(client, text, (size_t)n);
}

static void put_text(struct sim_client *client, const char *status, const char *type,
                     const char *text)
{
    put_head(client, status, type, "", (int64_t)strlen(text));
    sim_client_put(client, text, strlen(text));
}

void sim_http_fill(struct sim_client *client)
{
    uint8_t chunk[CHUNK];
    ssize_t n = 0;

    if (client->endless) {
        n = getrandom(chunk, 4096, 0);
    } else if (client->body_fd >= 0 && client->body_left > 0) {
        n = read(client->body_fd, chunk, (size_t)NVR_MIN(client->body_left, (int64_t)CHUNK));
        client->body_left -= NVR_MAX(n, 0);
    }
    if (n > 0)
        sim_client_put(client, chunk, (size_t)n);
    else if (!client->mute)
        client->dead = true; /* all sent */
}

static void put_stats(struct sim_client *client)
{
    const struct sim_server *server = client->server;
    struct nvr_buf json;

    nvr_buf_init(&json, STATS_MAX);
    nvr_buf_printf(&json, "{\"connections\":%lu,\"mounts\":{", server->connections);
    for (int i = 0; i < server->mount_count; i++) {
        const struct sim_mount *mount = server->mounts[i];
        const struct sim_stats *stats = &mount->stats;
        int clients = 0;

        for (const struct sim_client *c = mount->clients; c; c = c->next)
            clients++;
        nvr_buf_printf(&json,
                       "%s\"%s\":{\"clients\":%d,\"frames\":%lu,\"packets\":%lu,\"bytes\":%lu,"
                       "\"dropped\":%lu,\"describes\":%lu,\"plays\":%lu,\"challenges\":%lu,"
                       "\"auth_failures\":%lu}",
                       i ? "," : "", mount->path, clients, stats->frames, stats->packets,
                       stats->bytes, stats->dropped, stats->describes, stats->plays,
                       stats->challenges, stats->auth_failures);
    }
    nvr_buf_append_str(&json, "}}\n");
    put_text(client, "200 OK", "application/json", nvr_buf_cstr(&json));
    nvr_buf_done(&json);
}

static void change(struct sim_client *client, bool drop, struct nvr_str query)
{
    const struct nvr_str path = nvr_str_cut(&query, '&');
    struct sim_mount *mount = sim_server_find(client->server, path.p ? path.p : "", path.n);
    NVR_AUTO_FREE char *option = nvr_str_dup(query);

    if (!mount || !option || (!drop && sim_option_set(mount, option) < 0)) {
        put_text(client, "400 Bad Request", "text/plain", "no such mount or option\n");
        return;
    }
    for (struct sim_client *c = mount->clients; drop && c; c = c->next)
        c->dead = true;
    put_text(client, "200 OK", "text/plain", "done\n");
}

/* "bytes=A-B" or "bytes=A-"; false: the whole file. */
static bool parse_range(const char *request, int64_t size, int64_t *ret_from, int64_t *ret_to)
{
    char header[64];
    struct nvr_str range;
    struct nvr_str from;
    uint64_t value;

    if (!sim_request_header(request, "Range", header, sizeof(header)))
        return false;
    range = nvr_str_from(header);
    if (!nvr_str_starts(range, NVR_STR("bytes=")))
        return false;
    range.p += 6;
    range.n -= 6;
    from = nvr_str_cut(&range, '-');
    if (nvr_str_to_u64(from, (uint64_t)size, &value) < 0 || (int64_t)value >= size)
        return false;
    *ret_from = (int64_t)value;
    *ret_to = size - 1;
    if (range.n && nvr_str_to_u64(range, INT64_MAX, &value) == 0)
        *ret_to = NVR_MIN((int64_t)value, size - 1);
    return true;
}

static void put_file(struct sim_client *client, const char *request, const char *name,
                     struct nvr_str query)
{
    const char *folder = client->server->folder;
    char path[1024];
    char headers[128] = "Accept-Ranges: bytes\r\n";
    struct stat st;
    int64_t from = 0;
    int64_t to;
    bool part;

    if (!folder || !nvr_path_is_safe(name) || nvr_path_join(path, sizeof(path), folder, name) < 0 ||
        (client->body_fd = open(path, O_RDONLY | O_CLOEXEC)) < 0 ||
        fstat(client->body_fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        put_text(client, "404 Not Found", "text/plain", "not found\n");
        return;
    }
    to = st.st_size - 1;
    part = parse_range(request, st.st_size, &from, &to);
    if (part) {
        (void)nvr_fmt(headers, sizeof(headers), "Content-Range: bytes %lld-%lld/%lld\r\n",
                      (long long)from, (long long)to, (long long)st.st_size);
        (void)lseek(client->body_fd, from, SEEK_SET);
    }
    client->body_left = to - from + 1;
    if (nvr_str_starts(query, NVR_STR("rate="))) {
        query.p += 5;
        query.n -= 5;
        if (nvr_str_to_double(query, &client->rate) < 0)
            client->rate = 0;
    }
    put_head(client, part ? "206 Partial Content" : "200 OK", content_type(name), headers,
             client->body_left);
}

static bool put_misbehaviour(struct sim_client *client, const char *name)
{
    if (strcmp(name, "silent") == 0) {
        client->mute = true;
    } else if (strcmp(name, "redirect") == 0) {
        put_head(client, "302 Found", "text/plain", "Location: /redirect\r\n", 0);
    } else if (strcmp(name, "garbage.flv") == 0) {
        client->endless = true;
        client->rate = 100000;
        put_head(client, "200 OK", "video/x-flv", "", -1);
    } else if (strcmp(name, "text.flv") == 0) {
        put_text(client, "200 OK", "text/html", "<html><body>Not a camera.</body></html>\n");
    } else {
        return false;
    }
    return true;
}

void sim_http_handle(struct sim_client *client, char *request)
{
    struct nvr_str line = {request, strcspn(request, "\r\n")};
    char method[16];
    char name[512];
    struct nvr_str target;

    if (nvr_str_copy(method, sizeof(method), nvr_str_cut(&line, ' ')) < 0) {
        client->dead = true;
        return;
    }
    target = nvr_str_cut(&line, ' ');
    if (target.n && *target.p == '/') {
        target.p++;
        target.n--;
    }
    if (nvr_str_copy(name, sizeof(name), nvr_str_cut(&target, '?')) < 0 ||
        strcmp(method, "GET") != 0)
        put_text(client, "400 Bad Request", "text/plain", "bad request\n");
    else if (strcmp(name, "stats") == 0)
        put_stats(client);
    else if (strcmp(name, "set") == 0 || strcmp(name, "drop") == 0)
        change(client, name[0] == 'd', target);
    else if (!put_misbehaviour(client, name))
        put_file(client, request, name, target);
    if (!client->mute)
        sim_client_flush(client);
}
