#include "lib/config/yaml_edit.h"

#include <assert.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/config/yaml_write.h"

NVR_LOG_TOPIC("config");

#define STEPS_MAX 4000

/* The text, and the pieces of the new one: everything up to `copied` is in out already. */
struct splicer {
    const char *text;
    size_t len;
    struct nvr_yaml_layout layout;
    struct nvr_buf *out;
    size_t copied;
};

static void copy_up_to(struct splicer *s, size_t end)
{
    assert(end >= s->copied);
    nvr_buf_append(s->out, s->text + s->copied, end - s->copied);
    s->copied = end;
}

static void skip_to(struct splicer *s, size_t start, size_t end)
{
    copy_up_to(s, start);
    s->copied = end;
}

static size_t line_start(const struct splicer *s, size_t at)
{
    while (at > 0 && s->text[at - 1] != '\n')
        at--;
    /* The byte order mark is no part of the first line's indentation. */
    return at == 0 && s->len >= 3 && memcmp(s->text, "\xef\xbb\xbf", 3) == 0 ? 3 : at;
}

/* At the line's end: before \r\n, \n, or the end of the text. */
static size_t line_end(const struct splicer *s, size_t at)
{
    while (at < s->len && s->text[at] != '\n')
        at++;
    return at > 0 && at < s->len && s->text[at - 1] == '\r' ? at - 1 : at;
}

