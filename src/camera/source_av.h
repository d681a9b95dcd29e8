/* source_av.h — how libavformat is asked and what its answers mean (used by source_av.c). */
#ifndef NVR_CAMERA_SOURCE_AV_H
#define NVR_CAMERA_SOURCE_AV_H

#include <libavformat/avformat.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/macros.h"
#include "src/camera/source.h"

#define NVR_AV_URL_SIZE (NVR_URL_MAX + 1600) /* with percent-encoded credentials */

/* All of these speak AVERROR. */

/* URL with credentials in it (a secret), and the options: time-outs, RTSP transport, and which
 * protocols the URL may lead to (a playlist from the network must not name local files). */
NVR_CHECK int nvr_av_prepare(const struct nvr_source_address *address, char *url, size_t url_size,
                             AVDictionary **ret_options);
/* Choose the streams and describe them; other streams are discarded. audio_config: room for a made
 * AudioSpecificConfig. */
NVR_CHECK int nvr_av_describe(AVFormatContext *input, bool want_audio,
                              struct nvr_source_tracks *ret_tracks, int *ret_video, int *ret_audio,
                              uint8_t *audio_config, size_t audio_config_size);
/* url: to find out what an "I/O error" was. timed_out: our deadline passed. was_open: it had
 * delivered before. May look a name up: not on the loop's thread. */
void nvr_av_explain(const char *url, int error, bool timed_out, bool was_open,
                    struct nvr_trouble *ret_trouble);

#endif
