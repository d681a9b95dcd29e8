#include "lib/config/yaml_tree.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "lib/base/buf.h"

#define BOM "\xef\xbb\xbf"
#define BLOCK_NODES 256

struct block {
    struct block *next;
    size_t used;
    struct nvr_yaml_node nodes[BLOCK_NODES];
};

struct nvr_yaml {
    char *text;
    size_t len;
    struct block *blocks;
    size_t nodes;
    struct nvr_yaml_node *root;
};

/* State of one parse. libyaml's marks count characters: the cursor walks with them. */
struct builder {
    struct nvr_yaml *yaml;
    struct nvr_yaml_problem *problem;
    struct nvr_yaml_node *open; /* innermost collection that is not closed yet */
    unsigned depth, documents;
    size_t base; /* bytes of the byte order mark */
    size_t cursor_char, cursor_byte;
};

static int refuse(struct builder *b, yaml_mark_t mark, const char *fmt, ...) NVR_PRINTF(3, 4);

static int refuse(struct builder *b, yaml_mark_t mark, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(b->problem->message, sizeof(b->problem->message), fmt, args);
    va_end(args);
    b->problem->line = (unsigned)mark.line + 1;
    b->problem->column = (unsigned)mark.column + 1;
    return -EINVAL;
}

static bool is_lead(const char *text, size_t at)
{
    return ((unsigned char)text[at] & 0xc0) != 0x80;
}

static size_t byte_of(struct builder *b, yaml_mark_t mark)
{
    const char *text = b->yaml->text + b->base;
    const size_t len = b->yaml->len - b->base;

    while (b->cursor_char < mark.index && b->cursor_byte < len) {
        do
            b->cursor_byte++;
        while (b->cursor_byte < len && !is_lead(text, b->cursor_byte));
        b->cursor_char++;
    }
    while (b->cursor_char > mark.index) {
        do
            b->cursor_byte--;
        while (!is_lead(text, b->cursor_byte));
        b->cursor_char--;
    }
    return b->base + b->cursor_byte;
}

static struct nvr_yaml_node *new_node(struct nvr_yaml *yaml)
{
    struct block *block = yaml->blocks;

    if (!block || block->used == BLOCK_NODES) {
        block = calloc(1, sizeof(*block));
        if (!block)
            return NULL;
        block->next = yaml->blocks;
        yaml->blocks = block;
    }
    yaml->nodes++;
    return &block->nodes[block->used++];
}

static bool expects_key(const struct nvr_yaml_node *open)
{
    return open && open->kind == NVR_YAML_MAP && open->count % 2 == 0;
}

static int check_key(struct builder *b, const yaml_event_t *event)
{
    const struct nvr_yaml_node *key;

    if (event->type != YAML_SCALAR_EVENT)
        return refuse(b, event->start_mark, "a key must be a word, not a list or section");
    for (key = b->open->first; key; key = key->next->next) {
        if (key->len == event->data.scalar.length &&
            memcmp(key->value, event->data.scalar.value, key->len) == 0)
            return refuse(b, event->start_mark, "the key \"%.80s\" is here twice, first in line %u",
                          key->value, key->line);
    }
    return 0;
}

static int check_properties(struct builder *b, const yaml_event_t *event, const yaml_char_t *anchor,
                            const yaml_char_t *tag)
{
    if (anchor)
        return refuse(b, event->start_mark,
                      "anchors (&%.40s) are not supported: write the values out",
                      (const char *)anchor);
    if (tag)
        return refuse(b, event->start_mark, "tags (%.40s) are not supported: quote text instead",
                      (const char *)tag);
    return 0;
}

static int fill_scalar(struct nvr_yaml_node *node, const yaml_event_t *event)
{
    static const enum nvr_yaml_style styles[] = {
        [YAML_PLAIN_SCALAR_STYLE] = NVR_YAML_PLAIN,
        [YAML_SINGLE_QUOTED_SCALAR_STYLE] = NVR_YAML_SINGLE,
        [YAML_DOUBLE_QUOTED_SCALAR_STYLE] = NVR_YAML_DOUBLE,
        [YAML_LITERAL_SCALAR_STYLE] = NVR_YAML_BLOCK,
        [YAML_FOLDED_SCALAR_STYLE] = NVR_YAML_BLOCK,
    };

    node->len = event->data.scalar.length;
    node->value = malloc(node->len + 1);
    if (!node->value)
        return -ENOMEM;
    memcpy(node->value, event->data.scalar.value, node->len);
    node->value[node->len] = '\0';
    if ((size_t)event->data.scalar.style < NVR_ARRAY_SIZE(styles))
        node->style = styles[event->data.scalar.style];
    return 0;
}

