/* Exports and jobs: files for people, made of recordings. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "src/gateway/file_reply.h"
#include "src/gateway/private.h"
#include "src/storage/exports.h"

NVR_LOG_TOPIC("gateway");

#define JSON "application/json"

/* False: replied. */
static bool parse_spec(struct nvr_gateway *gateway, struct nvr_http_request *request,
                       struct nvr_export_spec *ret_spec)
{
    struct nvr_config_errors errors;

    if (nvr_export_spec_parse(nvr_http_get_body(request),
                              nvr_supervisor_get_config(gateway->supervisor), nvr_clock_wall_ms(),
                              ret_spec, &errors) == 0)
        return true;
    nvr_http_reply_fields(request, &errors);
    return false;
}

static void on_estimated(int result, const struct nvr_export_estimate *estimate, void *arg)
{
    struct nvr_http_request *request = arg;

    if (result < 0)
        nvr_http_reply_errno(request, result, "estimate");
    else
        nvr_http_reply_json_take(request, 200, nvr_export_estimate_to_json(estimate));
    nvr_http_unref(request);
}

static void handle_estimate(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    struct nvr_export_spec spec;
    int r;

    if (!parse_spec(gateway, request, &spec))
        return;
    r = nvr_exports_estimate(gateway->storage, &spec, on_estimated, nvr_http_ref(request));
    if (r < 0) {
        nvr_http_reply_errno(request, r, "estimate");
        nvr_http_unref(request);
    }
}

static void on_created(int result, json_t *job, const struct nvr_export_estimate *estimate,
                       void *arg)
{
    struct nvr_http_request *request = arg;

    if (result == 0)
        nvr_http_reply_json_take(request, 202, json_incref(job));
    else if (result == -ENODATA)
        nvr_http_reply_error(request, 409, "nothing_recorded",
                             "Nothing is recorded in this range.");
    else if (result == -ENOSPC)
        nvr_http_reply_error(
            request, 507, "disk_full",
            "There is not enough room: %lld bytes are needed (what must stay free and other "
            "exports included), %lld are free.",
            (long long)estimate->needed_bytes, (long long)estimate->free_bytes);
    else if (result == -ENOBUFS)
        nvr_http_reply_error(request, 503, "unavailable", "Too many exports wait for their turn.");
    else if (result == -E2BIG)
        nvr_http_reply_error(request, 409, "too_long_for_proof",
                             "The range holds %llu recordings: too many for a proof. Ask without "
                             "one, or for a shorter range.",
                             (unsigned long long)estimate->segments);
    else
        nvr_http_reply_errno(request, result, "export");
    nvr_http_unref(request);
}

static void handle_create(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    struct nvr_export_spec spec;
    int r;

    if (!parse_spec(gateway, request, &spec))
        return;
    r = nvr_exports_create(gateway->storage, &spec, on_created, nvr_http_ref(request));
    if (r < 0) {
        nvr_http_reply_errno(request, r, "export");
        nvr_http_unref(request);
    }
}

/* False: replied. -1: all. */
static bool parse_state(struct nvr_http_request *request, int *ret_state)
{
    const char *text = nvr_query_get(nvr_http_get_query(request), "state");

    *ret_state = text && *text ? nvr_job_state_parse(text) : -1;
    if (!text || !*text || *ret_state >= 0)
        return true;
    nvr_http_reply_bad_query(request, "state",
                             "expected queued, running, done, failed or cancelled");
    return false;
}

static void reply_list(struct nvr_http_request *request, json_t *items)
{
    nvr_http_reply_json_take(request, 200, json_pack("{s:o, s:n}", "items", items, "next"));
}

static void handle_list(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    int state;

    if (parse_state(request, &state))
        reply_list(request, nvr_exports_to_json(gateway->storage, state));
}

static void handle_list_jobs(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    const char *type = nvr_query_get(nvr_http_get_query(request), "type");
    int state;

    if (!parse_state(request, &state))
        return;
    if (type && *type && strcmp(type, "export") != 0)
        nvr_http_reply_bad_query(request, "type", "expected export");
    else
        reply_list(request, nvr_exports_to_json(gateway->storage, state));
}

static void reply_job(struct nvr_gateway *gateway, struct nvr_http_request *request)
{
    json_t *job = nvr_exports_get(gateway->storage, nvr_http_get_param(request, "id"));

    if (job)
        nvr_http_reply_json_take(request, 200, job);
    else
        nvr_http_reply_errno(request, -ENOENT, "job");
}

static void handle_get(struct nvr_http_request *request, void *arg)
{
    reply_job(arg, request);
}

static void handle_cancel(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    const int r = nvr_exports_cancel(gateway->storage, nvr_http_get_param(request, "id"));

    if (r < 0)
        nvr_http_reply_errno(request, r, "job");
    else
        reply_job(gateway, request);
}

static void handle_delete(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    const int r = nvr_exports_delete(gateway->storage, nvr_http_get_param(request, "id"));

    if (r < 0)
        nvr_http_reply_errno(request, r, "export");
    else
        nvr_http_reply_empty(request, 204);
}

