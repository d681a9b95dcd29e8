/* yaml_tree.h — YAML text as a tree whose nodes know their bytes. Inside lib/config.
 *
 * Refused, with words: anchors, aliases, tags, a second document, keys that are not scalars,
 * duplicate keys, more than NVR_YAML_DEPTH_MAX levels or NVR_YAML_NODES_MAX nodes, bad UTF-8. */
#ifndef NVR_CONFIG_YAML_TREE_H
#define NVR_CONFIG_YAML_TREE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/base/macros.h"

#define NVR_YAML_DEPTH_MAX 24
#define NVR_YAML_NODES_MAX 400000

enum nvr_yaml_kind { NVR_YAML_SCALAR, NVR_YAML_MAP, NVR_YAML_LIST };
enum nvr_yaml_style { NVR_YAML_PLAIN, NVR_YAML_SINGLE, NVR_YAML_DOUBLE, NVR_YAML_BLOCK };

struct nvr_yaml_node {
    enum nvr_yaml_kind kind;
    enum nvr_yaml_style style; /* of a scalar */
    bool flow;                 /* of a collection: {} or [] */
    size_t start, end;         /* bytes; end of a block collection runs past trailing comments */
    unsigned line, column;     /* from 1; column in characters */
    char *value;               /* scalar */
    size_t len;
    size_t count; /* children; a map's are key, value, key, value … */
    struct nvr_yaml_node *parent, *first, *last, *next;
};

struct nvr_yaml; /* owns the nodes and a copy of the text */

struct nvr_yaml_problem {
    char message[200];
    unsigned line, column;
};

/* 0, -EINVAL (problem is filled), -ENOMEM. */
NVR_CHECK int nvr_yaml_parse(const char *text, size_t len, struct nvr_yaml **ret_yaml,
                             struct nvr_yaml_problem *problem);
void nvr_yaml_free(struct nvr_yaml *yaml);
NVR_DEFINE_AUTO(nvr_yaml, nvr_yaml_free);

const char *nvr_yaml_text(const struct nvr_yaml *yaml, size_t *ret_len);
struct nvr_yaml_node *nvr_yaml_root(const struct nvr_yaml *yaml); /* NULL: nothing in the text */
/* The value of a map's key, or NULL. */
struct nvr_yaml_node *nvr_yaml_get(const struct nvr_yaml_node *map, const char *key);
struct nvr_yaml_node *nvr_yaml_item(const struct nvr_yaml_node *list, size_t index);
/* The deepest node on the way of "cameras[2].stream.url" that exists. */
struct nvr_yaml_node *nvr_yaml_find(const struct nvr_yaml *yaml, const char *path);

/* Node → JSON. schema (may be NULL) decides what a plain scalar is: text where text is wanted
 * (name: 123), a boolean for yes/no/on/off where a boolean is wanted; otherwise YAML 1.2's core
 * rules. New reference; NULL: out of memory. */
json_t *nvr_yaml_to_json(const struct nvr_yaml_node *node, const json_t *schema);

#endif
