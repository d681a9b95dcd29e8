/* export_burn.h — the picture again, with the camera's name and the time in it: decode, draw,
 * encode to H.264 (role export). Sound stays as it is. */
#ifndef NVR_MEDIA_ROLE_EXPORT_BURN_H
#define NVR_MEDIA_ROLE_EXPORT_BURN_H

#include <stdint.h>

#include "lib/base/macros.h"

struct export;
struct export_scan;
struct nvr_cut_sample;
struct export_burn;

/* Before the sandbox: font and time zone. -ENOENT: no font; -ENOTSUP: no encoder. */
NVR_CHECK int export_burn_new(const char *zone, struct export_burn **ret_burn);
void export_burn_free(struct export_burn *burn); /* NULL: no-op */
/* Everything again, into a new movie. */
void export_burn_reset(struct export_burn *burn);
NVR_CHECK int export_burn_begin_item(struct export *e, const char *label);
/* Right after export_scan_open(). */
NVR_CHECK int export_burn_begin_segment(struct export *e, const struct export_scan *scan);
/* A sample whose bytes are at file_offset of the segment. 0, EXPORT_ENDED, -errno. */
NVR_CHECK int export_burn_feed(struct export *e, const struct export_scan *scan,
                               const struct nvr_cut_sample *sample, uint64_t file_offset);
/* The rest, and the end of the movie. */
NVR_CHECK int export_burn_end(struct export *e);

#endif
