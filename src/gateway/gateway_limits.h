/* gateway_limits.h — every limit of the gateway, by name. */
#ifndef NVR_GATEWAY_GATEWAY_LIMITS_H
#define NVR_GATEWAY_GATEWAY_LIMITS_H

#define NVR_HTTP_CONNECTIONS_MAX 512           /* sockets; further ones wait in the backlog */
#define NVR_HTTP_PATH_MAX 1024                 /* decoded path; 414 above */
#define NVR_HTTP_HEADERS_MAX (16L * 1024)      /* known headers together; 431 above */
#define NVR_HTTP_HEADERS_HARD_MAX (32L * 1024) /* all headers; the connection ends above */
#define NVR_HTTP_HEADER_VALUE_MAX 4096         /* one header that we read; 431 above */
#define NVR_HTTP_BODY_MAX (1024L * 1024)       /* 413 above */
#define NVR_HTTP_QUERY_MAX 64                  /* parameters in a query; 400 above */
#define NVR_HTTP_QUERY_VALUE_MAX 1024          /* bytes of name=value; 400 above */
#define NVR_HTTP_PARAMS_MAX 4                  /* {names} in a route */
#define NVR_HTTP_JSON_MAX (64L * 1024 * 1024)  /* an answer built in memory */

#define NVR_HTTP_HEADERS_TIMEOUT_S 10    /* first byte of a request → end of its headers */
#define NVR_HTTP_BODY_TIMEOUT_S 30       /* end of headers → end of body */
#define NVR_HTTP_KEEPALIVE_TIMEOUT_S 60  /* idle between requests */
#define NVR_HTTP_WRITE_TIMEOUT_S 60      /* the peer takes nothing for so long */
#define NVR_HTTP_LINGER_S 2              /* after a refused body: the peer may read our answer */
#define NVR_HTTP_CHUNK (128L * 1024)     /* most bytes given to the socket in one go */
#define NVR_HTTP_FILE_READ (256L * 1024) /* read ahead of a file that is not in the page cache */

#define NVR_WS_PING_S 20
#define NVR_WS_DEAD_S 60
#define NVR_WS_UNSENT_MAX (128L * 1024)        /* bytes the kernel may hold unsent for a viewer */
#define NVR_WS_MESSAGE_MAX (16L * 1024 * 1024) /* one fragment */

#define NVR_WS_RECEIVED_MAX (16L * 1024) /* one message of a client; the connection ends above */

#define NVR_EVENTS_CLIENTS_MAX 64           /* /ws; 503 above */
#define NVR_EVENTS_PATTERNS_MAX 32          /* topics of one client; the connection ends above */
#define NVR_EVENTS_UNSENT_MAX (256L * 1024) /* bytes waiting for a slow client; lost above */
#define NVR_EVENTS_WAITING_MAX 1000         /* messages waiting for it; lost above */

#define NVR_LIVE_VIEWERS_PER_CAMERA_MAX 32
#define NVR_LIVE_VIEWERS_MAX 256
#define NVR_LIVE_LATE_MS 1500 /* behind the camera by more: on to the newest key frame */

#define NVR_SNAPSHOT_SHARE_MS 500   /* same request within: same picture */
#define NVR_SNAPSHOT_JOBS_MAX 4     /* decoders at a time */
#define NVR_SNAPSHOT_WAITING_MAX 64 /* waiting for one; 503 above */
#define NVR_SNAPSHOT_TIMEOUT_MS 5000
#define NVR_SNAPSHOT_GOP_MAX (32L * 1024 * 1024)
#define NVR_SNAPSHOT_JPEG_MAX (32L * 1024 * 1024)

#define NVR_PROBE_JOBS_MAX 4
#define NVR_PROBE_TIMEOUT_MS 9800

/* What retention leaves alone after a request: a playlist's span, and what a player asks for next.
 */
#define NVR_LEASE_PLAYLIST_S 60
#define NVR_LEASE_FILE_S 120
#define NVR_LEASE_AHEAD_MS 600000

#define NVR_PAGE_MAX 1000
#define NVR_PAGE_DEFAULT 100
#define NVR_SPAN_MAX_MS (366LL * 24 * 3600 * 1000) /* timeline, coverage */
#define NVR_PLAYLIST_MAX_MS (31LL * 24 * 3600 * 1000)
#define NVR_PREVIEW_TIMES_MAX_MS (2LL * 24 * 3600 * 1000)
#define NVR_PLAYLIST_GOP_MAX_MS (2LL * 3600 * 1000) /* above: one entry per file */

#endif
