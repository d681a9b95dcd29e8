/* yaml_edit.h — a text changed in place until it means another value. Inside lib/config.
 *
 * Only bytes of changed values are touched: each step finds the first difference, splices it into
 * the text and parses the result again. Comments of lines that stay, order, unknown keys, line ends
 * and indentation stay as they are. */
#ifndef NVR_CONFIG_YAML_EDIT_H
#define NVR_CONFIG_YAML_EDIT_H

#include <jansson.h>

#include "lib/base/buf.h"
#include "lib/config/yaml_tree.h"

enum nvr_yaml_edit_kind {
    NVR_YAML_SET,         /* node's value becomes value */
    NVR_YAML_ADD_KEY,     /* to the map node */
    NVR_YAML_REMOVE_KEY,  /* node is the key */
    NVR_YAML_INSERT_ITEM, /* into the list node, before its item number index */
    NVR_YAML_REMOVE_ITEM, /* node is the item */
};

struct nvr_yaml_edit {
    enum nvr_yaml_edit_kind kind;
    const struct nvr_yaml_node *node;
    size_t index;
    const char *key;
    const json_t *value;
};

/* 1 and the first difference, 0 none, -ENOMEM. Pointers are borrowed from the parameters. */
NVR_CHECK int nvr_yaml_difference(const struct nvr_yaml_node *root, const json_t *schema,
                                  const json_t *target, struct nvr_yaml_edit *ret_edit);
/* The text with one edit made, appended to out. 0, -ENOTSUP (cannot be done in place), -ENOMEM. */
NVR_CHECK int nvr_yaml_splice(const struct nvr_yaml *yaml, const struct nvr_yaml_edit *edit,
                              struct nvr_buf *out);
/* The text that means target, appended to out. 0, -EIO (no way was found), -ENOMEM. */
NVR_CHECK int nvr_yaml_rewrite(const char *text, size_t len, const json_t *schema,
                               const json_t *target, struct nvr_buf *out);

#endif
