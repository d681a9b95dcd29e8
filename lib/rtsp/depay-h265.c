/* H.265 in RTP (RFC 7798): single units, aggregation packets, fragmentation units. PACI packets
 * are dropped: no camera sends them. */
#include "lib/rtsp/depay.h"

enum {
    NAL_VCL_MAX = 31,
    NAL_IRAP_MIN = 16,
    NAL_IRAP_MAX = 23,
    NAL_VPS = 32,
    NAL_SPS = 33,
    NAL_PPS = 34,
    NAL_DELIMITER = 35,
    NAL_SINGLE_MAX = 47,
    NAL_AGGREGATE = 48,
    NAL_FRAGMENT = 49,
};

#define HEADER_SIZE 2u

static void add(struct nvr_depay *depay, const uint8_t *header, const uint8_t *body,
                size_t body_size)
{
    const unsigned type = (header[0] >> 1) & 0x3fu;
    const struct nvr_depay_unit unit = {
        .picture = type <= NAL_VCL_MAX,
        .first = type <= NAL_VCL_MAX && body_size > 0 && (body[0] & 0x80),
        .key = type >= NAL_IRAP_MIN && type <= NAL_IRAP_MAX,
        .sps = type == NAL_SPS,
        .opening = type >= NAL_VPS && type <= NAL_DELIMITER,
    };

    nvr_depay_add_unit(depay, &unit, header, HEADER_SIZE, body, body_size);
}

static void spoil(struct nvr_depay *depay)
{
    depay->damaged = true;
    depay->dropped++;
}

static void add_aggregate(struct nvr_depay *depay, const uint8_t *data, size_t size)
{
    size_t skip = depay->options.donl ? 2 : 0; /* DONL, then DOND */

    while (size >= skip + 2) {
        const size_t unit = nvr_get16(data + skip);

        data += skip + 2;
        size -= skip + 2;
        if (unit < HEADER_SIZE || unit > size) {
            spoil(depay);
            return;
        }
        add(depay, data, data + HEADER_SIZE, unit - HEADER_SIZE);
        data += unit;
        size -= unit;
        skip = depay->options.donl ? 1 : 0;
    }
}

static void add_fragment(struct nvr_depay *depay, const uint8_t *data, size_t size)
{
    const size_t head = HEADER_SIZE + 1 + (depay->options.donl && (data[2] & 0x80) ? 2u : 0u);

    if (size < head) {
        spoil(depay);
        return;
    }
    if (data[2] & 0x80) {
        const uint8_t header[HEADER_SIZE] = {
            (uint8_t)((data[0] & 0x81) | ((data[2] & 0x3f) << 1)),
            data[1],
        };

        if (depay->in_fragment)
            depay->damaged = true;
        add(depay, header, data + head, size - head);
        depay->in_fragment = true;
    } else if (depay->in_fragment) {
        nvr_depay_append(depay, data + head, size - head);
    } else {
        depay->damaged = true; /* its beginning was lost */
        return;
    }
    if (data[2] & 0x40)
        depay->in_fragment = false;
}

void nvr_depay_h265(struct nvr_depay *depay, const struct nvr_rtp_packet *packet, bool lost)
{
    const size_t donl = depay->options.donl ? 2 : 0;
    const uint8_t *data = packet->payload;
    unsigned type;

    nvr_depay_begin_packet(depay, packet, lost);
    if (packet->size <= HEADER_SIZE) {
        if (packet->size > 0)
            spoil(depay);
        nvr_depay_end_packet(depay, packet);
        return;
    }
    type = (data[0] >> 1) & 0x3fu;
    if (type <= NAL_SINGLE_MAX && packet->size >= HEADER_SIZE + donl) {
        if (depay->in_fragment)
            depay->damaged = true;
        depay->in_fragment = false;
        add(depay, data, data + HEADER_SIZE + donl, packet->size - HEADER_SIZE - donl);
    } else if (type == NAL_AGGREGATE) {
        add_aggregate(depay, data + HEADER_SIZE, packet->size - HEADER_SIZE);
    } else if (type == NAL_FRAGMENT) {
        add_fragment(depay, data, packet->size);
    } else {
        depay->dropped++;
    }
    nvr_depay_end_packet(depay, packet);
}
