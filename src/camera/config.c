#include "src/camera/config.h"

#include <string.h>

#include "lib/base/buf.h"
#include "src/camera/recorder.h"

static int copy_str(const json_t *object, const char *key, char *dst, size_t dst_size)
{
    const char *text = "";

    if (json_is_null(json_object_get(object, key)))
        return nvr_str_copy(dst, dst_size, nvr_str_from(""));
    if (nvr_json_get_str(object, key, &text) < 0)
        return -EINVAL;
    return nvr_str_copy(dst, dst_size, nvr_str_from(text));
}

static int get_unsigned(const json_t *object, const char *key, unsigned min, unsigned max,
                        unsigned *ret_value)
{
    int64_t value = *ret_value;

    if (nvr_json_get_int(object, key, min, max, &value) < 0)
        return -EINVAL;
    *ret_value = (unsigned)value;
    return 0;
}

static enum nvr_rtsp_auth auth_from(const char *name)
{
    if (strcmp(name, "basic") == 0)
        return NVR_RTSP_AUTH_BASIC;
    if (strcmp(name, "digest") == 0)
        return NVR_RTSP_AUTH_DIGEST;
    if (strcmp(name, "none") == 0)
        return NVR_RTSP_AUTH_NONE;
    return NVR_RTSP_AUTH_AUTO;
}

static enum nvr_source_transport transport_from(const char *name)
{
    if (strcmp(name, "udp") == 0)
        return NVR_SOURCE_UDP;
    if (strcmp(name, "http") == 0)
        return NVR_SOURCE_HTTP;
    return NVR_SOURCE_TCP;
}

/* Credentials inside a URL move into the address, unless it has its own. */
static int take_url(const char *text, char *dst, struct nvr_source_address *address)
{
    struct nvr_url url;
    int r = nvr_url_parse(text, &url);

    if (r < 0)
        return r;
    if (!url.user[0] && !url.password[0])
        return nvr_str_copy(dst, NVR_URL_MAX, nvr_str_from(text));
    if (!address->username[0]) {
        r = nvr_str_copy(address->username, sizeof(address->username), nvr_str_from(url.user));
        if (r == 0)
            r = nvr_str_copy(address->password, sizeof(address->password),
                             nvr_str_from(url.password));
        if (r < 0)
            return r;
    }
    return nvr_url_format_public(&url, dst, NVR_URL_MAX);
}

static int parse_login(const json_t *params, struct nvr_source_address *address)
{
    const char *auth = "auto";
    const char *transport = "tcp";

    if (copy_str(params, "username", address->username, sizeof(address->username)) < 0 ||
        copy_str(params, "password", address->password, sizeof(address->password)) < 0)
        return -EINVAL;
    (void)nvr_json_get_str(params, "auth_type", &auth);
    (void)nvr_json_get_str(params, "transport", &transport);
    address->auth_type = auth_from(auth);
    address->transport = transport_from(transport);
    address->timeout_ms = NVR_CAMERA_TIMEOUT_MS;
    address->want_audio = true;
    return 0;
}

int nvr_source_address_parse(const json_t *params, struct nvr_source_address *ret_address,
                             const char **ret_reason)
{
    struct nvr_source_address a = {0};
    const char *url = NULL;

    *ret_reason = "username or password is not a string of sensible length";
    if (parse_login(params, &a) < 0)
        return -EINVAL;
    *ret_reason = "url is missing or not a URL";
    if (nvr_json_get_str(params, "url", &url) <= 0 || take_url(url, a.url, &a) < 0)
        return -EINVAL;
    *ret_address = a;
    return 0;
}

static int parse_urls(const json_t *stream, struct nvr_worker_config *config)
{
    const json_t *fallbacks = json_object_get(stream, "fallback_urls");
    const char *url = NULL;
    size_t i;
    const json_t *item;

    if (nvr_json_get_str(stream, "url", &url) <= 0 ||
        take_url(url, config->urls[0], &config->address) < 0)
        return -EINVAL;
    config->urls_count = 1;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): drops const for the macro, which only reads
    json_array_foreach((json_t *)(uintptr_t)fallbacks, i, item)
    {
        if (config->urls_count == NVR_CAMERA_URLS_MAX)
            break;
        if (!json_is_string(item) ||
            take_url(json_string_value(item), config->urls[config->urls_count], &config->address) <
                0)
            return -EINVAL;
        config->urls_count++;
    }
    url = NULL;
    if (!json_is_null(json_object_get(stream, "sub_url")) &&
        nvr_json_get_str(stream, "sub_url", &url) < 0)
        return -EINVAL;
    if (url && *url)
        return take_url(url, config->sub_url, &config->address);
    return 0;
}

int nvr_window_parse(const json_t *params, struct nvr_window *ret_window)
{
    struct nvr_window window = {0};

    if (nvr_json_get_int(params, "from_us", 0, INT64_MAX, &window.from_us) != 1 ||
        nvr_json_get_int(params, "until_us", 0, INT64_MAX, &window.until_us) != 1)
        return -EINVAL;
    *ret_window = window;
    return 0;
}

int nvr_worker_config_parse(const json_t *params, struct nvr_worker_config *ret_config,
                            const char **ret_reason)
{
    struct nvr_worker_config c = {.segment_seconds = 10,
                                  .pre_buffer_seconds = 5,
                                  .flush_seconds = NVR_RECORDER_FLUSH_SECONDS,
                                  .record = true,
                                  .window = {.until_us = INT64_MAX}};
    const json_t *camera = json_object_get(params, "camera");
    const json_t *stream = json_object_get(camera, "stream");
    const json_t *recording = json_object_get(camera, "recording");
    unsigned timeout = NVR_CAMERA_TIMEOUT_MS / 1000;

    *ret_reason = "camera.id is missing or not valid";
    if (copy_str(camera, "id", c.id, sizeof(c.id)) < 0 || !nvr_slug_is_valid(c.id))
        return -EINVAL;
    *ret_reason = "camera.stream: username or password is not a string of sensible length";
    if (parse_login(stream, &c.address) < 0)
        return -EINVAL;
    *ret_reason = "camera.stream: an address is missing or not a URL";
    if (parse_urls(stream, &c) < 0)
        return -EINVAL;
    *ret_reason = "camera.stream.timeout_seconds is out of range";
    if (get_unsigned(stream, "timeout_seconds", 1, 300, &timeout) < 0 ||
        get_unsigned(json_object_get(camera, "advanced"), "timeout_seconds", 1, 300, &timeout) < 0)
        return -EINVAL;
    c.address.timeout_ms = timeout * 1000;
    *ret_reason = "camera.recording has a value out of range";
    if (nvr_json_get_bool(recording, "enabled", &c.record) < 0 ||
        nvr_json_get_bool(recording, "audio", &c.address.want_audio) < 0 ||
        get_unsigned(recording, "segment_seconds", 2, 60, &c.segment_seconds) < 0 ||
        get_unsigned(recording, "pre_buffer_seconds", 0, 60, &c.pre_buffer_seconds) < 0 ||
        get_unsigned(recording, "flush_seconds", 0, 60, &c.flush_seconds) < 0)
        return -EINVAL;
    *ret_reason = "record has no from_us or until_us";
    if (json_object_get(params, "record") &&
        nvr_window_parse(json_object_get(params, "record"), &c.window) < 0)
        return -EINVAL;
    *ret_reason = "root is missing or too long";
    if (copy_str(params, "root", c.root, sizeof(c.root)) < 0)
        return -EINVAL;
    *ret_config = c;
    return 0;
}
