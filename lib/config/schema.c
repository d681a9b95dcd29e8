#include "lib/config/schema.h"

#include <assert.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "lib/base/unconst.h"
#include "lib/config/format.h"

#define DEPTH_MAX (NVR_JSON_DEPTH_MAX + 2)

extern const char nvr_config_schema_text[];

const char *nvr_config_schema(void)
{
    return nvr_config_schema_text;
}

int nvr_schema_load(json_t **ret_schema)
{
    return nvr_json_parse(nvr_config_schema_text, strlen(nvr_config_schema_text), ret_schema, NULL,
                          0);
}

bool nvr_schema_wants(const json_t *schema, const char *type)
{
    const char *wanted = json_string_value(json_object_get(schema, "type"));

    return wanted && strcmp(wanted, type) == 0;
}

const json_t *nvr_schema_property(const json_t *schema, const char *name)
{
    return json_object_get(json_object_get(schema, "properties"), name);
}

const json_t *nvr_schema_items(const json_t *schema)
{
    return json_object_get(schema, "items");
}

void nvr_config_error_add(struct nvr_config_errors *errors, const char *field, const char *fmt, ...)
{
    struct nvr_config_error *error;
    va_list args;

    if (errors->count == NVR_CONFIG_ERRORS_MAX)
        return;
    error = &errors->items[errors->count++];
    memset(error, 0, sizeof(*error));
    (void)snprintf(error->field, sizeof(error->field), "%s", field);
    va_start(args, fmt);
    (void)vsnprintf(error->message, sizeof(error->message), fmt, args);
    va_end(args);
}

/* One level of a walk through value and schema side by side. */
struct frame {
    json_t *value;
    const json_t *schema;
    void *iter;      /* of schema's properties */
    size_t index;    /* of a list's items */
    size_t path_len; /* of the path without this level's child */
};

struct walk {
    struct frame frames[DEPTH_MAX];
    unsigned depth;
    char path[160];
    bool fill;
    struct nvr_config_errors *errors; /* NULL: nothing is checked */
};

/* What is wanted, for people: "an integer from 2 to 60". */
static void describe(const json_t *schema, char *dst, size_t size)
{
    const char *type = json_string_value(json_object_get(schema, "type"));
    const json_t *min = json_object_get(schema, "minimum");
    const json_t *max = json_object_get(schema, "maximum");
    const char *name = "a value";
    size_t len;

    static const struct {
        const char *type, *name;
    } names[] = {
        {"integer", "an integer"}, {"number", "a number"}, {"boolean", "true or false"},
        {"string", "text"},        {"array", "a list"},    {"object", "a section (key: value)"},
    };
    for (size_t i = 0; type && i < NVR_ARRAY_SIZE(names); i++) {
        if (strcmp(names[i].type, type) == 0)
            name = names[i].name;
    }
    (void)snprintf(dst, size, "%s", name);
    len = strlen(dst);
    if (min && max)
        (void)snprintf(dst + len, size - len, " from %.12g to %.12g", json_number_value(min),
                       json_number_value(max));
    else if (min)
        (void)snprintf(dst + len, size - len, " of at least %.12g", json_number_value(min));
    else if (max)
        (void)snprintf(dst + len, size - len, " of at most %.12g", json_number_value(max));
}

static void describe_enum(const json_t *list, char *dst, size_t size)
{
    size_t len;

    (void)snprintf(dst, size, "one of ");
    for (size_t i = 0; i < json_array_size(list); i++) {
        len = strlen(dst);
        (void)snprintf(dst + len, size - len, "%s%s", i > 0 ? ", " : "",
                       json_string_value(json_array_get(list, i)));
    }
}

static void add_finding(const struct walk *walk, const char *expected, const json_t *value)
{
    NVR_AUTO_FREE char *text = NULL;

    if (json_is_object(value) || json_is_array(value)) {
        nvr_config_error_add(walk->errors, walk->path, "expected %.150s, got %s", expected,
                             json_is_object(value) ? "a section" : "a list");
        return;
    }
    /* Nothing that could hold a secret is repeated in a message. */
    if (strstr(walk->path, "password") || strstr(walk->path, "secret") ||
        strstr(walk->path, "url")) {
        nvr_config_error_add(walk->errors, walk->path, "expected %.200s", expected);
        return;
    }
    text = nvr_json_dump(value);
    if (text)
        nvr_log_redact(text); /* a URL in a place where none belongs */
    nvr_config_error_add(walk->errors, walk->path, "expected %.150s, got %.60s", expected,
                         text ? text : "?");
}

