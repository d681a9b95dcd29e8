/* Requests and replies: OPTIONS, DESCRIBE, SETUP per medium, PLAY, keep-alive, TEARDOWN
 * (RFC 2326 §10), redirects and authentication. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/log.h"
#include "lib/rtsp/client.h"

NVR_LOG_TOPIC("rtsp");

#define SESSION_TIMEOUT_S 60u /* RFC 2326 §12.37 */
#define KEEPALIVE_MIN_S 1u
#define KEEPALIVE_MAX_S 30u
#define FIRST_REPORT_MS 1000u /* tells a waiting server early that somebody listens */
#define STALE_RETRIES_MAX 2u
#define REQUEST_MAX 8192u
#define PHRASE_MAX 64u /* of a server's reason phrase in our messages */

static const char *const method_names[] = {
    [NVR_RTSP_OPTIONS] = "OPTIONS",
    [NVR_RTSP_DESCRIBE] = "DESCRIBE",
    [NVR_RTSP_SETUP] = "SETUP",
    [NVR_RTSP_PLAY] = "PLAY",
    [NVR_RTSP_GET_PARAMETER] = "GET_PARAMETER",
    [NVR_RTSP_TEARDOWN] = "TEARDOWN",
};

const char *nvr_rtsp_method_name(enum nvr_rtsp_method method)
{
    return method_names[method];
}

static void fail(struct nvr_rtsp *client, int error, const char *code, int status, const char *text)
{
    nvr_rtsp_fail(client, &(struct nvr_rtsp_fault){error, code, status, false}, "%s", text);
}

/* ---- out ---- */

static void add_transport(struct nvr_rtsp *client, struct nvr_buf *buf)
{
    const struct nvr_rtsp_media *media = &client->media[client->step];

    if (client->transport == NVR_RTSP_TCP)
        (void)nvr_buf_printf(buf, "Transport: RTP/AVP/TCP;unicast;interleaved=%u-%u\r\n",
                             client->step * 2, client->step * 2 + 1);
    else
        (void)nvr_buf_printf(buf, "Transport: RTP/AVP;unicast;client_port=%u-%u\r\n",
                             (unsigned)media->client_port, media->client_port + 1u);
}

static int build(struct nvr_rtsp *client, struct nvr_buf *buf)
{
    const struct nvr_rtsp_request *request = &client->request;
    int r;

    (void)nvr_buf_printf(buf, "%s %s RTSP/1.0\r\nCSeq: %u\r\nUser-Agent: Heron/%s\r\n",
                         method_names[request->method], request->uri, (unsigned)request->cseq,
                         NVR_VERSION);
    if (client->session[0])
        (void)nvr_buf_printf(buf, "Session: %s\r\n", client->session);
    if (request->authorized) {
        const struct nvr_rtsp_credentials credentials = {
            .username = client->username,
            .password = client->password,
            .method = method_names[request->method],
            .uri = request->uri,
            .cnonce = client->cnonce,
            .count = ++client->nonce_count,
        };

        r = nvr_rtsp_authorize(&client->challenge, &credentials, buf);
        if (r < 0)
            return r;
    }
    if (request->method == NVR_RTSP_DESCRIBE)
        (void)nvr_buf_append_str(buf, "Accept: application/sdp\r\n");
    if (request->method == NVR_RTSP_SETUP)
        add_transport(client, buf);
    if (request->method == NVR_RTSP_PLAY && !client->no_range)
        (void)nvr_buf_append_str(buf, "Range: npt=0.000-\r\n");
    (void)nvr_buf_append_str(buf, "\r\n");
    return nvr_buf_status(buf);
}

/* Sends client->request (method, uri and retries set). */
static void send_request(struct nvr_rtsp *client)
{
    struct nvr_buf buf;
    int r;

    nvr_buf_init(&buf, REQUEST_MAX);
    client->request.cseq = ++client->cseq;
    client->request.authorized = client->has_challenge;
    client->request.pending = true;
    r = build(client, &buf);
    if (r == 0)
        r = nvr_buf_append(&client->out, buf.data, buf.len);
    if (buf.data)
        explicit_bzero(buf.data, buf.len);
    nvr_buf_done(&buf);
    if (r < 0) {
        fail(client, r, "protocol", 0, "The camera does not read what it is sent");
        return;
    }
    if (client->state != NVR_RTSP_STATE_PLAYING) {
        client->state = NVR_RTSP_STATE_REQUEST;
        client->deadline_ms = uv_now(client->loop) + client->timeout_ms;
    }
    nvr_rtsp_flush(client);
    if (!nvr_rtsp_is_over(client))
        nvr_rtsp_arm(client);
}

