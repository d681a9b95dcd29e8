/* AAC in RTP: RFC 3640 (mpeg4-generic, AU headers, several units or a piece of one per packet) and
 * RFC 6416 (MP4A-LATM with the configuration in the SDP). */
#include "lib/rtsp/depay.h"

#include <string.h>

#define UNIT_MAX 8192u /* ISO/IEC 14496-3: 6144 bits per channel and frame; 8 channels fit */

struct bits {
    const uint8_t *data;
    size_t count, pos; /* bits */
};

static uint32_t take(struct bits *bits, unsigned n)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < n; i++) {
        value <<= 1;
        if (bits->pos < bits->count)
            value |= (bits->data[bits->pos / 8] >> (7 - bits->pos % 8)) & 1u;
        bits->pos++;
    }
    return value;
}

static void emit_unit(struct nvr_depay *depay, uint32_t timestamp, const uint8_t *data, size_t size,
                      bool marker)
{
    nvr_depay_clear(depay);
    depay->timestamp = timestamp;
    depay->key = true;
    nvr_depay_append(depay, data, size);
    nvr_depay_emit_frame(depay, marker);
}

/* A unit larger than its packet: every piece carries the size of the whole. */
static void add_piece(struct nvr_depay *depay, const struct nvr_rtp_packet *packet,
                      size_t unit_size, const uint8_t *data, size_t piece)
{
    if (!depay->started || depay->timestamp != packet->timestamp) {
        nvr_depay_clear(depay);
        depay->started = true;
        depay->timestamp = packet->timestamp;
        depay->key = true;
        depay->unit_missing = unit_size;
    }
    if (piece > depay->unit_missing) {
        nvr_depay_clear(depay);
        depay->dropped++;
        return;
    }
    nvr_depay_append(depay, data, piece);
    depay->unit_missing -= piece;
    if (depay->unit_missing == 0) {
        nvr_depay_emit_frame(depay, packet->marker);
    } else if (packet->marker) { /* the end without its middle */
        nvr_depay_clear(depay);
        depay->dropped++;
    }
}

static void add_units(struct nvr_depay *depay, const struct nvr_rtp_packet *packet)
{
    const struct nvr_depay_options *options = &depay->options;
    const size_t header_bits = packet->size >= 2 ? nvr_get16(packet->payload) : 0;
    const size_t header_bytes = (header_bits + 7) / 8;
    struct bits bits = {packet->payload + 2, header_bits, 0};
    const uint8_t *data = packet->payload + 2 + header_bytes;
    uint32_t index = 0;
    size_t left;

    if (header_bits == 0 || 2 + header_bytes > packet->size) {
        nvr_depay_clear(depay);
        depay->dropped++;
        return;
    }
    left = packet->size - 2 - header_bytes;
    for (unsigned i = 0; i < NVR_DEPAY_AUS_MAX && bits.pos < bits.count; i++) {
        const size_t unit_size = take(&bits, options->size_length);
        const uint32_t delta =
            take(&bits, i == 0 ? options->index_length : options->index_delta_length);

        if (bits.pos > bits.count || unit_size == 0 || unit_size > UNIT_MAX) {
            depay->dropped++;
            return;
        }
        index += i == 0 ? 0 : 1 + delta;
        if (unit_size > left) {
            if (i == 0)
                add_piece(depay, packet, unit_size, data, left);
            else
                depay->dropped++;
            return;
        }
        if (i == 0 && depay->started && depay->timestamp == packet->timestamp) {
            add_piece(depay, packet, unit_size, data, left); /* the last piece may be this small */
            return;
        }
        emit_unit(depay, packet->timestamp + index * options->au_duration, data, unit_size,
                  packet->marker);
        data += unit_size;
        left -= unit_size;
    }
}

/* PayloadLengthInfo: bytes of 255 and one smaller. The length of the unit behind it, or 0. */
static size_t take_latm_length(const uint8_t *data, size_t size, size_t *pos)
{
    size_t length = 0;
    uint8_t byte;

    do {
        if (*pos >= size)
            return 0;
        byte = data[(*pos)++];
        length += byte;
    } while (byte == 255);
    return length <= UNIT_MAX && length <= size - *pos ? length : 0;
}

static void add_whole_latm(struct nvr_depay *depay, const struct nvr_rtp_packet *packet)
{
    size_t pos = 0;

    for (unsigned i = 0; i < depay->options.latm_subframes; i++) {
        const size_t unit = take_latm_length(packet->payload, packet->size, &pos);

        if (unit == 0) {
            depay->dropped++;
            return;
        }
        emit_unit(depay, packet->timestamp + i * depay->options.au_duration, packet->payload + pos,
                  unit, true);
        pos += unit;
    }
}

/* A frame in several packets, the last of which has the marker; one unit per frame. */
static void add_latm(struct nvr_depay *depay, const struct nvr_rtp_packet *packet)
{
    size_t pos = 0, unit;

    if (!depay->started && packet->marker) {
        add_whole_latm(depay, packet);
        return;
    }
    if (!depay->started) {
        depay->started = true;
        depay->key = true;
        depay->timestamp = packet->timestamp;
    }
    if (depay->len > UNIT_MAX + UNIT_MAX / 255 || packet->size > UNIT_MAX) {
        nvr_depay_clear(depay);
        depay->dropped++;
        return;
    }
    nvr_depay_append(depay, packet->payload, packet->size);
    if (!packet->marker)
        return;
    unit = depay->too_big ? 0 : take_latm_length(depay->data, depay->len, &pos);
    if (unit == 0 || depay->options.latm_subframes != 1) {
        nvr_depay_clear(depay);
        depay->dropped++;
        return;
    }
    memmove(depay->data, depay->data + pos, unit);
    depay->len = unit;
    nvr_depay_emit_frame(depay, true);
}

void nvr_depay_aac(struct nvr_depay *depay, const struct nvr_rtp_packet *packet, bool lost)
{
    if (lost || (depay->started && depay->timestamp != packet->timestamp))
        nvr_depay_clear(depay);
    if (depay->options.latm)
        add_latm(depay, packet);
    else if (depay->options.size_length == 0)
        emit_unit(depay, packet->timestamp, packet->payload, packet->size, packet->marker);
    else
        add_units(depay, packet);
}
