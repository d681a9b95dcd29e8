#include "lib/rtsp/message.h"

#include <errno.h>
#include <string.h>

#define SESSION_TIMEOUT_MAX_S 86400u

/* Next line without its end; lines may end in CRLF or LF. False when no line end is there. */
static bool take_line(struct nvr_str *rest, struct nvr_str *ret_line)
{
    const char *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
    size_t n;

    if (!end)
        return false;
    n = (size_t)(end - rest->p);
    *ret_line = (struct nvr_str){rest->p, n > 0 && end[-1] == '\r' ? n - 1 : n};
    rest->p = end + 1;
    rest->n -= n + 1;
    return true;
}

static int parse_start_line(struct nvr_str line, struct nvr_rtsp_message *message)
{
    uint64_t status;
    struct nvr_str word = nvr_str_cut(&line, ' ');

    if (nvr_str_istarts(word, NVR_STR("RTSP/"))) {
        line = nvr_str_trim(line);
        if (nvr_str_to_u64(nvr_str_cut(&line, ' '), 999, &status) < 0 || status < 100)
            return -EPROTO;
        message->status = (int)status;
        message->reason = nvr_str_trim(line);
        return 0;
    }
    for (size_t i = 0; i < word.n; i++) {
        if ((word.p[i] < 'A' || word.p[i] > 'Z') && word.p[i] != '_')
            return -EPROTO;
    }
    (void)nvr_str_cut(&line, ' ');
    if (word.n == 0 || !nvr_str_istarts(line, NVR_STR("RTSP/")))
        return -EPROTO;
    message->is_request = true;
    message->method = word;
    return 0;
}

static int parse_header(struct nvr_str line, struct nvr_rtsp_message *message, uint64_t *length)
{
    struct nvr_rtsp_header header;
    uint64_t cseq;

    header.name = nvr_str_trim(nvr_str_cut(&line, ':'));
    header.value = nvr_str_trim(line);
    if (header.name.n == 0 || !line.p)
        return 0; /* a line that is no header: cameras do that */
    if (message->headers_count == NVR_RTSP_HEADERS_MAX)
        return -EMSGSIZE;
    message->headers[message->headers_count++] = header;
    if (nvr_str_ieq(header.name, NVR_STR("Content-Length")) &&
        nvr_str_to_u64(header.value, NVR_RTSP_BODY_MAX, length) < 0)
        return -EMSGSIZE;
    if (nvr_str_ieq(header.name, NVR_STR("CSeq")) &&
        nvr_str_to_u64(header.value, INT32_MAX, &cseq) == 0)
        message->cseq = (int64_t)cseq;
    return 0;
}

int nvr_rtsp_message_parse(const uint8_t *data, size_t size, struct nvr_rtsp_message *ret_message)
{
    struct nvr_str rest = {(const char *)data, size};
    struct nvr_str line;
    uint64_t length = 0;
    bool first = true;

    ret_message->is_request = false;
    ret_message->status = 0;
    ret_message->reason = ret_message->method = ret_message->body = (struct nvr_str){NULL, 0};
    ret_message->cseq = -1;
    ret_message->headers_count = 0;
    for (;;) {
        const size_t head = (size_t)(rest.p - (const char *)data);
        int r;

        if (!take_line(&rest, &line))
            return size > NVR_RTSP_HEAD_MAX ? -EMSGSIZE : -EAGAIN;
        if (head > NVR_RTSP_HEAD_MAX)
            return -EMSGSIZE;
        if (line.n == 0 && !first)
            break;
        r = first ? parse_start_line(line, ret_message) : parse_header(line, ret_message, &length);
        if (r < 0)
            return r;
        first = false;
    }
    if (rest.n < length)
        return -EAGAIN;
    ret_message->body = (struct nvr_str){rest.p, (size_t)length};
    return (int)((size_t)(rest.p - (const char *)data) + (size_t)length);
}

bool nvr_rtsp_message_next(const struct nvr_rtsp_message *message, struct nvr_str name,
                           size_t *from, struct nvr_str *ret_value)
{
    for (size_t i = *from; i < message->headers_count; i++) {
        if (nvr_str_ieq(message->headers[i].name, name)) {
            *from = i + 1;
            *ret_value = message->headers[i].value;
            return true;
        }
    }
    return false;
}

struct nvr_str nvr_rtsp_message_get(const struct nvr_rtsp_message *message, struct nvr_str name)
{
    struct nvr_str value = {NULL, 0};
    size_t from = 0;

