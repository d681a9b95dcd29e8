/* export_avc.h — H.264 as encoders give it (start codes, ITU-T H.264 Annex B) → as MP4 wants it
 * (lengths, avcC; ISO/IEC 14496-15). */
#ifndef NVR_MEDIA_ROLE_EXPORT_AVC_H
#define NVR_MEDIA_ROLE_EXPORT_AVC_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/macros.h"
#include "lib/media/movie.h"

/* extradata: SPS and PPS with start codes. -EPROTO: there are none. */
NVR_CHECK int export_avc_add_entry(struct nvr_movie *movie, const uint8_t *extradata, size_t size,
                                   unsigned width, unsigned height, unsigned *ret_entry);
/* *ret_data is the caller's. */
NVR_CHECK int export_avc_from_bytes(const uint8_t *data, size_t size, uint8_t **ret_data,
                                    size_t *ret_size);

#endif
