/* yaml_write.h — JSON values as YAML text that every YAML reader takes for the same. Inside
 * lib/config. */
#ifndef NVR_CONFIG_YAML_WRITE_H
#define NVR_CONFIG_YAML_WRITE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/json.h"
#include "lib/config/yaml_tree.h"

/* How a file is laid out; new lines look like its own. */
struct nvr_yaml_layout {
    const char *newline; /* "\n" or "\r\n" */
    size_t step;         /* columns a section goes in */
    size_t list_step;    /* columns a list's dashes go in, 0 is common */
};

struct nvr_yaml_layout nvr_yaml_layout_of(const struct nvr_yaml *yaml);

/* Non-empty sections, and lists that hold such: written over several lines outside of {} and []. */
bool nvr_yaml_is_block(const json_t *value);
/* On one line. in_flow: inside {} or []. style: quotes of the text before, kept when possible. */
void nvr_yaml_write_flow(struct nvr_buf *out, const json_t *value, bool in_flow,
                         enum nvr_yaml_style style);
/* Over several lines; the first one is not indented, the last one has no line end. */
void nvr_yaml_write_block(struct nvr_buf *out, const json_t *value, size_t indent,
                          const struct nvr_yaml_layout *layout);
void nvr_yaml_write_key(struct nvr_buf *out, const char *key, bool in_flow);
void nvr_yaml_write_line(struct nvr_buf *out, size_t indent, const struct nvr_yaml_layout *layout);

#endif