    (void)nvr_rtsp_message_next(message, name, &from, &value);
    return value;
}

struct nvr_str nvr_rtsp_parse_session(struct nvr_str value, uint32_t *timeout_s)
{
    const struct nvr_str id = nvr_str_trim(nvr_str_cut(&value, ';'));
    uint64_t seconds;

    while (value.n > 0) {
        struct nvr_str part = nvr_str_trim(nvr_str_cut(&value, ';'));
        const struct nvr_str name = nvr_str_trim(nvr_str_cut(&part, '='));

        if (nvr_str_ieq(name, NVR_STR("timeout")) &&
            nvr_str_to_u64(nvr_str_trim(part), SESSION_TIMEOUT_MAX_S, &seconds) == 0 && seconds > 0)
            *timeout_s = (uint32_t)seconds;
    }
    return id;
}

/* "a-b" or "a" (then b = a + 1). */
static bool parse_pair(struct nvr_str value, uint64_t max, uint64_t pair[2])
{
    const struct nvr_str first = nvr_str_trim(nvr_str_cut(&value, '-'));

    if (nvr_str_to_u64(first, max, &pair[0]) < 0)
        return false;
    if (value.n == 0) {
        pair[1] = pair[0] + 1;
        return pair[1] <= max;
    }
    return nvr_str_to_u64(nvr_str_trim(value), max, &pair[1]) == 0;
}

int nvr_rtsp_parse_transport(struct nvr_str value, struct nvr_rtsp_transport_reply *ret_transport)
{
    const struct nvr_str profile = nvr_str_trim(nvr_str_cut(&value, ';'));
    struct nvr_rtsp_transport_reply reply = {
        .tcp = nvr_str_ieq(profile, NVR_STR("RTP/AVP/TCP")),
    };
    uint64_t pair[2];

    if (!nvr_str_istarts(profile, NVR_STR("RTP/AVP")))
        return -EPROTO;
    while (value.n > 0) {
        struct nvr_str part = nvr_str_trim(nvr_str_cut(&value, ';'));
        const struct nvr_str name = nvr_str_trim(nvr_str_cut(&part, '='));

        if (nvr_str_ieq(name, NVR_STR("interleaved"))) {
            if (!parse_pair(part, UINT8_MAX, pair))
                return -EPROTO;
            reply.has_interleaved = reply.tcp = true;
            reply.rtp_channel = (uint8_t)pair[0];
            reply.rtcp_channel = (uint8_t)pair[1];
        } else if (nvr_str_ieq(name, NVR_STR("server_port"))) {
            if (!parse_pair(part, UINT16_MAX, pair))
                return -EPROTO;
            reply.has_server_port = true;
            reply.server_rtp_port = (uint16_t)pair[0];
            reply.server_rtcp_port = (uint16_t)pair[1];
        } else if (nvr_str_ieq(name, NVR_STR("source"))) {
            reply.source = nvr_str_trim(part);
        }
    }
    *ret_transport = reply;
    return 0;
}

/* Length of "scheme://host:port" of an absolute URL. */
static size_t authority_end(struct nvr_str url)
{
    const char *slashes = url.n ? memmem(url.p, url.n, "://", 3) : NULL;
    size_t i = slashes ? (size_t)(slashes - url.p) + 3 : 0;

    while (i < url.n && url.p[i] != '/' && url.p[i] != '?')
        i++;
    return i;
}

bool nvr_rtsp_is_word(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text <= 0x20 || *text == 0x7f)
            return false;
    }
    return true;
}

int nvr_rtsp_resolve(struct nvr_str base, struct nvr_str control, char *dst, size_t dst_size)
{
    const bool absolute = nvr_str_istarts(control, NVR_STR("rtsp://"));
    const char *slash = "";
    int r;

    if (control.n == 0 || nvr_str_eq(control, NVR_STR("*")))
        control.n = 0;
    else if (absolute)
        base.n = 0;
    else if (control.p[0] == '/')
        base.n = authority_end(base);
    else if (base.n == 0 || base.p[base.n - 1] != '/')
        slash = "/";
    r = nvr_fmt(dst, dst_size, "%.*s%s%.*s", (int)base.n, base.p ? base.p : "", slash,
                (int)control.n, control.p ? control.p : "");
    if (r < 0)
        return r;
    return nvr_rtsp_is_word(dst) ? 0 : -EPROTO;
}
