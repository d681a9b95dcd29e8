/* Where a tree and the value it shall have differ first. */
#include <string.h>

#include "lib/base/unconst.h"
#include "lib/config/schema.h"
#include "lib/config/yaml_edit.h"
#include "lib/config/yaml_write.h"

struct pair {
    const struct nvr_yaml_node *node;
    const json_t *schema, *target;
};

/* 1 equal, 0 not, -ENOMEM. */
static int is_equal(const struct nvr_yaml_node *node, const json_t *schema, const json_t *target)
{
    NVR_AUTO_JSON value = nvr_yaml_to_json(node, schema);

    if (!value)
        return -ENOMEM;
    return json_equal(value, target);
}

static bool is_in_flow(const struct nvr_yaml_node *node)
{
    for (; node; node = node->parent) {
        if (node->flow)
            return true;
    }
    return false;
}

static int found(struct nvr_yaml_edit *edit, struct nvr_yaml_edit value)
{
    *edit = value;
    return 1;
}

static int compare_list(const struct pair *pair, struct pair *ret_inner, struct nvr_yaml_edit *edit)
{
    const json_t *schema = nvr_schema_items(pair->schema), *value;
    const size_t have = pair->node->count, want = json_array_size(pair->target);
    const struct nvr_yaml_node *item = pair->node->first;
    size_t head = 0, tail = 0;
    int r = 0;

    for (; head < NVR_MIN(have, want); head++, item = item->next) {
        r = is_equal(item, schema, json_array_get(pair->target, head));
        if (r <= 0)
            break;
    }
    /* From the behind: is the rest the same when the lengths are not? */
    for (; r >= 0 && have != want && head + tail < NVR_MIN(have, want); tail++) {
        r = is_equal(nvr_yaml_item(pair->node, have - 1 - tail), schema,
                     json_array_get(pair->target, want - 1 - tail));
        if (r <= 0)
            break;
    }
    if (r < 0 || (have == want && head == have))
        return r < 0 ? r : 0;
    value = json_array_get(pair->target, head);
    if (have > want)
        return found(edit, (struct nvr_yaml_edit){.kind = NVR_YAML_REMOVE_ITEM, .node = item});
    if (have < want)
        return found(edit, (struct nvr_yaml_edit){.kind = NVR_YAML_INSERT_ITEM,
                                                  .node = pair->node,
                                                  .index = head,
                                                  .value = value});
    *ret_inner = (struct pair){item, schema, value};
    return 0;
}

static int compare_map(const struct pair *pair, struct pair *ret_inner, struct nvr_yaml_edit *edit)
{
    const struct nvr_yaml_node *key, *surplus = NULL;
    const char *name;
    json_t *value;
    int r;

    for (key = pair->node->first; key; key = key->next->next) {
        const json_t *schema = nvr_schema_property(pair->schema, key->value);
        const json_t *wanted = json_object_get(pair->target, key->value);

        if (!wanted) {
            surplus = surplus ? surplus : key;
            continue;
        }
        r = is_equal(key->next, schema, wanted);
        if (r < 0)
            return r;
        if (r == 0) {
            *ret_inner = (struct pair){key->next, schema, wanted};
            return 0;
        }
    }
    json_object_foreach(nvr_unconst(pair->target), name, value)
    {
        if (!nvr_yaml_get(pair->node, name))
            return found(edit, (struct nvr_yaml_edit){.kind = NVR_YAML_ADD_KEY,
                                                      .node = pair->node,
                                                      .key = name,
                                                      .value = value});
    }
    /* Last, so that a map is never without a key in between. */
    if (surplus)
        return found(edit, (struct nvr_yaml_edit){.kind = NVR_YAML_REMOVE_KEY, .node = surplus});
    return 0;
}

/* A collection is looked into when it stays one of the same kind and of the same looks. */
static bool can_look_into(const struct pair *pair)
{
    const struct nvr_yaml_node *node = pair->node;
    const size_t want = json_is_object(pair->target) ? json_object_size(pair->target)
                                                     : json_array_size(pair->target);

    if (!(node->kind == NVR_YAML_MAP && json_is_object(pair->target)) &&
        !(node->kind == NVR_YAML_LIST && json_is_array(pair->target)))
        return false;
    if (want == 0 && node->count > 0)
        return false; /* becomes {} or [] */
    /* An empty {} or [] that gets something becomes lines, unless it is inside of others. */
    return node->count > 0 || want == 0 || is_in_flow(node->parent) ||
           !nvr_yaml_is_block(pair->target);
}

int nvr_yaml_difference(const struct nvr_yaml_node *root, const json_t *schema,
                        const json_t *target, struct nvr_yaml_edit *ret_edit)
{
    struct pair pair = {root, schema, target};

    for (;;) {
        struct pair inner = {0};
        int r;

        if (!can_look_into(&pair)) {
            r = is_equal(pair.node, pair.schema, pair.target);
            if (r != 0)
                return r < 0 ? r : 0;
            return found(ret_edit, (struct nvr_yaml_edit){.kind = NVR_YAML_SET,
                                                          .node = pair.node,
                                                          .value = pair.target});
        }
        if (pair.node->kind == NVR_YAML_MAP)
            r = compare_map(&pair, &inner, ret_edit);
        else
            r = compare_list(&pair, &inner, ret_edit);
        if (r != 0 || !inner.node)
            return r;
        pair = inner;
    }
}
