/* H.264 in RTP (RFC 6184): single units, STAP-A/B, FU-A/B. MTAPs are dropped: no camera sends
 * them. */
#include "lib/rtsp/depay.h"

enum {
    NAL_SLICE = 1,
    NAL_IDR = 5,
    NAL_SPS = 7,
    NAL_PPS = 8,
    NAL_DELIMITER = 9,
    NAL_SINGLE_MAX = 23,
    NAL_STAP_A = 24,
    NAL_STAP_B = 25,
    NAL_FU_A = 28,
    NAL_FU_B = 29,
};

/* slice_type is ue(v) behind first_mb_in_slice, which is 0 (one bit 1) in a picture's first slice:
 * true for an I slice, 2 ("011") or 7 ("0001000"). */
static bool is_first_i_slice(uint8_t bits)
{
    return (bits & 0xf0) == 0xb0 || bits == 0x88;
}

/* The first bits of the slice follow the header byte. */
static struct nvr_depay_unit describe(const struct nvr_depay *depay, uint8_t header,
                                      const uint8_t *body, size_t body_size)
{
    const unsigned type = header & 0x1fu;
    struct nvr_depay_unit unit = {
        .picture = type >= NAL_SLICE && type <= NAL_IDR,
        .key = type == NAL_IDR,
        .sps = type == NAL_SPS,
        .opening = type == NAL_SPS || type == NAL_PPS || type == NAL_DELIMITER,
    };

    unit.first = unit.picture && body_size > 0 && (body[0] & 0x80);
    /* Some cameras never send IDR: an I picture behind its parameter sets serves as well. */
    if (type == NAL_SLICE && unit.first && depay->has_sps && !depay->has_picture)
        unit.key = is_first_i_slice(body[0]);
    return unit;
}

static void add(struct nvr_depay *depay, uint8_t header, const uint8_t *body, size_t body_size)
{
    const struct nvr_depay_unit unit = describe(depay, header, body, body_size);

    nvr_depay_add_unit(depay, &unit, &header, 1, body, body_size);
}

static void add_aggregate(struct nvr_depay *depay, const uint8_t *data, size_t size)
{
    while (size >= 2) {
        const size_t unit = nvr_get16(data);

        data += 2;
        size -= 2;
        if (unit == 0 || unit > size) {
            depay->damaged = true;
            depay->dropped++;
            return;
        }
        add(depay, data[0], data + 1, unit - 1);
        data += unit;
        size -= unit;
    }
}

static void add_fragment(struct nvr_depay *depay, const uint8_t *data, size_t size, size_t skip)
{
    const bool start = size >= 2 && (data[1] & 0x80);
    const bool end = size >= 2 && (data[1] & 0x40);

    if (size < 2 + skip) {
        depay->damaged = true;
        depay->dropped++;
        return;
    }
    if (start) {
        if (depay->in_fragment)
            depay->damaged = true;
        add(depay, (uint8_t)((data[0] & 0xe0) | (data[1] & 0x1f)), data + 2 + skip,
            size - 2 - skip);
        depay->in_fragment = true;
    } else if (depay->in_fragment) {
        nvr_depay_append(depay, data + 2, size - 2);
    } else {
        depay->damaged = true; /* its beginning was lost */
        return;
    }
    if (end)
        depay->in_fragment = false;
}

void nvr_depay_h264(struct nvr_depay *depay, const struct nvr_rtp_packet *packet, bool lost)
{
    const uint8_t *data = packet->payload;
    unsigned type;

    nvr_depay_begin_packet(depay, packet, lost);
    if (packet->size == 0) {
        nvr_depay_end_packet(depay, packet);
        return;
    }
    type = data[0] & 0x1fu;
    if (type >= 1 && type <= NAL_SINGLE_MAX) {
        if (depay->in_fragment)
            depay->damaged = true;
        depay->in_fragment = false;
        add(depay, data[0], data + 1, packet->size - 1);
    } else if (type == NAL_STAP_A) {
        add_aggregate(depay, data + 1, packet->size - 1);
    } else if (type == NAL_STAP_B && packet->size >= 3) {
        add_aggregate(depay, data + 3, packet->size - 3);
    } else if (type == NAL_FU_A) {
        add_fragment(depay, data, packet->size, 0);
    } else if (type == NAL_FU_B) {
        add_fragment(depay, data, packet->size, 2);
    } else {
        depay->dropped++;
    }
    nvr_depay_end_packet(depay, packet);
}
