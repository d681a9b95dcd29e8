#include "lib/rtsp/receiver.h"

#define GAP_MAX 3000        /* a larger jump is a new sequence, not a loss (RFC 3550 A.1) */
#define WRONG_TYPES_MAX 16u /* then the camera sends another payload type than it announced */
#define SR_AGE_MAX_US (120 * 1000000LL)

static int64_t to_us(int64_t ticks, uint32_t clock_rate)
{
    return ticks / clock_rate * 1000000 + ticks % clock_rate * 1000000 / clock_rate;
}

static void on_depay_frame(void *arg, const struct nvr_depay_frame *frame)
{
    struct nvr_rtp_receiver *receiver = arg;
    struct nvr_rtsp_frame out = {
        .track = receiver->track,
        .data = frame->data,
        .size = frame->size,
        /* Without the marker a picture ends when the next one's first packet comes. */
        .arrival_us = !frame->marker && nvr_codec_is_video(receiver->depay.options.codec)
                          ? receiver->previous_arrival_us
                          : receiver->arrival_us,
        .lost = receiver->lost_pending,
        .key = frame->key,
        .damaged = frame->damaged,
        .marker = frame->marker,
        .discontinuity = receiver->discontinuity,
    };

    if (receiver->has_time)
        receiver->last_pts += (int32_t)(frame->timestamp - receiver->last_timestamp);
    receiver->has_time = true;
    receiver->last_timestamp = frame->timestamp;
    out.pts = receiver->last_pts;
    if (receiver->has_sr && receiver->arrival_us - receiver->sr_arrival_us < SR_AGE_MAX_US)
        out.wall_us =
            receiver->sr_wall_us +
            to_us((int32_t)(frame->timestamp - receiver->sr_rtp_time), receiver->clock_rate);
    receiver->lost_pending = 0;
    receiver->discontinuity = false;
    receiver->frames++;
    receiver->damaged += frame->damaged;
    receiver->on_frame(receiver->arg, &out);
}

void nvr_rtp_receiver_init(struct nvr_rtp_receiver *receiver, unsigned track, uint8_t payload_type,
                           uint32_t clock_rate, const struct nvr_depay_options *options,
                           nvr_rtp_on_frame on_frame, void *arg)
{
    *receiver = (struct nvr_rtp_receiver){
        .track = track,
        .payload_type = payload_type,
        .clock_rate = clock_rate ? clock_rate : 90000,
        .on_frame = on_frame,
        .arg = arg,
        .discontinuity = true,
    };
    nvr_depay_init(&receiver->depay, options, on_depay_frame, receiver);
}

void nvr_rtp_receiver_done(struct nvr_rtp_receiver *receiver)
{
    nvr_depay_done(&receiver->depay);
}

/* A new source, or the old one began its numbers anew. */
static void restart(struct nvr_rtp_receiver *receiver, const struct nvr_rtp_packet *packet,
                    bool other_source)
{
    receiver->base_sequence = packet->sequence;
    receiver->cycles = 0;
    receiver->received = 0;
    receiver->reported_expected = receiver->reported_received = 0;
    receiver->last_transit = 0;
    if (other_source) {
        receiver->lost_before_next = receiver->has_source; /* what it refers to is not here */
        receiver->ssrc = packet->ssrc;
        receiver->has_sr = false;
        receiver->discontinuity = true;
        nvr_depay_reset(&receiver->depay);
    }
    receiver->has_source = true;
}

/* Packets missing before this one. */
static uint32_t follow_sequence(struct nvr_rtp_receiver *receiver,
                                const struct nvr_rtp_packet *packet)
{
    const uint16_t ahead = (uint16_t)(packet->sequence - receiver->last_sequence);
    uint32_t lost = 0;

    if (!receiver->has_source || packet->ssrc != receiver->ssrc) {
        restart(receiver, packet, true);
    } else if (ahead == 0 || ahead > GAP_MAX) {
        /* Also a camera that restarts or never counts: nothing is known to be lost but when the
         * numbers jump. */
        restart(receiver, packet, false);
        lost = ahead == 0 ? 0 : 1;
    } else {
        if (packet->sequence < receiver->last_sequence)
            receiver->cycles += 0x10000u;
        lost = ahead - 1u;
    }
    receiver->last_sequence = packet->sequence;
    receiver->received++;
    return lost;
}