/* ---- download ---- */

struct opening {
    char path[PATH_MAX];
    char name[NVR_EXPORT_FILE_NAME_SIZE];
    int fd;
    struct stat st;
};

static void run_open(void *arg)
{
    struct opening *opening = arg;

    opening->fd = open(opening->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (opening->fd >= 0 && fstat(opening->fd, &opening->st) == 0)
        return;
    if (opening->fd >= 0)
        (void)close(opening->fd);
    opening->fd = -errno;
}

/* RFC 6266: the name in ASCII for old clients, and as it is. */
static void add_disposition(struct nvr_http_request *request, const char *name)
{
    static const char plain_set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                    "-._~";
    char header[5 * NVR_EXPORT_FILE_NAME_SIZE];
    char plain[NVR_EXPORT_FILE_NAME_SIZE];
    char coded[3 * NVR_EXPORT_FILE_NAME_SIZE];
    size_t at = 0;
    size_t length = 0;

    for (const char *p = name; *p; p++) {
        const unsigned char c = (unsigned char)*p;

        if ((c & 0xc0) != 0x80) /* one sign for a character of several bytes */
            plain[length++] = (char)(c >= 0x80 || c == '"' || c == '\\' ? '-' : c);
        at += (size_t)NVR_MAX(
            nvr_fmt(coded + at, sizeof(coded) - at, strchr(plain_set, c) ? "%c" : "%%%02X", c), 0);
    }
    plain[length] = 0;
    (void)nvr_fmt(header, sizeof(header), "attachment; filename=\"%s\"; filename*=UTF-8''%s", plain,
                  coded);
    nvr_http_add_header(request, "Content-Disposition", header);
}

static void on_opened(struct nvr_http_request *request, void *arg)
{
    struct opening *opening = arg;
    char etag[96];

    if (opening->fd < 0) {
        nvr_http_reply_errno(request, opening->fd, "file");
        free(opening);
        return;
    }
    add_disposition(request, opening->name);
    (void)nvr_fmt(etag, sizeof(etag), "\"e-%s-%llx-%llx\"", nvr_http_get_param(request, "id"),
                  (unsigned long long)opening->st.st_ino, (unsigned long long)opening->st.st_size);
    nvr_http_reply_file_take(request, opening->fd, opening->st.st_size,
                             &(struct nvr_file_reply){
                                 .type = "video/mp4",
                                 .etag = etag,
                                 .cache_control = "private, max-age=3600",
                             });
    free(opening);
}

static void handle_download(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    struct opening *opening;
    int64_t file = 0;
    int r;

    if (nvr_query_get_int(nvr_http_get_query(request), "file", 0, INT32_MAX, &file) < 0) {
        nvr_http_reply_bad_query(request, "file", "expected the number of a file, from 0");
        return;
    }
    opening = calloc(1, sizeof(*opening));
    r = opening
            ? nvr_exports_path(gateway->storage, nvr_http_get_param(request, "id"), (size_t)file,
                               opening->path, sizeof(opening->path), opening->name)
            : -ENOMEM;
    if (r == 0)
        r = nvr_work_start(request, &(struct nvr_work){run_open, on_opened, opening});
    if (r < 0) {
        free(opening);
        nvr_http_reply_errno(request, r, "file");
    }
}

const struct nvr_route nvr_export_routes[] = {
    {NVR_HTTP_GET, 0, "/api/v1/exports", handle_list, "exports", "List exports", JSON},
    {NVR_HTTP_POST, NVR_ROUTE_BODY, "/api/v1/exports", handle_create, "exports", "Start an export",
     JSON},
    {NVR_HTTP_POST, NVR_ROUTE_BODY, "/api/v1/exports/estimate", handle_estimate, "exports",
     "What an export would become", JSON},
    {NVR_HTTP_GET, 0, "/api/v1/exports/{id}", handle_get, "exports", "Get an export", JSON},
    {NVR_HTTP_DELETE, 0, "/api/v1/exports/{id}", handle_delete, "exports",
     "Delete an export and its files", NULL},
    {NVR_HTTP_POST, 0, "/api/v1/exports/{id}/cancel", handle_cancel, "exports", "Cancel an export",
     JSON},
    {NVR_HTTP_GET, 0, "/api/v1/exports/{id}/download", handle_download, "exports",
     "A file of an export", NULL},
    {NVR_HTTP_GET, 0, "/api/v1/jobs", handle_list_jobs, "jobs", "List jobs", JSON},
    {NVR_HTTP_GET, 0, "/api/v1/jobs/{id}", handle_get, "jobs", "Get a job", JSON},
    {NVR_HTTP_POST, 0, "/api/v1/jobs/{id}/cancel", handle_cancel, "jobs", "Cancel a job", JSON},
};
const size_t nvr_export_routes_count = NVR_ARRAY_SIZE(nvr_export_routes);
