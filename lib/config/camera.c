/* One camera's entry: JSON → struct, and what others may see of it. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/config/internal.h"

const char *nvr_config_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

void nvr_config_copy(char *dst, size_t size, const char *text)
{
    const int r = nvr_str_copy(dst, size, nvr_str_from(text));

    assert(r == 0);
    (void)r;
}

static unsigned number_of(const json_t *object, const char *key)
{
    return (unsigned)json_integer_value(json_object_get(object, key));
}

/* url without credentials, when it has some: *ret_text is it then, else NULL. */
static int split_url(json_t *stream, const char *text, json_t **ret_text)
{
    char public_url[NVR_URL_MAX];
    struct nvr_url url;
    int r = 0;

    *ret_text = NULL;
    /* What is not UTF-8 stays where it is: validation names the field. */
    if (!text || nvr_url_parse(text, &url) < 0 || (!url.user[0] && !url.password[0]) ||
        !nvr_str_is_utf8(nvr_str_from(url.user)) || !nvr_str_is_utf8(nvr_str_from(url.password)))
        return 0;
    if (nvr_url_format_public(&url, public_url, sizeof(public_url)) < 0)
        return 0;
    if (nvr_config_text(stream, "username")[0] == '\0')
        r = json_object_set_new(stream, "username", json_string(url.user));
    if (r == 0 && nvr_config_text(stream, "password")[0] == '\0' && url.password[0] &&
        strcmp(nvr_config_text(stream, "username"), url.user) == 0)
        r = json_object_set_new(stream, "password", json_string(url.password));
    explicit_bzero(&url, sizeof(url));
    if (r < 0)
        return -ENOMEM;
    *ret_text = json_string(public_url);
    return *ret_text ? 0 : -ENOMEM;
}

int nvr_camera_split_urls(json_t *entry)
{
    static const char *const keys[] = {"url", "sub_url"};
    json_t *stream = json_object_get(entry, "stream"), *text = NULL;
    json_t *list = json_object_get(stream, "fallback_urls");
    int r;

    if (!json_is_object(stream))
        return 0;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(keys); i++) {
        r = split_url(stream, json_string_value(json_object_get(stream, keys[i])), &text);
        if (r == 0 && text)
            r = json_object_set_new(stream, keys[i], text);
        if (r < 0)
            return -ENOMEM;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        r = split_url(stream, json_string_value(json_array_get(list, i)), &text);
        if (r == 0 && text)
            r = json_array_set_new(list, i, text);
        if (r < 0)
            return -ENOMEM;
    }
    return 0;
}

static int read_password(const char *text, const struct nvr_config_key *key, const char *prefix,
                         struct nvr_camera_config *camera, struct nvr_config_errors *errors)
{
    char field[96];
    int r;

    if (!key && strncmp(text, "encrypted:", 10) == 0)
        return 0;
    r = nvr_config_decrypt(key, text, camera->stream.password, sizeof(camera->stream.password));
    if (r == 0 || r == -ENOMEM)
        return r;
    (void)nvr_fmt(field, sizeof(field), "%s%sstream.password", prefix, prefix[0] ? "." : "");
    if (r == -EMSGSIZE)
        nvr_config_error_add(errors, field, "expected text of at most 255 bytes");
    else
        nvr_config_error_add(errors, field,
                             "expected a value encrypted with this installation's key: write the "
                             "password in plain text again, or bring the key back");
    return 0;
}

