/* client.h — what the files of the client share; not for users of the library.
 *
 *   client.c         life, timer, failing, public functions
 *   client-conn.c    DNS, connect, TCP in and out, interleaved frames
 *   client-session.c requests and replies: OPTIONS … PLAY, keep-alive, authentication
 *   client-udp.c     port pairs, datagrams
 *
 * After every call that may reach a handler (fail, media, messages) the caller looks at
 * nvr_rtsp_is_over(): the user may have closed the client. Memory stays until the loop has run
 * the closing of the timer, so looking is safe. */
#ifndef NVR_RTSP_CLIENT_H
#define NVR_RTSP_CLIENT_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <uv.h>

#include "lib/base/buf.h"
#include "lib/base/url.h"
#include "lib/rtsp/auth.h"
#include "lib/rtsp/message.h"
#include "lib/rtsp/receiver.h"
#include "lib/rtsp/rtsp.h"
#include "lib/rtsp/sdp.h"

#define NVR_RTSP_URI_MAX 2048                 /* control URLs */
#define NVR_RTSP_IN_SIZE ((size_t)128 * 1024) /* holds any message and any interleaved frame */
#define NVR_RTSP_OUT_MAX 65536                /* what the server does not read */
#define NVR_RTSP_ADDRESSES_MAX 4              /* of one name */
#define NVR_RTSP_SESSION_MAX 256
#define NVR_RTSP_TEXT_MAX 320

enum nvr_rtsp_state {
    NVR_RTSP_STATE_RESOLVE,
    NVR_RTSP_STATE_CONNECT,
    NVR_RTSP_STATE_REQUEST, /* waiting for the reply to request.method */
    NVR_RTSP_STATE_PLAYING,
    NVR_RTSP_STATE_OVER,
};

enum nvr_rtsp_method {
    NVR_RTSP_OPTIONS,
    NVR_RTSP_DESCRIBE,
    NVR_RTSP_SETUP,
    NVR_RTSP_PLAY,
    NVR_RTSP_GET_PARAMETER,
    NVR_RTSP_TEARDOWN,
};

/* A polled socket; lives on its own until the loop has closed it. */
struct nvr_rtsp_io {
    uv_poll_t poll;
    int fd;
    struct nvr_rtsp *client;
    unsigned media; /* UDP: whose */
    bool rtcp;
};

struct nvr_rtsp_media {
    struct nvr_sdp_track sdp;
    struct nvr_rtp_receiver receiver;
    bool video;
    bool ready; /* SETUP was accepted */
    char control[NVR_RTSP_URI_MAX];
    uint8_t rtp_channel, rtcp_channel;

    struct nvr_rtsp_io *rtp, *rtcp; /* UDP */
    uint16_t client_port;
    uint16_t server_rtp_port, server_rtcp_port;
    struct nvr_rtp_reorder reorder;
};

struct nvr_rtsp_request {
    enum nvr_rtsp_method method;
    const char *uri;
    uint32_t cseq;
    bool authorized; /* carried credentials */
    bool pending;
    unsigned auth_retries; /* of this request */
};

#define NVR_RTSP_PATIENCE_WINDOWS 8

/* How small and how frequent the pictures of this connection are (patience.c). */
struct nvr_rtsp_patience {
    size_t frame_bytes;                         /* of the frame that is under way */
    size_t smallest[NVR_RTSP_PATIENCE_WINDOWS]; /* of this window [window] and those before */
    unsigned window;
    unsigned frames;       /* in this window */
    unsigned good_windows; /* in a row, at a rate that allows to wait */
    int64_t window_start_us;
    int in_force;
};

struct nvr_rtsp {
    uv_loop_t *loop;
    uv_timer_t timer;
    struct nvr_rtsp_handlers handlers;
    void *arg;
    char username[256], password[256];
    enum nvr_rtsp_auth auth_type;
    enum nvr_rtsp_transport transport;
    uint32_t timeout_ms;
    bool want_audio;

    uint64_t deadline_ms;         /* loop time; of DNS + connect, or of the reply */
    uint64_t attempt_deadline_ms; /* of one address of several */
    enum nvr_rtsp_state state;
    char text[NVR_RTSP_TEXT_MAX];

    /* where */
    struct nvr_url url;
    char request_url[NVR_RTSP_URI_MAX]; /* without credentials */
    char first_host[256];               /* credentials go to this host only */
    char base[NVR_RTSP_URI_MAX];        /* of relative control URLs */
    char aggregate[NVR_RTSP_URI_MAX];   /* PLAY, keep-alive, TEARDOWN */
    unsigned redirects;
    struct nvr_rtsp_resolve *resolve;
    struct sockaddr_storage addresses[NVR_RTSP_ADDRESSES_MAX];
    unsigned addresses_count, address;

