#include "src/storage/export_spec.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"

struct check {
    const struct nvr_config *config; /* NULL: was checked before */
    int64_t now_ms;
    struct nvr_config_errors *errors;
};

static void NVR_PRINTF(3, 4)
    complain(struct check *check, const char *field, const char *format, ...)
{
    struct nvr_config_errors *errors = check->errors;
    struct nvr_config_error *error;
    va_list args;

    if (errors->count == NVR_CONFIG_ERRORS_MAX)
        return;
    error = &errors->items[errors->count++];
    *error = (struct nvr_config_error){0};
    (void)nvr_fmt(error->field, sizeof(error->field), "%s", field);
    va_start(args, format);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): the analyzer does not know va_start here
    (void)vsnprintf(error->message, sizeof(error->message), format, args);
    va_end(args);
}

bool nvr_export_spec_is_verbatim(const struct nvr_export_spec *spec)
{
    return spec->proof && spec->audio && !spec->speed && !spec->timestamps;
}

static void check_camera(struct check *check, const char *field, const char *camera)
{
    if (!nvr_slug_is_valid(camera) ||
        (check->config && !nvr_config_find_camera(check->config, camera)))
        complain(check, field, "there is no camera \"%.64s\"", camera);
}

static void check_times(struct check *check, size_t index, const struct nvr_export_item *item)
{
    char field[40];

    (void)nvr_fmt(field, sizeof(field), "items[%zu].end", index);
    if (item->end_ms <= item->start_ms)
        complain(check, field, "must be later than start");
    else if (item->end_ms - item->start_ms > NVR_EXPORT_SPAN_MAX_MS)
        complain(check, field, "must be at most a year after start");
    else if (check->config && item->end_ms > check->now_ms + NVR_EXPORT_AHEAD_MS)
        complain(check, field, "lies in the future");
}

static void parse_item(struct check *check, size_t index, const json_t *value,
                       struct nvr_export_item *item)
{
    const char *camera = NULL;
    bool has_times = true;
    char field[40];
    static const char *const times[] = {"start", "end"};
    int64_t *const into[] = {&item->start_ms, &item->end_ms};

    (void)nvr_fmt(field, sizeof(field), "items[%zu].camera", index);
    if (nvr_json_get_str(value, "camera", &camera) <= 0)
        complain(check, field, "expected a camera's id");
    else if (nvr_str_copy(item->camera, sizeof(item->camera), nvr_str_from(camera)) < 0)
        complain(check, field, "is no camera's id");
    else
        check_camera(check, field, camera);
    for (size_t i = 0; i < NVR_ARRAY_SIZE(times); i++) {
        if (nvr_json_get_int(value, times[i], 0, INT64_MAX / 4, into[i]) > 0)
            continue;
        (void)nvr_fmt(field, sizeof(field), "items[%zu].%s", index, times[i]);
        complain(check, field, "expected milliseconds since 1970");
        has_times = false;
    }
    if (has_times)
        check_times(check, index, item);
}

static void parse_items(struct check *check, const json_t *body, struct nvr_export_spec *spec)
{
    const json_t *items = json_object_get(body, "items");
    const size_t count = json_array_size(items);

    if (count < 1 || count > NVR_EXPORT_ITEMS_MAX) {
        complain(check, "items", "expected 1 to %d ranges", NVR_EXPORT_ITEMS_MAX);
        return;
    }
    spec->items_count = count;
    for (size_t i = 0; i < count; i++)
        parse_item(check, i, json_array_get(items, i), &spec->items[i]);
}

static void parse_flag(struct check *check, const json_t *body, const char *key, bool *flag)
{
    if (nvr_json_get_bool(body, key, flag) < 0)
        complain(check, key, "expected true or false");
}

static void parse_name(struct check *check, const json_t *body, struct nvr_export_spec *spec)
{
    const char *name = NULL;

    if (nvr_json_get_str(body, "name", &name) < 0) {
        complain(check, "name", "expected a text");
        return;
    }
    if (!name)
        return;
    if (nvr_str_copy(spec->name, sizeof(spec->name), nvr_str_trim(nvr_str_from(name))) < 0)
        complain(check, "name", "is longer than %d bytes", NVR_EXPORT_NAME_MAX);
    for (const char *p = spec->name; *p; p++) {
        if ((unsigned char)*p < ' ' || *p == 0x7f) {
            complain(check, "name", "holds a control character");
            return;
        }
    }
}

static void parse_timelapse(struct check *check, const json_t *body, struct nvr_export_spec *spec)
{
    const json_t *timelapse = json_object_get(body, "timelapse");

    if (!timelapse || json_is_null(timelapse))
        return;
    if (!json_is_object(timelapse))
        complain(check, "timelapse", "expected {\"speed\": …} or null");
    else if (nvr_json_get_int(timelapse, "speed", NVR_EXPORT_SPEED_MIN, NVR_EXPORT_SPEED_MAX,
                              &spec->speed) <= 0)
        complain(check, "timelapse.speed", "expected an integer from %d to %d",
                 NVR_EXPORT_SPEED_MIN, NVR_EXPORT_SPEED_MAX);
}

