/* report.h — what the worker tells the core about itself, as RPC parameters (pure but for CPU
 * time).
 */
#ifndef NVR_CAMERA_REPORT_H
#define NVR_CAMERA_REPORT_H

#include "lib/base/json.h"
#include "src/camera/recorder.h"
#include "src/camera/stream.h"

/* NULL: out of memory. */
json_t *nvr_report_status(const struct nvr_stream_info *info);
/* main, sub, recording may be NULL: the camera has none. */
json_t *nvr_report_heartbeat(const struct nvr_stream_info *main_info,
                             const struct nvr_stream_info *sub_info,
                             const struct nvr_recorder_state *recording);

#endif
