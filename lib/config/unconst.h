/* unconst.h — jansson iterates over objects only through pointers that are not const. Inside
 * lib/config. */
#ifndef NVR_CONFIG_UNCONST_H
#define NVR_CONFIG_UNCONST_H

#include <jansson.h>

/* The value must not be changed through the result. */
static inline json_t *nvr_json_unconst(const json_t *value)
{
    const union {
        const json_t *from;
        json_t *to;
    } view = {.from = value};

    return view.to;
}

#endif