int nvr_export_spec_parse(const json_t *body, const struct nvr_config *config, int64_t now_ms,
                          struct nvr_export_spec *ret_spec, struct nvr_config_errors *errors)
{
    struct check check = {.config = config, .now_ms = now_ms, .errors = errors};

    errors->count = 0;
    *ret_spec = (struct nvr_export_spec){.combine = true,
                                         .audio = true,
                                         .proof = true,
                                         .expires_days = NVR_EXPORT_EXPIRES_DEFAULT_DAYS};
    parse_items(&check, body, ret_spec);
    parse_name(&check, body, ret_spec);
    parse_flag(&check, body, "combine", &ret_spec->combine);
    parse_flag(&check, body, "audio", &ret_spec->audio);
    parse_flag(&check, body, "timestamps", &ret_spec->timestamps);
    parse_flag(&check, body, "proof", &ret_spec->proof);
    parse_timelapse(&check, body, ret_spec);
    if (nvr_json_get_int(body, "expires_days", 0, NVR_EXPORT_EXPIRES_MAX_DAYS,
                         &ret_spec->expires_days) < 0)
        complain(&check, "expires_days", "expected an integer from 0 to %d",
                 NVR_EXPORT_EXPIRES_MAX_DAYS);
    return errors->count ? -EINVAL : 0;
}

json_t *nvr_export_spec_to_json(const struct nvr_export_spec *spec)
{
    json_t *items = json_array();

    for (size_t i = 0; i < spec->items_count; i++)
        (void)json_array_append_new(items,
                                    json_pack("{s:s, s:I, s:I}", "camera", spec->items[i].camera,
                                              "start", (json_int_t)spec->items[i].start_ms, "end",
                                              (json_int_t)spec->items[i].end_ms));
    return json_pack("{s:s, s:o, s:b, s:b, s:o, s:b, s:b, s:I}", "name", spec->name, "items", items,
                     "combine", spec->combine, "audio", spec->audio, "timelapse",
                     spec->speed ? json_pack("{s:I}", "speed", (json_int_t)spec->speed)
                                 : json_null(),
                     "timestamps", spec->timestamps, "proof", spec->proof, "expires_days",
                     (json_int_t)spec->expires_days);
}

/* ---- names ---- */

void nvr_export_item_name(const struct nvr_export_item *item, const struct nvr_zone *zone,
                          char dst[NVR_EXPORT_FILE_NAME_SIZE])
{
    const struct nvr_utc from =
        nvr_utc_from_ms(item->start_ms + nvr_zone_offset_ms(zone, item->start_ms));
    const struct nvr_utc to =
        nvr_utc_from_ms(item->end_ms + nvr_zone_offset_ms(zone, item->end_ms));
    char day[16] = "";

    if (from.year != to.year || from.month != to.month || from.day != to.day)
        (void)nvr_fmt(day, sizeof(day), "%04d-%02d-%02d ", to.year, to.month, to.day);
    (void)nvr_fmt(dst, NVR_EXPORT_FILE_NAME_SIZE,
                  "%s %04d-%02d-%02d %02d.%02d.%02d – %s%02d.%02d.%02d", item->camera, from.year,
                  from.month, from.day, from.hour, from.minute, from.second, day, to.hour,
                  to.minute, to.second);
}

/* What no file system of our time minds. */
static void make_safe(char *name)
{
    size_t length = strlen(name);

    for (char *p = name; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f || strchr("/\\:*?\"<>|%", *p))
            *p = '-';
    while (length && (name[length - 1] == '.' || name[length - 1] == ' '))
        name[--length] = 0;
    if (name[0] == '.')
        name[0] = '-';
    if (!name[0])
        (void)nvr_fmt(name, NVR_EXPORT_FILE_NAME_SIZE, "export");
}

void nvr_export_file_name(const struct nvr_export_spec *spec, size_t item, unsigned part,
                          const struct nvr_zone *zone, char dst[NVR_EXPORT_FILE_NAME_SIZE])
{
    char name[NVR_EXPORT_FILE_NAME_SIZE];

    if (spec->name[0] && (spec->combine || spec->items_count == 1))
        (void)nvr_fmt(name, sizeof(name), "%s", spec->name);
    else
        nvr_export_item_name(&spec->items[item], zone, name);
    make_safe(name);
    if (part > 1)
        (void)nvr_fmt(dst, NVR_EXPORT_FILE_NAME_SIZE, "%s (%u).mp4", name, part);
    else
        (void)nvr_fmt(dst, NVR_EXPORT_FILE_NAME_SIZE, "%s.mp4", name);
}
