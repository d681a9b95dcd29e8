/* message.h — RTSP messages (RFC 2326 §4): responses, and the few requests a server may send.
 * Pure; everything is borrowed from the given bytes. */
#ifndef NVR_RTSP_MESSAGE_H
#define NVR_RTSP_MESSAGE_H

#include "lib/base/buf.h"

#define NVR_RTSP_HEAD_MAX 16384u /* start line and headers */
#define NVR_RTSP_BODY_MAX 65536u
#define NVR_RTSP_HEADERS_MAX 64u

struct nvr_rtsp_header {
    struct nvr_str name, value;
};

struct nvr_rtsp_message {
    bool is_request;
    int status;            /* response */
    struct nvr_str reason; /* response */
    struct nvr_str method; /* request */
    int64_t cseq;          /* -1: none */
    struct nvr_rtsp_header headers[NVR_RTSP_HEADERS_MAX];
    size_t headers_count;
    struct nvr_str body;
};

/* Bytes of the whole message at the start of data (> 0), -EAGAIN (more bytes are needed), -EPROTO
 * (not RTSP), -EMSGSIZE (above the limits). */
NVR_CHECK int nvr_rtsp_message_parse(const uint8_t *data, size_t size,
                                     struct nvr_rtsp_message *ret_message);
/* First header of that name (any case), from *from on; *from then stands behind it. False: none. */
bool nvr_rtsp_message_next(const struct nvr_rtsp_message *message, struct nvr_str name,
                           size_t *from, struct nvr_str *ret_value);
/* Value of the first header of that name, empty when absent. */
struct nvr_str nvr_rtsp_message_get(const struct nvr_rtsp_message *message, struct nvr_str name);

/* Session: id[;timeout=60]. timeout_s stays when it is not told. */
struct nvr_str nvr_rtsp_parse_session(struct nvr_str value, uint32_t *timeout_s);

struct nvr_rtsp_transport_reply {
    bool tcp;
    bool has_interleaved, has_server_port;
    uint8_t rtp_channel, rtcp_channel;
    uint16_t server_rtp_port, server_rtcp_port;
    struct nvr_str source; /* address, may be empty */
};
/* Transport: of a SETUP reply. 0, or -EPROTO. */
NVR_CHECK int nvr_rtsp_parse_transport(struct nvr_str value,
                                       struct nvr_rtsp_transport_reply *ret_transport);

/* No blanks and control characters: may go into a line of ours. Empty is fine. */
bool nvr_rtsp_is_word(const char *text);
/* control (RFC 2326 C.1.1) against the base URL, as cameras mean it: absolute URLs as they are,
 * "*" and empty are the base, others are put behind it. 0, -EMSGSIZE, -EPROTO (no word). */
NVR_CHECK int nvr_rtsp_resolve(struct nvr_str base, struct nvr_str control, char *dst,
                               size_t dst_size);

#endif
