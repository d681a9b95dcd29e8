/* shot.h — one decoded picture out of an init segment and fragments of ours. */
#ifndef NVR_MEDIA_ROLE_SHOT_H
#define NVR_MEDIA_ROLE_SHOT_H

#include <libavutil/frame.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/macros.h"

/* The newest picture at or before target_us (0: the last one), or the best there is when the
 * monotonic deadline_ms comes. data: init segment and fragments in a row. *ret_frame is the
 * caller's (av_frame_free). 0, -EPROTO (not sound), -ENOTSUP (codec), -ENODATA (no picture),
 * -ENOMEM. */
NVR_CHECK int nvr_shot_decode(const uint8_t *data, size_t size, int64_t target_us,
                              int64_t deadline_ms, AVFrame **ret_frame, int64_t *ret_time_us);

#endif
