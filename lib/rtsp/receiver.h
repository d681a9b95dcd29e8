/* receiver.h — one RTP source: sequence numbers, 64-bit time, sender reports, frames (RFC 3550).
 * Pure: packets in, frames and receiver reports out. Packets must come in order (TCP, or behind
 * nvr_rtp_reorder). */
#ifndef NVR_RTSP_RECEIVER_H
#define NVR_RTSP_RECEIVER_H

#include "lib/rtsp/depay.h"
#include "lib/rtsp/rtcp.h"
#include "lib/rtsp/rtsp.h"

typedef void (*nvr_rtp_on_frame)(void *arg, const struct nvr_rtsp_frame *frame);

struct nvr_rtp_receiver {
    struct nvr_depay depay;
    unsigned track;
    uint8_t payload_type;
    uint32_t clock_rate;
    nvr_rtp_on_frame on_frame;
    void *arg;

    bool has_source;
    uint32_t ssrc;
    uint16_t last_sequence;
    uint32_t cycles, base_sequence;
    uint32_t received; /* since base_sequence */
    uint32_t reported_expected, reported_received;
    uint32_t wrong_type; /* packets with another payload type before the first right one */
    bool has_right_type;
    double jitter; /* clock units */
    int64_t last_transit;

    bool has_time, discontinuity;
    uint32_t last_timestamp;
    int64_t last_pts;
    int64_t arrival_us, previous_arrival_us;
    bool lost_before_next;
    uint32_t lost_pending; /* for the next frame */

    bool has_sr;
    uint32_t sr_rtp_time, sr_ntp_middle;
    int64_t sr_wall_us, sr_arrival_us;

    uint64_t packets, bytes, lost, frames, damaged, dropped;
};

void nvr_rtp_receiver_init(struct nvr_rtp_receiver *receiver, unsigned track, uint8_t payload_type,
                           uint32_t clock_rate, const struct nvr_depay_options *options,
                           nvr_rtp_on_frame on_frame, void *arg);
void nvr_rtp_receiver_done(struct nvr_rtp_receiver *receiver);
/* True when the packet counted as media. */
bool nvr_rtp_receiver_push(struct nvr_rtp_receiver *receiver, const uint8_t *data, size_t size,
                           int64_t arrival_us);
/* True when the source said BYE. */
bool nvr_rtp_receiver_push_rtcp(struct nvr_rtp_receiver *receiver, const uint8_t *data, size_t size,
                                int64_t arrival_us);
size_t nvr_rtp_receiver_report(struct nvr_rtp_receiver *receiver, uint32_t own_ssrc, int64_t now_us,
                               uint8_t dst[NVR_RTCP_REPORT_MAX]);

#endif