    /* connection */
    struct nvr_rtsp_io *tcp;
    uint8_t *in;
    size_t in_len;
    size_t garbage;
    struct nvr_rtsp_patience patience;
    struct nvr_buf out;
    bool writing;     /* waits for room in the socket's buffer */
    bool got_reply;   /* the server has spoken RTSP on this connection */
    bool reconnected; /* once after 401, for servers that hang up then */

    /* session */
    struct nvr_rtsp_request request;
    uint32_t cseq;
    struct nvr_rtsp_challenge challenge;
    uint32_t nonce_count;
    char cnonce[17];
    char session[NVR_RTSP_SESSION_MAX];
    uint32_t session_timeout_s;
    bool has_challenge, authenticated;
    bool can_get_parameter;
    bool per_track; /* PLAY track by track: the server refused the aggregate */
    bool no_range;
    char server[64];
    unsigned step; /* of the media in SETUP / PLAY */

    /* media */
    struct nvr_rtsp_media media[NVR_RTSP_TRACKS_MAX];
    unsigned media_count;
    bool announced;
    uint32_t own_ssrc;
    uint64_t last_media_ms, next_report_ms, next_keepalive_ms;
    uint32_t keepalive_ms; /* 0: none any more */
    uint32_t keepalives;
    uint8_t *datagrams;
};

static inline bool nvr_rtsp_is_over(const struct nvr_rtsp *client)
{
    return client->state == NVR_RTSP_STATE_OVER;
}

/* client.c */
struct nvr_rtsp_fault {
    int error;
    const char *code;
    int status;
    bool other_transport;
};
void nvr_rtsp_fail(struct nvr_rtsp *client, const struct nvr_rtsp_fault *fault, const char *fmt,
                   ...) NVR_PRINTF(3, 4);
void nvr_rtsp_arm(struct nvr_rtsp *client); /* timer to the next deadline */
void nvr_rtsp_announce(struct nvr_rtsp *client);
void nvr_rtsp_on_media(struct nvr_rtsp *client, unsigned index, bool rtcp, const uint8_t *data,
                       size_t size, int64_t arrival_us);
/* 0 or -errno; the socket belongs to the io. */
NVR_CHECK int nvr_rtsp_io_new(struct nvr_rtsp *client, int fd, int events, uv_poll_cb callback,
                              struct nvr_rtsp_io **ret_io);
void nvr_rtsp_io_close(struct nvr_rtsp_io **io); /* NULL inside: no-op */

/* client-conn.c */
void nvr_rtsp_connect(struct nvr_rtsp *client); /* DNS and connection to client->url */
/* The next address of the name, if any; last_error: why the one before failed. */
void nvr_rtsp_connect_next(struct nvr_rtsp *client, int last_error);
void nvr_rtsp_reconnect(struct nvr_rtsp *client); /* to the same address */
/* For tests: a client just opened talks over this connected socket, which it takes. 0 or -errno. */
NVR_CHECK int nvr_rtsp_adopt(struct nvr_rtsp *client, int fd);
void nvr_rtsp_disconnect(struct nvr_rtsp *client);
void nvr_rtsp_flush(struct nvr_rtsp *client); /* send client->out */
/* DNS result comes too late; forget it. */
void nvr_rtsp_cancel_resolve(struct nvr_rtsp *client);

/* client-session.c */
void nvr_rtsp_begin(struct nvr_rtsp *client); /* connected: first request */
void nvr_rtsp_on_message(struct nvr_rtsp *client, const struct nvr_rtsp_message *message);
void nvr_rtsp_keepalive(struct nvr_rtsp *client);
void nvr_rtsp_send_teardown(struct nvr_rtsp *client);
const char *nvr_rtsp_method_name(enum nvr_rtsp_method method);

/* patience.c: with sound beside the picture, sleep until about a frame has come. */
void nvr_rtsp_patience_init(struct nvr_rtsp_patience *patience);
/* size bytes of video came in at now_us; marker: the last ones of a frame. */
void nvr_rtsp_patience_video(struct nvr_rtsp_patience *patience, size_t size, bool marker,
                             int64_t now_us);
/* Bytes worth waking up for; 1 while a frame is incomplete (partial) or little is known. */
int nvr_rtsp_patience_bytes(const struct nvr_rtsp_patience *patience, bool partial);

/* client-udp.c */
NVR_CHECK int nvr_rtsp_udp_open(struct nvr_rtsp *client, unsigned index);
void nvr_rtsp_udp_punch(struct nvr_rtsp *client, unsigned index);
void nvr_rtsp_udp_send_report(struct nvr_rtsp *client, unsigned index, const uint8_t *data,
                              size_t size);

#endif