static int add_node(struct builder *b, const yaml_event_t *event, enum nvr_yaml_kind kind,
                    struct nvr_yaml_node **ret_node)
{
    struct nvr_yaml_node *node;
    int r = expects_key(b->open) ? check_key(b, event) : 0;

    if (r < 0)
        return r;
    if (b->yaml->nodes == NVR_YAML_NODES_MAX)
        return refuse(b, event->start_mark, "more than %d values", NVR_YAML_NODES_MAX);
    node = new_node(b->yaml);
    if (!node)
        return -ENOMEM;
    node->kind = kind;
    node->start = byte_of(b, event->start_mark);
    node->end = byte_of(b, event->end_mark);
    node->line = (unsigned)event->start_mark.line + 1;
    node->column = (unsigned)event->start_mark.column + 1;
    node->parent = b->open;
    if (!b->open) {
        b->yaml->root = node;
    } else {
        if (b->open->last)
            b->open->last->next = node;
        else
            b->open->first = node;
        b->open->last = node;
        b->open->count++;
    }
    *ret_node = node;
    return kind == NVR_YAML_SCALAR ? fill_scalar(node, event) : 0;
}

static int open_collection(struct builder *b, const yaml_event_t *event, bool map)
{
    struct nvr_yaml_node *node = NULL;
    const yaml_char_t *anchor =
        map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
    const yaml_char_t *tag = map ? event->data.mapping_start.tag : event->data.sequence_start.tag;
    int r = check_properties(b, event, anchor, tag);

    if (r == 0 && b->depth == NVR_YAML_DEPTH_MAX)
        r = refuse(b, event->start_mark, "nested deeper than %d levels", NVR_YAML_DEPTH_MAX);
    if (r == 0)
        r = add_node(b, event, map ? NVR_YAML_MAP : NVR_YAML_LIST, &node);
    if (r < 0)
        return r;
    assert(node);
    node->flow = map ? event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE
                     : event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
    b->open = node;
    b->depth++;
    return 0;
}

static int take_event(struct builder *b, const yaml_event_t *event)
{
    struct nvr_yaml_node *node = NULL;
    int r;

    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (++b->documents > 1)
            return refuse(b, event->start_mark, "a second document (---) begins here");
        return 0;
    case YAML_ALIAS_EVENT:
        return refuse(b, event->start_mark,
                      "aliases (*%.40s) are not supported: write the values out",
                      (const char *)event->data.alias.anchor);
    case YAML_SCALAR_EVENT:
        r = check_properties(b, event, event->data.scalar.anchor, event->data.scalar.tag);
        return r < 0 ? r : add_node(b, event, NVR_YAML_SCALAR, &node);
    case YAML_MAPPING_START_EVENT:
        return open_collection(b, event, true);
    case YAML_SEQUENCE_START_EVENT:
        return open_collection(b, event, false);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        assert(b->open); /* libyaml pairs its events */
        b->open->end = byte_of(b, event->end_mark);
        b->open = b->open->parent;
        b->depth--;
        return 0;
    default:
        return 0;
    }
}

static int parser_problem(struct builder *b, const yaml_parser_t *parser)
{
    yaml_mark_t mark = parser->problem_mark;

    if (parser->error == YAML_MEMORY_ERROR)
        return -ENOMEM;
    if (parser->error == YAML_READER_ERROR)
        mark = parser->mark;
    return refuse(b, mark, "%s%s%s", parser->problem ? parser->problem : "not YAML",
                  parser->context ? " " : "", parser->context ? parser->context : "");
}

static int run_parser(struct builder *b, yaml_parser_t *parser)
{
    yaml_event_t event;
    bool end = false;
    int r = 0;

    while (!end && r == 0) {
        if (!yaml_parser_parse(parser, &event))
            return parser_problem(b, parser);
        end = event.type == YAML_STREAM_END_EVENT;
        r = take_event(b, &event);
        yaml_event_delete(&event);
    }
    return r;
}