static bool type_fits(const json_t *value, const json_t *schema)
{
    const char *type = json_string_value(json_object_get(schema, "type"));

    if (!type)
        return true;
    if (strcmp(type, "string") == 0)
        return json_is_string(value);
    if (strcmp(type, "integer") == 0)
        return json_is_integer(value);
    if (strcmp(type, "number") == 0)
        return json_is_number(value);
    if (strcmp(type, "boolean") == 0)
        return json_is_boolean(value);
    if (strcmp(type, "array") == 0)
        return json_is_array(value);
    return json_is_object(value);
}

static bool pattern_fits(const char *pattern, const char *text)
{
    regex_t regex;
    bool fits;

    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return false;
    fits = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return fits;
}

static size_t utf8_length(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void check_text(const struct walk *walk, const json_t *value, const json_t *schema)
{
    const char *text = json_string_value(value), *expected;
    const char *format = json_string_value(json_object_get(schema, "format"));
    const char *pattern = json_string_value(json_object_get(schema, "pattern"));
    const json_t *min = json_object_get(schema, "minLength");
    const json_t *max = json_object_get(schema, "maxLength");
    char room[200];

    if (strlen(text) != json_string_length(value)) {
        add_finding(walk, "text without NUL characters", value);
    } else if (min && utf8_length(text) < (size_t)json_integer_value(min)) {
        add_finding(walk, "text that is not empty", value);
    } else if (max && strlen(text) > (size_t)json_integer_value(max)) {
        (void)snprintf(room, sizeof(room), "text of at most %lld bytes",
                       (long long)json_integer_value(max));
        nvr_config_error_add(walk->errors, walk->path, "expected %s", room);
    } else if (pattern && !pattern_fits(pattern, text)) {
        const char *title = json_string_value(json_object_get(schema, "title"));

        add_finding(walk, title ? title : pattern, value);
    } else if (format && (expected = nvr_format_check(format, text, room, sizeof(room)))) {
        add_finding(walk, expected, value);
    }
}

static bool is_in(const json_t *list, const json_t *value)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (json_equal(json_array_get(list, i), value))
            return true;
    }
    return false;
}

static bool is_in_range(const json_t *value, const json_t *schema)
{
    const json_t *min = json_object_get(schema, "minimum");
    const json_t *max = json_object_get(schema, "maximum");

    return !json_is_number(value) ||
           ((!min || json_number_value(value) >= json_number_value(min)) &&
            (!max || json_number_value(value) <= json_number_value(max)));
}

static void check_value(const struct walk *walk, const json_t *value, const json_t *schema)
{
    const json_t *list = json_object_get(schema, "enum");
    const json_t *items = json_object_get(schema, "maxItems");
    char expected[200];

    if (list && !is_in(list, value)) {
        describe_enum(list, expected, sizeof(expected));
        add_finding(walk, expected, value);
    } else if (!type_fits(value, schema) || !is_in_range(value, schema)) {
        describe(schema, expected, sizeof(expected));
        add_finding(walk, expected, value);
    } else if (json_is_string(value)) {
        check_text(walk, value, schema);
    } else if (items && json_is_array(value) &&
               json_array_size(value) > (size_t)json_integer_value(items)) {
        nvr_config_error_add(walk->errors, walk->path, "expected at most %lld entries, got %zu",
                             (long long)json_integer_value(items), json_array_size(value));
    }
}

static int push(struct walk *walk, json_t *value, const json_t *schema)
{
    if (walk->errors)
        check_value(walk, value, schema);
    if (!json_is_object(value) && !json_is_array(value))
        return 0;
    if (!type_fits(value, schema) || walk->depth == DEPTH_MAX)
        return 0;
    walk->frames[walk->depth++] =
        (struct frame){.value = value,
                       .schema = schema,
                       .iter = json_object_iter(nvr_unconst(json_object_get(schema, "properties"))),
                       .path_len = strlen(walk->path)};
    return 0;
}

static void check_required(const struct walk *walk, const struct frame *frame, const char *name)
{
    const json_t *required = json_object_get(frame->schema, "required");

    for (size_t i = 0; i < json_array_size(required); i++) {
        if (strcmp(json_string_value(json_array_get(required, i)), name) == 0)
            nvr_config_error_add(walk->errors, walk->path, "is missing");
    }
}

