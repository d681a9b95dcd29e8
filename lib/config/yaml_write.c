#include "lib/config/yaml_write.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/unconst.h"

#define LEVELS (NVR_JSON_DEPTH_MAX + 8)
#define STEP_DEFAULT 2

struct nvr_yaml_layout nvr_yaml_layout_of(const struct nvr_yaml *yaml)
{
    struct nvr_yaml_layout layout = {"\n", 0, SIZE_MAX};
    const struct nvr_yaml_node *node = nvr_yaml_root(yaml);
    size_t len;
    const char *text = nvr_yaml_text(yaml, &len);
    const char *line_end = memchr(text, '\n', len);

    if (line_end && line_end > text && line_end[-1] == '\r')
        layout.newline = "\r\n";
    /* Every node, parents first, until both are known. */
    while (node && (layout.step == 0 || layout.list_step == SIZE_MAX)) {
        const struct nvr_yaml_node *parent = node->parent;

        if (parent && parent->kind == NVR_YAML_MAP && !parent->flow && !node->flow) {
            if (node->kind == NVR_YAML_MAP && layout.step == 0 && node->column > parent->column)
                layout.step = node->column - parent->column;
            if (node->kind == NVR_YAML_LIST && layout.list_step == SIZE_MAX &&
                node->column >= parent->column)
                layout.list_step = node->column - parent->column;
        }
        if (node->first) {
            node = node->first;
            continue;
        }
        while (node && !node->next)
            node = node->parent;
        node = node ? node->next : NULL;
    }
    if (layout.step == 0)
        layout.step = STEP_DEFAULT;
    if (layout.list_step == SIZE_MAX)
        layout.list_step = layout.step;
    return layout;
}

/* Code point at *p (valid UTF-8), *p moves behind it. */
static unsigned next_char(const unsigned char **p)
{
    const unsigned char *s = *p;
    const int more = s[0] < 0x80 ? 0 : s[0] < 0xe0 ? 1 : s[0] < 0xf0 ? 2 : 3;
    unsigned c = more == 0 ? s[0] : s[0] & (0x3fu >> more);

    for (int i = 1; i <= more; i++)
        c = c << 6 | (s[i] & 0x3fu);
    *p = s + more + 1;
    return c;
}

/* What must be escaped between double quotes, besides quote and backslash. */
static bool is_unprintable(unsigned c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff ||
           c == 0xfffe || c == 0xffff;
}

/* Words that some YAML reader takes for something else than text. */
static bool is_word_of_yaml(const char *text)
{
    static const char *const words[] = {"null", "true", "false", "yes", "no",
                                        "on",   "off",  "y",     "n"};

    for (size_t i = 0; i < NVR_ARRAY_SIZE(words); i++) {
        if (strcasecmp(text, words[i]) == 0)
            return true;
    }
    return false;
}

/* Narrower than YAML allows: what begins with a digit could be a number, a date or a time. */
static bool is_plain(const char *text, bool in_flow)
{
    const unsigned char *p = (const unsigned char *)text;
    const size_t len = strlen(text);

    if (len == 0 || !(isalpha(p[0]) || p[0] == '/' || p[0] == '_' || p[0] >= 0x80))
        return false;
    if (text[len - 1] == ' ' || text[len - 1] == ':' || is_word_of_yaml(text))
        return false;
    while (*p) {
        const unsigned char *at = p;
        const unsigned c = next_char(&p);

        if (c >= 0x80 ? is_unprintable(c) || c == 0xa0
                      : !isalnum((int)c) &&
                            !strchr(in_flow ? " _-./@+=~%()'" : " _-./@+=~%()':?&,*!", (int)c))
            return false;
        if (c == ':' && at[1] == ' ')
            return false;
    }
    return true;
}

static bool fits_single(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;

    while (*p) {
        if (is_unprintable(next_char(&p)))
            return false;
    }
    return true;
}

static void write_single(struct nvr_buf *out, const char *text)
{
    nvr_buf_append_char(out, '\'');
    for (; *text; text++) {
        if (*text == '\'')
            nvr_buf_append_char(out, '\'');
        nvr_buf_append_char(out, *text);
    }
    nvr_buf_append_char(out, '\'');
}

static void write_double(struct nvr_buf *out, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;

    nvr_buf_append_char(out, '"');
    while (*p) {
        const unsigned char *at = p;
        const unsigned c = next_char(&p);

        if (c == '"' || c == '\\')
            nvr_buf_printf(out, "\\%c", (int)c);
        else if (c == '\n')
            nvr_buf_append_str(out, "\\n");
        else if (c == '\t')
            nvr_buf_append_str(out, "\\t");
        else if (is_unprintable(c))
            nvr_buf_printf(out, c < 0x100 ? "\\x%02X" : "\\u%04X", c);
        else
            nvr_buf_append(out, at, (size_t)(p - at));
    }
    nvr_buf_append_char(out, '"');
}

static void write_text(struct nvr_buf *out, const char *text, bool in_flow,
                       enum nvr_yaml_style style)
{
    if (style == NVR_YAML_SINGLE && fits_single(text))
        write_single(out, text);
    else if (style != NVR_YAML_DOUBLE && is_plain(text, in_flow))
        nvr_buf_append_str(out, text);
    else
        write_double(out, text);
}

