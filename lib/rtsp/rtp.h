/* rtp.h — RTP packets (RFC 3550 §5.1) and the small reorder buffer for UDP. Pure. */
#ifndef NVR_RTSP_RTP_H
#define NVR_RTSP_RTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/macros.h"

struct nvr_rtp_packet {
    uint8_t payload_type;
    bool marker;
    uint16_t sequence;
    uint32_t timestamp, ssrc;
    const uint8_t *payload; /* padding and header extension taken off */
    size_t size;
};

/* Borrows from data. 0, or -EPROTO. */
NVR_CHECK int nvr_rtp_parse(const uint8_t *data, size_t size, struct nvr_rtp_packet *ret_packet);

static inline uint16_t nvr_get16(const uint8_t *p)
{
    return (uint16_t)((unsigned)p[0] << 8 | p[1]);
}
static inline uint32_t nvr_get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline void nvr_put16(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}
static inline void nvr_put32(uint8_t *p, uint32_t value)
{
    nvr_put16(p, value >> 16);
    nvr_put16(p + 2, value & 0xffffu);
}

#define NVR_RTP_DATAGRAM_MAX 4096     /* larger ones are dropped */
#define NVR_RTP_REORDER_WINDOW 32     /* packets */
#define NVR_RTP_REORDER_WAIT_US 60000 /* a hole is given up after this */

/* Packets in order of their sequence numbers; packets in order pass through without a copy. A hole
 * is waited for until the window is full or the oldest packet behind it has waited long enough
 * (looked at when packets arrive). */
struct nvr_rtp_reorder {
    struct {
        uint16_t size; /* 0: free */
        int64_t arrival_us;
    } slots[NVR_RTP_REORDER_WINDOW];
    uint8_t *store; /* NVR_RTP_REORDER_WINDOW × NVR_RTP_DATAGRAM_MAX, made at the first hole */
    uint16_t next;
    uint32_t ssrc;
    unsigned held;
    bool started;
    uint64_t late;
};

typedef void (*nvr_rtp_deliver)(void *arg, const uint8_t *data, size_t size, int64_t arrival_us);

void nvr_rtp_reorder_init(struct nvr_rtp_reorder *reorder);
void nvr_rtp_reorder_done(struct nvr_rtp_reorder *reorder);
/* data: a datagram of at least 12 and at most NVR_RTP_DATAGRAM_MAX bytes; others are ignored. */
void nvr_rtp_reorder_push(struct nvr_rtp_reorder *reorder, const uint8_t *data, size_t size,
                          int64_t arrival_us, nvr_rtp_deliver deliver, void *arg);

#endif