/* A missing member: its default, or an empty section whose members have defaults. */
static int fill_member(struct frame *frame, const char *name, const json_t *schema,
                       json_t **ret_value)
{
    const json_t *preset = json_object_get(schema, "default");
    json_t *value = NULL;

    if (preset)
        value = json_deep_copy(preset);
    else if (nvr_schema_wants(schema, "object") && json_object_get(schema, "properties"))
        value = json_object();
    else
        return 0;
    if (!value || json_object_set_new(frame->value, name, value) < 0)
        return -ENOMEM;
    *ret_value = value;
    return 0;
}

static int step_object(struct walk *walk, struct frame *frame)
{
    json_t *properties = nvr_unconst(json_object_get(frame->schema, "properties"));
    const char *name = json_object_iter_key(frame->iter);
    const json_t *schema = json_object_iter_value(frame->iter);
    json_t *value = json_object_get(frame->value, name);
    int r = 0;

    frame->iter = json_object_iter_next(properties, frame->iter);
    (void)snprintf(walk->path + frame->path_len, sizeof(walk->path) - frame->path_len, "%s%s",
                   frame->path_len > 0 ? "." : "", name);
    if (!value || json_is_null(value)) {
        value = NULL;
        if (walk->errors)
            check_required(walk, frame, name);
        if (walk->fill)
            r = fill_member(frame, name, schema, &value);
    }
    return r == 0 && value ? push(walk, value, schema) : r;
}

static int step_list(struct walk *walk, struct frame *frame)
{
    json_t *value = json_array_get(frame->value, frame->index);

    (void)snprintf(walk->path + frame->path_len, sizeof(walk->path) - frame->path_len, "[%zu]",
                   frame->index);
    frame->index++;
    return push(walk, value, nvr_schema_items(frame->schema));
}

static int run_walk(struct walk *walk, json_t *value, const json_t *schema)
{
    int r = push(walk, value, schema);

    while (walk->depth > 0 && r == 0) {
        struct frame *frame = &walk->frames[walk->depth - 1];

        walk->path[frame->path_len] = '\0';
        if (json_is_object(frame->value) && frame->iter)
            r = step_object(walk, frame);
        else if (json_is_array(frame->value) && nvr_schema_items(frame->schema) &&
                 frame->index < json_array_size(frame->value))
            r = step_list(walk, frame);
        else
            walk->depth--;
    }
    return r;
}

int nvr_schema_check(const json_t *value, const json_t *schema, const char *prefix,
                     struct nvr_config_errors *errors)
{
    struct walk walk = {.errors = errors};

    (void)snprintf(walk.path, sizeof(walk.path), "%s", prefix);
    /* Without fill nothing is written. */
    return run_walk(&walk, nvr_unconst(value), schema);
}

int nvr_schema_fill(json_t *value, const json_t *schema)
{
    struct walk walk = {.fill = true};

    return run_walk(&walk, value, schema);
}

struct prune_frame {
    json_t *value;
    const json_t *old, *schema;
    void *iter;
    const char *name; /* in the level above */
};

/* The member at iter of the level on top: dropped, kept, or looked into. */
static int prune_member(struct prune_frame *stack, unsigned *depth)
{
    struct prune_frame *top = &stack[*depth - 1];
    const char *name = json_object_iter_key(top->iter);
    json_t *value = json_object_iter_value(top->iter);
    const json_t *old = json_object_get(top->old, name);
    const json_t *schema = nvr_schema_property(top->schema, name);

    top->iter = json_object_iter_next(top->value, top->iter);
    if (json_is_object(value) && schema && *depth < DEPTH_MAX) {
        stack[(*depth)++] = (struct prune_frame){value, old, schema, json_object_iter(value), name};
        return 0;
    }
    if (!old && json_is_null(value))
        return json_object_del(top->value, name);
    if (!old && json_object_get(schema, "default") &&
        json_equal(json_object_get(schema, "default"), value))
        return json_object_del(top->value, name);
    return 0;
}

int nvr_schema_prune(json_t *value, const json_t *old, const json_t *schema)
{
    struct prune_frame stack[DEPTH_MAX];
    unsigned depth = 0;
    int r = 0;

    stack[depth++] = (struct prune_frame){value, old, schema, json_object_iter(value), NULL};
    while (depth > 0 && r == 0) {
        const struct prune_frame *top = &stack[depth - 1];

        if (top->iter) {
            r = prune_member(stack, &depth);
            continue;
        }
        depth--;
        if (depth > 0 && !top->old && json_object_size(top->value) == 0)
            r = json_object_del(stack[depth - 1].value, top->name);
    }
    return r < 0 ? -ENOMEM : 0;
}