static void request(struct nvr_rtsp *client, enum nvr_rtsp_method method, const char *uri)
{
    client->request = (struct nvr_rtsp_request){.method = method, .uri = uri};
    send_request(client);
}

void nvr_rtsp_begin(struct nvr_rtsp *client)
{
    request(client, NVR_RTSP_OPTIONS, client->request_url);
}

void nvr_rtsp_keepalive(struct nvr_rtsp *client)
{
    const bool parameter = client->can_get_parameter;

    client->keepalives++;
    request(client, parameter ? NVR_RTSP_GET_PARAMETER : NVR_RTSP_OPTIONS, client->aggregate);
}

void nvr_rtsp_send_teardown(struct nvr_rtsp *client)
{
    if (!client->tcp || !client->session[0] || client->out.len > 0)
        return;
    client->request =
        (struct nvr_rtsp_request){.method = NVR_RTSP_TEARDOWN, .uri = client->aggregate};
    client->request.cseq = ++client->cseq;
    client->request.authorized = client->has_challenge;
    if (build(client, &client->out) == 0) /* one try; the server has its own time-out */
        (void)!send(client->tcp->fd, client->out.data, client->out.len,
                    MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* ---- SETUP and PLAY ---- */

static void play_next(struct nvr_rtsp *client);

static void setup_next(struct nvr_rtsp *client)
{
    struct nvr_rtsp_media *media;

    if (client->step == client->media_count) {
        client->step = 0;
        play_next(client);
        return;
    }
    media = &client->media[client->step];
    if (client->transport == NVR_RTSP_UDP && nvr_rtsp_udp_open(client, client->step) < 0) {
        fail(client, -EADDRNOTAVAIL, "protocol", 0, "No UDP ports are free for the stream");
        return;
    }
    request(client, NVR_RTSP_SETUP, media->control);
}

static void start_playing(struct nvr_rtsp *client)
{
    const uint32_t keepalive_s =
        NVR_MIN(NVR_MAX(client->session_timeout_s / 2, KEEPALIVE_MIN_S), KEEPALIVE_MAX_S);
    const uint64_t now = uv_now(client->loop);

    client->state = NVR_RTSP_STATE_PLAYING;
    client->last_media_ms = now;
    client->next_report_ms = now + FIRST_REPORT_MS;
    client->keepalive_ms = keepalive_s * 1000;
    client->next_keepalive_ms = now + client->keepalive_ms;
    nvr_rtsp_announce(client);
    if (!nvr_rtsp_is_over(client))
        nvr_rtsp_arm(client);
}

static void play_next(struct nvr_rtsp *client)
{
    while (client->step < client->media_count && !client->media[client->step].ready)
        client->step++;
    if (client->step == client->media_count) {
        start_playing(client);
        return;
    }
    request(client, NVR_RTSP_PLAY,
            client->per_track ? client->media[client->step].control : client->aggregate);
}

static void on_setup_reply(struct nvr_rtsp *client, const struct nvr_rtsp_message *message)
{
    struct nvr_rtsp_media *media = &client->media[client->step];
    const struct nvr_str id = nvr_rtsp_parse_session(
        nvr_rtsp_message_get(message, NVR_STR("Session")), &client->session_timeout_s);
    struct nvr_rtsp_transport_reply reply;

    if (nvr_rtsp_parse_transport(nvr_rtsp_message_get(message, NVR_STR("Transport")), &reply) < 0) {
        fail(client, -EPROTO, "protocol", 0, "The camera's answer to SETUP makes no sense");
        return;
    }
    if (reply.tcp != (client->transport == NVR_RTSP_TCP)) {
        nvr_rtsp_fail(client, &(struct nvr_rtsp_fault){-EPROTONOSUPPORT, "unsupported", 461, true},
                      "The camera does not send over %s",
                      client->transport == NVR_RTSP_TCP ? "TCP" : "UDP");
        return;
    }
    if (nvr_str_copy(client->session, sizeof(client->session), id) < 0 ||
        !nvr_rtsp_is_word(client->session)) {
        fail(client, -EPROTO, "protocol", 0, "The camera's session name makes no sense");
        return;
    }
    media->rtp_channel = reply.has_interleaved ? reply.rtp_channel : (uint8_t)(client->step * 2);
    media->rtcp_channel =
        reply.has_interleaved ? reply.rtcp_channel : (uint8_t)(client->step * 2 + 1);
    media->server_rtp_port = reply.server_rtp_port;
    media->server_rtcp_port = reply.server_rtcp_port;
    media->ready = true;
    if (client->transport == NVR_RTSP_UDP)
        nvr_rtsp_udp_punch(client, client->step);
    client->step++;
    setup_next(client);
}

/* ---- DESCRIBE ---- */

static void on_receiver_frame(void *arg, const struct nvr_rtsp_frame *frame)
{
    struct nvr_rtsp *client = arg;

    if (!nvr_rtsp_is_over(client))
        client->handlers.on_frame(client, frame, client->arg);
}

static int add_media(struct nvr_rtsp *client, const struct nvr_sdp *sdp, int index, bool video)
{
    struct nvr_rtsp_media *media = &client->media[client->media_count];
    int r;

    r = nvr_rtsp_resolve(nvr_str_from(client->base), sdp->media[index].control, media->control,
                         sizeof(media->control));
    if (r < 0)
        return r;
    media->video = video;
    nvr_rtp_receiver_init(&media->receiver, client->media_count, media->sdp.payload_type,
                          media->sdp.clock_rate, &media->sdp.depay, on_receiver_frame, client);
    nvr_rtp_reorder_init(&media->reorder);
    client->media_count++;
    return 0;
}

/* What relative control URLs are relative to (RFC 2326 C.1.1). */
static int set_base(struct nvr_rtsp *client, const struct nvr_rtsp_message *message,
                    const struct nvr_sdp *sdp)
{
    struct nvr_str base = nvr_rtsp_message_get(message, NVR_STR("Content-Base"));
    int r;

    if (!nvr_str_istarts(base, NVR_STR("rtsp://")))
        base = nvr_rtsp_message_get(message, NVR_STR("Content-Location"));
    if (!nvr_str_istarts(base, NVR_STR("rtsp://")))
        base = nvr_str_from(client->request_url);
    r = nvr_str_copy(client->base, sizeof(client->base), base);
    if (r < 0)
        return r;
    return nvr_rtsp_resolve(nvr_str_from(client->base), sdp->control, client->aggregate,
                            sizeof(client->aggregate));
}

/* The codec names of media that we cannot take, for the message. */
static void fail_codec(struct nvr_rtsp *client, const struct nvr_sdp *sdp)
{
    char name[32] = "";

    for (size_t i = 0; i < sdp->media_count; i++) {
        if (sdp->media[i].kind != NVR_SDP_VIDEO || sdp->media[i].formats_count == 0)
            continue;
        if (nvr_str_copy(name, sizeof(name), sdp->media[i].formats[0].encoding) == 0 && name[0])
            break;
    }
    if (!nvr_rtsp_is_word(name))
        name[0] = '\0';
    nvr_rtsp_fail(client, &(struct nvr_rtsp_fault){-ENOTSUP, "unsupported", 0, false},
                  "The camera sends video in a format Heron's RTSP client does not read (%s)",
                  name[0] ? name : "unnamed");
}

static void on_description(struct nvr_rtsp *client, const struct nvr_rtsp_message *message)
{
    struct nvr_sdp sdp;
    int index;

    if (nvr_sdp_parse(message->body, &sdp) < 0 || set_base(client, message, &sdp) < 0) {
        fail(client, -EPROTO, "protocol", 0,
             "The camera's description of its stream is unreadable");
        return;
    }
    client->media_count = 0;
    index = nvr_sdp_find(&sdp, NVR_SDP_VIDEO, &client->media[0].sdp);
    if (index == -ENOENT) {
        fail(client, -ENODATA, "no_video", 0, "The camera offers no video at this address");
        return;
    }
    if (index < 0) {
        fail_codec(client, &sdp);
        return;
    }
    if (add_media(client, &sdp, index, true) < 0) {
        fail(client, -EPROTO, "protocol", 0, "The camera's stream address is too long");
        return;
    }
    if (client->want_audio) {
        index = nvr_sdp_find(&sdp, NVR_SDP_AUDIO, &client->media[1].sdp);
        if (index >= 0 && add_media(client, &sdp, index, false) < 0)
            log_debug("audio left out: its address is too long");
    }
    client->session_timeout_s = SESSION_TIMEOUT_S;
    client->step = 0;
    setup_next(client);
}

/* ---- replies that are not 200 ---- */

static void copy_phrase(char dst[PHRASE_MAX], struct nvr_str phrase)
{
    phrase.n = NVR_MIN(phrase.n, PHRASE_MAX - 1u);
    for (size_t i = 0; i < phrase.n; i++) {
        const char c = phrase.p[i];

        if (c >= 0x20 && c < 0x7f)
            dst[i] = c;
        else
            dst[i] = '?';
    }
    dst[phrase.n] = '\0';
}

static void fail_status(struct nvr_rtsp *client, const struct nvr_rtsp_message *message)
{
    const int status = message->status;
    const char *method = method_names[client->request.method];
    char phrase[PHRASE_MAX];

    copy_phrase(phrase, message->reason);
    if (status == 404 || status == 410)
        fail(client, -ENOENT, "not_found", status,
             "The camera has no stream at this address: check the path");
    else if (status == 403)
        fail(client, -EACCES, "bad_credentials", status,
             "The camera does not let this user see the stream");
    else if (status == 453 || status == 503)
        fail(client, -EBUSY, "refused", status, "The camera is busy: it has too many viewers");
    else if (status == 461)
        nvr_rtsp_fail(
            client, &(struct nvr_rtsp_fault){-EPROTONOSUPPORT, "unsupported", status, true},
            "The camera does not send over %s", client->transport == NVR_RTSP_TCP ? "TCP" : "UDP");
    else if (status == 406 || status == 415 || status == 501 || status == 505 || status == 551)
        nvr_rtsp_fail(client, &(struct nvr_rtsp_fault){-ENOTSUP, "unsupported", status, false},
                      "The camera does not support what Heron asks (%s: %d %s)", method, status,
                      phrase);
    else
        nvr_rtsp_fail(client, &(struct nvr_rtsp_fault){-EPROTO, "protocol", status, false},
                      "The camera answered %s with an error (%d %s)", method, status, phrase);
}

static void on_redirect(struct nvr_rtsp *client, const struct nvr_rtsp_message *message)
{
    const struct nvr_str location = nvr_rtsp_message_get(message, NVR_STR("Location"));
    char target[NVR_RTSP_URI_MAX];
    struct nvr_url url;

    if (client->redirects++ == NVR_RTSP_REDIRECTS_MAX) {
        fail(client, -ELOOP, "protocol", message->status, "The camera redirects in a circle");
        return;
    }
    if (location.n == 0 ||
        nvr_rtsp_resolve(nvr_str_from(client->request_url), location, target, sizeof(target)) < 0 ||
        nvr_url_parse(target, &url) < 0 || strcmp(url.scheme, "rtsp") != 0 || !url.host[0] ||
        nvr_url_format_public(&url, client->request_url, sizeof(client->request_url)) < 0) {
        fail(client, -EPROTO, "protocol", message->status,
             "The camera redirects to an address that Heron cannot use");
        return;
    }
    client->url = url;
    if (client->url.port < 0)
        client->url.port = nvr_url_default_port("rtsp");
    client->has_challenge = client->authenticated = client->reconnected = false;
    nvr_rtsp_disconnect(client);
    client->deadline_ms = uv_now(client->loop) + client->timeout_ms;
    nvr_rtsp_connect(client);
    if (!nvr_rtsp_is_over(client))
        nvr_rtsp_arm(client);
}

/* The strongest challenge of all headers. */
static bool choose_challenge(const struct nvr_rtsp *client, const struct nvr_rtsp_message *message,
                             struct nvr_rtsp_challenge *ret_challenge)
{
    struct nvr_rtsp_challenge challenge;
    struct nvr_str value;
    bool found = false;
    size_t from = 0;

    while (nvr_rtsp_message_next(message, NVR_STR("WWW-Authenticate"), &from, &value)) {
        if (nvr_rtsp_challenge_parse(value, client->auth_type, &challenge) < 0)
            continue;
        if (!found || challenge.scheme > ret_challenge->scheme)
            *ret_challenge = challenge;
        found = true;
    }
    return found;
}

/* Exactly one try with the credentials; again only when the server says that nothing but its nonce
 * was old, or takes a new one for a user it has let in before. */
static bool may_retry(const struct nvr_rtsp *client, const struct nvr_rtsp_challenge *challenge)
{
    if (!client->request.authorized)
        return true;
    if (challenge->scheme < NVR_RTSP_SCHEME_MD5 ||
        client->request.auth_retries >= STALE_RETRIES_MAX ||
        strcmp(challenge->nonce, client->challenge.nonce) == 0)
        return false;
    return challenge->stale || (client->authenticated && client->request.auth_retries == 0);
}

static void give_up_credentials(struct nvr_rtsp *client, const char *text)
{
    if (client->state == NVR_RTSP_STATE_PLAYING) {
        client->keepalive_ms = 0; /* no more of them, lest the camera locks the user out */
        log_debug("keep-alive refused: %s", text);
        return;
    }
    fail(client, -EACCES, "bad_credentials", 401, text);
}

static void on_unauthorized(struct nvr_rtsp *client, const struct nvr_rtsp_message *message)
{
    struct nvr_rtsp_challenge challenge;
    struct nvr_rtsp_request retry = client->request;

    if (strcasecmp(client->url.host, client->first_host) != 0) {
        give_up_credentials(client, "The camera redirected to another host that asks for a "
                                    "password: enter that address instead");
    } else if (!client->username[0] && !client->password[0]) {
        give_up_credentials(client, "The camera asks for a user name and password");
    } else if (client->auth_type == NVR_RTSP_AUTH_NONE) {
        give_up_credentials(client, "The camera asks for a password, but its authentication is set "
                                    "to \"none\"");
    } else if (!choose_challenge(client, message, &challenge)) {
        give_up_credentials(client, client->auth_type == NVR_RTSP_AUTH_AUTO
                                        ? "The camera asks for a kind of password check that "
                                          "Heron does not know"
                                        : "The camera asks for another kind of authentication "
                                          "than the one that is set");
    } else if (!may_retry(client, &challenge)) {
        give_up_credentials(client, "The camera does not accept this user name and password");
    } else {
        retry.auth_retries += client->request.authorized;
        if (strcmp(challenge.nonce, client->challenge.nonce) != 0)
            client->nonce_count = 0;
        client->challenge = challenge;
        client->has_challenge = true;
        client->request = retry;
        send_request(client);
    }
}

/* ---- in ---- */

static void read_public(struct nvr_rtsp *client, const struct nvr_rtsp_message *message)
{
    struct nvr_str list = nvr_rtsp_message_get(message, NVR_STR("Public"));

    while (list.n > 0) {
        if (nvr_str_ieq(nvr_str_trim(nvr_str_cut(&list, ',')), NVR_STR("GET_PARAMETER")))
            client->can_get_parameter = true;
    }
}

static void on_keepalive_reply(struct nvr_rtsp *client, const struct nvr_rtsp_message *message)
{
    if (message->status == 454) {
        fail(client, -ESTALE, "ended", message->status, "The camera has ended the session");
    } else if (message->status >= 400 && client->can_get_parameter) {
        log_debug("GET_PARAMETER refused (%d), OPTIONS from now on", message->status);
        client->can_get_parameter = false;
    }
}

static void on_success(struct nvr_rtsp *client, const struct nvr_rtsp_message *message)
{
    switch (client->request.method) {
    case NVR_RTSP_OPTIONS:
        read_public(client, message);
        request(client, NVR_RTSP_DESCRIBE, client->request_url);
        break;
    case NVR_RTSP_DESCRIBE:
        on_description(client, message);
        break;
    case NVR_RTSP_SETUP:
        on_setup_reply(client, message);
        break;
    case NVR_RTSP_PLAY:
        if (client->per_track) {
            client->step++;
            play_next(client);
        } else {
            start_playing(client);
        }
        break;
    case NVR_RTSP_GET_PARAMETER:
    case NVR_RTSP_TEARDOWN:
    default:
        break;
    }
}

/* Failures that need not be the end. */
static bool recover(struct nvr_rtsp *client, int status)
{
    switch (client->request.method) {
    case NVR_RTSP_OPTIONS: /* not all servers know it */
        request(client, NVR_RTSP_DESCRIBE, client->request_url);
        return true;
    case NVR_RTSP_SETUP:
        if (client->step == 0)
            return false;
        log_debug("audio refused (%d): video only", status);
        client->step++;
        setup_next(client);
        return true;
    case NVR_RTSP_PLAY:
        if (status == 459 && !client->per_track) { /* aggregate operation not allowed */
            client->per_track = true;
        } else if (status == 457 && !client->no_range) { /* invalid range */
            client->no_range = true;
        } else {
            return false;
        }
        play_next(client);
        return true;
    case NVR_RTSP_DESCRIBE:
    case NVR_RTSP_GET_PARAMETER:
    case NVR_RTSP_TEARDOWN:
    default:
        return false;
    }
}

static void on_reply(struct nvr_rtsp *client, const struct nvr_rtsp_message *message)
{
    const int status = message->status;

    if (!client->request.pending || status < 200)
        return;
    if (client->state == NVR_RTSP_STATE_PLAYING && message->cseq >= 0 &&
        message->cseq != client->request.cseq)
        return; /* the answer to an older keep-alive */
    client->request.pending = false;
    if (!client->server[0]) {
        char name[PHRASE_MAX];

        copy_phrase(name, nvr_rtsp_message_get(message, NVR_STR("Server")));
        if (nvr_str_copy(client->server, sizeof(client->server), nvr_str_from(name)) < 0)
            client->server[0] = '\0';
    }
    if (status == 401) {
        on_unauthorized(client, message);
        return;
    }
    if (client->request.authorized)
        client->authenticated = true;
    if (client->state == NVR_RTSP_STATE_PLAYING)
        on_keepalive_reply(client, message);
    else if (status < 300)
        on_success(client, message);
    else if (status < 400 && client->request.method <= NVR_RTSP_DESCRIBE)
        on_redirect(client, message);
    else if (!recover(client, status))
        fail_status(client, message);
}

/* The server asks something. */
static void on_server_request(struct nvr_rtsp *client, const struct nvr_rtsp_message *message)
{
    const bool known = nvr_str_eq(message->method, NVR_STR("OPTIONS")) ||
                       nvr_str_eq(message->method, NVR_STR("GET_PARAMETER")) ||
                       nvr_str_eq(message->method, NVR_STR("SET_PARAMETER")) ||
                       nvr_str_eq(message->method, NVR_STR("ANNOUNCE"));

    if (nvr_str_eq(message->method, NVR_STR("TEARDOWN")) ||
        nvr_str_eq(message->method, NVR_STR("REDIRECT"))) {
        fail(client, -EPIPE, "ended", 0, "The camera ended the session");
        return;
    }
    if (message->cseq < 0)
        return;
    (void)nvr_buf_printf(&client->out, "RTSP/1.0 %s\r\nCSeq: %lld\r\n\r\n",
                         known ? "200 OK" : "501 Not Implemented", (long long)message->cseq);
    if (nvr_buf_status(&client->out) < 0) {
        fail(client, -EPROTO, "protocol", 0, "The camera does not read what it is sent");
        return;
    }
    nvr_rtsp_flush(client);
}

void nvr_rtsp_on_message(struct nvr_rtsp *client, const struct nvr_rtsp_message *message)
{
    if (message->is_request)
        on_server_request(client, message);
    else
        on_reply(client, message);
}