static size_t next_line(const struct splicer *s, size_t at)
{
    while (at < s->len && s->text[at] != '\n')
        at++;
    return at < s->len ? at + 1 : at;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool only_blanks(const struct splicer *s, size_t start, size_t end)
{
    while (start < end && is_blank(s->text[start]))
        start++;
    return start == end;
}

/* Where the content really ends: a block collection's mark runs past the comments behind it, a
 * block scalar's past its line end. */
static size_t content_end(const struct splicer *s, const struct nvr_yaml_node *node)
{
    const struct nvr_yaml_node *last = node;
    size_t end;

    while (last->kind != NVR_YAML_SCALAR && !last->flow && last->last)
        last = last->last;
    end = last->end;
    if (last->kind == NVR_YAML_SCALAR && last->style == NVR_YAML_BLOCK) {
        while (end > last->start && is_blank(s->text[end - 1]))
            end--;
    }
    return end;
}

static bool is_in_flow(const struct nvr_yaml_node *node)
{
    for (; node; node = node->parent) {
        if (node->flow)
            return true;
    }
    return false;
}

static const struct nvr_yaml_node *before(const struct nvr_yaml_node *node)
{
    const struct nvr_yaml_node *other = node->parent->first;

    if (other == node)
        return NULL;
    while (other->next != node)
        other = other->next;
    return other;
}

/* The dash of a block list's item: in its column, on the item's line or above. */
static int find_dash(const struct splicer *s, const struct nvr_yaml_node *item, size_t *ret_dash)
{
    const size_t column = item->parent->column - 1;
    size_t at = item->start;

    for (;;) {
        const size_t start = line_start(s, at);

        if (start + column < item->start && s->text[start + column] == '-')
            break;
        if (start + column == item->start && item->start < s->len && s->text[item->start] == '-' &&
            item->kind == NVR_YAML_SCALAR && item->len == 0)
            break;
        if (start <= item->parent->start)
            return -ENOTSUP;
        at = start - 1;
    }
    *ret_dash = line_start(s, at) + column;
    return 0;
}

/* Behind the ':' or '-' that the value follows. */
static int find_lead(const struct splicer *s, const struct nvr_yaml_node *node, size_t *ret_at)
{
    const struct nvr_yaml_node *key;
    size_t at = 0;
    int r;

    if (node->parent->kind == NVR_YAML_LIST) {
        r = find_dash(s, node, &at);
        *ret_at = at + 1;
        return r;
    }
    key = before(node);
    if (!key)
        return -ENOTSUP;
    at = key->end;
    while (at < s->len && (s->text[at] == ' ' || s->text[at] == '\t'))
        at++;
    if (at >= s->len || s->text[at] != ':')
        return -ENOTSUP;
    *ret_at = at + 1;
    return 0;
}

static void write_value(struct splicer *s, const json_t *value, bool in_flow,
                        enum nvr_yaml_style style)
{
    nvr_yaml_write_flow(s->out, value, in_flow, style);
}

/* A block collection below its key's line becomes something short behind the key. */
static int set_short_for_lines(struct splicer *s, const struct nvr_yaml_edit *edit)
{
    size_t lead = 0;
    int r = find_lead(s, edit->node, &lead);

    if (r < 0)
        return r;
    copy_up_to(s, lead);
    nvr_buf_append_char(s->out, ' ');
    write_value(s, edit->value, false, NVR_YAML_PLAIN);
    skip_to(s, line_start(s, edit->node->start), next_line(s, content_end(s, edit->node)));
    return 0;
}

/* Something becomes lines: they go below the key's line, whose comment stays. */
static int set_lines(struct splicer *s, const struct nvr_yaml_edit *edit)
{
    const struct nvr_yaml_node *node = edit->node, *parent = node->parent;
    size_t indent = parent->column - 1, lead = 0, end = content_end(s, node);
    int r;

    if (parent->kind == NVR_YAML_LIST) {
        copy_up_to(s, node->start);
        if (node->start == end)
            nvr_buf_append_char(s->out, ' ');
        nvr_yaml_write_block(s->out, edit->value, indent + 2, &s->layout);
        s->copied = end;
        return 0;
    }
    r = find_lead(s, node, &lead);
    if (r < 0)
        return r;
    end = NVR_MAX(end, lead);
    skip_to(s, lead, end);
    copy_up_to(s, line_end(s, end));
    indent += json_is_array(edit->value) ? s->layout.list_step : s->layout.step;
    nvr_yaml_write_line(s->out, indent, &s->layout);
    nvr_yaml_write_block(s->out, edit->value, indent, &s->layout);
    return 0;
}

static int set(struct splicer *s, const struct nvr_yaml_edit *edit)
{
    const struct nvr_yaml_node *node = edit->node;
    const bool in_flow = is_in_flow(node->parent);
    const struct nvr_yaml_node *key;

    if (!node->parent)
        return -ENOTSUP;
    if (!in_flow && nvr_yaml_is_block(edit->value))
        return set_lines(s, edit);
    key = node->parent->kind == NVR_YAML_MAP ? before(node) : NULL;
    if (node->kind != NVR_YAML_SCALAR && !node->flow && !(key && key->line == node->line) &&
        only_blanks(s, line_start(s, node->start), node->start))
        return set_short_for_lines(s, edit);
    copy_up_to(s, node->start);
    if (node->start == node->end)
        nvr_buf_append_char(s->out, ' ');
    write_value(s, edit->value, in_flow, node->style);
    s->copied = content_end(s, node);
    return 0;
}

static void write_member(struct splicer *s, const struct nvr_yaml_edit *edit, size_t indent,
                         bool in_flow)
{
    nvr_yaml_write_key(s->out, edit->key, in_flow);
    if (!in_flow && nvr_yaml_is_block(edit->value)) {
        indent += json_is_array(edit->value) ? s->layout.list_step : s->layout.step;
        nvr_yaml_write_line(s->out, indent, &s->layout);
        nvr_yaml_write_block(s->out, edit->value, indent, &s->layout);
    } else {
        nvr_buf_append_char(s->out, ' ');
        write_value(s, edit->value, in_flow, NVR_YAML_PLAIN);
    }
}

static int add_key(struct splicer *s, const struct nvr_yaml_edit *edit)
{
    const struct nvr_yaml_node *map = edit->node;
    const size_t indent = map->column - 1;

    if (is_in_flow(map)) {
        copy_up_to(s, map->last ? content_end(s, map->last) : map->start + 1);
        if (map->last)
            nvr_buf_append_str(s->out, ", ");
        write_member(s, edit, 0, true);
        return 0;
    }
    copy_up_to(s, line_end(s, content_end(s, map)));
    nvr_yaml_write_line(s->out, indent, &s->layout);
    write_member(s, edit, indent, false);
    return 0;
}

/* From what comes before up to what comes next, with one comma. */
static void remove_in_flow(struct splicer *s, const struct nvr_yaml_node *first,
                           const struct nvr_yaml_node *last)
{
    const struct nvr_yaml_node *previous = before(first);

    if (last->next)
        skip_to(s, first->start, last->next->start);
    else
        skip_to(s, previous ? content_end(s, previous) : first->start, content_end(s, last));
}

static int remove_key(struct splicer *s, const struct nvr_yaml_edit *edit)
{
    const struct nvr_yaml_node *key = edit->node, *value = key->next;
    const size_t start = line_start(s, key->start);
    size_t end;

    if (is_in_flow(key->parent)) {
        remove_in_flow(s, key, value);
        return 0;
    }
    end = NVR_MAX(content_end(s, value), key->end);
    if (value->start == value->end) { /* nothing behind the ':' */
        while (end < s->len && s->text[end] != ':' && s->text[end] != '\n')
            end++;
        end = NVR_MIN(end + (end < s->len && s->text[end] == ':' ? 1 : 0), s->len);
    }
    if (only_blanks(s, start, key->start)) {
        skip_to(s, start, next_line(s, end));
        return 0;
    }
    /* Behind a dash: the next key takes the place, unless a comment stands between. */
    if (value->next && only_blanks(s, end, value->next->start))
        end = value->next->start;
    skip_to(s, key->start, end);
    return 0;
}

static void write_item(struct splicer *s, const json_t *value, size_t indent)
{
    nvr_buf_append_str(s->out, "- ");
    if (nvr_yaml_is_block(value))
        nvr_yaml_write_block(s->out, value, indent + 2, &s->layout);
    else
        write_value(s, value, false, NVR_YAML_PLAIN);
}

/* Do the items stand apart by empty lines? */
static bool is_spaced(const struct splicer *s, const struct nvr_yaml_node *list)
{
    size_t at, dash;

    if (list->count < 2)
        return false;
    if (find_dash(s, list->last, &dash) < 0)
        return false;
    for (at = content_end(s, before(list->last)); at < dash; at = next_line(s, at)) {
        const size_t line = next_line(s, at);

        if (line < dash && only_blanks(s, line, line_end(s, line)) && line_end(s, line) < dash)
            return true;
    }
    return false;
}

static int insert_in_flow(struct splicer *s, const struct nvr_yaml_edit *edit)
{
    const struct nvr_yaml_node *list = edit->node, *next = nvr_yaml_item(list, edit->index);

    if (next) {
        copy_up_to(s, next->start);
        write_value(s, edit->value, true, NVR_YAML_PLAIN);
        nvr_buf_append_str(s->out, ", ");
        return 0;
    }
    copy_up_to(s, list->last ? content_end(s, list->last) : list->start + 1);
    if (list->last)
        nvr_buf_append_str(s->out, ", ");
    write_value(s, edit->value, true, NVR_YAML_PLAIN);
    return 0;
}

static int insert_item(struct splicer *s, const struct nvr_yaml_edit *edit)
{
    const struct nvr_yaml_node *list = edit->node;
    const size_t indent = list->column - 1;
    size_t at = 0;

    if (is_in_flow(list))
        return insert_in_flow(s, edit);
    if (edit->index == 0) {
        at = line_start(s, list->start);
        if (!only_blanks(s, at, list->start))
            return -ENOTSUP;
        copy_up_to(s, list->start);
        write_item(s, edit->value, indent);
        nvr_yaml_write_line(s->out, indent, &s->layout);
        return 0;
    }
    at = content_end(s, nvr_yaml_item(list, edit->index - 1));
    copy_up_to(s, line_end(s, at));
    if (is_spaced(s, list))
        nvr_buf_append_str(s->out, s->layout.newline);
    nvr_yaml_write_line(s->out, indent, &s->layout);
    write_item(s, edit->value, indent);
    return 0;
}

static int remove_item(struct splicer *s, const struct nvr_yaml_edit *edit)
{
    const struct nvr_yaml_node *item = edit->node;
    size_t dash = 0, start;
    int r;

    if (is_in_flow(item->parent)) {
        remove_in_flow(s, item, item);
        return 0;
    }
    r = find_dash(s, item, &dash);
    if (r < 0)
        return r;
    start = line_start(s, dash);
    if (!only_blanks(s, start, dash))
        return -ENOTSUP;
    skip_to(s, start, next_line(s, NVR_MAX(content_end(s, item), dash)));
    return 0;
}

int nvr_yaml_splice(const struct nvr_yaml *yaml, const struct nvr_yaml_edit *edit,
                    struct nvr_buf *out)
{
    struct splicer s = {.out = out, .layout = nvr_yaml_layout_of(yaml)};
    int r = -ENOTSUP;

    s.text = nvr_yaml_text(yaml, &s.len);
    switch (edit->kind) {
    case NVR_YAML_SET:
        r = set(&s, edit);
        break;
    case NVR_YAML_ADD_KEY:
        r = add_key(&s, edit);
        break;
    case NVR_YAML_REMOVE_KEY:
        r = remove_key(&s, edit);
        break;
    case NVR_YAML_INSERT_ITEM:
        r = insert_item(&s, edit);
        break;
    case NVR_YAML_REMOVE_ITEM:
        r = remove_item(&s, edit);
        break;
    }
    if (r < 0)
        return r;
    copy_up_to(&s, s.len);
    return nvr_buf_status(out);
}

/* A text without any value (empty, only comments): everything goes to its end. */
static int append_all(const struct nvr_yaml *yaml, const json_t *target, struct nvr_buf *out)
{
    const struct nvr_yaml_layout layout = nvr_yaml_layout_of(yaml);
    size_t len;
    const char *text = nvr_yaml_text(yaml, &len);

    nvr_buf_append(out, text, len);
    if (len > 0 && text[len - 1] != '\n')
        nvr_buf_append_str(out, layout.newline);
    nvr_yaml_write_block(out, target, 0, &layout);
    nvr_buf_append_str(out, layout.newline);
    return nvr_buf_status(out);
}

/* What the step before did, to notice when it had no effect. */
struct trace {
    enum nvr_yaml_edit_kind kind;
    size_t start, index;
    const char *key;
    bool valid;
};

static bool is_again(struct trace *trace, const struct nvr_yaml_edit *edit)
{
    const struct trace now = {edit->kind, edit->node->start, edit->index, edit->key, true};
    const bool again = trace->valid && now.kind == trace->kind && now.start == trace->start &&
                       now.index == trace->index && now.key == trace->key;

    *trace = now;
    /* What slides up after a removal may be surplus too. */
    return again && now.kind != NVR_YAML_REMOVE_KEY && now.kind != NVR_YAML_REMOVE_ITEM;
}

/* One step: 1 when out has a new text, 0 when nothing is left to do. */
static int step(const struct nvr_yaml *yaml, const json_t *schema, const json_t *target,
                struct trace *trace, struct nvr_buf *out)
{
    const struct nvr_yaml_node *root = nvr_yaml_root(yaml);
    struct nvr_yaml_edit edit = {0};
    int r;

    if (!root || (root->kind == NVR_YAML_SCALAR && root->len == 0)) {
        if (json_object_size(target) == 0)
            return 0;
        r = append_all(yaml, target, out);
    } else {
        r = nvr_yaml_difference(root, schema, target, &edit);
        if (r <= 0)
            return r;
        r = is_again(trace, &edit) ? -EIO : nvr_yaml_splice(yaml, &edit, out);
    }
    return r < 0 ? r : 1;
}

int nvr_yaml_rewrite(const char *text, size_t len, const json_t *schema, const json_t *target,
                     struct nvr_buf *out)
{
    struct nvr_yaml_problem problem = {0};
    struct trace trace = {0};
    struct nvr_buf now, next;
    int r;

    nvr_buf_init(&now, NVR_CONFIG_SIZE_MAX);
    nvr_buf_init(&next, NVR_CONFIG_SIZE_MAX);
    r = nvr_buf_append(&now, text, len);
    for (unsigned steps = 0; r == 0; steps++) {
        NVR_AUTO(nvr_yaml) yaml = NULL;

        r = nvr_yaml_parse((const char *)now.data, now.len, &yaml, &problem);
        if (r == -EINVAL)
            log_debug("an edit broke the text: line %u: %s", problem.line, problem.message);
        if (r == 0)
            r = steps < STEPS_MAX ? step(yaml, schema, target, &trace, &next) : -EIO;
        if (r <= 0)
            break;
        r = 0;
        const struct nvr_buf old = now;

        now = next;
        next = old;
        nvr_buf_reset(&next);
    }
    if (r == 0)
        r = nvr_buf_append(out, now.data, now.len);
    nvr_buf_done(&now);
    nvr_buf_done(&next);
    return r == 0 || r == -ENOMEM || r == -EMSGSIZE ? r : -EIO;
}
