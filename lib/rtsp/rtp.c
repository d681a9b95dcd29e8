#include "lib/rtsp/rtp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_SIZE 12u
#define RESTART_DISTANCE 1000 /* further back than this is a new sequence, not a late packet */

int nvr_rtp_parse(const uint8_t *data, size_t size, struct nvr_rtp_packet *ret_packet)
{
    size_t pos = HEADER_SIZE, end = size;

    if (size < HEADER_SIZE || data[0] >> 6 != 2)
        return -EPROTO;
    pos += (size_t)(data[0] & 0x0fu) * 4;
    if (data[0] & 0x10) { /* header extension */
        if (pos + 4 > size)
            return -EPROTO;
        pos += 4 + (size_t)nvr_get16(data + pos + 2) * 4;
    }
    if (data[0] & 0x20) { /* padding: the last byte counts itself */
        const uint8_t padding = data[size - 1];

        if (padding == 0 || padding > size)
            return -EPROTO;
        end -= padding;
    }
    if (pos > end)
        return -EPROTO;
    *ret_packet = (struct nvr_rtp_packet){
        .payload_type = data[1] & 0x7f,
        .marker = data[1] >> 7,
        .sequence = nvr_get16(data + 2),
        .timestamp = nvr_get32(data + 4),
        .ssrc = nvr_get32(data + 8),
        .payload = data + pos,
        .size = end - pos,
    };
    return 0;
}

void nvr_rtp_reorder_init(struct nvr_rtp_reorder *reorder)
{
    *reorder = (struct nvr_rtp_reorder){.store = NULL};
}

void nvr_rtp_reorder_done(struct nvr_rtp_reorder *reorder)
{
    free(reorder->store);
    nvr_rtp_reorder_init(reorder);
}

static size_t slot_of(uint16_t sequence)
{
    return sequence % NVR_RTP_REORDER_WINDOW;
}

/* Deliver `next` when it is here; moves on by one in any case. */
static void step(struct nvr_rtp_reorder *reorder, nvr_rtp_deliver deliver, void *arg)
{
    const size_t i = slot_of(reorder->next++);

    if (reorder->slots[i].size == 0)
        return;
    reorder->held--;
    deliver(arg, reorder->store + i * NVR_RTP_DATAGRAM_MAX, reorder->slots[i].size,
            reorder->slots[i].arrival_us);
    reorder->slots[i].size = 0;
}

static void deliver_ready(struct nvr_rtp_reorder *reorder, nvr_rtp_deliver deliver, void *arg)
{
    while (reorder->held > 0 && reorder->slots[slot_of(reorder->next)].size > 0)
        step(reorder, deliver, arg);
}

static void deliver_held(struct nvr_rtp_reorder *reorder, nvr_rtp_deliver deliver, void *arg)
{
    while (reorder->held > 0)
        step(reorder, deliver, arg);
}

static bool store(struct nvr_rtp_reorder *reorder, uint16_t sequence, const uint8_t *data,
                  size_t size, int64_t arrival_us)
{
    const size_t i = slot_of(sequence);

    if (!reorder->store) {
        reorder->store = malloc((size_t)NVR_RTP_REORDER_WINDOW * NVR_RTP_DATAGRAM_MAX);
        if (!reorder->store)
            return false;
    }
    if (reorder->slots[i].size > 0) {
        reorder->late++; /* the same packet twice */
        return true;
    }
    memcpy(reorder->store + i * NVR_RTP_DATAGRAM_MAX, data, size);
    reorder->slots[i].size = (uint16_t)size;
    reorder->slots[i].arrival_us = arrival_us;
    reorder->held++;
    return true;
}

/* The first packet behind the hole; only called with something held. */
static int64_t oldest_arrival(const struct nvr_rtp_reorder *reorder)
{
    int64_t oldest = INT64_MAX;

    for (size_t i = 0; i < NVR_RTP_REORDER_WINDOW; i++) {
        if (reorder->slots[i].size > 0)
            oldest = NVR_MIN(oldest, reorder->slots[i].arrival_us);
    }
    return oldest;
}

void nvr_rtp_reorder_push(struct nvr_rtp_reorder *reorder, const uint8_t *data, size_t size,
                          int64_t arrival_us, nvr_rtp_deliver deliver, void *arg)
{
    uint16_t sequence;
    uint32_t ssrc;
    int distance;

    if (size < HEADER_SIZE || size > NVR_RTP_DATAGRAM_MAX)
        return;
    sequence = nvr_get16(data + 2);
    ssrc = nvr_get32(data + 8);
    distance = (int16_t)(uint16_t)(sequence - reorder->next);
    if (!reorder->started || ssrc != reorder->ssrc || distance >= NVR_RTP_REORDER_WINDOW ||
        distance < -RESTART_DISTANCE) {
        deliver_held(reorder, deliver, arg);
        reorder->started = true;
        reorder->ssrc = ssrc;
        reorder->next = sequence;
        distance = 0;
    }
    if (distance < 0) {
        reorder->late++;
        return;
    }
    if (distance == 0) {
        reorder->next++;
        deliver(arg, data, size, arrival_us);
        deliver_ready(reorder, deliver, arg);
        return;
    }
    if (!store(reorder, sequence, data, size, arrival_us)) { /* no memory: the hole stays one */
        deliver_held(reorder, deliver, arg);
        reorder->next = (uint16_t)(sequence + 1);
        deliver(arg, data, size, arrival_us);
        return;
    }
    while (reorder->held > 0 && arrival_us - oldest_arrival(reorder) >= NVR_RTP_REORDER_WAIT_US) {
        while (reorder->slots[slot_of(reorder->next)].size == 0)
            reorder->next++;
        deliver_ready(reorder, deliver, arg);
    }
}
