/* holes.h — silences in a stream of pictures, by its own usual distance between them (pure). A hole
 * is a distance of more than three usual ones that leaves NVR_TIMELINE_JOIN_MS without a picture;
 * before a few distances are known there is none. Slow and uneven streams have none, either. */
#ifndef NVR_MEDIA_HOLES_H
#define NVR_MEDIA_HOLES_H

#include <stdbool.h>
#include <stdint.h>

#define NVR_HOLES_DISTANCES 5 /* usual: the middle one of the last so many */
#define NVR_HOLES_KNOWN 3

/* Plain data; zeroed: nothing came yet. */
struct nvr_holes {
    int64_t last_us; /* 0: none, or time does not go on from there */
    int64_t distances_us[NVR_HOLES_DISTANCES];
    unsigned count, next;
};

/* A picture of decode time at_us. true: there is a hole before it, which begins at *ret_from_us,
 * where the picture before it has been seen for as long as usual. */
bool nvr_holes_add(struct nvr_holes *holes, int64_t at_us, int64_t *ret_from_us);
/* By what is usual now: is there a hole between pictures of these decode times? */
bool nvr_holes_is_between(const struct nvr_holes *holes, int64_t last_us, int64_t at_us,
                          int64_t *ret_from_us);
/* The next picture has nothing to do with the one before; the usual distance stays. */
void nvr_holes_break(struct nvr_holes *holes);

#endif
