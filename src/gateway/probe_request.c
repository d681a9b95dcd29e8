#include "src/gateway/probe_request.h"

#include <errno.h>
#include <string.h>

static void add_error(struct nvr_config_errors *errors, const char *field, const char *message)
{
    struct nvr_config_error *error;

    if (errors->count == NVR_CONFIG_ERRORS_MAX)
        return;
    error = &errors->items[errors->count++];
    *error = (struct nvr_config_error){0};
    (void)nvr_fmt(error->field, sizeof(error->field), "%s", field);
    (void)nvr_fmt(error->message, sizeof(error->message), "%s", message);
}

/* One of names, default first. */
static void read_choice(const json_t *body, const char *key, const char *const *names, char *dst,
                        size_t dst_size, struct nvr_config_errors *errors)
{
    const char *text = NULL;
    const int r = nvr_json_get_str(body, key, &text);

    if (r == 0)
        return;
    for (size_t i = 0; r > 0 && names[i]; i++) {
        if (strcmp(text, names[i]) == 0) {
            (void)nvr_fmt(dst, dst_size, "%s", text);
            return;
        }
    }
    add_error(errors, key, "is not one of the possible values");
}

/* Text that may be null. */
static void read_text(const json_t *body, const char *key, char *dst, size_t dst_size,
                      struct nvr_config_errors *errors)
{
    const json_t *value = json_object_get(body, key);

    if (!value)
        return;
    if (json_is_null(value))
        dst[0] = '\0';
    else if (!json_is_string(value))
        add_error(errors, key, "expected text");
    else if (nvr_str_copy(dst, dst_size, nvr_str_from(json_string_value(value))) < 0)
        add_error(errors, key, "is too long");
}

static bool scheme_is_known(const char *scheme)
{
    static const char *const schemes[] = {"rtsp", "rtsps", "rtmp", "http", "https", "file"};

    for (size_t i = 0; i < NVR_ARRAY_SIZE(schemes); i++)
        if (strcmp(scheme, schemes[i]) == 0)
            return true;
    return false;
}

static bool same_place(const struct nvr_url *url, const char *stored)
{
    struct nvr_url other;

    return nvr_url_parse(stored, &other) == 0 && strcmp(url->scheme, other.scheme) == 0 &&
           strcmp(url->host, other.host) == 0 && url->port == other.port;
}

static void read_url(const char *text, struct nvr_probe_request *request,
                     struct nvr_config_errors *errors)
{
    struct nvr_url url;
    int r;

    r = nvr_url_parse(text, &url);
    if (r < 0) {
        add_error(errors, "url", r == -EMSGSIZE ? "is too long" : "is not a URL");
        return;
    }
    if (!scheme_is_known(url.scheme)) {
        add_error(errors, "url", "must begin with rtsp, rtsps, rtmp, http, https or file");
        return;
    }
    if (strcmp(url.scheme, "file") != 0 && !url.host[0]) {
        add_error(errors, "url", "has no host");
        return;
    }
    if (!nvr_str_is_utf8(nvr_str_from(url.user)) || !nvr_str_is_utf8(nvr_str_from(url.password))) {
        add_error(errors, "url", "has a user name or password that is not UTF-8");
        return;
    }
    if (!same_place(&url, request->url)) {
        /* A stored password must not be sent to an address that somebody made up. */
        request->username[0] = '\0';
        request->password[0] = '\0';
    }
    if (nvr_url_format_public(&url, request->url, sizeof(request->url)) < 0) {
        add_error(errors, "url", "is too long");
        return;
    }
    if (url.user[0]) {
        memcpy(request->username, url.user, sizeof(request->username));
        memcpy(request->password, url.password, sizeof(request->password));
    }
}

static void take_camera(const struct nvr_camera_config *camera, bool sub,
                        struct nvr_probe_request *request, struct nvr_config_errors *errors)
{
    static const char *const auth_names[] = {"auto", "basic", "digest", "none"};
    static const char *const transport_names[] = {"tcp", "udp", "http"};

    if (sub && !camera->stream.sub_url[0])
        add_error(errors, "stream", "the camera has no sub stream");
    memcpy(request->url, sub ? camera->stream.sub_url : camera->stream.url, sizeof(request->url));
    memcpy(request->username, camera->stream.username, sizeof(request->username));
    memcpy(request->password, camera->stream.password, sizeof(request->password));
    (void)nvr_fmt(request->auth_type, sizeof(request->auth_type), "%s",
                  auth_names[camera->stream.auth_type]);
    (void)nvr_fmt(request->transport, sizeof(request->transport), "%s",
                  transport_names[camera->stream.transport]);
}

int nvr_probe_request_parse(const json_t *body, const struct nvr_camera_config *camera,
                            struct nvr_probe_request *ret_request, struct nvr_config_errors *errors)
{
    static const char *const auth_types[] = {"auto", "basic", "digest", "none", NULL};
    static const char *const transports[] = {"tcp", "udp", "http", NULL};
    static const char *const streams[] = {"main", "sub", NULL};
    struct nvr_probe_request request = {.auth_type = "auto", .transport = "tcp"};
    char stream[8] = "main";
    const char *url = NULL;

    errors->count = 0;
    read_choice(body, "stream", streams, stream, sizeof(stream), errors);
    if (camera)
        take_camera(camera, strcmp(stream, "sub") == 0, &request, errors);
    if (nvr_json_get_str(body, "url", &url) < 0)
        add_error(errors, "url", "expected text");
    else if (url)
        read_url(url, &request, errors);
    else if (!camera)
        add_error(errors, "url", "is missing");
    read_text(body, "username", request.username, sizeof(request.username), errors);
    read_text(body, "password", request.password, sizeof(request.password), errors);
    read_choice(body, "auth_type", auth_types, request.auth_type, sizeof(request.auth_type),
                errors);
    read_choice(body, "transport", transports, request.transport, sizeof(request.transport),
                errors);
    if (errors->count)
        return -EINVAL;
    *ret_request = request;
    return 0;
}
