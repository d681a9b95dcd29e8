/* packetise.c — frames to RTP payloads: RFC 6184, 7798, 2435, 3640, and one packet per frame. */
#include <string.h>

#include "tests/simcam/simcam.h"

#define JPEG_MARKER_SOF0 0xc0
#define JPEG_MARKER_SOI 0xd8
#define JPEG_MARKER_EOI 0xd9
#define JPEG_MARKER_SOS 0xda
#define JPEG_MARKER_DQT 0xdb
#define JPEG_MARKER_DRI 0xdd

/* The payload (len bytes) of a new packet. */
static uint8_t *add_packet(struct sim_file *file, struct sim_frame *frame, size_t len)
{
    uint8_t *p;

    if (file->len + SIM_PACKET_HEADER + len > file->cap) {
        file->cap = file->cap * 3 / 2 + (1U << 20);
        file->bytes = sim_realloc(file->bytes, file->cap);
    }
    p = file->bytes + file->len;
    memset(p, 0, SIM_PACKET_HEADER);
    p[0] = '$';
    sim_put16(p + 2, (uint32_t)(12 + len));
    p[4] = 0x80;
    p[5] = (uint8_t)file->tracks[frame->track].payload_type;
    file->len += SIM_PACKET_HEADER + len;
    frame->packets++;
    frame->length = file->len - frame->offset;
    return p + SIM_PACKET_HEADER;
}

static void set_marker(uint8_t *payload)
{
    payload[5 - SIM_PACKET_HEADER] |= 0x80;
}

/* FU-A of H.264, FU of H.265. */
static void add_fragments(struct sim_file *file, struct sim_frame *frame, const uint8_t *nal,
                          size_t len, bool last)
{
    const bool hevc = file->tracks[frame->track].codec == AV_CODEC_ID_HEVC;
    const size_t header = hevc ? 2 : 1;
    size_t pos = header;

    while (pos < len) {
        const size_t part = NVR_MIN(len - pos, (size_t)SIM_MTU - 3);
        uint8_t *payload = add_packet(file, frame, part + header + 1);
        uint8_t *p = payload;
        const uint8_t ends = (uint8_t)((pos == header ? 0x80 : 0) | (pos + part == len ? 0x40 : 0));

        if (hevc) {
            *p++ = (uint8_t)((nal[0] & 0x81) | 49 << 1);
            *p++ = nal[1];
            *p++ = (uint8_t)(ends | (nal[0] >> 1 & 0x3f));
        } else {
            *p++ = (uint8_t)((nal[0] & 0xe0) | 28);
            *p++ = (uint8_t)(ends | (nal[0] & 0x1f));
        }
        memcpy(p, nal + pos, part);
        pos += part;
        if (last && pos == len)
            set_marker(payload);
    }
}

static void add_nal(struct sim_file *file, struct sim_frame *frame, const uint8_t *nal, size_t len,
                    bool last)
{
    uint8_t *payload;

    if (len <= 2)
        return;
    if (len > SIM_MTU) {
        add_fragments(file, frame, nal, len, last);
        return;
    }
    payload = add_packet(file, frame, len);
    memcpy(payload, nal, len);
    if (last)
        set_marker(payload);
}

void sim_packetise_video(struct sim_file *file, struct sim_frame *frame, const uint8_t *data,
                         size_t len)
{
    const struct sim_track *track = &file->tracks[frame->track];
    const size_t prefix = (size_t)track->nal_length_size;
    size_t pos = 0;

    for (int i = 0; frame->key && i < track->set_count; i++)
        add_nal(file, frame, track->sets[i].data, track->sets[i].len, false);
    while (pos + prefix <= len) {
        size_t size = 0;

        for (size_t i = 0; i < prefix; i++)
            size = size << 8 | data[pos++];
        if (size > len - pos)
            break;
        add_nal(file, frame, data + pos, size, pos + size >= len);
        pos += size;
    }
}

struct jpeg {
    const uint8_t *scan;
    size_t scan_len;
    uint8_t tables[2][64];
    int table_count;
    unsigned width, height, restart;
    uint8_t type;
};

