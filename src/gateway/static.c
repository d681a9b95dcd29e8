/* The web interface: files of web_dir, index.html for the routes of the browser. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "src/gateway/file_reply.h"
#include "src/gateway/private.h"
#include "src/gateway/range.h"

static const struct {
    const char *suffix, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".webp", "image/webp"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".woff", "font/woff"},
    {".txt", "text/plain; charset=utf-8"},
    {".wasm", "application/wasm"},
    {".mp4", "video/mp4"},
};

static const char *type_of(const char *path)
{
    const char *dot = strrchr(path, '.');

    for (size_t i = 0; dot && i < NVR_ARRAY_SIZE(types); i++)
        if (strcmp(dot, types[i].suffix) == 0)
            return types[i].type;
    return "application/octet-stream";
}

/* -1: not a regular file below the web folder. */
static int open_file(struct nvr_gateway *gateway, const char *path, struct stat *ret_stat)
{
    int fd;

    if (gateway->web_fd < 0 || !nvr_path_is_safe(path))
        return -1;
    fd = openat(gateway->web_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return -1;
    if (fstat(fd, ret_stat) < 0 || !S_ISREG(ret_stat->st_mode)) {
        close(fd);
        return -1;
    }
    return fd;
}

bool nvr_web_has_file(struct nvr_gateway *gateway, const char *path)
{
    struct stat st;
    const int fd = open_file(gateway, path, &st);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* False: there is no such file, nothing was replied. */
static bool reply_file(struct nvr_gateway *gateway, struct nvr_http_request *request,
                       const char *path)
{
    char packed[NVR_HTTP_PATH_MAX + 16];
    char etag[64];
    struct stat st;
    int fd = -1;
    bool is_packed = false;

    if (nvr_encoding_allows(nvr_http_get_header(request, NVR_HTTP_ACCEPT_ENCODING), "gzip") &&
        nvr_fmt(packed, sizeof(packed), "%s.gz", path) > 0) {
        fd = open_file(gateway, packed, &st);
        is_packed = fd >= 0;
    }
    if (fd < 0)
        fd = open_file(gateway, path, &st);
    if (fd < 0)
        return false;
    if (is_packed)
        nvr_http_add_header(request, "Content-Encoding", "gzip");
    nvr_http_add_header(request, "Vary", "Accept-Encoding");
    (void)nvr_fmt(etag, sizeof(etag), "\"%llx-%llx%s\"", (unsigned long long)st.st_mtim.tv_sec,
                  (unsigned long long)st.st_size, is_packed ? "-gz" : "");
    /* Vite puts a hash of the content into the names of its assets. */
    nvr_http_reply_file_take(request, fd, st.st_size,
                             &(struct nvr_file_reply){
                                 .type = type_of(path),
                                 .etag = etag,
                                 .cache_control = strncmp(path, "assets/", 7) == 0
                                                      ? "public, max-age=31536000, immutable"
                                                      : "no-cache",
                             });
    return true;
}

void nvr_web_reply_file(struct nvr_gateway *gateway, struct nvr_http_request *request,
                        const char *path)
{
    if (!reply_file(gateway, request, path))
        nvr_http_reply_error(request, 404, "not_found", "There is nothing at this address.");
}

static const char no_web[] =
    "<!doctype html>\n"
    "<html lang=\"en\"><meta charset=\"utf-8\"><title>Heron</title>\n"
    "<h1>Heron</h1>\n"
    "<p>Heron is running, but its web interface is not built (<code>make build</code>). "
    "The API is described at <a href=\"/api/docs\">/api/docs</a>.</p>\n"
    "</html>\n";

static void handle_web(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    const char *path = nvr_http_get_param(request, "path");
    const char *name = strrchr(path, '/');

    if (*path && reply_file(gateway, request, path))
        return;
    /* A missing picture must not come back as a page. */
    name = name ? name + 1 : path;
    if (strchr(name, '.') ||
        !nvr_accept_allows(nvr_http_get_header(request, NVR_HTTP_ACCEPT), "text/html")) {
        nvr_http_reply_error(request, 404, "not_found", "There is nothing at this address.");
        return;
    }
    if (!reply_file(gateway, request, "index.html"))
        nvr_http_reply_static(request, 200, "text/html; charset=utf-8", no_web, sizeof(no_web) - 1);
}

const struct nvr_route nvr_static_routes[] = {
    /* what belongs to programs never answers with the page */
    {0, NVR_ROUTE_HIDDEN, "/api", NULL, "", "", NULL},
    {0, NVR_ROUTE_HIDDEN, "/api/{rest...}", NULL, "", "", NULL},
    {0, NVR_ROUTE_HIDDEN, "/health/{rest...}", NULL, "", "", NULL},
    {0, NVR_ROUTE_HIDDEN, "/status/{rest...}", NULL, "", "", NULL},
    {0, NVR_ROUTE_HIDDEN, "/workers/{rest...}", NULL, "", "", NULL},
    {0, NVR_ROUTE_HIDDEN, "/metrics", NULL, "", "", NULL},
    {0, NVR_ROUTE_HIDDEN, "/ws", NULL, "", "", NULL},
    {NVR_HTTP_GET, NVR_ROUTE_HIDDEN, "/{path...}", handle_web, "web", "Web interface", NULL},
};
const size_t nvr_static_routes_count = NVR_ARRAY_SIZE(nvr_static_routes);