/* The shortest digits that give the same number back; always with a point or an exponent. */
static void write_real(struct nvr_buf *out, double value)
{
    char text[40];
    double again = 0;

    (void)snprintf(text, sizeof(text), "%.15g", value);
    if (nvr_str_to_double(nvr_str_from(text), &again) < 0 || again != value)
        (void)snprintf(text, sizeof(text), "%.17g", value);
    nvr_buf_append_str(out, text);
    if (!strpbrk(text, ".e"))
        nvr_buf_append_str(out, ".0");
}

static void write_scalar(struct nvr_buf *out, const json_t *value, bool in_flow,
                         enum nvr_yaml_style style)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        write_text(out, json_string_value(value), in_flow, style);
        break;
    case JSON_INTEGER:
        nvr_buf_printf(out, "%lld", (long long)json_integer_value(value));
        break;
    case JSON_REAL:
        write_real(out, json_real_value(value));
        break;
    case JSON_TRUE:
        nvr_buf_append_str(out, "true");
        break;
    case JSON_FALSE:
        nvr_buf_append_str(out, "false");
        break;
    default:
        nvr_buf_append_str(out, "null");
        break;
    }
}

struct level {
    const json_t *value;
    void *iter;   /* of an object */
    size_t index; /* members or items written */
    size_t indent;
};

static struct level level_of(const json_t *value, size_t indent)
{
    return (struct level){
        .value = value,
        .iter = json_object_iter(nvr_unconst(value)),
        .indent = indent,
    };
}

/* The next child of level; NULL: no more. *ret_key is NULL in a list. */
static const json_t *next_child(struct level *level, const char **ret_key)
{
    const json_t *child;

    *ret_key = NULL;
    if (json_is_array(level->value)) {
        child = json_array_get(level->value, level->index);
    } else {
        child = json_object_iter_value(level->iter);
        *ret_key = json_object_iter_key(level->iter);
        level->iter = json_object_iter_next(nvr_unconst(level->value), level->iter);
    }
    level->index++;
    return child;
}

void nvr_yaml_write_key(struct nvr_buf *out, const char *key, bool in_flow)
{
    write_text(out, key, in_flow, NVR_YAML_PLAIN);
    nvr_buf_append_char(out, ':');
}

void nvr_yaml_write_line(struct nvr_buf *out, size_t indent, const struct nvr_yaml_layout *layout)
{
    nvr_buf_printf(out, "%s%*s", layout->newline, (int)indent, "");
}

void nvr_yaml_write_flow(struct nvr_buf *out, const json_t *value, bool in_flow,
                         enum nvr_yaml_style style)
{
    struct level levels[LEVELS];
    size_t depth = 0;

    if (!json_is_object(value) && !json_is_array(value)) {
        write_scalar(out, value, in_flow, style);
        return;
    }
    nvr_buf_append_char(out, json_is_object(value) ? '{' : '[');
    levels[depth++] = level_of(value, 0);
    while (depth > 0) {
        struct level *top = &levels[depth - 1];
        const bool first = top->index == 0;
        const char *key;
        const json_t *child = next_child(top, &key);

        if (!child) {
            nvr_buf_append_char(out, json_is_object(top->value) ? '}' : ']');
            depth--;
            continue;
        }
        if (!first)
            nvr_buf_append_str(out, ", ");
        if (key) {
            nvr_yaml_write_key(out, key, true);
            nvr_buf_append_char(out, ' ');
        }
        if ((json_is_object(child) || json_is_array(child)) && depth < LEVELS) {
            nvr_buf_append_char(out, json_is_object(child) ? '{' : '[');
            levels[depth++] = level_of(child, 0);
        } else {
            write_scalar(out, child, true, NVR_YAML_PLAIN);
        }
    }
}

bool nvr_yaml_is_block(const json_t *value)
{
    if (json_is_object(value))
        return json_object_size(value) > 0;
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (json_object_size(json_array_get(value, i)) > 0)
            return true;
    }
    return false;
}

void nvr_yaml_write_block(struct nvr_buf *out, const json_t *value, size_t indent,
                          const struct nvr_yaml_layout *layout)
{
    struct level levels[LEVELS];
    size_t depth = 0;

    levels[depth++] = level_of(value, indent);
    while (depth > 0) {
        struct level *top = &levels[depth - 1];
        const bool first = top->index == 0;
        const char *key;
        const json_t *child = next_child(top, &key);
        size_t inner;

        if (!child) {
            depth--;
            continue;
        }
        if (!first)
            nvr_yaml_write_line(out, top->indent, layout);
        if (key)
            nvr_yaml_write_key(out, key, false);
        else
            nvr_buf_append_char(out, '-');
        if (!nvr_yaml_is_block(child) || depth == LEVELS) {
            nvr_buf_append_char(out, ' ');
            nvr_yaml_write_flow(out, child, false, NVR_YAML_PLAIN);
            continue;
        }
        inner = top->indent + (!key ? 2 : json_is_array(child) ? layout->list_step : layout->step);
        if (key)
            nvr_yaml_write_line(out, inner, layout);
        else
            nvr_buf_append_char(out, ' ');
        levels[depth++] = level_of(child, inner);
    }
}