static void read_tables(struct jpeg *jpeg, const uint8_t *p, size_t len)
{
    while (len >= 65) {
        const unsigned id = p[0] & 15U;

        if (id < 2) {
            memcpy(jpeg->tables[id], p + 1, 64);
            jpeg->table_count = NVR_MAX(jpeg->table_count, (int)id + 1);
        }
        p += 65;
        len -= 65;
    }
}

/* Baseline, 8 bit, 4:2:0 or 4:2:2, the standard Huffman tables (ffmpeg: -huffman default). */
static bool read_jpeg(struct jpeg *jpeg, const uint8_t *data, size_t len)
{
    size_t pos = 2;

    *jpeg = (struct jpeg){0};
    while (pos + 4 <= len && data[pos] == 0xff) {
        const uint8_t marker = data[pos + 1];
        const size_t size = sim_get16(data + pos + 2);
        const uint8_t *body = data + pos + 4;

        if (size < 2 || pos + 2 + size > len)
            return false;
        if (marker == JPEG_MARKER_DQT)
            read_tables(jpeg, body, size - 2);
        if (marker == JPEG_MARKER_DRI && size >= 4)
            jpeg->restart = sim_get16(body);
        if (marker == JPEG_MARKER_SOF0 && size >= 17) {
            jpeg->height = sim_get16(body + 1);
            jpeg->width = sim_get16(body + 3);
            jpeg->type = body[7] == 0x22 ? 1 : 0;
        }
        pos += 2 + size;
        if (marker == JPEG_MARKER_SOS)
            break;
    }
    if (!jpeg->width || !jpeg->table_count || pos >= len)
        return false;
    if (jpeg->table_count == 1)
        memcpy(jpeg->tables[1], jpeg->tables[0], 64);
    jpeg->scan = data + pos;
    jpeg->scan_len = len - pos;
    if (jpeg->scan_len > 2 && data[len - 2] == 0xff && data[len - 1] == JPEG_MARKER_EOI)
        jpeg->scan_len -= 2;
    return true;
}

void sim_packetise_jpeg(struct sim_file *file, struct sim_frame *frame, const uint8_t *data,
                        size_t len)
{
    struct jpeg jpeg;
    size_t pos = 0;

    if (!read_jpeg(&jpeg, data, len)) {
        sim_log(0, "%s: a JPEG frame that RTP cannot carry", file->name);
        return;
    }
    while (pos < jpeg.scan_len) {
        const size_t extra = 8 + (jpeg.restart ? 4U : 0U) + (pos ? 0 : 4 + 128U);
        const size_t part = NVR_MIN(jpeg.scan_len - pos, SIM_MTU - extra);
        uint8_t *payload = add_packet(file, frame, part + extra);
        uint8_t *p = payload;

        sim_put32(p, (uint32_t)pos); /* type-specific 0, fragment offset */
        p[4] = (uint8_t)(jpeg.type | (jpeg.restart ? 64 : 0));
        p[5] = 255; /* Q: tables are in the packet */
        p[6] = (uint8_t)((jpeg.width + 7) / 8);
        p[7] = (uint8_t)((jpeg.height + 7) / 8);
        p += 8;
        if (jpeg.restart) {
            sim_put16(p, jpeg.restart);
            sim_put16(p + 2, 0xffff);
            p += 4;
        }
        if (!pos) {
            sim_put32(p, 128);
            memcpy(p + 4, jpeg.tables, 128);
            p += 4 + 128;
        }
        memcpy(p, jpeg.scan + pos, part);
        pos += part;
        if (pos == jpeg.scan_len)
            set_marker(payload);
    }
}

void sim_packetise_aac(struct sim_file *file, struct sim_frame *frame, const uint8_t *data,
                       size_t len)
{
    uint8_t *payload;

    if (len > SIM_PACKET_MAX - 64)
        return;
    payload = add_packet(file, frame, len + 4);
    set_marker(payload);
    sim_put16(payload, 16);
    sim_put16(payload + 2, (uint32_t)len << 3);
    memcpy(payload + 4, data, len);
}

void sim_packetise_raw(struct sim_file *file, struct sim_frame *frame, const uint8_t *data,
                       size_t len)
{
    if (len <= SIM_PACKET_MAX - 64)
        memcpy(add_packet(file, frame, len), data, len);
}