static void read_stream(const json_t *stream, struct nvr_camera_config *camera)
{
    static const char *const auth[] = {"auto", "basic", "digest", "none"};
    static const char *const transports[] = {"tcp", "udp", "http"};
    const json_t *list = json_object_get(stream, "fallback_urls");

    nvr_config_copy(camera->stream.url, sizeof(camera->stream.url), nvr_config_text(stream, "url"));
    nvr_config_copy(camera->stream.sub_url, sizeof(camera->stream.sub_url),
                    nvr_config_text(stream, "sub_url"));
    nvr_config_copy(camera->stream.username, sizeof(camera->stream.username),
                    nvr_config_text(stream, "username"));
    camera->stream.fallback_count = NVR_MIN(json_array_size(list), NVR_CONFIG_FALLBACKS_MAX);
    for (size_t i = 0; i < camera->stream.fallback_count; i++)
        nvr_config_copy(camera->stream.fallback_urls[i], NVR_URL_MAX,
                        json_string_value(json_array_get(list, i)));
    for (size_t i = 0; i < NVR_ARRAY_SIZE(auth); i++) {
        if (strcmp(auth[i], nvr_config_text(stream, "auth_type")) == 0)
            camera->stream.auth_type = (enum nvr_auth_type)i;
    }
    for (size_t i = 0; i < NVR_ARRAY_SIZE(transports); i++) {
        if (strcmp(transports[i], nvr_config_text(stream, "transport")) == 0)
            camera->stream.transport = (enum nvr_transport)i;
    }
}

/* "08:30", checked by the schema. */
static uint16_t minutes_of(const json_t *entry, const char *key)
{
    const char *text = nvr_config_text(entry, key);
    struct nvr_str minutes = nvr_str_from(text);
    const struct nvr_str hours = nvr_str_cut(&minutes, ':');
    uint64_t h = 0, m = 0;

    if (nvr_str_to_u64(hours, 24, &h) < 0 || nvr_str_to_u64(minutes, 59, &m) < 0)
        return 0;
    return (uint16_t)(h * 60 + m);
}

/* Index of the member's text among names; 0 when it is none of them: checked by the schema. */
static size_t choice_of(const json_t *value, const char *const *names, size_t count)
{
    const char *text = json_string_value(value);

    for (size_t i = 0; text && i < count; i++)
        if (strcmp(names[i], text) == 0)
            return i;
    return 0;
}

static void read_schedule(const json_t *list, struct nvr_schedule *schedule)
{
    static const char *const days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    static const char *const modes[] = {"off", "continuous", "motion", "events"};

    schedule->count = NVR_MIN(json_array_size(list), NVR_SCHEDULE_MAX);
    for (size_t i = 0; i < schedule->count; i++) {
        const json_t *item = json_array_get(list, i);
        const json_t *on = json_object_get(item, "days");
        struct nvr_schedule_entry *entry = &schedule->entries[i];

        for (size_t d = 0; d < json_array_size(on); d++)
            entry->days |=
                (uint8_t)(1u << choice_of(json_array_get(on, d), days, NVR_ARRAY_SIZE(days)));
        entry->from = minutes_of(item, "from");
        entry->to = minutes_of(item, "to");
        entry->mode =
            (uint8_t)choice_of(json_object_get(item, "mode"), modes, NVR_ARRAY_SIZE(modes));
    }
}

static void read_recording(const json_t *recording, struct nvr_camera_config *camera)
{
    static const char *const modes[] = {"continuous", "motion", "events", "scheduled"};
    const json_t *retention = json_object_get(recording, "retention");

    camera->recording.mode = (enum nvr_recording_mode)choice_of(json_object_get(recording, "mode"),
                                                                modes, NVR_ARRAY_SIZE(modes));
    read_schedule(json_object_get(recording, "schedule"), &camera->recording.schedule);
    camera->recording.flush_seconds = number_of(recording, "flush_seconds");
    camera->recording.enabled = json_is_true(json_object_get(recording, "enabled"));
    camera->recording.audio = json_is_true(json_object_get(recording, "audio"));
    camera->recording.segment_seconds = number_of(recording, "segment_seconds");
    camera->recording.pre_buffer_seconds = number_of(recording, "pre_buffer_seconds");
    camera->recording.post_buffer_seconds = number_of(recording, "post_buffer_seconds");
    camera->recording.default_days = number_of(retention, "default_days");
    camera->recording.events_days = number_of(retention, "events_days");
}