/* RFC 3550 A.8 */
static void measure_jitter(struct nvr_rtp_receiver *receiver, uint32_t timestamp,
                           int64_t arrival_us)
{
    const int64_t arrival = arrival_us / 1000 * receiver->clock_rate / 1000;
    const int64_t transit = arrival - timestamp;

    if (receiver->last_transit != 0) {
        /* Differences modulo 2^32: time stamps wrap. */
        const int32_t difference = (int32_t)(uint32_t)(transit - receiver->last_transit);
        const double size = difference < 0 ? -(double)difference : (double)difference;

        receiver->jitter += (size - receiver->jitter) / 16;
    }
    receiver->last_transit = transit;
}

static bool has_right_type(struct nvr_rtp_receiver *receiver, uint8_t payload_type)
{
    if (payload_type == receiver->payload_type) {
        receiver->has_right_type = true;
        return true;
    }
    if (receiver->has_right_type || ++receiver->wrong_type < WRONG_TYPES_MAX)
        return false;
    receiver->payload_type = payload_type;
    receiver->has_right_type = true;
    return true;
}

bool nvr_rtp_receiver_push(struct nvr_rtp_receiver *receiver, const uint8_t *data, size_t size,
                           int64_t arrival_us)
{
    struct nvr_rtp_packet packet;
    uint32_t lost;
    bool right;

    if (nvr_rtp_parse(data, size, &packet) < 0) {
        receiver->dropped++;
        return false;
    }
    right = has_right_type(receiver, packet.payload_type);
    if (!right) {
        receiver->dropped++;
        if (!receiver->has_source || packet.ssrc != receiver->ssrc)
            return false;
        /* Comfort noise, error correction: not for us, but its number counts. */
    }
    receiver->packets++;
    receiver->bytes += size;
    receiver->previous_arrival_us = receiver->arrival_us;
    receiver->arrival_us = arrival_us;
    lost = follow_sequence(receiver, &packet);
    receiver->lost += lost;
    receiver->lost_pending += lost;
    receiver->lost_before_next |= lost > 0;
    if (!right || packet.size == 0)
        return right;
    if (packet.timestamp != receiver->last_timestamp || !receiver->has_time)
        measure_jitter(receiver, packet.timestamp, arrival_us);
    lost = receiver->lost_before_next;
    receiver->lost_before_next = false;
    nvr_depay_push(&receiver->depay, &packet, lost > 0);
    return true;
}

bool nvr_rtp_receiver_push_rtcp(struct nvr_rtp_receiver *receiver, const uint8_t *data, size_t size,
                                int64_t arrival_us)
{
    struct nvr_rtcp_info info;

    if (nvr_rtcp_parse(data, size, &info) < 0)
        receiver->dropped++;
    if (info.has_sr && (!receiver->has_source || info.ssrc == receiver->ssrc)) {
        receiver->has_sr = info.wall_us > 0; /* some cameras send zeroes */
        receiver->sr_rtp_time = info.rtp_time;
        receiver->sr_ntp_middle = info.ntp_middle;
        receiver->sr_wall_us = info.wall_us;
        receiver->sr_arrival_us = arrival_us;
    }
    return info.has_bye &&
           (info.bye_ssrc == 0 || !receiver->has_source || info.bye_ssrc == receiver->ssrc);
}

size_t nvr_rtp_receiver_report(struct nvr_rtp_receiver *receiver, uint32_t own_ssrc, int64_t now_us,
                               uint8_t dst[NVR_RTCP_REPORT_MAX])
{
    struct nvr_rtcp_report report = {.own_ssrc = own_ssrc, .has_source = receiver->has_source};

    if (receiver->has_source) {
        const uint32_t highest = receiver->cycles + receiver->last_sequence;
        const uint32_t expected = highest - receiver->base_sequence + 1;
        const uint32_t expected_now = expected - receiver->reported_expected;
        const uint32_t received_now = receiver->received - receiver->reported_received;

        report.source_ssrc = receiver->ssrc;
        report.highest_sequence = highest;
        report.lost =
            expected > receiver->received ? NVR_MIN(expected - receiver->received, 0x7fffffu) : 0;
        if (expected_now > received_now && expected_now > 0)
            report.fraction_lost =
                (uint8_t)(((uint64_t)(expected_now - received_now) << 8) / expected_now);
        report.jitter = (uint32_t)NVR_MIN(receiver->jitter, 4e9);
        receiver->reported_expected = expected;
        receiver->reported_received = receiver->received;
    }
    if (receiver->has_sr) {
        const int64_t age = NVR_MAX(now_us - receiver->sr_arrival_us, (int64_t)0);

        report.last_sr = receiver->sr_ntp_middle;
        report.delay = (uint32_t)(NVR_MIN(age, 60000 * 1000000LL) * 65536 / 1000000);
    }
    return nvr_rtcp_build_report(&report, dst);
}
