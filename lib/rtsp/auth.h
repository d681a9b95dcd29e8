/* auth.h — Basic (RFC 7617) and Digest (RFC 7616: MD5, SHA-256, their -sess forms, qop=auth, and
 * RFC 2069 without qop). Pure but for the client nonce, which the caller gives. */
#ifndef NVR_RTSP_AUTH_H
#define NVR_RTSP_AUTH_H

#include "lib/rtsp/message.h"
#include "lib/rtsp/rtsp.h"

#define NVR_RTSP_AUTH_PARAM_MAX 256 /* realm, nonce, opaque */

enum nvr_rtsp_scheme {
    NVR_RTSP_SCHEME_NONE,
    NVR_RTSP_SCHEME_BASIC,
    NVR_RTSP_SCHEME_MD5,
    NVR_RTSP_SCHEME_SHA256,
};

struct nvr_rtsp_challenge {
    enum nvr_rtsp_scheme scheme;
    bool session; /* MD5-sess, SHA-256-sess */
    bool qop_auth;
    bool stale;
    char algorithm[16]; /* as the server wrote it; "" when it did not */
    char realm[NVR_RTSP_AUTH_PARAM_MAX];
    char nonce[NVR_RTSP_AUTH_PARAM_MAX];
    char opaque[NVR_RTSP_AUTH_PARAM_MAX];
};

/* One WWW-Authenticate value, which may hold several challenges: the strongest that type allows.
 * 0, -ENOENT (none that we may or can answer), -EPROTO (malformed, or a parameter too long). */
NVR_CHECK int nvr_rtsp_challenge_parse(struct nvr_str value, enum nvr_rtsp_auth type,
                                       struct nvr_rtsp_challenge *ret_challenge);

struct nvr_rtsp_credentials {
    const char *username, *password;
    const char *method, *uri;
    const char *cnonce;
    uint32_t count; /* requests made with this nonce, this one included */
};
/* Appends "Authorization: …\r\n". 0, or the buffer's error. */
NVR_CHECK int nvr_rtsp_authorize(const struct nvr_rtsp_challenge *challenge,
                                 const struct nvr_rtsp_credentials *credentials,
                                 struct nvr_buf *buf);

#endif