/* YAML knows more line ends than people use; a text with those could not be changed by lines. */
static int check_line_ends(struct builder *b)
{
    const char *text = b->yaml->text;
    yaml_mark_t mark = {0};

    for (size_t i = 0; i < b->yaml->len; i++) {
        if ((text[i] == '\r' && text[i + 1] != '\n') || strncmp(text + i, "\xc2\x85", 2) == 0 ||
            strncmp(text + i, "\xe2\x80\xa8", 3) == 0 || strncmp(text + i, "\xe2\x80\xa9", 3) == 0)
            return refuse(b, mark, "a line ends neither with LF nor with CR LF");
        mark.column = text[i] == '\n' ? 0 : mark.column + is_lead(text, i);
        mark.line += text[i] == '\n';
    }
    return 0;
}

int nvr_yaml_parse(const char *text, size_t len, struct nvr_yaml **ret_yaml,
                   struct nvr_yaml_problem *problem)
{
    NVR_AUTO(nvr_yaml) yaml = calloc(1, sizeof(*yaml));
    struct builder b = {.yaml = yaml, .problem = problem};
    yaml_parser_t parser;
    int r;

    assert(text && ret_yaml && problem);
    if (!yaml)
        return -ENOMEM;
    yaml->text = nvr_str_dup((struct nvr_str){text, len});
    if (!yaml->text)
        return -ENOMEM;
    yaml->len = len;
    if (!nvr_str_is_utf8((struct nvr_str){text, len}))
        return refuse(&b, (yaml_mark_t){0}, "the text is not valid UTF-8");
    if (len >= 3 && memcmp(text, BOM, 3) == 0)
        b.base = 3;
    r = check_line_ends(&b);
    if (r < 0)
        return r;
    if (!yaml_parser_initialize(&parser))
        return -ENOMEM;
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)yaml->text + b.base, len - b.base);
    r = run_parser(&b, &parser);
    yaml_parser_delete(&parser);
    if (r < 0)
        return r;
    *ret_yaml = NVR_TAKE(yaml);
    return 0;
}

void nvr_yaml_free(struct nvr_yaml *yaml)
{
    struct block *block;

    if (!yaml)
        return;
    while ((block = yaml->blocks)) {
        yaml->blocks = block->next;
        for (size_t i = 0; i < block->used; i++)
            free(block->nodes[i].value);
        free(block);
    }
    free(yaml->text);
    free(yaml);
}

const char *nvr_yaml_text(const struct nvr_yaml *yaml, size_t *ret_len)
{
    *ret_len = yaml->len;
    return yaml->text;
}

struct nvr_yaml_node *nvr_yaml_root(const struct nvr_yaml *yaml)
{
    return yaml->root;
}

static struct nvr_yaml_node *get_slice(const struct nvr_yaml_node *map, struct nvr_str name)
{
    if (!map || map->kind != NVR_YAML_MAP)
        return NULL;
    for (const struct nvr_yaml_node *key = map->first; key; key = key->next->next) {
        if (nvr_str_eq((struct nvr_str){key->value, key->len}, name))
            return key->next;
    }
    return NULL;
}

struct nvr_yaml_node *nvr_yaml_get(const struct nvr_yaml_node *map, const char *key)
{
    return get_slice(map, nvr_str_from(key));
}

struct nvr_yaml_node *nvr_yaml_item(const struct nvr_yaml_node *list, size_t index)
{
    struct nvr_yaml_node *item;

    if (!list || list->kind != NVR_YAML_LIST)
        return NULL;
    for (item = list->first; item && index > 0; index--)
        item = item->next;
    return item;
}

struct nvr_yaml_node *nvr_yaml_find(const struct nvr_yaml *yaml, const char *path)
{
    struct nvr_yaml_node *node = yaml->root, *next;
    struct nvr_str rest = nvr_str_from(path);

    while (node && rest.n > 0) {
        struct nvr_str part = nvr_str_cut(&rest, '.');
        struct nvr_str name = nvr_str_cut(&part, '[');
        uint64_t index = 0;

        next = name.n > 0 ? get_slice(node, name) : node;
        while (next && part.p) {
            const struct nvr_str number = nvr_str_cut(&part, ']');

            if (nvr_str_to_u64(number, NVR_YAML_NODES_MAX, &index) < 0)
                return next;
            node = next;
            next = nvr_yaml_item(node, index);
            (void)nvr_str_cut(&part, '[');
        }
        if (!next)
            break;
        node = next;
    }
    return node;
}
