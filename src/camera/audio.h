/* audio.h — a camera's audio as AAC: AAC passes through, G.711 and Opus are transcoded (MP4 with
 * Opus does not play in every browser). */
#ifndef NVR_CAMERA_AUDIO_H
#define NVR_CAMERA_AUDIO_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/macros.h"
#include "src/camera/source.h"

struct nvr_audio;
/* One AAC access unit. dts, duration: 1/rate s. */
typedef void (*nvr_audio_on_unit)(const uint8_t *data, size_t size, int64_t dts, uint32_t duration,
                                  void *arg);

struct nvr_audio_format {
    uint32_t rate, channels;
    uint8_t config[64]; /* AudioSpecificConfig */
    size_t config_size;
};

/* 0, -ENOTSUP (codec or its parameters), -EMSGSIZE, -ENOMEM. */
NVR_CHECK int nvr_audio_new(const struct nvr_source_tracks *tracks, nvr_audio_on_unit on_unit,
                            void *arg, struct nvr_audio **ret_audio);
void nvr_audio_free(struct nvr_audio *audio);
/* Borrowed. */
const struct nvr_audio_format *nvr_audio_get_format(const struct nvr_audio *audio);
/* Samples (1/rate s) that a packet of this size lasts; a guess before the first is decoded. */
uint32_t nvr_audio_packet_duration(const struct nvr_audio *audio, size_t size);
/* dts: repaired time of the packet's first sample. Packets that cannot be decoded are skipped. */
void nvr_audio_push(struct nvr_audio *audio, const uint8_t *data, size_t size, int64_t dts);
/* A hole: what is half full is dropped. */
void nvr_audio_reset(struct nvr_audio *audio);

#endif
