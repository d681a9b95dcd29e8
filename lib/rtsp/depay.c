#include "lib/rtsp/depay.h"

#include <stdlib.h>
#include <string.h>

#include "lib/rtsp/rtsp.h"

#define FRAME_START_SIZE 16384u /* first allocation; grows by half */
#define SETS_MAX 65536u         /* units without a picture that may wait for one */

void nvr_depay_init(struct nvr_depay *depay, const struct nvr_depay_options *options,
                    nvr_depay_emit emit, void *arg)
{
    *depay = (struct nvr_depay){.options = *options, .emit = emit, .arg = arg};
}

void nvr_depay_done(struct nvr_depay *depay)
{
    free(depay->data);
    *depay = (struct nvr_depay){.data = NULL};
}

void nvr_depay_clear(struct nvr_depay *depay)
{
    depay->len = 0;
    depay->started = depay->key = depay->damaged = depay->suspect = depay->too_big = false;
    depay->has_picture = depay->has_sps = depay->has_sets = depay->in_fragment = false;
    depay->unit_missing = 0;
}

void nvr_depay_reset(struct nvr_depay *depay)
{
    nvr_depay_clear(depay);
    depay->lost_before = false;
    depay->emitted = false;
    depay->jpeg.broken = false;
}

/* Room for size bytes and the padding behind them. */
static bool reserve(struct nvr_depay *depay, size_t size)
{
    size_t cap = depay->cap;
    uint8_t *data;

    if (size > NVR_RTSP_FRAME_MAX - depay->len)
        return false;
    if (depay->len + size + NVR_RTSP_PADDING <= cap)
        return true;
    cap = NVR_MAX(cap + cap / 2, depay->len + size + NVR_RTSP_PADDING);
    cap = NVR_MAX(cap, FRAME_START_SIZE);
    data = realloc(depay->data, cap);
    if (!data)
        return false;
    depay->data = data;
    depay->cap = cap;
    return true;
}

void nvr_depay_append(struct nvr_depay *depay, const void *data, size_t size)
{
    if (depay->too_big || size == 0)
        return;
    if (!reserve(depay, size)) {
        depay->too_big = true;
        return;
    }
    memcpy(depay->data + depay->len, data, size);
    depay->len += size;
}

void nvr_depay_emit_frame(struct nvr_depay *depay, bool marker)
{
    const bool too_big = depay->too_big;
    const struct nvr_depay_frame frame = {
        .data = depay->data,
        .size = depay->len,
        .timestamp = depay->timestamp,
        .key = depay->key,
        .damaged = depay->damaged || depay->suspect,
        .marker = marker,
    };

    nvr_depay_clear(depay);
    if (too_big) {
        depay->dropped++;
        depay->lost_before = true;
        return;
    }
    if (frame.size == 0)
        return;
    memset(depay->data + frame.size, 0, NVR_RTSP_PADDING);
    depay->emitted = true;
    depay->last_timestamp = frame.timestamp;
    depay->emit(depay->arg, &frame);
}

void nvr_depay_begin_packet(struct nvr_depay *depay, const struct nvr_rtp_packet *packet, bool lost)
{
    if (lost) {
        depay->in_fragment = false;
        depay->damaged |= depay->started;
        depay->lost_before = true;
    }
    if (depay->started && packet->timestamp != depay->timestamp) {
        /* Parameter sets that travel under a time of their own belong to the next picture. */
        if (depay->has_picture)
            nvr_depay_emit_frame(depay, false);
        else if (depay->len > SETS_MAX || depay->too_big)
            nvr_depay_clear(depay);
        depay->in_fragment = false;
    }
    if (!depay->started) {
        nvr_depay_clear(depay);
        depay->started = true;
        depay->suspect = depay->lost_before;
    }
    depay->lost_before = false;
    depay->timestamp = packet->timestamp;
}

void nvr_depay_add_unit(struct nvr_depay *depay, const struct nvr_depay_unit *unit,
                        const uint8_t *head, size_t head_size, const uint8_t *body,
                        size_t body_size)
{
    static const uint8_t start_code[4] = {0, 0, 0, 1};

    /* The rest of a picture whose marker came too early: from now on only time stamps count. */
    if (unit->picture && !unit->first && !depay->has_picture && !depay->damaged &&
        !depay->suspect && depay->emitted && depay->last_timestamp == depay->timestamp) {
        depay->marker_lies = true;
        depay->damaged = true;
    }
    depay->has_sets |= depay->len == 0 && unit->opening;
    depay->has_sps |= unit->sps;
    depay->has_picture |= unit->picture;
    depay->key |= unit->key;
    /* Nothing of a key frame is missing when it starts with what stands before every slice. */
    if (unit->key && unit->first && depay->has_sets)
        depay->suspect = false;
    nvr_depay_append(depay, start_code, sizeof(start_code));
    nvr_depay_append(depay, head, head_size);
    nvr_depay_append(depay, body, body_size);
}

void nvr_depay_end_packet(struct nvr_depay *depay, const struct nvr_rtp_packet *packet)
{
    /* Some cameras set the marker on parameter sets too: wait for the picture. */
    if (!packet->marker || !depay->has_picture || depay->marker_lies)
        return;
    if (depay->in_fragment)
        depay->damaged = true; /* the last piece said nothing about an end */
    nvr_depay_emit_frame(depay, true);
}

/* G.711, Opus: the packet is the frame. */
static void push_whole(struct nvr_depay *depay, const struct nvr_rtp_packet *packet)
{
    nvr_depay_clear(depay);
    depay->timestamp = packet->timestamp;
    depay->key = true;
    nvr_depay_append(depay, packet->payload, packet->size);
    nvr_depay_emit_frame(depay, packet->marker);
}

void nvr_depay_push(struct nvr_depay *depay, const struct nvr_rtp_packet *packet, bool lost)
{
    switch (depay->options.codec) {
    case NVR_CODEC_H264:
        nvr_depay_h264(depay, packet, lost);
        break;
    case NVR_CODEC_H265:
        nvr_depay_h265(depay, packet, lost);
        break;
    case NVR_CODEC_MJPEG:
        nvr_depay_jpeg(depay, packet, lost);
        break;
    case NVR_CODEC_AAC:
        nvr_depay_aac(depay, packet, lost);
        break;
    case NVR_CODEC_PCMU:
    case NVR_CODEC_PCMA:
    case NVR_CODEC_OPUS:
        push_whole(depay, packet);
        break;
    case NVR_CODEC_NONE:
    case NVR_CODEC_AV1:
    case NVR_CODEC_OTHER:
    default:
        depay->dropped++;
        break;
    }
}
