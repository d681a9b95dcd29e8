/* What the nodes of a YAML tree mean. */
#include <ctype.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/config/schema.h"
#include "lib/config/yaml_tree.h"

static bool is_one_of(const struct nvr_yaml_node *node, const char *const *words)
{
    for (; *words; words++) {
        if (strcmp(node->value, *words) == 0)
            return true;
    }
    return false;
}

static bool is_null(const struct nvr_yaml_node *node)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL", NULL};

    return is_one_of(node, words);
}

static json_t *boolean_of(const struct nvr_yaml_node *node, bool old_words)
{
    static const char *const yes[] = {"true", "True", "TRUE", NULL};
    static const char *const no[] = {"false", "False", "FALSE", NULL};
    static const char *const old_yes[] = {"yes", "Yes", "YES", "on", "On", "ON", NULL};
    static const char *const old_no[] = {"no", "No", "NO", "off", "Off", "OFF", NULL};

    if (is_one_of(node, yes) || (old_words && is_one_of(node, old_yes)))
        return json_true();
    if (is_one_of(node, no) || (old_words && is_one_of(node, old_no)))
        return json_false();
    return NULL;
}

/* "0123" is text: some readers take it for octal. */
static json_t *number_of(const struct nvr_yaml_node *node)
{
    const char *digits = node->value;
    int64_t integer = 0;
    double real = 0;

    if (*digits == '-' || *digits == '+')
        digits++;
    if (!isdigit((unsigned char)*digits) && *digits != '.')
        return NULL;
    if (digits[0] == '0' && isdigit((unsigned char)digits[1]))
        return NULL;
    if (nvr_str_to_i64((struct nvr_str){node->value, node->len}, &integer) == 0)
        return json_integer(integer);
    if (strspn(node->value, "+-.0123456789eE") != node->len)
        return NULL;
    if (nvr_str_to_double((struct nvr_str){node->value, node->len}, &real) == 0)
        return json_real(real);
    return NULL;
}

static json_t *scalar_to_json(const struct nvr_yaml_node *node, const json_t *schema)
{
    json_t *value = NULL;

    if (node->style != NVR_YAML_PLAIN)
        return json_stringn(node->value, node->len);
    if (is_null(node))
        return json_null();
    if (!nvr_schema_wants(schema, "string")) {
        value = boolean_of(node, nvr_schema_wants(schema, "boolean"));
        if (!value)
            value = number_of(node);
    }
    return value ? value : json_stringn(node->value, node->len);
}

struct step {
    const struct nvr_yaml_node *node; /* next child to convert: an item or a key */
    const json_t *schema;             /* of the collection */
    json_t *value;
};

static json_t *start_of(const struct nvr_yaml_node *node, const json_t *schema)
{
    if (node->kind == NVR_YAML_SCALAR)
        return scalar_to_json(node, schema);
    return node->kind == NVR_YAML_MAP ? json_object() : json_array();
}

/* One child of the collection on top: converted and put in. Where it is a collection itself, it is
 * pushed. */
static int convert_child(struct step *stack, unsigned *depth)
{
    struct step *top = &stack[*depth - 1];
    const bool map = json_is_object(top->value);
    const struct nvr_yaml_node *key = top->node, *child = map ? key->next : key;
    const json_t *schema =
        map ? nvr_schema_property(top->schema, key->value) : nvr_schema_items(top->schema);
    json_t *value = start_of(child, schema);
    int r;

    top->node = child->next;
    if (!value)
        return -ENOMEM;
    r = map ? json_object_set_new(top->value, key->value, value)
            : json_array_append_new(top->value, value);
    if (r < 0)
        return -ENOMEM;
    if (child->kind != NVR_YAML_SCALAR)
        stack[(*depth)++] = (struct step){child->first, schema, value};
    return 0;
}

json_t *nvr_yaml_to_json(const struct nvr_yaml_node *node, const json_t *schema)
{
    struct step stack[NVR_YAML_DEPTH_MAX + 1];
    json_t *root = start_of(node, schema);
    unsigned depth = 0;

    if (!root || node->kind == NVR_YAML_SCALAR)
        return root;
    stack[depth++] = (struct step){node->first, schema, root};
    while (depth > 0) {
        if (!stack[depth - 1].node) {
            depth--;
        } else if (convert_child(stack, &depth) < 0) {
            json_decref(root);
            return NULL;
        }
    }
    return root;
}