int nvr_camera_read(const json_t *entry, const json_t *schema, const struct nvr_config_key *key,
                    const char *prefix, struct nvr_camera_config *ret_camera,
                    struct nvr_config_errors *errors)
{
    NVR_AUTO_JSON json = json_deep_copy(entry);
    struct nvr_camera_config camera;
    const json_t *stream;
    int r;

    if (!json || nvr_schema_fill(json, schema) < 0 || nvr_camera_split_urls(json) < 0)
        return -ENOMEM;
    memset(&camera, 0, sizeof(camera));
    stream = json_object_get(json, "stream");
    nvr_config_copy(camera.id, sizeof(camera.id), nvr_config_text(json, "id"));
    nvr_config_copy(camera.name, sizeof(camera.name),
                    nvr_config_text(json, "name")[0] ? nvr_config_text(json, "name") : camera.id);
    camera.enabled = json_is_true(json_object_get(json, "enabled"));
    read_stream(stream, &camera);
    read_recording(json_object_get(json, "recording"), &camera);
    camera.timeout_seconds = number_of(json_object_get(json, "advanced"), "timeout_seconds");
    r = read_password(nvr_config_text(stream, "password"), key, prefix, &camera, errors);
    if (r == 0)
        *ret_camera = camera;
    explicit_bzero(&camera, sizeof(camera));
    return r;
}

json_t *nvr_config_camera_to_json(const struct nvr_config *config, const char *id)
{
    size_t index = 0;
    const json_t *entry = nvr_config_camera_entry(config, id, &index);
    NVR_AUTO_JSON json = entry ? json_deep_copy(entry) : NULL;
    json_t *stream;
    bool has_password;

    if (!json || nvr_camera_split_urls(json) < 0 ||
        nvr_schema_fill(json, nvr_config_camera_schema(config->schema)) < 0)
        return NULL;
    if (json_is_null(json_object_get(json, "name")) || !json_object_get(json, "name")) {
        if (json_object_set_new(json, "name", json_string(id)) < 0)
            return NULL;
    }
    stream = json_object_get(json, "stream");
    has_password = nvr_config_text(stream, "password")[0] != '\0';
    (void)json_object_del(stream, "password");
    if (json_object_set_new(stream, "has_password", json_boolean(has_password)) < 0)
        return NULL;
    return NVR_TAKE(json);
}

static bool streams_differ(const struct nvr_camera_config *a, const struct nvr_camera_config *b)
{
    if (strcmp(a->stream.url, b->stream.url) != 0 ||
        strcmp(a->stream.sub_url, b->stream.sub_url) != 0 ||
        strcmp(a->stream.username, b->stream.username) != 0 ||
        strcmp(a->stream.password, b->stream.password) != 0 ||
        a->stream.auth_type != b->stream.auth_type || a->stream.transport != b->stream.transport ||
        a->stream.fallback_count != b->stream.fallback_count)
        return true;
    for (size_t i = 0; i < a->stream.fallback_count; i++) {
        if (strcmp(a->stream.fallback_urls[i], b->stream.fallback_urls[i]) != 0)
            return true;
    }
    return false;
}

bool nvr_camera_config_needs_restart(const struct nvr_camera_config *a,
                                     const struct nvr_camera_config *b)
{
    return strcmp(a->id, b->id) != 0 || a->enabled != b->enabled || streams_differ(a, b) ||
           a->recording.enabled != b->recording.enabled ||
           a->recording.audio != b->recording.audio ||
           a->recording.segment_seconds != b->recording.segment_seconds ||
           a->recording.pre_buffer_seconds != b->recording.pre_buffer_seconds ||
           a->recording.flush_seconds != b->recording.flush_seconds ||
           a->timeout_seconds != b->timeout_seconds;
}
