/* depay.h — RTP payloads to frames: H.264 (RFC 6184), H.265 (RFC 7798), AAC (RFC 3640, 6416),
 * JPEG (RFC 2435), G.711 (RFC 3551), Opus (RFC 7587). Pure; one file per format.
 *
 * A frame is emitted at the RTP marker, at the latest when the time stamp changes. Whatever was
 * lost inside or right before a frame makes it `damaged`. Frames above NVR_RTSP_FRAME_MAX and
 * malformed packets are dropped and counted. The buffer is reused; frames are borrowed. */
#ifndef NVR_RTSP_DEPAY_H
#define NVR_RTSP_DEPAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/codec.h"
#include "lib/rtsp/rtp.h"

#define NVR_DEPAY_AUS_MAX 64 /* AAC access units in a packet */

struct nvr_depay_options {
    enum nvr_codec codec;
    bool donl;              /* H.265: packets carry decoding order numbers */
    uint32_t width, height; /* JPEG: used when the packets say 0 */
    bool latm;              /* AAC: RFC 6416 instead of RFC 3640 */
    uint8_t latm_subframes; /* payloads per LATM frame, 1… */
    uint8_t size_length;    /* RFC 3640 §4.1, bits; 0: one unit per packet, no header */
    uint8_t index_length, index_delta_length;
    uint32_t au_duration; /* AAC: clock units per access unit */
};

struct nvr_depay_frame {
    const uint8_t *data; /* NVR_RTSP_PADDING zero bytes stand behind it */
    size_t size;
    uint32_t timestamp;
    bool key, damaged, marker;
};

typedef void (*nvr_depay_emit)(void *arg, const struct nvr_depay_frame *frame);

struct nvr_depay_jpeg {
    uint8_t tables[2][64];
    uint8_t tables_q; /* the Q they came with; 0: none yet */
    uint8_t type, q, width, height;
    uint16_t restart_interval;
    size_t scan_start; /* offset of the scan's first byte in the frame */
    bool broken;
};

/* Plain data, but only for embedding; use the functions. */
struct nvr_depay {
    struct nvr_depay_options options;
    nvr_depay_emit emit;
    void *arg;
    uint64_t dropped;

    uint8_t *data;
    size_t len, cap;
    uint32_t timestamp;
    bool started, key, damaged, too_big;
    bool suspect;     /* packets were lost right before it: its first ones may be missing */
    bool lost_before; /* for the frame that begins next */
    bool has_picture; /* H.264/5: a coded slice is in */
    bool has_sps;
    bool has_sets;    /* H.264/5: the frame began with what only stands at a beginning */
    bool in_fragment; /* H.264/5: a fragmented unit is open */
    bool marker_lies; /* markers were seen inside pictures: only time stamps count */
    bool emitted;     /* last_timestamp is valid */
    uint32_t last_timestamp;
    size_t unit_missing; /* AAC: bytes of the fragmented unit that are still to come */
    struct nvr_depay_jpeg jpeg;
};

void nvr_depay_init(struct nvr_depay *depay, const struct nvr_depay_options *options,
                    nvr_depay_emit emit, void *arg);
void nvr_depay_done(struct nvr_depay *depay);
/* Forget what is begun (another source takes over). */
void nvr_depay_reset(struct nvr_depay *depay);
/* lost: packets are missing between this one and the one before. */
void nvr_depay_push(struct nvr_depay *depay, const struct nvr_rtp_packet *packet, bool lost);

/* ---- for the files of the formats ---- */

void nvr_depay_h264(struct nvr_depay *depay, const struct nvr_rtp_packet *packet, bool lost);
void nvr_depay_h265(struct nvr_depay *depay, const struct nvr_rtp_packet *packet, bool lost);
void nvr_depay_aac(struct nvr_depay *depay, const struct nvr_rtp_packet *packet, bool lost);
void nvr_depay_jpeg(struct nvr_depay *depay, const struct nvr_rtp_packet *packet, bool lost);

/* Append to the frame; when it does not fit the frame is given up (too_big). */
void nvr_depay_append(struct nvr_depay *depay, const void *data, size_t size);
/* Emit data[offset, offset+size) of the buffer as a frame of its own. */
void nvr_depay_emit_frame(struct nvr_depay *depay, bool marker);
void nvr_depay_clear(struct nvr_depay *depay);

/* H.264 and H.265: what both do with NAL units. A unit's header byte(s) and kind are read by the
 * format; nal may be the first piece of a fragmented unit. */
struct nvr_depay_unit {
    bool picture; /* coded slice */
    bool first;   /* … the first one of its picture */
    bool key;     /* IDR, IRAP */
    bool sps;     /* sequence parameter set */
    bool opening; /* delimiter or parameter set: stands before the first slice */
};
void nvr_depay_begin_packet(struct nvr_depay *depay, const struct nvr_rtp_packet *packet,
                            bool lost);
void nvr_depay_add_unit(struct nvr_depay *depay, const struct nvr_depay_unit *unit,
                        const uint8_t *head, size_t head_size, const uint8_t *body,
                        size_t body_size);
void nvr_depay_end_packet(struct nvr_depay *depay, const struct nvr_rtp_packet *packet);

#endif
