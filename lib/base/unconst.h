/* unconst.h — for calls that take a pointer to what they do not write: jansson's iterators,
 * sendmsg(). */
#ifndef NVR_BASE_UNCONST_H
#define NVR_BASE_UNCONST_H

/* What is there must not be changed through the result. */
static inline void *nvr_unconst(const void *p)
{
    const union {
        const void *from;
        void *to;
    } view = {.from = p};

    return view.to;
}

#endif
