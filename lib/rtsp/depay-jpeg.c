/* JPEG in RTP (RFC 2435): only the scan travels; the headers are rebuilt here. */
#include <string.h>

#include "lib/rtsp/depay.h"

#define MAIN_HEADER_SIZE 8u
#define RESTART_HEADER_SIZE 4u
#define TABLE_SIZE 64u

/* RFC 2435 appendix A (tables of ISO/IEC 10918-1 annex K, in zigzag order). */
static const uint8_t luma_quantizer[TABLE_SIZE] = {
    16, 11, 12,  14,  12,  10, 16, 14,  13,  14,  18,  17,  16, 19,  24,  40,
    26, 24, 22,  22,  24,  49, 35, 37,  29,  40,  58,  51,  61, 60,  57,  51,
    56, 55, 64,  72,  92,  78, 64, 68,  87,  69,  55,  56,  80, 109, 81,  87,
    95, 98, 103, 104, 103, 62, 77, 113, 121, 112, 100, 120, 92, 101, 103, 99,
};
static const uint8_t chroma_quantizer[TABLE_SIZE] = {
    17, 18, 18, 24, 21, 24, 47, 26, 26, 47, 99, 66, 56, 66, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
};

/* RFC 2435 appendix B, as the DHT segments want them: counts by length, then symbols. */
static const uint8_t luma_dc[] = {
    0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
};
static const uint8_t chroma_dc[] = {
    0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
};
static const uint8_t luma_ac[] = {
    0,    2,    1,    3,    3,    2,    4,    3,    5,    5,    4,    4,    0,    0,    1,
    0x7d, 0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51,
    0x61, 0x07, 0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15,
    0x52, 0xd1, 0xf0, 0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a,
    0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44,
    0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63,
    0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a,
    0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98,
    0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5,
    0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2,
    0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7,
    0xe8, 0xe9, 0xea, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
};
static const uint8_t chroma_ac[] = {
    0,    2,    1,    2,    4,    4,    3,    4,    7,    5,    4,    4,    0,    1,    2,
    0x77, 0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07,
    0x61, 0x71, 0x13, 0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xa1, 0xb1, 0xc1, 0x09, 0x23,
    0x33, 0x52, 0xf0, 0x15, 0x62, 0x72, 0xd1, 0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25, 0xf1, 0x17,
    0x18, 0x19, 0x1a, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43,
    0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a,
    0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79,
    0x7a, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96,
    0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3,
    0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9,
    0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6,
    0xe7, 0xe8, 0xe9, 0xea, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
};

/* Q 1…99 scales the standard tables (appendix A). */
static void make_tables(unsigned q, uint8_t tables[2][TABLE_SIZE])
{
    const unsigned factor = q < 1 ? 1 : NVR_MIN(q, 99u);
    const unsigned scale = factor < 50 ? 5000 / factor : 200 - factor * 2;

    for (size_t i = 0; i < TABLE_SIZE; i++) {
        const unsigned luma = (luma_quantizer[i] * scale + 50) / 100;
        const unsigned chroma = (chroma_quantizer[i] * scale + 50) / 100;

        tables[0][i] = (uint8_t)NVR_MIN(NVR_MAX(luma, 1u), 255u);
        tables[1][i] = (uint8_t)NVR_MIN(NVR_MAX(chroma, 1u), 255u);
    }
}

/* The quantisation tables in the packet (§3.1.8); 16-bit ones are cut to 8 where they fit. Bytes
 * eaten, or 0 when they make no sense. */
static size_t read_tables(struct nvr_depay_jpeg *jpeg, const uint8_t *data, size_t size)
{
    size_t length, pos = 4, count = 0;

    if (size < 4)
        return 0;
    length = nvr_get16(data + 2);
    if (length > size - 4)
        return 0;
    if (length == 0) /* "as before": only for Q below 255 */
        return jpeg->q != 255 && jpeg->tables_q == jpeg->q ? 4 : 0;
    while (count < 2 && pos < length + 4) {
        const bool wide = data[1] >> count & 1;
        const size_t bytes = wide ? 2 * TABLE_SIZE : TABLE_SIZE;

        if (bytes > length + 4 - pos)
            return 0;
        for (size_t i = 0; i < TABLE_SIZE; i++) {
            const unsigned value = wide ? nvr_get16(data + pos + 2 * i) : data[pos + i];

            jpeg->tables[count][i] = (uint8_t)NVR_MIN(value, 255u);
        }
        pos += bytes;
        count++;
    }
    if (count == 1)
        memcpy(jpeg->tables[1], jpeg->tables[0], TABLE_SIZE);
    jpeg->tables_q = jpeg->q;
    return length + 4;
}

static void add_segment(struct nvr_depay *depay, uint8_t marker, const uint8_t *head,
                        size_t head_size, const uint8_t *body, size_t body_size)
{
    uint8_t start[4] = {0xff, marker};

    nvr_put16(start + 2, (uint32_t)(head_size + body_size + 2));
    nvr_depay_append(depay, start, sizeof(start));
    nvr_depay_append(depay, head, head_size);
    nvr_depay_append(depay, body, body_size);
}

static void add_huffman(struct nvr_depay *depay, uint8_t id, const uint8_t *table, size_t size)
{
    add_segment(depay, 0xc4, &id, 1, table, size);
}

static void add_headers(struct nvr_depay *depay)
{
    static const uint8_t jfif[] = {'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0};
    static const uint8_t scan[] = {3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0};
    const struct nvr_depay_jpeg *jpeg = &depay->jpeg;
    const uint32_t width = jpeg->width ? jpeg->width * 8u : depay->options.width;
    const uint32_t height = jpeg->height ? jpeg->height * 8u : depay->options.height;
    const uint8_t sampling = (jpeg->type & 0x3f) == 0 ? 0x21 : 0x22; /* 4:2:2, 4:2:0 */
    uint8_t frame[] = {8, 0, 0, 0, 0, 3, 1, sampling, 0, 2, 0x11, 1, 3, 0x11, 1};

    nvr_put16(frame + 1, height);
    nvr_put16(frame + 3, width);
    nvr_depay_append(depay, "\xff\xd8", 2);
    add_segment(depay, 0xe0, jfif, sizeof(jfif), NULL, 0);
    for (uint8_t i = 0; i < 2; i++)
        add_segment(depay, 0xdb, &i, 1, jpeg->tables[i], TABLE_SIZE);
    if (jpeg->restart_interval) {
        uint8_t interval[2];

        nvr_put16(interval, jpeg->restart_interval);
        add_segment(depay, 0xdd, interval, sizeof(interval), NULL, 0);
    }
    add_segment(depay, 0xc0, frame, sizeof(frame), NULL, 0);
    add_huffman(depay, 0x00, luma_dc, sizeof(luma_dc));
    add_huffman(depay, 0x10, luma_ac, sizeof(luma_ac));
    add_huffman(depay, 0x01, chroma_dc, sizeof(chroma_dc));
    add_huffman(depay, 0x11, chroma_ac, sizeof(chroma_ac));
    add_segment(depay, 0xda, scan, sizeof(scan), NULL, 0);
}

/* A picture without all of its scan cannot be shown: it is dropped, the next one stands alone. */
static void give_up(struct nvr_depay *depay)
{
    if (depay->started || !depay->jpeg.broken)
        depay->dropped++;
    nvr_depay_clear(depay);
    depay->jpeg.broken = true;
}

/* First packet of a picture: bytes of the headers behind the main one, or 0 for nonsense. */
static size_t begin(struct nvr_depay *depay, const uint8_t *data, size_t size, size_t pos)
{
    struct nvr_depay_jpeg *jpeg = &depay->jpeg;

    if ((jpeg->width == 0 && depay->options.width == 0) ||
        (jpeg->height == 0 && depay->options.height == 0) || jpeg->q == 0)
        return 0;
    if (jpeg->q >= 128) {
        const size_t eaten = read_tables(jpeg, data + pos, size - pos);

        if (eaten == 0)
            return 0;
        pos += eaten;
    } else if (jpeg->tables_q != jpeg->q) {
        make_tables(jpeg->q, jpeg->tables);
        jpeg->tables_q = jpeg->q;
    }
    depay->started = true;
    depay->key = true;
    jpeg->broken = false;
    add_headers(depay);
    jpeg->scan_start = depay->len;
    return pos;
}

/* Reads main and restart header; the offset of what follows, or 0. */
static size_t read_headers(struct nvr_depay_jpeg *jpeg, const uint8_t *data, size_t size)
{
    size_t pos = MAIN_HEADER_SIZE;

    if (size < MAIN_HEADER_SIZE)
        return 0;
    jpeg->type = data[4];
    jpeg->q = data[5];
    jpeg->width = data[6];
    jpeg->height = data[7];
    jpeg->restart_interval = 0;
    if (jpeg->type & 0x40) {
        if (size < MAIN_HEADER_SIZE + RESTART_HEADER_SIZE)
            return 0;
        jpeg->restart_interval = nvr_get16(data + pos);
        pos += RESTART_HEADER_SIZE;
    }
    return (jpeg->type & 0xbf) <= 1 ? pos : 0; /* types 0, 1, 64, 65 are defined */
}

void nvr_depay_jpeg(struct nvr_depay *depay, const struct nvr_rtp_packet *packet, bool lost)
{
    struct nvr_depay_jpeg *jpeg = &depay->jpeg;
    const uint8_t *data = packet->payload;
    size_t offset, pos;

    if (depay->started && (lost || packet->timestamp != depay->timestamp)) {
        if (!lost && depay->len > jpeg->scan_start) { /* this camera sets no marker */
            nvr_depay_append(depay, "\xff\xd9", 2);
            nvr_depay_emit_frame(depay, false);
        } else {
            give_up(depay);
        }
    }
    pos = read_headers(jpeg, data, packet->size);
    if (pos == 0) {
        give_up(depay);
        return;
    }
    offset = (size_t)data[1] << 16 | nvr_get16(data + 2);
    if (offset == 0) {
        if (depay->started)
            give_up(depay);
        depay->timestamp = packet->timestamp;
        pos = begin(depay, data, packet->size, pos);
        if (pos == 0) {
            give_up(depay);
            return;
        }
    } else if (!depay->started || offset != depay->len - jpeg->scan_start) {
        give_up(depay);
        return;
    }
    nvr_depay_append(depay, data + pos, packet->size - pos);
    if (!packet->marker)
        return;
    if (depay->len < 2 || depay->too_big || depay->data[depay->len - 2] != 0xff ||
        depay->data[depay->len - 1] != 0xd9)
        nvr_depay_append(depay, "\xff\xd9", 2);
    nvr_depay_emit_frame(depay, true);
}
